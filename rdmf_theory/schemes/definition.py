"""What is a scheme? A symbolic update from one step to the next; everything else about it is derived.

A scheme turns a `ReactionSystem` into stages: equations that are solved one after the other, each linear in its own
unknown. `linear` derives the amplification matrix from them, `bias` order and bias, `table` what can be said for every
step size, and `run` compiles the same stages into the nonlinear step on T clips.
"""

# sympy's partial annotations know neither mappings in subs nor symbols as generators
# pyright: reportArgumentType=false, reportCallIssue=false

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import sympy as sp

from rdmf_theory.errors import ParameterError
from rdmf_theory.kinetics import GRAY_SCOTT, ReactionSystem

LAP = sp.Function("Lap")
"""The clip Laplacian with replicate ends, applied to one field."""

h = sp.Symbol("h", positive=True)
mu = sp.Symbol("mu", positive=True)

Fields = tuple[sp.Symbol, ...]


@dataclass(frozen=True)
class Stage:
    """One equation `residual = 0`, linear in its own unknown and the Laplacian of it.

    Arguments:
        unknown: the field that the equation determines.
        residual: expression in `unknown`, `LAP(unknown)`, fields that are already known, their Laplacians, the
            parameters, the diffusions and `h`. Diffusion enters the unknown's side as `- c h D LAP(unknown)`.
    Raises: ParameterError if the residual is not linear in the unknown.
    """

    unknown: sp.Symbol
    residual: sp.Expr

    def __post_init__(self) -> None:
        diagonal, spread, right = self.parts()
        if self.unknown in (diagonal.free_symbols | spread.free_symbols | right.free_symbols):
            raise ParameterError(f"Stage of {self.unknown} must be linear in it. Got {self.residual}.")

    def parts(self) -> tuple[Any, Any, Any]:
        """(diagonal, spread, right side) with `residual = diagonal x + spread LAP(x) - right`, x the unknown."""
        lap = sp.Dummy("lap")
        residual = self.residual.subs(LAP(self.unknown), lap)
        diagonal, spread = sp.diff(residual, self.unknown), sp.diff(residual, lap)
        return diagonal, spread, -residual.subs({self.unknown: 0, lap: 0})


@dataclass(frozen=True)
class Update:
    """A scheme applied to a system: the stages in the order in which they are solved.

    Arguments:
        system: the reactions.
        stages: at least one per species; the last ones give the next state, in the order of the species.
    """

    system: ReactionSystem
    stages: tuple[Stage, ...]

    @property
    def unknowns(self) -> Fields:
        """All unknown fields, intermediate ones first."""
        return tuple(stage.unknown for stage in self.stages)

    @property
    def next_state(self) -> Fields:
        """The unknowns that are the next state."""
        return self.unknowns[-len(self.system.species) :]

    @property
    def inner(self) -> Fields:
        """The unknowns that are not: values inside the step."""
        return self.unknowns[: -len(self.system.species)]


@dataclass(frozen=True)
class Scheme:
    """A way to advance any system by one step.

    Arguments:
        name: identifier, e.g. "semi-implicit".
        words: one sentence.
        build: the stages for a system.
    """

    name: str
    words: str
    build: Callable[[ReactionSystem], list[Stage]]

    def update(self, system: ReactionSystem = GRAY_SCOTT) -> Update:
        """The symbolic update of this scheme for `system`; derived once."""
        return _update(self, system)


@cache
def _update(scheme: Scheme, system: ReactionSystem) -> Update:
    return Update(system, tuple(scheme.build(system)))


def split_loss(system: ReactionSystem) -> list[tuple[Any, Any]]:
    """(production, loss factor) of each species with `reaction = production - loss factor * species`.

    The reaction is expanded into terms. A term is a loss of its own species x if it is negative for positive species
    and parameters and contains x as a factor; the loss factor is the term divided by -x. All other terms, whatever
    their sign, are production. For Gray-Scott: (F, F + s v^2) and (s u v^2, F + k).
    """
    parts = []
    for species, reaction in zip(system.species, system.reactions, strict=True):
        terms = sp.Add.make_args(sp.expand(reaction))
        losses = [term for term in terms if _is_loss(term, species)]
        parts.append((sp.Add(*(term for term in terms if term not in losses)), sp.Add(*losses) / -species))
        parts[-1] = (parts[-1][0], sp.expand(parts[-1][1]))
    return parts


def _is_loss(term: Any, species: sp.Symbol) -> bool:
    positive = {symbol: sp.Dummy(positive=True) for symbol in term.free_symbols}
    own = positive.get(species)
    term = term.xreplace(positive)
    return own is not None and bool(term.is_negative) and sp.degree(sp.numer(sp.together(term)), own) >= 1


def _named(system: ReactionSystem, label: str) -> Fields:
    return tuple(_like(species, f"{species}_{label}") for species in system.species)


def _like(symbol: sp.Symbol, name: str) -> sp.Symbol:
    """A symbol with the assumptions of another."""
    return sp.Symbol(name, **symbol.assumptions0)


