"""Where do bifurcation curves start? Guesses on a grid of samples, made points of a curve, kept if they are valid."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import flint
import numpy as np

from rdmf_theory.arithmetic.enclosure import precision
from rdmf_theory.arithmetic.zeros import BITS
from rdmf_theory.bifurcations.curve_tracing import Window, prove_point
from rdmf_theory.bifurcations.equations import DefiningSystem, clip_modes, conditions_of, float_modes
from rdmf_theory.bifurcations.roots import float_system, newton
from rdmf_theory.bifurcations.stability_samples import Samples, matches
from rdmf_theory.systems.point import SystemPoint

_FOLD_GUESSES = (-0.8, -0.4, 0.0, 0.4, 0.8)


@dataclass(frozen=True)
class Analysis:
    """What `analyse` needs of a window: the point, the axes, the grid of samples and the number of clips."""

    point: SystemPoint
    axes: tuple[str, str]
    window: Window
    clips: int | None

    def system(self, kind: str, mode: int | None = None, other: int | None = None) -> DefiningSystem:
        """The defining system of a curve or point in these axes."""
        modes: tuple[flint.arb, ...] = ()
        if self.clips is not None and mode is not None:
            with precision(BITS):
                all_modes = clip_modes(self.clips)
            modes = (all_modes[mode],) if other is None else (all_modes[mode], all_modes[other])
        return DefiningSystem(self.point, self.axes, conditions_of(kind, clips=self.clips is not None), modes)


def _tests(found: Samples, clips: int | None) -> list[tuple[str, int | None, np.ndarray]]:
    tests: list[tuple[str, int | None, np.ndarray]] = [
        ("saddle-node", None, found.determinant),
        ("hopf", None, found.trace),
    ]
    if clips is None:
        return [*tests, ("turing", None, found.band)]
    modes = found.modes(clips)
    return [*tests, *(("turing-mode", j, modes[..., j - 1]) for j in range(1, clips))]


def grid_seeds(
    found: Samples, values: Sequence[np.ndarray], analysis: Analysis
) -> Iterator[tuple[str, int | None, np.ndarray]]:
    """Guesses (u, v, x, y) on the edges of the grid, from sign changes and from states that vanish."""
    index = np.arange(values[0].size * values[1].size).reshape(values[0].size, values[1].size)
    edges = np.concatenate(
        [
            np.stack((index[:-1].ravel(), index[1:].ravel()), axis=1),
            np.stack((index[:, :-1].ravel(), index[:, 1:].ravel()), axis=1),
        ]
    )
    places = np.stack([m.ravel() for m in np.meshgrid(*values, indexing="ij")], axis=1)
    a, b = edges.T
    pairs = matches(found.states[a], found.states[b], analysis.window.scale[:2])
    rows, columns = np.nonzero(pairs >= 0)
    other = pairs[rows, columns]
    tests = _tests(found, analysis.clips)
    for kind, mode, test in tests:
        before, after = test[a[rows], columns], test[b[rows], other]
        for i in np.flatnonzero((before * after <= 0) & ((before != 0) | (after != 0))):
            share = before[i] / (before[i] - after[i])
            ends = [
                np.array([*found.states[at[rows[i]], which[i]], *places[at[rows[i]]]])
                for at, which in ((a, columns), (b, other))
            ]
            yield kind, mode, (1 - share) * ends[0] + share * ends[1]
    yield from _fold_seeds(found, tests, places, (a, b), pairs)


def _fold_seeds(
    found: Samples, tests: list[Any], places: np.ndarray, edges: tuple[np.ndarray, np.ndarray], pairs: np.ndarray
) -> Iterator[tuple[str, int | None, np.ndarray]]:
    """Guesses where two states vanish along an edge: the saddle-node, and what happens on the way to it."""
    alive = np.isfinite(found.states[..., 0])
    taken = np.zeros(pairs.shape, dtype=bool)
    rows, columns = np.nonzero(pairs >= 0)
    taken[rows, pairs[rows, columns]] = True
    folds = 0
    for here, there, lonely in (
        (edges[0], edges[1], alive[edges[0]] & (pairs < 0)),
        (edges[1], edges[0], alive[edges[1]] & ~taken),
    ):
        for row in np.flatnonzero(lonely.sum(axis=1) >= 2):
            folds += 1
            for s, t in combinations(np.flatnonzero(lonely[row]), 2):
                first, second = found.states[here[row], s], found.states[here[row], t]
                outside = (places[here[row]] + places[there[row]]) / 2
                yield "saddle-node", None, np.array([*(first + second) / 2, *outside])
                if folds % 4:
                    continue
                for kind, mode, test in tests[1:]:
                    if test[here[row], s] * test[here[row], t] > 0:
                        continue
                    for share in _FOLD_GUESSES:
                        # the two states lie on a parabola whose vertex is the saddle-node
                        state = (first + second) / 2 + share * (second - first) / 2
                        yield kind, mode, np.array([*state, *(places[here[row]] * share**2 + outside * (1 - share**2))])


def starting_points(analysis: Analysis, kind: str, mode: int | None, guess: np.ndarray) -> Iterator[np.ndarray]:
    """The valid point of a curve near a guess, if there is one: nearest in the sense of Newton's shortest steps."""
    window = analysis.window
    scale = window.around(guess)
    found = newton(*float_system(analysis.system(kind, mode)), guess, scale, most=20)
    if found is None:
        return
    for index, edges in enumerate(zip(window.low, window.high, strict=True)):
        for edge in edges:
            if abs(found[2 + index] - edge) < 1e-14 * window.scale[2 + index]:
                found[2 + index] = edge
    if window.outside(found) is not None:
        return
    if np.linalg.norm((found - guess) / scale) > 0.2:
        return
    concentrations = [i for i, symbol in enumerate(analysis.point.system.species) if symbol.is_nonnegative]
    if any(found[i] < -1e-12 for i in concentrations):
        return
    guard = guard_of(analysis, kind, mode)
    # arcs of modes start at corners, where the guard vanishes
    if guard is not None and not guard(found) > (-1e-9 if mode is not None else 0):
        return
    # where one parameter value has a whole line of states, the point is on no curve
    if prove_point(analysis.system(kind, mode), found, window).certified:
        yield found


