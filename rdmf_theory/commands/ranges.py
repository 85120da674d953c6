"""Ranges on the command line: one syntax, `NAME=LOW:HIGH`, and the older ones with a hint."""

from __future__ import annotations

from typing import NamedTuple

from rdmf_theory.errors import ParameterError
from rdmf_theory.support import terminal

METAVAR = "NAME=LOW:HIGH"


class Range(NamedTuple):
    """A parameter and its two ends, as typed: exact where the command computes exactly."""

    name: str
    low: str
    high: str


def parse_range(option: str, text: str, example: str = "D_v=1:10", name: str | None = None) -> Range:
    """Read `NAME=LOW:HIGH`.

    Arguments:
        option: for messages.  text: as typed.  example: of a right one.
        name: where the name may be left out, what it then is.
    Returns: the parts, not yet read as numbers. `NAME:LOW:HIGH` and, with `name`, `LOW:HIGH` are accepted, with a hint.
    Raises: ParameterError for anything else.
    """
    head, equals, rest = text.partition("=")
    parts = [part.strip() for part in (rest if equals else text).split(":")]
    if equals:
        parts.insert(0, head.strip())
    elif len(parts) == 2 and name is not None:
        parts.insert(0, name)
    if len(parts) != 3 or not all(parts):
        raise ParameterError(f"{option} must be {METAVAR} such as {example}. Got {text!r}.")
    if not equals:
        hint = f"hint: write {option} {parts[0]}={parts[1]}:{parts[2]}; {text} is an older form"
        terminal.console.print(hint, highlight=False, markup=False, soft_wrap=True)
    return Range(*parts)
