"""Does a `fixed-ratio-region` certificate hold? `python region_checker.py FILE`: exit 0 yes, 1 no, 3 unreadable.

Standard library only, nothing of the program that made the certificate. Numbers are exact rationals or intervals with
integer ends over 2^96, never floats. Claimed: the area of the Turing region at a fixed ratio d of diffusivities in the
(F, k) plane, its named points, and a paving with strips. In the chart the region is u_low(z) < u < min(1/2, 1/z),
1 < z < d, cut at F = F_max, with |d(F,k)/d(u,z)| = s^2 z^2 u^4 (1-u)(1-2u).
"""

import hashlib
import json
import re
import sys
from fractions import Fraction
from math import isqrt
from pathlib import Path

SCALE = 1 << 96
NUMBER = r"-?[0-9]{1,2000}(/[1-9][0-9]{0,2000}|\.[0-9]{1,2000})?"
CLAIM = "area, named points and paving of the Turing region in the (F, k) plane"


class Refused(Exception):
    """The certificate does not hold; the message says where."""


class Unreadable(Exception):
    """The file is no certificate that this checker knows."""


def need(holds, why):
    if not holds:
        raise Refused(why)


def corners(fraction):
    """An operation that is monotone in each argument, rounded outward; `fraction` is its result at two end points."""

    def operation(self, other):
        other = enclose(other)
        ends = [fraction(x, y) for x in (self.lo, self.hi) for y in (other.lo, other.hi)]
        need(all(d > 0 for _, d in ends), "a divisor is not positive: split the box further")
        return Interval(min(n // d for n, d in ends), max(-(-n // d) for n, d in ends))

    return operation


class Interval:
    """All reals between lo/2^96 and hi/2^96."""

    def __init__(self, lo, hi):
        self.lo, self.hi = lo, hi

    __add__ = __radd__ = corners(lambda x, y: (x + y, 1))
    __sub__ = corners(lambda x, y: (x - y, 1))
    __rsub__ = corners(lambda x, y: (y - x, 1))
    __mul__ = __rmul__ = corners(lambda x, y: (x * y, SCALE))
    __truediv__ = corners(lambda x, y: (x * SCALE, y))
    __rtruediv__ = corners(lambda x, y: (y * SCALE, x))
    lower = property(lambda self: Fraction(self.lo, SCALE))
    upper = property(lambda self: Fraction(self.hi, SCALE))

    def __pow__(self, n):
        return enclose(1) if n == 0 else self * self ** (n - 1)

    def sqrt(self):
        need(self.lo >= 0, "a radicand is negative: split the box further")
        return Interval(isqrt(self.lo * SCALE), isqrt(self.hi * SCALE) + 1)


def enclose(lo, hi=None):
    """The smallest interval around a number, or around [lo, hi]."""
    if isinstance(lo, Interval):
        return lo
    lo, hi = Fraction(lo), Fraction(lo if hi is None else hi)
    return Interval(lo.numerator * SCALE // lo.denominator, -(-hi.numerator * SCALE // hi.denominator))


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


def check_region(content):
    """Area, named points and paving."""
    fields(content, "format version kind claim d s F_max area points strips made_with subject sha256")
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
    need(isinstance(text, str) and re.fullmatch(NUMBER, text), f"{str(text)[:40]!r} is no exact number")
    return Fraction(text)


def pair(ends):
    lo, hi = map(rational, ends)
    need(lo <= hi, f"an interval is reversed: {lo}, {hi}")
    return lo, hi


def fields(part, names):
    need(isinstance(part, dict) and set(part) == set(names.split()), f"the fields must be: {names}")


def check_content(content):
    """What a certificate establishes, in words. Raises Refused or Unreadable."""
    if not isinstance(content, dict) or content.get("format") != "rdmf-certificate":
        raise Unreadable("is no certificate: the field format must be rdmf-certificate")
    rest = {key: value for key, value in content.items() if key != "sha256"}
    digest = hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    need(content.get("sha256") == digest, "the content was changed after it was written (sha256)")
    if content.get("version") != 1 or content.get("kind") != "fixed-ratio-region":
        raise Unreadable("is of a version or kind that this checker does not know")
    need(content.get("claim") == CLAIM, "the claim in words is not the one that is checked")
    try:
        return check_region(content)
    except (KeyError, TypeError, ValueError, IndexError, ArithmeticError, StopIteration) as error:
        raise Refused(f"a field is missing or malformed ({type(error).__name__}: {error})") from error


def once(pairs):
    need(len(dict(pairs)) == len(pairs), "a field occurs twice")
    return dict(pairs)


def check(path):
    """`check_content` of a file."""
    try:
        return check_content(json.loads(Path(path).read_text(encoding="utf-8"), object_pairs_hook=once))
    except (OSError, ValueError, RecursionError) as error:
        raise Unreadable(f"cannot be read ({error})") from error


def main(arguments):
    if len(arguments) != 1:
        print("usage: region_checker.py FILE", file=sys.stderr)
        return 2
    try:
        print(f"{arguments[0]}: holds: {check(arguments[0])}")
    except (Refused, Unreadable) as error:
        print(f"{arguments[0]}: {error}", file=sys.stderr)
        return 1 if isinstance(error, Refused) else 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
