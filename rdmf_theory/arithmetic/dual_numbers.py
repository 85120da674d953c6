"""How is a long rational formula differentiated exactly? Numbers that carry their gradient (forward differentiation).

The coefficients of amplitude equations are rational in dozens of derivatives of the reactions. Their symbolic
gradients are long and slow to compile; carried along with the value they cost a few multiplications.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Dual:
    """A value and its partial derivatives, both of one kind of number (floats, arrays or balls).

    Arguments:
        value: the number.
        slopes: one partial derivative per unknown.
    """

    value: Any
    slopes: tuple[Any, ...]

    def _of(self, other: Any) -> Dual:
        return other if isinstance(other, Dual) else Dual(other, (0,) * len(self.slopes))

    def __add__(self, other: Any) -> Dual:
        y = self._of(other)
        return Dual(self.value + y.value, tuple(a + b for a, b in zip(self.slopes, y.slopes, strict=True)))

    __radd__ = __add__

    def __neg__(self) -> Dual:
        return Dual(-self.value, tuple(-a for a in self.slopes))

    def __sub__(self, other: Any) -> Dual:
        return self + -self._of(other)

    def __rsub__(self, other: Any) -> Dual:
        return self._of(other) - self

    def __mul__(self, other: Any) -> Dual:
        y = self._of(other)
        slopes = tuple(a * y.value + self.value * b for a, b in zip(self.slopes, y.slopes, strict=True))
        return Dual(self.value * y.value, slopes)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Dual:
        y = self._of(other)
        quotient = self.value / y.value
        return Dual(quotient, tuple((a - quotient * b) / y.value for a, b in zip(self.slopes, y.slopes, strict=True)))

    def __rtruediv__(self, other: Any) -> Dual:
        return self._of(other) / self


def duals(values: Sequence[Any], slopes: Sequence[Sequence[Any]]) -> list[Dual]:
    """One dual number per value from the rows of a matrix of partial derivatives."""
    return [Dual(value, tuple(row)) for value, row in zip(values, slopes, strict=True)]
