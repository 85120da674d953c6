"""When does a homogeneous state lose stability? The equations of each bifurcation, for any two-species system.

A bifurcation is a set of *conditions* on a steady state, each an expression that vanishes there. Together with the
reactions they form a `DefiningSystem` in the state and some free parameters, which is compiled once with its exact
derivatives and evaluated on floats, arrays and balls.
"""

# sympy's partial annotations know neither the entries of a matrix nor arithmetic of Basic
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportOperatorIssue=false

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

import flint
import numpy as np
import sympy as sp

from rdmf_theory.arithmetic.dual_numbers import duals
from rdmf_theory.arithmetic.enclosure import precision
from rdmf_theory.arithmetic.expressions import compile_expressions
from rdmf_theory.bifurcations import amplitude
from rdmf_theory.errors import ParameterError
from rdmf_theory.kinetics import ReactionSystem
from rdmf_theory.systems.point import SystemPoint

MU = sp.symbols("mu mu_other", nonnegative=True)
"""Eigenvalues of minus the Laplacian of one or two modes of an axis, in the conditions that name a mode."""

CURVES: Mapping[str, str] = {
    "saddle-node": "two homogeneous states merge: det J = 0",
    "hopf": "a homogeneous oscillation sets in: tr J = 0, det J > 0",
    "turing": "a pattern of wavenumber q_c sets in: det(J - q^2 D) has a double root q_c^2 > 0",
    "turing-mode": "mode j of the clip axis sets in: det(J - mu_j D) = 0",
}
"""Bifurcations of codimension one, in words."""

POINTS: Mapping[str, str] = {
    "bogdanov-takens": "saddle-node and Hopf curve meet: det J = tr J = 0",
    "cusp": "two saddle-node curves meet",
    "bautin": "the Hopf bifurcation changes from soft to hard: its cubic coefficient vanishes",
    "turing-hopf": "pattern and oscillation set in together",
    "turing-turing": "two neighbouring modes of the clip axis set in together",
    "turing-degenerate": "the Turing bifurcation changes from soft to hard: its cubic coefficient vanishes",
    "long-wave": "the critical wavenumber of the Turing curve reaches 0, on the saddle-node curve",
}
"""Bifurcations of codimension two, in words."""

_POINT_CONDITIONS: Mapping[str, tuple[str, str]] = {
    "bogdanov-takens": ("determinant", "trace"),
    "cusp": ("determinant", "fold"),
    "bautin": ("trace", "hopf-cubic"),
    "turing-hopf": ("band", "trace"),
    "turing-turing": ("mode", "other-mode"),
    "turing-degenerate": ("band", "turing-cubic"),
    "long-wave": ("determinant", "spread"),
}
CUBIC = ("hopf-cubic", "turing-cubic")
_CURVE_CONDITIONS = {"saddle-node": "determinant", "hopf": "trace", "turing": "band", "turing-mode": "mode"}


def conditions_of(name: str, *, clips: bool = False) -> tuple[str, ...]:
    """The conditions of a curve or point by its name; on clips a Turing condition is that of a mode."""
    if name in _CURVE_CONDITIONS:
        return (_CURVE_CONDITIONS[name],)
    conditions = _POINT_CONDITIONS[name]
    return tuple("mode" if clips and item == "band" else item for item in conditions)


def require_two_species(system: ReactionSystem) -> None:
    """Raise ParameterError unless the system has two species: bifurcations are derived for these."""
    if len(system.species) != 2:
        raise ParameterError(
            f"system {system.name!r} must have two species for a bifurcation analysis. Got {len(system.species)}; "
            "use rdmf check for one parameter point of a larger system."
        )


