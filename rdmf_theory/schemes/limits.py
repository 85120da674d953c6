"""How large may a step be? The step restriction of a scheme for Gray-Scott, from the numerators of Jury's conditions.

A mode that decays in the equation decays in the scheme for every h below the least positive root of the numerators,
polynomials in e = h w: for a small step both agree, and a multiplier leaves the unit circle only through such a root.
"""

# sympy's partial annotations know neither mappings in subs nor entries of matrices
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import sympy as sp

from rdmf_theory.chart import Parameters
from rdmf_theory.derive import a, b, eta, u_star, z
from rdmf_theory.errors import ParameterError
from rdmf_theory.layer.step import clip_eigenvalues
from rdmf_theory.schemes.artefacts import false_growth, flip, rotation
from rdmf_theory.schemes.bias import alpha, beta
from rdmf_theory.schemes.definition import Scheme
from rdmf_theory.schemes.linear import JURY, jury, scaled_mode
from rdmf_theory.steady_states import v_rich_chart

tr, det = sp.Symbol("tr", negative=True), sp.Symbol("det", positive=True)
"""Trace and determinant of `(J - mu D)/w` of a decaying mode."""


@dataclass(frozen=True)
class Limit:
    """Where one of Jury's conditions ends.

    Arguments:
        condition: its name in `linear.JURY`.
        polynomial: numerator of the condition without its factors eta, positive for small steps, in eta, u*, z and
            alpha = mu D_u/w, beta = mu D_v/w.
        invariant: the same in eta, tr and det, if nothing else is needed, else None.
        root: the least positive root in closed form (degree 1 or 2, in the same symbols as `invariant` or
            `polynomial`), None for a higher degree. Where it is negative or not real the condition limits nothing.
    """

    condition: str
    polynomial: Any
    invariant: Any | None
    root: Any | None

    def text(self) -> str:
        """`h w < root` where there is a closed form, else the polynomial inequality."""
        if self.root is not None:
            return f"h*w < {self.root}"
        shown = self.polynomial if self.invariant is None else self.invariant
        return f"{shown} > 0"


@cache
def step_limits(scheme: Scheme) -> tuple[Limit, ...]:
    """The conditions that limit the step of a scheme; empty if all hold for every step at a decaying mode."""
    limits = []
    for name, absent in zip(JURY, (false_growth, flip, rotation), strict=True):
        quantity = jury(scheme)[name]
        if absent(scheme).answer == "no":
            continue
        top, bottom = (x.subs({a: eta * alpha, b: eta * beta}) for x in sp.fraction(sp.together(quantity)))
        sample = bottom.subs({u_star: sp.Rational(1, 3), z: 2, eta: 1, alpha: 1, beta: 1})
        coefficients = sp.Poly(top * sp.sign(sample), eta).all_coeffs()
        while coefficients[-1] == 0:
            coefficients.pop()
        polynomial = sp.Poly(coefficients, eta).as_expr()
        invariant = _invariant(polynomial)
        limits.append(Limit(name, polynomial, invariant, _least_root(invariant or polynomial)))
    return tuple(limits)


def _invariant(polynomial: Any) -> Any | None:
    """The polynomial in terms of trace and determinant of the mode, if they suffice."""
    mode_tr, mode_det = (
        sp.cancel(x.subs({a: eta * alpha, b: eta * beta}) / eta**power)
        for x, power in zip(scaled_mode(), (1, 2), strict=True)
    )
    (u_solution,) = sp.solve(mode_det - det, u_star)
    (z_solution,) = sp.solve(mode_tr - tr, z)
    # two modes with one trace and determinant: most polynomials tell them apart, which saves the algebra
    values = set()
    for scaled in ((1, 2), (3, 1)):
        at = {alpha: scaled[0], beta: scaled[1], tr: -9, det: 7, eta: sp.Rational(2, 3)}
        z_value = z_solution.subs(at)
        values.add(polynomial.subs(u_star, u_solution.subs(z, z_value)).subs(z, z_value).subs(at))
    if len(values) > 1:
        return None
    result = sp.cancel(polynomial.subs(u_star, u_solution).subs(z, z_solution))
    return None if result.free_symbols - {eta, tr, det} else sp.collect(sp.expand(result), eta)


def _least_root(polynomial: Any) -> Any | None:
    """Least positive root in eta of a polynomial that is positive at 0, for degrees 1 and 2."""
    p = sp.Poly(polynomial, eta)
    if p.degree() == 1:
        return sp.factor(-p.nth(0) / p.nth(1))
    if p.degree() == 2:
        # citardauq form: with p(0) > 0 this is the least positive root whatever the sign of the leading coefficient
        c2, c1, c0 = (p.nth(i) for i in (2, 1, 0))
        return sp.simplify(2 * c0 / (-c1 + sp.sqrt(sp.factor(c1**2 - 4 * c2 * c0))))
    return None


def largest_step(scheme: Scheme, parameters: Parameters, clips: int) -> float:
    """Largest step size below which every decaying mode of T clips decays; inf if there is no limit.

    Arguments:
        parameters: scalars, with a v-rich state and z > 1.
        clips: T >= 1.
    Raises: ParameterError if the state is not stable without diffusion.
    """
    u, z_value = (float(x) for x in v_rich_chart(parameters))
    if z_value <= 1:
        raise ParameterError(f"parameters must be stable without diffusion, z > 1. Got z = {z_value:.6g}; raise k.")
    limits = step_limits(scheme)
    w, least = float(parameters.w), np.inf
    for mode in clip_eigenvalues(clips):
        at = {u_star: u, z: z_value, alpha: mode * parameters.D_u / w, beta: mode * parameters.D_v / w}
        if _mode_determinant(*at.values()) <= 0:
            continue
        for limit in limits:
            coefficients = [float(c) for c in _coefficients(limit)(*at.values())]
            roots = np.roots(coefficients)
            real = roots.real[(np.abs(roots.imag) < 1e-9 * np.abs(roots)) & (roots.real > 0)]
            least = min(least, real.min(initial=np.inf))
    return float(least / w)


@cache
def _coefficients(limit: Limit) -> Any:
    coefficients = sp.Poly(limit.polynomial, eta).all_coeffs()
    return sp.lambdify((u_star, z, alpha, beta), coefficients, "math", cse=True)


def _mode_determinant(u: float, z_value: float, scaled_u: float, scaled_v: float) -> float:
    return (-z_value - scaled_u) * (1 - scaled_v) + 2 * z_value * (1 - u)
