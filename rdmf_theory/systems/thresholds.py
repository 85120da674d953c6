"""At which value of one parameter does a state change? Exact critical values, all others fixed.

State equations and the condition of a boundary are one polynomial system in the species and the free parameter; its
real solutions are exact algebraic numbers, and each is kept iff the state there is classified as that boundary.
"""

# sympy's annotations of polynomials are partial
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy as sp

from rdmf_theory.arithmetic.algebraic import AlgebraicNumber
from rdmf_theory.arithmetic.enclosure import precision
from rdmf_theory.arithmetic.rational import to_fraction
from rdmf_theory.errors import ParameterError
from rdmf_theory.kinetics import ReactionSystem
from rdmf_theory.systems.classification import boundary_name
from rdmf_theory.systems.exact_states import common_zeros
from rdmf_theory.systems.mode_polynomials import characteristic, hurwitz_determinants
from rdmf_theory.systems.modes import Modes, modes_of
from rdmf_theory.systems.point import at_exponents, derivatives, resolve_name

KINDS: Mapping[str, tuple[str, ...]] = {
    "saddle-node": ("saddle-node", "bogdanov-takens"),
    "hopf": ("hopf", "turing-hopf", "bogdanov-takens"),
    "turing": ("turing-boundary", "turing-hopf"),
    "wave": ("wave-boundary", "turing-hopf"),
}
"""What a boundary of each kind may be classified as."""


@dataclass(frozen=True)
class Threshold:
    """A critical value of one parameter.

    Arguments:
        kind: a key of `KINDS`.
        name: the classification of the state there.
        symbol: the parameter's name.
        value: its critical value, exact.
        state: the homogeneous state there, exact.
        modes: critical wave and the rest.
    """

    kind: str
    name: str
    symbol: str
    value: AlgebraicNumber
    state: tuple[AlgebraicNumber, ...]
    modes: Modes

    def to_dict(self, system: ReactionSystem) -> dict[str, Any]:
        """JSON-ready dictionary."""
        names = [symbol.name for symbol in system.species]
        return {
            "kind": self.kind,
            "classification": self.name,
            "symbol": self.symbol,
            "value": float(self.value),
            "exact": self.value.to_dict(),
            "state": {name: float(x) for name, x in zip(names, self.state, strict=True)},
        } | self.modes.to_dict()


def thresholds(
    system: ReactionSystem, values: Mapping[str, Any], symbol: str, *, kinds: Collection[str] = tuple(KINDS)
) -> list[Threshold]:
    """All critical values of one parameter or diffusion, sorted by kind and value.

    Arguments:
        system: rational reactions.
        values: every other parameter and diffusion by name.
        symbol: the name of the free one.
        kinds: which of `KINDS` to look for.
    Returns: saddle-node, Hopf, Turing and (n > 2) wave thresholds at real states of the system's domain, with a
        nonnegative diffusion; a kind whose condition holds on a continuum is left out.
    Raises: ParameterError for an unknown name, a missing value, or reactions that are not rational.
    """
    symbol = resolve_name(system, symbol)
    fixed = {resolve_name(system, name): to_fraction(name, value) for name, value in values.items()}
    fixed.pop(symbol, None)
    free = next(item for item in (*system.parameters, *system.diffusions) if item.name == symbol)
    missing = [item.name for item in (*system.parameters, *system.diffusions) if item.name not in {*fixed, symbol}]
    if missing:
        raise ParameterError(f"critical values of {symbol} want values of all others; add {', '.join(missing)}.")
    system = at_exponents(system, fixed)
    if not system.is_rational:
        raise ParameterError(f"critical values want rational reactions; system {system.name!r} has others.")
    at = {
        item: sp.Rational(*fixed[item.name].as_integer_ratio())
        for item in (*system.parameters, *system.diffusions)
        if item is not free
    }
    unknowns = [*system.species, free]
    given = [reaction.subs(at) for reaction in system.reactions]
    reactions = [_isolating(reaction, system.species) for reaction in given]
    found = []
    for kind, condition in _conditions(system, at).items():
        if kind not in kinds:
            continue
        solutions = common_zeros([*reactions, condition], unknowns, skip_continua=True)
        for solution in solutions or ():
            threshold = _judge(system, fixed, kind, symbol, solution)
            if threshold is not None and _isolated(given, unknowns, threshold):
                found.append(threshold)
    return sorted(found, key=lambda item: (list(KINDS).index(item.kind), float(item.value)))


def _isolating(reaction: Any, species: tuple[sp.Symbol, ...]) -> Any:
    """The reaction without factors of the parameter alone: where they vanish, no state is isolated."""
    above, below = sp.fraction(sp.cancel(sp.together(reaction)))
    factors = [factor**power for factor, power in sp.factor_list(above)[1] if factor.has(*species)]
    return sp.Mul(*factors) / below


def _isolated(reactions: list[Any], unknowns: list[Any], threshold: Threshold) -> bool:
    """Whether states are isolated at the critical value; a singular Jacobian may also be that of a continuum."""
    value = threshold.value.fraction
    if threshold.kind != "saddle-node" or value is None:
        return True
    at = {unknowns[-1]: sp.Rational(*value.as_integer_ratio())}
    return common_zeros([reaction.subs(at) for reaction in reactions], unknowns[:-1]) is not None


def _conditions(system: ReactionSystem, at: Mapping[Any, Any]) -> dict[str, sp.Expr]:
    """Expressions that vanish on each kind of boundary."""
    jacobian = system.jacobian().subs(at)
    diffusion = [item.subs(at) for item in system.diffusions]
    polynomials = characteristic(jacobian.tolist(), diffusion)
    minors = hurwitz_determinants([[coefficients[0]] for coefficients in polynomials])
    conditions = {"saddle-node": polynomials[-1][0]}
    if len(diffusion) > 1:
        conditions["hopf"] = minors[-2][0]
        mu = sp.Dummy("mu")
        determinant = sum((c * mu**i for i, c in enumerate(polynomials[-1])), sp.Integer(0))
        conditions["turing"] = sp.discriminant(determinant, mu)
        if len(diffusion) > 2:
            minors = hurwitz_determinants(polynomials)
            wave = sum((c * mu**i for i, c in enumerate(minors[-2])), sp.Integer(0))
            conditions["wave"] = sp.discriminant(sp.numer(sp.together(wave)), mu)
    return {kind: sp.cancel(sp.together(condition)) for kind, condition in conditions.items()}


def _judge(
    system: ReactionSystem, fixed: Mapping[str, Fraction], kind: str, symbol: str, solution: tuple[AlgebraicNumber, ...]
) -> Threshold | None:
    """The threshold at a common zero, None if the state there is no boundary of the kind."""
    *state, value = solution
    if any(x < 0 for x, species in zip(state, system.species, strict=True) if species.is_nonnegative):
        return None

    def number(item: sp.Symbol) -> AlgebraicNumber:
        if item.name == symbol:
            return value
        return AlgebraicNumber.from_rational(*fixed[item.name].as_integer_ratio())

    rates = [number(item) for item in system.diffusions]
    positive = next(item for item in (*system.parameters, *system.diffusions) if item.name == symbol).is_positive
    if positive and value <= 0:
        return None
    with precision(256):
        flat = derivatives(system, 1)(*state, *map(number, system.parameters))
        size = len(state)
        jacobian = [flat[i : i + size] for i in range(0, len(flat), size)]
        polynomials = characteristic(jacobian, rates)
        name = boundary_name(polynomials)
        if name not in KINDS[kind]:
            return None
        return Threshold(kind, name, symbol, value, tuple(state), modes_of(jacobian, rates, polynomials))