@cache
def condition_expression(system: ReactionSystem, condition: str) -> Any:
    """The expression that vanishes under a condition, in species, parameters, diffusions and `MU`.

        determinant   det J                            trace        tr J
        band          (D_v J11 + D_u J22)^2 - 4 D_u D_v det J       spread   D_v J11 + D_u J22
        mode          det(J - mu D)                    other-mode   det(J - mu' D)
        fold          derivative of det J along the null vector of J

    Two more conditions are no compiled expressions: "hopf-cubic" and "turing-cubic", the coefficients g of `amplitude`.
    """
    require_two_species(system)
    J = system.jacobian()
    D_u, D_v = system.diffusions
    determinant, trace = J.det(), J.trace()
    spread = D_v * J[0, 0] + D_u * J[1, 1]
    if condition in ("mode", "other-mode"):
        mu = MU[condition == "other-mode"]
        return (J[0, 0] - mu * D_u) * (J[1, 1] - mu * D_v) - J[0, 1] * J[1, 0]
    if condition == "fold":
        null = (J[0, 1], -J[0, 0]) if J[0, 1] != 0 or J[0, 0] != 0 else (J[1, 1], -J[1, 0])
        return sum(sp.diff(determinant, x) * y for x, y in zip(system.species, null, strict=True))
    simple = {
        "determinant": determinant,
        "trace": trace,
        "band": spread**2 - 4 * D_u * D_v * determinant,
        "spread": spread,
    }
    return simple[condition]


def _cubic(condition: str, values: Sequence[Any]) -> Any:
    """The coefficient g of a cubic condition from the values of `_derivatives`."""
    jacobian = [values[:2], values[2:4]]
    second, third = amplitude.tensors(values[4:10], values[10:18])
    if condition == "hopf-cubic":
        return amplitude.hopf_coefficient(jacobian, second, third)
    D_u, D_v = values[18:]
    mu = (D_v * values[0] + D_u * values[3]) / (2 * D_u * D_v)
    return amplitude.turing_coefficient(jacobian, second, third, (D_u, D_v), mu)


@cache
def _derivatives(system: ReactionSystem) -> tuple[Any, ...]:
    """Jacobian, second and third derivatives of the reactions without repetition, diffusions: 4 + 6 + 8 + 2 entries."""
    u, v = system.species
    first = [sp.diff(f, x) for f in system.reactions for x in (u, v)]
    second = [sp.diff(f, *x) for f in system.reactions for x in ((u, u), (u, v), (v, v))]
    third = [sp.diff(f, *x) for f in system.reactions for x in ((u, u, u), (u, u, v), (u, v, v), (v, v, v))]
    return (*first, *second, *third, *system.diffusions)


@dataclass(frozen=True)
class DefiningSystem:
    """Reactions and conditions as equations for the state and the free parameters, at fixed other values.

    Arguments:
        point: values of everything; those of `axes` are ignored.
        axes: names of the free parameters or diffusions.
        conditions: names of `condition_expression`.
        modes: eigenvalues for `MU`, as balls; empty where no condition names a mode.
    """

    point: SystemPoint
    axes: tuple[str, ...]
    conditions: tuple[str, ...]
    modes: tuple[flint.arb, ...] = ()

    @property
    def size(self) -> int:
        """Number of equations."""
        return 2 + len(self.conditions)

    def _values(self, unknowns: Sequence[Any]) -> list[Any]:
        """All arguments of the compiled functions, of the kind of the unknowns."""
        system = self.point.system
        free = dict(zip(self.axes, unknowns[2:], strict=True))
        exact = isinstance(unknowns[0], flint.arb)
        convert = _to_ball if exact else Fraction if isinstance(unknowns[0], Fraction) else float
        rest = [
            free[symbol.name] if symbol.name in free else convert(self.point.values[symbol.name])
            for symbol in (*system.parameters, *system.diffusions)
        ]
        modes = [mode if exact else float(mode.mid()) for mode in self.modes]
        padding = [convert(0)] * (len(MU) - len(modes))
        return [*unknowns[:2], *rest, *modes, *padding]

    def equations(self, unknowns: Sequence[Any]) -> list[Any]:
        """Left sides of the equations at (u, v, axes...), all floats, arrays or balls."""
        values = self._values(unknowns)
        plain = tuple(item for item in self.conditions if item not in CUBIC)
        result = _compiled(self.point.system, plain)(*values)
        return result + [self._cubic(item, values) for item in self.conditions if item in CUBIC]

    def jacobian(self, unknowns: Sequence[Any]) -> list[list[Any]]:
        """Derivatives of the equations by (u, v, axes...), one row per equation, in the order of `equations`."""
        values = self._values(unknowns)
        plain = tuple(item for item in self.conditions if item not in CUBIC)
        width = 2 + len(self.axes)
        flat = _compiled(self.point.system, plain, self.axes)(*values)
        rows = [flat[i : i + width] for i in range(0, len(flat), width)]
        for item in self.conditions:
            if item in CUBIC:
                entries = _tensors(self.point.system)(*values)
                slopes = _tensors(self.point.system, self.axes)(*values)
                carried = duals(entries, [slopes[i : i + width] for i in range(0, len(slopes), width)])
                rows.append(list(_cubic(item, carried).slopes))
        return rows

    def _cubic(self, condition: str, values: Sequence[Any]) -> Any:
        return _cubic(condition, _tensors(self.point.system)(*values))

    def derivatives(self, unknowns: Sequence[Any]) -> tuple[Any, Any, Any, list[Any]]:
        """Jacobian, second and third derivatives of the reactions (nested lists) and (D_u, D_v) at the unknowns."""
        values = _tensors(self.point.system)(*self._values(unknowns))
        second, third = amplitude.tensors(values[4:10], values[10:18])
        return [values[:2], values[2:4]], second, third, values[18:]

    def diffusion(self, unknowns: Sequence[Any]) -> list[Any]:
        """(D_u, D_v) at the unknowns."""
        values = self._values(unknowns)
        start = 2 + len(self.point.system.parameters)
        return values[start : start + 2]

    def at(self, unknowns: Sequence[Any]) -> SystemPoint:
        """The parameter point that the unknowns describe."""
        return self.point.replace(**dict(zip(self.axes, map(float, unknowns[2:]), strict=True)))

    def with_conditions(self, *conditions: str, modes: tuple[flint.arb, ...] | None = None) -> DefiningSystem:
        """The same unknowns under other conditions."""
        return DefiningSystem(self.point, self.axes, conditions, self.modes if modes is None else modes)

    def test(self, condition: str, unknowns: Sequence[Any]) -> Any:
        """The value of a condition alone."""
        values = self._values(unknowns)
        if condition in CUBIC:
            return self._cubic(condition, values)
        return _test(self.point.system, condition)(*values)[0]


