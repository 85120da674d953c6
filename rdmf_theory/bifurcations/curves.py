"""Which bifurcation curves cross a window of two parameters? Seeds on a grid, traced, every point proved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rdmf_theory.arithmetic.rational import Rational
from rdmf_theory.bifurcations.curve_seeds import Analysis, grid_seeds, guard_of, other_modes, starting_points
from rdmf_theory.bifurcations.curve_tracing import Traced, Window, prove_point, trace
from rdmf_theory.bifurcations.equations import require_two_species
from rdmf_theory.bifurcations.lines import axis_range
from rdmf_theory.bifurcations.record import Bifurcation, describe
from rdmf_theory.bifurcations.roots import find_root
from rdmf_theory.bifurcations.stability_samples import sample
from rdmf_theory.errors import ParameterError
from rdmf_theory.systems.point import SystemPoint

AxisRange = tuple[str, Rational, Rational]

_SAME_CURVE = 2e-3


@dataclass(frozen=True)
class BifurcationCurve:
    """A curve of bifurcations in two parameters.

    Arguments:
        kind: a key of `equations.CURVES`.
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
    seeds = list(grid_seeds(found, values, analysis))
    while seeds:
        kind, mode, guess = seeds.pop(0)
        for start in starting_points(analysis, kind, mode, guess):
            if any(k == kind and m == mode and t.near(start, analysis.window, _SAME_CURVE) for k, m, t, _ in traced):
                continue
            if progress is not None:
                progress(kind if mode is None else f"{kind} {mode}")
            piece = trace(analysis.system(kind, mode), start, analysis.window, guard_of(analysis, kind, mode))
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
        scale = analysis.window.around(last)
        root = find_root(system, last, scale)
        near = root is not None and np.linalg.norm((root.values - last) / scale) < 0.05
        if root is None or not near or analysis.window.outside(root.values) is not None:
            ends[side] = "singular"
            continue
        ends[side] = corner[kind]
        points.insert(0 if side == 0 else len(points), root.values)
        if kind == "turing-mode":
            seeds.append((kind, other, root.values))
    return Traced(np.array(points), piece.ends), (ends[0], ends[1]), seeds
