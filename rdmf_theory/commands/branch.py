"""`rdmf branch`: which patterns are there, are they stable, and can that be proved?"""

from __future__ import annotations

import json as json_text
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

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
    certified_states,
    in_domain,
    refuse_without_system,
    system_point,
)
from rdmf_theory.errors import ParameterError
from rdmf_theory.support.terminal import console, emit, json_ready

if TYPE_CHECKING:
    from rdmf_theory.patterns.branches import Diagram
    from rdmf_theory.patterns.resolution import Resolution


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
    problem, start, base, described = _problem(
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
    emit(answer, json, lambda: _render(answer, certify, resolution))
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


def _problem(
    name: str | None,
    settings: list[str],
    design: tuple[float, float, float, float, float],
    point: dict[str, float | None],
    parameter: str,
    limits: tuple[float, float],
    axis: Any,
    number: int | None,
    timeout: float,
) -> tuple[Any, float, Any, dict[str, Any]]:
    """(problem, start of the parameter, homogeneous state there, JSON of the input)."""
    import numpy as np

    from rdmf_theory import formulas
    from rdmf_theory.chart import PatternDesign
    from rdmf_theory.patterns.equations import (
        COORDINATES,
        PatternProblem,
        design_path,
        gray_scott_problem,
        parameter_path,
    )

    given = {other: value for other, value in point.items() if value is not None}
    if name is not None:
        if len(given) > 1:
            raise ParameterError("--F, --k, --D-u, --D-v are for Gray-Scott without --system; use --set NAME=NUMBER.")
        return _general(name, settings, parameter, limits, axis, number, timeout)
    refuse_without_system(settings)
    if len(given) == 1:
        # only s, which has a default: a design
        path = design_path(PatternDesign(*design), parameter)
        described: dict[str, Any] = {"design": dict(zip(COORDINATES, design, strict=True))}
        if parameter not in described["design"]:
            raise ParameterError(
                f"--parameter must be one of {', '.join(COORDINATES)} for a design. Got {parameter!r}; "
                "give --F, --k, --D-u, --D-v for a parameter point."
            )
        start = described["design"][parameter]
        values = [start] if limits[0] <= start <= limits[1] else [0.5 * sum(limits)]
        u, ratio = (
            values[0] if parameter == name_ else value for name_, value in zip(("u_star", "z"), design, strict=False)
        )
        base = np.array([u, formulas.steady_v(u, ratio)])
        return gray_scott_problem(path, axis), values[0], base, described
    missing = [other for other in point if other not in given and other != parameter]
    if missing:
        options = ", ".join(f"--{other.replace('_', '-')}" for other in missing)
        raise ParameterError(f"{options} must come with the others. Give all of F, k, D_u, D_v, or a design.")
    given.setdefault(parameter, 0.5 * sum(limits))
    from rdmf_theory.kinetics import GRAY_SCOTT

    path = parameter_path(GRAY_SCOTT, given, parameter)
    for value in _starts(given[parameter], limits):
        F, k, s, *_ = path.values(value)
        if min(F, s) > 0 and formulas.steady_discriminant(F, k, s) > 0:
            u = formulas.steady_u(F, k, s, xp=np)
            problem = PatternProblem(GRAY_SCOTT, axis, path)
            return problem, value, np.array([u, (F + k) / (s * u)]), {"parameters": given}
    raise ParameterError(
        f"--range: no v-rich state for {parameter} in [{limits[0]:g}, {limits[1]:g}]; s F >= 4 (F + k)^2."
    )


def _starts(value: float, limits: tuple[float, float]) -> list[float]:
    """Where to look for a homogeneous state: at the given value, then across the range."""
    grid = [limits[0] + (limits[1] - limits[0]) * (i + 0.5) / 40 for i in range(40)]
    inside = [value] if limits[0] <= value <= limits[1] else []
    return inside + sorted(grid, key=lambda x: abs(x - value))


def _general(
    name: str,
    settings: list[str],
    parameter: str,
    limits: tuple[float, float],
    axis: Any,
    number: int | None,
    timeout: float,
) -> tuple[Any, float, Any, dict[str, Any]]:
    """The same for a general system: its states at the start come from exact algebra."""
    import numpy as np

    from rdmf_theory.patterns.equations import PatternProblem, parameter_path
    from rdmf_theory.systems.point import resolve_name

    here = system_point(name, settings)
    system, parameter = here.system, resolve_name(here.system, parameter)
    if system.is_linear:
        raise ParameterError(
            f"{system.name}: its reactions are linear, so patterns exist at thresholds only, with any "
            "amplitude; there is no branch to follow. `rdmf region --system` lists the thresholds."
        )
    values = {key: float(value) for key, value in here.values.items()}
    path = parameter_path(system, values, parameter)
    for value in _starts(values[parameter], limits)[:9]:
        moved = here.replace(**{parameter: value})
        states = certified_states(moved, timeout)
        if not states:
            continue
        calm = [x for x in states if np.linalg.eigvals(np.array(moved.jacobian(tuple(map(float, x))))).real.max() < 0]
        if number is not None and not 1 <= number <= len(states):
            raise ParameterError(f"--state must be 1 to {len(states)} at {parameter} = {value:g}. Got {number}.")
        chosen = states[number - 1] if number is not None else (calm or states)[0]
        return PatternProblem(system, axis, path), value, np.asarray(chosen, dtype=float), {"parameters": values}
    raise ParameterError(f"--range: {system.name} has no homogeneous state for {parameter} there; move the range.")


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


def _render(answer: dict[str, Any], certify: bool, resolution: Resolution | None) -> None:
    name = answer["parameter"]
    axis = answer["axis"]
    where = f"{axis['nodes']} clips" if axis["kind"] == "clips" else f"[0, {axis['length']:.12g}]"
    print(f"{answer['system']} on {where}, {name} in [{answer['range'][0]:g}, {answer['range'][1]:g}]")
    # one curve: states that cross it, at a transcritical point for one, have branch points of their own
    curve = f"the curve of homogeneous states {answer['homogeneous_curve']}"
    print(f"  {len(answer['branch_points'])} branch points on {curve}")
    if resolution is not None:
        _render_resolution(resolution)
    for index, row in enumerate(answer["branches"]):
        stable = sum(state["unstable"] == 0 for state in row["states"])
        print(
            f"{row['name']}: leaves at {name} = {row['start']:.12g}; {stable} of {len(row['states'])} states are stable"
        )
        for number, event in enumerate(row["events"]):
            before, after = event["unstable"]
            digits = 10 if event["kind"] in ("fold", "branch point", "hopf") else 5
            doubt = ""
            if resolution is not None:
                digits = min(digits, resolution.digits(index, number))
                doubt = "" if digits else ", NOT confirmed: two grids have no digit of it in common"
            shown = f"{event['parameter']:.{max(digits, 1)}g}"
            print(f"  {event['kind']:<12} at {shown}, unstable eigenvalues {before} -> {after}{doubt}")
        print(f"  end: {row['end']}")
    for row in answer["patterns"]:
        kind = "stable" if row["unstable"] == 0 else f"{row['unstable']} unstable eigenvalues"
        print(
            f"at {name} = {row['parameter']:g}: {row['branch']}, {row['min']:.4g} to {row['max']:.4g}, {kind}", end=""
        )
        print(f", growth rate {row['growth_rate']:+.4g}", end="")
        print("" if row["layer_multiplier"] is None else f", layer's multiplier {row['layer_multiplier']:.7f}")
        if certify:
            _render_proof(row["proof"])


def _render_resolution(resolution: Resolution) -> None:
    grids = ", ".join(map(str, resolution.grids))
    if resolution.resolved:
        print(f"  resolved: special points agree on grids of {grids} points; only digits in common are shown")
        return
    tail = f"the last cosine coefficients are {resolution.tail:.0e} of the largest"
    print(f"  NOT resolved on grids of {grids} points: {tail}")
    gone = f"; {resolution.vanished} special points of the coarser grid are gone" if resolution.vanished else ""
    print(f"  only digits that two grids have in common are shown{gone}; raise --timeout or --points")


def _render_proof(proof: dict[str, Any]) -> None:
    if proof["outcome"] != "certified":
        print(f"  {proof['outcome']}: {proof.get('detail', '')}")
        return
    test = proof["krawczyk"]
    print(f"  proved: exists within {test['distance']:.1e}, the only one within {test['uniqueness']:.0e},", end="")
    print(f" eigenvalues below {test['growth_rate'][1]:.6g}", end="")
    print("" if test["layer_multiplier"] is None else f", multipliers below {test['layer_multiplier'][1]:.8f}")
    if "layer" in proof:
        ball, factor = proof["layer"]["attraction"], proof["layer"]["factor"]
        print(f"  proved: runs of the layer from within {ball:.1e} converge to it, by {factor:.7f} a step")
