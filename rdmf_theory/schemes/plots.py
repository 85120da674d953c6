"""Pictures of schemes: where each differs from the equation, and what the layer passes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from rdmf_theory.chart import PatternDesign
from rdmf_theory.kinetics import GRAY_SCOTT
from rdmf_theory.layer.bandwidth import bandwidth
from rdmf_theory.schemes.definition import SCHEMES, Scheme
from rdmf_theory.schemes.frequency_response import gain_response, initial_value_response
from rdmf_theory.schemes.linear import gray_scott_step
from rdmf_theory.schemes.scan import KINDS, artefact_map
from rdmf_theory.support.figures import DARK, LIGHT, MIDDLE, STYLE

# lightness falls in the order of the codes, and artefacts are hatched
_COLOURS = ("#ffffff", "#dbe4f0", "#c9a227", "#d9772b", "#8c3b6e", "#1b2a49")
_HATCHES = ("", "", "....", "////", "xxxx", "----")
_WORDS = {
    "decays": "decays, as in the equation",
    "grows": "grows, as in the equation",
    "missed_growth": "growth is missed",
    "false_growth": "false growth",
    "flip": "flips (multiplier below $-1$)",
    "rotation": "rotates outwards ($\\det G > 1$)",
}


def plot_artefacts(design: PatternDesign) -> Figure:
    """One panel per scheme: what happens to each mode at each step size, at one design.

    Horizontal: `h w`, the step in turnover times. Vertical: the mode, as a share of the clip axis' largest wavenumber.
    """
    parameters = design.parameters()
    values = {str(p): float(getattr(parameters, str(p))) for p in (*GRAY_SCOTT.parameters, *GRAY_SCOTT.diffusions)}
    state = gray_scott_step(next(iter(SCHEMES.values())), parameters).state
    eta, share = np.geomspace(0.02, 20, 361), np.linspace(0, 1, 301)
    modes = 4 * np.sin(share * np.pi / 2) ** 2
    norm = BoundaryNorm(np.arange(len(KINDS) + 1) - 0.5, len(KINDS))
    seen: set[int] = set()
    with mpl.rc_context({**STYLE, "hatch.linewidth": 0.5}):
        figure = Figure(figsize=(7.2, 5.2), layout="constrained")
        axes = figure.subplots(2, 3, sharex=True, sharey=True)
        for axis, scheme in zip(axes.flat, SCHEMES.values(), strict=True):
            codes = artefact_map(scheme, GRAY_SCOTT, values, state, eta / float(parameters.w), modes).T
            seen |= set(np.unique(codes).tolist())
            axis.pcolormesh(eta, share, codes, cmap=ListedColormap(_COLOURS), norm=norm, rasterized=True)
            for code, hatch in enumerate(_HATCHES):
                if hatch and (codes == code).any():
                    inside = (codes == code).astype(float)
                    areas = axis.contourf(eta, share, inside, levels=[0.5, 1.5], colors="none", hatches=[hatch])
                    areas.set_edgecolor("white")
            axis.set_xscale("log")
            axis.axvline(float(parameters.w), color="0.35", lw=0.8, ls=":")
            axis.set_title(scheme.name)
        for axis in axes[1]:
            axis.set_xlabel("step $hw$ (turnover times)")
        for axis in axes[:, 0]:
            axis.set_ylabel("mode $j/T$ (0: mean, 1: 2 clips)")
        handles: list[Any] = [
            Patch(
                facecolor=_COLOURS[code],
                edgecolor="0.4" if code < 2 else "white",
                hatch=_HATCHES[code],
                lw=0.5,
                label=_WORDS[KINDS[code]],
            )
            for code in sorted(seen)
        ]
        handles.append(Line2D([], [], color="0.35", lw=0.8, ls=":", label="the layer, $h=1$"))
        figure.legend(handles=handles, loc="outside lower center", ncols=3, handleheight=1.4, handlelength=2.4)
        figure.suptitle(_described(design), fontsize=9)
    return figure


def _described(design: PatternDesign) -> str:
    return (
        f"design $u_*={design.u_star:g}$, $z={design.z:g}$, excess {design.excess:g}, "
        rf"$\ell={design.wavelength:g}$ clips, $w={design.rate:g}$"
    )


def _decades(axis: Any) -> None:
    """Ticks at 1, 2 and 5 of each decade where the range is short, else at decades."""
    low, high = axis.get_ylim()
    if high / low < 100:
        decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
        ticks = [digit * 10.0**power for power in decades for digit in (1, 2, 5)]
        shown = [x for x in ticks if low <= x <= high]
        axis.set_yticks(shown, [f"{x:g}" for x in shown])


def plot_response(design: PatternDesign, scheme: Scheme, counts: Sequence[int], h: float = 1.0) -> Figure:
    """Relative response of the activator over the wavelength, to a modulated gain and to a perturbed start."""
    step = gray_scott_step(scheme, design.parameters(), h)
    v = float(step.state[1])
    wavelength = np.geomspace(2, max(100.0, 6 * float(design.wavelength)), 600)
    modes = 4 * np.sin(np.pi / wavelength) ** 2
    styles = ((LIGHT, "-", 2.2), (MIDDLE, "--", 1.6), (DARK, "-", 1.4), ("black", ":", 1.4), ("0.5", "-.", 1.4))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 3.5), layout="constrained")
        axes = figure.subplots(1, 2)
        for i, steps in enumerate(counts):
            colour, line, width = styles[i % len(styles)]
            curves = (
                np.abs(gain_response(step, steps, modes)[:, 1]) / v,
                np.abs(initial_value_response(step, steps, modes)[:, 1, 1]),
            )
            for axis, curve in zip(axes, curves, strict=True):
                axis.plot(wavelength, curve, color=colour, ls=line, lw=width, label=f"$N={steps}$")
        for axis in axes:
            axis.axvline(float(design.wavelength), color="0.35", lw=0.8, ls=":", label=r"design's $\ell$")
            axis.set_xscale("log")
            axis.set_yscale("log")
            axis.set_xlim(wavelength[0], wavelength[-1])
            ticks = [x for x in (2, 3, 5, 10, 20, 50, 100, 200) if x <= wavelength[-1]]
            axis.set_xticks(ticks, [str(x) for x in ticks])
            axis.minorticks_off()
            _decades(axis)
            axis.set_xlabel("wavelength (clips)")
        if scheme.name == "semi-implicit":
            band = bandwidth(design, counts[-1], h)
            right = min(float(band.longest), float(wavelength[-1]))
            for axis in axes:
                axis.axvspan(
                    float(band.shortest), right, color="0.92", lw=0, zorder=0, label=f"half power, $N={counts[-1]}$"
                )
        axes[0].set_ylabel(r"$|\delta v_N / v_*|$ per unit of gain modulation")
        axes[1].set_ylabel(r"$|\delta v_N|$ per unit of $\delta v_0$")
        axes[0].set_title("gain modulated in every step")
        axes[1].set_title("start perturbed once")
        handles, names = axes[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=len(names))
        figure.suptitle(f"{scheme.name}, $h={h:g}$: {_described(design)}", fontsize=9)
    return figure
