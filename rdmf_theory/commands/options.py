"""Options that several commands share, each with its help text; and the parameter point that they describe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rdmf_theory.errors import ParameterError

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


def parameter_point(
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
