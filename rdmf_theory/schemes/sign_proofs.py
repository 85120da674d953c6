"""Is a rational function positive on all of the v-rich chart? A proof by coefficients or squares, or a witness.

The domain is 0 < u* < 1/2, z > 1, eta > 0, a > 0, b > 0; witnesses also have z u* < 1, so that k > 0. Nothing here is
approximate: proofs are identities of polynomials, and a witness is evaluated in exact rationals.
"""

# sympy's partial annotations know neither mappings in subs nor that a Rational has a numerator
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportReturnType=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import sympy as sp

from rdmf_theory.derive import a, b, eta, u_star, z

CHART = (u_star, z, eta, a, b)
_p, _q = sp.symbols("p q", positive=True)
# u* = 1/(2 (1 + p)), z = 1 + q maps p, q > 0 onto 0 < u* < 1/2 and z > 1
_VARIABLES = (_p, _q, eta, a, b)

_GRID = {
    u_star: ("1/20", "1/5", "2/5", "9/20", "49/100"),
    z: ("101/100", "11/10", "3/2", "2", "4"),
    eta: ("1/20", "1/5", "1/2", "1", "2", "4", "10"),
    a: ("1/10", "1/2", "1", "2", "4", "10", "40"),
    b: ("1/100", "1/20", "1/5", "1/2", "1", "2", "10"),
}


def _open_polynomial(polynomial: Any) -> sp.Poly:
    """A polynomial of the chart in variables that are all positive, times a power of 2 (1 + p)."""
    in_u = sp.Poly(polynomial, u_star)
    n, denominator = in_u.degree(), 2 * (1 + _p)
    terms = (c * denominator ** (n - i) for (i,), c in in_u.terms())
    return sp.Poly(sp.Add(*terms).subs(z, 1 + _q), *_VARIABLES)


def _open_fraction(expression: Any) -> tuple[sp.Poly, sp.Poly]:
    """Numerator and denominator in variables that are all positive, each times a positive factor."""
    top, bottom = sp.fraction(sp.together(expression))
    return _open_polynomial(top), _open_polynomial(bottom)


def _one_sign(polynomial: sp.Poly) -> int:
    """1 or -1 if all coefficients are of that sign (so the polynomial is, for positive variables), else 0."""
    signs = {sp.sign(c) for c in polynomial.coeffs()}
    return int(signs.pop()) if len(signs) == 1 and not polynomial.is_zero else 0


def prove_positive(expression: Any) -> str | None:
    """How it is proved that a rational function of the chart is positive on the whole domain; None if it is not.

    Returns: "coefficients" if, in positive variables, numerator and denominator have positive coefficients only;
        "squares" (not negative, zero on a set without interior at most) if the numerator is a quadratic in u* with
        positive leading coefficient whose discriminant is minus a square times a positive constant.
    """
    if find_witness(lambda value: value < 0, [expression]) is not None:
        return None
    top, bottom = _open_fraction(expression)
    sign = _one_sign(bottom)
    if sign == 0:
        return None
    if _one_sign(top) == sign:
        return "coefficients"
    return "squares" if sign > 0 and _is_sum_of_squares(expression) else None


def _is_sum_of_squares(expression: Any) -> bool:
    top, bottom = sp.fraction(sp.together(expression))
    if u_star in bottom.free_symbols:
        return False
    quadratic = sp.Poly(top, u_star)
    if quadratic.degree() != 2:
        return False
    constant, factors = _factors(quadratic.discriminant())
    lead_constant, lead_factors = _factors(quadratic.LC())
    squares = constant < 0 and all(power % 2 == 0 for _, power in factors)
    leading = lead_constant > 0 and all(
        power % 2 == 0 or _one_sign(sp.Poly(factor, *CHART)) > 0 for factor, power in lead_factors
    )
    positive_bottom = _one_sign(_open_polynomial(bottom)) > 0
    return bool(squares and leading and positive_bottom)


def _factors(expression: Any) -> tuple[Any, list[tuple[Any, int]]]:
    listed: Any = sp.factor_list(expression)
    return listed[0], listed[1]


@cache
def _grid() -> tuple[list[np.ndarray], list[tuple[Fraction, ...]]]:
    axes = [[Fraction(text) for text in _GRID[symbol]] for symbol in CHART]
    meshes = np.meshgrid(*[np.arange(len(axis)) for axis in axes], indexing="ij")
    points = [
        tuple(axis[i] for axis, i in zip(axes, index, strict=True))
        for index in zip(*(m.ravel() for m in meshes), strict=True)
    ]
    points = [point for point in points if point[0] * point[1] < 1 and point[4] <= point[3]]
    return [np.array([float(point[i]) for point in points]) for i in range(5)], points


def find_witness(
    condition: Callable[..., Any], expressions: Sequence[Any], points: int = 20
) -> tuple[Fraction, ...] | None:
    """A rational chart point (u*, z, eta, a, b) at which `condition(*values of the expressions)` holds, exactly.

    A grid is searched in floats, smallest steps first; what it finds is decided exactly. None proves nothing.
    """
    columns, exact = _grid()
    compiled = sp.lambdify(CHART, list(expressions), "numpy", cse=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = [np.broadcast_to(value, columns[0].shape) for value in compiled(*columns)]
    finite = np.logical_and.reduce([np.isfinite(value) for value in values])
    found = np.flatnonzero(finite & condition(*values))
    order = sorted(found, key=lambda i: (exact[i][2], exact[i][3], exact[i][4]))
    for index in order[:points]:
        numbers = exact_values(expressions, exact[index])
        if numbers is not None and condition(*numbers):
            return exact[index]
    return None


def exact_values(expressions: Sequence[Any], point: Sequence[Fraction]) -> list[Fraction] | None:
    """Rational functions of the chart at a rational point, without rounding; None at a pole."""
    at = {symbol: sp.Rational(x.numerator, x.denominator) for symbol, x in zip(CHART, point, strict=True)}
    numbers = [sp.cancel(sp.sympify(expression).subs(at)) for expression in expressions]
    if not all(x.is_Rational and x.is_finite for x in numbers):
        return None
    return [Fraction(int(x.p), int(x.q)) for x in numbers]
