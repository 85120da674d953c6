"""Which independent checker judges this certificate? One standalone file per kind of claim, chosen by the field `kind`.

Each checker file runs alone, shares no code with the others or with the program, and has `check_content`, `Refused` and
`Unreadable`; here they are only looked up.
"""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path
from types import ModuleType
from typing import Any

CHECKERS = {
    "design-box": "certificate_checker",
    "fixed-ratio-region": "region_checker",
    "patterns": "pattern_checker",
    "settled-runs": "competition_checker",
}
"""Kind of certificate -> module of this package."""
LARGEST_FILE = 1 << 28


class Refused(Exception):
    """The certificate does not hold; the message says where."""


class Unreadable(Exception):
    """The file is no certificate that any checker knows."""


def checker_of(content: Any) -> ModuleType:
    """The checker of a certificate's kind. Raises Unreadable for a kind that none checks."""
    kind = content.get("kind") if isinstance(content, dict) else None
    if not isinstance(kind, str) or kind not in CHECKERS:
        known = ", ".join(CHECKERS)
        found = repr(kind[:40]) if isinstance(kind, str) else None if kind is None else f"of type {type(kind).__name__}"
        raise Unreadable(f"is no certificate of a kind that a checker knows ({known}); its field kind is {found}")
    return importlib.import_module(f"{__package__}.{CHECKERS[kind]}")


def check_content(content: Any) -> str:
    """What a certificate establishes, in words. Raises Refused or Unreadable."""
    checker = checker_of(content)
    try:
        return checker.check_content(content)
    except checker.Refused as error:
        raise Refused(str(error)) from error
    except checker.Unreadable as error:
        raise Unreadable(str(error)) from error


def read(path: str | os.PathLike[str]) -> Any:
    """The JSON object of a file, which is read once: also from a pipe. Raises Refused or Unreadable."""
    try:
        with Path(path).open("rb") as stream:
            text = stream.read(LARGEST_FILE + 1)
        if len(text) > LARGEST_FILE:
            raise Unreadable(f"is longer than any certificate ({LARGEST_FILE} bytes)")
        return json.loads(text.decode("utf-8"), object_pairs_hook=_once)
    except OSError as error:
        raise Unreadable(f"cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"cannot be read: it was cut short, or never was JSON ({error})") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise Refused("a field occurs twice")
    return dict(pairs)


def check(path: str | os.PathLike[str]) -> str:
    """`check_content` of a file. Raises Refused or Unreadable."""
    return check_content(read(path))
