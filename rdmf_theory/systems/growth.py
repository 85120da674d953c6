"""Where do modes grow, and which fastest? Signs of Hurwitz determinants in balls, eigenvalues at any scale.

Between two zeros of `det(mu D - J)` and of the last but one Hurwitz determinant nothing changes, so the signs at one
point decide an interval. Growth rates are compared in units of the largest entry of J, with eigenvalues in as many
digits as rates that differ by decades need; what a float says never overrules a sign.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import flint
import numpy as np

from rdmf_theory.arithmetic.enclosure import precision

DIGITS = 1024
"""Bits of all balls here."""

# a band this much narrower than its place is a double zero that rounding has split
_SPLIT = 2.0**-300
# points per decade of mu where the largest growth rate is looked for
_DENSITY = 40


@dataclass(frozen=True)
class Growth:
    """Growth of all modes of a state.

    Arguments:
        bands: intervals of mu in which modes grow, as balls; an end may be infinite.
        mu, rate: the mode of largest growth rate and its eigenvalue, None if no mode has it.
        limit: the growth rate that short waves approach, 1/time; None if all of them decay without bound.
    """

    bands: tuple[tuple[Any, Any], ...]
    mu: Any | None
    rate: Any | None
    limit: Any | None


def zeros_above_zero(coefficients: Sequence[flint.arb]) -> list[flint.arb]:
    """The positive zeros of a polynomial, lowest power first, near enough for cuts; increasing.

    The coefficients are taken at their centres; a coefficient that is exactly 0 is 0.
    """
    numbers = list(coefficients)
    while numbers and numbers[-1] == 0:
        numbers.pop()
    while numbers and numbers[0] == 0:
        numbers.pop(0)
    if len(numbers) < 2:
        return []
    scaled = _integers(numbers)
    with precision(DIGITS):
        # the stubs know one root only
        roots: Any = flint.fmpz_poly(scaled).complex_roots()
    return sorted((root.real for root, _ in roots if root.imag == 0 and root.real > 0), key=_centre)


def _integers(numbers: Sequence[flint.arb]) -> list[int]:
    """The centres as integers over one power of two."""
    parts = [tuple(int(x) for x in number.mid().man_exp()) for number in numbers]
    lowest = min(exponent for mantissa, exponent in parts if mantissa)
    return [mantissa << (exponent - lowest) if mantissa else 0 for mantissa, exponent in parts]


def _centre(number: flint.arb) -> Any:
    return number.mid()


def bands_of(minors: Sequence[Sequence[flint.arb]], constants: Sequence[Sequence[flint.arb]]) -> list[tuple[Any, Any]]:
    """Intervals of mu > 0 in which some mode grows.

    Arguments:
        minors: the Hurwitz determinants, polynomials in mu.
        constants: the coefficients of the characteristic polynomial, polynomials in mu, last the determinant.
    """
    cuts = zeros_above_zero(constants[-1])
    if len(minors) > 1:
        cuts = sorted([*cuts, *zeros_above_zero(minors[-2])], key=_centre)
    infinity = flint.arb("inf")
    bands: list[tuple[Any, Any]] = []
    for low, high in pairwise([flint.arb(0), *cuts, infinity]):
        if high != infinity and not (high - low) > high * _SPLIT:
            continue
        inside = (low + high) / 2 if high != infinity else 2 * low + 1
        if low == 0 and high != infinity:
            # zeros may lie decades apart: the middle says nothing less
            inside = high / 2
        if _grows(inside.mid(), [*minors, *constants]):
            if bands and bands[-1][1] is low:
                low = bands.pop()[0]
            bands.append((low, high))
    return bands


def _grows(mu: flint.arb, tests: Sequence[Sequence[flint.arb]]) -> bool:
    """Whether a Hurwitz determinant or a coefficient is negative at mu."""
    return any(value_at(test, mu) < 0 for test in tests)


def value_at(polynomial: Sequence[flint.arb], mu: flint.arb) -> flint.arb:
    """A polynomial, lowest power first, by Horner's rule."""
    total = flint.arb(0)
    for coefficient in reversed(polynomial):
        total = total * mu + coefficient
    return total


