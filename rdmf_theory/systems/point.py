"""What does a system do at one parameter point? Reactions, Jacobian and higher derivatives on any kind of number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fractions import Fraction
from functools import cache, cached_property
from itertools import combinations
from math import isfinite
from typing import Any

import flint
import numpy as np
import sympy as sp

from rdmf_theory.arithmetic.expressions import compile_expressions
from rdmf_theory.arithmetic.rational import to_fraction
from rdmf_theory.errors import ParameterError
from rdmf_theory.kinetics import ReactionSystem


@cache
def derivatives(system: ReactionSystem, order: int) -> Any:
    """Compiled partial derivatives of all reactions: a function of species and parameters, its values flat in the order
    reaction, first variable, second, ...
    """
    entries: list[Any] = [_one_sided(entry) for entry in system.reactions] if order else list(system.reactions)
    for _ in range(order):
        entries = [sp.diff(entry, species) for entry in entries for species in system.species]
    # where a root or real power is no number, `admissible` says so
    return compile_expressions(entries, (*system.species, *system.parameters), inside=True)


def _one_sided(expression: Any) -> Any:
    """Minimum and maximum as y + max(0, x - y), whose slope y' + step (x' - y') lies between those of both sides."""

    def folded(*values: Any, sign: int) -> Any:
        total = values[0]
        for value in values[1:]:
            total = total + sign * sp.Max(0, sign * (value - total))
        return total

    expression = expression.replace(sp.Max, lambda *values: folded(*values, sign=1))
    return expression.replace(sp.Min, lambda *values: folded(*values, sign=-1))


@cache
def _arguments(system: ReactionSystem) -> Any:
    """The arguments of logarithms and real powers, and where minimum, maximum and modulus have their kinks."""
    kinks: set[Any] = set()
    for reaction in system.reactions:
        kinks |= {item.args[0] for item in reaction.atoms(sp.Abs)}
        for item in reaction.atoms(sp.Min, sp.Max):
            arguments: Any = item.args
            kinks |= {one - other for one, other in combinations(arguments, 2)}
    symbols = (*system.species, *system.parameters)
    required = compile_expressions([item.argument for item in system.requirements], symbols, inside=True)
    return required, compile_expressions(sorted(kinks, key=sp.default_sort_key), symbols, inside=True)


def at_exponents(system: ReactionSystem, values: Mapping[str, Any]) -> ReactionSystem:
    """The system with the values put in of its exponents, such as Hill coefficients: u^n at n = 2 is u^2.

    Arguments:
        values: numbers by name; other names, and exponents without a value, stay as they are.
    """
    wanted = tuple((symbol, Fraction(values[symbol.name])) for symbol in _exponents(system) if symbol.name in values)
    return _at_exponents(system, wanted) if wanted else system


@cache
def _exponents(system: ReactionSystem) -> tuple[sp.Symbol, ...]:
    return tuple(sorted(system.exponents, key=str))


@cache
def _at_exponents(system: ReactionSystem, values: tuple[tuple[sp.Symbol, Fraction], ...]) -> ReactionSystem:
    at: Any = {symbol: sp.Rational(*value.as_integer_ratio()) for symbol, value in values}
    requirements = (requirement.subs(at) for requirement in system.requirements)
    return replace(
        system,
        reactions=tuple(reaction.subs(at) for reaction in system.reactions),
        requirements=tuple(item for item in requirements if not item.vacuous),
    )


def admissible(
    system: ReactionSystem, state: Sequence[flint.arb], parameters: Sequence[Any], *, interior: bool = False
) -> bool | None:
    """Whether all logarithms and real powers are numbers on a box; None where that is not decided.

    Arguments:
        state: one ball per species.
        parameters: one ball or fraction per parameter.
        interior: whether also points on the edge of a domain, where a root is 0, are undecided.
    Returns: False only if some function is undefined on the whole box.
    """
    if not system.requirements:
        return True
    inside = True
    for requirement, value in zip(system.requirements, _arguments(system)[0](*state, *parameters), strict=True):
        if value < 0 or (requirement.strict and value <= 0):
            return False
        inside = inside and bool(value > 0 or (requirement.closed and value >= 0 and not interior))
    return True if inside else None


