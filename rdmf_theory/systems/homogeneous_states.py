"""Where are the homogeneous steady states? All of them in a box, each proved to exist and to be alone there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import flint
import numpy as np

from rdmf_theory.arithmetic.enclosure import ball
from rdmf_theory.arithmetic.expressions import compile_expressions
from rdmf_theory.arithmetic.rational import to_fraction
from rdmf_theory.arithmetic.zeros import BITS, Ranges, find_zeros
from rdmf_theory.errors import ParameterError
from rdmf_theory.systems.point import SystemPoint, with_exponents


@dataclass(frozen=True)
class EnclosedState:
    """A homogeneous steady state, or a box about which nothing could be proved.

    Arguments:
        box: one `flint.arb` per species that holds the state.
        certified: True: exactly one state is in the box. False: the box may hold any number of states, also none.
        exact: the state as exact numbers, where it is known as such.
        reason: why the box is undecided, and the remedy; empty for a certified state.
    """

    box: tuple[flint.arb, ...]
    certified: bool = True
    exact: tuple[Any, ...] | None = None
    reason: str = ""

    @property
    def mid(self) -> np.ndarray:
        """Centre of the box, shape (n,)."""
        return np.array([float(item.mid()) for item in self.box])

    @property
    def rad(self) -> np.ndarray:
        """Radius of the box, shape (n,)."""
        return np.array([float(item.rad()) for item in self.box])


def steady_states_in_box(
    point: SystemPoint, box: Mapping[str, Any] | Sequence[Any] | None = None, *, exact: bool = True
) -> list[EnclosedState]:
    """All homogeneous steady states of a system in a closed box, sorted by their coordinates.

    A rational system of few species is solved by exact algebra: every state is certified and `exact`. Any other is
    searched by bisection and Krawczyk's test.

    Arguments:
        point: the system with all its values.
        box: (low, high) per species, by name or in order; finite numbers. None: all states, of species that are
            concentrations those without a negative entry; possible only where exact algebra is.
        exact: whether to try exact algebra first, whose time has no useful bound.
    Returns: certified states, and every part of the box that could not be decided as a state with `certified` False.
    Raises: ParameterError for a bad box, for reactions that divide by zero everywhere, or a continuum of states.
    """
    from rdmf_theory.systems.exact_states import Continuum, exact_states, is_feasible

    point = with_exponents(point)
    ranges = None if box is None else box_ranges(point, box)
    if exact and is_feasible(point):
        try:
            return [_exact(state) for state in exact_states(point) if _wanted(point, state, ranges)]
        except Continuum:
            # a box may leave the continuum out
            if ranges is None:
                raise
    if ranges is None:
        why = "is too large for exact algebra" if point.system.is_rational else "has reactions beyond exact algebra"
        raise ParameterError(
            f"system {point.system.name!r} {why}: give the box to search, (low, high) for every species; "
            "add --box NAME=LOW:HIGH, which rdmf check and rdmf region --x have."
        )
    return _search(point, ranges)


def _exact(state: tuple[Any, ...]) -> EnclosedState:
    return EnclosedState(tuple(number.enclose(BITS) for number in state), exact=state)


def _wanted(point: SystemPoint, state: tuple[Any, ...], ranges: Ranges | None) -> bool:
    if ranges is not None:
        return all(low <= number <= high for number, (low, high) in zip(state, ranges, strict=True))
    return all(number >= 0 for number, symbol in zip(state, point.system.species, strict=True) if symbol.is_nonnegative)


def _search(point: SystemPoint, ranges: Ranges) -> list[EnclosedState]:
    """States by bisection; of a rational system those of the numerators, which have no poles."""
    from rdmf_theory.systems.exact_states import fractions_of

    species = point.system.species
    if point.system.is_rational:
        numerators, denominators = fractions_of(point)
        equations = compile_expressions([item.as_expr() for item in numerators], species)
        slopes = compile_expressions([item.diff(x).as_expr() for item in numerators for x in species], species)
        poles = compile_expressions([item.as_expr() for item in denominators], species)
    else:
        equations = slopes = poles = None

    def function(balls: list[flint.arb]) -> list[flint.arb]:
        return point.reaction(balls) if equations is None else equations(*balls)

    def jacobian(balls: list[flint.arb]) -> list[list[flint.arb]]:
        if slopes is None:
            return point.jacobian(balls)
        flat, size = slopes(*balls), len(species)
        return [flat[i : i + size] for i in range(0, len(flat), size)]

    search = find_zeros(function, jacobian, ranges, excluded=lambda balls: point.admissible(balls) is False)
    states = []
    for zero in search.zeros:
        defined = point.admissible(zero.box)
        if defined is False:
            # a state of the equations with clipped roots, not of the system
            continue
        regular = poles is None or not any(value.contains(0) for value in poles(*zero.box))
        reason = "" if regular else "a reaction divides by zero here, or nearly so; ask for a box without it"
        if defined is None:
            reason = "a logarithm, root or real power is on the edge of its domain here; ask for a box without it"
        states.append(EnclosedState(zero.box, certified=not reason, reason=reason))
    for part in search.undecided:
        balls = tuple(ball(low, high) for low, high in part)
        reason = "no test decides this box: a multiple state, a continuum, or too large a box; ask for a smaller one"
        if point.admissible(balls) is None:
            reason = "a logarithm, root or real power is undefined on a part of this box; ask for a box without it"
        elif not point.smooth(balls):
            reason = "a minimum or maximum has its kink in this box, where no test decides; ask for a box without it"
        states.append(EnclosedState(balls, certified=False, reason=reason))
    return sorted(states, key=lambda state: tuple(state.mid))


def box_ranges(point: SystemPoint, box: Mapping[str, Any] | Sequence[Any]) -> Ranges:
    """(low, high) per species, exact. Raises: ParameterError for a missing or unknown species, or reversed ends."""
    names = [symbol.name for symbol in point.system.species]
    if isinstance(box, Mapping):
        strangers = [name for name in box if name not in names]
        if strangers or len(box) != len(names):
            raise ParameterError(f"box must give (low, high) for {', '.join(names)}. Got {', '.join(box) or 'none'}.")
        box = [box[name] for name in names]
    if len(box) != len(names):
        raise ParameterError(f"box must give (low, high) for {', '.join(names)}. Got {len(box)} ranges.")
    ranges = []
    for name, (low, high) in zip(names, box, strict=True):
        first, last = to_fraction(f"box of {name}", low), to_fraction(f"box of {name}", high)
        if first > last:
            raise ParameterError(f"box of {name} must have low <= high. Got {low}:{high}; swap them.")
        ranges.append((first, last))
    return tuple(ranges)