def _to_ball(value: Any) -> flint.arb:
    number = Fraction(value)
    return flint.arb(flint.fmpq(number.numerator, number.denominator))


def _symbols(system: ReactionSystem) -> tuple[Any, ...]:
    return (*system.symbols, *MU)


@cache
def _test(system: ReactionSystem, condition: str) -> Callable[..., list[Any]]:
    return compile_expressions([condition_expression(system, condition)], _symbols(system), inside=True)


def _by(system: ReactionSystem, expressions: Sequence[Any], axes: tuple[str, ...] | None) -> Callable[..., list[Any]]:
    """Expressions compiled, or with `axes` their derivatives by species and axes, row by row."""
    if axes is not None:
        named = {symbol.name: symbol for symbol in (*system.parameters, *system.diffusions)}
        unknowns = [*system.species, *(named[name] for name in axes)]
        expressions = [sp.diff(item, symbol) for item in expressions for symbol in unknowns]
    # roots and real powers at the edge of their domain: `box_line` excludes what is outside, no other search takes them
    return compile_expressions(expressions, _symbols(system), inside=True)


@cache
def _compiled(
    system: ReactionSystem, conditions: tuple[str, ...], axes: tuple[str, ...] | None = None
) -> Callable[..., list[Any]]:
    return _by(system, [*system.reactions, *(condition_expression(system, item) for item in conditions)], axes)


@cache
def _tensors(system: ReactionSystem, axes: tuple[str, ...] | None = None) -> Callable[..., list[Any]]:
    return _by(system, _derivatives(system), axes)


def clip_modes(T: int) -> tuple[flint.arb, ...]:
    """Enclosures of `mu_j = 4 sin^2(j pi/2T)`, j = 0..T-1, at the current precision.

    Raises: ParameterError if T < 2: one clip has no pattern.
    """
    if int(T) != T or T < 2:
        raise ParameterError(f"clips must be an integer >= 2. Got {T!r}; a pattern wants at least two clips.")
    return _clip_modes(int(T), flint.ctx.prec)


@cache
def _clip_modes(T: int, bits: int) -> tuple[flint.arb, ...]:
    # the precision is part of the question: balls of few bits must not answer a caller who wants many
    with precision(bits):
        return tuple(4 * flint.arb.sin_pi_fmpq(flint.fmpq(j, 2 * T)) ** 2 for j in range(T))


def float_modes(T: int) -> np.ndarray:
    """The same eigenvalues as floats, shape (T,)."""
    return np.array([float(mode.mid()) for mode in clip_modes(T)])
