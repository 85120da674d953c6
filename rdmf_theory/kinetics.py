"""Which reaction? Symbolic reaction-diffusion systems: the one source all formulas are derived from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import sympy as sp

from rdmf_theory.errors import ParameterError


@dataclass(frozen=True)
class Requirement:
    """Where a logarithm or a real power is a number: its argument positive, of a positive exponent not negative.

    Arguments:
        argument: what the function is taken of.
        exponent: of a power, an expression in the parameters; None for a logarithm.
    """

    argument: Any
    exponent: Any = None

    @property
    def vacuous(self) -> bool:
        """Whether the power is one of an integer, which every number has."""
        return self.exponent is not None and bool(self.exponent.is_Integer)

    @property
    def strict(self) -> bool:
        """Whether the argument must not be 0 either; not so of an exponent whose sign is open."""
        return self.exponent is None or bool(self.exponent.is_nonpositive)

    @property
    def closed(self) -> bool:
        """Whether the argument may be 0; not so of an exponent whose sign is open."""
        return self.exponent is not None and bool(self.exponent.is_positive)

    @property
    def never(self) -> bool:
        """Whether the signs that the symbols are assumed to have rule it out."""
        if self.vacuous or (self.exponent is not None and not self.exponent.is_number):
            return False
        return bool(self.argument.is_negative or (self.strict and self.argument.is_zero))

    def subs(self, at: Mapping[Any, Any]) -> Requirement:
        """The same with values put in."""
        return Requirement(self.argument.subs(at), None if self.exponent is None else self.exponent.subs(at))


@dataclass(frozen=True)
class ReactionSystem:
    """A system `u_t = D_u Lap u + f(u, v, ...)` of n >= 1 species; closed forms want two.

    Arguments:
        name: identifier, e.g. "gray-scott".
        species: the concentration symbols. Symbols that are assumed nonnegative are concentrations: states with a
            negative entry are then no states.
        parameters: the kinetic parameters.
        reactions: one expression per species, in `species` and `parameters` only.
        diffusions: one symbol per species, length^2/time.
        source: where the system was published.
        description: the equations in words, one sentence.
        defaults: example values of parameters and diffusions by name, exact; may be empty or incomplete.
        requirements: where the logarithms and real powers in the reactions, as they were written, are numbers.
    Raises: ParameterError if the parts do not fit together.
    """

    name: str
    species: tuple[sp.Symbol, ...]
    parameters: tuple[sp.Symbol, ...]
    reactions: tuple[sp.Expr, ...]
    diffusions: tuple[sp.Symbol, ...]
    source: str
    description: str = ""
    defaults: Mapping[str, Fraction] = field(default_factory=dict, hash=False)
    requirements: tuple[Requirement, ...] = ()

    def __post_init__(self) -> None:
        here = f"ReactionSystem {self.name!r}"
        count = len(self.species)
        if not count or len(self.reactions) != count or len(self.diffusions) != count:
            raise ParameterError(
                f"{here} must have one reaction and one diffusion for each of its species. "
                f"Got {count} species, {len(self.reactions)} reactions, {len(self.diffusions)} diffusions."
            )
        declared = [symbol.name for symbol in self.symbols]
        if len(set(declared)) != len(declared):
            raise ParameterError(f"{here} must have distinct symbols. Got {declared}.")
        unknown = set().union(*(f.free_symbols for f in self.reactions)) - {*self.species, *self.parameters}
        if unknown:
            raise ParameterError(
                f"{here}.reactions may hold its species and parameters only. "
                f"Got also {sorted(map(str, unknown))}; declare them as parameters."
            )
        strangers = set(self.defaults) - {symbol.name for symbol in (*self.parameters, *self.diffusions)}
        if strangers:
            raise ParameterError(f"{here}.defaults may name its parameters and diffusions. Got {sorted(strangers)}.")

    @property
    def symbols(self) -> tuple[sp.Symbol, ...]:
        """Species, parameters and diffusions, in this order."""
        return (*self.species, *self.parameters, *self.diffusions)

    @property
    def is_rational(self) -> bool:
        """Whether every reaction is a rational function of species and parameters: exact algebra then applies."""
        return all(_is_rational(f) for f in self.reactions) and all(r.vacuous for r in self.requirements)

    @property
    def exponents(self) -> frozenset[sp.Symbol]:
        """The parameters that occur in exponents, such as a Hill coefficient."""
        powers = [power.exp for f in self.reactions for power in f.atoms(sp.Pow)]
        powers += [item.exponent for item in self.requirements if item.exponent is not None]
        found: set[Any] = set().union(*(power.free_symbols for power in powers))
        return frozenset(symbol for symbol in self.parameters if symbol in found)

    @property
    def is_linear(self) -> bool:
        """Whether every reaction is a polynomial of degree at most 1 in the species."""
        return all(
            f.is_polynomial(*self.species) and sp.Poly(f, *self.species).total_degree() <= 1 for f in self.reactions
        )

    def jacobian(self) -> sp.Matrix:
        """Jacobian `d(f, g, ...)/d(u, v, ...)`, a symbolic (n, n) matrix at a general state."""
        return sp.Matrix(self.reactions).jacobian(list(self.species))


def _is_rational(expression: Any) -> bool:
    """Whether a reaction has rational coefficients and integer powers only."""
    if not expression.is_rational_function(*expression.free_symbols):
        return False
    # a constant such as sqrt(2) or exp(1) is a rational function, but not one over the rationals
    constants = all(power.exp.is_Integer for power in expression.atoms(sp.Pow))
    return constants and not expression.atoms(sp.NumberSymbol, sp.Function)


def _gray_scott() -> ReactionSystem:
    u, v, F, k, s, D_u, D_v = sp.symbols("u v F k s D_u D_v", positive=True)
    return ReactionSystem(
        name="gray-scott",
        species=(u, v),
        parameters=(F, k, s),
        reactions=(-s * u * v**2 + F * (1 - u), s * u * v**2 - (F + k) * v),
        diffusions=(D_u, D_v),
        source="Gray and Scott, Chem. Eng. Sci. 39 (1984); Pearson, Science 261 (1993); s is the text's reaction gain",
        description="an autocatalyst v feeds on a substrate u",
        defaults={
            "F": Fraction(11, 200),
            "k": Fraction(31, 500),
            "s": Fraction(1),
            "D_u": Fraction(2),
            "D_v": Fraction(1),
        },
    )


GRAY_SCOTT = _gray_scott()
"""Text-modulated Gray-Scott: `f = -s u v^2 + F (1 - u)`, `g = s u v^2 - (F + k) v`."""
