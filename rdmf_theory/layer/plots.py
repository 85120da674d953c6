"""Pictures that a paper would print: the region, the dispersion relation, a space-time picture.

Every curve differs by line style or marker as well as by colour, and colour maps are monotone in lightness, so that
the pictures survive a grey printer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from rdmf_theory.chart import Parameters
from rdmf_theory.dispersion import growth_rate, unstable_band
from rdmf_theory.layer.step import clip_eigenvalues, multiplier
from rdmf_theory.support.figures import DARK, LIGHT, MIDDLE, STYLE

if TYPE_CHECKING:
    from rdmf_theory.layer.simulate import Simulation


def plot_dispersion(parameters: Parameters, clips: int, h: float = 1.0) -> Figure:
    """Growth rate of the PDE over the wavenumber with the modes of the clip axis; multiplier of the layer's step."""
    low, high = unstable_band(parameters)
    mu_modes = clip_eigenvalues(clips)
    q_modes = 2 * np.arcsin(np.sqrt(mu_modes) / 2)
    limit = 1.7 * 2 * np.arcsin(np.sqrt(min(4.0, high)) / 2) if np.isfinite(high) else np.pi
    q = np.linspace(0, min(np.pi, limit), 800)
    mu = 4 * np.sin(q / 2) ** 2
    shown = q_modes <= q[-1]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 3.4), layout="constrained")
        axes = figure.subplots(1, 2)
        panels = (
            (growth_rate(parameters, mu), growth_rate(parameters, mu_modes), 0.0, r"growth rate $\lambda$ (1/step)"),
            (multiplier(parameters, mu, h), multiplier(parameters, mu_modes, h), 1.0, r"multiplier $\rho(G)$"),
        )
        for axis, (curve, points, threshold, label) in zip(axes, panels, strict=True):
            axis.axhline(threshold, color="0.6", lw=0.8)
            if np.isfinite(low):
                ends = [2 * np.arcsin(np.sqrt(min(x, 4.0)) / 2) for x in (low, high)]
                axis.axvspan(*ends, color=LIGHT, alpha=0.5, lw=0, label="unstable band")
            axis.plot(q, curve, color=DARK, label="continuous")
            grows = points > threshold
            for which, fill, name in ((grows, DARK, "mode grows"), (~grows, "white", "mode decays")):
                chosen = which & shown
                axis.plot(q_modes[chosen], points[chosen], "o", ms=4, mfc=fill, mec=DARK, mew=0.8, label=name)
            axis.set_xlabel("wavenumber $q$ (rad/clip)")
            axis.set_ylabel(label)
            axis.set_xlim(0, q[-1])
            span = max(points.max() - threshold, 1e-6)
            bottom = max(curve.min(), threshold - 2.5 * span)
            axis.set_ylim(bottom - 0.1 * span, max(points.max(), threshold) + 0.15 * span)
            _wavelength_axis(axis)
        handles, names = axes[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=len(names))
        axes[0].set_title(f"equation on {clips} clips, continuous in time")
        axes[1].set_title(f"the layer's step, $h={h:g}$")
    return figure


def _wavelength_axis(axis: Any) -> None:
    """A second axis on top: wavelength in clips, 2 pi/q."""
    axis.spines["top"].set_visible(True)
    ticks = [x for x in (200, 100, 50, 30, 20, 15, 12, 10, 8, 6, 5, 4, 3, 2) if 2 * np.pi / x <= axis.get_xlim()[1]]
    kept: list[int] = []
    for tick in reversed(ticks):
        if not kept or abs(2 * np.pi / kept[-1] - 2 * np.pi / tick) > 0.1 * axis.get_xlim()[1]:
            kept.append(tick)
    top = axis.secondary_xaxis("top")
    top.set_xticks([2 * np.pi / x for x in kept], [str(x) for x in kept])
    top.set_xlabel("wavelength (clips)")


def plot_simulation(run: Simulation, seconds_per_clip: float | None = None) -> Figure:
    """Space-time picture of the activator, and the amplitude of the fastest mode beside its prediction."""
    steps, clips = run.v.shape[0] - 1, run.v.shape[1]
    n = np.arange(steps + 1)
    scale = 1.0 if seconds_per_clip is None else seconds_per_clip
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 3.2), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
        image = left.imshow(
            run.v.T / run.v_star,
            origin="lower",
            aspect="auto",
            cmap="cividis",
            interpolation="nearest",
            extent=(-0.5, steps + 0.5, -0.5 * scale, (clips - 0.5) * scale),
        )
        figure.colorbar(image, ax=left, label="activator $v/v^*$", pad=0.02)
        left.set_xlabel("step $n$")
        left.set_ylabel("clip $t$" if seconds_per_clip is None else "time in the video (s)")
        first, last = run.window
        anchor = run.amplitude[first] if run.amplitude[first] > 0 else run.amplitude.max()
        shown = n[: min(len(n), last + max(10, (last - first) // 3))]
        right.semilogy(n, np.maximum(run.amplitude, 1e-16), color=DARK, label="simulated")
        line = anchor * run.predicted ** (shown - first).astype(float)
        right.semilogy(shown, line, color=MIDDLE, ls="--", lw=1.6, label=r"predicted $\rho(G)^n$")
        right.axvspan(first, last, color=LIGHT, alpha=0.5, lw=0, label="measured here")
        right.set_xlabel("step $n$")
        right.set_ylabel(f"amplitude of mode {run.mode}" + (f" ({2 * clips / run.mode:.3g} clips)" if run.mode else ""))
        right.legend(loc="lower right")
        measured = "not measured" if run.measured is None else f"measured {run.measured:.6f}"
        right.set_title(f"multiplier per step: predicted {run.predicted:.6f},\n{measured}", fontsize=8)
        right.set_xlim(0, steps)
    return figure
