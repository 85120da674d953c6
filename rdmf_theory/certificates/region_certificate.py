"""The Turing region at a fixed ratio of diffusivities, paved with strips and written as a certificate.

In the chart the region is `u_low(z) < u* < min(1/2, 1/z)`, 1 < z < d, with u_low rising and the cap falling in z; so a
strip z in [a, b] contains u in [u_low(b), cap(b)] and is contained in u in [u_low(a), cap(a)]. All numbers are
rational, and so are the areas of the strips in the (F, k) plane, which bracket the exact area.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import sympy as sp

from rdmf_theory.arithmetic.rational import Rational
from rdmf_theory.certificates.certificate import FORMAT, VERSION, Certificate, made_with
from rdmf_theory.certificates.region_checker import CLAIM, MOST_STRIPS
from rdmf_theory.errors import ParameterError
from rdmf_theory.regions.area import Area, bogdanov_takens, fixed_ratio_area, turing_hopf, turing_substrate
from rdmf_theory.verdict import Verdict

_HALF = Fraction(1, 2)
# Ends of strips are multiples of 2^-40, and finer where d is near 1: the region is (d - 1)^2 high there.
_GRID_BITS = 40
# Areas have so many digits after the decimal point, and where they are small so many after the first that is not 0.
_PLACES, _DIGITS = 24, 12


def certify_region(
    d: Rational, s: Rational = 1, F_max: Rational | None = None, *, strips: int = 256, subject: str | None = None
) -> tuple[Certificate, Area]:
    """Certificate of area, named points and paving of the region at diffusion ratio d, and its exact area.

    Arguments:
        d: D_u/D_v > 1; s: reaction gain > 0; F_max: optional cut; exact rationals, strings are exact decimals.
        strips: number of strips, 1 to 4096; the bracket of the area narrows as 1/strips.
        subject: what the claim is about, stored in the certificate.
    Returns: the certificate (for d > 2 it holds the bracket only, not the closed form) and the exact `Area`.
    Raises: ParameterError for numbers out of range, or d <= 1, where the region is empty.
    """
    area = fixed_ratio_area(d, s, F_max)
    if area.d <= 1:
        raise ParameterError(f"d must exceed 1 for a Turing region. Got {d}; the substrate must diffuse faster.")
    if not 1 <= strips <= MOST_STRIPS:
        raise ParameterError(f"strips must be at least 1 and at most {MOST_STRIPS}. Got {strips}; 256 is usual.")
    paving = pave(area.d, area.s, area.F_max, strips)
    inner, outer = (area.s**2 * sum(_strip_area(strip, name) for strip in paving) for name in ("inner", "outer"))
    exact = area.d <= 2
    places = _places(area.upper)
    middle = (area.lower + area.upper) / 2
    corner, merged = turing_hopf(area.d, area.s), bogdanov_takens(area.s)
    content = {
        "format": FORMAT,
        "version": VERSION,
        "kind": "fixed-ratio-region",
        "claim": CLAIM,
        "d": str(area.d),
        "s": str(area.s),
        "F_max": None if area.F_max is None else str(area.F_max),
        "area": {
            "closed_form": _closed_form(area) if exact and area.F_max is None else None,
            "decimal": _decimal(middle, 0, places) if exact else None,
            "enclosure": [_decimal(area.lower, -1, places), _decimal(area.upper, 1, places)] if exact else None,
            "inner": _decimal(inner, -1, places),
            "outer": _decimal(outer, 1, places),
        },
        "points": {
            "turing_hopf": None if corner is None else [str(x) for x in corner],
            "bogdanov_takens": [str(x) for x in merged],
        },
        "strips": [{name: [str(x) for x in ends] for name, ends in strip.items()} for strip in paving],
        "made_with": made_with(),
        "subject": subject,
    }
    return Certificate(Verdict.CERTIFIED, content, detail=f"area {area.mid:.12e}"), area


def pave(d: Fraction, s: Fraction, F_max: Fraction | None, strips: int) -> list[dict[str, tuple[Fraction, Fraction]]]:
    """Strips {z, inner, outer} of the region, inner ones inside it, outer ones around it; rational ends."""
    grid = Grid.of(d)
    last = _last_z(d, grid)
    ends = [Fraction(1), *(grid.nearest(1 + (last - 1) * i / strips) for i in range(1, strips)), last]
    paving = []
    for low, high in pairwise(ends):
        inner = (grid.up(_low(d, high)), _cap(high, s, F_max, grid, down=True))
        outer_cap = _cap(low, s, F_max, grid, down=False)
        outer = (min(grid.down(_low(d, low)), outer_cap), outer_cap)
        paving.append({"z": (low, high), "inner": inner if inner[0] < inner[1] else (_HALF, _HALF), "outer": outer})
    return paving


def _low(d: Fraction, z: Fraction) -> Fraction:
    return max(Fraction(0), turing_substrate(d, z))


@dataclass(frozen=True)
class Grid:
    """Multiples of 2^-bits, to which numbers are rounded in a stated direction."""

    bits: int

    @classmethod
    def of(cls, d: Fraction) -> Grid:
        """Fine enough for the region at ratio d > 1, which is d - 1 wide in z and about (d - 1)^2 high in u."""
        return cls(_GRID_BITS + 2 * max(0, math.ceil(1 / (d - 1)).bit_length() - 1))

    def down(self, number: Fraction) -> Fraction:
        """The largest multiple that is at most the number."""
        return Fraction(math.floor(number * (1 << self.bits)), 1 << self.bits)

    def up(self, number: Fraction) -> Fraction:
        """The smallest multiple that is at least the number."""
        return Fraction(math.ceil(number * (1 << self.bits)), 1 << self.bits)

    def nearest(self, number: Fraction) -> Fraction:
        """The nearest multiple."""
        return Fraction(round(number * (1 << self.bits)), 1 << self.bits)


def _last_z(d: Fraction, grid: Grid) -> Fraction:
    """A rational at or just above the last z of the region: d, or where `z u_low(z) = 1` for d > 2."""
    if d <= 2:
        return d
    low, high = Fraction(2), d
    while high - low > Fraction(1, 1 << grid.bits):
        middle = grid.nearest((low + high) / 2)
        if turing_substrate(d, middle) * middle >= 1:
            high = middle
        else:
            low = middle
    return high


def _cap(z: Fraction, s: Fraction, F_max: Fraction | None, grid: Grid, *, down: bool) -> Fraction:
    """min(1/2, 1/z, root of F(u, z) = F_max), rounded down or up to the grid."""
    cap = min(_HALF, grid.down(1 / z) if down else grid.up(1 / z))
    if F_max is None or s * z * z * cap**3 * (1 - cap) <= F_max:
        return cap
    low, high = 0, math.ceil(cap * (1 << grid.bits))
    while high - low > 1:
        middle = (low + high) // 2
        u = Fraction(middle, 1 << grid.bits)
        if s * z * z * u**3 * (1 - u) <= F_max:
            low = middle
        else:
            high = middle
    return Fraction(low if down else high, 1 << grid.bits)


def _strip_area(strip: dict[str, tuple[Fraction, Fraction]], name: str) -> Fraction:
    """Area of a strip for s = 1: the density of the chart is z^2 u^4 (1 - u)(1 - 2u)."""
    (z_low, z_high), (u_low, u_high) = strip["z"], strip[name]

    def density(u: Fraction) -> Fraction:
        return u**5 / 5 - u**6 / 2 + 2 * u**7 / 7

    return (z_high**3 - z_low**3) / 3 * (density(u_high) - density(u_low))


def _places(number: Fraction) -> int:
    """Digits after the decimal point for areas as small as this one."""
    zeros = len(str(math.floor(1 / number))) if number else 0
    return max(_PLACES, zeros + _DIGITS)


def _decimal(number: Fraction, direction: int, places: int) -> str:
    """The number with that many digits after the point, rounded down (-1), to nearest (0) or up (1)."""
    scaled = {-1: math.floor, 0: round, 1: math.ceil}[direction](number * 10**places)
    whole, rest = divmod(scaled, 10**places)
    return f"{whole}.{rest:0{places}d}"


def _closed_form(area: Area) -> str:
    """The closed form of an uncut region with d <= 2, `R + L ln(d)` with rational R, L, as the checker writes it."""
    ratio = sp.Rational(area.d.numerator, area.d.denominator)
    logs: Any = sp.expand_log(sp.log(ratio), force=True)
    exact: Any = sp.expand_log(area.exact, force=True)
    atom = min(logs.atoms(sp.log), key=str)
    coefficient = sp.nsimplify(exact.coeff(atom) / logs.coeff(atom))
    rest = sp.nsimplify(sp.expand(exact - coefficient * logs))
    return f"{rest} + {coefficient} ln({area.d})"
