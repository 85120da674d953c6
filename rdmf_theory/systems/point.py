"""What does a system do at one parameter point? Reactions, Jacobian and higher derivatives on any kind of number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fractions import Fraction
from functools import cache
from math import isfinite
from typing import Any

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
    entries: list[Any] = list(system.reactions)
    for _ in range(order):
        entries = [sp.diff(entry, species) for entry in entries for species in system.species]
    return compile_expressions(entries, (*system.species, *system.parameters))


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
        entries = derivatives(self.system, order)(*state, *parameters)
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


__all__ = ["SystemPoint", "resolve_name", "without_removable_poles"]