@dataclass(frozen=True)
class SystemPoint:
    """A reaction system with a value for every parameter and diffusion.

    Arguments:
        system: the reactions.
        values: one number per parameter and diffusion, by name. Ints, strings and fractions are kept exact, floats
            count as the binary numbers they store. A name that differs in case only is understood.
    Raises: ParameterError for a missing, unknown or repeated name, a value that is not finite, a negative diffusion,
        or a value of the wrong sign for a symbol that is assumed positive.
    """

    system: ReactionSystem
    values: Mapping[str, Any]

    def __post_init__(self) -> None:
        symbols = {symbol.name: symbol for symbol in (*self.system.parameters, *self.system.diffusions)}
        values: dict[str, Any] = {}
        for given, value in self.values.items():
            name = resolve_name(self.system, given)
            if name in values:
                raise ParameterError(f"{name} of system {self.system.name!r} is given twice; keep one of the values.")
            values[name] = _number(name, value)
        missing = [name for name in symbols if name not in values]
        if missing:
            raise ParameterError(
                f"system {self.system.name!r} wants a value for {', '.join(missing)}; add {_settings(missing)}."
            )
        for symbol in self.system.parameters:
            value = values[symbol.name]
            if (symbol.is_positive and value < 0) or (symbol.is_nonnegative and value < 0):
                raise ParameterError(f"{symbol.name} of system {self.system.name!r} must not be negative. Got {value}.")
        for symbol in self.system.diffusions:
            if values[symbol.name] < 0:
                raise ParameterError(
                    f"{symbol.name} of system {self.system.name!r} must be finite and not negative. "
                    f"Got {values[symbol.name]}; a diffusion coefficient is positive, or 0 for an immobile species."
                )
        object.__setattr__(self, "values", {name: values[name] for name in symbols})

    @classmethod
    def with_defaults(cls, system: ReactionSystem, values: Mapping[str, Any] | None = None) -> SystemPoint:
        """The point at `values`, and at the system's default values for every name that is not given."""
        given = {resolve_name(system, name): value for name, value in (values or {}).items()}
        return cls(system, {**system.defaults, **given})

    def replace(self, **changes: Any) -> SystemPoint:
        """The same point with some values changed."""
        return SystemPoint(self.system, {**self.values, **changes})

    @property
    def exact(self) -> dict[str, Fraction]:
        """All values as fractions; a float is the binary number it stores."""
        return {name: Fraction(value) for name, value in self.values.items()}

    @property
    def parameters(self) -> tuple[Any, ...]:
        """Values of the kinetic parameters in the system's order."""
        return tuple(self.values[symbol.name] for symbol in self.system.parameters)

    @property
    def diffusion(self) -> np.ndarray:
        """Diffusion coefficients as floats, shape (n,)."""
        return np.array([float(self.values[symbol.name]) for symbol in self.system.diffusions])

    @property
    def exact_diffusion(self) -> tuple[Fraction, ...]:
        """Diffusion coefficients as fractions."""
        return tuple(Fraction(self.values[symbol.name]) for symbol in self.system.diffusions)

    @cached_property
    def kinetics(self) -> ReactionSystem:
        """The system with the values of its exponents put in, see `at_exponents`."""
        return at_exponents(self.system, self.values)

    def admissible(self, state: Sequence[Any]) -> bool | None:
        """Whether all logarithms and real powers are numbers on a box; None where that is not decided.

        Arguments:
            state: one `arb` ball per species.
        Returns: False only if some function is undefined on the whole box.
        """
        return admissible(self.kinetics, state, [Fraction(value) for value in self.parameters])

    def smooth(self, state: Sequence[Any]) -> bool:
        """Whether minima, maxima and moduli are proved to have no kink in a box of `arb` balls."""
        values = _arguments(self.kinetics)[1](*state, *map(Fraction, self.parameters))
        return not any(value.contains(0) or not value.is_finite() for value in values)

    def multilinear(self, state: Sequence[Any], order: int) -> Any:
        """Partial derivatives of the given order at a state, `T[i, j, k, ...] = d^order f_i / du_j du_k ...`.

        Arguments:
            state: one value per species: floats, arrays of one shape, fractions or ints (exact), `arb` or `acb` balls.
            order: 0 the reactions, 1 the Jacobian, 2 and 3 the quadratic and cubic terms times 2 and 6.
        Returns: for floats and arrays a numpy array of shape (n,) * (order + 1) + shape; otherwise nested lists.
        """
        size = len(self.system.species)
        if len(state) != size:
            raise ParameterError(
                f"system {self.system.name!r} has {size} species. Got a state of {len(state)} numbers."
            )
        floating = all(isinstance(value, int | float | np.ndarray | np.generic) for value in state) and not all(
            isinstance(value, int) for value in state
        )
        parameters = tuple(map(float, self.parameters)) if floating else tuple(map(Fraction, self.parameters))
        entries = derivatives(self.kinetics, order)(*state, *parameters)
        if floating:
            shape = np.broadcast_shapes(*(np.shape(value) for value in state))
            flat = np.array([np.broadcast_to(entry, shape) for entry in entries], dtype=np.result_type(float, *entries))
            return flat.reshape((size,) * (order + 1) + shape)
        for _ in range(order):
            entries = [entries[i : i + size] for i in range(0, len(entries), size)]
        return entries

    def reaction(self, state: Sequence[Any]) -> Any:
        """Reaction rates at a state, shape (n,) + shape; see `multilinear` for the kinds of numbers."""
        return self.multilinear(state, 0)

    def jacobian(self, state: Sequence[Any]) -> Any:
        """Jacobian of the reactions at a state, shape (n, n) + shape; see `multilinear` for the kinds of numbers."""
        return self.multilinear(state, 1)


