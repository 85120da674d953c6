"""Where can a formula's values lie? Arrays of intervals with outward rounding, and their gradients.

An `IntervalArray` holds n intervals at once; every operation returns intervals that contain all exact results. IEEE
operations round to nearest, so the exact result lies between the two neighbours of the rounded one, and each end is
moved one double outward. What is undefined somewhere (a root of a negative number, a quotient by zero) or overflows is
the whole line: it decides nothing, and whatever is computed from it is the whole line again, also times 0, squared, or
beside another number under minimum and maximum. docs/regions.md has the argument in full, the tests compare with
python-flint. numpy's warnings about overflow and invalid values stay on; `np.errstate` silences them.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from rdmf_theory.errors import ParameterError

LARGEST = float(np.finfo(float).max)


def outward(ends: np.ndarray) -> np.ndarray:
    """Every double replaced, in place, by the next one above; NaN (nothing known) becomes infinity.

    The bits of a double, read as an integer, count the doubles away from zero: this is `nextafter(x, inf)`, which as a
    numpy function takes four times longer.
    """
    # infinity and NaN take the step from the largest double; -0 would count from the wrong side
    np.fmin(ends, LARGEST, out=ends)
    ends += 0.0
    bits = ends.view(np.int64)
    direction = bits >> 63
    direction |= 1
    bits += direction
    return ends


class Derived:
    """A number that carries intervals, such as a gradient: intervals leave operations with it to its own methods."""

    __slots__ = ()


def unknown(ends: np.ndarray) -> np.ndarray:
    """Which intervals are the whole line: undefined somewhere, or without any bound."""
    return (ends[0] == np.inf) & (ends[1] == np.inf)


class IntervalArray:
    """Intervals [lower, upper], an array of them; `+ - * /`, integer powers and numbers on either side.

    Arguments:
        lower, upper: ends, arrays that broadcast (upper = lower where it is left out); infinite ends are allowed.
    Raises: ParameterError if an end is NaN, or an interval holds no number.
    """

    __slots__ = ("ends",)
    # numpy's own operators step back, so that `array * interval` is an interval
    __array_ufunc__ = None

    def __init__(self, lower: Any, upper: Any = None) -> None:
        low = np.atleast_1d(np.asarray(lower, dtype=float))
        high = low if upper is None else np.asarray(upper, dtype=float)
        low, high = np.broadcast_arrays(low, high)
        if not np.all((low <= high) & (low < np.inf) & (high > -np.inf)):
            raise ParameterError("IntervalArray.lower must be a number and not exceed upper; no interval is empty.")
        # the lower end is kept negated: rounding outward is then rounding up, for both at once
        self.ends = np.stack([-low, high])

    @classmethod
    def between(cls, lower: np.ndarray, upper: np.ndarray) -> IntervalArray:
        """Intervals of two arrays of one shape that are known to be in order; nothing is checked."""
        ends = np.empty((2, *lower.shape))
        np.negative(lower, out=ends[0])
        ends[1] = upper
        return cls.of_ends(ends)

    @classmethod
    def of_ends(cls, ends: np.ndarray) -> IntervalArray:
        """The intervals whose (negated lower, upper) ends are `ends`, shape (2, ...); nothing is checked."""
        self = cls.__new__(cls)
        self.ends = ends
        return self

    @staticmethod
    def from_rational(numerator: int, denominator: int) -> Fraction:
        """An exact constant in a formula on intervals: a fraction, which operations enclose when they meet it."""
        return Fraction(numerator, denominator)

    @property
    def lower(self) -> np.ndarray:
        """Lower ends."""
        return -self.ends[0]

    @property
    def upper(self) -> np.ndarray:
        """Upper ends."""
        return self.ends[1]

    @property
    def mid(self) -> np.ndarray:
        """A double inside each interval, near its middle (0 for the whole line)."""
        low, high = np.clip(self.lower, -1e308, 1e308), np.clip(self.upper, -1e308, 1e308)
        return np.clip(low / 2 + high / 2, self.lower, self.upper)

    @property
    def magnitude(self) -> np.ndarray:
        """Largest absolute value in each interval."""
        return np.maximum(np.abs(self.ends[0]), np.abs(self.ends[1]))

    def __getitem__(self, index: Any) -> IntervalArray:
        return IntervalArray.of_ends(self.ends[:, *(index if isinstance(index, tuple) else (index,))])

    def __repr__(self) -> str:
        return f"IntervalArray({self.lower!r}, {self.upper!r})"

    def _aligned(self, other: Any) -> tuple[np.ndarray, np.ndarray]:
        """Ends of both operands, ready to broadcast."""
        a, b = self.ends, _ends(other, self.ends.ndim)
        return (a, b) if b.ndim <= a.ndim else (_ends(self, b.ndim), b)

    def __neg__(self) -> IntervalArray:
        return IntervalArray.of_ends(self.ends[::-1])

    def __add__(self, other: Any) -> IntervalArray:
        if isinstance(other, Derived):
            return NotImplemented
        a, b = self._aligned(other)
        return IntervalArray.of_ends(outward(a + b))

    __radd__ = __add__

    def __sub__(self, other: Any) -> IntervalArray:
        if isinstance(other, Derived):
            return NotImplemented
        a, b = self._aligned(other)
        return IntervalArray.of_ends(outward(a + b[::-1]))

    def __rsub__(self, other: Any) -> IntervalArray:
        return -self + other

    def __mul__(self, other: Any) -> IntervalArray:
        if isinstance(other, Derived):
            return NotImplemented
        if type(other) in (int, float, Fraction) and abs(other) < 2**53 and float(other) == other:
            # a number that is a double: two products instead of eight
            ends = self.ends if other >= 0 else self.ends[::-1]
            return self if other == 1 else IntervalArray.of_ends(outward(ends * abs(float(other))))
        a, b = self._aligned(other)
        # with a = (-a0, a1), b = (-b0, b1) these are a0 b0, -a0 b1, -a1 b0, a1 b1
        same, cross = a * b, a * b[::-1]
        # 0 * inf is NaN and stands for 0, which is an end product of the same operands: fmax leaves it out
        ends = np.empty_like(same)
        undefined = unknown(a) | unknown(b) if np.isnan(same).any() else None
        np.fmax(np.fmax(cross[0], cross[1]), -np.fmin(same[0], same[1]), out=ends[0])
        np.fmax(np.fmax(same[0], same[1]), -np.fmin(cross[0], cross[1]), out=ends[1])
        if undefined is not None:
            ends[:, undefined] = np.inf
        return IntervalArray.of_ends(outward(ends))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> IntervalArray:
        if isinstance(other, Derived):
            return NotImplemented
        b = _ends(other, self.ends.ndim)
        # ends (-1/upper, 1/lower) of the reciprocal; nothing is known across zero
        reciprocal = -1.0 / b[::-1]
        reciprocal[:, (b[0] >= 0) & (b[1] >= 0)] = np.inf
        return self * IntervalArray.of_ends(outward(reciprocal))

    def __rtruediv__(self, other: Any) -> IntervalArray:
        return IntervalArray.of_ends(np.broadcast_to(_ends(other, self.ends.ndim), self.ends.shape)) / self

    def __pow__(self, exponent: int) -> IntervalArray:
        return power(self, exponent)

    def square(self) -> IntervalArray:
        """The squares, never negative."""
        undefined = unknown(self.ends)
        ends = np.abs(self.ends)
        # the interval holds 0 iff both (negated lower, upper) are >= 0
        least = np.where(np.all(self.ends >= 0, axis=0), 0.0, np.minimum(ends[0], ends[1]))
        most = np.maximum(ends[0], ends[1])
        np.multiply(least, -least, out=ends[0])
        np.multiply(most, most, out=ends[1])
        outward(ends)
        np.minimum(ends[0], 0.0, out=ends[0])
        ends[:, undefined] = np.inf
        return IntervalArray.of_ends(ends)

    def sqrt(self) -> IntervalArray:
        """Square roots (IEEE roots are correctly rounded); the whole line where the radicand may be negative."""
        ends = np.empty_like(self.ends)
        np.negative(np.sqrt(-self.ends[0]), out=ends[0])
        np.sqrt(self.ends[1], out=ends[1])
        outward(ends)
        np.minimum(ends[0], 0.0, out=ends[0])
        ends[:, self.ends[0] > 0] = np.inf
        return IntervalArray.of_ends(ends)

    def __abs__(self) -> IntervalArray:
        return self.maximum(-self)

    def minimum(self, other: Any) -> IntervalArray:
        """The smaller of two numbers; where one of them may be undefined, nothing is known."""
        a, b = self._aligned(other)
        ends = np.stack([np.maximum(a[0], b[0]), np.minimum(a[1], b[1])])
        ends[:, unknown(a) | unknown(b)] = np.inf
        return IntervalArray.of_ends(ends)

    def maximum(self, other: Any) -> IntervalArray:
        """The larger of two numbers."""
        return -(-self).minimum(-IntervalArray.of_ends(_ends(other, self.ends.ndim)))

    def intersection(self, other: IntervalArray) -> IntervalArray:
        """Common part of two enclosures of the same number."""
        return IntervalArray.of_ends(np.minimum(self.ends, other.ends))


def power(base: Any, exponent: int) -> Any:
    """`base**exponent` by squaring, for intervals and gradients."""
    if not isinstance(exponent, int):
        raise ParameterError(f"exponent must be an integer. Got {exponent!r}; write roots with sqrt.")
    if exponent < 0:
        return 1 / power(base, -exponent)
    if exponent == 0:
        return base * 0 + 1
    if exponent == 1:
        return base
    half = power(base, exponent // 2)
    return half.square() * base if exponent % 2 else half.square()


def as_interval(value: Any, dimensions: int = 1) -> IntervalArray:
    """A number or an exact rational as the smallest interval of doubles around it."""
    ends = _ends(value, dimensions)
    return IntervalArray.of_ends(ends if ends.ndim > 1 else ends[:, None])


def _ends(value: Any, dimensions: int) -> np.ndarray:
    """(negated lower, upper) ends of a number, an exact rational or an interval, with room to broadcast."""
    if isinstance(value, IntervalArray):
        ends = value.ends
    elif type(value) in (int, Fraction):
        ends = _exact_ends(value)
    else:
        number = np.asarray(value, dtype=float)
        ends = np.stack([-number, number])
    if ends.ndim >= dimensions:
        return ends
    # (2, n) against (2, p, n): the axis of ends stays first
    return ends.reshape(2, *(1,) * (dimensions - ends.ndim), *ends.shape[1:])


def _exact_ends(value: Fraction | int) -> np.ndarray:
    try:
        nearest = float(value)
    except OverflowError:
        # past the doubles: nothing but the sign is kept
        return np.array([-LARGEST, np.inf]) if value > 0 else np.array([np.inf, -LARGEST])
    if value == nearest:
        return np.array([-nearest, nearest])
    return np.array([-np.nextafter(nearest, -np.inf), np.nextafter(nearest, np.inf)])
