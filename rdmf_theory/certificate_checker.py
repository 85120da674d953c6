#!/usr/bin/env python3
"""Re-checks a certificate: `python certificate_checker.py FILE`. Exit 0 it holds, 1 it does not, 3 it cannot be read.

One file, standard library only, nothing of the program that made the certificate. Numbers are exact rationals or
intervals with integer end points over 2^96, rounded outward; no float takes part in a decision. What a certificate
gives beyond its claim (how a box is split, two bounds) is a hint: a bad hint makes the check fail, never succeed.

Kind `design-box`: for ALL designs (u, z, r, l, w) in a box, after rounding of the emitted F, k, s, D_u, D_v (relative
error <= e each) and, for v_rich, damped, fed, turing, after multiplying s by any gain m of the emitted interval.
Notation: A(u) = (sqrt(1-2u) + sqrt(2-2u))^2, so d_T = z A, d = r z A, D = d/z = r A, A + 1/A = 6 - 8u;
c = z u, q = u (1-u); H(y) = A(y)/y, decreasing. The gain interval of a design is (q/Q_c, q/Q_T) with Q_c = y(1-y) at
y = min(1/2, c), Q_T = y(1-y) at H(y) = r H(u). Emitted: m in [(q/Q_c)^f, (q/Q_T)^f], with relative error <= e_m.
  L1. Rounded parameters have F'/w' = c k^(+-1), d' = d k^(+-1), Q' = w'^2/(s'F') = (q/m) K^(+-1) with
      k = (1+e)/(1-e), K = k^2/(1-e_m). The frozen state solves y(1-y) = Q'.
  L2. For y1 < y2 < 1/2, Q = y(1-y):  y2/y1 = (Q2/Q1)(1-y1)/(1-y2) >= Q2/Q1, hence H(y2)/H(y1) <= Q1/Q2.
  L3. Turing needs H(y) k^2 < r H(u), as d_T(y, c/y) = c H(y). Now Q' >= Q_T R^(1-f)/K with R = q/Q_T, so by L2
      R^(1-f) >= K k^2 (1 + 2^-40) suffices; R grows with r, so r = r_min, all u. R >= R0 iff H(y(q/R0)) <= r H(u).
  L4. v_rich and damped, y < min(1/2, c/k): by L2 (q/Q_c)^(1-f) K k < 1 suffices; q/Q_c is (1-u)/(z(1-zu)) or
      4u(1-u), both largest at u_max, z_min. fed is F' > 0, k' > 0: z u < 1.
  L5. At m = 1, emitted exactly, the rounded state has u' = u(1 +- v), z' = z X^(+-1), r' = r Y^(+-1), see `rounding`.
      In units of the fastest mode the band is (a, b): with S = sqrt((r-1)(rA^2-1)), E = (sqrt r - 1)(sqrt r A - 1),
      g = (zD+1)/(zD-1), M = 2 D m_fast = D - 1 - gE:  a = 1 - (S-gE)/M,  b = 1 + (S+gE)/M; g falls with z.
  L6. mode_on_axis: mode j of T clips serves all l with mu_j/b < mu(l) < mu_j/a; mu_{j+1}/mu_j <= ((j+1)/j)^2 since
      sin is concave, so from some J on these windows overlap, and mu_J(T) falls, mu_{T-1}(T) grows with T.
  L7. gain, of the fastest mode of the rounded parameters: with l = z E/(zD-1) its growth rate over w, m = M/2D and
      a = z + d m, a number g is a multiplier of the step iff h(x) = 0, x = (g-1)/w,
      h = a(l - x - (g-1)(1+m)) - (1-m)(l-x) + l^2 - x^2/g - 2x(g-1)/g, concave in x, falling as a > 1 > m > 0;
      h >= 0 at both ends of the range of w: some multiplier is >= g; h < 0 at the largest w: all are < g.
Kind `fixed-ratio-region`: area of the Turing region in the (F, k) plane, |d(F,k)/d(u,z)| = s^2 z^2 u^4 (1-u)(1-2u).
"""

import hashlib
import json
import re
import sys
from fractions import Fraction
from math import ceil, isqrt
from pathlib import Path

