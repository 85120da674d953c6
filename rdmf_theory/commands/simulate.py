"""`rdmf simulate`: run the layer's step and measure the growth."""

from __future__ import annotations

from typing import Annotated

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
from rdmf_theory.support.terminal import console, emit


def simulate(
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
    steps: Annotated[
        int | None, typer.Option(help="Steps N.", show_default="until the pattern has had time to settle")
    ] = None,
    amplitude: Annotated[float, typer.Option(help="Relative size of the random perturbation.")] = 1e-6,
    seed: Annotated[int, typer.Option(help="Seed of the perturbation.")] = 0,
    step_size: StepSize = 1.0,
    competition: cuts.Mode = cuts.Competition.local,
    conductances: cuts.Conductances = None,
    reach: cuts.Reach = None,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """Run the layer's nonlinear step from a perturbed base state and measure how fast the pattern grows.

    The measured multiplier of the fastest mode stands beside the predicted one, the spectral radius of G. `--plot`
    draws the activator in space and time. With --conductances the video has cuts; with --competition global the
    substrate is one number per video (the shadow system), and the clips compete: who holds most is reported.
    """
    if cuts.wanted(competition, conductances):
        point = {"F": F, "k": k, "D_u": D_u, "D_v": D_v}
        kappa = cuts.prepare(context, competition, conductances, clips, ("plot",))
        run = {"steps": steps, "amplitude": amplitude, "h": step_size, "seed": seed}
        cuts.simulate(competition, kappa, (u_star, z, excess, wavelength, rate), reach, point, s, run, json)
        return
    cuts.refuse_reach(competition, reach)
    from rdmf_theory.layer.simulate import simulate as run_simulation

    parameters, described = parameter_point(
        (u_star, z, excess, wavelength, rate), {"F": F, "k": k, "D_u": D_u, "D_v": D_v}, s
    )
    run = run_simulation(parameters, clips, steps, amplitude=amplitude, h=step_size, seed=seed)
    answer = described | {"seed": seed, "amplitude": amplitude} | run.to_dict()
    if plot is not None:
        from rdmf_theory.layer import plots
        from rdmf_theory.support.figures import save as save_figure

        save_figure(plots.plot_simulation(run), plot)
        console.print(f"picture: {plot}")

    def render() -> None:
        print(f"{clips} clips, {answer['steps']} steps, mode {run.mode} (wavelength {answer['wavelength']} clips)")
        print(f"  multiplier per step  predicted {run.predicted:.9f}")
        if run.measured is None:
            print("                       not measured: the linear stage is too short, lower --amplitude")
        else:
            print(f"                       measured  {run.measured:.9f}  (relative error {run.relative_error:.1e})")
        print(f"  final activator v    {answer['final_v']['min']:.4g} to {answer['final_v']['max']:.4g}")

        if not run.settled:
            print(
                f"  not settled: the last step still changed the pattern by {run.drift:.1e} of its size; raise --steps"
            )

    emit(answer, json, render)
