"""How large is the admissible set at a fixed diffusion ratio? Exact area in the (F, k) plane, and its named points.

The set is `{1 < z < d, u_T(z) < u* < min(1/2, 1/z)}` with `u_T = 1/2 - (d - z)^2/(8 d z)`. The map (u*, z) -> (F, k)
is injective on it: u* is the smaller root of `u (1 - u) = w^2/(s F)` and `z = F/(w u*)`, so a point (F, k) has one
preimage. By Green's theorem the area is the integral of `k dF` along the image of the boundary:

    area = int_Hopf k dF + int_saddle-node k dF - int_Turing k dF        (k = 0 contributes nothing)

F increases along each of the three curves, and a cut `F <= F_max` adds a piece with dF = 0: it only moves end points.
On each curve k and F are Laurent polynomials of one parameter, so every integral is a Laurent polynomial plus a log.
"""

# sympy's partial annotations know neither mappings in subs nor that a Rational has a numerator
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportReturnType=false

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import flint
import sympy as sp

from rdmf_theory import derive
from rdmf_theory.arithmetic.rational import Rational, to_fraction
from rdmf_theory.errors import ParameterError
from rdmf_theory.kinetics import GRAY_SCOTT

# An area near d = 1 is a small difference of large terms: more bits are tried until so little of it is uncertain, as a
# part of it and in absolute terms.
PRECISIONS = (256, 512, 1024, 2048, 4096)
UNCERTAIN = Fraction(1, 1 << 96)
t = sp.Symbol("t", positive=True)


@dataclass(frozen=True)
class Area:
    """An area in the (F, k) plane, 1/step^2.

    Arguments:
        exact: sympy expression; end points that no radical expresses are `CRootOf` (a polynomial and a root index).
        lower, upper: rational enclosure, certified by ball arithmetic.
        d, s, F_max: the question (F_max None without a cut).
    Raises: ParameterError if the enclosure is reversed.
    """

    exact: sp.Expr
    lower: Fraction
    upper: Fraction
    d: Fraction
    s: Fraction
    F_max: Fraction | None

    def __post_init__(self) -> None:
        if not 0 <= self.lower <= self.upper:
            raise ParameterError(f"Area.lower must be in [0, upper]. Got {self.lower}, {self.upper}.")

    @property
    def mid(self) -> float:
        """Nearest float to the middle of the enclosure. Raises: ParameterError if no float is that large."""
        try:
            return float((self.lower + self.upper) / 2)
        except OverflowError:
            raise ParameterError(f"the area at s = {float(self.s):g} is beyond the floats; it grows as s^2.") from None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: the value, its closed form as text, the enclosure as fractions, the question."""
        cut = None if self.F_max is None else str(self.F_max)
        return {
            "exact": self.mid,
            "closed_form": str(self.exact),
            "lower": str(self.lower),
            "upper": str(self.upper),
            "d": str(self.d),
            "s": str(self.s),
            "F_max": cut,
        }


@dataclass(frozen=True)
class _EndPoint:
    """A parameter value on a boundary curve: exact, and as a ball."""

    exact: sp.Expr
    ball: flint.arb


@dataclass(frozen=True)
class _Curve:
    """A boundary curve (F(t), k(t)) for s = 1 with the antiderivative of `k dF/dt`: Laurent polynomial plus log."""

    F: sp.Expr
    powers: dict[int, sp.Rational]
    log: sp.Rational

    @classmethod
    def of(cls, F: sp.Expr, k: sp.Expr) -> _Curve:
        integrand = sp.Add.make_args(sp.expand(k * sp.diff(F, t)))
        powers: dict[int, sp.Rational] = {}
        log = sp.Integer(0)
        for term in integrand:
            coefficient, power = term.as_coeff_exponent(t)
            if power == -1:
                log += coefficient
            else:
                powers[int(power) + 1] = powers.get(int(power) + 1, sp.Integer(0)) + coefficient / (power + 1)
        return cls(F, powers, log)

    def integral(self, start: _EndPoint, end: _EndPoint) -> tuple[sp.Expr, flint.arb]:
        """Exact and enclosed integral of `k dF` between two parameters."""
        exact = sp.Integer(0)
        ball = flint.arb(0)
        for sign, point in ((1, end), (-1, start)):
            for power, coefficient in self.powers.items():
                exact += sign * coefficient * point.exact**power
                ball += sign * _ball(coefficient) * point.ball**power
            if self.log != 0:
                exact += sign * self.log * sp.log(point.exact)
                ball += sign * _ball(self.log) * point.ball.log()
        return exact, ball

    def cut(self, F_max: Fraction, start: Fraction, end: Fraction) -> _EndPoint:
        """The parameter in (start, end) with `F(t) = F_max`; F increases there."""
        difference = sp.together(self.F - _rational(F_max))
        polynomial = sp.Poly(sp.numer(difference), t)
        evaluate = _exact_evaluation(difference)
        low, high = start, end
        while high - low > Fraction(1, 1 << flint.ctx.prec):
            middle = (low + high) / 2
            if evaluate(middle) < 0:
                low = middle
            else:
                high = middle
        if evaluate(high) == 0:
            exact: sp.Expr = _rational(high)
        else:
            # real roots are indexed from the left
            exact = sp.CRootOf(polynomial, int(polynomial.count_roots(None, _rational(low))))
        return _EndPoint(exact, _ball(low).union(_ball(high)))


def _ball(value: Fraction | sp.Rational | int) -> flint.arb:
    if isinstance(value, Fraction):
        return flint.arb(flint.fmpq(value.numerator, value.denominator))
    number = sp.Rational(value)
    return flint.arb(flint.fmpq(int(number.p), int(number.q)))


def _exact_evaluation(expression: sp.Expr) -> Callable[[Fraction], Fraction]:
    numerator, denominator = (
        [Fraction(int(c.p), int(c.q)) for c in sp.Poly(part, t).all_coeffs()] for part in sp.fraction(expression)
    )

    def horner(coefficients: list[Fraction], x: Fraction) -> Fraction:
        total = Fraction(0)
        for coefficient in coefficients:
            total = total * x + coefficient
        return total

    return lambda x: horner(numerator, x) / horner(denominator, x)


def _rational(value: Fraction) -> sp.Rational:
    return sp.Rational(value.numerator, value.denominator)


def _point(value: Fraction | int) -> _EndPoint:
    return _EndPoint(_rational(Fraction(value)), _ball(Fraction(value)))


def turing_substrate(d: Fraction, z: Fraction) -> Fraction:
    """Substrate on the Turing curve, `u_T = 1/2 - (d - z)^2/(8 d z)`, the root of the band's discriminant in u*."""
    return Fraction(1, 2) - (d - z) ** 2 / (8 * d * z)


