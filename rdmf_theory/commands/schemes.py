"""`rdmf schemes`: which scheme does what, proved or shown?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rdmf_theory.commands.options import Clips, Excess, Json, Plot, Rate, UStar, Wavelength, Z
from rdmf_theory.commands.system_options import (
    Domain,
    Settings,
    System,
    Timeout,
    certified_states,
    in_domain,
    parse_settings,
    system_point,
)
from rdmf_theory.errors import ParameterError
from rdmf_theory.support.terminal import console, emit

if TYPE_CHECKING:
    from rdmf_theory.schemes.definition import Scheme

COLUMNS = ("positive", "well_balanced", "same_boundary", "false_growth", "missed_growth", "flip", "rotation")
HEADS = ("positive", "balanced", "boundary", "false growth", "missed", "flip", "rotation")


def schemes(
    only: Annotated[
        list[str] | None,
        typer.Option("--scheme", metavar="NAME", help="Only this scheme; repeat it.", show_default=False),
    ] = None,
    u_star: UStar = 0.4,
    z: Z = 1.2,
    excess: Excess = 1.5,
    wavelength: Wavelength = 12.0,
    rate: Rate = 0.2,
    clips: Clips = 75,
    system: System = None,
    domain: Domain = None,
    settings: Settings = None,
    timeout: Timeout = 60.0,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """Compare time-stepping schemes: what each does for every step size, and where it differs from the equation.

    Every cell is derived from the scheme's symbolic update: proved for all v-rich states, modes and steps, or refuted
    by an exact witness that --json shows. The design only sets the last column, the largest step h w at which all
    decaying modes still decay, and the picture.

    With --system, order, positivity and balance are derived for that system, and the artefacts looked for on a grid of
    steps and modes at its homogeneous states that are stable without diffusion: seen or not seen, which is no proof.
    """
    system = in_domain(system, domain)
    from rdmf_theory.schemes.definition import SCHEMES, scheme_named

    chosen = [scheme_named(name) for name in only] if only else list(SCHEMES.values())
    if system is not None:
        if plot is not None:
            raise ParameterError("--plot shows Gray-Scott at a design. Leave out --system.")
        _any_system(system, settings, chosen, clips, timeout, json)
        return
    if parse_settings(settings):
        raise ParameterError("--set wants --system NAME|FILE. Got it without.")
    from rdmf_theory.chart import PatternDesign
    from rdmf_theory.schemes.limits import largest_step
    from rdmf_theory.schemes.table import row

    design = PatternDesign(u_star, z, excess, wavelength, rate)
    parameters = design.parameters()
    rows = []
    for scheme in _progress(chosen):
        limit = largest_step(scheme, parameters, clips) * float(parameters.w)
        rows.append(row(scheme).to_dict() | {"largest_step": None if limit == float("inf") else limit})
    if plot is not None:
        from rdmf_theory.schemes.plots import plot_artefacts
        from rdmf_theory.support.figures import save

        save(plot_artefacts(design), plot)
        console.print(f"picture: {plot}")
    names = ("u_star", "z", "excess", "wavelength", "rate")
    answer = {
        "system": "gray-scott",
        "design": {name: getattr(design, name) for name in names} | {"clips": clips},
        "schemes": rows,
    }
    emit(answer, json, lambda: _render(rows, "largest hw"))


def _progress(chosen: Sequence[Scheme]) -> Iterator[Scheme]:
    """The schemes, with a bar on stderr."""
    from rich.progress import Progress

    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("schemes", total=len(chosen))
        for scheme in chosen:
            progress.update(task, description=scheme.name)
            yield scheme
            progress.advance(task)


def _render(rows: list[dict[str, Any]], last: str) -> None:
    print(f"{'scheme':<15}order  " + "".join(f"{head:<13}" for head in HEADS) + last)
    for row in rows:
        cells = [_short(row[name]["answer"]) for name in COLUMNS]
        order = "-" if row["order"] is None else row["order"]
        limit = row["largest_step"]
        shown = "any" if limit is None else f"{limit:.4g}"
        print(f"{row['scheme']:<15}{order!s:<7}" + "".join(f"{cell:<13}" for cell in cells) + shown)
    for row in rows:
        reasons = [name for name in ("positive", "well_balanced", "same_boundary") if row[name]["answer"] != "yes"]
        for name in reasons:
            print(f"{row['scheme']}: {name.replace('_', '-')}: {row[name]['answer']}: {row[name]['reason']}")


def _short(answer: str) -> str:
    return "if h|tr|<2" if answer.startswith("if ") else answer


def _any_system(
    name: str, settings: list[str] | None, chosen: Sequence[Scheme], clips: int, timeout: float, json: bool
) -> None:
    from rdmf_theory.schemes.any_system import stable_states, system_row

    point = system_point(name, settings)
    states = stable_states(point, certified_states(point, timeout))
    if not states:
        raise ParameterError(
            f"system {point.system.name!r} has no homogeneous state that is stable without diffusion here; "
            "artefacts are judged at one: change the values with --set."
        )
    rows = [system_row(scheme, point, states, clips) for scheme in _progress(chosen)]
    answer = {
        "system": point.system.name,
        "values": {key: str(value) for key, value in point.exact.items()},
        "states": [[float(x) for x in state] for state in states],
        "clips": clips,
        "schemes": rows,
    }
    emit(answer, json, lambda: _render(rows, "largest h seen"))
