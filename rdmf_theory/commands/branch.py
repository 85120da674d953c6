"""`rdmf branch`: which patterns are there, are they stable, and can that be proved?"""

from __future__ import annotations

import json as json_text
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rdmf_theory.commands.branch_output import render
from rdmf_theory.commands.branch_problem import stated_problem
from rdmf_theory.commands.options import (
    Excess,
    Json,
    Plot,
    PointDu,
    PointDv,
    PointF,
    PointK,
    PointS,
    Rate,
    UStar,
    Wavelength,
    Z,
)
from rdmf_theory.commands.ranges import METAVAR, parse_range
from rdmf_theory.commands.system_options import (
    Domain,
    Settings,
    System,
    Timeout,
    in_domain,
)
from rdmf_theory.errors import ParameterError
from rdmf_theory.support.terminal import console, emit, json_ready

if TYPE_CHECKING:
    from rdmf_theory.patterns.branches import Diagram


def branch(
    system: System = None,
    domain: Domain = None,
    settings: Settings = None,
    timeout: Timeout = 60.0,
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
    parameter: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What is varied, for a --range without its name.",
            show_default=False,
        ),
    ] = None,
    bounds: Annotated[
        str | None,
        typer.Option(
            "--range",
            metavar=METAVAR,
            help="What is varied, between which values: a parameter, a diffusion, or a design coordinate.",
            show_default="excess=0.7:4",
        ),
    ] = None,
    clips: Annotated[
        int | None, typer.Option(help="Number of clips T, the layer's own axis.", show_default="75")
    ] = None,
    length: Annotated[
        float | None,
        typer.Option(metavar="L", help="Instead of clips: the interval [0, L], no flux.", show_default=False),
    ] = None,
    points: Annotated[
        int | None,
        typer.Option(help="Points of the first grid of --length; finer ones follow.", show_default="from the modes"),
    ] = None,
    modes: Annotated[
        str | None,
        typer.Option(metavar="J,J,...|all", help="Follow the branches of these modes.", show_default="the first four"),
    ] = None,
    opposite: Annotated[
        bool, typer.Option("--opposite", help="Even modes: also the branch with a valley at clip 0.")
    ] = False,
    secondary: Annotated[
        bool, typer.Option("--secondary", help="Also follow the branches that cross at branch points found.")
    ] = False,
    state: Annotated[
        int | None,
        typer.Option(help="Which homogeneous state of --system, from 1.", show_default="the first stable one"),
    ] = None,
    at: Annotated[
        list[float] | None,
        typer.Option(metavar="NUMBER", help="List the patterns at this value; repeat.", show_default="the design's"),
    ] = None,
    certify: Annotated[bool, typer.Option("--certify", help="Prove the stable patterns listed.")] = False,
    certificate: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the proofs (JSON); implies --certify.", show_default=False),
    ] = None,
    plot: Plot = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write all states of all branches (JSON).", show_default=False
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Patterned steady states: follow them along a parameter, with stability, folds and branch points.

    On clips the states are exactly the fixed points of the layer. With --certify every stable pattern at the values
    --at is proved: it exists, is locally unique and stable, and runs of the layer that come close converge to it.
    `rdmf certify` re-checks the proofs that --certificate writes. Exit code 1: --certify proved no pattern.
    """
    system = in_domain(system, domain)
    from rdmf_theory.patterns.branches import explore, summary, with_profiles
    from rdmf_theory.patterns.equations import clip_axis, interval_axis
    from rdmf_theory.patterns.resolution import explore_interval

    design = (u_star, z, excess, wavelength, rate)
    point = {"F": F, "k": k, "s": s, "D_u": D_u, "D_v": D_v}
    parameter, limits = _range(bounds, parameter)
    certify = certify or certificate is not None
    if certify and length is not None:
        raise ParameterError("--certify needs --clips: the proof is about T clips, not about an interval.")
    if length is not None and clips is not None:
        raise ParameterError("--length and --clips are two axes: an interval of the equation, or T clips. Keep one.")
    if length is None and points is not None:
        raise ParameterError(
            "--points is the grid of --length; clips are a grid themselves. Drop it, or give --length."
        )
    axis = clip_axis(75 if clips is None else clips) if length is None else interval_axis(length, points or 48)
    problem, start, base, described = stated_problem(
        system, settings or [], design, point, parameter, limits, axis, state, timeout
    )
    values = list(at or ([start] if limits[0] <= start <= limits[1] else []))
    for value in values:
        if not limits[0] <= value <= limits[1]:
            raise ParameterError(f"--at must lie in the range {limits[0]:g}:{limits[1]:g}. Got {value:g}.")
    with _progress() as show:
        wanted = None if modes in (None, "all") else _modes(str(modes))
        most = 4 if modes is None else 10**6
        options: dict[str, Any] = {"modes": wanted, "most": most, "opposite": opposite, "secondary": secondary}
        options["progress"] = show
        resolution = None
        if length is None:
            diagram = explore(problem, base, start, limits, **options)
        else:
            resolution = explore_interval(problem, base, start, limits, points=points, seconds=timeout, **options)
            diagram = resolution.diagram
        found = _patterns(diagram, values, certify, certificate, show)
    answer = described | summary(diagram) | {"patterns": found}
    if resolution is not None:
        answer["resolution"] = resolution.to_dict()
    if output is not None:
        from rdmf_theory.support.files import write_text

        write_text(output, json_text.dumps(json_ready(described | with_profiles(diagram))) + "\n")
        console.print(f"branches: {output}")
    if plot is not None:
        from rdmf_theory.patterns.plots import plot_diagram
        from rdmf_theory.support.figures import save

        save(plot_diagram(diagram, values), plot)
        console.print(f"picture: {plot}")
    emit(answer, json, lambda: render(answer, certify, resolution))
    if certify and not any(row["proof"]["outcome"] == "certified" for row in found):
        console.print("no pattern was proved: none of those listed is stable, or --at has none")
        raise typer.Exit(1)


def _range(text: str | None, parameter: str | None) -> tuple[str, tuple[float, float]]:
    if text is None:
        return parameter or "excess", (0.7, 4.0)
    name, *ends = parse_range("--range", text, "excess=0.7:4", parameter or "excess")
    if parameter not in (None, name):
        raise ParameterError(f"--range and --parameter must name the same. Got {name} and {parameter}; drop one.")
    try:
        low, high = map(float, ends)
    except ValueError:
        raise ParameterError(f"--range must be NAME=LOW:HIGH with two numbers. Got {text!r}.") from None
    if not low < high:
        raise ParameterError(f"--range must have LOW < HIGH. Got {text!r}; swap them.")
    return name, (low, high)


def _modes(text: str) -> list[int]:
    try:
        modes = [int(part) for part in text.split(",")]
    except ValueError:
        modes = []
    if not modes or min(modes) < 1:
        raise ParameterError(f"--modes must be whole numbers >= 1 with commas between, or all. Got {text!r}.")
    return modes


def _patterns(
    diagram: Diagram, values: list[float], certify: bool, file: Path | None, show: Callable[[str], None]
) -> list[dict[str, Any]]:
    """The patterns at some parameter values, with their proofs if wanted."""
    from rdmf_theory.patterns.plots import observed_species

    observed = observed_species(diagram)
    rows, entries = [], []
    for value in values:
        for found, pattern in diagram.patterns_at(value):
            top = diagram.problem.fields(pattern.x)[:, observed]
            row: dict[str, Any] = {
                "parameter": value,
                "branch": found.name,
                "max": float(top.max()),
                "min": float(top.min()),
                "unstable": pattern.unstable,
                "growth_rate": pattern.growth,
                "layer_multiplier": pattern.multiplier,
            }
            if certify:
                show(f"proving {found.name} at {value:g}")
                row["proof"], entry = _prove(diagram, pattern)
                entries += [entry] if entry else []
            rows.append(row)
    if file is not None and not entries:
        console.print(f"no certificate: {file} was not written, see the patterns' details", soft_wrap=True)
    elif file is not None:
        from rdmf_theory.certificates.pattern_certificate import pattern_certificate

        pattern_certificate(diagram.problem.system.name, entries).save(file)
        left_out = len(rows) - len(entries)
        says = f" (of {len(entries)} patterns; {left_out} more are NOT proved, see their details)" if left_out else ""
        console.print(f"certificate: {file}{says}", soft_wrap=True)
    return rows


def _prove(diagram: Diagram, pattern: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """JSON of the proof of a pattern, by energies and by Krawczyk's test; and its part of a certificate."""
    from rdmf_theory.certificates.pattern_certificate import prove_pattern
    from rdmf_theory.patterns.enclosure import enclose_pattern

    if pattern.unstable:
        return {"outcome": "unstable", "detail": f"{pattern.unstable} eigenvalues have a positive real part"}, {}
    enclosure = enclose_pattern(diagram.problem, pattern.x, pattern.p)
    try:
        proof = prove_pattern(diagram.problem, pattern)
    except ParameterError as error:
        # reactions that are no polynomials: Krawczyk's test alone decides, and there is nothing for the file
        answer, entry = {"outcome": "certified", "detail": str(error)}, {}
    else:
        answer, entry = proof.to_dict(), proof.entry
    if enclosure is None or not enclosure.stable:
        return answer | {"outcome": "undecided", "krawczyk": None}, {}
    return answer | {"krawczyk": enclosure.to_dict()}, entry


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """A line on stderr that says what is being done: the number of branches is not known in advance."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed} states"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("homogeneous states", total=None)
        yield lambda text: progress.update(task, advance=1, description=text)
