"""Which sign has an expression for all positive symbols? Proved by its coefficients, or not said."""

# sympy's annotations of polynomials are partial
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

from typing import Any

import sympy as sp

# expanding more operations than this takes long; the sign then stays unknown
_LONGEST = 400


def sign_where_positive(expression: Any, *, assumed: bool = False) -> tuple[bool, bool]:
    """(never positive, never negative) for all positive values of all symbols; (False, False) where it is not proved.

    A quotient of polynomials whose coefficients all have one sign has that sign, or vanishes, on the positive orthant.

    Arguments:
        expression: a rational function.
        assumed: take as positive only the symbols that are assumed nonnegative; the others may have any sign.
    """
    expression = sp.sympify(expression)
    if sp.count_ops(expression) > _LONGEST:
        return False, False
    above, below = (_one_sign(part, assumed) for part in sp.fraction(sp.cancel(sp.together(expression))))
    if above is None or below is None:
        return False, False
    if above == 0:
        return True, True
    return above * below < 0, above * below > 0


def _one_sign(polynomial: Any, assumed: bool) -> int | None:
    """The common sign of all terms of a polynomial with rational coefficients; None if there is none."""
    symbols = sorted(polynomial.free_symbols, key=str)
    if not symbols:
        return int(sp.sign(polynomial)) if polynomial.is_Rational else None
    if not polynomial.is_polynomial(*symbols):
        return None
    terms = sp.Poly(polynomial, *symbols).terms()
    if not all(coefficient.is_Rational for _, coefficient in terms):
        return None
    for powers, _ in terms:
        free = (power for power, symbol in zip(powers, symbols, strict=True) if not symbol.is_nonnegative)
        if assumed and any(power % 2 for power in free):
            return None
    if all(coefficient > 0 for _, coefficient in terms):
        return 1
    return -1 if all(coefficient < 0 for _, coefficient in terms) else None