def growth_of(
    jacobian: Sequence[Sequence[flint.arb]],
    diffusion: Sequence[flint.arb],
    minors: Sequence[Sequence[flint.arb]],
    constants: Sequence[Sequence[flint.arb]],
) -> Growth:
    """Bands and the mode of largest growth rate.

    Arguments:
        jacobian: (n, n), 1/time; diffusion: (n,), length^2/time, >= 0.
        minors, constants: as in `bands_of`.
    """
    with precision(DIGITS):
        bands = tuple(bands_of(minors, constants))
        immobile = [i for i, rate in enumerate(diffusion) if rate == 0]
        limit = None
        if immobile:
            limit = rightmost([[jacobian[i][j] for j in immobile] for i in immobile]).real
        mu, rate = _fastest(jacobian, diffusion, bands)
        if limit is not None and not limit < rate.real:
            # short waves come as near to their limit as one likes, and no mode has it
            return Growth(bands, None, None, limit)
        return Growth(bands, mu, rate, limit)


def rightmost(matrix: Sequence[Sequence[flint.arb]]) -> flint.acb:
    """The eigenvalue of largest real part, of a pair the one with positive imaginary part; approximate centres."""
    if len(matrix) == 1:
        return flint.acb(matrix[0][0])
    entries = flint.acb_mat([[flint.acb(x.mid()) for x in row] for row in matrix])
    values = entries.eig(algorithm="approx")
    return max(values, key=lambda value: (value.real.mid(), value.imag.mid()))


def _fastest(
    jacobian: Sequence[Sequence[flint.arb]], diffusion: Sequence[flint.arb], bands: Sequence[tuple[Any, Any]]
) -> tuple[flint.arb, flint.acb]:
    def at(mu: Any) -> flint.acb:
        return rightmost(
            [[x - mu * diffusion[i] if i == j else x for j, x in enumerate(row)] for i, row in enumerate(jacobian)]
        )

    rest = at(flint.arb(0))
    sizes = [abs(x).mid() for row in jacobian for x in row if x != 0]
    rates = [rate.mid() for rate in diffusion if rate > 0]
    if not sizes or not rates:
        return flint.arb(0), rest
    # every wave that matters is between the slowest reaction over the fastest diffusion and the reverse, with room
    ends = float((min(sizes) / max(rates)).log()) - 5, float((max(sizes) / min(rates)).log()) + 5
    logs = np.linspace(*ends, max(int(_DENSITY * (ends[1] - ends[0]) / math.log(10)), 2))
    for low, high in bands:
        # narrow bands fall between the points of the grid
        first = float(low.log()) if low > 0 else ends[0]
        last = float(high.log()) if high.is_finite() else ends[1]
        logs = np.concatenate([logs, np.linspace(first, last, 41)[1:-1]])
    logs = np.unique(logs)
    with precision(96):
        coarse = [at(flint.arb(x).exp()).real.mid() for x in logs]
    best = max(range(len(logs)), key=coarse.__getitem__)
    low, high = logs[max(best - 1, 0)], logs[min(best + 1, len(logs) - 1)]
    with precision(192):
        place = _peak(lambda x: at(flint.arb(x).exp()).real.mid(), flint.arb(low), flint.arb(high))
        mu = place.exp().mid()
        found = at(mu)
    return (mu, found) if found.real > rest.real else (flint.arb(0), rest)


def _peak(function: Any, low: flint.arb, high: flint.arb) -> flint.arb:
    """The maximum of a function with one peak between two points, by golden section to 18 digits of its place."""
    ratio = (flint.arb(5).sqrt() - 1).mid() / 2
    a, b = low, high
    left, right = (b - ratio * (b - a)).mid(), (a + ratio * (b - a)).mid()
    f_left, f_right = function(left), function(right)
    for _ in range(90):
        if f_left > f_right:
            b, right, f_right = right, left, f_left
            left = (b - ratio * (b - a)).mid()
            f_left = function(left)
        else:
            a, left, f_left = left, right, f_right
            right = (a + ratio * (b - a)).mid()
            f_right = function(right)
    return ((a + b) / 2).mid()
