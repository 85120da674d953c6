"""A picture of an answer: saliency, pattern and windows over time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rdmf_model.evaluation.localize import Localization
from rdmf_theory.errors import ParameterError

if TYPE_CHECKING:
    import numpy as np


def draw_timeline(
    result: Localization,
    path: Path,
    *,
    title: str = "",
    top: int = 5,
    thumbnails: Sequence[np.ndarray] = (),
    truth: Sequence[tuple[float, float]] = (),
) -> None:
    """Draw saliency, pattern, cuts and the best windows against time; the suffix of `path` (.png, .pdf, .svg) picks
    the format.

    Arguments:
        truth: annotated windows in seconds, a green bar below the curves.
        thumbnails: (height, width, 3) uint8 frames of equal size, shown in a row above the curves, each in its equal
            part of the time axis.

    Raises: ParameterError for a suffix that matplotlib cannot write, or a folder that does not exist.
    """
    import numpy as np
    from matplotlib.figure import Figure

    shown = result.windows[:top]
    heights = [3, 0.6 + 0.35 * max(len(shown), 1)]
    inches = 3.2 + 0.22 * max(len(shown), 1)
    if thumbnails:
        # as high as a row of frames is at the width of the axes, about 8.2 inches
        row = 8.2 / len(thumbnails) * thumbnails[0].shape[0] / thumbnails[0].shape[1]
        heights, inches = [row * sum(heights) / inches, *heights], inches + row
    figure = Figure(figsize=(9, inches), layout="constrained")
    *top_axes, curve_axes, window_axes = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    for axes in top_axes:
        width = result.duration / len(thumbnails)
        for column, frame in enumerate(thumbnails):
            axes.imshow(frame, extent=(column * width, (column + 1) * width, 0, 1), aspect="auto")
        axes.axis("off")
        axes.set_ylim(0, 1)
    edges = np.arange(len(result.saliency) + 1) * result.clip_length
    curve_axes.stairs(result.saliency, edges, baseline=None, color="#1f4e79", linewidth=1.6, label="saliency")
    curve_axes.set_ylabel("saliency score", color="#1f4e79")
    if result.pattern is not None:
        other = curve_axes.twinx()
        other.stairs(result.pattern, edges, baseline=None, color="#c0504d", linewidth=1.2, label="pattern")
        other.set_ylabel("pattern above base state", color="#c0504d")
        other.spines["top"].set_visible(False)
    notes = []
    across = curve_axes.get_xaxis_transform()
    if result.conductances:
        # bars that hang from the top, one per edge of two clips: full height where nothing passes
        depths = [1 - 0.15 * max(0.0, min(1.0, 1.0 - value)) for value in result.conductances]
        curve_axes.vlines(edges[1 : len(depths) + 1], depths, 1, colors="#555555", linewidth=1.6, transform=across)
        notes.append("grey bars: 1 - conductance, long at cuts")
    if truth:
        for start, end in truth:
            curve_axes.plot([start, end], [0.02, 0.02], transform=across, color="#2e8b57", linewidth=4)
        notes.append("green: annotated windows")
    if notes:
        text = "; ".join(notes)
        curve_axes.annotate(
            text, (1, 0), (0, -4), "axes fraction", "offset points", fontsize=7.5, color="#555555", ha="right", va="top"
        )
    for row, (start, end, score) in enumerate(shown):
        # the best window also shades the curve, so that the eye finds the moment at once
        if row == 0:
            curve_axes.axvspan(start, end, color="#f2c14e", alpha=0.25, linewidth=0)
        window_axes.barh(
            row, end - start, left=start, height=0.66, color="#f2c14e" if row == 0 else "#9db4c0", zorder=2
        )
        # the label stands right of the bar, near the right end left of it, and inside a bar that leaves no room
        near_end, near_start = end > 0.8 * result.duration, start < 0.25 * result.duration
        left = near_end and not near_start
        window_axes.annotate(
            f"{start:.1f} to {end:.1f} s, score {score:.2f}",
            (start if near_end else end, row),
            xytext=(-4 if left else 4, 0),
            textcoords="offset points",
            va="center",
            ha="right" if left else "left",
            fontsize=8,
        )
    if not shown:
        window_axes.text(0.5, 0.5, "no window", transform=window_axes.transAxes, ha="center", va="center")
    window_axes.set(xlabel="time (s)", ylabel="windows", yticks=[], xlim=(0, result.duration))
    window_axes.set_ylim(max(len(shown), 1) - 0.4, -0.6)
    window_axes.grid(axis="x", color="#dddddd", linewidth=0.6, zorder=0)
    for axes in (curve_axes, window_axes):
        axes.spines["top"].set_visible(False)
    window_axes.spines["right"].set_visible(False)
    if title:
        (top_axes or [curve_axes])[0].set_title(title, loc="left", fontsize=11)
    try:
        figure.savefig(path, dpi=150)
    except (ValueError, OSError) as error:
        raise ParameterError(
            f"--plot must be a file that can be written (.png, .pdf, .svg). Got {path} ({error})."
        ) from None
