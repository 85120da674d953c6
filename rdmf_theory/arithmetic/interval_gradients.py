"""How does a formula vary over a box? Forward derivatives in interval arithmetic, for n boxes of p coordinates at once.

A `Gradient` carries an enclosure of a function's values on a box and of its partial derivatives there. The same formula
runs on numbers, `IntervalArray` and `Gradient`. Kinks of `minimum` and `maximum` have the hull of both gradients, for
which the mean-value theorem still holds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rdmf_theory.arithmetic.intervals import Derived, IntervalArray, as_interval, power


class Gradient(Derived):
    """Values of a function on n boxes and its p partial derivatives.

    Arguments:
        value: enclosure of the values, n intervals.
        partials: enclosure of the derivatives, (p, n) intervals.
    """

    __slots__ = ("partials", "value")
    __array_ufunc__ = None
    from_rational = staticmethod(IntervalArray.from_rational)

    def __init__(self, value: IntervalArray, partials: IntervalArray) -> None:
        self.value = value
        self.partials = partials

    @classmethod
    def coordinates(cls, box: IntervalArray) -> list[Gradient]:
        """The p coordinate functions on boxes of shape (p, n): their gradients are the unit vectors."""
        p, n = box.ends.shape[1:]
        unit = np.broadcast_to(np.eye(p)[:, :, None], (p, p, n))
        return [cls(box[i], IntervalArray.between(unit[i], unit[i])) for i in range(p)]

    def __neg__(self) -> Gradient:
        return Gradient(-self.value, -self.partials)

    def __add__(self, other: Any) -> Gradient:
        if isinstance(other, Gradient):
            return Gradient(self.value + other.value, self.partials + other.partials)
        return Gradient(self.value + other, self.partials)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Gradient:
        if isinstance(other, Gradient):
            return Gradient(self.value - other.value, self.partials - other.partials)
        return Gradient(self.value - other, self.partials)

    def __rsub__(self, other: Any) -> Gradient:
        return Gradient(other - self.value, -self.partials)

    def __mul__(self, other: Any) -> Gradient:
        if isinstance(other, Gradient):
            partials = self.value * other.partials + other.value * self.partials
            return Gradient(self.value * other.value, partials)
        return Gradient(self.value * other, self.partials * other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Gradient:
        if isinstance(other, Gradient):
            quotient = self.value / other.value
            return Gradient(quotient, (self.partials - quotient * other.partials) / other.value)
        return Gradient(self.value / other, self.partials / other)

    def __rtruediv__(self, other: Any) -> Gradient:
        quotient = other / self.value
        return Gradient(quotient, -(quotient / self.value) * self.partials)

    def __pow__(self, exponent: int) -> Gradient:
        if exponent < 2:
            return power(self, exponent)
        slope = exponent * power(self.value, exponent - 1)
        return Gradient(power(self.value, exponent), slope * self.partials)

    def square(self) -> Gradient:
        """The square."""
        return Gradient(self.value.square(), 2 * self.value * self.partials)

    def sqrt(self) -> Gradient:
        """The square root; nothing is known where the radicand may be negative."""
        root = self.value.sqrt()
        return Gradient(root, self.partials / (2 * root))

    def __abs__(self) -> Gradient:
        return self.maximum(-self)

    def minimum(self, other: Any) -> Gradient:
        """The smaller of two functions."""
        if not isinstance(other, Gradient):
            constant = IntervalArray.of_ends(
                np.broadcast_to(as_interval(other, self.value.ends.ndim).ends, self.value.ends.shape)
            )
            other = Gradient(constant, IntervalArray.of_ends(np.zeros(self.partials.ends.shape)))
        first = self.value.upper < other.value.lower
        second = other.value.upper < self.value.lower
        hull = np.maximum(self.partials.ends, other.partials.ends)
        ends = np.where(first, self.partials.ends, np.where(second, other.partials.ends, hull))
        return Gradient(self.value.minimum(other.value), IntervalArray.of_ends(ends))

    def maximum(self, other: Any) -> Gradient:
        """The larger of two functions."""
        return -(-self).minimum(-other)


class IntervalLibrary:
    """The `xp` of formulas on intervals and gradients: `sqrt`, `minimum`, `maximum`; constants may stand anywhere."""

    @staticmethod
    def sqrt(x: Any) -> Any:
        """Square root."""
        return (x if _carries(x) else as_interval(x)).sqrt()

    @staticmethod
    def minimum(x: Any, y: Any) -> Any:
        """The smaller one."""
        first, second = _ordered(x, y)
        return first.minimum(second)

    @staticmethod
    def maximum(x: Any, y: Any) -> Any:
        """The larger one."""
        first, second = _ordered(x, y)
        return first.maximum(second)


def _carries(x: Any) -> bool:
    """Whether a number brings the functions itself: intervals, gradients, terms of a solver."""
    return hasattr(x, "minimum") and hasattr(x, "sqrt")


def _ordered(x: Any, y: Any) -> tuple[Any, Any]:
    """Both arguments with the one that knows most first: a gradient, an interval or term, a constant as an interval."""
    if isinstance(y, Derived) and not isinstance(x, Derived):
        return y, x
    if _carries(x):
        return x, y
    return (y, x) if _carries(y) else (as_interval(x), y)


INTERVALS = IntervalLibrary()
