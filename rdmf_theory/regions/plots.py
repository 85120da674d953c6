"""Pictures of regions in the plane: the exact area at a fixed ratio, and a certified paving with its boxes."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import matplotlib as mpl
import numpy as np
import sympy as sp
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from rdmf_theory.errors import ParameterError
from rdmf_theory.regions.area import Area, bogdanov_takens, turing_hopf, turing_substrate
from rdmf_theory.regions.boxes import Boxes, Paving
from rdmf_theory.support.figures import DARK, LIGHT, MIDDLE, STYLE


def plot_paving(paving: Paving, names: tuple[str, str], title: str = "") -> Figure:
    """The boxes of a paving of a plane region, zoomed to the part that is not outside.

    Inner boxes are dark, boundary boxes black, outer boxes white with grey edges: legible in greyscale.

    Arguments:
        paving: of two coordinates; names: of the axes, with units; title: above the picture.
    Raises: ParameterError if the paving is not plane, or nothing of it is inside or undecided.
    """
    if len(paving.lower) != 2:
        raise ParameterError(f"paving must have 2 coordinates to be drawn. Got {len(paving.lower)}.")
    shown = [boxes for boxes in (paving.inner, paving.boundary) if len(boxes)]
    if not shown:
        raise ParameterError("paving must hold inner or boundary boxes to be drawn. Got an empty region.")
    # undecided crumbs far from the region would spoil the zoom
    focus = paving.inner if len(paving.inner) else paving.boundary
    low, high = focus.lower.min(axis=0), focus.upper.max(axis=0)
    margin = 0.06 * (high - low)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 3.8), layout="constrained")
        axis = figure.subplots()
        kinds = (
            ("outer", paving.outer, {"facecolor": "white", "edgecolor": "0.75", "linewidth": 0.4}),
            ("inner", paving.inner, {"facecolor": LIGHT, "edgecolor": DARK, "linewidth": 0.3}),
            ("boundary", paving.boundary, {"facecolor": "black", "edgecolor": "black", "linewidth": 0.3}),
        )
        for name, boxes, style in kinds:
            axis.add_collection(PolyCollection(_corners(boxes), label=f"{name} ({len(boxes)})", **style))
        axis.set_xlim(low[0] - margin[0], high[0] + margin[0])
        axis.set_ylim(low[1] - margin[1], high[1] + margin[1])
        axis.set_xlabel(names[0])
        axis.set_ylabel(names[1])
        axis.set_title(title or f"certified: {paving.volume[0]:.6g} ≤ area ≤ {paving.volume[1]:.6g}")
        figure.legend(loc="outside lower center", ncols=3)
    return figure


def _corners(boxes: Boxes) -> Any:
    """Corner points of every box, shape (n, 4, 2)."""
    (x, y), (X, Y) = boxes.lower.T, boxes.upper.T
    return np.stack([np.stack(corner, axis=1) for corner in ((x, y), (X, y), (X, Y), (x, Y))], axis=1)


def plot_region(area: Area) -> Figure:
    """The Turing region at a fixed ratio d in the (F, k) plane, and the same region seen from the saddle-node curve.

    Left: feed rate F against kill rate k, with the saddle-node, Hopf and Turing curves and the named points. Right:
    how far k is below the saddle-node, where the thin region is visible.
    """
    d, s = float(area.d), float(area.s)
    last = min(d, 3 * d - np.sqrt(max(8 * d * (d - 1), 0.0)))
    z = np.linspace(1, last, 600)
    low = np.array([max(0.0, float(turing_substrate(area.d, Fraction(x)))) for x in z])
    high = np.minimum(0.5, 1 / z)
    cut = np.inf if area.F_max is None else float(area.F_max)

    def plane(u: Any, ratio: Any) -> tuple[Any, Any]:
        w = s * ratio * u**2 * (1 - u)
        return w * ratio * u, w * (1 - ratio * u)

    def below(F: Any, k: Any) -> Any:
        # the saddle-node is F = 4 (F + k)^2/s
        return np.sqrt(s * F) / 2 - F - k

    hopf_u = np.linspace(low[0], 0.5, 200)
    boundary = [plane(hopf_u, np.ones(200)), plane(high, z), tuple(x[::-1] for x in plane(low, z))]
    F, k = (np.concatenate([part[i] for part in boundary]) for i in (0, 1))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 3.5), layout="constrained")
        axes = figure.subplots(1, 2)
        for axis, transform in zip(axes, (lambda F, k: k, below), strict=True):
            polygon_F, polygon_k = _clip(F, transform(F, k), cut)
            axis.fill(polygon_F, polygon_k, color=LIGHT, lw=0, label="Turing region")
            u = np.linspace(1e-3, 0.5, 400) if axis is axes[0] else hopf_u
            axis.plot(*_curve(plane(u, np.ones_like(u)), transform), color="black", ls=":", label="Hopf, $z=1$")
            axis.plot(*_curve(plane(low, z), transform), color=MIDDLE, ls="--", label="Turing, $d=d_T$")
            grid = np.linspace(1e-5, 1.15 * F.max(), 500) if axis is axes[0] else np.linspace(F.min(), F.max(), 500)
            saddle = np.sqrt(s * grid) / 2 - grid
            axis.plot(*_curve((grid, saddle), transform), color=DARK, label="saddle-node")
            if np.isfinite(cut):
                axis.axvline(cut, color="0.4", lw=0.8, ls="-.", label=f"$F={cut:g}$")
            _points(axis, area, transform)
            axis.set_xlabel("feed rate $F$ (1/step)")
        axes[0].set_ylabel("kill rate $k$ (1/step)")
        axes[0].set_ylim(bottom=0)
        axes[0].set_xlim(left=0)
        axes[1].set_ylabel(r"$k_{\mathrm{SN}}(F) - k$ (1/step)")
        axes[0].set_title("in the plane of feed and kill rate")
        axes[1].set_title("as seen from the saddle-node $k_{\\mathrm{SN}}$")
        axes[1].ticklabel_format(axis="y", style="sci", scilimits=(0, 0), useMathText=True)
        handles, names = axes[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=len(names), columnspacing=1.2, handlelength=1.6)
        figure.suptitle(f"$d={area.d}$, $s={area.s}$: area ${_scientific(area.mid)}${_closed_form(area)}", fontsize=9)
    return figure


def _curve(point: tuple[Any, Any], transform: Any) -> tuple[Any, Any]:
    return point[0], transform(*point)


def _clip(F: np.ndarray, y: np.ndarray, cut: float) -> tuple[np.ndarray, np.ndarray]:
    """The polygon with F limited to `cut`: points beyond move back along their edges onto the line F = cut."""
    if not np.isfinite(cut) or F.max() <= cut:
        return F, y
    points = []
    for i in range(len(F)):
        a, b = (F[i - 1], y[i - 1]), (F[i], y[i])
        if (a[0] <= cut) != (b[0] <= cut):
            share = (cut - a[0]) / (b[0] - a[0])
            points.append((cut, a[1] + share * (b[1] - a[1])))
        if b[0] <= cut:
            points.append(b)
    columns = np.array(points if points else [(np.nan, np.nan)])
    return columns[:, 0], columns[:, 1]


def _points(axis: Any, area: Area, transform: Any) -> None:
    named = (("Turing-Hopf", turing_hopf(area.d, area.s), "o"), ("Bogdanov-Takens", bogdanov_takens(area.s), "s"))
    for name, point, marker in named:
        if point is not None:
            F, k = (float(x) for x in point)
            axis.plot([F], [transform(F, k)], marker, ms=5, mfc="white", mec="black", label=name, zorder=5)


def _scientific(number: float) -> str:
    """The number as mathtext, six digits."""
    mantissa, exponent = f"{number:.5e}".split("e")
    return rf"{mantissa}\times 10^{{{int(exponent)}}}"


def _closed_form(area: Area) -> str:
    """`= closed form`, where it is short enough for a title."""
    text = sp.latex(area.exact, fold_short_frac=True).replace(r"\log", r"\ln")
    return f" $= {text}$" if len(text) < 90 and "CRoot" not in text else ""
