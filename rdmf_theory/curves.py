"""Which bifurcation curves cross a window of two parameters? Seeds on a grid, traced, every point proved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import flint
import numpy as np

from rdmf_theory.bifurcation_record import Bifurcation, describe
from rdmf_theory.bifurcation_roots import find_root, float_system, newton
from rdmf_theory.bifurcations import DefiningSystem, clip_modes, conditions_of, float_modes, require_two_species
from rdmf_theory.curve_tracing import Traced, Window, prove_point, trace
from rdmf_theory.enclosure import precision
from rdmf_theory.errors import ParameterError
from rdmf_theory.lines import axis_range
from rdmf_theory.stability_samples import Samples, matches, sample
from rdmf_theory.state_search import BITS
from rdmf_theory.system_point import SystemPoint
from rdmf_theory.turing import Rational

AxisRange = tuple[str, Rational, Rational]

_SAME_CURVE = 2e-3
_FOLD_GUESSES = (-0.8, -0.4, 0.0, 0.4, 0.8)


@dataclass(frozen=True)
class BifurcationCurve:
    """A curve of bifurcations in two parameters.

    Arguments:
        kind: a key of `bifurcations.CURVES`.
        axes: names of the two parameters.
        points: in order along the curve.
        closed: whether the last point is the first.
        ends: why the curve ends on each side: "window", an edge of the domain such as "k = 0", the name of a
            bifurcation of codimension two, "domain" (a concentration reaches 0), "singular" or "long".
        mode: mode number on the clip axis.
    """

    kind: str
    axes: tuple[str, str]
    points: tuple[Bifurcation, ...]
    closed: bool
    ends: tuple[str, str]
    mode: int | None = None

    @property
    def values(self) -> np.ndarray:
        """Parameter values, shape (n, 2)."""
        return np.array([[point.values[name] for name in self.axes] for point in self.points])

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready dictionary."""
        mode = {} if self.mode is None else {"mode": self.mode}
        points = [{k: v for k, v in point.to_dict().items() if k not in ("kind", "mode")} for point in self.points]
        return {"kind": self.kind, **mode, "closed": self.closed, "ends": list(self.ends), "points": points}


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


def window_of(point: SystemPoint, x: AxisRange, y: AxisRange) -> tuple[tuple[str, str], np.ndarray, np.ndarray]:
    """Checked names and ends of two axes.

    Raises: ParameterError if an axis is bad or both are the same.
    """
    require_two_species(point.system)
    (first, *ends_x), (second, *ends_y) = axis_range(point, *x), axis_range(point, *y)
    if first == second:
        raise ParameterError(f"the two axes must differ. Got {first} twice; choose another parameter for y.")
    low, high = np.array([[a, b] for a, b in zip(ends_x, ends_y, strict=True)])
    return (first, second), low, high


def curves_in_window(
    point: SystemPoint,
    x: AxisRange,
    y: AxisRange,
    *,
    clips: int | None = None,
    grid: int = 40,
    progress: Callable[[str], None] | None = None,
) -> tuple[list[BifurcationCurve], Analysis]:
    """All bifurcation curves in a window of two parameters or diffusions.

    Arguments:
        point: all other values.
        x, y: (name, low, high) of the axes.
        clips: None for a continuous axis; T for T clips: Turing curves are then arcs of single modes, as far as no
            other mode has grown before. They are the layer's too, by the transfer theorem.
        grid: seeds are sought on a grid of this many values per axis; curves that pass between are missed.
        progress: called with a word on every curve.
    Returns: the curves, and the analysis that `points` continues with.
    """
    axes, low, high = window_of(point, x, y)
    values = [np.linspace(a, b, grid) for a, b in zip(low, high, strict=True)]
    mesh = np.meshgrid(*values, indexing="ij")
    found = sample(point, axes, {name: m.ravel() for name, m in zip(axes, mesh, strict=True)})
    analysis = Analysis(point, axes, Window(low, high, np.array([*found.scale, *(high - low)])), clips)
    traced: list[tuple[str, int | None, Traced, tuple[str, str]]] = []
    seeds = list(_grid_seeds(found, values, analysis))
    while seeds:
        kind, mode, guess = seeds.pop(0)
        for start in _starts(analysis, kind, mode, guess):
            if any(k == kind and m == mode and t.near(start, analysis.window, _SAME_CURVE) for k, m, t, _ in traced):
                continue
            if progress is not None:
                progress(kind if mode is None else f"{kind} {mode}")
            piece = trace(analysis.system(kind, mode), start, analysis.window, _guard(analysis, kind, mode))
            piece, ends, more = _finish(analysis, kind, mode, piece)
            traced.append((kind, mode, piece, ends))
            seeds = more + seeds
    order = ("saddle-node", "hopf", "turing", "turing-mode")
    traced.sort(key=lambda item: (order.index(item[0]), item[1] or 0))
    curves = [_curve(analysis, *item) for item in traced]
    return [curve for curve in curves if len(curve.points) > 1], analysis


