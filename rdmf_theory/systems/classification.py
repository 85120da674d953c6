"""What is a parameter point of any system? Every homogeneous state classified by exact signs, with margins.

A state is stable without diffusion iff all Hurwitz determinants at mu = 0 are positive. Then it is Turing-unstable iff
`det(mu D - J)` is negative at some mu > 0, and only the last two Hurwitz determinants can fail first as mu grows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import flint

from rdmf_theory.arithmetic.enclosure import ball, precision
from rdmf_theory.arithmetic.sturm import Undecided, least_sign, sign
from rdmf_theory.errors import ParameterError
from rdmf_theory.kinetics import ReactionSystem
from rdmf_theory.systems.homogeneous_states import EnclosedState, steady_states_in_box
from rdmf_theory.systems.mode_polynomials import characteristic, hurwitz_determinants
from rdmf_theory.systems.modes import Modes, modes_of, nearest_float
from rdmf_theory.systems.point import SystemPoint, with_exponents, without_removable_poles
from rdmf_theory.verdict import Condition

_LAST = ("stable", "unstable", "saddle")

DESCRIPTIONS: Mapping[str, str] = {
    "turing": "stable without diffusion and unstable with it, by a real eigenvalue",
    "turing-hopf": "on the Hopf boundary and on the boundary of diffusion-driven instability at once",
    "turing-boundary": "stable without diffusion, and on the boundary of diffusion-driven instability",
    "wave": "stable without diffusion and unstable with it, by a complex pair (a wave instability)",
    "wave-boundary": "stable without diffusion, and on the boundary of a wave instability",
    "undecided": "no test decides this state; see the reason",
    "bogdanov-takens": "two eigenvalues are zero without diffusion",
    "hopf": "on the boundary where a complex pair crosses the imaginary axis without diffusion",
    "saddle-node": "an eigenvalue is zero without diffusion: a saddle-node, transcritical or pitchfork point",
    "unstable": "unstable already without diffusion",
    "stable": "stable at every wavenumber",
    "saddle": "unstable already without diffusion, the determinant of the Jacobian has the sign of a saddle",
}
"""What every classification means, in words."""

HEADLINES = (*(name for name in DESCRIPTIONS if name not in ("unstable", "stable", "saddle")), *_LAST)
"""The order in which a point of several states is named: a stable state makes an unstable one beside it no headline."""


_ON_THE_AXIS = ("turing-hopf", "bogdanov-takens", "hopf", "saddle-node", "undecided")


@dataclass(frozen=True)
class StateClassification:
    """One homogeneous state and what it is.

    Arguments:
        state: where it is.
        name: a key of `DESCRIPTIONS`.
        conditions: damped (stable without diffusion), determinant (no saddle), turing; each with a margin.
        eigenvalues: enclosed eigenvalues of the Jacobian, 1/time, rightmost first.
        modes: unstable band, fastest wave, critical numbers; None for an undecided state.
        reason: why nothing could be decided, and the remedy.
    """

    state: EnclosedState
    name: str
    conditions: dict[str, Condition]
    eigenvalues: tuple[flint.acb, ...]
    modes: Modes | None
    reason: str = ""

    def to_dict(self, system: ReactionSystem) -> dict[str, Any]:
        """JSON-ready dictionary with the names of `system`."""
        species = [symbol.name for symbol in system.species]
        exact = self.state.exact
        return {
            "state": dict(zip(species, self.state.mid.tolist(), strict=True)),
            "radius": dict(zip(species, self.state.rad.tolist(), strict=True)),
            "exact": None if exact is None else {n: x.to_dict() for n, x in zip(species, exact, strict=True)},
            "certified": self.state.certified,
            "nonnegative": bool(all(x >= 0 for x in (exact or self.state.mid.tolist()))),
            "classification": self.name,
            "description": DESCRIPTIONS[self.name],
            "reason": self.reason or None,
            "conditions": {name: condition.to_dict() for name, condition in self.conditions.items()},
            "eigenvalues": [
                {"real": nearest_float(x.real), "imag": nearest_float(x.imag), "radius": float(x.rad())}
                | ({} if _in_range(x) else {"decimal": x.mid().str(6, radius=False)})
                for x in self.eigenvalues
            ],
            "threshold": self._threshold(system),
        } | ({} if self.modes is None else self.modes.to_dict())

    def _threshold(self, system: ReactionSystem) -> dict[str, Any] | None:
        """The critical ratio of diffusions with its names: the inhibitor's over the activator's."""
        if self.modes is None or self.modes.activator is None:
            return None
        own, other = self.modes.activator, 1 - self.modes.activator
        return {
            "activator": system.species[own].name,
            "ratio": f"{system.diffusions[other]}/{system.diffusions[own]}",
            "critical": self.modes.critical_ratio,
        }


@dataclass(frozen=True)
class PointClassification:
    """All homogeneous states of a point; `name` is the first of `HEADLINES` that a state has."""

    point: SystemPoint
    states: tuple[StateClassification, ...]

    @property
    def name(self) -> str:
        """The classification of the point."""
        present = {state.name for state in self.states}
        return next(name for name in HEADLINES if name in present)

    @property
    def summary(self) -> str:
        """What the name means, and where there are several states how many of them are stable."""
        stable = sum(state.name == "stable" for state in self.states)
        if len(self.states) == 1 or not stable:
            return DESCRIPTIONS[self.name]
        bistable = ", bistable" if stable == 2 else ""
        return f"{DESCRIPTIONS[self.name]} ({stable} of {len(self.states)} states stable{bistable})"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready dictionary."""
        system = self.point.system
        return {
            "system": system.name,
            "parameters": {name: str(value) for name, value in self.point.values.items()},
            "classification": self.name,
            "description": self.summary,
            "states": [state.to_dict(system) for state in self.states],
        }


