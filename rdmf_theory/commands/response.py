"""`rdmf response`: what does the layer pass?"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from rdmf_theory.commands import competition as cuts
from rdmf_theory.commands.options import Excess, Json, Plot, Rate, StepSize, UStar, Wavelength, Z
from rdmf_theory.errors import ParameterError
from rdmf_theory.support.terminal import console, emit


def response(
    context: typer.Context,
    u_star: UStar = 0.4,
    z: Z = 1.2,
    excess: Excess = 1.5,
    wavelength: Wavelength = 12.0,
    rate: Rate = 0.2,
    counts: Annotated[
        list[int] | None,
        typer.Option("--steps", metavar="N", help="Number of layer steps; repeat it.", show_default="4, 12, 32"),
    ] = None,
    scheme: Annotated[str, typer.Option("--scheme", metavar="NAME", help="Time-stepping scheme.")] = "semi-implicit",
    step_size: StepSize = 1.0,
    points: Annotated[int, typer.Option(help="Number of wavelengths, geometric from 2 clips.")] = 41,
    competition: cuts.Mode = cuts.Competition.local,
    conductances: cuts.Conductances = None,
    reach: cuts.Reach = None,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """Frequency response of the layer: how strongly each wavelength of a weak input appears after N steps.

    Two inputs, to first order and in closed form: a gain that is modulated in every step, s (1 + epsilon cos), with the
    relative change of u and v per epsilon; and a start perturbed once, v* (1 + epsilon cos). For the layer's own scheme
    the half-power band is given as well: the wavelengths whose gain rho^N is at least that of the design's over sqrt 2.
    With --competition global the substrate is one number per video: a low-pass filter, in closed form for every mode,
    also those of a video with cuts (--conductances).
    """
    if competition is cuts.Competition.all:
        cuts.refuse(context, (*cuts.TWO_FIELD, "scheme", "points", "plot"), "of --competition global")
        kappa = None if conductances is None else cuts.read_conductances(conductances, 2)
        cuts.response(kappa, (u_star, z, rate), reach, tuple(counts or (4, 12, 32)), step_size, json)
        return
    if conductances is not None:
        raise ParameterError("--conductances needs --competition global here; the local response is a function of mu.")
    cuts.refuse_reach(competition, reach)
    import numpy as np

    from rdmf_theory.chart import PatternDesign
    from rdmf_theory.layer.bandwidth import bandwidth
    from rdmf_theory.layer.step import pattern_gain, pattern_multiplier
    from rdmf_theory.schemes.definition import SEMI_IMPLICIT, scheme_named
    from rdmf_theory.schemes.frequency_response import gain_response, initial_value_response
    from rdmf_theory.schemes.linear import gray_scott_step

    if points < 2:
        raise ParameterError(f"--points must be at least 2. Got {points}.")
    design, chosen = PatternDesign(u_star, z, excess, wavelength, rate), scheme_named(scheme)
    step = gray_scott_step(chosen, design.parameters(), step_size)
    u, v = (float(x) for x in step.state)
    wavelengths = np.geomspace(2, max(100.0, 6 * wavelength), points)
    modes = 4 * np.sin(np.pi / wavelengths) ** 2
    steps = tuple(counts or (4, 12, 32))
    answers = []
    for count in steps:
        forced = gain_response(step, count, modes)
        started = initial_value_response(step, count, modes)[..., 1]
        answers.append(
            {
                "steps": count,
                "gain": {"u": forced[:, 0] / u, "v": forced[:, 1] / v},
                "start": {"u": started[:, 0] * v / u, "v": started[:, 1]},
            }
        )
        if chosen is SEMI_IMPLICIT:
            band = bandwidth(design, count, step_size)
            answers[-1] |= {
                "pattern_gain": float(pattern_gain(design, count, step_size)),
                "log10_pattern_gain": count * float(np.log10(pattern_multiplier(design, step_size))),
                "half_power": {"shortest": band.shortest, "longest": band.longest, "fractional": band.fractional},
            }
    names = ("u_star", "z", "excess", "wavelength", "rate")
    answer = {
        "scheme": chosen.name,
        "step_size": step_size,
        "design": {name: getattr(design, name) for name in names},
        "wavelengths": wavelengths,
        "responses": answers,
    }
    if plot is not None:
        from rdmf_theory.schemes.plots import plot_response
        from rdmf_theory.support.figures import save

        save(plot_response(design, chosen, steps, step_size), plot)
        console.print(f"picture: {plot}")

    def render() -> None:
        print("relative response of v per unit of input: gain modulated in every step | start perturbed once")
        print("wavelength" + "".join(f"{f'N = {count}':>22}" for count in steps))
        for i in range(0, points, max(1, points // 20)):
            cells = "".join(f"{a['gain']['v'][i]:>+11.4f}|{a['start']['v'][i]:>+10.4f}" for a in answers)
            print(f"{wavelengths[i]:10.3f}{cells}")
        for item in answers:
            if "half_power" in item:
                band = item["half_power"]
                print(
                    f"N = {item['steps']}: gain {_gain(item)} at {wavelength:g} clips, half power from "
                    f"{band['shortest']:.6g} to {band['longest']:.6g} clips, bandwidth {band['fractional']:.6g}"
                )

    emit(answer, json, render)


def _gain(item: dict[str, Any]) -> str:
    """The gain of a design, also where it is beyond every float."""
    return f"{item['pattern_gain']:.6g}" if item["pattern_gain"] < 1e300 else f"10^{item['log10_pattern_gain']:.6g}"
