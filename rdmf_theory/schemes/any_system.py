"""What does a scheme do to any system? Structure derived from the update, artefacts looked for at the stable states."""

# sympy's partial annotations know neither mappings in subs nor entries of matrices
# pyright: reportArgumentType=false, reportCallIssue=false

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import sympy as sp

from rdmf_theory.errors import ParameterError
from rdmf_theory.kinetics import ReactionSystem
from rdmf_theory.schemes.balance import Finding, positive, well_balanced
from rdmf_theory.schemes.definition import Scheme, h, mu
from rdmf_theory.schemes.linear import linearise
from rdmf_theory.schemes.order import order
from rdmf_theory.schemes.scan import KINDS, growth_rates, scan
from rdmf_theory.systems.point import SystemPoint


@cache
def transfers(scheme: Scheme, system: ReactionSystem) -> bool:
    """Whether `L - B = -h (J - mu D)`, with `G = L^-1 B` and L triangular: then `det(I - G) det L = det(h (mu D - J))`.

    At a well-balanced step without inner stages this is an identity of the system, at every state. With a positive
    diagonal of L the same modes then cross the multiplier 1 and the growth rate 0, at every step size.
    """
    linear = linearise(scheme, system)
    if linear.implicit.rows != len(system.species):
        return False
    mode = system.jacobian() - mu * sp.diag(*system.diffusions)
    difference = sp.Matrix(linear.implicit) - sp.Matrix(linear.explicit) + h * mode
    return all(sp.cancel(sp.together(x)) == 0 for x in difference) and bool(linear.implicit.is_lower)


@cache
def is_heun(scheme: Scheme, system: ReactionSystem) -> bool:
    """Whether `G = 1 + A + A^2/2` with `A = h (J - mu D)`; then `det(I - G) = det A det(I + A/2)`."""
    linear = linearise(scheme, system)
    A = h * (system.jacobian() - mu * sp.diag(*system.diffusions))
    difference = linear.solve(linear.explicit) - sp.eye(A.rows) - A - A * A / 2
    # at a rational point first: only a candidate is worth the algebra
    point = {x: sp.Rational(3 + 2 * i, 7 + i) for i, x in enumerate(sorted(difference.free_symbols, key=str))}
    if any(sp.cancel(x.subs(point)) != 0 for x in difference):
        return False
    return all(sp.cancel(sp.together(x)) == 0 for x in difference)


def stable_states(point: SystemPoint, states: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Those of some homogeneous states that are stable without diffusion."""
    mean = np.zeros(1)
    return [state for state in states if float(growth_rates(point.system, point.values, list(state), mean)[0]) < 0]


def system_row(scheme: Scheme, point: SystemPoint, states: Sequence[np.ndarray], clips: int) -> dict[str, Any]:
    """JSON-ready row of a scheme for a system: derived cells, and artefacts seen or not seen at the states."""
    system = point.system
    try:
        degree: int | None = order(scheme, system)
    except ParameterError:
        degree = None
    boundary = Finding("undecided", "not derived; see the artefacts that are seen")
    if transfers(scheme, system):
        boundary = Finding("yes", "L - B = -h (J - mu D) with a triangular L, at every state and step")
    elif is_heun(scheme, system):
        boundary = Finding(
            "if h*|tr(J - mu D)| < 2", "G = 1 + A + A^2/2 with A = h (J - mu D), at every state and step"
        )
    seen = [scan(scheme, system, point.values, list(state), clips) for state in states]
    cells: dict[str, Finding] = {}
    for kind in KINDS[2:]:
        found = []
        for state, here in zip(states, seen, strict=True):
            witness = here[kind]
            if witness is not None:
                found.append({"state": [float(x) for x in state], **witness})
        smallest = min(found, key=lambda item: item["h"]) if found else None
        cells[kind] = Finding("seen" if found else "not seen", "on a grid of steps and modes", smallest)
    if boundary.answer == "undecided":
        for kind, words in (("missed_growth", "a growing mode decays"), ("false_growth", "a decaying mode grows")):
            if cells[kind].answer == "seen":
                boundary = Finding("no", words, cells[kind].witness)
                break
    limits = [cells[kind].witness for kind in KINDS[3:]]
    steps = [float(witness["h"]) for witness in limits if witness is not None]
    return {
        "scheme": scheme.name,
        "words": scheme.words,
        "order": degree,
        "positive": positive(scheme, system).to_dict(),
        "well_balanced": well_balanced(scheme, system).to_dict(),
        "same_boundary": boundary.to_dict(),
        **{kind: cell.to_dict() for kind, cell in cells.items()},
        "largest_step": min(steps) if steps else None,
    }