def _curves(d: Fraction) -> tuple[_Curve, _Curve, _Curve]:
    """Hopf (parameter u), saddle-node (parameter z) and Turing curve (parameter z), for s = 1."""
    values = derive.chart()
    u, z, w, s = derive.u_star, derive.z, derive.rate, GRAY_SCOTT.parameters[2]
    (rate,) = sp.solve(values["s"] - s, w)
    F, k = (values[name].subs(w, rate).subs(s, 1) for name in ("F", "k"))
    (u_turing,) = sp.solve(derive.band_discriminant().subs(derive.d, _rational(d)), u)

    def along(u_of_t: sp.Expr, z_of_t: sp.Expr) -> _Curve:
        return _Curve.of(*(sp.expand(x.subs({u: u_of_t, z: z_of_t}, simultaneous=True)) for x in (F, k)))

    return along(t, sp.Integer(1)), along(sp.Rational(1, 2), t), along(u_turing.subs(z, t), t)


def _turing_ends(d: Fraction) -> tuple[_EndPoint, _EndPoint]:
    """First and last z of the Turing curve: u_T > 0 and z >= 1; u_T < 1/2 and z u_T < 1."""
    first, last = _point(1), _point(d)
    if turing_substrate(d, Fraction(1)) < 0:
        first = _EndPoint(_rational(d) * (3 - 2 * sp.sqrt(2)), _ball(d) * (3 - 2 * flint.arb(2).sqrt()))
    if d > 2:
        exact = 3 * _rational(d) - sp.sqrt(8 * _rational(d) * (_rational(d) - 1))
        last = _EndPoint(exact, 3 * _ball(d) - _ball(8 * d * (d - 1)).sqrt())
    return first, last


