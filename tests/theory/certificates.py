"""Helpers of the certificate tests: small certificates, and edits with the digest made to fit."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from rdmf_theory.certificates import checkers as checker
from rdmf_theory.certificates.certificate import digest
from rdmf_theory.certificates.certify import certify_box
from rdmf_theory.certificates.region_certificate import certify_region
from rdmf_theory.regions.admissible import AdmissibleRegion

# A small region: its certificate has few leaves, so that every number can be edited in seconds.
SMALL = AdmissibleRegion(
    lower=(0.36, 1.2, 1.5, 8.0, 0.2),
    upper=(0.4, 1.4, 1.75, 16.0, 0.25),
    clips=(12, 300),
    steps=12,
    gain=(1.28, 1.62),
    modulation=(0.97, 1.06),
    soft_onset=False,
)
Path_ = tuple[str | int, ...]


@cache
def _box() -> str:
    certificate = certify_box(SMALL.lower, SMALL.upper, SMALL, subject="model-7")
    assert certificate.holds, certificate.detail
    return json.dumps(certificate.to_dict())


@cache
def _region(F_max: str | None) -> str:
    return json.dumps(certify_region("2", "1", F_max, strips=8)[0].to_dict())


def box_content() -> dict[str, Any]:
    """A fresh copy of a valid `design-box` certificate."""
    return json.loads(_box())


def region_content(F_max: str | None = None) -> dict[str, Any]:
    """A fresh copy of a valid `fixed-ratio-region` certificate with 8 strips."""
    return json.loads(_region(F_max))


def numbers(part: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """Every leaf that holds a number, written as one or inside a text."""
    if isinstance(part, dict):
        for key, value in part.items():
            yield from numbers(value, (*path, key))
    elif isinstance(part, list):
        for index, value in enumerate(part):
            yield from numbers(value, (*path, index))
    elif (isinstance(part, int | float) and not isinstance(part, bool)) or (
        isinstance(part, str) and re.search(r"\d", part)
    ):
        yield path, part


def changed(value: Any) -> Any:
    """The value with its last digit changed."""
    if isinstance(value, str):
        return re.sub(r"\d(?=\D*$)", lambda m: str((int(m[0]) + 1) % 10), value)
    return value + 1


def edit(content: dict[str, Any], path: Path_, value: Any, *, sign: bool) -> dict[str, Any]:
    """A copy with one leaf replaced, the digest recomputed if `sign`."""
    content = copy.deepcopy(content)
    part: Any = content
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    if sign:
        content["sha256"] = digest(content)
    return content


def refused(content: dict[str, Any]) -> str | None:
    """Why the checker refuses a certificate; None if it accepts it."""
    try:
        checker.check_content(content)
    except checker.Refused as error:
        return str(error)
    return None


def written(content: dict[str, Any], folder: Path) -> Path:
    """The certificate as a file."""
    path = folder / "certificate.json"
    path.write_text(json.dumps(content))
    return path
