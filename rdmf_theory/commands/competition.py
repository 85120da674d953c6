"""The commands on a video with cuts or with global competition: what `--competition` and `--conductances` lead to."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import typer

from rdmf_theory.errors import DataError, ParameterError
from rdmf_theory.support.terminal import emit


class Competition(StrEnum):
    """Whom a clip competes with."""

    local = "local"
    all = "global"


Mode = Annotated[
    Competition,
    typer.Option(
        "--competition",
        help="local: the substrate diffuses. global: one substrate per video, D_u infinite (the shadow system).",
    ),
]
Conductances = Annotated[
    str | None,
    typer.Option(
        "--conductances",
        metavar="LIST|FILE",
        help="Conductance of every edge between neighbouring clips, T - 1 numbers in [0, 1]; 0 is a cut.",
        show_default="no cuts",
    ),
]
Reach = Annotated[
    float | None,
    typer.Option("--reach", help="With --competition global: reach sqrt(D_v/w), clips.", show_default="4"),
]
Show = Callable[[Any], None]
TWO_FIELD = ("excess", "wavelength")
"""Coordinates of a two-field design, which the shadow system has not."""


def wanted(competition: Competition, conductances: str | None) -> bool:
    """Whether the options ask for this module's answer."""
    return competition is Competition.all or conductances is not None


def refuse(context: typer.Context, names: tuple[str, ...], why: str) -> None:
    """ParameterError if one of the parameters `names` was given: an option that plays no part must not be ignored."""
    for name in names:
        source = context.get_parameter_source(name) if name in context.params else None
        if source is not None and source.name != "DEFAULT":
            raise ParameterError(f"--{name.replace('_', '-')} is no option {why}; leave it out.")


def prepare(
    context: typer.Context, competition: Competition, conductances: str | None, clips: int, others: tuple[str, ...]
) -> list[Fraction]:
    """The conductances that the options describe, after refusing what would play no part."""
    why = "of a video with cuts or global competition"
    refuse(context, ("system", *others), why)
    if competition is Competition.all:
        refuse(context, (*TWO_FIELD, "D_u"), "of --competition global")
    if conductances is not None:
        refuse(context, ("clips",), "beside --conductances, which say how many clips there are")
    return read_conductances(conductances, clips)


def refuse_reach(competition: Competition, reach: float | None) -> None:
    """ParameterError if --reach is given without global competition."""
    if reach is not None and competition is not Competition.all:
        raise ParameterError("--reach needs --competition global; the two-field design has --wavelength.")


def read_conductances(text: str | None, clips: int) -> list[Fraction]:
    """Exact conductances from `--conductances`, or `clips - 1` ones.

    Arguments: text: numbers separated by commas, or a file of numbers separated by commas or white space.
    Raises: ParameterError for a number out of range; DataError naming a file that cannot be read.
    """
    from rdmf_theory.arithmetic.rational import to_fraction
    from rdmf_theory.competition.conditions import uniform_conductances

    if text is None:
        return uniform_conductances(clips)
    if any(character.isalpha() for character in text.replace("e-", "").replace("E-", "")) or "/" in text[:2]:
        try:
            text = Path(text).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{text}: no list of conductances ({error}); give numbers or a file.") from error
    values = [to_fraction("--conductances", item) for item in text.replace(",", " ").split()]
    for value in values:
        if not 0 <= value <= 1:
            raise ParameterError(f"--conductances must be in [0, 1]. Got {value}; 0 is a cut, 1 plain diffusion.")
    if not values:
        raise ParameterError("--conductances must name at least one edge. Got none; T clips have T - 1 edges.")
    return values


def print_derivation(as_json: bool, print_rows: Callable[[list[dict[str, Any]]], None]) -> None:
    """`rdmf derive --competition global`."""
    from rdmf_theory.competition.derivation import derivation

    rows = [row.to_dict() for row in derivation()]
    emit({"system": "gray-scott-shadow", "rows": rows}, as_json, lambda: print_rows(rows))


