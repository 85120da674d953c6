"""Exact real algebraic numbers: polynomials in one root of an irreducible polynomial, with signs decided exactly.

A number is zero iff its polynomial is zero modulo the minimal polynomial, so equality is recognised by exact algebra;
any other sign is decided in ball arithmetic at a precision that grows until the ball misses zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from math import inf, ulp
from typing import Any, TypeAlias

import flint

from rdmf_theory.arithmetic.enclosure import precision
from rdmf_theory.errors import ParameterError

Operand: TypeAlias = "AlgebraicNumber | Fraction | int"


@dataclass(frozen=True, eq=False)
class RealRoot:
    """One real root of an irreducible polynomial over the rationals.

    Arguments:
        polynomial: irreducible `flint.fmpz_poly` of degree >= 1.
        index: which of its real roots, counted from the smallest.
    """

    polynomial: flint.fmpz_poly
    index: int
    _known: dict[int, flint.arb] = field(default_factory=dict, repr=False)

    @cached_property
    def modulus(self) -> flint.fmpq_poly:
        """The polynomial with rational coefficients."""
        return flint.fmpq_poly(self.polynomial)

    def enclose(self, bits: int) -> flint.arb:
        """A ball around the root, computed with `bits` bits."""
        if bits not in self._known:
            with precision(bits):
                self._known[bits] = real_roots(self.polynomial)[self.index]
        return self._known[bits]


def real_roots(polynomial: flint.fmpz_poly) -> list[flint.arb]:
    """Isolating balls of the real roots of a squarefree integer polynomial, in increasing order.

    FLINT isolates all complex roots and gives real ones an imaginary part that is exactly zero.
    """
    isolated: list[Any] = polynomial.complex_roots()
    roots = [root.real for root, _ in isolated if root.imag == 0]
    return sorted(roots, key=lambda root: root.mid())


def roots_of(polynomial: flint.fmpq_poly) -> list[AlgebraicNumber]:
    """All distinct real roots of a rational polynomial, exact, in increasing order."""
    found = []
    for factor, _ in polynomial.numer().factor()[1]:
        for index in range(len(real_roots(factor)) if factor.degree() > 1 else factor.degree()):
            found.append(AlgebraicNumber.generator(RealRoot(factor, index)))
    return sorted(found, key=lambda number: number.enclose(128).mid())


def square_root(x: Fraction) -> AlgebraicNumber:
    """The square root of a rational number, exact. Raises ParameterError for a negative one."""
    if x < 0:
        raise ParameterError(f"square_root must be of a number >= 0. Got {x}; there is no real square root.")
    return roots_of(flint.fmpq_poly([-flint.fmpq(x.numerator, x.denominator), 0, 1]))[-1]


class AlgebraicNumber:
    """An exact real number `p(root)`; without a root it is rational.

    Arguments:
        root: the field's generator, None for a rational number.
        polynomial: `flint.fmpq_poly` in the generator.
    """

    __slots__ = ("polynomial", "root")

    def __init__(self, root: RealRoot | None, polynomial: flint.fmpq_poly) -> None:
        if root is not None and polynomial.degree() >= root.polynomial.degree():
            polynomial = polynomial % root.modulus
        self.root = root if polynomial.degree() > 0 else None
        self.polynomial = polynomial

    @classmethod
    def from_rational(cls, numerator: int, denominator: int = 1) -> AlgebraicNumber:
        """A rational number; `compile_expressions` makes its constants with this."""
        return cls(None, flint.fmpq_poly([flint.fmpq(numerator, denominator)]))

    @classmethod
    def generator(cls, root: RealRoot) -> AlgebraicNumber:
        """The root itself."""
        return cls(root, flint.fmpq_poly([0, 1]))

    def _join(self, other: Any) -> tuple[RealRoot | None, flint.fmpq_poly]:
        if isinstance(other, AlgebraicNumber):
            if self.root is not None and other.root is not None and other.root is not self.root:
                raise ParameterError("AlgebraicNumber: two numbers of different fields cannot be combined.")
            return self.root or other.root, other.polynomial
        number = Fraction(other)
        return self.root, flint.fmpq_poly([flint.fmpq(number.numerator, number.denominator)])

    def __add__(self, other: Operand) -> AlgebraicNumber:
        root, polynomial = self._join(other)
        return AlgebraicNumber(root, self.polynomial + polynomial)

    __radd__ = __add__

    def __neg__(self) -> AlgebraicNumber:
        return AlgebraicNumber(self.root, -self.polynomial)

    def __sub__(self, other: Operand) -> AlgebraicNumber:
        root, polynomial = self._join(other)
        return AlgebraicNumber(root, self.polynomial - polynomial)

    def __rsub__(self, other: Operand) -> AlgebraicNumber:
        return -self + other

    def __mul__(self, other: Operand) -> AlgebraicNumber:
        root, polynomial = self._join(other)
        return AlgebraicNumber(root, self.polynomial * polynomial)

    __rmul__ = __mul__

    def inverse(self) -> AlgebraicNumber:
        """The reciprocal. Raises: ZeroDivisionError for zero."""
        if not self:
            raise ZeroDivisionError("the reciprocal of an exact zero")
        if self.root is None:
            return AlgebraicNumber(None, flint.fmpq_poly([1 / self.polynomial[0]]))
        return AlgebraicNumber(self.root, self.polynomial.xgcd(self.root.modulus)[1])

    def __truediv__(self, other: Operand) -> AlgebraicNumber:
        if not isinstance(other, AlgebraicNumber):
            return self * (1 / Fraction(other))
        return self * other.inverse()

    def __rtruediv__(self, other: Operand) -> AlgebraicNumber:
        return self.inverse() * other

    def __pow__(self, exponent: int) -> AlgebraicNumber:
        base = self if exponent >= 0 else self.inverse()
        result = AlgebraicNumber.from_rational(1)
        for bit in bin(abs(exponent))[2:]:
            result = result * result
            if bit == "1":
                result = result * base
        return result

    def __bool__(self) -> bool:
        return self.polynomial.degree() >= 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AlgebraicNumber | Fraction | int):
            return NotImplemented
        return not self - other

    __hash__ = None  # type: ignore[assignment]

    def __lt__(self, other: Operand) -> bool:
        return (self - other).sign() < 0

    def __gt__(self, other: Operand) -> bool:
        return (self - other).sign() > 0

    def __le__(self, other: Operand) -> bool:
        return (self - other).sign() <= 0

    def __ge__(self, other: Operand) -> bool:
        return (self - other).sign() >= 0

    @property
    def fraction(self) -> Fraction | None:
        """The number as a fraction, None if it is irrational."""
        if self.root is not None:
            return None
        value = self.polynomial[0]
        return Fraction(int(value.p), int(value.q))

    def sign(self) -> int:
        """-1, 0 or 1, exact."""
        if not self:
            return 0
        return 1 if self.enclose(16) > 0 else -1

    def enclose(self, bits: int = 128) -> flint.arb:
        """A ball around the number with at least `bits` correct bits; it misses zero unless the number is zero."""
        if not self:
            return flint.arb(0)
        working = max(64, 2 * bits)
        while True:
            with precision(working):
                value = self._evaluate(working)
                if value.rel_accuracy_bits() >= bits:
                    return value
            working *= 2

    def _evaluate(self, working: int) -> flint.arb:
        if self.root is None:
            return flint.arb(self.polynomial[0])
        at = self.root.enclose(working)
        total = flint.arb(0)
        for coefficient in reversed(self.polynomial.coeffs()):
            total = total * at + flint.arb(coefficient)
        return total

    def __float__(self) -> float:
        """The nearest float up to one unit in the last place; its sign is exact."""
        ball = self.enclose(64)
        value = float(ball.mid())
        if value == 0 and self:
            return self.sign() * ulp(0.0)
        return value if abs(value) != inf else self.sign() * inf

    def __repr__(self) -> str:
        if self.root is None:
            return f"AlgebraicNumber({self.fraction})"
        return f"AlgebraicNumber({float(self)!r}, root {self.root.index} of {self.root.polynomial})"

    def to_dict(self) -> Any:
        """JSON-ready: a fraction as text, or the generator (minimal polynomial, which root) and a polynomial in it."""
        if self.root is None:
            return str(self.fraction)
        return {
            "polynomial": [str(c) for c in self.polynomial.coeffs()],
            "generator": [str(c) for c in self.root.polynomial.coeffs()],
            "root": self.root.index,
        }