def fixed_ratio_area(d: Rational, s: Rational = 1, F_max: Rational | None = None) -> Area:
    """Area of the admissible set in the (F, k) plane at diffusion ratio d: closed form and certified enclosure.

    Arguments:
        d: D_u/D_v, > 0 (rational; strings are exact decimals). d <= 1 gives 0.
        s: reaction gain, > 0; the area scales with s^2.
        F_max: optional cut F <= F_max, > 0.
    Returns: `Area`; at d = 2, s = 1 it is `359*log(2)/131072 - 9923849/5284823040`.
    Raises: ParameterError if an argument is not a positive number.
    """
    numbers = {"d": d, "s": s} | ({} if F_max is None else {"F_max": F_max})
    fractions = {name: to_fraction(name, value) for name, value in numbers.items()}
    for name, value in fractions.items():
        if value <= 0:
            raise ParameterError(f"{name} must be finite and positive. Got {value}; d = D_u/D_v, s and F are rates.")
    d_, s_, cut = fractions["d"], fractions["s"], fractions.get("F_max")
    saved = flint.ctx.prec
    try:
        for bits in PRECISIONS:
            flint.ctx.prec = bits
            exact, ball = _unit_gain_area(d_, None if cut is None else cut / s_)
            lower, upper = (Fraction(int(x.p), int(x.q)) for x in (_to_fmpq(ball.lower()), _to_fmpq(ball.upper())))
            lower, upper = lower * s_**2, upper * s_**2
            if upper - lower <= min(lower, Fraction(1)) * UNCERTAIN:
                break
    finally:
        flint.ctx.prec = saved
    closed = sp.expand(sp.radsimp(exact * _rational(s_**2)))
    return Area(closed, max(lower, Fraction(0)), max(upper, Fraction(0)), d_, s_, cut)


def _to_fmpq(ball: flint.arb) -> flint.fmpq:
    mantissa, exponent = ball.mid().man_exp()
    power = flint.fmpz(2) ** abs(int(exponent))
    return flint.fmpq(mantissa * power) if exponent >= 0 else flint.fmpq(mantissa, power)


def _unit_gain_area(d: Fraction, cut: Fraction | None) -> tuple[sp.Expr, flint.arb]:
    zero = (sp.Integer(0), flint.arb(0))
    if d <= 1:
        return zero
    hopf, saddle, turing = _curves(d)
    u_first = max(turing_substrate(d, Fraction(1)), Fraction(0))
    z_last = min(d, Fraction(2))
    ends = {"hopf": _point(Fraction(1, 2)), "saddle": _point(z_last)}
    z_first, ends["turing"] = _turing_ends(d)
    if cut is not None:
        if cut <= u_first**3 * (1 - u_first):
            return zero
        if cut < Fraction(1, 16):
            ends["hopf"], ends["saddle"] = hopf.cut(cut, u_first, Fraction(1, 2)), _point(1)
        elif cut < z_last**2 / 16:
            root = 4 * sp.sqrt(_rational(cut))
            ends["saddle"] = _EndPoint(root, 4 * _ball(cut).sqrt())
        ends["turing"] = _cut_turing(turing, cut, d, z_first, ends["turing"])
    parts = [
        hopf.integral(_point(u_first), ends["hopf"]),
        saddle.integral(_point(1), ends["saddle"]),
        turing.integral(z_first, ends["turing"]),
    ]
    exact = sp.expand(parts[0][0] + parts[1][0] - parts[2][0])
    return exact, parts[0][1] + parts[1][1] - parts[2][1]


def _cut_turing(turing: _Curve, cut: Fraction, d: Fraction, first: _EndPoint, last: _EndPoint) -> _EndPoint:
    """Last point of the Turing curve below the cut."""
    value = _rational(cut)
    if cut >= d**2 / 16:
        # F at z = d, beyond every admissible point of the curve
        return last
    start = _rational_above(first.ball)
    if _exact_evaluation(sp.together(turing.F - value))(start) >= 0:
        return first
    crossing = turing.cut(cut, start, d)
    if crossing.ball.overlaps(last.ball):
        return _EndPoint(last.exact, crossing.ball.union(last.ball))
    return crossing if bool(crossing.ball < last.ball) else last


def _rational_above(ball: flint.arb) -> Fraction:
    upper = _to_fmpq(ball.upper())
    return Fraction(int(upper.p), int(upper.q))


def turing_hopf(d: Rational, s: Rational = 1) -> tuple[Fraction, Fraction] | None:
    """Turing-Hopf point (F, k): z = 1 and d = d_T, `u = 1/2 - (d - 1)^2/(8 d)`, `F = s u^3 (1-u)`, `k = s u^2 (1-u)^2`.

    Returns: exact fractions, or None where the two curves do not meet (d <= 1 or d >= 3 + 2 sqrt 2).
    """
    d_, s_ = to_fraction("d", d), to_fraction("s", s)
    if d_ <= 1 or turing_substrate(d_, Fraction(1)) <= 0:
        return None
    u = turing_substrate(d_, Fraction(1))
    return s_ * u**3 * (1 - u), s_ * u**2 * (1 - u) ** 2


def bogdanov_takens(s: Rational = 1) -> tuple[Fraction, Fraction]:
    """Bogdanov-Takens point (F, k) = (s/16, s/16): u* = 1/2 and z = 1."""
    value = to_fraction("s", s) / 16
    return value, value
