"""Theory commands of the program `rdmf`: derive, check, region, certify, prove, dispersion, simulate.

Numbers of a parameter point are read as text and become exact rationals, so `--F 0.04` means 1/25 and not the nearest
binary number. Sympy, flint and matplotlib are imported inside the commands.
"""

from __future__ import annotations

from enum import StrEnum
from json import loads
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from rdmf_theory.errors import DataError, ParameterError
from rdmf_theory.terminal import console, emit

if TYPE_CHECKING:
    from rdmf_theory.chart import Parameters

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Plot = Annotated[
    Path | None, typer.Option("--plot", metavar="FILE", help="Write a picture (.png, .pdf, .svg).", show_default=False)
]
Feed = Annotated[str, typer.Option("--F", metavar="NUMBER", help="Feed rate F, 1/step.", show_default=False)]
Kill = Annotated[str, typer.Option("--k", metavar="NUMBER", help="Kill rate k, 1/step.", show_default=False)]
Gain = Annotated[str, typer.Option("--s", metavar="NUMBER", help="Reaction gain s, 1/step.")]
Clips = Annotated[int, typer.Option(help="Number of clips T of the video.")]
StepSize = Annotated[float, typer.Option("--step-size", help="Step size h of the layer; the trained layer has 1.")]


class Format(StrEnum):
    """How `rdmf derive` writes formulas."""

    text = "text"
    latex = "latex"
    json = "json"


def register(app: typer.Typer) -> None:
    """Add the theory commands to `app`."""
    for command, epilog in (
        (derive, "Example: rdmf derive --format latex > derivation.tex"),
        (check, "Example: rdmf check --F 0.055 --k 0.062 --s 1 --D-u 2 --D-v 1"),
        (region, "Example: rdmf region --d 2 --s 1 --plot region.png -o region.json"),
        (certify, "Example: rdmf certify region.json"),
        (prove, "Example: rdmf prove --json"),
        (dispersion, "Example: rdmf dispersion --u-star 0.4 --wavelength 12 --plot dispersion.png"),
        (simulate, "Example: rdmf simulate --excess 2 --clips 75 --seed 1 --plot simulation.png"),
    ):
        app.command(epilog=epilog)(command)


def derive(
    form: Annotated[Format, typer.Option("--format", help="text, latex or json.")] = Format.text, json: Json = False
) -> None:
    """Derive states, Jacobian, dispersion relation, Turing condition and the layer's step from the equations."""
    from rdmf_theory.derivation import derivation

    rows = derivation()

    def render() -> None:
        for row in rows:
            if form is Format.latex:
                print(f"% {row.words}\n\\begin{{equation}}\\label{{eq:{row.name}}}\n  {row.latex()}\n\\end{{equation}}")
            else:
                print(f"{row.name}: {row.words}\n    {row.text()}")

    emit({"system": "gray-scott", "rows": [row.to_dict() for row in rows]}, json or form is Format.json, render)


def check(
    F: Feed,
    k: Kill,
    s: Gain = "1",
    D_u: Annotated[str, typer.Option("--D-u", metavar="NUMBER", help="Diffusion of the substrate, clip^2/step.")] = "2",
    D_v: Annotated[str, typer.Option("--D-v", metavar="NUMBER", help="Diffusion of the activator, clip^2/step.")] = "1",
    json: Json = False,
) -> None:
    """Decide exactly what a parameter point is, with a signed margin for every condition.

    Exit code 0 only for `turing`: stable without diffusion, unstable with it. Points on a boundary are reported as
    such (saddle-node, hopf, turing-boundary, fed-boundary), since decimals are taken as the exact rationals that they
    write.
    """
    from rdmf_theory.turing import classify

    result = classify(F, k, s, D_u, D_v)
    answer = result.to_dict() | {"parameters": {"F": F, "k": k, "s": s, "D_u": D_u, "D_v": D_v}}

    def render() -> None:
        print(f"{result.name}: {answer['description']}")
        if result.u_star is not None:
            print(f"  v-rich state   u* = {result.u_star:.9g}, v* = {result.v_star:.9g}")
            print(f"  damping ratio  z = {result.z:.9g}")
            print(f"  diffusion      d = {result.d:.9g}, threshold d_T = {result.d_T:.9g}")
        for name, condition in result.conditions.items():
            margin = "undefined" if condition.margin is None else f"{condition.margin:+.6g}"
            print(f"  {name:<8} {'holds' if condition.holds else 'fails':<6} margin {margin}")

    emit(answer, json, render)
    if result.name != "turing":
        raise typer.Exit(1)


