"""Does a `fixed-ratio-region` certificate hold? `python region_checker.py FILE`: exit 0 yes, 1 no, 3 unreadable.

Standard library only, nothing of the program that made the certificate. Numbers are exact rationals or intervals with
integer ends over 2^bits, never floats. Claimed: the area of the Turing region at a fixed ratio d of diffusivities in
the (F, k) plane, its named points, and a paving with strips. In the chart the region is u_low(z) < u < min(1/2, 1/z),
1 < z < d, cut at F = F_max, with |d(F,k)/d(u,z)| = s^2 z^2 u^4 (1-u)(1-2u).

The area is enclosed at s = 1, with as many bits as it takes for 24 digits of it, however small it is. Its decimal is
accepted only if the whole enclosure is within one unit of its last place and it has 6 digits or more; what is printed
is rounded away from the claim. Of the remarks `made_with` and `subject` the form is checked, nothing is claimed.
"""

import hashlib
import json
import re
import sys
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from math import isqrt
from pathlib import Path

NUMBER = r"-?[0-9]{1,1000}(/[1-9][0-9]{0,1000}|\.[0-9]{1,1000})?"
LARGEST_FILE, MOST_STRIPS = 1 << 24, 4096
VERSION = r"(not installed|[0-9][0-9A-Za-z.+!-]{0,60})"
PRECISIONS = (96, 192, 384, 768, 1536, 3072)
# areas of strips are rounded to this grid, so that their sum stays short
GRID = 1 << 3072
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
        other = enclose(other, bits=self.bits)
        ends = [fraction(x, y, 1 << self.bits) for x in (self.lo, self.hi) for y in (other.lo, other.hi)]
        need(all(d > 0 for _, d in ends), "a divisor is not positive")
        return Interval(min(n // d for n, d in ends), max(-(-n // d) for n, d in ends), self.bits)

    return operation


class Interval:
    """All reals between lo/2^bits and hi/2^bits."""

    def __init__(self, lo, hi, bits):
        self.lo, self.hi, self.bits = lo, hi, bits

    __add__ = __radd__ = corners(lambda x, y, _: (x + y, 1))
    __sub__ = corners(lambda x, y, _: (x - y, 1))
    __rsub__ = corners(lambda x, y, _: (y - x, 1))
    __mul__ = __rmul__ = corners(lambda x, y, one: (x * y, one))
    __truediv__ = corners(lambda x, y, one: (x * one, y))
    __rtruediv__ = corners(lambda x, y, one: (y * one, x))
    lower = property(lambda self: Fraction(self.lo, 1 << self.bits))
    upper = property(lambda self: Fraction(self.hi, 1 << self.bits))

    def __pow__(self, n):
        return enclose(1, bits=self.bits) if n == 0 else self * self ** (n - 1)

    def sqrt(self):
        need(self.lo >= 0, "a radicand is negative")
        return Interval(isqrt(self.lo << self.bits), isqrt(self.hi << self.bits) + 1, self.bits)


def enclose(lo, hi=None, bits=PRECISIONS[0]):
    """The smallest interval around a number, or around [lo, hi]."""
    if isinstance(lo, Interval):
        return lo
    lo, hi = Fraction(lo), Fraction(lo if hi is None else hi)
    return Interval((lo.numerator << bits) // lo.denominator, -((-hi.numerator << bits) // hi.denominator), bits)


def logarithm(x, bits=PRECISIONS[0]):
    """Enclosure of ln x for a rational x >= 2/3: halve to [2/3, 4/3], then ln = 2 artanh((x-1)/(x+1)).

    artanh y = y + y^3/3 + ..., odd, |y| <= 1/3; beyond y^(2n-1) the rest is below |y|^(2n+1)/((2n+1)(1 - y^2)).
    """

    def artanh(y):
        square, power, total, n = enclose(y * y, bits=bits), enclose(y, bits=bits), enclose(0, bits=bits), 0
        # y^2 <= 1/9 < 2^-3: so many terms bring the power below 2^-bits
        while n <= bits // 3 + 1:
            total, power, n = total + power / (2 * n + 1), power * square, n + 1
        rest = max(abs(power.lower), abs(power.upper)) / ((2 * n + 1) * (1 - y * y))
        return total + enclose(-rest, rest, bits)

    x, halvings = Fraction(x), 0
    while x > Fraction(4, 3):
        x, halvings = x / 2, halvings + 1
    need(x >= Fraction(2, 3), "logarithm of a number below 2/3")
    return 2 * artanh((x - 1) / (x + 1)) + (2 * halvings * artanh(Fraction(1, 3)) if halvings else 0)


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

    need(isinstance(strips, list) and len(strips) <= MOST_STRIPS, f"strips must be a list of at most {MOST_STRIPS}")
    inner = outer = 0
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
        inner += chart_area(z_lo, z_hi, a, b) * GRID // 1
        outer += -(-chart_area(z_lo, z_hi, p, q) * GRID // 1)
    need(position == d or (position > 1 and u_low(position) * position >= 1), "the paving ends before the region does")
    return s * s * inner / GRID, s * s * outer / GRID


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


def bisect(function, lo, hi, bits):
    """Enclosure of the zero of an increasing function with function(lo) < 0 <= function(hi), hi - lo <= 1."""
    step = Fraction(1, 1 << bits)
    lo, hi = lo // step * step, -(-hi // step) * step
    while hi - lo > step:
        middle = (lo + hi) / 2 // step * step
        lo, hi = (middle, hi) if function(middle) < 0 else (lo, middle)
    return enclose(lo, hi, bits)


def area_below(d, phi, bits=PRECISIONS[0]):
    """Enclosure of the area with F <= phi at s = 1, 1 < d <= 2: u_low(z) < u < 1/2 up to z_a, u < u_F(z) to z_b.

    On the curve F = phi, z^2 = phi/(u^3(1-u)), and by parts
    int z^2 P(u_F) dz = [z^3 P/3 - (2/3) phi^(3/2) sqrt(u(1-u))] between its ends.
    """
    one, half, end = Fraction(1), Fraction(1, 2), Fraction(d)

    def u_low(z):
        return Fraction(3, 4) - d / (8 * z) - z / (8 * d)

    def excess(u, z):
        return z * z * u**3 * (1 - u) - phi

    def curve(u, z):
        root = (enclose(phi, bits=bits) * u * (1 - u)).sqrt()
        return z**3 * primitive(u) / 3 - Fraction(2, 3) * enclose(phi, bits=bits) * root

    if excess(u_low(one), one) >= 0:
        return enclose(0, bits=bits)
    z_a = z_b = enclose(end, bits=bits)
    area = enclose(0, bits=bits)
    if excess(half, end) > 0:
        z_a, u_a = enclose(one, bits=bits), enclose(half, bits=bits)
        if excess(half, one) > 0:
            u_a = bisect(lambda u: excess(u, one), u_low(one), half, bits)
        else:
            z_a = bisect(lambda z: excess(half, z), one, end, bits)
        z_b = bisect(lambda z: excess(u_low(z), z), one, end, bits)
        area = curve(u_low(z_b), z_b) - curve(u_a, z_a)
    area = area + (z_a**3 - 1) * primitive(half) / 3
    for i, a in below_low_end(d).items():
        if i == -1:
            area = area - a * Interval(logarithm(z_b.lower, bits).lo, logarithm(z_b.upper, bits).hi, bits)
        else:
            area = area - a / (i + 1) * ((z_b ** (i + 1) if i >= 0 else 1 / z_b ** (-i - 1)) - 1)
    return area


def resolved(enclosure, width):
    """Ends of the first enclosure, with more and more bits, narrower than `width` and than 2^-80 of its lower end."""
    for bits in PRECISIONS:
        value = enclosure(bits)
        if value.upper - value.lower <= min(width, value.lower / (1 << 80)):
            return value.lower, value.upper
    raise Refused(f"the area is too small to be told from 0 with {bits} bits")


def check_region(content):
    """Area, named points and paving."""
    fields(content, "format version kind claim d s F_max area points strips made_with subject sha256")
    fields(content["area"], "closed_form decimal enclosure inner outer")
    fields(content["points"], "turing_hopf bogdanov_takens")
    remarks(content)
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
        return f"the area is in [{shown(inner, ROUND_FLOOR)}, {shown(outer, ROUND_CEILING)}]"
    R, L = closed_form(d, Fraction(1))
    text = f"{s * s * R} + {s * s * L} ln({d})" if F_max is None else None
    need(area["closed_form"] == text, f"the closed form is {text}")
    need(isinstance(area["decimal"], str) and "." in area["decimal"], "the decimal area is no decimal")
    decimal, places = rational(area["decimal"]), len(area["decimal"].partition(".")[2])
    digit = Fraction(1, 10**places)

    def enclosure(bits):
        return enclose(R, bits=bits) + L * logarithm(d, bits) if F_max is None else area_below(d, F_max / s, bits)

    least, most = (s * s * x for x in resolved(enclosure, digit / (s * s * (1 << 20))))
    lo, hi = pair(area["enclosure"])
    need(inner <= lo <= least and most <= hi <= outer, "the enclosure of the area does not hold")
    need(decimal - digit <= least and most <= decimal + digit, "the decimal area is wrong in its last digits")
    need(decimal >= 10**5 * digit or decimal == most == 0, "the decimal area has fewer than 6 digits")
    need(lo <= decimal <= hi, "the decimal area is not in its enclosure")
    if most == 0:
        return "the region is empty: no feed rate is as small as F_max"
    return f"the area is {area['decimal']}, off by at most 1e-{places}"


def shown(x, rounding):
    """Six digits of x >= 0, rounded in one direction."""
    x = Fraction(x)
    return str(Context(prec=6, rounding=rounding).divide(Decimal(x.numerator), Decimal(x.denominator)))


def remarks(content):
    """The form of what is not claimed: plain short texts, so that whoever prints them prints no more than text."""
    made, subject = content["made_with"], content["subject"]
    need(isinstance(made, dict) and set(made) == {"python", "rdmf", "python-flint"}, "made_with names other programs")
    need(all(isinstance(x, str) and re.fullmatch(VERSION, x) for x in made.values()), "made_with holds no versions")
    plain = isinstance(subject, str) and len(subject) <= 200 and subject.isprintable()
    need(subject is None or plain, "the subject is no printable text of at most 200 characters")


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
    try:
        if not isinstance(content, dict) or content.get("format") != "rdmf-certificate":
            raise Unreadable("is no certificate: the field format must be rdmf-certificate")
        rest = {key: value for key, value in content.items() if key != "sha256"}
        digest = hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
        need(content.get("sha256") == digest, "the content was changed after it was written (sha256)")
        version = content.get("version")
        if type(version) is not int or version != 1 or content.get("kind") != "fixed-ratio-region":
            raise Unreadable("is of a version or kind that this checker does not know")
        need(content.get("claim") == CLAIM, "the claim in words is not the one that is checked")
        return check_region(content)
    except (KeyError, TypeError, ValueError, IndexError, ArithmeticError, AttributeError, RecursionError) as error:
        raise Refused(f"a field is missing or malformed ({type(error).__name__}: {str(error)[:200]!r})") from error


def once(pairs):
    need(len(dict(pairs)) == len(pairs), "a field occurs twice")
    return dict(pairs)


def check(path):
    """`check_content` of a file, which is read once."""
    try:
        with Path(path).open("rb") as stream:
            text = stream.read(LARGEST_FILE + 1)
        if len(text) > LARGEST_FILE:
            raise Unreadable(f"is longer than any certificate of this kind ({LARGEST_FILE} bytes)")
        content = json.loads(text.decode("utf-8"), object_pairs_hook=once)
    except (OSError, ValueError, RecursionError) as error:
        raise Unreadable(f"cannot be read ({error})") from error
    return check_content(content)


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
