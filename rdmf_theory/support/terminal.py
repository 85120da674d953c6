"""Output of the command line: human text or exactly one JSON object on stdout, everything else on stderr."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


@cache
def _stderr_console() -> Console:
    # rich takes 50 ms to import: only commands that talk pay for it
    from rich.console import Console

    return Console(stderr=True)


def __getattr__(name: str) -> Any:
    if name == "console":
        return _stderr_console()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def json_ready(value: Any) -> Any:
    """`value` with only what JSON has: NaN becomes null, infinities become the strings "inf" and "-inf",
    numpy scalars and arrays, fractions, dataclass-like `to_dict()` objects and tuples become plain JSON values.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if math.isnan(value):
            return None
        if math.isinf(value):
            return "inf" if value > 0 else "-inf"
        return float(value)
    if isinstance(value, Mapping):
        return {str(key): json_ready(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_ready(item) for item in value]
    if hasattr(value, "to_dict"):
        return json_ready(value.to_dict())
    if hasattr(value, "tolist"):
        # numpy scalars and arrays
        return json_ready(value.tolist())
    return str(value)


def printable(text: object) -> str:
    """`text` with every control and format character (escape sequences, line breaks, direction marks) written as an
    escape such as `\\x1b`: what comes out of data must not steer the terminal.
    """
    return "".join(_escaped(c) if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") else c for c in str(text))


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def emit(obj: Mapping[str, Any], as_json: bool, render: Callable[[], None]) -> None:
    """Print the result of a command: one JSON object on stdout if `as_json`, else whatever `render` prints."""
    if as_json:
        print(json.dumps(json_ready(obj), allow_nan=False))
    else:
        render()
