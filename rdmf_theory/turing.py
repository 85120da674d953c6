"""Is this point Turing-unstable? Classification of a parameter point, exact on rational input, fast on arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from rdmf_theory import formulas
from rdmf_theory.arithmetic.algebraic import AlgebraicNumber, square_root
from rdmf_theory.arithmetic.rational import Rational, nearest_float, to_fraction
from rdmf_theory.errors import ParameterError
from rdmf_theory.verdict import Condition

DESCRIPTIONS: Mapping[str, str] = {
    "turing": "the v-rich state is stable without diffusion and unstable with it",
    "stable": "the v-rich state is stable at every wavenumber",
    "unstable": "the v-rich state is unstable already without diffusion",
    "no-state": "there is no non-trivial steady state: s F < 4 (F + k)^2",
    "saddle-node": "on the boundary where the two non-trivial states merge: s F = 4 (F + k)^2",
    "hopf": "on the boundary where the v-rich state loses stability without diffusion: z = 1",
    "turing-boundary": "on the boundary of diffusion-driven instability: d = d_T",
    "fed-boundary": "on the edge of the parameter domain: k = 0, otherwise Turing-unstable",
}
"""What every classification means, in words."""


@dataclass(frozen=True)
class Classification:
    """What a parameter point is.

    Arguments:
        name: a key of `DESCRIPTIONS` (an array of them from `classify_array`).
        u_star, v_star, z, d_T: v-rich state, damping ratio, threshold; None (NaN) without a state.
        d: diffusion ratio D_u/D_v.
        conditions: v_rich (margin 1 - 2u*; sqrt of minus the discriminant, negative, without a state),
            damped (z - 1), fed (1 - z u*), turing (d/d_T - 1). A boundary does not hold and has margin 0.
    """

    name: Any
    u_star: Any
    v_star: Any
    z: Any
    d: Any
    d_T: Any
    conditions: dict[str, Condition]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready dictionary; the name is under `classification`."""
        return {
            "classification": self.name,
            "description": DESCRIPTIONS.get(self.name) if isinstance(self.name, str) else None,
            "u_star": self.u_star,
            "v_star": self.v_star,
            "z": self.z,
            "d": self.d,
            "d_T": self.d_T,
            "conditions": {name: condition.to_dict() for name, condition in self.conditions.items()},
        }


def _rational_parameters(values: Mapping[str, Rational]) -> list[Fraction]:
    result = []
    for name, value in values.items():
        number = to_fraction(name, value)
        # k = 0 is the edge of the domain and gets an answer of its own
        if number < 0 or (number == 0 and name != "k"):
            rule = "not negative" if name == "k" else "positive"
            raise ParameterError(f"{name} must be finite and {rule}. Got {value}; F, k, s, D_u, D_v are all positive.")
        result.append(number)
    return result


def classify(F: Rational, k: Rational, s: Rational, D_u: Rational, D_v: Rational) -> Classification:
    """Classify one parameter point; every decision is exact on the rational values of the arguments.

    With c = w^2/(s F) and root = sqrt(1 - 4c): u* = (1 - root)/2, z = F (1 + root)/(2 c w), so each condition is the
    sign of a number `a + b root`. Equality is reported as the boundary it is, never as "holds".

    Arguments:
        F, k, s: feed rate, kill rate (0 allowed), reaction gain, 1/step. Strings are read as exact decimals.
        D_u, D_v: diffusion coefficients, clip^2/step.
    Raises: ParameterError if one is not finite or has the wrong sign.
    Source: docs/mathematics.md, "The chart".
    """
    values = {"F": F, "k": k, "s": s, "D_u": D_u, "D_v": D_v}
    F_, k_, s_, D_u_, D_v_ = _rational_parameters(values)
    w, d = F_ + k_, D_u_ / D_v_
    c = w**2 / (s_ * F_)
    radicand = 1 - 4 * c
    if radicand < 0:
        undefined = Condition(False, None)
        v_rich = Condition(False, -math.sqrt(nearest_float(-radicand)))
        others = {"damped": undefined, "fed": _condition(k_ / w), "turing": undefined}
        return Classification("no-state", None, None, None, nearest_float(d), None, {"v_rich": v_rich, **others})
    root = square_root(radicand)
    u = (1 - root) * Fraction(1, 2)
    z = (1 + root) * (F_ / (2 * c * w))
    # a band exists iff d > z and its discriminant is positive
    discriminant = (d - z) * (d - z) - 4 * d * z * root
    ahead = (d - z).sign()
    turing_sign = min(ahead, discriminant.sign()) if ahead > 0 else -1
    if radicand == 0 and ahead == 0:
        turing_sign = 0
    d_T = float(_threshold(float(root), float(z)))
    turing_margin = _turing_margin(turing_sign, ahead, nearest_float(d), d_T, float(z), float(discriminant))
    conditions = {
        "v_rich": _condition(root),
        "damped": _condition(z - 1),
        "fed": _condition(k_ / w),
        "turing": Condition(turing_sign > 0, turing_margin),
    }
    name = _name(radicand > 0, (z - 1).sign(), turing_sign, k_ > 0)
    return Classification(name, float(u), float(z * u * (1 - u)), float(z), nearest_float(d), d_T, conditions)