def region(
    d: Annotated[str, typer.Option("--d", metavar="NUMBER", help="Ratio of diffusivities D_u/D_v, > 1.")] = "2",
    s: Gain = "1",
    F_max: Annotated[
        str | None, typer.Option("--F-max", metavar="NUMBER", help="Only feed rates up to this.", show_default=False)
    ] = None,
    strips: Annotated[int, typer.Option(help="Strips of the certified paving; more narrow its bracket.")] = 256,
    plot: Plot = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write a certificate (JSON).", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Exact and certified area of the Turing region in the (F, k) plane at a fixed ratio of diffusivities.

    The certificate holds area, named points and a paving with exact strip areas; `rdmf certify` re-checks it with an
    independent program. Up to d = 2 it proves the closed form, beyond that the paving's bracket.
    """
    from rdmf_theory.area import bogdanov_takens, turing_hopf
    from rdmf_theory.region_certificate import certify_region

    certificate, area = certify_region(d, s, F_max, strips=strips)
    bracket = certificate.content["area"]
    points = {"turing_hopf": turing_hopf(area.d, area.s), "bogdanov_takens": bogdanov_takens(area.s)}
    answer = {
        "d": str(area.d),
        "s": str(area.s),
        "F_max": None if area.F_max is None else str(area.F_max),
        "area": area.to_dict() | {"inner": bracket["inner"], "outer": bracket["outer"]},
        **{name: None if point is None else [float(x) for x in point] for name, point in points.items()},
        "exact_points": {name: None if point is None else [str(x) for x in point] for name, point in points.items()},
    }
    if output is not None:
        certificate.save(output)
        console.print(f"certificate: {output}")
    if plot is not None:
        from rdmf_theory import plots

        plots.save(plots.plot_region(area), plot)
        console.print(f"picture: {plot}")

    def render() -> None:
        print(f"area {area.mid:.13g} in the (F, k) plane, d = {area.d}, s = {area.s}", end="")
        print("" if area.F_max is None else f", F <= {area.F_max}")
        print(f"  exactly    {_readable(area.exact)}")
        print(f"  certified  {float(bracket['inner']):.6g} <= area <= {float(bracket['outer']):.6g} by {strips} strips")
        for name, point in points.items():
            where = "none at this d" if point is None else f"F = {point[0]}, k = {point[1]}"
            print(f"  {name:<16} {where}")

    emit(answer, json, render)


def _readable(exact: Any) -> str:
    """A closed form with the roots of polynomials named, each polynomial written once."""
    import sympy as sp

    roots = sorted(exact.atoms(sp.CRootOf), key=str)
    names = [sp.Symbol(f"t{i}") for i in range(1, len(roots) + 1)]
    text = str(exact.subs(dict(zip(roots, names, strict=True))))
    where = [f"{name} = root {root.index} of {root.poly.as_expr()}" for name, root in zip(names, roots, strict=True)]
    return ", where ".join([text, *where])


def certify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Certificate (JSON).", show_default=False)],
    kernel: Annotated[bool, typer.Option("--kernel", help="Have Coq's kernel check it too, where installed.")] = False,
    json: Json = False,
) -> None:
    """Re-check a certificate with the independent checker: exact arithmetic, nothing taken on trust.

    Exit code 0: what it claims holds. 1: it was changed, or the claim does not follow. 3: no readable certificate.
    The checker is one file of the standard library, and runs alone: python certificate_checker.py FILE. With --kernel a
    checker that is proved sound in Coq decides as well; where Coq is absent that is said, and is not a pass.
    """
    from rdmf_theory import certificate_checker as checker

    try:
        holds, detail = True, checker.check(file)
    except checker.Refused as error:
        holds, detail = False, str(error)
    except checker.Unreadable as error:
        raise DataError(f"{file}: {error}") from error
    answer: dict[str, Any] = {"file": str(file), "holds": holds, "detail": detail}
    if kernel and holds:
        from rdmf_theory.kernel_certificate import check_with_kernel
        from rdmf_theory.prove import Outcome

        outcome, covers = check_with_kernel(loads(file.read_text(encoding="utf-8")))
        answer["kernel"] = {"verdict": outcome.name.lower(), "detail": covers}
        answer["holds"] = holds = outcome is not Outcome.FAILED
        detail = f"{detail}\n  Coq's kernel: {outcome.name.lower()}: {covers}"
    emit(answer, json, lambda: print(_verdict(file, holds, detail)))
    if not holds:
        raise typer.Exit(1)


def _verdict(file: Path, holds: bool, detail: str) -> str:
    return f"{file}: holds: {detail}" if holds else f"{file}: refused: {detail}"


UStar = Annotated[float, typer.Option("--u-star", help="Design: steady substrate u*, below 1/2.")]
Z = Annotated[float, typer.Option("--z", help="Design: damping ratio z, in (1, 1/u*).")]
Excess = Annotated[float, typer.Option("--excess", help="Design: r = d/d_T, above 1 for a pattern.")]
Wavelength = Annotated[float, typer.Option("--wavelength", help="Design: wavelength of the fastest mode, clips.")]
Rate = Annotated[float, typer.Option("--rate", help="Design: turnover rate w = F + k, 1/step.")]
PointF = Annotated[float | None, typer.Option("--F", help="Parameter point, not a design.", show_default=False)]
PointK = Annotated[float | None, typer.Option("--k", help="See --F.", show_default=False)]
PointS = Annotated[float, typer.Option("--s", help="See --F.")]
PointDu = Annotated[float | None, typer.Option("--D-u", help="See --F.", show_default=False)]
PointDv = Annotated[float | None, typer.Option("--D-v", help="See --F.", show_default=False)]


def _point(
    design: tuple[float, float, float, float, float], point: dict[str, float | None], s: float
) -> tuple[Parameters, dict[str, Any]]:
    """The parameters that the options describe, and their JSON: a design, or a parameter point if one is given."""
    from rdmf_theory.chart import Parameters, PatternDesign

    given = [name for name, value in point.items() if value is not None]
    if given and len(given) < len(point):
        missing = ", ".join(f"--{name.replace('_', '-')}" for name in point if name not in given)
        raise ParameterError(f"{missing} must come with --{given[0].replace('_', '-')}. Give all of them or a design.")
    if given:
        parameters = Parameters(s=s, **{name: float(value) for name, value in point.items() if value is not None})
        described: dict[str, Any] = {}
    else:
        pattern = PatternDesign(*design)
        parameters = pattern.parameters()
        described = {"design": dict(zip(("u_star", "z", "excess", "wavelength", "rate"), design, strict=True))}
    names = ("F", "k", "s", "D_u", "D_v")
    return parameters, described | {"parameters": {name: float(getattr(parameters, name)) for name in names}}


def prove(
    tier: Annotated[Literal["all", "fast", "kernel"], typer.Option(help="Which proofs to run.")] = "all",
    json: Json = False,
) -> None:
    """Run the proofs: symbolic identities and solver claims in seconds, and the Coq theorems where Coq is installed.

    Exit code 1 if a proof fails. What cannot run (Coq or z3 absent) is listed as skipped, which is not a pass.
    """
    from rdmf_theory.prove import Outcome, Result, fast_tier, kernel_tier

    results: list[Result] = []
    for wanted, run in (("fast", fast_tier), ("kernel", kernel_tier)):
        if tier in ("all", wanted):
            results.extend(run())
    counts = {outcome.name.lower(): sum(result.outcome is outcome for result in results) for outcome in Outcome}

    def render() -> None:
        for result in results:
            seconds = "" if result.seconds is None else f"{result.seconds:.2f} s"
            print(f"{result.outcome.name.lower():<8} {result.tier:<7} {result.name:<40} {seconds:>8}  {result.words}")
        print(", ".join(f"{count} {name}" for name, count in counts.items()))

    emit({"theorems": [result.to_dict() for result in results], **counts}, json, render)
    for detail in dict.fromkeys(result.detail for result in results if result.detail):
        console.print(detail, markup=False)
    if counts["failed"]:
        raise typer.Exit(1)


def dispersion(
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
    plot: Plot = None,
    json: Json = False,
) -> None:
    """Growth rate of every mode in the equation, and its multiplier in the layer's step.

    The point is a pattern design, or F, k, s, D_u, D_v. A mode grows in the layer iff it grows in the equation, at
    every step size.
    """
    import numpy as np

    from rdmf_theory.discretisation import clip_eigenvalues, growing_modes, multiplier
    from rdmf_theory.dispersion import growth_rate, unstable_band

    parameters, described = _point((u_star, z, excess, wavelength, rate), {"F": F, "k": k, "D_u": D_u, "D_v": D_v}, s)
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
        from rdmf_theory import plots

        plots.save(plots.plot_dispersion(parameters, clips, step_size), plot)
        console.print(f"picture: {plot}")

    def render() -> None:
        growing = answer["growing_modes"]
        print(f"{len(growing)} of {clips} modes grow" + (f": {growing[0]} to {growing[-1]}" if growing else ""))
        print("  mode  wavelength  growth rate  multiplier")
        window = range(max(0, fastest - 6), min(clips, fastest + 7))
        for j in window:
            length = f"{2 * clips / j:10.4g}" if j else "       inf"
            mark = " grows" if grows[j] else ""
            print(f"  {j:4d}  {length}  {rates[j]:+11.6f}  {multipliers[j]:10.7f}{mark}")

    emit(answer, json, render)


def simulate(
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
    steps: Annotated[int | None, typer.Option(help="Steps N.", show_default="until the pattern settles")] = None,
    amplitude: Annotated[float, typer.Option(help="Relative size of the random perturbation.")] = 1e-6,
    seed: Annotated[int, typer.Option(help="Seed of the perturbation.")] = 0,
    step_size: StepSize = 1.0,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """Run the layer's nonlinear step from a perturbed base state and measure how fast the pattern grows.

    The measured multiplier of the fastest mode stands beside the predicted one, the spectral radius of G. `--plot`
    draws the activator in space and time.
    """
    from rdmf_theory.simulate import simulate as run_simulation

    parameters, described = _point((u_star, z, excess, wavelength, rate), {"F": F, "k": k, "D_u": D_u, "D_v": D_v}, s)
    run = run_simulation(parameters, clips, steps, amplitude=amplitude, h=step_size, seed=seed)
    answer = described | {"seed": seed, "amplitude": amplitude} | run.to_dict()
    if plot is not None:
        from rdmf_theory import plots

        plots.save(plots.plot_simulation(run), plot)
        console.print(f"picture: {plot}")

    def render() -> None:
        print(f"{clips} clips, {answer['steps']} steps, mode {run.mode} (wavelength {answer['wavelength']} clips)")
        print(f"  multiplier per step  predicted {run.predicted:.9f}")
        if run.measured is None:
            print("                       not measured: the linear stage is too short, lower --amplitude")
        else:
            print(f"                       measured  {run.measured:.9f}  (relative error {run.relative_error:.1e})")
        print(f"  final activator v    {answer['final_v']['min']:.4g} to {answer['final_v']['max']:.4g}")

    emit(answer, json, render)
