"""Which homogeneous steady states are there, exactly? All real ones of a rational system, as algebraic numbers.

The numerators of the reactions generate an ideal. A lexicographic Gröbner basis in general position reads
`x_i = a_i(t), h(t) = 0` with a separating linear form t; each real root of each irreducible factor of h is one state,
and every later question about it (a trace, a discriminant) is the sign of an exact algebraic number.

Source: Cox, Little and O'Shea, Using Algebraic Geometry, chapter 2; Seidenberg's lemma for multiple zeros.
"""

# sympy's annotations of polynomial bases are partial
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportIndexIssue=false

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any, TypeAlias

import flint
import sympy as sp

from rdmf_theory.arithmetic.algebraic import AlgebraicNumber, RealRoot, real_roots
from rdmf_theory.errors import ParameterError
from rdmf_theory.systems.point import SystemPoint

State: TypeAlias = tuple[AlgebraicNumber, ...]

# the product of the numerators' degrees bounds the number of states (Bezout); beyond this, boxes are the better way
MOST_STATES = 40
MOST_SPECIES = 6
_SHEARS = ((1,), (1, 1), (1, 2), (2, 1), (1, -3), (3, 5), (5, 7), (-7, 11))


class Continuum(ParameterError):
    """Steady states that are not isolated: the Jacobian is singular along a whole set of them."""


def is_feasible(point: SystemPoint) -> bool:
    """Whether exact algebra is the right way: rational reactions, few species, few states."""
    if not point.system.is_rational or len(point.system.species) > MOST_SPECIES:
        return False
    numerators, _ = fractions_of(point)
    bound = 1
    for numerator in numerators:
        bound *= max(1, numerator.total_degree())
    return bound <= MOST_STATES


def fractions_of(point: SystemPoint) -> tuple[list[sp.Poly], list[sp.Poly]]:
    """Numerators and denominators of the reactions at the point's exact values, polynomials in the species.

    Raises: ParameterError if a reaction is no rational function, or divides by zero at these values.
    """
    system, at = point.system, _substitution(point)
    numerators, denominators = [], []
    for species, reaction in zip(system.species, system.reactions, strict=True):
        if not reaction.is_rational_function(*system.species):
            raise ParameterError(
                f"the reaction of {species} in system {system.name!r} is no rational function: {reaction}. "
                "Exact states want polynomials and their quotients; give a box to search instead."
            )
        value = sp.cancel(sp.together(reaction.subs(at)))
        if value.has(sp.zoo, sp.nan, sp.oo):
            raise ParameterError(
                f"the reaction of {species} in system {system.name!r} divides by zero at these values."
            )
        above, below = sp.fraction(value)
        numerators.append(sp.Poly(above, *system.species, domain="QQ"))
        denominators.append(sp.Poly(below, *system.species, domain="QQ"))
    return numerators, denominators


def exact_states(point: SystemPoint) -> list[State]:
    """All real homogeneous steady states, exact, sorted by coordinates; poles of the reactions are left out.

    Raises: Continuum if they are not isolated, ParameterError if a reaction is no rational function.
    """
    system = point.system
    fractions_of(point)
    at = _substitution(point)
    states = common_zeros([reaction.subs(at) for reaction in system.reactions], list(system.species))
    if states is None:
        raise Continuum(
            f"system {system.name!r} has a continuum of steady states at {_shown(point)}: they are not isolated, "
            "the Jacobian is singular there. Fix the conserved quantity, or move the parameters."
        )
    return states


def common_zeros(
    expressions: list[Any], unknowns: list[sp.Symbol], *, skip_continua: bool = False
) -> list[State] | None:
    """All real common zeros of rational functions away from their poles, sorted.

    The numerators are factored first, and every choice of one factor from each is a smaller system of its own.

    Arguments:
        expressions: rational functions of `unknowns` over the rationals.
        unknowns: the coordinates of a zero, in this order.
        skip_continua: leave out choices of factors whose zeros are not isolated.
    Returns: None if there are zeros that are not isolated, unless they are skipped.
    """
    fractions = [sp.fraction(sp.cancel(sp.together(expression))) for expression in expressions]
    divisor = sp.Integer(1)
    for _, below in fractions:
        divisor = sp.lcm(divisor, below)
    poles = sp.Poly(divisor, *unknowns, domain="QQ")
    choices = [[factor for factor, _ in sp.factor_list(above, *unknowns)[1]] for above, _ in fractions if above != 0]
    systems: list[list[Any]] = []
    found: list[State] = []
    for choice in product(*choices):
        system = list(dict.fromkeys(choice))
        zeros = _away_from_poles(system, unknowns, divisor)
        if zeros is None:
            if skip_continua:
                continue
            return None
        for zero in zeros:
            earlier = any(_vanishes(other, unknowns, zero) for other in systems)
            if not earlier and _evaluate(poles, zero):
                found.append(zero)
        systems.append(system)
    return sorted(found, key=lambda zero: tuple(float(x) for x in zero))


