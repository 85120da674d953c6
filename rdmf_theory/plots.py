"""Pictures that a paper would print: the region, the dispersion relation, a space-time picture.

Every curve differs by line style or marker as well as by colour, and colour maps are monotone in lightness, so that
the pictures survive a grey printer.
"""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import sympy as sp
from matplotlib.figure import Figure

from rdmf_theory.chart import Parameters
from rdmf_theory.discretisation import clip_eigenvalues, multiplier
from rdmf_theory.dispersion import growth_rate, unstable_band
from rdmf_theory.errors import DataError, ParameterError
from rdmf_theory.regions.area import Area, bogdanov_takens, turing_hopf, turing_substrate

if TYPE_CHECKING:
    from rdmf_theory.simulate import Simulation

FORMATS = ("png", "pdf", "svg")
# Blue, orange and a grey of clearly different lightness.
DARK, MIDDLE, LIGHT = "#1b4f8a", "#d9772b", "#b8c7d9"

STYLE: Any = {
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.titlesize": 9,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "lines.linewidth": 1.4,
    "mathtext.fontset": "cm",
    "svg.hashsalt": "rdmf",
}


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure under a temporary name and rename it; the format follows the suffix (png, pdf, svg).

    Raises: ParameterError for another suffix, DataError if the file cannot be written.
    """
    target = Path(path)
    kind = target.suffix.lstrip(".").lower()
    if kind not in FORMATS:
        raise ParameterError(f"--plot must end in one of .{', .'.join(FORMATS)}. Got {target.name!r}.")
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        figure.savefig(temporary, format=kind, dpi=200)
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise DataError(f"{path}: cannot be written ({error.strerror}).") from error


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