def _in_range(number: flint.acb) -> bool:
    """Whether the parts of a number are 0 or have floats of full precision."""
    parts = (abs(float(part.mid())) for part in (number.real, number.imag) if part != 0)
    return all(1e-307 < part < math.inf for part in parts)


def classify_point(point: SystemPoint, box: Any = None, *, exact: bool = True) -> PointClassification:
    """Find and classify all homogeneous states.

    Arguments:
        point: the system with all its values.
        box: as in `steady_states_in_box`; not needed where exact algebra finds all states.
        exact: whether to try exact algebra first.
    Raises: ParameterError if there is no state.
    """
    point = without_removable_poles(with_exponents(point))
    states = steady_states_in_box(point, box, exact=exact)
    if not states:
        where = "" if box is None else " in the box"
        values = ", ".join(f"{name} = {value}" for name, value in point.values.items())
        raise ParameterError(
            f"system {point.system.name!r} has no homogeneous steady state{where} at {values}; "
            f"{'change the values' if box is None else 'widen the box or change the values'}."
        )
    return PointClassification(point, tuple(classify_state(point, state) for state in states))


def classify_state(point: SystemPoint, state: EnclosedState) -> StateClassification:
    """Classify one state; signs are exact for an exact state, else decided by balls, where they can be."""
    if not state.certified:
        return StateClassification(state, "undecided", {}, (), None, state.reason)
    if state.exact is None and not point.smooth(state.box):
        reason = "a minimum or maximum has its kink here, or nearly so: the reactions have no Jacobian"
        return StateClassification(state, "undecided", {}, (), None, reason)
    with precision(256):
        where = state.exact if state.exact is not None else state.box
        jacobian = point.jacobian(where)
        zero = 0 * jacobian[0][0]
        rates = [zero + (d if state.exact is not None else ball(d)) for d in point.exact_diffusion]
        polynomials = characteristic(jacobian, rates)
        try:
            name, reason = boundary_name(polynomials), ""
        except Undecided as undecided:
            name = "undecided"
            reason = f"the state lies on or very near a boundary: {undecided} is not known"
    modes = modes_of(jacobian, rates, polynomials)
    return StateClassification(
        state, name, _conditions(modes), _eigenvalues(jacobian, boundary=name in _ON_THE_AXIS), modes, reason
    )


def boundary_name(polynomials: list[Any]) -> str:
    """The key of `DESCRIPTIONS` for a state whose modes have these characteristic polynomials.

    Raises: Undecided if a sign that matters is not known.
    """
    size = len(polynomials)
    at_rest = [[coefficients[0]] for coefficients in polynomials]
    minors = [sign(minor[0]) if minor else 0 for minor in hurwitz_determinants(at_rest)]
    last = sign(at_rest[-1][0])
    if last == 0:
        return "bogdanov-takens" if size > 1 and sign(at_rest[-2][0]) == 0 else "saddle-node"
    if last < 0 and size > 1:
        return "saddle"
    if min(minors) < 0 or any(sign(c[0]) < 0 for c in at_rest):
        return "unstable"
    if min(minors) == 0:
        if not all(m > 0 for m in minors[:-2]):
            raise Undecided("a zero of several Hurwitz determinants")
        return "turing-hopf" if least_sign(polynomials[-1]) == 0 else "hopf"
    steady = least_sign(polynomials[-1])
    if steady < 0:
        return "turing"
    # for two species the other determinant is a trace, which falls with mu
    wave = 1 if size <= 2 else least_sign(hurwitz_determinants(polynomials)[-2])
    if wave < 0:
        return "wave"
    if steady == 0:
        return "turing-boundary"
    return "stable" if wave > 0 else "wave-boundary"


