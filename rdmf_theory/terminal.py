"""One way to answer on the terminal: a JSON object for programs or text for people."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console

# Progress, warnings and errors go to stderr, so that stdout holds the answer only.
console = Console(stderr=True)


def jsonable(value: Any) -> Any:
    """The value with containers copied and non-finite floats written as null, ready for strict JSON.

    numpy scalars and arrays are converted through `tolist`. JSON has no NaN and no Infinity, and most parsers refuse
    Python's literals for them.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    if hasattr(value, "tolist"):
        return jsonable(value.tolist())
    return value


def emit(obj: Mapping[str, Any], as_json: bool, render: Callable[[], None]) -> None:
    """Answer a command: exactly one JSON object on stdout if `as_json`, else `render()` prints text on stdout."""
    if as_json:
        print(json.dumps(jsonable(obj), indent=2, allow_nan=False))
    else:
        render()
