"""What checks of limits share: bisection for where a checker begins to refuse, and formulas of the lemmas in balls."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from types import ModuleType
from typing import Any

import flint

from rdmf_theory.arithmetic.enclosure import ball

BITS = 300
NEAR = Fraction(1, 10**12)
u0, z0, r0 = Fraction(2, 5), Fraction(13, 10), Fraction(8, 5)
e = Fraction(1, 1 << 23)
k = (1 + e) / (1 - e)


def accepts(checker: ModuleType, call: Callable[[], Any]) -> bool:
    """Whether a call returns instead of refusing."""
    try:
        call()
    except checker.Refused:
        return False
    return True


def limit(checker: ModuleType, call: Callable[[Fraction], Any], inside: Any, outside: Any) -> Fraction:
    """Where between two numbers a check begins to refuse, within 2^-60 of their distance."""
    inside, outside = Fraction(inside), Fraction(outside)
    assert accepts(checker, lambda: call(inside))
    assert not accepts(checker, lambda: call(outside))
    for _ in range(60):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if accepts(checker, lambda m=middle: call(m)) else (inside, middle)
    return inside


def near(found: Any, expected: flint.arb | Fraction, within: Fraction = NEAR) -> bool:
    """Whether two numbers agree, as a part of the larger one."""
    expected = rational(expected) if isinstance(expected, flint.arb) else Fraction(expected)
    return abs(Fraction(found) - expected) <= within * max(abs(expected), abs(Fraction(found)))


def rational(x: flint.arb) -> Fraction:
    """The middle of a ball, exactly."""
    mantissa, exponent = (int(part) for part in x.mid().man_exp())
    return Fraction(mantissa) * Fraction(2) ** exponent


def threshold(u: flint.arb) -> flint.arb:
    return ((1 - 2 * u).sqrt() + (2 - 2 * u).sqrt()) ** 2


def H(y: flint.arb) -> flint.arb:
    return threshold(y) / y


def eigenvalue(length: Any) -> flint.arb:
    return 4 * (flint.arb.pi() / ball(length)).sin() ** 2
