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

CHECKERS = {"design-box": "certificate_checker", "fixed-ratio-region": "region_checker", "patterns": "pattern_checker"}
"""Kind of certificate -> module of this package."""


class Refused(Exception):
    """The certificate does not hold; the message says where."""


class Unreadable(Exception):
    """The file is no certificate that any checker knows."""


def checker_of(content: Any) -> ModuleType:
    """The checker of a certificate's kind. Raises Unreadable for a kind that none checks."""
    kind = content.get("kind") if isinstance(content, dict) else None
    if not isinstance(kind, str) or kind not in CHECKERS:
        known = ", ".join(CHECKERS)
        raise Unreadable(f"is no certificate of a kind that a checker knows ({known}); its field kind is {kind!r}")
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


def check(path: str | os.PathLike[str]) -> str:
    """`check_content` of a file, read by its checker. Raises Refused or Unreadable."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise Unreadable(f"cannot be read: it was cut short, or never was JSON ({error})") from error
    checker = checker_of(content)
    try:
        return checker.check(path)
    except checker.Refused as error:
        raise Refused(str(error)) from error
    except checker.Unreadable as error:
        raise Unreadable(str(error)) from error
