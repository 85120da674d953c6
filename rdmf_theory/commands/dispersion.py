"""`rdmf dispersion`: which modes grow, in the equation and in the layer?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from rdmf_theory.commands import competition as cuts
from rdmf_theory.commands.options import (
    Clips,
    Excess,
    Json,
    Plot,
    PointDu,
    PointDv,
    PointF,
    PointK,
    PointS,
    Rate,
    StepSize,
    UStar,
    Wavelength,
    Z,
    parameter_point,
)
from rdmf_theory.commands.system_options import (
    Box,
    Domain,
    Settings,
    System,
    Timeout,
    classified,
    in_domain,
    refuse_without_system,
)
from rdmf_theory.errors import ParameterError
from rdmf_theory.support.terminal import console, emit

if TYPE_CHECKING:
    from pathlib import Path

    from rdmf_theory.systems.classification import PointClassification


def dispersion(
    context: typer.Context,
    u_star: UStar = 0.4,
    z: Z = 1.2,
    excess: Excess = 1.5,
    wavelength: Wavelength = 12.0,
    rate: Rate = 0.2,
    F: PointF = None,
    k: PointK = None,
    s: PointS = 1.0,
    D_u: PointDu = None,
    D_v: PointDv = None,
    clips: Clips = 75,
    step_size: StepSize = 1.0,
    system: System = None,
    domain: Domain = None,
    settings: Settings = None,
    box: Box = None,
    state: Annotated[
        int | None,
        typer.Option(
            help="With --system: which homogeneous state, from 1 in the order of rdmf check.",
            show_default="the most telling",
        ),
    ] = None,
    timeout: Timeout = 60.0,
    competition: cuts.Mode = cuts.Competition.local,
    conductances: cuts.Conductances = None,
    reach: cuts.Reach = None,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """Growth rate of every mode in the equation, and its multiplier in the layer's step.

    The point is a pattern design, or F, k, s, D_u, D_v. A mode grows in the layer iff it grows in the equation, at
    every step size. With --system: the growth rate over the wavenumber at a homogeneous state of any system, in the
    system's own units of length and time; the options of a design and of the layer then play no part. With
    --conductances the modes are those of one video with cuts; with --competition global the substrate is one number per
    video, and a mode mu > 0 grows iff D_v mu < w.
    """
    system = in_domain(system, domain)
    if cuts.wanted(competition, conductances):
        point = {"F": F, "k": k, "D_u": D_u, "D_v": D_v}
        kappa = cuts.prepare(context, competition, conductances, clips, ("settings", "box", "state", "plot"))
        cuts.dispersion(competition, kappa, (u_star, z, excess, wavelength, rate), reach, point, s, step_size, json)
        return
    cuts.refuse_reach(competition, reach)
    if system is not None:
        _system_dispersion(system, settings, box, state, plot, timeout, json)
        return
    refuse_without_system(settings, box)
    import numpy as np

    from rdmf_theory.dispersion import growth_rate, unstable_band
    from rdmf_theory.layer.step import clip_eigenvalues, growing_modes, multiplier

    parameters, described = parameter_point(
        (u_star, z, excess, wavelength, rate), {"F": F, "k": k, "D_u": D_u, "D_v": D_v}, s
    )
    mu = clip_eigenvalues(clips)
    rates, multipliers = growth_rate(parameters, mu), multiplier(parameters, mu, step_size)
    grows = growing_modes(parameters, clips, step_size)
    low, high = unstable_band(parameters)
    fastest = int(np.argmax(multipliers))
    modes = [
        {
            "mode": j,
            "wavelength": 2 * clips / j if j else None,
            "mu": float(mu[j]),
            "growth_rate": float(rates[j]),
            "multiplier": float(multipliers[j]),
            "grows": bool(grows[j]),
        }
        for j in range(clips)
    ]
    answer = described | {
        "clips": clips,
        "step_size": step_size,
        "band": None if np.isnan(low) else [low, high],
        "fastest_mode": modes[fastest],
        "growing_modes": [j for j in range(clips) if grows[j]],
        "modes": modes,
    }
    if plot is not None:
        from rdmf_theory.layer import plots
        from rdmf_theory.support.figures import save as save_figure

        save_figure(plots.plot_dispersion(parameters, clips, step_size), plot)
        console.print(f"picture: {plot}")

    def render() -> None:
        growing = answer["growing_modes"]
        print(f"{len(growing)} of {clips} modes grow" + (f": {runs(growing)}" if growing else ""))
        print("  mode  wavelength  growth rate  multiplier")
        window = range(max(0, fastest - 6), min(clips, fastest + 7))
        for j in window:
            length = f"{2 * clips / j:10.4g}" if j else "       inf"
            mark = " grows" if grows[j] else ""
            print(f"  {j:4d}  {length}  {rates[j]:+11.6f}  {multipliers[j]:10.7f}{mark}")

    emit(answer, json, render)


def _system_dispersion(
    system: str,
    settings: list[str] | None,
    box: list[str] | None,
    state: int | None,
    plot: Path | None,
    timeout: float,
    json: bool,
) -> None:
    answer = classified(_curve, system, settings, box, timeout, state, plot)
    if plot is not None:
        console.print(f"picture: {plot}")
    curve = answer["curve"]

    def render() -> None:
        print(f"{answer['classification']} at {_place(answer)}")
        for low, high in answer.get("bands") or ():
            print(f"  modes grow for wavenumbers in ({low**0.5:.8g}, {high**0.5:.8g})")
        print("  wavenumber   growth rate    frequency")
        rows = list(zip(curve["wavenumber"], curve["growth_rate"], curve["frequency"], strict=True))
        for wavenumber, growth_rate, frequency in rows[:: max(1, len(rows) // 20)]:
            print(f"  {wavenumber:10.6g}  {growth_rate:+12.6g}  {frequency:11.6g}")

    emit(answer, json, render)


def _curve(result: PointClassification, state: int | None, plot: Path | None) -> dict[str, Any]:
    """The answer of `rdmf dispersion --system`; its picture is written."""
    from rdmf_theory.systems.dispersion import dispersion_curve, plot_dispersion_curve

    if state is not None and not 1 <= state <= len(result.states):
        raise ParameterError(f"--state must be from 1 to {len(result.states)}. Got {state}.")
    curve = dispersion_curve(result, None if state is None else state - 1)
    answer: dict[str, Any] = {
        "system": result.point.system.name,
        "parameters": {name: str(value) for name, value in result.point.values.items()},
        **curve.state.to_dict(result.point.system),
        "curve": curve.to_dict(),
    }
    if plot is not None:
        from rdmf_theory.support.figures import save as save_figure

        title = f"{answer['system']}: {answer['classification']} at {_place(answer)}"
        save_figure(plot_dispersion_curve(curve, title), plot)
    return answer


def _place(answer: dict[str, Any]) -> str:
    return ", ".join(f"{name} = {value:.6g}" for name, value in answer["state"].items())


def runs(numbers: list[int]) -> str:
    """Increasing integers in words, neighbours joined: "0, 1, 3 to 7"."""
    groups: list[list[int]] = []
    for number in numbers:
        if groups and groups[-1][-1] == number - 1:
            groups[-1].append(number)
        else:
            groups.append([number])
    texts = [f"{group[0]} to {group[-1]}" if len(group) > 2 else ", ".join(map(str, group)) for group in groups]
    return ", ".join(texts)
