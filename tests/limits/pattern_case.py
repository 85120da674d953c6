"""A small pattern certificate, and its parts as a checker reads them."""

from __future__ import annotations

import json
from decimal import Context, Decimal
from fractions import Fraction
from functools import cache
from types import ModuleType
from typing import Any

from tests.theory.small_certificates import pattern_entry

DIGITS = Fraction(1, 10**14)


def root(x: Fraction) -> Fraction:
    """The square root within 10^-40 of itself."""
    context = Context(prec=60)
    return Fraction(context.sqrt(context.divide(Decimal(x.numerator), Decimal(x.denominator))))


def near(found: Fraction, expected: Fraction, above: bool | None = None) -> bool:
    """Whether two numbers agree; `above`: on which side of the expected one the found one must be."""
    if above is not None and found != expected and (found > expected) is not above:
        return False
    return abs(found - expected) <= DIGITS * abs(expected)


@cache
def entry_text() -> str:
    return pattern_entry()


def entry() -> dict[str, Any]:
    return json.loads(entry_text())


def pattern_of(checker: ModuleType) -> Any:
    return checker.Pattern(entry())


def energy_of(checker: ModuleType) -> Any:
    return checker.Energy(pattern_of(checker), entry()["equation"]["energy"])


def layer_of(checker: ModuleType) -> Any:
    data = entry()
    return checker.Layer(pattern_of(checker), data["layer"]["energy"], data["parameters"])
