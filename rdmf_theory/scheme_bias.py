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

from rdmf_theory.derive import a, b, d, eta, growth, m, u_star, z
from rdmf_theory.scheme_linear import amplification
from rdmf_theory.schemes import Scheme

alpha, beta = sp.symbols("alpha beta", positive=True)
"""Scaled diffusion of a mode: `alpha = mu D_u / w`, `beta = mu D_v / w`."""

TERMS = 2
"""Powers of e that are expanded beyond the leading term."""


@cache
def characteristic_series(scheme: Scheme) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Coefficients (p_0, p_1, p_2), (q_0, q_1, q_2) of p and q in e, in (u*, z, alpha, beta), for Gray-Scott."""
    G = amplification(scheme)
    per_mode = {a: eta * alpha, b: eta * beta}
    trace, determinant = (sp.cancel(x.subs(per_mode)) for x in (G.trace(), G.det()))
    p = sp.cancel((2 - trace) / eta)
    q = sp.cancel((1 - trace + determinant) / eta**2)
    return tuple(tuple(_taylor(x, TERMS)) for x in (p, q))


def _taylor(expression: Any, order: int) -> list[Any]:
    """Taylor coefficients in eta at 0 of a rational function that is regular there, by long division."""
    top, bottom = (sp.Poly(x, eta).all_coeffs()[::-1] for x in sp.fraction(sp.together(expression)))
    top, bottom = (x + [sp.Integer(0)] * (order + 1) for x in (top, bottom))
    series: list[Any] = []
    for n in range(order + 1):
        known = sum((bottom[n - i] * series[i] for i in range(n)), sp.Integer(0))
        series.append(sp.cancel((top[n] - known) / bottom[0]))
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

    G = amplification(scheme)
    quantity = sp.lambdify((u_star, z, eta, a, b), sp.factor(sp.cancel((1 - G.trace() + G.det()) / eta**2)), "math")
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
