"""Exact numbers `a + b sqrt(c)` over the rationals: signs decided without rounding, floats good to the last digit."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import inf, isqrt, ulp

from rdmf_theory.errors import ParameterError


@dataclass(frozen=True)
class Surd:
    """The number `a + b sqrt(radicand)`.

    Arguments:
        a, b: rational parts.
        radicand: rational, >= 0, the same in all numbers that are combined.
    Raises: ParameterError if `radicand` is negative or two numbers of different fields are combined.
    """

    a: Fraction
    b: Fraction
    radicand: Fraction

    def __post_init__(self) -> None:
        if self.radicand < 0:
            raise ParameterError(f"Surd.radicand must be >= 0. Got {self.radicand}; there is no real square root.")

    def _coerce(self, other: Surd | Fraction | int) -> Surd:
        if isinstance(other, Surd):
            if other.radicand != self.radicand:
                raise ParameterError(f"Surd: cannot combine sqrt({self.radicand}) with sqrt({other.radicand}).")
            return other
        return Surd(Fraction(other), Fraction(0), self.radicand)

    def __add__(self, other: Surd | Fraction | int) -> Surd:
        other = self._coerce(other)
        return Surd(self.a + other.a, self.b + other.b, self.radicand)

    __radd__ = __add__

    def __neg__(self) -> Surd:
        return Surd(-self.a, -self.b, self.radicand)

    def __sub__(self, other: Surd | Fraction | int) -> Surd:
        return self + -self._coerce(other)

    def __rsub__(self, other: Surd | Fraction | int) -> Surd:
        return self._coerce(other) + -self

    def __mul__(self, other: Surd | Fraction | int) -> Surd:
        other = self._coerce(other)
        a = self.a * other.a + self.b * other.b * self.radicand
        return Surd(a, self.a * other.b + self.b * other.a, self.radicand)

    __rmul__ = __mul__

    def sign(self) -> int:
        """-1, 0 or 1, exact: `a` against `b sqrt(c)` is decided on the squares."""
        rational = (self.a > 0) - (self.a < 0)
        irrational = 0 if self.radicand == 0 else (self.b > 0) - (self.b < 0)
        if rational == irrational or irrational == 0:
            return rational
        if rational == 0:
            return irrational
        # opposite signs: the larger square wins
        difference = self.a**2 - self.b**2 * self.radicand
        return rational * ((difference > 0) - (difference < 0))

    def __float__(self) -> float:
        """The nearest float up to one unit in the last place; it never contradicts `sign`."""
        sign = self.sign()
        if sign == 0:
            return 0.0
        bits = 128
        while True:
            # floor of sqrt(radicand) 2^bits, so the error of the value is below |b| 2^-bits
            root = Fraction(isqrt((self.radicand.numerator << (2 * bits)) // self.radicand.denominator), 1 << bits)
            value = self.a + self.b * root
            if abs(self.b) / (1 << bits) < abs(value) / (1 << 60):
                try:
                    return float(value) or sign * ulp(0.0)
                except OverflowError:
                    return sign * inf
            bits *= 2
