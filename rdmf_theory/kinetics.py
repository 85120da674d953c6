"""Which reaction? Symbolic two-species reaction-diffusion systems: the one source all formulas are derived from."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from rdmf_theory.errors import ParameterError


@dataclass(frozen=True)
class ReactionSystem:
    """A two-species system `u_t = D_u Lap u + f(u, v)`, `v_t = D_v Lap v + g(u, v)`.

    Arguments:
        name: identifier, e.g. "gray-scott".
        species: the two concentration symbols (substrate, activator).
        parameters: the kinetic parameters, all > 0.
        reactions: (f, g), expressions in `species` and `parameters` only.
        diffusions: (D_u, D_v), clip^2/time.
        source: where the system was published.
    Raises: ParameterError if the parts do not fit together.
    """

    name: str
    species: tuple[sp.Symbol, sp.Symbol]
    parameters: tuple[sp.Symbol, ...]
    reactions: tuple[sp.Expr, sp.Expr]
    diffusions: tuple[sp.Symbol, sp.Symbol]
    source: str

    def __post_init__(self) -> None:
        declared = (*self.species, *self.parameters, *self.diffusions)
        if len(self.species) != 2 or len(self.reactions) != 2 or len(self.diffusions) != 2:
            raise ParameterError(f"ReactionSystem {self.name!r} must have two species, reactions and diffusions.")
        if len(set(declared)) != len(declared):
            raise ParameterError(f"ReactionSystem {self.name!r} must have distinct symbols. Got {declared}.")
        unknown = set().union(*(f.free_symbols for f in self.reactions)) - {*self.species, *self.parameters}
        if unknown:
            raise ParameterError(
                f"ReactionSystem {self.name!r}.reactions may hold its species and parameters only. "
                f"Got also {sorted(map(str, unknown))}; declare them as parameters."
            )

    def jacobian(self) -> sp.Matrix:
        """Jacobian `d(f, g)/d(u, v)`, a symbolic (2, 2) matrix at a general state."""
        return sp.Matrix(self.reactions).jacobian(list(self.species))


def _gray_scott() -> ReactionSystem:
    u, v, F, k, s, D_u, D_v = sp.symbols("u v F k s D_u D_v", positive=True)
    return ReactionSystem(
        name="gray-scott",
        species=(u, v),
        parameters=(F, k, s),
        reactions=(-s * u * v**2 + F * (1 - u), s * u * v**2 - (F + k) * v),
        diffusions=(D_u, D_v),
        source="Gray and Scott, Chem. Eng. Sci. 39 (1984); Pearson, Science 261 (1993); s is the text's reaction gain",
    )


GRAY_SCOTT = _gray_scott()
"""Text-modulated Gray-Scott: `f = -s u v^2 + F (1 - u)`, `g = s u v^2 - (F + k) v`."""
