"""Is every design of a box admissible, as the network will emit it? Proofs on boxes, and what they prove.

The claim covers all designs of a box, every float32 rounding of the emitted F, k, s, D_u, D_v, and, for the stability
of single clips, every gain m_t that the layer may apply. The lemmas L1-L7 that reduce it to a few bisections are in the
docstring of `certificate_checker`, which re-verifies the result in exact arithmetic and shares no code with this file.

Rounding, argued: the layer evaluates the formulas in float64 from float32 coordinates and rounds once to float32, so
each parameter carries (1 + 2^-24)(1 + c 2^-53) - 1, where c counts float64 operations (at most 60) times the largest
amplification by cancellation; that stays below 2^23 because the proof demands 1 - z u* > 2^-16 (in k) and a fastest
mode above 2^-16 of its terms (in D_u, D_v). `PARAMETER_ERROR` = 2^-23 is twice the first factor. The gain s m_t passes
exp, log, tanh (2 units in the last place each), the rounding of the interval's ends and one product: with |log m| <= 9,
which the checked range of the box implies, at most 60 half-units, below `GAIN_ERROR` = 2^-18. Overflow and subnormal
numbers are excluded by the same range.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import flint

from rdmf_theory.arithmetic.enclosure import PRECISION, Box, OpenLeaf, Range, ball, bisect, enclose, precision
from rdmf_theory.certificates import certificate_checker
from rdmf_theory.certificates.certificate import FORMAT, VERSION, Certificate, made_with
from rdmf_theory.certificates.refute import refute
from rdmf_theory.errors import ParameterError
from rdmf_theory.regions.admissible import AdmissibleRegion
from rdmf_theory.verdict import Verdict

__all__ = ["GAIN_ERROR", "PARAMETER_ERROR", "Certificate", "Verdict", "certify_box", "enclose"]

COORDINATES = ("u_star", "z", "excess", "wavelength", "rate")
PARAMETER_ERROR = Fraction(1, 1 << 23)
GAIN_ERROR = Fraction(1, 1 << 18)

# L1: factors by which rounding moves c and d, and the product u(1 - u) at m = 1 and at any m.
_k = (1 + PARAMETER_ERROR) / (1 - PARAMETER_ERROR)
_K1 = _k**2
_K = _k**2 / (1 - GAIN_ERROR)

# Coordinates between 1/_RANGE and _RANGE: no overflow, no subnormal numbers, |log m| <= 9.
_RANGE = 1 << 12

# Every comparison is won by more than this, so that the checker's own rounding (2^-96) cannot turn it.
_SLACK = Fraction(1, 1 << 40)


class _Undecided(Exception):
    """A condition stayed open."""

    def __init__(self, condition: str, detail: str) -> None:
        super().__init__(detail)
        self.condition, self.detail = condition, detail


def certify_box(
    lower: Sequence[Any],
    upper: Sequence[Any],
    region: AdmissibleRegion,
    *,
    modulation_fraction: Any = Fraction(9, 10),
    subject: str | None = None,
    leaves: int = 20_000,
) -> Certificate:
    """Prove that every design of [lower, upper] satisfies every condition of `region`, rounding included.

    Arguments:
        lower, upper: the box, 5 numbers each, order u_star, z, excess, wavelength, rate; floats count exactly.
        region: the conditions; its own box must contain this one.
        modulation_fraction: part of the admissible gain interval, in log, that the layer uses, in (0, 0.999].
        subject: what the claim is about (a checkpoint's SHA-256), stored in the certificate.
        leaves: largest number of parts per bisection; more decide harder boxes.
    Returns: `Certificate` with verdict CERTIFIED, REFUTED (with a rational witness) or UNDECIDED (with the remedy).
    Raises: ParameterError for bounds that are not 5 finite ordered numbers, or a fraction out of range.
    """
    box = _rational_box(lower, upper)
    fraction = Fraction(modulation_fraction)
    if not 0 < fraction <= Fraction(999, 1000):
        raise ParameterError(f"modulation_fraction must be in (0, 0.999]. Got {modulation_fraction!r}; 0.9 is usual.")
    for name, (low, high), least, most in zip(COORDINATES, box, region.lower, region.upper, strict=True):
        if not Fraction(least) <= low <= high <= Fraction(most):
            witness = {"coordinate": name, "box": [str(low), str(high)], "region": [str(least), str(most)]}
            return Certificate(Verdict.REFUTED, condition="box", witness=witness, detail=f"{name} leaves the region")
    if region.bandwidth is not None:
        # the lemmas say nothing about it, and a certificate without it would claim more than it proves
        detail = "certificates do not cover bandwidth: certify the region with bandwidth=None, check designs one by one"
        return Certificate(Verdict.UNDECIDED, condition="bandwidth", detail=detail)
    found = refute(box, region)
    if found is not None:
        condition, witness = found
        return Certificate(
            Verdict.REFUTED, condition=condition, witness=witness, detail=f"{condition} is violated by the witness"
        )
    try:
        with precision(PRECISION):
            conditions, proof = _prove(box, region, fraction, leaves)
    except _Undecided as open_claim:
        return Certificate(Verdict.UNDECIDED, condition=open_claim.condition, detail=open_claim.detail)
    content = {
        "format": FORMAT,
        "version": VERSION,
        "kind": "design-box",
        "claim": certificate_checker.CLAIM,
        "conditions": conditions,
        # condition -> the theorem of proofs/ that says what it means for the layer
        "theorems": {name: certificate_checker.THEOREMS[name] for name in conditions},
        "box": {name: _texts(*ends) for name, ends in zip(COORDINATES, box, strict=True)},
        "region": {
            "lower": _texts(*region.lower),
            "upper": _texts(*region.upper),
            "clips": list(region.clips),
            "steps": region.steps,
            "gain": _texts(*region.gain),
            "modulation": None if region.modulation is None else _texts(*region.modulation),
            "soft_onset": region.soft_onset,
        },
        "emission": {
            "parameter_error": str(PARAMETER_ERROR),
            "gain_error": str(GAIN_ERROR),
            "modulation_fraction": str(fraction),
            "step_size": "1",
        },
        "proof": proof,
        "made_with": made_with(),
        "subject": subject,
    }
    return Certificate(Verdict.CERTIFIED, content, detail=f"proved: {', '.join(conditions)}")


def _rational_box(lower: Sequence[Any], upper: Sequence[Any]) -> Box:
    if len(lower) != 5 or len(upper) != 5:
        raise ParameterError(f"lower and upper must have 5 entries {COORDINATES}. Got {len(lower)} and {len(upper)}.")
    ranges: list[Range] = []
    for name, low, high in zip(COORDINATES, lower, upper, strict=True):
        try:
            ends = Fraction(low), Fraction(high)
        except (ValueError, OverflowError, TypeError) as error:
            raise ParameterError(f"bounds of {name} must be finite numbers. Got {low!r}, {high!r}.") from error
        if ends[0] > ends[1]:
            raise ParameterError(f"bounds of {name} must satisfy lower <= upper. Got {low!r}, {high!r}; swap them.")
        ranges.append(ends)
    return tuple(ranges)


def _texts(*numbers: Any) -> list[str]:
    return [str(Fraction(number)) for number in numbers]


class _Rounding:
    """Where rounding may move the base state of the designs with u* <= u_max: v, X, Y of L5, rounded up."""

    def __init__(self, u_max: Fraction) -> None:
        root = (1 - 4 * ball(u_max * (1 - u_max) * _K1)).sqrt()
        if not root > 0:
            raise _Undecided("v_rich", "rounding moves u_star past 1/2: lower its upper bound")
        # 1 - 2u after rounding is this root
        v = _above(ball(_K1 - 1) / root)
        drift = v * _above(2 / (root * (1 + root)).sqrt())
        if max(v, drift) >= 1:
            raise _Undecided("v_rich", "rounding moves u_star too far: lower its upper bound")
        self.v, self.X = v, _up(_k / (1 - v))
        self.Y = _up(_k * self.X / (1 - drift))

    def u(self, ends: Range) -> flint.arb:
        """Substrates of rounded designs."""
        return ball(ends[0] * (1 - self.v), ends[1] * (1 + self.v))

    def z(self, ends: Range) -> flint.arb:
        """Their damping ratios."""
        return ball(ends[0] / self.X, ends[1] * self.X)

    def excess(self, ends: Range) -> flint.arb:
        """Their excesses."""
        return ball(ends[0] / self.Y, ends[1] * self.Y)


def _up(number: Fraction) -> Fraction:
    return Fraction(math.ceil(number * (1 << 60)), 1 << 60)


def _above(number: flint.arb) -> Fraction:
    """A rational at or above every value of a ball."""
    return _up(Fraction(*_man_exp(number.upper())) + _SLACK)


def _man_exp(number: flint.arb) -> tuple[int, int]:
    mantissa, exponent = (int(x) for x in number.mid().man_exp())
    return (mantissa << exponent, 1) if exponent >= 0 else (mantissa, 1 << -exponent)


def _prove(box: Box, region: AdmissibleRegion, fraction: Fraction, leaves: int) -> tuple[list[str], dict[str, Any]]:
    """Names of the proved conditions in order, and the hints that the checker needs."""
    u_range, z_range, excess_range, wavelength = box[:4]
    u_max, z_min, r_min = u_range[1], z_range[0], excess_range[0]
    for name, (low, high) in zip(COORDINATES, box, strict=True):
        if low < Fraction(1, _RANGE) or high > _RANGE:
            raise _Undecided(name, f"rounding was analysed for {name} in [1/{_RANGE}, {_RANGE}] only: narrow the box")
    if wavelength[0] <= 2:
        raise _Undecided("wavelength", "2 clips is the edge of the clip axis: raise the lower bound of wavelength")
    if 1 - z_range[1] * u_max <= Fraction(1, 1 << 16):
        raise _Undecided("fed", "k is too small for its rounding: lower z or u_star")
    n = math.ceil(1 / (1 - fraction))
    c = z_min * u_max
    low_end = u_max * (1 - u_max) / (c * (1 - c)) if 2 * c <= 1 else 4 * u_max * (1 - u_max)
    if low_end * (_K * _k) ** n >= 1:
        raise _Undecided("damped", "no room for rounding at the low end of the gain interval: raise z or lower u_star")
    ratio = (_K * _k**2 * (1 + 2 * _SLACK)) ** n
    if region.modulation is not None:
        least, most = (Fraction(m) for m in region.modulation)
        if low_end * _K * _k >= least:
            raise _Undecided("modulation", "no room for rounding at the lower end: raise it, raise z or lower u_star")
        ratio = max(ratio, most * _K * _k**2 * (1 + 2 * _SLACK))
    proof: dict[str, Any] = {"gain_interval": {"splits": _gain_interval(u_range, r_min, ratio, leaves)}}
    proof["band"] = _band(box, region.clips, leaves)
    proof["gain"] = _gain(box, region, leaves)
    conditions = ["v_rich", "damped", "fed", "turing", "mode_on_axis", "wavelength", "gain"]
    if region.modulation is not None:
        conditions.append("modulation")
    if region.soft_onset:
        x = 1 / _threshold(ball(u_max * (1 + _Rounding(u_max).v)))
        if not (3 * x < 1 and 23 * x**4 - 124 * x**3 - 6 * x**2 - 72 * x + 27 > ball(_SLACK)):
            raise _Undecided("soft_onset", "too close to rho*: lower the upper bound of u_star")
        conditions.append("soft_onset")
    return conditions, proof


def _threshold(u: flint.arb) -> flint.arb:
    return ((1 - 2 * u).sqrt() + (2 - 2 * u).sqrt()) ** 2


def _gain_interval(u_range: Range, r_min: Fraction, ratio: Fraction, leaves: int) -> str:
    """L3: the state at the far end of the gain interval, with room for rounding, is Turing-unstable."""

    def proved(part: Box) -> bool:
        low, high = part[0]
        y = (1 - (1 - 4 * ball(low * (1 - low) / ratio)).sqrt()) / 2
        y = y.lower()
        return bool(_threshold(y) / y * (1 + ball(_SLACK)) < ball(r_min) * _threshold(ball(high)) / ball(high))

    try:
        return bisect((u_range,), proved, lambda part: (1.0,), leaves)
    except OpenLeaf as leaf:
        near = float(leaf.box[0][1])
        detail = f"rounding near excess {float(r_min):.6g}, u_star {near:.6g}: raise excess, lower u_star or add leaves"
        raise _Undecided("turing", detail) from leaf


def _mode(u: flint.arb, z: flint.arb, r: flint.arb) -> tuple[flint.arb, ...]:
    """(S, gE, M, l, m, a) of L5 and L7, in forms that repeat variables little.

    Half the width of the band, its offset from the fastest mode, and the fastest mode, these three times 2 D; the
    growth rate l of the fastest mode over w, the mode m, and a = z + d m.
    """
    A, root = _threshold(u), r.sqrt()
    q = 1 / (z * root)
    growth = (1 - 1 / root) * (1 - (1 - q) / (root * A - q))
    half = root * (A + 1) / 2
    S = ((r - 1) * (r * A * A - 1)).sqrt()
    gE = (root - 1) * (root * A - 1) + 2 * growth / z
    m = (1 + 1 / A) / (2 * root) - (1 + growth / z) / (r * A)
    return S, gE, 2 * half - 2 - 2 * growth / z, growth, m, z * half - growth


def _band(box: Box, clips: Sequence[int], leaves: int) -> dict[str, str]:
    """L5, L6: a common part (alpha, beta) of all bands, in units of the fastest mode, with some mode of each T."""
    u_range, z_range, excess, wavelength = box[:4]

    def ends(part: Box) -> tuple[flint.arb, flint.arb]:
        rounding = _Rounding(part[0][1])
        u, r = rounding.u(part[0]), rounding.excess(part[1])
        S, gE, M, *_ = _mode(u, ball(z_range[0] / rounding.X), r)
        low = ball(_k) * (1 - (S - gE) / M)
        S, gE, M, *_ = _mode(u, ball(z_range[1] * rounding.X), r)
        return low, (1 + (S + gE) / M) / ball(_k)

    # the sharpest possible alpha and beta, as floats: only a guess, the bisection below is what counts
    lows, highs = [], []
    for i in range(25):
        for j in range(25):
            point = [a + (b - a) * Fraction(share, 24) for (a, b), share in ((u_range, i), (excess, j))]
            low, high = ends(tuple((x, x) for x in point))
            lows.append(float(low.mid()))
            highs.append(float(high.mid()))
    closed = "modes of the clip axis are too far apart for the band"
    for share in (0.7, 0.85, 0.93, 0.96, 0.98, 0.99, 0.995):
        alpha = Fraction(round((1 - share * (1 - max(lows))) * 65536), 65536)
        beta = Fraction(round((1 + share * (min(highs) - 1)) * 65536), 65536)
        open_T = _first_open(wavelength, clips, alpha, beta) if 0 < alpha < 1 < beta else clips[0]
        if open_T is not None:
            closed = f"no mode common to all designs at {open_T} clips: raise the least clips or excess, or split it"
            continue

        def proved(part: Box, alpha: Fraction = alpha, beta: Fraction = beta) -> bool:
            low, high = ends(part)
            return bool(low < ball(alpha - _SLACK)) and bool(high > ball(beta + _SLACK))

        try:
            splits = bisect((u_range, excess), proved, _scale_band, leaves)
        except OpenLeaf as leaf:
            closed = _where(leaf)
            continue
        return {"alpha": str(alpha), "beta": str(beta), "splits": splits}
    raise _Undecided("mode_on_axis", closed)


def _scale_band(part: Box) -> tuple[float, ...]:
    """Lengths over which band and growth vary: square roots of 1 - 2u and of r - 1."""
    u, r = part[0], part[-1]
    middle = [float(z[0]) for z in part[1:-1]]
    return (0.5 * math.sqrt(1 - 2 * float(u[1])), *middle, 2 * (float(r[0]) - 1) * float(r[0]) / (1 + float(r[0])))


def _first_open(wavelength: Range, clips: Sequence[int], alpha: Fraction, beta: Fraction) -> int | None:
    """The first clip number for which some wavelength has no mode in (alpha, beta) times its own, or None (L6)."""
    low, high = ball(alpha), ball(beta)
    bottom, top = (4 * (flint.arb.pi() / ball(length)).sin() ** 2 for length in (wavelength[1], wavelength[0]))
    first = next(j for j in range(1, 1 << 20) if (j + 1) ** 2 * alpha < j * j * beta)

    def mode(j: int, T: int) -> flint.arb:
        return 4 * (flint.arb.pi() * j / (2 * T)).sin() ** 2

    for T in range(clips[0], clips[1] + 1):
        if first < T and mode(first, T) / high < bottom and mode(T - 1, T) / low > top:
            return None
        reached = bottom
        for j in range(1, T):
            if mode(j, T) / high < reached and mode(j, T) / low > reached:
                reached = mode(j, T) / low
        if not reached > top:
            return T
    return None


def _gain(box: Box, region: AdmissibleRegion, leaves: int) -> dict[str, Any]:
    """L7: bounds of the multiplier whose powers imply the region's gain."""
    u_range, z_range, excess, _, rate = box
    least, most = (Fraction(g) for g in region.gain)
    low = _root(max(least, Fraction(1)), region.steps, up=True)
    high = _root(most, region.steps, up=False)
    w_min, w_max = rate[0] / _k, rate[1] * _k

    def room(g: Fraction, w: Fraction, growth: flint.arb, m: flint.arb, a: flint.arb) -> flint.arb:
        x, g_ = ball((g - 1) / w), ball(g)
        return a * (growth - x - (g_ - 1) * (1 + m)) - (1 - m) * (growth - x) + growth**2 - x * (x / g_ + 2 - 2 / g_)

    def proved(part: Box) -> bool:
        rounding = _Rounding(part[0][1])
        _, _, M, growth, m, a = _mode(rounding.u(part[0]), rounding.z(part[1]), rounding.excess(part[2]))
        falling = ball(Fraction(1, 1 << 15)) < M and m > ball(_SLACK) and a > 1 + ball(_SLACK)
        if not (falling and room(high, w_max, growth, m, a) < -ball(_SLACK)):
            return False
        return all(bool(room(low, w, growth, m, a) > ball(_SLACK)) for w in (w_min, w_max))

    try:
        splits = bisect((u_range, z_range, excess), proved, _scale_band, leaves)
    except OpenLeaf as leaf:
        raise _Undecided("gain", f"gain in [{float(least):.6g}, {float(most):.6g}] is open {_where(leaf)}") from leaf
    return {"multiplier": [str(low), str(high)], "splits": splits}


def _root(number: Fraction, n: int, *, up: bool) -> Fraction:
    """A rational at or above (`up`) or at or below the n-th root, within 2^-40."""
    if number == 1:
        return Fraction(1)
    scale = 1 << 40
    guess = math.floor(float(number) ** (1 / n) * scale)
    while Fraction(guess, scale) ** n < number:
        guess += 1
    while Fraction(guess, scale) ** n > number:
        guess -= 1
    exact = Fraction(guess, scale) ** n == number
    return Fraction(guess + (1 if up and not exact else 0), scale)


def _where(leaf: OpenLeaf) -> str:
    parts = ", ".join(f"[{float(low):.6g}, {float(high):.6g}]" for low, high in leaf.box)
    return f"near {parts}; allow more leaves or split the box"
