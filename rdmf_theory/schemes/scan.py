"""What does a scheme show at one point? A map over steps and modes of any system: where it differs from the equation.

This looks and does not prove; for Gray-Scott `artefacts` proves.
"""

# sympy's partial annotations know neither mappings in subs nor entries of matrices
# pyright: reportArgumentType=false, reportCallIssue=false

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import sympy as sp

from rdmf_theory.kinetics import ReactionSystem
from rdmf_theory.layer.step import clip_eigenvalues
from rdmf_theory.schemes.definition import Scheme
from rdmf_theory.schemes.linear import LinearStep

KINDS = ("decays", "grows", "missed_growth", "false_growth", "flip", "rotation")
"""Codes of the map. The first two agree with the equation."""

_MARGIN = 1e-9


@cache
def _jacobian(system: ReactionSystem) -> Any:
    entries = list(system.jacobian())
    return sp.lambdify((*system.species, *system.parameters), entries, "numpy")


def growth_rates(
    system: ReactionSystem, values: Mapping[str, Any], state: Sequence[float], modes: np.ndarray
) -> np.ndarray:
    """Growth rate `max Re eig(J - mu D)` of modes at a homogeneous state of a system, shape of `modes`."""
    numbers = [float(values[str(p)]) for p in system.parameters]
    n = len(system.species)
    J = np.array([float(x) for x in _jacobian(system)(*map(float, state), *numbers)]).reshape(n, n)
    D = np.diag([float(values[str(p)]) for p in system.diffusions])
    return np.linalg.eigvals(J - np.asarray(modes)[..., None, None] * D).real.max(axis=-1)


def artefact_map(
    scheme: Scheme,
    system: ReactionSystem,
    values: Mapping[str, Any],
    state: Sequence[float],
    steps: np.ndarray,
    modes: np.ndarray,
) -> np.ndarray:
    """Codes into `KINDS` for every step size and mode, shape (steps, modes).

    A mode that decays in the equation and not here is a false growth if an odd number of multipliers is real and above
    1, else a flip if an odd number is below -1, else a rotation; these are Jury's three conditions. A mode that grows
    there and not here is a missed growth.
    """
    grows = growth_rates(system, values, state, modes)
    step = LinearStep(scheme, system, values, tuple(state), np.asarray(steps, dtype=float)[:, None])
    eigenvalues: Any = np.linalg.eigvals(step.matrix(np.asarray(modes)[None, :]))
    radius = np.abs(eigenvalues).max(axis=-1)
    above, below = (np.prod(1 - sign * eigenvalues, axis=-1).real < 0 for sign in (1, -1))
    decaying = np.where(radius > 1 + _MARGIN, np.where(above, 3, np.where(below, 4, 5)), 0)
    growing = np.where(radius < 1 - _MARGIN, 2, 1)
    # modes on the boundary of the equation are left to it
    return np.where(grows > _MARGIN, growing, np.where(grows < -_MARGIN, decaying, 0))


def scan(
    scheme: Scheme,
    system: ReactionSystem,
    values: Mapping[str, Any],
    state: Sequence[float],
    clips: int = 64,
    count: int = 241,
) -> dict[str, dict[str, float] | None]:
    """The smallest step at which each kind of artefact is seen on T clips, or None.

    Step sizes are `count` numbers, geometric over six decades around the reciprocal of the largest rate of the
    reactions.
    """
    numbers = [float(values[str(p)]) for p in system.parameters]
    largest = max(abs(float(x)) for x in _jacobian(system)(*map(float, state), *numbers))
    steps, modes = np.geomspace(1e-3, 1e3, count) / largest, clip_eigenvalues(clips)
    codes = artefact_map(scheme, system, values, state, steps, modes)
    found: dict[str, dict[str, float] | None] = {}
    for code, kind in enumerate(KINDS[2:], start=2):
        where = np.argwhere(codes == code)
        if not where.size:
            found[kind] = None
            continue
        i, j = where[0]
        multiplier = LinearStep(scheme, system, values, tuple(state), steps[i]).multiplier(modes[j])
        found[kind] = {"h": float(steps[i]), "mode": int(j), "multiplier": float(multiplier)}
    return found