def _condition(number: AlgebraicNumber | Fraction) -> Condition:
    if isinstance(number, Fraction):
        return Condition(number > 0, nearest_float(number))
    return Condition(number.sign() > 0, float(number))


def _threshold(root: Any, z: Any) -> Any:
    # d_T from root = 1 - 2 u*, which has no cancellation near the saddle-node
    return z * (np.sqrt(root) + np.sqrt(1 + root)) ** 2


def _turing_margin(sign: int, ahead: int, d: float, d_T: float, z: float, discriminant: float) -> float:
    """`d/d_T - 1` with the sign of the exact decision: `(d - d_T)(d - z^2/d_T)` is the discriminant."""
    if sign == 0:
        return 0.0
    if not (math.isfinite(d) and math.isfinite(d * d_T) and math.isfinite(z * z) and math.isfinite(discriminant)):
        # beyond the doubles: the quotient alone, with the sign that was decided
        quotient = d / d_T - 1 if math.isfinite(d) or math.isfinite(d_T) else math.nan
        agrees = quotient * sign > 0
        return quotient if agrees else sign * (math.ulp(0.0) if math.isfinite(quotient) else math.inf)
    if ahead > 0 and d * d_T > z * z:
        return float(discriminant / (d * d_T - z * z))
    # d <= z < d_T: far from the boundary, except for u* near 1/2 where the margin is tiny
    return min(float(d / d_T - 1), -math.ulp(0.0))


def _name(exists: bool, damped: int, turing: int, fed: bool) -> str:
    if not exists:
        return "saddle-node"
    if damped <= 0:
        return "unstable" if damped < 0 else "hopf"
    if turing <= 0:
        return "stable" if turing < 0 else "turing-boundary"
    return "turing" if fed else "fed-boundary"


def near_boundary(result: Classification) -> np.ndarray:
    """Where rounding may have decided a name of `classify_array`: there `classify` must.

    With e = 2^-53 the radicand 1 - 4c has the absolute error 8e, its root 8e/root, u* and z the relative error
    16e + 8e/root, and the threshold 16e + 8e/root^(3/2): the bounds below are ten times that.
    """
    radicand = 1 - 4 * result.u_star * (1 - result.u_star)
    root = np.sqrt(np.maximum(radicand, 0.0))
    with np.errstate(all="ignore"):
        tolerance = 160 * 2.0**-53 * (1 + root**-1.5)
        margins = [result.conditions[name].margin for name in ("damped", "turing")]
        close = [~(np.abs(margin) > tolerance * (1 + np.abs(margin))) for margin in margins]
        fold = ~(np.abs(result.conditions["v_rich"].margin) > 1e-6)
    exists = result.conditions["v_rich"].margin >= 0
    finite = np.isfinite(result.conditions["v_rich"].margin)
    return fold | ~finite | (exists & (close[0] | close[1]))


def classify_array(F: Any, k: Any, s: Any, D_u: Any, D_v: Any) -> Classification:
    """`classify` on arrays of floats, vectorised: the same names and margins up to rounding.

    Arguments: arrays that broadcast to a common shape; all finite, > 0 (k >= 0).
    Returns: a Classification whose fields are arrays of that shape, NaN where a quantity is undefined.
    Raises: ParameterError naming the first argument with a bad value.
    """
    arrays = np.broadcast_arrays(*(np.asarray(value, dtype=float) for value in (F, k, s, D_u, D_v)))
    for name, value in zip(("F", "k", "s", "D_u", "D_v"), arrays, strict=True):
        wrong = ~(np.isfinite(value) & ((value >= 0) if name == "k" else (value > 0)))
        if wrong.any():
            rule = "not negative" if name == "k" else "positive"
            shown = float(value[wrong][0])
            raise ParameterError(f"{name} must be finite and {rule}. Got {shown!r}; all rates are positive.")
    F_, k_, s_, D_u_, D_v_ = arrays
    radicand = formulas.steady_discriminant(F_, k_, s_)
    d, fed = D_u_ / D_v_, k_ / (F_ + k_)
    with np.errstate(invalid="ignore"):
        root = np.sqrt(radicand)
        u = formulas.steady_u(F_, k_, s_, xp=np)
        z = F_ / ((F_ + k_) * u)
        d_T = _threshold(root, z)
        excess = d / d_T - 1
    v_rich = np.sign(radicand) * np.sqrt(np.abs(radicand))
    margins = {"v_rich": v_rich, "damped": z - 1, "fed": fed, "turing": excess}
    conditions = {name: Condition(margin > 0, margin) for name, margin in margins.items()}
    damped = z - 1
    tests = [radicand < 0, radicand == 0, damped < 0, damped == 0, excess < 0, excess == 0, fed <= 0]
    names = ["no-state", "saddle-node", "unstable", "hopf", "stable", "turing-boundary", "fed-boundary"]
    return Classification(np.select(tests, names, "turing"), u, formulas.steady_v(u, z), z, d, d_T, conditions)
