"""A picture of a certified paving in the plane: inner, boundary and outer boxes."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from rdmf_theory.errors import ParameterError
from rdmf_theory.plots import DARK, LIGHT, STYLE
from rdmf_theory.regions.boxes import Boxes, Paving


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
