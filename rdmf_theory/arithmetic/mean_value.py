"""How far does a condition reach inside a box? Mean-value forms of several conditions on many boxes.

On a box with middle c every margin obeys `g(x) in g(c) + G (x - c)`, G an enclosure of the gradient on the box.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from rdmf_theory.arithmetic.interval_gradients import Gradient
from rdmf_theory.arithmetic.intervals import IntervalArray, outward, unknown

Margin: TypeAlias = Callable[..., Any]
Corners: TypeAlias = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class MeanValueForms:
    """Mean-value forms of m margins on n boxes of p coordinates.

    Arguments:
        middle: a point of each box, (p, n).
        centre: enclosures of the margins there, (m, n) intervals.
        slopes: enclosures of the gradients on the boxes, (m, p, n) intervals.
        positive, negative: margins that are > 0, or <= 0, on the whole box, (m, n).
    """

    middle: np.ndarray
    centre: IntervalArray
    slopes: IntervalArray
    positive: np.ndarray
    negative: np.ndarray

    @classmethod
    def of(cls, margins: Sequence[Margin], low: np.ndarray, high: np.ndarray, settled: np.ndarray) -> MeanValueForms:
        """The forms of `margins` on the boxes with corners `low`, `high`, shape (p, n).

        `settled`, shape (m, n): margins known to be > 0 on a box, which are not evaluated there.
        """
        p, n = low.shape
        box = IntervalArray.between(low, high)
        middle = box.mid
        # a settled margin stands as the constant 1
        centre = np.broadcast_to(np.array([-1.0, 1.0])[:, None, None], (2, len(margins), n)).copy()
        natural = centre.copy()
        slopes = np.zeros((2, len(margins), p, n))
        for i, margin in enumerate(margins):
            asked = np.flatnonzero(~settled[i])
            if len(asked) == 0:
                continue
            part, point = box[:, asked], IntervalArray.between(middle[:, asked], middle[:, asked])
            on_box = margin(*Gradient.coordinates(part))
            centre[:, i, asked] = _interval(margin(*(point[j] for j in range(p)))).ends
            # a condition that does not depend on the coordinates comes back as a number
            natural[:, i, asked] = _interval(on_box.value if isinstance(on_box, Gradient) else on_box).ends
            if isinstance(on_box, Gradient):
                slopes[:, i, :, asked] = np.moveaxis(on_box.partials.ends, 2, 0)
        # where a condition may be undefined on the box, what holds at its middle says nothing of the rest
        centre[:, unknown(natural)] = np.inf
        centre, slopes = IntervalArray.of_ends(centre), IntervalArray.of_ends(slopes)
        terms = slopes * (box - middle)
        value = centre
        for j in range(p):
            value = value + terms[:, j]
        value = value.intersection(IntervalArray.of_ends(natural))
        return cls(middle, centre, slopes, value.lower > 0, value.upper <= 0)

    def take(self, chosen: np.ndarray) -> MeanValueForms:
        """The forms on some of the boxes."""
        middle, positive, negative = (part[:, chosen] for part in (self.middle, self.positive, self.negative))
        return MeanValueForms(middle, self.centre[:, chosen], self.slopes[:, :, chosen], positive, negative)

    def trim(self, low: np.ndarray, high: np.ndarray) -> tuple[Corners, Corners]:
        """For each condition a box around where it may hold, and one around where it may fail.

        Returns: two pairs (lower, upper) of arrays (m, p, n), not cut to the box; empty where lower > upper. What lies
            outside fails, or holds strictly.
        """
        slopes = self.slopes
        terms = slopes * (IntervalArray.between(low, high) - self.middle)
        fails = _reach(self.centre, slopes, terms, self.middle, low, high)
        holds = _reach(-self.centre, -slopes, -terms, self.middle, low, high)
        # a margin that is > 0 by its natural enclosure fails nowhere
        fails[0][:, 0][self.positive] = np.inf
        fails[1][:, 0][self.positive] = -np.inf
        empty = np.any(fails[0] > fails[1], axis=1)[:, None]
        return holds, (np.where(empty, np.inf, fails[0]), np.where(empty, -np.inf, fails[1]))

    def shares(self, low: np.ndarray, high: np.ndarray) -> Corners:
        """Certified bounds of the share of each (trimmed) box on which all conditions hold, two arrays (n,).

        Each condition is enclosed between two half-spaces with the middle slopes as normal; its share is between
        theirs. Together they hold on at least `1 - sum(1 - share)`, and at most on the smallest share.
        """
        low_share, high_share = _half_space_shares(self.centre, self.slopes, self.middle, low, high)
        low_share = np.where(self.positive, 1.0, low_share)
        # sums of m numbers in [0, 1]: wrong by less than m^2 units of 2^-53
        missed = np.sum(1 - low_share, axis=0) + len(low_share) ** 2 * 2.0**-52
        return np.clip(1 - missed - 2.0**-52, 0.0, 1.0), high_share.min(axis=0)

    def variation(self, low: np.ndarray, high: np.ndarray, sides: np.ndarray) -> np.ndarray:
        """How much of a condition's variation each coordinate brings, as shares, (p, n): a guide, not certified.

        The condition is the one whose range on the box is the most negative, relatively, among the undecided ones.
        Ties, and boxes on which nothing is known about slopes, go to the longest side in units of `sides`.
        """
        spread = self.slopes.magnitude * (high - low) / 2
        middle = np.clip(self.slopes.mid, -1e300, 1e300) * ((low + high) / 2 - self.middle)
        value, reach = self.centre.mid + middle.sum(axis=1), spread.sum(axis=1)
        rank = np.where(self.positive | (value > reach), np.inf, value / reach)
        nearest = np.argmin(np.where(np.isnan(rank), 1.0, rank), axis=0)
        column = np.arange(low.shape[1])
        share = spread[nearest, :, column].T / reach[nearest, column]
        return np.where(np.all(np.isfinite(share), axis=0), share, 0.0) + 1e-3 * (high - low) / sides[:, None]


def _interval(value: Any) -> IntervalArray:
    return value if isinstance(value, IntervalArray) else IntervalArray(np.zeros(1)) + value


def _reach(
    centre: IntervalArray, slopes: IntervalArray, terms: IntervalArray, middle: np.ndarray, low: Any, high: Any
) -> Corners:
    """Hull of where `g <= 0` is possible, coordinate by coordinate.

    With A a lower bound of g(c) plus the other coordinates' terms, and [L, U] the slope along this one, `g <= 0` at
    c + t needs `A + L t <= 0` for t > 0 and `A + U t <= 0` for t < 0. Rounding enlarges the hull by at least one unit
    in the last place, so g > 0 strictly on its faces.
    """
    p = len(middle)
    above = np.empty(slopes.ends.shape[1:])
    for j in range(p):
        total = centre.ends[0]
        for i in range(p):
            if i != j:
                total = outward(total + terms.ends[0, :, i])
        above[:, j] = total
    # above = -A; A <= 0: the failing set contains the middle and ends where the slope has lifted g
    fails = above >= 0
    L, U = slopes.lower, slopes.upper
    upper = outward(outward(above / np.where(fails, L, U)) + middle)
    lower = -outward(outward(-above / np.where(fails, U, L)) - middle)
    # A > 0: it is missing on one side if g cannot fall that way, and then begins only far on the other
    upper = np.where(fails & (L > 0) | ~fails & (L >= 0) & (U > 0), upper, high)
    lower = np.where(fails & (U < 0) | ~fails & (U <= 0) & (L < 0), lower, low)
    flat = ~fails & (L >= 0) & (U <= 0)
    return np.where(flat, np.inf, lower), np.where(flat, -np.inf, upper)


def _half_space_shares(
    centre: IntervalArray, slopes: IntervalArray, middle: np.ndarray, low: np.ndarray, high: np.ndarray
) -> Corners:
    """Bounds of the share of each box where `g > 0`, for all conditions, (m, n).

    With y in the unit box and m the middles of the slopes, `g = B + sum_j alpha_j y_j`, B an interval; turned around so
    that every alpha is positive, the share of `sum_j alpha_j y_j > -B` is
    `1 - sum_S (-1)^|S| (-B - sum_S alpha)_+^p / (p! prod alpha)` over the subsets S of the coordinates.
    """
    p = len(low)
    box = IntervalArray.between(low, high)
    m = np.clip(slopes.mid, -1e300, 1e300)
    widths = IntervalArray.between(high, high) - low
    exact = m * widths
    alpha = np.abs(exact.mid)
    # a coordinate that hardly matters counts as one that matters little: no division by almost nothing
    alpha = np.maximum(alpha, np.maximum(1e-3 * alpha.max(axis=1, keepdims=True), 1e-300))
    signed = np.where(exact.mid < 0, -alpha, alpha)
    unit = IntervalArray(np.zeros(1), np.ones(1))
    rest = (slopes - m) * (box - middle) + m * (IntervalArray.between(low, low) - middle) + (exact - signed) * unit
    level = -centre
    for j in range(p):
        level = level - rest[:, j] - np.minimum(signed[:, j], 0.0)
    low_share, high_share = _share_above(level.upper, alpha)[0], _share_above(level.lower, alpha)[1]
    return low_share, high_share


def _share_above(q: np.ndarray, alpha: np.ndarray) -> Corners:
    """Bounds of the share of the unit cube with `alpha . y > q`, alpha > 0 of shape (m, p, n), q of shape (m, n).

    Computed in floats and padded: with T = |q| + sum alpha each of the 2^p terms is wrong by less than
    `(p^2 + 3 p + 2^p) u T^p/(p! prod alpha)`, u = 2^-53, and the bracket is below 128 for p <= 5.
    """
    p = alpha.shape[1]
    sums = [(1.0, q)]
    for j in range(p):
        sums += [(-sign, rest - alpha[:, j]) for sign, rest in sums]
    unit = math.factorial(p) * np.prod(alpha, axis=1)
    below = sum(sign * np.maximum(rest, 0.0) ** p for sign, rest in sums) / unit
    pad = 2.0 ** (p + 7 - 53) * (np.abs(q) + alpha.sum(axis=1)) ** p / unit
    least, most = 1 - below - pad, 1 - below + pad
    # infinities, and what comes of them, know nothing
    known = np.isfinite(least) & np.isfinite(most)
    return np.where(known, np.clip(least, 0.0, 1.0), 0.0), np.where(known, np.clip(most, 0.0, 1.0), 1.0)