def _diffusion(system: ReactionSystem, fields: Fields) -> list[Any]:
    return [D * LAP(x) for D, x in zip(system.diffusions, fields, strict=True)]


def _reaction(system: ReactionSystem, fields: Fields) -> list[Any]:
    values = dict(zip(system.species, fields, strict=True))
    return [f.subs(values, simultaneous=True) for f in system.reactions]


def _right_side(system: ReactionSystem, fields: Fields) -> list[Any]:
    return [f + flow for f, flow in zip(_reaction(system, fields), _diffusion(system, fields), strict=True)]


def _stages(unknowns: Fields, residuals: list[Any]) -> list[Stage]:
    return [Stage(x, residual) for x, residual in zip(unknowns, residuals, strict=True)]


def _explicit_euler(system: ReactionSystem) -> list[Stage]:
    now, after = system.species, _named(system, "next")
    rates = _right_side(system, now)
    return _stages(after, [y - x - h * rate for y, x, rate in zip(after, now, rates, strict=True)])


def _imex_euler(system: ReactionSystem) -> list[Stage]:
    now, after = system.species, _named(system, "next")
    flows, rates = _diffusion(system, after), _reaction(system, now)
    return _stages(
        after, [y - h * flow - x - h * rate for y, flow, x, rate in zip(after, flows, now, rates, strict=True)]
    )


def _linearly_implicit(system: ReactionSystem, after: Fields, flows: list[Any]) -> list[Stage]:
    """Implicit in diffusion and in each species' own loss; species already advanced enter with their new values."""
    residuals, advanced = [], {}
    for x, y, flow, (production, loss) in zip(system.species, after, flows, split_loss(system), strict=True):
        production, loss = production.subs(advanced), loss.subs(advanced)
        residuals.append((1 + h * loss) * y - h * flow - x - h * production)
        advanced[x] = y
    return _stages(after, residuals)


def _semi_implicit(system: ReactionSystem) -> list[Stage]:
    after = _named(system, "next")
    return _linearly_implicit(system, after, _diffusion(system, after))


def _lie_split(system: ReactionSystem) -> list[Stage]:
    middle, after = _named(system, "1"), _named(system, "next")
    react = _linearly_implicit(system, middle, [sp.Integer(0)] * len(middle))
    diffuse = [y - h * flow - x for y, flow, x in zip(after, _diffusion(system, after), middle, strict=True)]
    return react + _stages(after, diffuse)


def _heun_stages(start: Fields, middle: Fields, after: Fields, rates: Callable[[Fields], list[Any]]) -> list[Stage]:
    # written as an average of Euler steps (Shu and Osher), which shows what keeps it positive
    predict = [y - x - h * rate for y, x, rate in zip(middle, start, rates(start), strict=True)]
    correct = [2 * y - x - x1 - h * rate for y, x, x1, rate in zip(after, start, middle, rates(middle), strict=True)]
    return _stages(middle, predict) + _stages(after, correct)


def _heun(system: ReactionSystem) -> list[Stage]:
    return _heun_stages(
        system.species, _named(system, "1"), _named(system, "next"), lambda fields: _right_side(system, fields)
    )


def _half_diffusion(system: ReactionSystem, start: Fields, after: Fields) -> list[Stage]:
    flows = zip(_diffusion(system, start), _diffusion(system, after), strict=True)
    quarter = h / 4
    return _stages(
        after,
        [y - quarter * new - x - quarter * old for y, x, (old, new) in zip(after, start, flows, strict=True)],
    )


def _strang(system: ReactionSystem) -> list[Stage]:
    first, second, third, after = (_named(system, label) for label in ("1", "2", "3", "next"))
    react = _heun_stages(first, second, third, lambda fields: _reaction(system, fields))
    return _half_diffusion(system, system.species, first) + react + _half_diffusion(system, third, after)


SEMI_IMPLICIT = Scheme(
    "semi-implicit",
    "Implicit in diffusion and in each species' own loss; new values are used as soon as they exist. The layer's step.",
    _semi_implicit,
)

SCHEMES: dict[str, Scheme] = {
    scheme.name: scheme
    for scheme in (
        Scheme("explicit-euler", "Everything at the old state.", _explicit_euler),
        Scheme("imex-euler", "Diffusion implicit, reaction explicit.", _imex_euler),
        SEMI_IMPLICIT,
        Scheme("lie-split", "Reaction first, implicit in its own loss; then implicit diffusion.", _lie_split),
        Scheme("heun", "Average of two explicit Euler steps; second order.", _heun),
        Scheme("strang", "Half a step of diffusion (midpoint), Heun for the reaction, half a step again.", _strang),
    )
}


def scheme_named(name: str) -> Scheme:
    """The scheme of this name. Raises: ParameterError for an unknown one."""
    if name not in SCHEMES:
        raise ParameterError(f"scheme must be one of {', '.join(SCHEMES)}. Got {name!r}.")
    return SCHEMES[name]