def check_shadow(
    point: dict[str, str | None], conductances: list[Fraction], json: bool, print_conditions: Show
) -> bool:
    """`rdmf check --competition global`; True for `competing`."""
    from rdmf_theory.competition.conditions import classify_shadow

    for name in ("F", "k"):
        if point[name] is None:
            raise ParameterError(f"Missing option '--{name}'; give --F and --k.")
    if point["D_u"] is not None:
        raise ParameterError("--D-u is no option of --competition global, where it is infinite; leave it out.")
    F, k = point["F"], point["k"]
    values = {"F": F, "k": k, "s": point["s"] or "1", "D_v": point["D_v"] or "1"}
    result = classify_shadow(str(F), str(k), values["s"], values["D_v"], conductances)
    answer: dict[str, Any] = result.to_dict() | {"parameters": values, "clips": len(conductances) + 1}

    def render() -> None:
        print(f"{result.name}: {answer['description']}")
        if result.u_star is not None:
            print(f"  v-rich state   u* = {result.u_star:.9g}, v* = {result.v_star:.9g}")
            print(f"  damping ratio  z = {result.z:.9g}")
        print(f"  reach          {result.reach:.9g} clips")
        print(f"  growing modes  {result.growing} of {len(conductances)} that are not uniform")
        print_conditions(answer["conditions"])

    emit(answer, json, render)
    return result.name == "competing"


def check_cuts(point: dict[str, str | None], conductances: list[Fraction], json: bool, print_conditions: Show) -> bool:
    """`rdmf check --conductances ...`: the two-field point on this video; True if `turing` with a growing mode."""
    from rdmf_theory.competition.conditions import classify_cuts

    for name in ("F", "k"):
        if point[name] is None:
            raise ParameterError(f"Missing option '--{name}'; give --F and --k.")
    values = {"s": "1", "D_u": "2", "D_v": "1"} | {name: value for name, value in point.items() if value is not None}
    values = {name: str(values[name]) for name in point}
    F, k, s, D_u, D_v = values.values()
    result, growing, conditions = classify_cuts(F, k, s, D_u, D_v, conductances)
    answer: dict[str, Any] = result.to_dict() | {
        "conditions": {name: condition.to_dict() for name, condition in conditions.items()},
        "growing_modes": growing,
        "parameters": values,
        "clips": len(conductances) + 1,
    }

    def render() -> None:
        print(f"{result.name}: {answer['description']}")
        print(f"  {growing} of {len(conductances)} nonuniform modes of this video grow")
        print_conditions(answer["conditions"])

    emit(answer, json, render)
    return result.name == "turing" and growing > 0


def _shadow_point(
    design: tuple[float, float, float], reach: float | None, point: dict[str, float | None], s: float
) -> tuple[Any, dict[str, Any]]:
    """Parameters and their JSON: a `CompetitionDesign`, or F, k, s, D_v."""
    from rdmf_theory.competition.design import CompetitionDesign, ShadowParameters

    given = [name for name in ("F", "k", "D_v") if point[name] is not None]
    if given and (len(given) < 3 or reach is not None):
        raise ParameterError("--F, --k and --D-v must come together and without --reach. Give all of them or a design.")
    if given:
        values = {name: float(value) for name, value in point.items() if name in given and value is not None}
        parameters = ShadowParameters(s=s, **values)
        described: dict[str, Any] = {}
    else:
        u_star, z, rate = design
        chosen = CompetitionDesign(u_star, z, 4.0 if reach is None else reach, rate)
        parameters = chosen.parameters()
        described = {"design": {"u_star": u_star, "z": z, "reach": chosen.reach, "rate": rate, "mixing": 0.0}}
    names = ("F", "k", "s", "D_v")
    return parameters, described | {"parameters": {name: float(getattr(parameters, name)) for name in names}}


def _point(
    competition: Competition,
    design: tuple[float, float, float, float, float],
    reach: float | None,
    point: dict[str, float | None],
    s: float,
) -> tuple[Any, dict[str, Any]]:
    from rdmf_theory.commands.options import parameter_point

    refuse_reach(competition, reach)
    if competition is Competition.all:
        return _shadow_point((design[0], design[1], design[4]), reach, point, s)
    return parameter_point(design, point, s)


