"""The `--system` branch of `rdmf region`: bifurcations along one parameter, or curves and points in two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rdmf_theory.commands.ranges import METAVAR, parse_range
from rdmf_theory.commands.system_options import parse_box, parse_settings, refuse_without_system
from rdmf_theory.errors import ParameterError
from rdmf_theory.support.terminal import console, emit

if TYPE_CHECKING:
    from rdmf_theory.bifurcations.record import Bifurcation
    from rdmf_theory.kinetics import ReactionSystem
    from rdmf_theory.systems.point import SystemPoint

Axis = Annotated[
    str | None,
    typer.Option(
        "--x",
        metavar=METAVAR,
        help="With --system: the parameter or diffusion that varies, such as D_y=1:10.",
        show_default=False,
    ),
]
SecondAxis = Annotated[
    str | None,
    typer.Option(
        "--y",
        metavar=METAVAR,
        help="With --system and --x: a second one; curves and points in the window instead of a line.",
        show_default=False,
    ),
]
RegionClips = Annotated[
    int | None,
    typer.Option(
        "--clips",
        metavar="T",
        help="With --system: patterns on T clips, as in the layer; without it, any wavenumber.",
        show_default=False,
    ),
]


def refuse_axes(
    settings: Sequence[str] | None, x: str | None, y: str | None, clips: int | None, box: Sequence[str] | None
) -> None:
    """Raises: ParameterError if an option of a general system is used without `--system`."""
    refuse_without_system(settings, box)
    for option, value in (("--x", x), ("--y", y), ("--clips", clips)):
        if value is not None:
            raise ParameterError(f"{option} wants --system NAME|FILE. Got {value!r} without it.")


def system_region(
    name: str,
    settings: Sequence[str] | None,
    x: str | None,
    y: str | None,
    clips: int | None,
    box: Sequence[str] | None,
    closed_form: Mapping[str, Any],
    plot: Path | None,
    timeout: float,
    as_json: bool,
) -> None:
    """Run `rdmf region --system`.

    Arguments:
        name, settings: `--system` and `--set`.
        x, y, clips: texts of the axes, number of clips.
        box: `--box`, the states that count; only with `--x` alone.
        closed_form: the options that only the closed form of Gray-Scott knows; none may be given.
        plot: picture to write.
        timeout: longest time for computer algebra, s.
    """
    for option, value in closed_form.items():
        if value is not None:
            raise ParameterError(f"{option} is no option of --system. Set values by --set NAME=NUMBER.")
    if x is None:
        raise ParameterError("--system wants --x NAME=LOW:HIGH, the parameter that varies, and --y for a second one.")
    from rdmf_theory.support.time_limit import within
    from rdmf_theory.systems.built_in import BUILT_IN

    ranges = parse_box(box)
    for option, value in (("--y", y), ("--clips", clips)):
        if ranges is not None and value is not None:
            raise ParameterError(f"{option} is no option beside --box, which searches along --x; leave it out.")
    first = parse_range("--x", x)
    second = None if y is None else parse_range("--y", y)
    point = _point(name, settings, [first] if second is None else [first, second])
    if ranges is not None:
        _line(point, first, None, plot, timeout, as_json, ranges)
        return
    if point.system not in BUILT_IN.values():
        remedy = "use rdmf check at single points"
        within(timeout, "the elimination of a species", _eliminate, point.system, second is not None, remedy=remedy)
    if second is None:
        _line(point, first, clips, plot, timeout, as_json)
    else:
        _window(point, first, second, clips, plot, as_json)


def _eliminate(system: ReactionSystem, area: bool) -> None:
    """The computer algebra of what follows, of which only that it ends is wanted."""
    from rdmf_theory.bifurcations.turing_area import explicit_state
    from rdmf_theory.systems.state_samples import eliminations

    eliminations(system)
    if area:
        explicit_state(system)


def _point(name: str, settings: Sequence[str] | None, axes: Sequence[tuple[str, str, str]]) -> SystemPoint:
    """The point of `--system` and `--set`; what varies along an axis need not be set."""
    from rdmf_theory.systems.built_in import load_system
    from rdmf_theory.systems.point import SystemPoint, resolve_name

    system = load_system(name)
    given = {resolve_name(system, key): value for key, value in parse_settings(settings).items()}
    starts = {resolve_name(system, axis): low for axis, low, _ in axes}
    for axis in starts:
        if axis in given:
            raise ParameterError(f"--set {axis} and an axis {axis} are both given; drop one of them.")
    return SystemPoint.with_defaults(system, given | starts)


def _header(point: SystemPoint, axes: Mapping[str, tuple[float, float]], clips: int | None) -> dict[str, Any]:
    fixed = {name: str(value) for name, value in point.exact.items() if name not in axes}
    return {
        "system": point.system.name,
        "parameters": fixed,
        "axes": {name: list(ends) for name, ends in axes.items()},
        "clips": clips,
    }


def _line(
    point: SystemPoint,
    axis: tuple[str, str, str],
    clips: int | None,
    plot: Path | None,
    timeout: float,
    as_json: bool,
    box: Mapping[str, tuple[str, str]] | None = None,
) -> None:
    from rdmf_theory.bifurcations.lines import axis_range
    from rdmf_theory.support.time_limit import TimeLimit, within

    name, low, high = axis_range(point, *axis)
    if plot is not None and not point.system.is_rational:
        raise ParameterError("--plot of a line wants rational reactions; leave it out.")
    if box is not None:
        remedy = "make the box or the range smaller"
        search = within(timeout, "the search of the box", _search_box, point, axis, box, remedy=remedy)
    else:
        try:
            search = within(timeout, "the search", _search, point, axis, clips, min(timeout / 8, 5.0))
        except TimeLimit:
            remedy = "make the range shorter"
            search = within(
                max(timeout, 60.0), "the search by samples", _search, point, axis, clips, 0.0, remedy=remedy
            )
    records = search.records
    answer = _header(point, {name: (low, high)}, clips)
    answer |= {"bifurcations": [record.to_dict() for record in records], "search": search.to_dict()}
    if plot is not None:
        from rdmf_theory.bifurcations.plots import plot_line
        from rdmf_theory.support.figures import save as save_figure

        save_figure(plot_line(point, name, low, high, records, clips), plot)
        console.print(f"picture: {plot}")

    def render() -> None:
        print(f"{point.system.name}: {len(records)} bifurcations for {name} in [{low:g}, {high:g}]")
        for record in records:
            print(f"  {record.kind:<12} {_described(record)}")
        for note in search.notes:
            print(f"  note: {note}")

    emit(answer, as_json, render)


def _search(point: SystemPoint, axis: tuple[str, str, str], clips: int | None, seconds: float) -> Any:
    from rdmf_theory.bifurcations.lines import search_line

    return search_line(point, *axis, clips=clips, seconds=seconds)


def _search_box(point: SystemPoint, axis: tuple[str, str, str], box: Mapping[str, tuple[str, str]]) -> Any:
    from rdmf_theory.bifurcations.box_line import line_in_box

    return line_in_box(point, *axis, box)


def _described(record: Bifurcation) -> str:
    """One line on a bifurcation: where, its state, its scale and its onset."""
    parts = [f"{name} = {value:.13g}" for name, value in record.values.items()]
    parts += [f"{name}* = {value:.6g}" for name, value in record.state.items()]
    if record.mode is not None:
        parts.append(f"mode {record.mode}")
    if record.wavelength is not None:
        parts.append(f"q_c = {record.wavenumber:.9g}, wavelength {record.wavelength:.6g}")
    if record.frequency is not None:
        parts.append(f"omega = {record.frequency:.6g}")
    if record.onset is not None:
        cubic = record.onset.cubic
        parts.append(record.onset.criticality + ("" if cubic is None else f", g = {cubic:.9g}"))
    if record.radius is None:
        parts.append("not proved")
    if record.shape == "inflection":
        return "  ".join([*parts, "the states go on through a double root"])
    parts += [record.shape] if record.shape not in (None, "fold") else []
    return "  ".join([*parts, "stability changes" if record.primary else "already unstable"])


def _window(
    point: SystemPoint,
    x: tuple[str, str, str],
    y: tuple[str, str, str],
    clips: int | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    from rdmf_theory.bifurcations.curves import curves_in_window
    from rdmf_theory.bifurcations.points import points_on
    from rdmf_theory.bifurcations.turing_area import turing_area

    with _progress() as report:
        curves, analysis = curves_in_window(point, x, y, clips=clips, progress=report)
        report("points of codimension two")
        points = points_on(curves, analysis)
        low, high = analysis.window.low, analysis.window.high
        report("area of the Turing region")
        paving = turing_area(point, analysis.axes, low, high) if clips is None else None
    axes = {name: (float(a), float(b)) for name, a, b in zip(analysis.axes, low, high, strict=True)}
    area = None if paving is None else {"lower": paving.volume[0], "upper": paving.volume[1]}
    answer = _header(point, axes, clips) | {
        "curves": [curve.to_dict() for curve in curves],
        "points": [item.to_dict() for item in points],
        "turing_area": area,
    }
    if plot is not None:
        from rdmf_theory.bifurcations.plots import plot_curves
        from rdmf_theory.support.figures import save as save_figure

        save_figure(plot_curves(curves, points, analysis, paving), plot)
        console.print(f"picture: {plot}")

    def render() -> None:
        spans = ", ".join(f"{name} in [{a:g}, {b:g}]" for name, (a, b) in axes.items())
        print(f"{point.system.name}: {len(curves)} curves, {len(points)} points for {spans}")
        for curve in curves:
            name = curve.kind if curve.mode is None else f"{curve.kind} {curve.mode}"
            shape = "closed" if curve.closed else f"from {curve.ends[0]} to {curve.ends[1]}"
            print(f"  {name:<18} {len(curve.points)} points, {shape}")
        for item in points:
            where = ", ".join(f"{name} = {value:.13g}" for name, value in item.record.values.items())
            exact = "" if item.exact is None else f" = ({', '.join(map(str, item.exact[2:]))}) exactly"
            print(f"  {item.record.kind:<18} {where}{exact}")
        if area is not None:
            print(f"  area of the Turing region in [{area['lower']:.9g}, {area['upper']:.9g}]")

    emit(answer, as_json, render)


@contextmanager
def _progress() -> Iterator[Any]:
    """A spinner on stderr with the curve that is being traced."""
    with console.status("sampling states") as status:
        yield lambda words: status.update(f"tracing: {words}")
