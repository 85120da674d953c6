"""Options of commands that take any reaction system: which system, its values, the box to search."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated

import typer

from rdmf_theory.errors import ParameterError

if TYPE_CHECKING:
    from rdmf_theory.kinetics import ReactionSystem
    from rdmf_theory.system_point import SystemPoint

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
    from rdmf_theory.system_point import SystemPoint
    from rdmf_theory.systems import load_system

    return SystemPoint.with_defaults(load_system(name), parse_settings(settings))


def set_values(system: ReactionSystem, settings: Sequence[str] | None) -> dict[str, Fraction]:
    """The values that are set, exact, under the system's own names. Raises: ParameterError for a bad name or value."""
    from rdmf_theory.system_point import resolve_name
    from rdmf_theory.turing import to_fraction

    return {resolve_name(system, name): to_fraction(name, value) for name, value in parse_settings(settings).items()}


def refuse_without_system(settings: Sequence[str] | None, box: Sequence[str] | None = None) -> None:
    """Raises: ParameterError if options that want `--system` are used without it."""
    for option, value in (("--set", settings), ("--box", box)):
        if value:
            raise ParameterError(f"{option} wants --system NAME|FILE. Got {value[0]!r} without it.")
