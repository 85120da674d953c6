"""How many points does a pattern on an interval need? Grids refined until special points and cosine tails agree.

Cosine collocation converges faster than any power where a state is smooth, so two grids that agree leave little doubt,
and a grid that is too coarse shows: its last cosine coefficients are not small, and folds, Hopf points or whole
branches move or vanish on the next one. What is reported comes from the finest grid, with its change from the one
before as the error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import process_time
from typing import Any

import numpy as np

from rdmf_theory.patterns.branch_explorer import Branch
from rdmf_theory.patterns.branches import Diagram, choose_points, explore
from rdmf_theory.patterns.equations import PatternProblem, interval_axis
from rdmf_theory.patterns.homogeneous_branch import follow_homogeneous

LEAST, MOST = 32, 256
"""Fewest and most points of a grid; the eigenvalues of 256 points are a tenth of a second for each state."""

AGREE = 1e-8
"""Change of a special point, over the range, at which two grids agree."""

TAIL = 1e-6
"""Share of the last sixth of the cosine coefficients below which a state is resolved."""

_GROWTH = 1.5


@dataclass(frozen=True)
class Resolution:
    """A diagram with what its grid is worth.

    Arguments:
        diagram: on the finest grid.
        grids: numbers of points that were used, in order.
        tail: largest share of the last sixth of the cosine coefficients of any state.
        errors: per branch and event, its change from the grid before; None where that grid does not have it.
        vanished: special points of the grid before that the finest one does not have.
    """

    diagram: Diagram
    grids: tuple[int, ...]
    tail: float
    errors: tuple[tuple[float | None, ...], ...]
    vanished: int

    @property
    def resolved(self) -> bool:
        """Whether the two finest grids agree and every state is smooth on the last one."""
        size = self.diagram.bounds[1] - self.diagram.bounds[0]
        agree = all(error is not None and error <= AGREE * size for row in self.errors for error in row)
        return agree and not self.vanished and self.tail <= TAIL

    def digits(self, branch: int, event: int) -> int:
        """How many digits of an event's parameter the two finest grids have in common, 1 to 10; 0 if not even one."""
        error, value = self.errors[branch][event], self.diagram.branches[branch].events[event].p
        if error is None:
            return 0
        if error == 0:
            return 10
        return int(np.clip(math.floor(-math.log10(error / max(abs(value), 1e-300))), 0, 10))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "grids": list(self.grids),
            "tail": self.tail,
            "resolved": self.resolved,
            "vanished": self.vanished,
            "errors": [list(row) for row in self.errors],
        }


def explore_interval(
    problem: PatternProblem,
    state: np.ndarray,
    p: float,
    bounds: tuple[float, float],
    *,
    points: int | None = None,
    seconds: float = 60.0,
    modes: Sequence[int] | None = None,
    most: int = 4,
    progress: Callable[[str], None] = lambda text: None,
    **options: Any,
) -> Resolution:
    """`branches.explore` on an interval, on finer and finer grids until two agree.

    Arguments:
        problem: on an interval; its number of points is not used.
        state, p, bounds, modes, most, progress, options: as in `explore`.
        points: of the first grid; None: six for each half-wave of the highest mode that is followed, at least 32.
        seconds: no grid is begun that would probably end later, in processor time.
    Returns: `Resolution`; at least two grids are used.
    """
    length = problem.axis.length
    if points is None:
        flat = follow_homogeneous(replace(problem, axis=interval_axis(length, MOST)), state, p, bounds)
        highest = max((point.mode for point in choose_points(flat, modes, most)), default=0)
        points = min(MOST, max(LEAST, 6 * highest + 12))
    grids, started, before, found = [], process_time(), None, None
    while True:
        begun = process_time()
        grids.append(points)
        refined = replace(problem, axis=interval_axis(length, points))
        before, found = found, explore(refined, state, p, bounds, modes=modes, most=most, progress=progress, **options)
        if before is not None:
            result = _compared(before, found, tuple(grids))
            finer = math.ceil(_GROWTH * points)
            cost = (process_time() - begun) * _GROWTH**3
            if result.resolved or finer > 2 * MOST or process_time() - started + cost > seconds:
                return result
        points = math.ceil(_GROWTH * points)


def cosine_tail(problem: PatternProblem, x: np.ndarray) -> float:
    """Share of the last sixth of a state's cosine coefficients: largest over the largest, worst species."""
    from scipy.fft import dct

    coefficients = np.abs(np.asarray(dct(problem.fields(x), axis=0, norm="ortho")))
    last = max(len(coefficients) // 6, 1)
    return float((coefficients[-last:].max(axis=0) / np.maximum(coefficients.max(axis=0), 1e-300)).max())


def _compared(before: Diagram, after: Diagram, grids: tuple[int, ...]) -> Resolution:
    tails = [cosine_tail(after.problem, state.x) for branch in after.branches for state in branch.states]
    errors, vanished = [], 0
    for branch in after.branches:
        twins = [other for other in before.branches if (other.name, other.start == branch.start) == (branch.name, True)]
        twins = twins or [other for other in before.branches if other.name == branch.name]
        row, left = _matched(branch, twins[0] if twins else None)
        errors.append(row)
        vanished += left
    vanished += sum(
        len(other.events) for other in before.branches if other.name not in {b.name for b in after.branches}
    )
    return Resolution(after, grids, max(tails, default=0.0), tuple(errors), vanished)


def _matched(branch: Branch, twin: Branch | None) -> tuple[tuple[float | None, ...], int]:
    """Distances of a branch's events from the nearest of their kind on its twin; how many of the twin's are left."""
    free = list(twin.events) if twin is not None else []
    row: list[float | None] = []
    for event in branch.events:
        same = [other for other in free if other.kind == event.kind and other.unstable == event.unstable]
        if not same:
            row.append(None)
            continue
        nearest = min(same, key=lambda other: abs(other.p - event.p))
        # by identity: events hold arrays, which == cannot compare
        free = [other for other in free if other is not nearest]
        row.append(abs(nearest.p - event.p))
    return tuple(row), len(free)