SCALE = 1 << 96
NUMBER = r"-?[0-9]{1,2000}(/[1-9][0-9]{0,2000}|\.[0-9]{1,2000})?"
SLACK = 1 + Fraction(1, 1 << 40)


class Refused(Exception):
    """The certificate does not hold; the message says where."""


class Unreadable(Exception):
    """The file is no certificate that this checker knows."""


def need(holds, why):
    if not holds:
        raise Refused(why)


class Interval:
    """All reals between lo/2^96 and hi/2^96; every operation rounds outward."""

    __slots__ = ("hi", "lo")

    def __init__(self, lo, hi):
        self.lo, self.hi = lo, hi

    def __add__(self, other):
        other = enclose(other)
        return Interval(self.lo + other.lo, self.hi + other.hi)

    def __sub__(self, other):
        other = enclose(other)
        return Interval(self.lo - other.hi, self.hi - other.lo)

    def __rsub__(self, other):
        return enclose(other) - self

    def __mul__(self, other):
        other = enclose(other)
        ends = (self.lo * other.lo, self.lo * other.hi, self.hi * other.lo, self.hi * other.hi)
        return Interval(min(ends) // SCALE, -(-max(ends) // SCALE))

    __radd__, __rmul__ = __add__, __mul__

    def __truediv__(self, other):
        other = enclose(other)
        need(other.lo > 0, "a divisor is not positive: split the box further")
        ends = [(x * SCALE, y) for x in (self.lo, self.hi) for y in (other.lo, other.hi)]
        return Interval(min(x // y for x, y in ends), max(-(-x // y) for x, y in ends))

    def __rtruediv__(self, other):
        return enclose(other) / self

    def __pow__(self, n):
        return enclose(1) if n == 0 else self * self ** (n - 1)

    def sqrt(self):
        need(self.lo >= 0, "a radicand is negative: split the box further")
        return Interval(isqrt(self.lo * SCALE), isqrt(self.hi * SCALE) + 1)

    @property
    def lower(self):
        return Fraction(self.lo, SCALE)

    @property
    def upper(self):
        return Fraction(self.hi, SCALE)


def enclose(lo, hi=None):
    """The smallest interval around a number, or around [lo, hi]."""
    if isinstance(lo, Interval):
        return lo
    lo, hi = Fraction(lo), Fraction(lo if hi is None else hi)
    return Interval(lo.numerator * SCALE // lo.denominator, -(-hi.numerator * SCALE // hi.denominator))


def arctan_inverse(n):
    """Enclosure of arctan(1/n) from its alternating series."""
    terms = [Fraction((-1) ** i, (2 * i + 1) * n ** (2 * i + 1)) for i in range(60)]
    return enclose(sum(terms[:-1]), sum(terms)) if terms[-1] > 0 else enclose(sum(terms), sum(terms[:-1]))


PI = 16 * arctan_inverse(5) - 4 * arctan_inverse(239)


def mode_eigenvalue(angle):
    """2 - 2 cos(angle), increasing on [0, pi]: Taylor at both ends, Lagrange remainder with angle < 4."""

    def at(end, sign):
        x, term, total = enclose(end), enclose(1), enclose(0)
        for i in range(1, 30):
            term = term * x * x / ((2 * i - 1) * 2 * i)
            total = total + (term if i % 2 else 0 - term)
        return 2 * total + sign * Fraction(4**60, FACTORIAL_60)

    need(angle.upper < 4, "an angle is out of range")
    return enclose(at(angle.lower, -1).lower, at(angle.upper, 1).upper)


FACTORIAL_60 = 1
for _i in range(2, 61):
    FACTORIAL_60 *= _i


def logarithm(x):
    """Enclosure of ln x for a rational x > 0: halve to [2/3, 4/3], then ln = 2 artanh((x-1)/(x+1))."""

    def artanh(y):
        total = sum(y ** (2 * i + 1) / (2 * i + 1) for i in range(40))
        tail = abs(y) ** 81 / (81 * (1 - y * y))
        return enclose(total - tail, total + tail)

    x, halvings = Fraction(x), 0
    while x > Fraction(4, 3):
        x, halvings = x / 2, halvings + 1
    need(x >= Fraction(2, 3), "logarithm of a number below 2/3")
    return 2 * artanh((x - 1) / (x + 1)) + 2 * halvings * artanh(Fraction(1, 3))


def leaves(box, splits):
    """The boxes of a bisection: `.` keeps a box, a digit halves it along that axis. They cover it by construction."""
    need(isinstance(splits, str), "a proof tree is missing")
    stack = [box]
    for mark in splits:
        need(stack, "a proof tree is too long")
        part = stack.pop()
        if mark == ".":
            yield part
            continue
        need(mark.isdigit() and int(mark) < len(part), "a proof tree has an unknown mark")
        axis = int(mark)
        lo, hi = part[axis]
        for half in (((lo + hi) / 2, hi), (lo, (lo + hi) / 2)):
            stack.append((*part[:axis], half, *part[axis + 1 :]))
    need(not stack, "a proof tree ends before the box is covered")


def threshold(u):
    """A(u), decreasing."""
    root = (1 - 2 * u).sqrt() + (2 - 2 * u).sqrt()
    return root * root


def rounding(u_max, k):
    """(v, X, Y) of L5 for u <= u_max: |u' - u| <= q(k^2-1)/(1-u-u'), |d ln A/du| = 2/sqrt((1-2u)(2-2u))."""
    root = (1 - 4 * enclose(u_max * (1 - u_max) * k * k)).sqrt()
    need(root.lo > 0, "rounding moves u_star past 1/2: lower its upper bound")
    v = ((k * k - 1) / root).upper
    X = k / (1 - v)
    drift = v * (2 / (root * (1 + root)).sqrt()).upper
    need(v < 1 and drift < 1, "rounding moves u_star too far: lower its upper bound")
    return v, X, k * X / (1 - drift)


def rounded(u_range, r_range, k):
    """Enclosures of u' and r' of L5 on a leaf, and X."""
    v, X, Y = rounding(u_range[1], k)
    return enclose(u_range[0] * (1 - v), u_range[1] * (1 + v)), enclose(r_range[0] / Y, r_range[1] * Y), X


def mode(u, z, r):
    """(S, gE, M, l, m, a) of L5 and L7, in the forms that repeat a variable least: q = 1/(z sqrt r) and
    l = (1 - 1/sqrt r)(1 - (1-q)/(sqrt r A - q)), M = sqrt r (A+1) - 2 - 2 l/z, gE = E + 2 l/z."""
    A, root = threshold(u), r.sqrt()
    q = 1 / (z * root)
    growth = (1 - 1 / root) * (1 - (1 - q) / (root * A - q))
    half = root * (A + 1) / 2
    M = 2 * half - 2 - 2 * growth / z
    need(M.lower > Fraction(1, 1 << 16), "the fastest mode is not certified: split the box further")
    S = ((r - 1) * (r * A * A - 1)).sqrt()
    m = (1 + 1 / A) / (2 * root) - (1 + growth / z) / (r * A)
    return S, (root - 1) * (root * A - 1) + 2 * growth / z, M, growth, m, z * half - growth


def check_gain_interval(u_range, r_min, R0, splits):
    """L3: H(y(q/R0)) <= r H(u) for all u, leaf by leaf from the monotonicity of H."""
    for ((lo, hi),) in leaves((u_range,), splits):
        y = enclose(((1 - (1 - 4 * enclose(lo * (1 - lo) / R0)).sqrt()) / 2).lower)
        far, here = threshold(y) / y, r_min * threshold(enclose(hi)) / hi
        need(far.upper <= here.lower, f"turing is open at {near((lo, hi))}")


def check_band(box, proof, k):
    """L5: the band contains (alpha, beta) times the fastest mode, for all u, r; z only moves the fastest mode."""
    alpha, beta = rational(proof["alpha"]), rational(proof["beta"])
    need(0 < alpha < 1 < beta, "band.alpha, band.beta must enclose 1")
    for u_range, r_range in leaves((box["u_star"], box["excess"]), proof["splits"]):
        u, r, X = rounded(u_range, r_range, k)
        S, gE, M, *_ = mode(u, enclose(box["z"][0] / X), r)
        low = k * (1 - (S - gE) / M)
        S, gE, M, *_ = mode(u, enclose(box["z"][1] * X), r)
        high = (1 + (S + gE) / M) / k
        need(low.upper <= alpha and high.lower >= beta, f"the band is open at {near(u_range, r_range)}")
    return alpha, beta


def check_modes(wavelength, clips, alpha, beta):
    """L6: every wavelength of the range is served by some mode of every clip number."""
    bottom, top = (mode_eigenvalue(2 * PI / length) for length in (wavelength[1], wavelength[0]))
    first = next(j for j in range(1, 1 << 20) if (j + 1) ** 2 * alpha < j * j * beta)

    def window(j, T):
        mu = mode_eigenvalue(PI * Fraction(j, T))
        return (mu / beta).upper, (mu / alpha).lower

    for T in range(clips[0], clips[1] + 1):
        if first < T and window(first, T)[0] < bottom.lower and window(T - 1, T)[1] > top.upper:
            return
        reached = bottom.lower
        for j in range(1, T):
            lo, hi = window(j, T)
            reached = hi if lo < reached < hi else reached
        need(reached > top.upper, f"mode_on_axis is open for {T} clips")


def check_gain(box, steps, gain, proof, k):
    """L7: the multiplier of the fastest mode to the power `steps` is in `gain`."""
    low, high = (rational(x) for x in proof["multiplier"])
    implied = low >= 1 and high > 1 and low**steps >= gain[0] and high**steps <= gain[1]
    need(implied, "gain.multiplier does not imply gain")
    w_min, w_max = box["rate"][0] / k, box["rate"][1] * k
    for u_range, z_range, r_range in leaves((box["u_star"], box["z"], box["excess"]), proof["splits"]):
        u, r, X = rounded(u_range, r_range, k)
        *_, growth, m, a = mode(u, enclose(z_range[0] / X, z_range[1] * X), r)

        def room(g, w, growth=growth, m=m, a=a):
            x = (g - 1) / w
            rest = growth * growth - x * (x / g + 2 - 2 / g)
            return a * (growth - x - (g - 1) * (1 + m)) - (1 - m) * (growth - x) + rest

        below = room(high, w_max).upper < 0 and m.lower > 0 and a.lower >= 1
        above = all(room(low, w).lower >= 0 for w in (w_min, w_max))
        need(below and above, f"the gain is open at {near(u_range, z_range, r_range)}")


def near(*ranges):
    return ", ".join(f"{float(lo):.6g}" for lo, _ in ranges)


def check_design_box(content):
    """All conditions of a `design-box` certificate."""
    fields(content, "format version kind claim conditions box region emission proof subject sha256")
    region, emission, proof = content["region"], content["emission"], content["proof"]
    fields(region, "lower upper clips steps gain modulation soft_onset")
    fields(emission, "parameter_error gain_error modulation_fraction step_size")
    box = {name: pair(content["box"][name]) for name in ("u_star", "z", "excess", "wavelength", "rate")}
    fields(content["box"], " ".join(box))
    for (name, (lo, hi)), region_lo, region_hi in zip(box.items(), region["lower"], region["upper"], strict=True):
        need(rational(region_lo) <= lo <= hi <= rational(region_hi), f"the box leaves the region in {name}")
        need(Fraction(1, 1 << 12) <= lo and hi <= 1 << 12, f"{name} is out of the range in which rounding was analysed")
    u_hi, (z_lo, z_hi), r_lo = box["u_star"][1], box["z"], box["excess"][0]
    e, e_m, f = (rational(emission[n]) for n in ("parameter_error", "gain_error", "modulation_fraction"))
    need(Fraction(1, 1 << 23) <= e < 1 and Fraction(1, 1 << 18) <= e_m < 1, "emission errors below those of float32")
    need(0 < f <= Fraction(999, 1000) and rational(emission["step_size"]) == 1, "emission is not the layer's")
    need(u_hi < Fraction(1, 2) and z_lo > 1 and r_lo > 1 and box["wavelength"][0] > 2, "no pattern in this box")
    need(1 - z_hi * u_hi > Fraction(1, 1 << 16), "fed: z u_star reaches 1")
    k = (1 + e) / (1 - e)
    K, n = k * k / (1 - e_m), ceil(1 / (1 - f))
    c = z_lo * u_hi
    low_end = u_hi * (1 - u_hi) / (c * (1 - c)) if c <= Fraction(1, 2) else 4 * u_hi * (1 - u_hi)
    need(low_end * (K * k) ** n < 1, "v_rich and damped: no room for rounding at the low end of the gain")
    R0 = (K * k * k * SLACK) ** n
    if region["modulation"] is not None:
        m_lo, m_hi = pair(region["modulation"])
        need(low_end * K * k < m_lo <= 1 <= m_hi, "modulation: its lower end is too low")
        R0 = max(R0, m_hi * K * k * k * SLACK)
    check_gain_interval(box["u_star"], r_lo, R0, proof["gain_interval"]["splits"])
    named = ["v_rich", "damped", "fed", "turing"]
    if "band" in proof:
        clips = region["clips"]
        need(len(clips) == 2 and all(type(T) is int for T in clips), "clips must be two integers")
        need(2 <= clips[0] <= clips[1], "clips must be 2 <= min <= max")
        check_modes(box["wavelength"], clips, *check_band(box, proof["band"], k))
        named.append("mode_on_axis")
    named.append("wavelength")
    if "gain" in proof:
        need(type(region["steps"]) is int and 1 <= region["steps"] <= 10_000, "steps must be in 1..10000")
        check_gain(box, region["steps"], pair(region["gain"]), proof["gain"], k)
        named.append("gain")
    if region["modulation"] is not None:
        named.append("modulation")
    if region["soft_onset"]:
        x = (1 / threshold(enclose(u_hi * (1 + rounding(u_hi, k)[0])))).upper
        need(x < Fraction(1, 3) and 23 * x**4 - 124 * x**3 - 6 * x**2 - 72 * x + 27 > 0, "soft_onset fails")
        named.append("soft_onset")
    need(content["conditions"] == named, f"the proof covers {named}, the claim says {content['conditions']}")
    return f"all designs of the box satisfy {', '.join(named)}"


def chart_area(z_lo, z_hi, u_lo, u_hi):
    """Area in the (F, k) plane, at s = 1, of a box of the chart."""
    return (z_hi**3 - z_lo**3) / 3 * (primitive(u_hi) - primitive(u_lo))


def primitive(u):
    """P(u), the integral of u^4 (1-u)(1-2u)."""
    return u**5 / 5 - u**6 / 2 + 2 * u**7 / 7


def check_strips(d, s, F_max, strips):
    """Inner and outer area: the lower end u_low(z) of the region rises with z, its upper end falls."""

    def u_low(z):
        return max(Fraction(0), Fraction(1, 2) - (d - z) ** 2 / (8 * d * z))

    def feed(u, z):
        return s * z * z * u**3 * (1 - u)

    inner = outer = Fraction(0)
    position = Fraction(1)
    for strip in strips:
        fields(strip, "z inner outer")
        (z_lo, z_hi), (a, b), (p, q) = pair(strip["z"]), pair(strip["inner"]), pair(strip["outer"])
        need(z_lo == position and z_lo < z_hi <= d, "the strips of the paving have a gap")
        position, half = z_hi, Fraction(1, 2)
        below = b <= half and b * z_hi <= 1 and (F_max is None or feed(b, z_hi) <= F_max)
        need(a == b or (u_low(z_hi) <= a and below), f"an inner strip leaves the region at z {float(z_lo):.6g}")
        capped = q == half or q * z_lo >= 1 or (F_max is not None and q < half and feed(q, z_lo) >= F_max)
        # the chart, and with it the area of a strip, ends at u = 1/2
        capped = capped and p >= 0 and q <= half
        need(p <= u_low(z_lo) and capped, f"an outer strip does not cover the region at z {float(z_lo):.6g}")
        inner, outer = inner + chart_area(z_lo, z_hi, a, b), outer + chart_area(z_lo, z_hi, p, q)
    need(position == d or (position > 1 and u_low(position) * position >= 1), "the paving ends before the region does")
    return s * s * inner, s * s * outer


def multiply(p, q):
    """Product of Laurent polynomials {exponent: coefficient}."""
    product = {}
    for i, a in p.items():
        for j, b in q.items():
            product[i + j] = product.get(i + j, 0) + a * b
    return product


def below_low_end(d):
    """z^2 P(u_low(z)) for d <= 2, where u_low(z) = (6 d z - d^2 - z^2)/(8 d z) is a Laurent polynomial."""
    low = {0: Fraction(3, 4), -1: -d / 8, 1: -1 / (8 * d)}
    power, total = {2: Fraction(1)}, {}
    for n in range(1, 8):
        power = multiply(power, low)
        for i, a in power.items():
            total[i] = total.get(i, 0) + {5: Fraction(1, 5), 6: Fraction(-1, 2), 7: Fraction(2, 7)}.get(n, 0) * a
    return total


def closed_form(d, s):
    """(R, L): the area is R + L ln d, exactly, for 1 < d <= 2 and no bound on F."""
    low = below_low_end(d)
    R = primitive(Fraction(1, 2)) * (d**3 - 1) / 3
    R -= sum(a * (d ** (i + 1) - 1) / (i + 1) for i, a in low.items() if i != -1)
    return s * s * R, -s * s * low[-1]


def bisect(function, lo, hi):
    """Enclosure of the zero of an increasing function with function(lo) < 0 <= function(hi)."""
    for _ in range(92):
        middle = (lo + hi) / 2
        lo, hi = (middle, hi) if function(middle) < 0 else (lo, middle)
    return enclose(lo, hi)


def area_below(d, s, F_max):
    """Enclosure of the area with F <= F_max, 1 < d <= 2: u_low(z) < u < 1/2 up to z_a, u < u_F(z) from z_a to z_b.

    On the curve F = F_max, z^2 = phi/(u^3(1-u)) with phi = F_max/s, and by parts
    int z^2 P(u_F) dz = [z^3 P/3 - (2/3) phi^(3/2) sqrt(u(1-u))] between its ends.
    """
    phi, one, half, end = F_max / s, Fraction(1), Fraction(1, 2), Fraction(d)

    def u_low(z):
        return Fraction(3, 4) - d / (8 * z) - z / (8 * d)

    def excess(u, z):
        return z * z * u**3 * (1 - u) - phi

    def curve(u, z):
        return z**3 * primitive(u) / 3 - Fraction(2, 3) * enclose(phi) * (enclose(phi) * u * (1 - u)).sqrt()

    if excess(u_low(one), one) >= 0:
        return enclose(0)
    z_a = z_b = enclose(end)
    area = enclose(0)
    if excess(half, end) > 0:
        z_a, u_a = enclose(one), enclose(half)
        if excess(half, one) > 0:
            u_a = bisect(lambda u: excess(u, one), u_low(one), half)
        else:
            z_a = bisect(lambda z: excess(half, z), one, end)
        z_b = bisect(lambda z: excess(u_low(z), z), one, end)
        area = curve(u_low(z_b), z_b) - curve(u_a, z_a)
    area = area + (z_a**3 - 1) * primitive(half) / 3
    for i, a in below_low_end(d).items():
        if i == -1:
            area = area - a * Interval(logarithm(z_b.lower).lo, logarithm(z_b.upper).hi)
        else:
            area = area - a / (i + 1) * ((z_b ** (i + 1) if i >= 0 else 1 / z_b ** (-i - 1)) - 1)
    return s * s * area


def check_fixed_ratio_region(content):
    """Area, named points and paving of a `fixed-ratio-region` certificate."""
    fields(content, "format version kind claim d s F_max area points strips subject sha256")
    fields(content["area"], "closed_form decimal enclosure inner outer")
    fields(content["points"], "turing_hopf bogdanov_takens")
    d, s, area = rational(content["d"]), rational(content["s"]), content["area"]
    F_max = None if content["F_max"] is None else rational(content["F_max"])
    need(d > 1 and s > 0 and (F_max is None or F_max > 0), "d > 1, s > 0 and F_max > 0 are needed")
    u = Fraction(1, 2) - (d - 1) ** 2 / (8 * d)
    hopf = [str(s * u**3 * (1 - u)), str(s * u**2 * (1 - u) ** 2)] if u > 0 else None
    need(content["points"]["turing_hopf"] == hopf, f"turing_hopf is {hopf}")
    need(content["points"]["bogdanov_takens"] == [str(s / 16)] * 2, f"bogdanov_takens is {s / 16} twice")
    inner, outer = check_strips(d, s, F_max, content["strips"])
    need(rational(area["inner"]) <= inner and outer <= rational(area["outer"]), "the strips do not imply inner, outer")
    inner, outer = rational(area["inner"]), rational(area["outer"])
    if d > 2:
        exact = [area["closed_form"], area["enclosure"], area["decimal"]]
        need(exact == [None] * 3, "exact areas are checked for d <= 2 only")
        return f"the area is in [{float(inner):.6g}, {float(outer):.6g}]"
    R, L = closed_form(d, s)
    text = f"{R} + {L} ln({d})" if F_max is None else None
    need(area["closed_form"] == text, f"the closed form is {text}")
    value = enclose(R) + L * logarithm(d) if F_max is None else area_below(d, s, F_max)
    lo, hi = pair(area["enclosure"])
    need(inner <= lo <= value.lower and value.upper <= hi <= outer, "the enclosure of the area does not hold")
    decimal, digit = rational(area["decimal"]), Fraction(1, 10 ** len(area["decimal"].partition(".")[2]))
    need(lo <= decimal <= hi, "the decimal area is not in its enclosure")
    need(value.lower - digit <= decimal <= value.upper + digit, "the decimal area is wrong in its last digits")
    return f"the area is {area['decimal']}"


def rational(text):
    """An exact number, written p, p/q or as a decimal."""
    if not isinstance(text, str) or not re.fullmatch(NUMBER, text):
        raise Refused(f"{text!r} is no exact number")
    return Fraction(text)


def pair(ends):
    need(isinstance(ends, list) and len(ends) == 2, "an interval needs two ends")
    lo, hi = rational(ends[0]), rational(ends[1])
    need(lo <= hi, f"an interval is reversed: {ends}")
    return lo, hi


def fields(part, names):
    need(isinstance(part, dict) and set(part) == set(names.split()), f"the fields must be: {names}")


def digest(content):
    """SHA-256 of the content without its own field, in canonical JSON."""
    rest = {key: value for key, value in content.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


KINDS = {"design-box": check_design_box, "fixed-ratio-region": check_fixed_ratio_region}
CLAIMS = {
    "design-box": "every design of the box, rounded as the layer rounds, satisfies the conditions of the region",
    "fixed-ratio-region": "area, named points and paving of the Turing region in the (F, k) plane",
}


def check_content(content):
    """What a certificate establishes, in words. Raises Refused or Unreadable."""
    if not isinstance(content, dict) or content.get("format") != "rdmf-certificate":
        raise Unreadable("is no certificate: the field format must be rdmf-certificate")
    need(content.get("sha256") == digest(content), "the content was changed after it was written (sha256)")
    if content.get("version") != 1 or content.get("kind") not in KINDS:
        raise Unreadable("is of a version or kind that this checker does not know")
    need(content.get("claim") == CLAIMS[content["kind"]], "the claim in words is not the one that is checked")
    try:
        return KINDS[content["kind"]](content)
    except (KeyError, TypeError, ValueError, IndexError, ArithmeticError, StopIteration) as error:
        raise Refused(f"a field is missing or malformed ({type(error).__name__}: {error})") from error


def check(path):
    """`check_content` of a file."""

    def once(pairs):
        need(len({key for key, _ in pairs}) == len(pairs), "a field occurs twice")
        return dict(pairs)

    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"), object_pairs_hook=once)
    except (OSError, ValueError, RecursionError) as error:
        raise Unreadable(f"cannot be read ({error})") from error
    return check_content(content)


def main(arguments):
    if len(arguments) != 1:
        print("usage: certificate_checker.py FILE", file=sys.stderr)
        return 2
    try:
        print(f"{arguments[0]}: holds: {check(arguments[0])}")
    except Unreadable as error:
        print(f"{arguments[0]}: {error}", file=sys.stderr)
        return 3
    except Refused as error:
        print(f"{arguments[0]}: refused: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