def dispersion(
    competition: Competition,
    conductances: list[Fraction],
    design: tuple[float, float, float, float, float],
    reach: float | None,
    point: dict[str, float | None],
    s: float,
    step_size: float,
    json: bool,
) -> None:
    """`rdmf dispersion` on a video with cuts: every mode's eigenvalue, multiplier and verdict."""
    from rdmf_theory.competition.growth import shadow_multiplier
    from rdmf_theory.competition.modes import video_modes
    from rdmf_theory.competition.two_field import weighted_growth
    from rdmf_theory.dispersion import growth_rate

    parameters, described = _point(competition, design, reach, point, s)
    kappa = [float(value) for value in conductances]
    if competition is Competition.all:
        mu = video_modes(kappa).mu
        multipliers, rates = shadow_multiplier(parameters, mu, step_size), parameters.w - parameters.D_v * mu
        grows = rates > 0
    else:
        mu, multipliers, grows = weighted_growth(parameters, kappa, step_size)
        rates = growth_rate(parameters, mu)
    # the uniform mode of the shadow system is the two-field one at mu = 0: check answers for it
    first = 1 if competition is Competition.all else 0
    modes = [
        {
            "mode": j,
            "mu": float(mu[j]),
            "growth_rate": float(rates[j]),
            "multiplier": float(multipliers[j]),
            "grows": bool(grows[j]),
        }
        for j in range(first, len(mu))
    ]
    growing = [item["mode"] for item in modes if item["grows"]]
    answer = described | {
        "competition": competition.value,
        "clips": len(mu),
        "step_size": step_size,
        "modes": modes,
        "growing_modes": growing,
    }

    def render() -> None:
        print("mode         mu  growth rate  multiplier")
        for item in modes[:40]:
            mark = "  grows" if item["grows"] else ""
            print(f"{item['mode']:4d} {item['mu']:10.6f} {item['growth_rate']:+12.6f} {item['multiplier']:11.6f}{mark}")
        if len(modes) > 40:
            print(f"... {len(modes) - 40} more; --json lists all")
        print(f"{len(growing)} modes grow")

    emit(answer, json, render)


def simulate(
    competition: Competition,
    conductances: list[Fraction],
    design: tuple[float, float, float, float, float],
    reach: float | None,
    point: dict[str, float | None],
    s: float,
    run: dict[str, Any],
    json: bool,
) -> None:
    """`rdmf simulate` on a video with cuts or with global competition."""
    from rdmf_theory.competition.run import simulate_with_cuts

    parameters, described = _point(competition, design, reach, point, s)
    result = simulate_with_cuts(parameters, [float(value) for value in conductances], **run)
    facts = {"seed": run["seed"], "amplitude": run["amplitude"], "competition": competition.value}
    answer = described | facts | result.to_dict()

    def render() -> None:
        print(f"{answer['clips']} clips, {answer['steps']} steps, mode {result.mode} (mu = {result.mu:.6g})")
        print(f"  multiplier per step  predicted {result.predicted:.9f}")
        if result.measured is None:
            print("                       not measured: the linear stage is too short, lower --amplitude")
        else:
            print(
                f"                       measured  {result.measured:.9f}  (relative error {result.relative_error:.1e})"
            )
        low, high, winner = answer["final_v"]["min"], answer["final_v"]["max"], answer["winner"]
        print(
            f"  final activator v    {low:.4g} to {high:.4g}; clip {winner['clip']} holds {winner['share']:.4g} of it"
        )

    emit(answer, json, render)


def response(
    conductances: list[Fraction] | None,
    design: tuple[float, float, float],
    reach: float | None,
    counts: tuple[int, ...],
    step_size: float,
    json: bool,
) -> None:
    """`rdmf response --competition global`: relative activator per unit of gain modulation, mode by mode."""
    import numpy as np

    from rdmf_theory.competition.design import CompetitionDesign
    from rdmf_theory.competition.growth import competition_gain, gain_response
    from rdmf_theory.competition.modes import video_modes

    u_star, z, rate = design
    chosen = CompetitionDesign(u_star, z, 4.0 if reach is None else reach, rate)
    chosen.parameters()
    if conductances is None:
        wavelengths = np.geomspace(2, max(100.0, 12 * chosen.reach), 41)
        mu = 4 * np.sin(np.pi / wavelengths) ** 2
    else:
        mu = video_modes([float(value) for value in conductances]).mu[1:]
        wavelengths = None
    answers = [
        {
            "steps": count,
            "gain": gain_response(chosen, mu, count, step_size),
            "start": competition_gain(chosen, mu, count, step_size),
        }
        for count in counts
    ]
    answer = {
        "competition": "global",
        "step_size": step_size,
        "design": {"u_star": u_star, "z": z, "reach": chosen.reach, "rate": rate, "mixing": 0.0},
        "mu": mu,
        "wavelengths": wavelengths,
        "responses": answers,
    }

    def render() -> None:
        print("relative response of v per unit of input: gain modulated in every step | start perturbed once")
        print("        mu" + "".join(f"{f'N = {count}':>22}" for count in counts))
        for i in range(0, len(mu), max(1, len(mu) // 20)):
            cells = "".join(f"{item['gain'][i]:>+11.4f}|{item['start'][i]:>+10.4f}" for item in answers)
            print(f"{mu[i]:10.6f}{cells}")

    emit(answer, json, render)