def _curve(analysis: Analysis, kind: str, mode: int | None, piece: Traced, ends: tuple[str, str]) -> BifurcationCurve:
    system = analysis.system(kind, mode)
    roots = [prove_point(system, x, analysis.window) for x in piece.points]
    names = list(ends)
    # towards a singular point, where several families of states meet, the last steps cannot be proved
    for side in (0, -1):
        while roots and not roots[side].certified:
            roots.pop(side)
            names[side] = "singular"
    points = tuple(describe(system, kind, root, mode, analysis.clips) for root in roots)
    return BifurcationCurve(kind, analysis.axes, points, piece.closed, (names[0], names[1]), mode)


def _tests(found: Samples, clips: int | None) -> list[tuple[str, int | None, np.ndarray]]:
    tests: list[tuple[str, int | None, np.ndarray]] = [
        ("saddle-node", None, found.determinant),
        ("hopf", None, found.trace),
    ]
    if clips is None:
        return [*tests, ("turing", None, found.band)]
    modes = found.modes(clips)
    return [*tests, *(("turing-mode", j, modes[..., j - 1]) for j in range(1, clips))]


def _grid_seeds(
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


def _starts(analysis: Analysis, kind: str, mode: int | None, guess: np.ndarray) -> Iterator[np.ndarray]:
    """The valid point of a curve near a guess, if there is one: nearest in the sense of Newton's shortest steps."""
    window = analysis.window
    found = newton(*float_system(analysis.system(kind, mode)), guess, window.scale, most=20)
    if found is None:
        return
    for index, edges in enumerate(zip(window.low, window.high, strict=True)):
        for edge in edges:
            if abs(found[2 + index] - edge) < 1e-14 * window.scale[2 + index]:
                found[2 + index] = edge
    if window.outside(found) is not None:
        return
    if np.linalg.norm((found - guess) / window.scale) > 0.2:
        return
    concentrations = [i for i, symbol in enumerate(analysis.point.system.species) if symbol.is_nonnegative]
    if any(found[i] < -1e-12 for i in concentrations):
        return
    guard = _guard(analysis, kind, mode)
    # arcs of modes start at corners, where the guard vanishes
    if guard is not None and not guard(found) > (-1e-9 if mode is not None else 0):
        return
    # where one parameter value has a whole line of states, the point is on no curve
    if prove_point(analysis.system(kind, mode), found, window).certified:
        yield found


def _guard(analysis: Analysis, kind: str, mode: int | None) -> Callable[[np.ndarray], float] | None:
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


def _edge(analysis: Analysis, x: np.ndarray) -> str:
    """The edge of the parameters' domain on which a curve ends, such as "k = 0", or "window"."""
    for index, name in enumerate(analysis.axes):
        symbol = next(s for s in analysis.point.system.symbols if s.name == name)
        if symbol.is_nonnegative and x[2 + index] == 0:
            return f"{name} = 0"
    return "window"


def _finish(
    analysis: Analysis, kind: str, mode: int | None, piece: Traced
) -> tuple[Traced, tuple[str, str], list[tuple[str, int | None, np.ndarray]]]:
    """Extend guarded ends to the point of codimension two that ends them; new seeds for modes that take over there."""
    points, ends, seeds = list(piece.points), list(piece.ends), []
    corner = {"hopf": "bogdanov-takens", "turing": "long-wave", "turing-mode": "turing-turing"}
    for side in (0, 1):
        last = points[0 if side == 0 else -1]
        if ends[side] == "window":
            ends[side] = _edge(analysis, last)
        if ends[side] != "guard":
            continue
        other = int(other_modes(analysis, last, mode).argmin()) + 1 if kind == "turing-mode" else None
        system = analysis.system(corner[kind], mode, other)
        root = find_root(system, last, analysis.window.scale)
        near = root is not None and np.linalg.norm((root.values - last) / analysis.window.scale) < 0.05
        if root is None or not near or analysis.window.outside(root.values) is not None:
            ends[side] = "singular"
            continue
        ends[side] = corner[kind]
        points.insert(0 if side == 0 else len(points), root.values)
        if kind == "turing-mode":
            seeds.append((kind, other, root.values))
    return Traced(np.array(points), piece.ends), (ends[0], ends[1]), seeds
