"""Pictures of bifurcations: curves and points of codimension two in a window, or amplitudes along a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from rdmf_theory.bifurcations.curve_seeds import Analysis
from rdmf_theory.bifurcations.curves import BifurcationCurve
from rdmf_theory.bifurcations.points import CriticalPoint
from rdmf_theory.bifurcations.record import Bifurcation
from rdmf_theory.bifurcations.stability_samples import Samples, sample
from rdmf_theory.kinetics import GRAY_SCOTT, ReactionSystem
from rdmf_theory.regions.pave import Paving
from rdmf_theory.support.figures import DARK, LIGHT, MIDDLE, STYLE
from rdmf_theory.systems.point import SystemPoint

LINES: dict[str, dict[str, Any]] = {
    "saddle-node": {"color": "black", "ls": "-", "label": "saddle-node"},
    "hopf": {"color": DARK, "ls": ":", "lw": 2.0, "label": "Hopf"},
    "turing": {"color": MIDDLE, "ls": "--", "label": "Turing"},
    "turing-mode": {"color": MIDDLE, "ls": "--", "label": "Turing, first clip mode"},
}
MARKERS = {
    "bogdanov-takens": ("s", "Bogdanov-Takens"),
    "cusp": ("v", "cusp"),
    "bautin": ("D", "Bautin"),
    "turing-hopf": ("o", "Turing-Hopf"),
    "turing-turing": ("x", "Turing-Turing"),
    "turing-degenerate": ("^", "soft/hard Turing"),
    "long-wave": ("P", "long wave"),
}


def axis_label(name: str, system: ReactionSystem | None = None) -> str:
    """A parameter's name as mathematics, and its unit if `system` is given: diffusions, and the rates of Gray-Scott.

    The other built-in systems are dimensionless.
    """
    if system is not None:
        diffusion = name in [symbol.name for symbol in system.diffusions]
        unit = " (length$^2$/time)" if diffusion else " (1/time)" if system is GRAY_SCOTT else ""
        return axis_label(name) + unit
    head, _, index = name.partition("_")
    greek = {"epsilon": r"\varepsilon", "sigma": r"\sigma", "lambda": r"\lambda", "alpha": r"\alpha", "beta": r"\beta"}
    head = greek.get(head, head)
    return f"${head}_{{{index}}}$" if index else f"${head}$"


def plot_curves(
    curves: Sequence[BifurcationCurve],
    points: Sequence[CriticalPoint],
    analysis: Analysis,
    paving: Paving | None = None,
) -> Figure:
    """Bifurcation curves in two parameters, the points of codimension two on them, and the Turing region shaded.

    A curve is drawn strong where the state that bifurcates was stable, and faint where it was not.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.2, 4.4), layout="constrained")
        axis = figure.subplots()
        if paving is not None:
            _shade(axis, paving)
        seen: set[str] = set()
        for curve in curves:
            style = dict(LINES[curve.kind])
            label = style.pop("label")
            values = curve.values
            primary = np.array([point.primary for point in curve.points])
            # a segment is strong if both its ends are
            strong = primary[:-1] & primary[1:]
            for wanted, alpha in ((True, 1.0), (False, 0.45)):
                lines = _joined(values, strong == wanted)
                if len(lines):
                    axis.plot(*lines.T, alpha=alpha, label=None if label in seen else label, **style)
                    seen.add(label)
        for kind, (marker, name) in MARKERS.items():
            where = np.array([list(p.record.values.values()) for p in points if p.record.kind == kind])
            if len(where):
                axis.plot(*where.T, ls="", marker=marker, ms=6, mfc="white", mec="black", mew=1.2, label=name, zorder=5)
        axis.set_xlim(analysis.window.low[0], analysis.window.high[0])
        axis.set_ylim(analysis.window.low[1], analysis.window.high[1])
        axis.set_xlabel(axis_label(analysis.axes[0], analysis.point.system))
        axis.set_ylabel(axis_label(analysis.axes[1], analysis.point.system))
        axis.set_title(_title(analysis.point, analysis.axes, analysis.clips))
        if any(not point.primary for curve in curves for point in curve.points):
            axis.plot([], [], color="0.7", label="faint: was unstable already")
        handles, _ = axis.get_legend_handles_labels()
        if handles:
            figure.legend(loc="outside right upper", handlelength=2.2)
    return figure


