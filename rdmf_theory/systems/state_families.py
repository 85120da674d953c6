"""Which homogeneous states does a two-species system have, as formulas? One family per irreducible factor.

A family is a rational formula for one species in terms of the other, and an irreducible polynomial for the other: of
degree 1 it is solved, otherwise it stays a polynomial, since radicals hide more than they say.
"""

# sympy's annotations of polynomials are partial
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import sympy as sp

from rdmf_theory.errors import ParameterError

# beyond these a derivation takes minutes: formulas then stay as they are built
_LONGEST = 100
_MOST_SYMBOLS = 5


@dataclass(frozen=True)
class Family:
    """States that one formula describes.

    Arguments:
        species: both species; the formulas below are in `species[unknown]` and parameters.
        unknown: index of the species that `polynomial` determines.
        polynomial: irreducible; its roots are the values of that species.
        values: both species, rational in the unknown one; without it where the polynomial is linear.
    """

    species: tuple[Any, Any]
    unknown: int
    polynomial: Any
    values: tuple[Any, Any]

    @property
    def is_closed(self) -> bool:
        """Whether the state is a rational function of the parameters."""
        return not any(value.has(self.species[self.unknown]) for value in self.values)

    def at(self, expression: Any) -> Any:
        """An expression in species and parameters at the states of this family, in the shortest of equal forms."""
        at_state = dict(zip(self.species, self.values, strict=True))
        value = expression.subs(at_state, simultaneous=True)
        crowded = not self.is_closed and len(self.polynomial.free_symbols) > _MOST_SYMBOLS
        if crowded or sp.count_ops(value) > _LONGEST:
            # expanding this would take minutes and read worse
            return value
        value = sp.factor(sp.cancel(sp.together(value)))
        unknown = self.species[self.unknown]
        if not value.has(unknown):
            return value
        above, below = sp.fraction(value)
        # at the roots of the polynomial a quotient is a polynomial of lower degree
        whole = sp.rem(above * sp.invert(below, self.polynomial, unknown), self.polynomial, unknown)
        quotient = sp.rem(above, self.polynomial, unknown) / sp.rem(below, self.polynomial, unknown)
        forms = [value, sp.factor(whole), sp.factor(quotient)]
        # nor does a parameter that the polynomial holds to the first power need to appear
        for symbol in sorted(value.free_symbols - {unknown}, key=str):
            if sp.degree(self.polynomial, symbol) == 1:
                forms.append(sp.factor(sp.cancel(value.subs(symbol, sp.solve(self.polynomial, symbol)[0]))))
        return min(forms, key=sp.count_ops)


def state_families(reactions: Sequence[Any], species: Sequence[Any]) -> list[Family]:
    """All families of homogeneous states of two rational reactions.

    Raises: ParameterError if no species can be expressed by the other, or the states are not isolated.
    """
    fractions = [sp.fraction(sp.cancel(sp.together(reaction))) for reaction in reactions]
    factors = [
        [factor for factor, _ in sp.factor_list(above, *species)[1] if factor.has(*species)] for above, _ in fractions
    ]
    poles = [below for _, below in fractions]
    families: list[Family] = []
    for first, second in product(*factors):
        if first == second:
            raise ParameterError(f"the homogeneous states are not isolated: both reactions have the factor {first}.")
        for family in _solve(first, second, tuple(species), poles):
            if family not in families:
                families.append(family)
    return families


def _solve(first: Any, second: Any, species: tuple[Any, Any], poles: list[Any]) -> list[Family]:
    """Families of the common zeros of two irreducible polynomials."""
    formulas = []
    for solved, unknown in ((1, 0), (0, 1)):
        for linear, other in ((first, second), (second, first)):
            slope = sp.diff(linear, species[solved])
            if slope != 0 and not slope.has(species[solved]):
                formula = sp.cancel(-linear.subs(species[solved], 0) / slope)
                formulas.append((sp.count_ops(formula), len(formulas), formula, other, unknown, slope))
    if formulas:
        *_, formula, other, unknown, slope = min(formulas)
        return _eliminated(formula, other, species, unknown, [*poles, slope])
    raise ParameterError(
        f"neither {first} = 0 nor {second} = 0 is linear in a species, so there is no closed form; "
        "use rdmf check for exact states at given values."
    )


def _eliminated(formula: Any, other: Any, species: tuple[Any, Any], unknown: int, poles: list[Any]) -> list[Family]:
    remaining = species[unknown]
    solved = species[1 - unknown]
    eliminant = sp.numer(sp.cancel(sp.together(other.subs(solved, formula))))
    if eliminant == 0:
        raise ParameterError(f"the homogeneous states are not isolated along {solved} = {formula}.")
    found = []
    for factor, _ in sp.factor_list(eliminant, remaining)[1]:
        if not factor.has(remaining):
            continue
        value, rest = remaining, formula
        if sp.degree(factor, remaining) == 1:
            value = sp.factor(sp.solve(factor, remaining)[0])
            if sp.denom(sp.together(formula)).subs(remaining, value).equals(0):
                continue
            rest = sp.factor(sp.cancel(formula.subs(remaining, value)))
        values = (value, rest) if unknown == 0 else (rest, value)
        family = Family(species, unknown, factor, values)
        if not any(_vanishes(pole, family) for pole in poles):
            found.append(family)
    return found


def _vanishes(pole: Any, family: Family) -> bool:
    try:
        return bool(family.at(pole) == 0)
    except (ZeroDivisionError, sp.polys.polyerrors.NotInvertible):
        return True