def _away_from_poles(equations: list[Any], unknowns: list[sp.Symbol], divisor: Any) -> list[State] | None:
    zeros = _solve(equations, unknowns)
    if zeros is None and divisor.free_symbols:
        # without the poles the rest may be isolated: z divisor = 1 excludes them
        z = sp.Dummy("z")
        zeros = _solve([*equations, 1 - z * divisor], [*unknowns, z])
    return None if zeros is None else [zero[: len(unknowns)] for zero in zeros]


def _vanishes(equations: list[Any], unknowns: list[sp.Symbol], zero: State) -> bool:
    return all(not _evaluate(sp.Poly(equation, *unknowns, domain="QQ"), zero) for equation in equations)


def _substitution(point: SystemPoint) -> dict[Any, Any]:
    values = point.exact
    return {symbol: sp.Rational(*values[symbol.name].as_integer_ratio()) for symbol in point.system.parameters}


def _shown(point: SystemPoint) -> str:
    return ", ".join(f"{symbol} = {point.values[symbol.name]}" for symbol in point.system.parameters) or "any values"


def _evaluate(polynomial: sp.Poly, state: State) -> AlgebraicNumber:
    total = AlgebraicNumber.from_rational(0)
    for powers, coefficient in polynomial.terms():
        term = AlgebraicNumber.from_rational(int(coefficient.p), int(coefficient.q))
        for value, power in zip(state, powers, strict=True):
            if power:
                term = term * value**power
        total = total + term
    return total


def _solve(equations: list[sp.Expr], unknowns: list[sp.Symbol]) -> list[State] | None:
    """All real common zeros, or None if they are not isolated over the complex numbers."""
    if not equations:
        return None
    basis = sp.groebner(equations, *unknowns, order="grevlex", domain="QQ")
    if basis.exprs == [1]:
        return []
    if not basis.is_zero_dimensional:
        return None
    generators = list(basis.exprs)
    for radical in (False, True):
        if radical:
            generators += [_squarefree_in(basis, unknown) for unknown in unknowns]
        for shear in _SHEARS[: 1 if not radical else None]:
            form = _form(unknowns, shear)
            states = _in_general_position(generators, unknowns, form)
            if states is not None:
                return states
    raise ParameterError("no linear form separates the steady states; give a box to search instead.")


def _form(unknowns: list[sp.Symbol], shear: tuple[int, ...]) -> sp.Expr:
    """A linear form that is meant to separate states: the last unknown alone, or a mixture."""
    if len(shear) == 1:
        return unknowns[-1]
    first, second = shear
    return sum((first * unknown * second**i for i, unknown in enumerate(reversed(unknowns))), sp.Integer(0))


def _squarefree_in(basis: Any, unknown: sp.Symbol) -> sp.Expr:
    """Squarefree part of the polynomial in one unknown that the ideal holds."""
    others = [gen for gen in basis.gens if gen != unknown]
    eliminated = sp.groebner(basis.exprs, *others, unknown, order="lex", domain="QQ").exprs[-1]
    return sp.Poly(eliminated, unknown).sqf_part().as_expr()


def _in_general_position(generators: list[Any], unknowns: list[sp.Symbol], form: sp.Expr) -> list[State] | None:
    """The real zeros if the form separates them and each field is reached, else None."""
    t = sp.Dummy("t")
    if form == unknowns[-1]:
        variables, equations = unknowns, generators
    else:
        variables, equations = [*unknowns, t], [*generators, t - form]
    basis = sp.groebner(equations, *variables, order="grevlex", domain="QQ").fglm("lex")
    coordinates = _shape(basis.exprs, variables)
    if coordinates is None:
        return None
    last = variables[-1]
    eliminant = sp.Poly(basis.exprs[-1], last, domain="QQ")
    states = []
    for factor, _ in _flint(eliminant).numer().factor()[1]:
        count = len(real_roots(factor)) if factor.degree() > 1 else 1
        for index in range(count):
            root = RealRoot(factor, index)
            states.append(tuple(AlgebraicNumber(root, polynomial) for polynomial in coordinates)[: len(unknowns)])
    return states


def _shape(basis: list[Any], variables: list[sp.Symbol]) -> list[flint.fmpq_poly] | None:
    """The polynomials a_i(t) of a basis `x_i - a_i(t), h(t)`, t itself last; None if the basis has another shape."""
    last = variables[-1]
    found = []
    for variable in variables[:-1]:
        linear = [item for item in basis if item.has(variable) and item.free_symbols <= {variable, last}]
        polynomials = [sp.Poly(item, variable, domain=sp.QQ[last]) for item in linear]
        polynomials = [item for item in polynomials if item.degree() == 1 and not item.LC().free_symbols]
        if not polynomials:
            return None
        head, rest = polynomials[0].all_coeffs()
        found.append(_flint(sp.Poly(-rest / head, last, domain="QQ")))
    return [*found, flint.fmpq_poly([0, 1])]


def _flint(polynomial: sp.Poly) -> flint.fmpq_poly:
    coefficients = [Fraction(int(c.p), int(c.q)) for c in reversed(polynomial.all_coeffs())]
    return flint.fmpq_poly([flint.fmpq(c.numerator, c.denominator) for c in coefficients])