def _joined(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The points of the chosen segments in order, with NaN rows where a segment is left out."""
    rows: list[Any] = []
    for i in np.flatnonzero(chosen):
        if not rows or i == 0 or not chosen[i - 1]:
            rows.extend([[np.nan, np.nan], values[i]])
        rows.append(values[i + 1])
    return np.array(rows).reshape(-1, 2)


def _shade(axis: Any, paving: Paving) -> None:
    """The inner boxes of a paving, filled: there every condition is proved."""
    from matplotlib.collections import PolyCollection

    (x0, y0), (x1, y1) = paving.inner.lower.T, paving.inner.upper.T
    corners = np.stack([np.stack(c, axis=1) for c in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))], axis=1)
    if len(corners):
        boxes: Any = list(corners)
        axis.add_collection(PolyCollection(boxes, facecolors=LIGHT, edgecolors="none", label="Turing region, proved"))


def _title(point: SystemPoint, axes: Sequence[str], clips: int | None) -> str:
    fixed = [f"{axis_label(name)} = {float(value):g}" for name, value in point.values.items() if name not in axes]
    where = [] if clips is None else [f"{clips} clips"]
    return ", ".join([point.system.name, *fixed, *where])


def plot_line(
    point: SystemPoint,
    axis_name: str,
    low: float,
    high: float,
    records: Sequence[Bifurcation],
    clips: int | None = None,
) -> Figure:
    """The first species' states along a parameter, stable or not, and where they bifurcate."""
    x = np.linspace(low, high, 1201)
    found = sample(point, (axis_name,), {axis_name: x})
    kinds = _stability(found, clips)
    styles = {
        "stable": {"color": "black", "ls": "-", "lw": 2.0, "label": "stable"},
        "pattern": {"color": MIDDLE, "ls": "--", "label": "unstable to patterns only"},
        "unstable": {"color": DARK, "ls": ":", "label": "unstable"},
    }
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.2, 3.6), layout="constrained")
        axis = figure.subplots()
        for kind, style in styles.items():
            style = dict(style)
            label: str | None = str(style.pop("label"))
            for branch in range(found.states.shape[1]):
                y = np.where(kinds[:, branch] == kind, found.states[:, branch, 0], np.nan)
                # another state may take this place in the sorted list: no line across its jump
                y[1:][np.abs(np.diff(found.states[:, branch, 0])) > 0.1 * (np.nanmax(np.abs(y), initial=0) + 1e-9)] = (
                    np.nan
                )
                if np.isfinite(y).any():
                    axis.plot(x, y, label=label, **style)
                    label = None
        names = {"saddle-node": "d", "hopf": "*", "turing": "o", "turing-mode": "o", "branch-point": "X"}
        for kind, marker in names.items():
            chosen = [r for r in records if r.kind == kind]
            if chosen:
                heights = [next(iter(r.state.values())) for r in chosen]
                label = LINES.get(kind, {"label": "branch point"})["label"]
                axis.plot(
                    [r.values[axis_name] for r in chosen],
                    heights,
                    ls="",
                    marker=marker,
                    ms=8 if marker == "*" else 6,
                    mfc="white",
                    mec="black",
                    label=label,
                    zorder=5,
                )
        axis.set_xlim(low, high)
        axis.set_xlabel(axis_label(axis_name, point.system))
        axis.set_ylabel(f"steady {axis_label(point.system.species[0].name)}")
        axis.set_title(_title(point, (axis_name,), clips))
        figure.legend(loc="outside right upper", handlelength=2.2)
    return figure


def _stability(found: Samples, clips: int | None) -> np.ndarray:
    """ "stable", "pattern" (stable without diffusion, unstable with it), "unstable" or "" per state."""
    alone = (found.determinant > 0) & (found.trace < 0)
    if clips is None:
        grows = (found.spread > 0) & (found.band > 0)
    else:
        grows = (found.modes(clips) < 0).any(axis=-1)
    exists = np.isfinite(found.states[..., 0])
    return np.select([~exists, ~alone, grows], ["", "unstable", "pattern"], "stable")
