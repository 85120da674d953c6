"""What `rdmf region` can do with the region besides its area: export, paving, robustness, distance, samples."""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Any

import typer

from rdmf_theory.errors import ParameterError


class Export(StrEnum):
    """Formats of `rdmf region --export`."""

    smt = "smt"
    latex = "latex"
    json = "json"


ExportFormat = Annotated[
    Export | None,
    typer.Option(
        "--export", help="Write the conditions as SMT-LIB or LaTeX, or a paving as JSON, to -o.", show_default=False
    ),
]
Gap = Annotated[
    float | None,
    typer.Option("--gap", metavar="AREA", help="Pave the (F, k) plane to this area gap.", show_default=False),
]
Robust = Annotated[
    list[str] | None,
    typer.Option(
        "--robust",
        metavar="NAME=LOW:HIGH",
        help="Certified: are all points of these intervals in the region? Two or more of F, k, s, d.",
        show_default=False,
    ),
]
From = Annotated[
    str | None,
    typer.Option("--distance", metavar="F,k", help="Distance of this point to the boundary.", show_default=False),
]
Sample = Annotated[
    int | None, typer.Option("--sample", metavar="COUNT", help="Uniform random points.", show_default=False)
]
Seed = Annotated[int, typer.Option(help="Seed of --sample.")]


def plane_box(d: str, s: str, F_max: str | None) -> tuple[tuple[float, float], tuple[float, float]]:
    """A box of the (F, k) plane around the region, rounded up.

    From `s F > 4 w^2` follow F < s/4 and `k < sqrt(s F)/2 - F <= s/16`.
    """
    from math import inf, nextafter

    from rdmf_theory.arithmetic.rational import to_fraction

    gain = to_fraction("s", s)
    high = gain / 4 if F_max is None else min(gain / 4, to_fraction("F_max", F_max))
    return (0.0, 0.0), (nextafter(float(high), inf), nextafter(float(gain / 16), inf))


def export_text(kind: Export, d: str, s: str, F_max: str | None, gap: float | None) -> str:
    """The region at fixed d and s as text of a format."""
    import json

    from rdmf_theory.arithmetic.rational import to_fraction
    from rdmf_theory.regions.conditions import gray_scott_region
    from rdmf_theory.regions.export.latex import latex_text
    from rdmf_theory.regions.export.smt import smt_text

    region = gray_scott_region({"d": d, "s": s})
    if kind is Export.latex:
        return latex_text(region)
    if kind is Export.smt:
        return smt_text(region, None if F_max is None else {"F": (0, to_fraction("F_max", F_max))})
    return json.dumps(plane_paving(d, s, F_max, gap or 1e-6).to_dict()) + "\n"


def plane_paving(d: str, s: str, F_max: str | None, gap: float) -> Any:
    """Certified paving of the region at fixed d and s."""
    from rdmf_theory.regions.conditions import gray_scott_region
    from rdmf_theory.regions.pave import pave

    return pave(gray_scott_region({"d": d, "s": s}).conditions, *plane_box(d, s, F_max), gap=gap)


def uses(
    d: str,
    s: str,
    F_max: str | None,
    *,
    gap: float | None,
    robust: list[str] | None,
    distance: str | None,
    sample: int | None,
    seed: int,
) -> dict[str, Any]:
    """The answers that the options ask for, by name.

    Raises: ParameterError for intervals or points that cannot be read.
    """
    from rdmf_theory.regions.conditions import gray_scott_region
    from rdmf_theory.regions.distance import distance_to_boundary
    from rdmf_theory.regions.robust import judge_intervals
    from rdmf_theory.regions.sampling import sample_region

    answers: dict[str, Any] = {}
    plane, box = gray_scott_region({"d": d, "s": s}), plane_box(d, s, F_max)
    if gap is not None:
        summary = plane_paving(d, s, F_max, gap).to_dict()
        answers["paving"] = {name: summary[name] for name in ("volume", "gap", "complete", "evaluations")}
        answers["paving"] |= {name: len(summary[name][0]) for name in ("inner", "boundary", "outer")}
    if robust:
        intervals = _intervals(robust)
        fixed = {name: value for name, value in (("d", d), ("s", s)) if name not in intervals}
        region = gray_scott_region(fixed, free=tuple(intervals))
        shown = {name: [float(end) for end in ends] for name, ends in intervals.items()}
        answers["robust"] = {"intervals": shown}
        low, high = ([ends[i] for ends in intervals.values()] for i in (0, 1))
        answers["robust"] |= judge_intervals(region, low, high).to_dict()
    if distance is not None:
        try:
            F, k = (float(part) for part in distance.split(","))
        except ValueError as error:
            raise ParameterError(f"--distance must be F,k, two numbers. Got {distance!r}.") from error
        answers["distance"] = distance_to_boundary(plane, (F, k), *box, scales=(1, 1)).to_dict()
    if sample is not None:
        answers["samples"] = sample_region(plane, sample, *box, seed=seed).tolist()
    return answers


def _intervals(texts: list[str]) -> dict[str, tuple[Fraction, Fraction]]:
    """Intervals `NAME=LOW:HIGH` by name, exact."""
    from rdmf_theory.arithmetic.rational import to_fraction

    result: dict[str, tuple[Fraction, Fraction]] = {}
    for text in texts:
        name, _, rest = text.partition("=")
        low, _, high = rest.partition(":")
        ends = to_fraction(f"--robust {name}", low), to_fraction(f"--robust {name}", high or low)
        if name not in ("F", "k", "s", "d") or name in result or ends[0] > ends[1]:
            raise ParameterError(
                f"--robust must be NAME=LOW:HIGH with NAME one of F, k, s, d, each once. Got {text!r}."
            )
        result[name] = ends
    if not {"F", "k"} <= set(result):
        raise ParameterError(f"--robust must be given for F and k at least. Got {sorted(result)}.")
    return result


def _witness(robust: dict[str, Any]) -> str:
    numbers = robust.get("witness_exact") or robust["witness"]
    return ", ".join(f"{name} = {x}" for name, x in zip(robust["intervals"], numbers, strict=True))


def render_uses(answers: dict[str, Any]) -> None:
    """Print the answers for people."""
    if "paving" in answers:
        paving = answers["paving"]
        low, high = paving["volume"]
        words = f"{paving['inner']} inner, {paving['boundary']} boundary, {paving['outer']} outer boxes"
        print(f"  paving     {low:.9g} <= area <= {high:.9g}: {words}")
    if "robust" in answers:
        robust = answers["robust"]
        words = "" if robust["witness"] is None else f"; {robust['condition']} fails at {_witness(robust)}"
        print(f"  robust     {robust['verdict']}: {robust['explanation']}{words}")
    if "distance" in answers:
        distance = answers["distance"]
        side = {True: "inside", False: "outside", None: "on the boundary, as far as doubles tell"}[distance["inside"]]
        words = f"{distance['lower']:.6g} <= distance <= {distance['upper']:.6g}, nearest {distance['nearest']}"
        print(f"  distance   {side}; {words}")
    for point in answers.get("samples", []):
        print(f"  sample     F = {point[0]:.12g}, k = {point[1]:.12g}")