def _conditions(modes: Modes) -> dict[str, Condition]:
    return {key: Condition(margin is not None and margin > 0, margin) for key, margin in modes.margins.items()}


def _eigenvalues(jacobian: Sequence[Sequence[Any]], *, boundary: bool) -> tuple[flint.acb, ...]:
    """Enclosed eigenvalues, rightmost first; a cluster that cannot be split is enclosed as one ball, repeated.

    Arguments:
        jacobian: (n, n) algebraic numbers or balls.
        boundary: whether a real part is known to vanish; otherwise digits are added until every one has its sign.
    """
    for bits in (256, 1024, 4096):
        values = _enclosed_eigenvalues(jacobian, bits)
        if boundary or not any(value.real.contains(0) for value in values):
            break
    return values


def _enclosed_eigenvalues(jacobian: Sequence[Sequence[Any]], bits: int) -> tuple[flint.acb, ...]:
    with precision(bits):
        entries = [[x if isinstance(x, flint.arb) else x.enclose(bits) for x in row] for row in jacobian]
        if len(entries) == 1:
            return (flint.acb(entries[0][0]),)
        if len(entries) == 2 and not any(isinstance(x, flint.arb) for row in jacobian for x in row):
            return _exact_pair(jacobian, bits)
        matrix = flint.acb_mat([[flint.acb(x) for x in row] for row in entries])
        try:
            values = matrix.eig(algorithm="rump")
        except ValueError:
            values = matrix.eig(multiple=True, nonstop=True)
        if not all(value.is_finite() for value in values):
            # a defective matrix: all eigenvalues lie in the disc of the row sums
            reach = max((sum((abs(x) for x in row), flint.arb(0)) for row in entries), key=lambda x: x.upper())
            disc = flint.arb(0, reach.upper())
            values = [flint.acb(disc, disc)] * len(entries)
        values = [_real_if_alone(i, values) for i in range(len(values))]
        values.sort(key=lambda x: (-x.real.mid(), x.imag.mid()))
        for i, (first, second) in enumerate(pairwise(values)):
            # the real parts of a pair differ by rounding alone
            if first.imag.mid() > second.imag.mid() and first.conjugate().overlaps(second):
                values[i : i + 2] = second, first
        return tuple(values)


def _real_if_alone(index: int, values: Sequence[flint.acb]) -> flint.acb:
    """An eigenvalue of a real matrix is real if its ball meets the real axis, and no other meets it or its mirror.

    Its conjugate is an eigenvalue too, thus lies in some ball; that can only be this one, which holds one eigenvalue.
    """
    value = values[index]
    others = [other for i, other in enumerate(values) if i != index]
    alone = not any(ball.overlaps(other) for ball in (value, value.conjugate()) for other in others)
    return flint.acb(value.real) if alone and value.imag.contains(0) else value


def _exact_pair(jacobian: Sequence[Sequence[Any]], bits: int) -> tuple[flint.acb, ...]:
    """Both eigenvalues of an exact 2 x 2 matrix by the quadratic formula without cancellation."""
    (a, b), (c, d) = jacobian
    trace, determinant, discriminant = (
        (x + 0 * a).enclose(bits) for x in (a + d, a * d - b * c, (a - d) ** 2 + b * c * 4)
    )
    if discriminant < 0:
        half = (-discriminant).sqrt() / 2
        return flint.acb(trace / 2, -half), flint.acb(trace / 2, half)
    root = discriminant.sqrt()
    if trace == 0:
        return flint.acb(root / 2), flint.acb(-root / 2)
    larger = (trace + root) / 2 if trace > 0 else (trace - root) / 2
    pair = (flint.acb(larger), flint.acb(determinant / larger))
    return pair if trace > 0 else pair[::-1]
