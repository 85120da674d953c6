"""Options of commands that take any reaction system: which system, its values, the box to search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from rdmf_theory.errors import ParameterError

if TYPE_CHECKING:
    import numpy as np

    from rdmf_theory.kinetics import ReactionSystem
    from rdmf_theory.systems.point import SystemPoint

System = Annotated[
    str | None,
    typer.Option(
        "--system",
        metavar="NAME|FILE",
        help="A built-in system (gray-scott, schnakenberg, brusselator, gierer-meinhardt, fitzhugh-nagumo, "
        "lengyel-epstein), a TOML file, or equations such as \"u' = a - u + u^2*v; v' = b - u^2*v\".",
        show_default=False,
    ),
]
Domain = Annotated[
    Literal["real", "nonnegative"] | None,
    typer.Option(
        "--domain",
        help="With --system: nonnegative leaves out states with a negative entry; real keeps them.",
        show_default="the system's own; equations are real",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=NUMBER",
        help="With --system: value of a parameter or diffusion, such as a=1/5 or D_u=1; repeat it. "
        "What is not set has the system's default value.",
        show_default=False,
    ),
]
Box = Annotated[
    list[str] | None,
    typer.Option(
        "--box",
        metavar="NAME=LOW:HIGH",
        help="With --system: only states with this species in the range; repeat it for every species.",
        show_default=False,
    ),
]
Timeout = Annotated[
    float,
    typer.Option(
        metavar="SECONDS",
        help="With --system: longest time for computer algebra; what is not decided by then is said, with a remedy.",
    ),
]


def in_domain(name: str | None, domain: str | None) -> str | None:
    """The system's name with the domain of `--domain`, as `load_system` reads it. Raises: ParameterError."""
    if domain is None:
        return name
    if name is None:
        raise ParameterError(f"--domain wants --system NAME|FILE. Got {domain!r} without it.")
    return f"{name}; {domain}"


def parse_settings(settings: Sequence[str] | None) -> dict[str, str]:
    """Values by name from `NAME=NUMBER` texts. Raises: ParameterError for another form or a repeated name."""
    values: dict[str, str] = {}
    for text in settings or ():
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not name or not value:
            raise ParameterError(f"--set must be NAME=NUMBER such as D_u=1. Got {text!r}.")
        if name in values:
            raise ParameterError(f"--set {name} is given twice, {values[name]} and {value}; keep one.")
        values[name] = value
    return values


def parse_box(ranges: Sequence[str] | None) -> dict[str, tuple[str, str]] | None:
    """(low, high) by species from `NAME=LOW:HIGH` texts, None without any. Raises: ParameterError."""
    box: dict[str, tuple[str, str]] = {}
    for text in ranges or ():
        name, equals, span = (part.strip() for part in text.partition("="))
        low, colon, high = (part.strip() for part in span.partition(":"))
        if not (equals and name and colon and low and high):
            raise ParameterError(f"--box must be NAME=LOW:HIGH such as u=0:10. Got {text!r}.")
        if name in box:
            raise ParameterError(f"--box {name} is given twice; keep one.")
        box[name] = (low, high)
    return box or None


def system_point(name: str, settings: Sequence[str] | None) -> SystemPoint:
    """The point that `--system` and `--set` describe, default values where nothing is set.

    Raises: ParameterError for a bad name or value, DataError for a bad file.
    """
    from rdmf_theory.systems.built_in import load_system
    from rdmf_theory.systems.point import SystemPoint

    return SystemPoint.with_defaults(load_system(name), parse_settings(settings))


def classified(
    use: Callable[..., Any],
    name: str,
    settings: Sequence[str] | None,
    ranges: Sequence[str] | None,
    timeout: float,
    *arguments: Any,
) -> Any:
    """`use(classification, *arguments)` of the point that the options describe, within `timeout` seconds.

    Where exact algebra does not end in that time and a box is given, the box is searched instead, for as long again.
    Raises: TimeLimit, with a remedy; ParameterError and DataError as `system_point` and `use` do.
    """
    from rdmf_theory.support.time_limit import TimeLimit, within

    box = parse_box(ranges)
    if box is None:
        remedy = "give a box to search, --box NAME=LOW:HIGH for every species"
        return within(timeout, "exact algebra", _use, use, name, settings, None, True, arguments, remedy=remedy)
    try:
        return within(timeout, "exact algebra", _use, use, name, settings, box, True, arguments)
    except TimeLimit:
        remedy = "make the box smaller"
        return within(timeout, "the search of the box", _use, use, name, settings, box, False, arguments, remedy=remedy)


def _use(use: Any, name: str, settings: Any, box: Any, exact: bool, arguments: Sequence[Any]) -> Any:
    from rdmf_theory.systems.classification import classify_point

    return use(classify_point(system_point(name, settings), box, exact=exact), *arguments)


def certified_states(point: SystemPoint, timeout: float) -> list[np.ndarray]:
    """The homogeneous states of a point that are proved, as floats. Raises: TimeLimit, with a remedy."""
    from rdmf_theory.support.time_limit import within

    remedy = "change the equations: rdmf check --box searches boxes instead"
    return within(timeout, "exact algebra", _certified, point, remedy=remedy)


def _certified(point: SystemPoint) -> list[np.ndarray]:
    from rdmf_theory.systems.homogeneous_states import steady_states_in_box

    return [state.mid for state in steady_states_in_box(point) if state.certified]


def set_values(system: ReactionSystem, settings: Sequence[str] | None) -> dict[str, Fraction]:
    """The values that are set, exact, under the system's own names. Raises: ParameterError for a bad name or value."""
    from rdmf_theory.arithmetic.rational import to_fraction
    from rdmf_theory.systems.point import resolve_name

    return {resolve_name(system, name): to_fraction(name, value) for name, value in parse_settings(settings).items()}


def refuse_without_system(settings: Sequence[str] | None, box: Sequence[str] | None = None) -> None:
    """Raises: ParameterError if options that want `--system` are used without it."""
    for option, value in (("--set", settings), ("--box", box)):
        if value:
            raise ParameterError(f"{option} wants --system NAME|FILE. Got {value[0]!r} without it.")
