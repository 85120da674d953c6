"""How far does a condition reach inside a box? Mean-value forms of several conditions on many boxes.

On a box with middle c every margin obeys `g(x) in g(c) + G (x - c)`, G an enclosure of the gradient on the box.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from rdmf_theory.interval_gradients import Gradient
from rdmf_theory.intervals import IntervalArray, outward

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
        box = IntervalArray(low, high)
        middle = box.mid
        # a settled margin stands as the constant 1
        centre = np.broadcast_to(np.array([-1.0, 1.0])[:, None, None], (2, len(margins), n)).copy()
        natural = centre.copy()
        slopes = np.zeros((2, len(margins), p, n))
        for i, margin in enumerate(margins):
            asked = np.flatnonzero(~settled[i])
            if len(asked) == 0:
                continue
            part, point = box[:, asked], IntervalArray(middle[:, asked])
            on_box = margin(*Gradient.coordinates(part))
            centre[:, i, asked] = _interval(margin(*(point[j] for j in range(p)))).ends
            # a condition that does not depend on the coordinates comes back as a number
            natural[:, i, asked] = _interval(on_box.value if isinstance(on_box, Gradient) else on_box).ends
            if isinstance(on_box, Gradient):
                slopes[:, i, :, asked] = np.moveaxis(on_box.partials.ends, 2, 0)
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
        terms = slopes * (IntervalArray(low, high) - self.middle)
        fails = _reach(self.centre, slopes, terms, self.middle, low, high)
        holds = _reach(-self.centre, -slopes, -terms, self.middle, low, high)
        # a margin that is > 0 by its natural enclosure fails nowhere
        fails[0][:, 0][self.positive] = np.inf
        fails[1][:, 0][self.positive] = -np.inf
        empty = np.any(fails[0] > fails[1], axis=1)[:, None]
        return holds, (np.where(empty, np.inf, fails[0]), np.where(empty, -np.inf, fails[1]))

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
