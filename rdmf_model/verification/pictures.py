"""What does a verification look like? What the trained channels grow, the wavelengths they learned, the margins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from rdmf_model.constraints.base import COORDINATES
from rdmf_model.properties import ModelUnderTest, PropertyResult
from rdmf_model.properties.inputs import Text
from rdmf_model.properties.spacetime import SpaceTime
from rdmf_theory.chart import PatternDesign
from rdmf_theory.layer.step import multiplier
from rdmf_theory.support.figures import DARK, LIGHT, MIDDLE, STYLE

TEXTS = 32
"""Texts whose designs are shown, the run's own first."""


@torch.no_grad()
def trained_designs(tested: ModelUnderTest) -> np.ndarray:
    """Designs that the model emits for `TEXTS` texts, all channels: (texts * C, 5)."""
    kind = "run" if tested.embeddings else "data"
    found = [tested.design(Text(kind, 6, 1.0, seed)).coordinates()[0] for seed in range(TEXTS)]
    return torch.cat(found).double().numpy()


def gains(designs: np.ndarray, wavelengths: np.ndarray, steps: int) -> np.ndarray:
    """Factor by which each design grows a wave of each length in `steps` steps: (designs, wavelengths)."""
    columns = [column[:, None] for column in designs.T]
    mu = 4 * np.sin(np.pi / wavelengths) ** 2
    return multiplier(PatternDesign(*columns).parameters(), mu) ** steps


def plot_dispersion(tested: ModelUnderTest, designs: np.ndarray) -> Figure:
    """What the trained channels grow over the layer's steps, on top of what the region allows."""
    region = tested.layer.constraint.region
    wavelengths = np.geomspace(max(2.0, 0.4 * region.lower[3]), 3 * region.upper[3], 240)
    rng = np.random.default_rng(0)
    low, high = np.array(region.lower), np.array(region.upper)
    allowed = gains(low + (high - low) * rng.random((4000, len(COORDINATES))), wavelengths, tested.steps)
    trained = gains(designs[rng.permutation(len(designs))[:2000]], wavelengths, tested.steps)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 3.4), layout="constrained")
        axis = figure.subplots()
        axis.fill_between(wavelengths, allowed.min(0), allowed.max(0), color=LIGHT, alpha=0.5, lw=0, label="region")
        for row in trained[:12]:
            axis.plot(wavelengths, row, color=DARK, lw=0.5, alpha=0.5)
        axis.plot([], [], color=DARK, lw=0.5, alpha=0.5, label="single channels")
        axis.plot(wavelengths, np.median(trained, 0), color=MIDDLE, lw=2, label="median channel")
        axis.axhline(1.0, color="0.4", lw=0.8, ls="--", label="neither grows nor decays")
        axis.set(xscale="log", yscale="log", xlabel="wavelength (clips)", ylabel=f"gain over {tested.steps} steps")
        axis.set_xlim(wavelengths[0], wavelengths[-1])
        axis.set_ylim(max(1e-3, 0.8 * float(trained.min())), 1.3 * float(allowed.max()))
        ticks = [x for x in (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128) if wavelengths[0] <= x <= wavelengths[-1]]
        axis.set_xticks(ticks, [str(x) for x in ticks])
        axis.minorticks_off()
        axis.legend(loc="lower right")
    return figure


def plot_wavelengths(tested: ModelUnderTest, designs: np.ndarray, statistics: dict[str, Any] | None) -> Figure:
    """Wavelengths that the channels chose, and twice the lengths of the data's windows, which call for them."""
    region = tested.layer.constraint.region
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 3.2), layout="constrained")
        axis = figure.subplots()
        bins = np.geomspace(region.lower[3], region.upper[3], 17)
        share = np.full(len(designs), 100.0 / len(designs))
        axis.hist(designs[:, 3], bins=bins.tolist(), weights=share, color=DARK, label="trained channels")
        axis.axvspan(region.lower[3], region.upper[3], color=LIGHT, alpha=0.4, lw=0, zorder=0, label="region")
        right = region.upper[3]
        if statistics is not None:
            lengths = {float(name): 2 * float(value) for name, value in statistics["lengths"].items()}
            right = max(right, *lengths.values())
            top = axis.get_ylim()[1]
            for number, (quantile, wavelength) in enumerate(lengths.items()):
                axis.axvline(wavelength, color=MIDDLE, lw=1.2, ls="--")
                place = (wavelength, top * (1.02 + 0.07 * (number % 2)))
                axis.annotate(f"{quantile:.0%}", place, color="0.2", fontsize=7, ha="center", annotation_clip=False)
            axis.plot([], [], color=MIDDLE, lw=1.2, ls="--", label="twice the data's windows, by quantile")
        axis.set(xlabel="wavelength (clips)", ylabel="channels (%)")
        axis.set_xlim(0, 1.05 * right)
        figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def plot_margins(results: Sequence[PropertyResult]) -> Figure:
    """The least margin that each property met, on a scale that shows small and large ones."""
    measured = [result for result in results if result.worst is not None and np.isfinite(result.worst[1])]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 0.5 + 0.22 * max(len(measured), 4)), layout="constrained")
        axis = figure.subplots()
        for row, result in enumerate(reversed(measured)):
            part, margin = result.worst or ("", 0.0)
            color, marker = (DARK, "o") if result.holds else (MIDDLE, "X")
            axis.plot([0, margin], [row, row], color=color, lw=1.0)
            axis.plot(margin, row, marker, color=color, ms=5)
            axis.annotate(
                f"{part} {margin:.2g}", (1.01, row), xycoords=("axes fraction", "data"), va="center", fontsize=7
            )
        axis.axvline(0, color="0.4", lw=0.8)
        axis.set_yticks(range(len(measured)), [result.prop.name for result in reversed(measured)])
        axis.set_xscale("symlog", linthresh=1e-6, linscale=0.3)
        ends = [result.worst[1] for result in measured if result.worst is not None]
        axis.set_xlim(min(-1e-6, 3 * min(ends, default=0.0)), max(1.0, 3 * max(ends, default=1.0)))
        axis.set_xlabel("least margin met (each in its own unit; a cross is a violation)")
    return figure


def plot_spacetime(found: SpaceTime) -> Figure:
    """Both fields of a counter-example over steps and clips."""
    steps, clips = found.u.shape[0] - 1, found.u.shape[1]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 2.8), layout="constrained")
        for axis, field, name in zip(
            figure.subplots(1, 2), (found.u, found.v), ("substrate $u$", "activator $v$"), strict=True
        ):
            image = axis.imshow(
                np.ma.masked_invalid(field.T),
                origin="lower",
                aspect="auto",
                cmap="cividis",
                interpolation="nearest",
                extent=(-0.5, steps + 0.5, -0.5, clips - 0.5),
            )
            axis.set_facecolor("white")
            figure.colorbar(image, ax=axis, label=name, pad=0.02)
            axis.set(xlabel="step $n$", ylabel="clip $t$")
            axis.yaxis.set_major_locator(MaxNLocator(integer=True))
        figure.suptitle(f"channel {found.channel}; white: not a number", fontsize=8)
    return figure
