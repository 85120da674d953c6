"""Reads a number as an exact fraction."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import TypeAlias

from rdmf_theory.errors import ParameterError

Rational: TypeAlias = int | str | float | Fraction | Decimal


def to_fraction(name: str, value: Rational) -> Fraction:
    """The exact rational value of an argument: "0.04" is 1/25, the float 0.04 is the binary number it stores.

    Raises: ParameterError naming argument, rule and value if it is no finite number.
    """
    try:
        if "/" not in str(value):
            # outside the doubles, and before 10**exponent is written out
            nearest = float(value)
            if not math.isfinite(nearest) or (nearest == 0 and Decimal(str(value)) != 0):
                raise ValueError(value)
        return Fraction(value)
    except (ArithmeticError, ValueError, TypeError) as error:
        message = f"{name} must be a finite number. Got {value!r}; write a decimal or a fraction such as 1/25."
        raise ParameterError(message) from error


def nearest_float(number: Fraction) -> float:
    """The nearest float; infinite where it is too large, the least float of its sign where it is too small."""
    sign = 1 if number > 0 else -1
    try:
        value = float(number)
    except OverflowError:
        return sign * math.inf
    return value if value or not number else sign * math.ulp(0.0)
