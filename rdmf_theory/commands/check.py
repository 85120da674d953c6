"""`rdmf check`: what is this parameter point?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rdmf_theory.commands import competition as cuts
from rdmf_theory.commands.options import Clips, Json
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
from rdmf_theory.support.terminal import emit

if TYPE_CHECKING:
    from rdmf_theory.systems.classification import PointClassification


def check(
    context: typer.Context,
    F: Annotated[str | None, typer.Option("--F", metavar="NUMBER", help="Feed rate F, 1/step.")] = None,
    k: Annotated[str | None, typer.Option("--k", metavar="NUMBER", help="Kill rate k, 1/step.")] = None,
    s: Annotated[
        str | None, typer.Option("--s", metavar="NUMBER", help="Reaction gain s, 1/step.", show_default="1")
    ] = None,
    D_u: Annotated[
        str | None,
        typer.Option("--D-u", metavar="NUMBER", help="Diffusion of the substrate, clip^2/step.", show_default="2"),
    ] = None,
    D_v: Annotated[
        str | None,
        typer.Option("--D-v", metavar="NUMBER", help="Diffusion of the activator, clip^2/step.", show_default="1"),
    ] = None,
    system: System = None,
    domain: Domain = None,
    settings: Settings = None,
    box: Box = None,
    timeout: Timeout = 60.0,
    competition: cuts.Mode = cuts.Competition.local,
    conductances: cuts.Conductances = None,
    clips: Clips = 75,
    json: Json = False,
) -> None:
    """Decide exactly what a parameter point is, with a signed margin for every condition.

    Without --system the point is one of the layer's Gray-Scott system, by --F and --k. With --system it is any
    system's: every homogeneous steady state is found, proved and classified (turing, stable, unstable, saddle, wave, or
    a boundary: hopf, saddle-node, turing-boundary, turing-hopf, bogdanov-takens).

    With --conductances the point is judged on one video with cuts: some of its modes must lie in the band. With
    --competition global the substrate is one number per video, D_u infinite: the answer is `competing` if the state is
    stable to uniform perturbations and a mode of the video (--conductances, or --clips without cuts) has D_v mu < w.

    Exit code 0 only for `turing` (or `competing`): a state that is stable without diffusion, unstable with it. Points
    on a boundary are reported as such, since decimals are taken as the exact rationals that they write.
    """
    system = in_domain(system, domain)
    point = {"F": F, "k": k, "s": s, "D_u": D_u, "D_v": D_v}
    if cuts.wanted(competition, conductances):
        cuts.refuse(context, ("system", "settings", "box", "timeout"), "of a video with cuts or global competition")
        if conductances is not None:
            cuts.refuse(context, ("clips",), "beside --conductances, which say how many clips there are")
        judge = cuts.check_shadow if competition is cuts.Competition.all else cuts.check_cuts
        turing = judge(point, cuts.read_conductances(conductances, clips), json, _print_conditions)
    elif system is None:
        cuts.refuse(context, ("clips",), "of a parameter point; it belongs to --competition global")
        refuse_without_system(settings, box)
        turing = _check_gray_scott(point, json)
    else:
        cuts.refuse(context, ("clips",), "of --system")
        given = [name for name, value in point.items() if value is not None]
        if given:
            raise ParameterError(
                f"--{given[0].replace('_', '-')} is no option of --system; write --set {given[0]}=...."
            )
        turing = _check_system(system, settings, box, timeout, json)
    if not turing:
        raise typer.Exit(1)


def _check_gray_scott(point: dict[str, str | None], json: bool) -> bool:
    from rdmf_theory.turing import classify

    for name in ("F", "k"):
        if point[name] is None:
            raise ParameterError(f"Missing option '--{name}'; give --F and --k, or --system NAME|FILE.")
    values = {"s": "1", "D_u": "2", "D_v": "1"} | {name: value for name, value in point.items() if value is not None}
    values = {name: values[name] for name in point}
    result = classify(**values)
    answer: dict[str, Any] = result.to_dict() | {"parameters": values}

    def render() -> None:
        print(f"{result.name}: {answer['description']}")
        if result.u_star is not None:
            print(f"  v-rich state   u* = {result.u_star:.9g}, v* = {result.v_star:.9g}")
            print(f"  damping ratio  z = {result.z:.9g}")
            print(f"  diffusion      d = {result.d:.9g}, threshold d_T = {result.d_T:.9g}")
        _print_conditions(answer["conditions"])

    emit(answer, json, render)
    return result.name == "turing"


def _check_system(system: str, settings: list[str] | None, box: list[str] | None, timeout: float, json: bool) -> bool:
    answer = classified(_described, system, settings, box, timeout)

    def render() -> None:
        print(f"{answer['classification']}: {answer['description']}")
        print("  " + ", ".join(f"{name} = {value}" for name, value in answer["parameters"].items()))
        for state in answer["states"]:
            _print_state(state)

    emit(answer, json, render)
    return answer["classification"] == "turing"


def _described(result: PointClassification) -> dict[str, Any]:
    return result.to_dict()


def _print_state(answer: Mapping[str, Any]) -> None:
    where = ", ".join(f"{name} = {value:.10g}" for name, value in answer["state"].items())
    reason = f", {answer['reason']}" if answer["reason"] else ""
    print(f"state {where}: {answer['classification']}{reason}")
    _print_conditions(answer["conditions"])
    if answer["eigenvalues"]:
        values = (
            x.get("decimal")
            or f"{x['real']:.6g}" + (f" {'+' if x['imag'] > 0 else '-'} {abs(x['imag']):.6g}i" if x["imag"] else "")
            for x in answer["eigenvalues"]
        )
        print(f"  eigenvalues without diffusion  {', '.join(values)}")
    if answer.get("threshold"):
        threshold = answer["threshold"]
        print(f"  activator {threshold['activator']}, critical {threshold['ratio']} = {threshold['critical']:.10g}")
    for low, high in answer.get("bands") or ():
        print(f"  modes grow for mu in ({low:.8g}, {high:.8g})")
    if answer.get("critical_wavenumber") is not None:
        print(f"  critical wavenumber  {answer['critical_wavenumber']:.10g}")
    fastest = answer.get("fastest")
    if fastest is not None:
        length = "" if fastest["wavelength"] is None else f", wavelength {fastest['wavelength']:.8g}"
        print(
            f"  fastest wave  wavenumber {fastest['wavenumber']:.8g}{length}, growth rate {fastest['growth_rate']:+.6g}"
        )
    elif answer.get("short_waves") is not None:
        print(
            f"  growth rate  {answer['short_waves']:+.6g} is approached by ever shorter waves, no mode has the largest"
        )


def _print_conditions(conditions: Mapping[str, Mapping[str, Any]]) -> None:
    for name, condition in conditions.items():
        margin = "undefined" if condition["margin"] is None else f"{condition['margin']:+.6g}"
        print(f"  {name:<11} {'holds' if condition['holds'] else 'fails':<6} margin {margin}")
