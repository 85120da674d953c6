"""How far is a scheme from the equation? Bias of its growth rates and shift of its Turing threshold, derived.

Write g for the multiplier of a mode over one step and e = h w. With `g = 1 + e y` the characteristic equation of G
becomes `y^2 + p(e) y + q(e) = 0`, which at e = 0 is that of `(J - mu D)/w`: the series of p and q in e give the bias.
"""

# sympy's partial annotations know neither mappings in subs nor entries of matrices
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportReturnType=false
# pyright: reportOperatorIssue=false

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import sympy as sp
from sympy.polys.fields import field

from rdmf_theory.derive import a, b, d, eta, growth, m, u_star, z
from rdmf_theory.schemes.definition import Scheme
from rdmf_theory.schemes.linear import jury

alpha, beta = sp.symbols("alpha beta", positive=True)
"""Scaled diffusion of a mode: `alpha = mu D_u / w`, `beta = mu D_v / w`."""

TERMS = 2
"""Powers of e that are expanded beyond the leading term."""


@cache
def characteristic_series(scheme: Scheme) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Coefficients (p_0, p_1, p_2), (q_0, q_1, q_2) of p and q in e, in (u*, z, alpha, beta), for Gray-Scott."""
    base = field((u_star, z, alpha, beta), sp.QQ)[0]
    # 1 - tr G + det G and 1 - det G: numerators and denominators as polynomials in eta over the field of the rest
    growth_part, rotation_part = (
        [_in_eta(x.subs({a: eta * alpha, b: eta * beta}), base) for x in sp.fraction(jury(scheme)[name])]
        for name in ("no_growth", "no_rotation")
    )
    # 2 - tr G is the sum of both
    q = _quotient(growth_part, 2, TERMS)
    other = _quotient(rotation_part, 1, TERMS)
    p = [other[0], *(x + y for x, y in zip(other[1:], q, strict=False))]
    return tuple(tuple(x.as_expr() for x in series) for series in (p, q))


def _in_eta(polynomial: Any, base: Any) -> list[Any]:
    """Coefficients of a polynomial in eta, lowest first, in the field `base`."""
    return [base.from_expr(c) for c in sp.Poly(polynomial, eta).all_coeffs()[::-1]]


def _quotient(fraction: list[list[Any]], power: int, order: int) -> list[Any]:
    """Taylor coefficients 0..order of `fraction / eta^power`, by long division."""
    top, bottom = fraction
    shift = next(i for i, c in enumerate(bottom) if c)
    if any(top[: power + shift]):
        raise ArithmeticError("the characteristic equation is singular at small steps: the scheme is not consistent")
    zero = bottom[shift] * 0
    top, bottom = ([*x, *[zero] * (order + 1)] for x in (top[power + shift :], bottom[shift:]))
    series: list[Any] = []
    for n in range(order + 1):
        known = sum((bottom[n - i] * series[i] for i in range(n)), zero)
        series.append((top[n] - known) / bottom[0])
    return series


@dataclass(frozen=True)
class Bias:
    """Leading error of the growth rate of a mode that a scheme shows, in units of w.

    Arguments:
        power: n of the leading term.
        coefficient: c in `log(g)/h = w (growth + c (h w)^n + ...)`, rational in (u*, z, alpha, beta, growth), where
            growth is an eigenvalue of `(J - mu D)/w`.
    """

    power: int
    coefficient: Any


@cache
def growth_bias(scheme: Scheme) -> Bias:
    """The leading bias of a scheme's growth rates for Gray-Scott."""
    (p0, p1, p2), (q0, q1, q2) = characteristic_series(scheme)
    relation = sp.Poly(growth**2 + p0 * growth + q0, growth)

    def reduced(expression: Any) -> Any:
        top, bottom = sp.fraction(sp.together(expression))
        top = sp.rem(sp.Poly(sp.expand(top), growth), relation).as_expr()
        return sp.factor(top) / bottom

    slope = 2 * growth + p0
    first = -(p1 * growth + q1) / slope
    second = -(first**2 + p1 * first + p2 * growth + q2) / slope
    # log(1 + e y)/e = y - e y^2/2 + e^2 y^3/3 - ...
    for power, term in ((1, first - growth**2 / 2), (2, second - growth * first + growth**3 / 3)):
        coefficient = reduced(term)
        if coefficient != 0:
            return Bias(power, coefficient)
    raise ArithmeticError(f"{scheme.name}: no bias up to order {TERMS}")


@dataclass(frozen=True)
class ThresholdShift:
    """First-order shift of the Turing threshold: a scheme has `d_T + c (h w)^n + ...` instead of d_T.

    Arguments:
        power: n, or 0 if the threshold does not move at all (to all orders considered).
        coefficient: c in (u*, z, d) with d = d_T(u*, z); 0 if the threshold does not move.
    """

    power: int
    coefficient: Any


@cache
def threshold_shift(scheme: Scheme) -> ThresholdShift:
    """How a scheme moves the Turing threshold d_T of Gray-Scott.

    At onset q and its derivative in the mode vanish; so `q_0 + e^n q_n = 0` moves d by `- e^n q_n / (d q_0/d d)` at the
    critical mode `m = (d - z)/(2 d)`, d = d_T.
    """
    _, q = characteristic_series(scheme)
    critical = (d - z) / (2 * d)
    # on the threshold the band's discriminant is zero, which gives u*
    on_threshold = sp.Rational(1, 2) - (d - z) ** 2 / (8 * d * z)
    q0, *higher = (x.subs({alpha: d * m, beta: m}) for x in q)
    for power, term in enumerate(higher, start=1):
        shift = sp.cancel((-term / sp.diff(q0, d)).subs(m, critical).subs(u_star, on_threshold))
        if shift != 0:
            return ThresholdShift(power, sp.factor(shift))
    return ThresholdShift(0, sp.Integer(0))


def measured_threshold(scheme: Scheme, u: float, z_value: float, step: float) -> float:
    """Turing threshold that a scheme shows for Gray-Scott at `h w = step`, by minimising q over the mode."""
    from scipy.optimize import brentq, minimize_scalar

    from rdmf_theory import formulas

    quantity = sp.lambdify((u_star, z, eta, a, b), jury(scheme)["no_growth"] / eta**2, "math", cse=True)
    exact = formulas.turing_threshold(u, z_value)

    def lowest(ratio: float) -> float:
        m_c = (ratio - z_value) / (2 * ratio)
        found: Any = minimize_scalar(
            lambda mode: quantity(u, z_value, step, step * ratio * mode, step * mode),
            bounds=(m_c / 4, min(1.0, 4 * m_c)),
            method="bounded",
            options={"xatol": 1e-12},
        )
        return float(found.fun)

    return float(brentq(lowest, 0.8 * exact, 1.6 * exact, xtol=1e-13))


def bias_number(scheme: Scheme, u: Any, z_value: Any, scaled_u: Any, scaled_v: Any, rate: Any) -> Any:
    """The coefficient of `growth_bias` in numbers: arrays of (u*, z, alpha, beta, growth/w)."""
    function = sp.lambdify((u_star, z, alpha, beta, growth), growth_bias(scheme).coefficient, "numpy")
    return np.asarray(function(u, z_value, scaled_u, scaled_v, rate))
