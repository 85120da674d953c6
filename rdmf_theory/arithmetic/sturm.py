"""Where is a polynomial positive? Exact answers on the half-line, for coefficients of any kind that knows its sign.

Coefficients are algebraic numbers (every sign is decided) or `flint.arb` balls (a sign may be `Undecided`). A
polynomial is a list of coefficients, lowest power first, without leading zeros.

Source: Basu, Pollack and Roy, Algorithms in Real Algebraic Geometry, section 2.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import flint
import numpy as np

Polynomial: TypeAlias = list[Any]


class Undecided(ArithmeticError):
    """A ball holds zero and other numbers: its sign is not known at this precision."""


def sign(number: Any) -> int:
    """-1, 0 or 1. Raises: Undecided for a ball around zero that is not zero itself."""
    if isinstance(number, flint.arb):
        if number > 0:
            return 1
        if number < 0:
            return -1
        if number.is_zero():
            return 0
        raise Undecided(f"the sign of {number}")
    return number.sign()


def trim(coefficients: Sequence[Any]) -> Polynomial:
    """The polynomial without its leading zeros."""
    result = list(coefficients)
    while result and sign(result[-1]) == 0:
        result.pop()
    return result


def add(p: Polynomial, q: Polynomial) -> Polynomial:
    """Sum, untrimmed."""
    longer, shorter = (p, q) if len(p) >= len(q) else (q, p)
    return [c + shorter[i] if i < len(shorter) else c for i, c in enumerate(longer)]


def multiply(p: Polynomial, q: Polynomial) -> Polynomial:
    """Product, untrimmed."""
    if not p or not q:
        return []
    result: list[Any] = [None] * (len(p) + len(q) - 1)
    for i, a in enumerate(p):
        for j, b in enumerate(q):
            term = a * b
            result[i + j] = term if result[i + j] is None else result[i + j] + term
    return result


def scale(p: Polynomial, factor: Any) -> Polynomial:
    """The polynomial times a number."""
    return [c * factor for c in p]


def derivative(p: Polynomial) -> Polynomial:
    """First derivative."""
    return [c * i for i, c in enumerate(p)][1:]


def divide(p: Polynomial, q: Polynomial) -> tuple[Polynomial, Polynomial]:
    """Quotient and remainder; q has a leading coefficient that is not zero."""
    rest = trim(p)
    quotient: list[Any] = []
    while len(rest) >= len(q):
        factor = rest[-1] / q[-1]
        shift = len(rest) - len(q)
        quotient.append((shift, factor))
        rest = [c - factor * q[i - shift] if i >= shift else c for i, c in enumerate(rest)][:-1]
        rest = trim(rest)
    whole: list[Any] = [0 * q[-1]] * (1 + max((shift for shift, _ in quotient), default=-1))
    for shift, factor in quotient:
        whole[shift] = factor
    return whole, rest


def greatest_common_divisor(p: Polynomial, q: Polynomial) -> Polynomial:
    """A greatest common divisor of two trimmed polynomials."""
    while q:
        p, q = q, divide(p, q)[1]
    return p


def positive_roots(p: Polynomial) -> int:
    """Number of distinct real roots of a trimmed polynomial on the open half-line x > 0."""
    while p and sign(p[0]) == 0:
        p = p[1:]
    if len(p) <= 1:
        return 0
    chain = [p, derivative(p)]
    while len(chain[-1]) > 1:
        rest = divide(chain[-2], chain[-1])[1]
        if not rest:
            break
        chain.append(scale(rest, -1))
    at_zero = [sign(item[0]) for item in chain]
    at_infinity = [sign(item[-1]) for item in chain]
    return _changes(at_zero) - _changes(at_infinity)


def least_sign(p: Polynomial) -> int:
    """Sign of the infimum on x > 0 of a polynomial that is positive at 0: 1 stays positive, 0 touches zero, -1 crosses.

    A crossing is a positive root of odd multiplicity. Balls cannot tell a touch from a near miss: Undecided.
    """
    p = trim(p)
    if all(sign(c) >= 0 for c in p):
        # Descartes: no change of sign, no positive root
        return 1
    if sign(p[-1]) < 0:
        return -1
    if isinstance(p[-1], flint.arb):
        return _least_sign_of_balls(p)
    if positive_roots(p) == 0:
        return 1
    for power, factor in enumerate(squarefree_factors(p), start=1):
        if power % 2 and positive_roots(factor):
            return -1
    return 0


def _least_sign_of_balls(p: Polynomial) -> int:
    """1 by a proof on parts of the half-line, -1 by a point where the polynomial is negative."""
    centres = [float(c.mid()) for c in p]
    slope = np.polynomial.polynomial.polyder(centres)
    candidates = [float(x.real) for x in np.polynomial.polynomial.polyroots(slope) if x.real > 0]
    if any(_value(p, flint.arb(x)) < 0 for x in candidates):
        return -1
    try:
        # Sturm's chain, as far as the balls know its signs: sharper than enclosures near a double root
        if positive_roots(p) == 0:
            return 1
    except Undecided:
        pass
    # Cauchy's bound: no root beyond it
    reach = 1.0 + float(max((abs(c) / p[-1] for c in p[:-1]), key=lambda x: float(x.upper())).upper())
    parts = [(0.0, reach)]
    for _ in range(2000):
        if not parts:
            return 1
        low, high = parts.pop()
        middle = (low + high) / 2
        if not _value(p, flint.arb(low).union(flint.arb(high))) > 0:
            parts.extend([(middle, high), (low, middle)])
    raise Undecided("the sign of a determinant near its least value")


def _value(p: Polynomial, x: flint.arb) -> flint.arb:
    total = flint.arb(0)
    for coefficient in reversed(p):
        total = total * x + coefficient
    return total


def squarefree_factors(p: Polynomial) -> list[Polynomial]:
    """Factors f_1, f_2, ... with p = constant * f_1 f_2^2 f_3^3 ..., each squarefree (Yun's algorithm)."""
    slope = derivative(p)
    common = greatest_common_divisor(p, trim(slope))
    b, c = divide(p, common)[0], divide(slope, common)[0]
    factors = []
    while len(b) > 1:
        d = trim(add(c, scale(derivative(b), -1)))
        factor = greatest_common_divisor(b, d) if d else b
        factors.append(factor)
        b = divide(b, factor)[0]
        c = divide(d, factor)[0] if d else []
    return factors


def _changes(signs: list[int]) -> int:
    present = [item for item in signs if item]
    return sum(a != b for a, b in pairwise(present))
