"""Where are the homogeneous steady states? All of them in a box, each proved to exist and to be alone there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import flint
import numpy as np

from rdmf_theory.errors import ParameterError
from rdmf_theory.state_search import Ranges, find_zeros
from rdmf_theory.system_point import SystemPoint
from rdmf_theory.turing import to_fraction


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
    point: SystemPoint, box: Mapping[str, Any] | Sequence[Any] | None = None
) -> list[EnclosedState]:
    """All homogeneous steady states of a system in a closed box, sorted by their coordinates.

    Arguments:
        point: the system with all its values.
        box: (low, high) per species, by name or in order; finite numbers.
    Returns: certified states, and every part of the box that could not be decided as a state with `certified` False.
    Raises: ParameterError for a bad box.
    """
    ranges = _ranges(point, box)

    def function(balls: list[flint.arb]) -> list[flint.arb]:
        return point.reaction(balls)

    def jacobian(balls: list[flint.arb]) -> list[list[flint.arb]]:
        return point.jacobian(balls)

    search = find_zeros(function, jacobian, ranges)
    states = [EnclosedState(zero.box) for zero in search.zeros]
    for part in search.undecided:
        balls = tuple(_ball(low, high) for low, high in part)
        states.append(EnclosedState(balls, certified=False, reason="no test decides this box; ask for a smaller one"))
    return sorted(states, key=lambda state: tuple(state.mid))


def _ball(low: Fraction, high: Fraction) -> flint.arb:
    from rdmf_theory.enclosure import ball

    return ball(low, high)


def _ranges(point: SystemPoint, box: Mapping[str, Any] | Sequence[Any] | None) -> Ranges:
    names = [symbol.name for symbol in point.system.species]
    if box is None:
        raise ParameterError("box must give (low, high) for every species. Got none; add --box NAME=LOW:HIGH.")
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