def guard_of(analysis: Analysis, kind: str, mode: int | None) -> Callable[[np.ndarray], float] | None:
    """What must stay positive along a curve."""
    system = DefiningSystem(analysis.point, analysis.axes, ())
    if kind == "hopf":
        return lambda x: float(system.test("determinant", list(x)))
    if kind == "turing":

        def spread(x: np.ndarray) -> float:
            D_u, D_v = system.diffusion(list(x))
            # without diffusion of both species there is no finite critical wavenumber
            return float(system.test("spread", list(x))) if D_u * D_v > 0 else -1.0

        return spread
    if kind == "turing-mode":
        return lambda x: float(other_modes(analysis, x, mode).min())
    return None


def other_modes(analysis: Analysis, x: np.ndarray, mode: int | None) -> np.ndarray:
    """`det(J - mu_j D)`, j = 1..T-1, relative to the size of its terms, infinity for `mode` itself."""
    assert analysis.clips is not None
    system = DefiningSystem(analysis.point, analysis.axes, ())
    mu = float_modes(analysis.clips)[1:]
    determinant, spread = (float(system.test(name, list(x))) for name in ("determinant", "spread"))
    D_u, D_v = system.diffusion(list(x))
    size = abs(determinant) + abs(spread) * mu + D_u * D_v * mu**2
    values = (determinant - spread * mu + D_u * D_v * mu**2) / np.where(size == 0, 1, size)
    if mode is not None:
        values[mode - 1] = np.inf
    return values
