"""`rdmf region`: area, named points and certified paving of the Turing region."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR
from pathlib import Path
from typing import Annotated, Any

import typer

from rdmf_theory.commands.options import Json, Plot
from rdmf_theory.commands.region_uses import (
    Export,
    ExportFormat,
    From,
    Gap,
    Robust,
    Sample,
    Seed,
    export_text,
    plane_paving,
    render_uses,
    uses,
)
from rdmf_theory.commands.system_options import Box, Domain, Settings, System, Timeout, in_domain
from rdmf_theory.commands.system_region import Axis, RegionClips, SecondAxis, refuse_axes, system_region
from rdmf_theory.support.terminal import console, emit


def region(
    d: Annotated[
        str | None,
        typer.Option("--d", metavar="NUMBER", help="Ratio of diffusivities D_u/D_v, > 1.", show_default="2"),
    ] = None,
    s: Annotated[
        str | None, typer.Option("--s", metavar="NUMBER", help="Reaction gain s, 1/step.", show_default="1")
    ] = None,
    F_max: Annotated[
        str | None, typer.Option("--F-max", metavar="NUMBER", help="Only feed rates up to this.", show_default=False)
    ] = None,
    strips: Annotated[
        int | None, typer.Option(help="Strips of the certified paving; more narrow its bracket.", show_default="256")
    ] = None,
    plot: Plot = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write a certificate (JSON), or the export.", show_default=False
        ),
    ] = None,
    export: ExportFormat = None,
    gap: Gap = None,
    robust: Robust = None,
    distance: From = None,
    sample: Sample = None,
    seed: Seed = 0,
    system: System = None,
    domain: Domain = None,
    settings: Settings = None,
    x: Axis = None,
    y: SecondAxis = None,
    clips: RegionClips = None,
    box: Box = None,
    timeout: Timeout = 60.0,
    json: Json = False,
) -> None:
    """The Turing region: exact and certified area, or with --system the bifurcations of any two-species system.

    Without --system it is the admissible set of the layer in the (F, k) plane at a fixed ratio of diffusivities. The
    certificate holds area, named points and a paving with exact strip areas; `rdmf certify` re-checks it with an
    independent program. Up to d = 2 it proves the closed form, beyond that the paving's bracket.

    Also: --gap paves the plane with certified boxes (--plot draws them), --robust decides whether all parameters of
    given intervals are in the region (exit code 1 unless they are), --distance bounds how far a point is from the
    boundary, --sample draws points, --export writes the conditions for a solver or a paper.

    With --system and --x: all bifurcations along one parameter, with wavelength and cubic coefficient. With --y too:
    curves and points of codimension two in a window, and bounds of the Turing region's area. Every location is
    enclosed by ball arithmetic. With --x and --box: all bifurcations of states in that box, by bisection alone, which
    reactions with exp, log, tanh, roots or real powers need.
    """
    system = in_domain(system, domain)
    closed_form = {"--d": d, "--s": s, "--F-max": F_max, "--strips": strips, "--output": output}
    closed_form |= {"--export": export, "--gap": gap, "--robust": robust, "--distance": distance, "--sample": sample}
    if system is not None:
        system_region(system, settings, x, y, clips, box, closed_form, plot, timeout, json)
        return
    refuse_axes(settings, x, y, clips, box)
    d, s, strips = d or "2", s or "1", 256 if strips is None else strips
    if export is not None:
        _export(export, export_text(export, d, s, F_max, gap), output, json)
        return
    from rdmf_theory.certificates.region_certificate import certify_region
    from rdmf_theory.certificates.region_checker import shown
    from rdmf_theory.regions.area import bogdanov_takens, turing_hopf

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
    more = uses(d, s, F_max, gap=gap, robust=robust, distance=distance, sample=sample, seed=seed)
    answer |= more
    if output is not None:
        certificate.save(output)
        proves = (
            "" if area.d <= 2 else " (beyond d = 2 it proves the paving's bracket of the area, not the closed form)"
        )
        console.print(f"certificate: {output}{proves}")
    if plot is not None:
        from rdmf_theory.regions.plots import plot_region
        from rdmf_theory.support.figures import save as save_figure

        if gap is None:
            save_figure(plot_region(area), plot)
        else:
            from rdmf_theory.regions.plots import plot_paving

            names = "feed rate $F$ (1/step)", "kill rate $k$ (1/step)"
            save_figure(plot_paving(plane_paving(d, s, F_max, gap), names), plot)
        console.print(f"picture: {plot}")

    def render() -> None:
        print(f"area {area.mid:.13g} in the (F, k) plane, d = {area.d}, s = {area.s}", end="")
        print("" if area.F_max is None else f", F <= {area.F_max}")
        print(f"  exactly    {_readable(area.exact)}")
        low, high = shown(bracket["inner"], ROUND_FLOOR), shown(bracket["outer"], ROUND_CEILING)
        print(f"  certified  {low} <= area <= {high} by {strips} strips")
        for name, point in points.items():
            where = "none at this d" if point is None else f"F = {point[0]}, k = {point[1]}"
            print(f"  {name:<16} {where}")
        render_uses(more)

    emit(answer, json, render)
    if "robust" in more and more["robust"]["verdict"] != "certified":
        raise typer.Exit(1)


def _export(kind: Export, text: str, output: Path | None, as_json: bool) -> None:
    """Write an exported text to a file, or to standard output where no file is named."""
    if output is not None:
        from rdmf_theory.support.files import write_text

        write_text(output, text)
        console.print(f"{kind}: {output}")
    answer = {"export": str(kind), "output": None if output is None else str(output), "text": text}
    emit(answer, as_json, lambda: print(text, end="") if output is None else None)


def _readable(exact: Any) -> str:
    """A closed form with the roots of polynomials named, each polynomial written once."""
    import sympy as sp

    roots = sorted(exact.atoms(sp.CRootOf), key=str)
    names = [sp.Symbol(f"t{i}") for i in range(1, len(roots) + 1)]
    text = str(exact.subs(dict(zip(roots, names, strict=True))))
    where = [f"{name} = root {root.index} of {root.poly.as_expr()}" for name, root in zip(names, roots, strict=True)]
    return ", where ".join([text, *where])