def with_exponents(point: SystemPoint) -> SystemPoint:
    """The same point of the system with the values of its exponents put in."""
    kinetics = point.kinetics
    return point if kinetics is point.system else replace(point, system=kinetics)


def without_removable_poles(point: SystemPoint) -> SystemPoint:
    """The same point with every removable pole of a rational reaction filled in, at the point's own values.

    (u^2 - a)/(u - 1) has one at u = 1 where a = 1: it is u + 1 there. A reaction without such a pole stays as it is.
    """
    system = point.system
    if not system.is_rational:
        return point
    exact = point.exact
    at = {symbol: sp.Rational(*exact[symbol.name].as_integer_ratio()) for symbol in system.parameters}
    reactions = [_filled(reaction, at) for reaction in system.reactions]
    if reactions == list(system.reactions):
        return point
    return replace(point, system=replace(system, reactions=tuple(reactions)))


def _filled(reaction: Any, at: Mapping[Any, Any]) -> Any:
    if reaction.is_polynomial():
        return reaction
    value = reaction.subs(at)
    if value.has(sp.zoo, sp.nan, sp.oo):
        return reaction
    written, left = sp.denom(sp.together(value)), sp.denom(sp.cancel(sp.together(value)))
    species = sorted(written.free_symbols, key=str)
    if not species or sp.Poly(written, *species).total_degree() == sp.Poly(left, *species).total_degree():
        return reaction
    return sp.cancel(sp.together(value))


def resolve_name(system: ReactionSystem, given: str) -> str:
    """The name of a parameter or diffusion of `system`; one that differs in case only is understood.

    Raises: ParameterError with the nearest name if there is none.
    """
    names = [symbol.name for symbol in (*system.parameters, *system.diffusions)]
    if given in names:
        return given
    folded = [name for name in names if name.lower() == given.lower()]
    if len(folded) == 1:
        return folded[0]
    close = get_close_matches(given, names, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else f"; it has {', '.join(names)}"
    raise ParameterError(f"system {system.name!r} has no parameter {given!r}{hint}")


def _number(name: str, value: Any) -> Any:
    if isinstance(value, float | np.floating):
        if not isfinite(value):
            raise ParameterError(f"{name} must be a finite number. Got {value!r}.")
        return float(value)
    if isinstance(value, np.integer):
        return Fraction(int(value))
    return to_fraction(name, value)


def _settings(names: Sequence[str]) -> str:
    return " ".join(f"--set {name}=NUMBER" for name in names)


__all__ = ["SystemPoint", "admissible", "at_exponents", "resolve_name", "with_exponents", "without_removable_poles"]
