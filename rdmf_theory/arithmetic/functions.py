"""Which values have exp, log, real powers, minimum and maximum on floats, arrays and balls? One library per kind.

Real functions of real numbers: the logarithm of what is not positive and the real power of a negative number are NaN,
never complex. What is undefined on a part of a ball is NaN and certifies nothing, also under minimum and maximum. The
slope of a minimum at its kink is enclosed by [0, 1], the slopes of both sides.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import flint
import numpy as np


def _quiet(function: Callable[..., Any]) -> Callable[..., Any]:
    """A numpy function that answers NaN or infinity without a warning."""

    def evaluate(*values: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*values)

    return evaluate


class ArrayLibrary:
    """The library `xp` of floats and numpy arrays; undefined is NaN, too large is infinity."""

    sqrt = staticmethod(_quiet(np.sqrt))
    exp = staticmethod(_quiet(np.exp))
    log = staticmethod(_quiet(np.log))
    tanh = staticmethod(np.tanh)
    sin = staticmethod(_quiet(np.sin))
    cos = staticmethod(_quiet(np.cos))
    minimum = staticmethod(np.minimum)
    maximum = staticmethod(np.maximum)

    @staticmethod
    def power(base: Any, exponent: Any) -> Any:
        """Real power."""
        with np.errstate(all="ignore"):
            # of floats, so that a negative base gives NaN and no complex number
            return np.power(np.asarray(base, dtype=float), np.asarray(exponent, dtype=float))[()]

    @staticmethod
    def step(x: Any) -> Any:
        """1 where x > 0, 0 where x < 0, and 1/2 at 0."""
        return np.heaviside(x, 0.5)

    @staticmethod
    def jump(x: Any) -> Any:
        """Slope of `step`: 0, undefined at 0."""
        return np.where(np.equal(x, 0), np.nan, 0.0)[()]


class BallLibrary:
    """The library `xp` of `flint.arb` balls, and of `flint.acb` where the function is analytic."""

    @staticmethod
    def power(base: Any, exponent: Any) -> Any:
        """Real power: of a base > 0, or with an exponent that is an integer."""
        return base**exponent

    @staticmethod
    def minimum(x: Any, y: Any) -> Any:
        """Smaller of two; undefined where one is."""
        return x.min(y) if x.is_finite() and y.is_finite() else flint.arb.nan()

    @staticmethod
    def maximum(x: Any, y: Any) -> Any:
        """Larger of two; undefined where one is."""
        return x.max(y) if x.is_finite() and y.is_finite() else flint.arb.nan()

    @staticmethod
    def step(x: Any) -> Any:
        """1 where x > 0, 0 where x < 0, else the interval between."""
        if x > 0:
            return flint.arb(1)
        return flint.arb(0) if x < 0 else flint.arb(0).union(flint.arb(1))

    @staticmethod
    def jump(x: Any) -> Any:
        """Slope of `step`: 0, undefined where x may be 0."""
        return flint.arb(0) if x > 0 or x < 0 else flint.arb.nan()

    def __getattr__(self, name: str) -> Callable[[Any], Any]:
        """The functions that a ball has as methods."""
        return lambda x: getattr(x, name)()


class InsideLibrary(BallLibrary):
    """The same, but a ball on the edge of the domain of a root or power counts with its part inside.

    Sound only where the other part is excluded by other means, as `SystemPoint.admissible` does.
    """

    @staticmethod
    def sqrt(x: Any) -> Any:
        """Square root of the part >= 0."""
        return _from_zero(x, lambda end: end.sqrt()) if isinstance(x, flint.arb) else x.sqrt()

    @staticmethod
    def power(base: Any, exponent: Any) -> Any:
        """Real power of the part >= 0, where the exponent is positive."""
        balls = isinstance(base, flint.arb) and isinstance(exponent, flint.arb)
        if balls and exponent > 0 and not base > 0 and not (exponent.is_exact() and exponent.is_integer()):
            return _from_zero(base, lambda end: end**exponent)
        return base**exponent


def _from_zero(x: flint.arb, increasing: Callable[[flint.arb], flint.arb]) -> flint.arb:
    """A function that increases from 0 at 0, on the part >= 0 of a ball; NaN if there is none."""
    if x > 0 or not x.is_finite():
        return increasing(x)
    top = x.upper()
    return flint.arb(0).union(increasing(top)) if top >= 0 else flint.arb.nan()


class ScalarLibrary(ArrayLibrary):
    """The library `xp` of Python floats: the functions that are always defined come from `math`."""

    sin = staticmethod(math.sin)
    cos = staticmethod(math.cos)
    tanh = staticmethod(math.tanh)

    @staticmethod
    def sqrt(x: Any) -> float:
        """Square root, NaN of a negative number."""
        return math.sqrt(x) if x >= 0 else math.nan


ARRAYS = ArrayLibrary()
BALLS = BallLibrary()
INSIDE = InsideLibrary()
SCALARS = ScalarLibrary()
