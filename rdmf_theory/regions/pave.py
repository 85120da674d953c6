"""Where does a conjunction of conditions hold? Certified pavings of a box: inner, outer and boundary boxes.

Every step works on all undecided boxes at once. The mean-value form of a condition tells for each coordinate how far
`g > 0` can reach into a box, and how far `g <= 0` can: slabs beyond are cut off as certified outside or inside, and
what is left is halved. Floating-point rounding is outward throughout, see docs/regions.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from rdmf_theory.arithmetic.intervals import outward
from rdmf_theory.arithmetic.mean_value import Margin, MeanValueForms
from rdmf_theory.errors import ParameterError
from rdmf_theory.regions.boxes import Boxes, Paving, volumes

BLOCK = 4096
"""Boxes per evaluation: their intermediate results stay in the second-level cache."""

START, FEW = 1024, 1024
"""Boxes to begin with, and least number to work on: fewer would be all overhead."""

MOST_COORDINATES = 5


def pave(
    conditions: Sequence[Margin],
    lower: Sequence[float],
    upper: Sequence[float],
    *,
    gap: float | None = None,
    tolerance: float | None = None,
    max_boxes: int = 1_000_000,
) -> Paving:
    """Pave the set where every condition is > 0.

    Arguments:
        conditions: functions of p coordinates made of + - * /, integer powers, and xp.sqrt/minimum/maximum of
            `conditions.library`; they are called with `Gradient`s. Where one is undefined nothing is certified.
        lower, upper: the box, 1 to 5 finite coordinates.
        gap: refine until the certified bounds of the volume are at most this far apart.
        tolerance: an undecided box whose every side is at most this part of the whole box's side is not halved.
        max_boxes: stop after evaluating this many boxes.
    Returns: `Paving`; `complete` is False if `max_boxes` came first.
    Raises: ParameterError if the box or a limit is out of range, or neither gap nor tolerance is given.
    """
    low, high = _checked(conditions, lower, upper, gap, tolerance, max_boxes)
    # a box that is flat in some coordinate has no volume, but is paved all the same
    sides = np.where(high > low, high - low, 1.0)
    pieces = _Pieces(len(low))
    whole = _grid(low, high, len(conditions), min(START, max_boxes))
    evaluations, complete = whole.low.shape[1], False
    with np.errstate(all="ignore"):
        opened = _refine_all(conditions, whole, sides, pieces)
        while True:
            doubt = opened.most - opened.least
            undecided = math.nextafter(math.fsum(doubt), math.inf)
            if gap is not None and undecided <= gap * (1 - 1e-9):
                complete = True
                break
            chosen = np.any(opened.high - opened.low > (tolerance or 0.0) * sides[:, None], axis=0)
            if gap is not None:
                chosen &= doubt >= _threshold(doubt[chosen], undecided - gap)
            if not chosen.any():
                complete = gap is None
                break
            parts = opened.take(chosen).halves()
            while parts.low.shape[1] <= FEW // 2:
                parts = parts.halves()
            count = parts.low.shape[1]
            if evaluations + count > max_boxes:
                break
            evaluations += count
            opened = _Open.joined([opened.take(~chosen), _refine_all(conditions, parts, sides, pieces)])
        inner, outer = pieces.boxes("inner"), pieces.boxes("outer")
        boundary = Boxes(opened.low.T.copy(), opened.high.T.copy())
        inside = inner.volume()
        least = math.nextafter(inside[0] + math.nextafter(math.fsum(opened.least), 0.0), 0.0)
        most = math.nextafter(inside[1] + math.nextafter(math.fsum(opened.most), math.inf), math.inf)
    ends = tuple(low.tolist()), tuple(high.tolist())
    return Paving(*ends, inner, boundary, outer, (least, most), most - least, complete, evaluations)


class Refinement:
    """A paving in the making, for searches that choose themselves which boxes to halve.

    Arguments: conditions, lower, upper as in `pave`.
    """

    def __init__(self, conditions: Sequence[Margin], lower: Any, upper: Any) -> None:
        self.low, self.high = _checked(conditions, lower, upper, None, 1.0, 1)
        self.conditions = conditions
        self.pieces = _Pieces(len(self.low))
        self.sides = np.where(self.high > self.low, self.high - self.low, 1.0)
        self.evaluations = 0
        self._refine(_grid(self.low, self.high, len(conditions), START))

    @property
    def corners(self) -> tuple[np.ndarray, np.ndarray]:
        """Corners of the undecided boxes, two arrays (p, n)."""
        return self.open.low, self.open.high

    def found(self, kind: str) -> bool:
        """Whether there are "inner" or "outer" boxes that were not fetched yet."""
        return any(part[0].shape[1] for part in self.pieces.parts[kind])

    def fresh(self, kind: str) -> list[tuple[np.ndarray, np.ndarray]]:
        """Corners (p, n) of the "inner" or "outer" boxes found since the last call."""
        parts = [part for part in self.pieces.parts[kind] if part[0].shape[1]]
        self.pieces.parts[kind] = []
        return parts

    def halve(self, chosen: np.ndarray) -> None:
        """Halve some undecided boxes and decide what can be decided of the halves."""
        waiting = self.open.take(~chosen)
        self._refine(self.open.take(chosen).halves())
        self.open = _Open.joined([waiting, self.open])

    def _refine(self, boxes: _Open) -> None:
        self.evaluations += boxes.low.shape[1]
        with np.errstate(all="ignore"):
            self.open = _refine_all(self.conditions, boxes, self.sides, self.pieces)


def _threshold(doubt: np.ndarray, excess: float) -> float:
    """The doubt below which boxes wait: they are many and hold little, or are not needed to reach the gap."""
    if not doubt.size:
        return 0.0
    largest = np.sort(doubt)[::-1]
    # halving leaves about a quarter of the doubt in a box that one smooth condition crosses
    needed = int(np.searchsorted(np.cumsum(largest), 1.5 * excess))
    return max(0.1 * float(np.mean(doubt)), float(largest[min(needed, len(largest) - 1)]))


@dataclass(frozen=True)
class _Open:
    """Undecided boxes.

    Arguments:
        low, high: corners, (p, n).
        settled: conditions already known to hold, (m, n).
        variation: how much each coordinate matters, (p, n); the first is halved next.
        least, most: certified bounds of the volume in the box where all conditions hold, (n,).
    """

    low: np.ndarray
    high: np.ndarray
    settled: np.ndarray
    variation: np.ndarray
    least: np.ndarray
    most: np.ndarray

    def take(self, chosen: Any) -> _Open:
        """Some of the boxes."""
        return _Open(*(getattr(self, item.name)[..., chosen] for item in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[_Open]) -> _Open:
        """All boxes of several collections."""
        return cls(*(np.concatenate([getattr(part, item.name) for part in parts], axis=-1) for item in fields(cls)))

    def halves(self) -> _Open:
        """Both halves of every box, not yet evaluated."""
        axis, column = np.argmax(self.variation, axis=0), np.arange(self.low.shape[1])
        middle = self.low[axis, column] + (self.high - self.low)[axis, column] / 2
        second, first, variation = self.low.copy(), self.high.copy(), self.variation.copy()
        second[axis, column] = middle
        first[axis, column] = middle
        variation[axis, column] /= 2
        half = replace(self, variation=variation)
        return _Open.joined([replace(half, high=first), replace(half, low=second)])


def _grid(low: np.ndarray, high: np.ndarray, conditions: int, most: int) -> _Open:
    """The box cut evenly into at most `most` boxes."""
    axes = int(np.count_nonzero(high > low))
    pieces = max(int(most ** (1 / axes) + 1e-9), 1) if axes else 1
    ends = []
    for a, b in zip(low, high, strict=True):
        cuts = np.linspace(a, b, pieces + 1) if b > a else np.array([a, b])
        # neighbours share a cut exactly, and a box too narrow for all cuts gets fewer
        cuts = np.unique(np.clip(cuts, a, b)) if b > a else cuts
        ends.append((cuts[:-1], cuts[1:]))
    lower, upper = (np.stack([x.ravel() for x in np.meshgrid(*(end[i] for end in ends))]) for i in (0, 1))
    count = lower.shape[1]
    nothing = np.zeros(count)
    return _Open(lower, upper, np.zeros((conditions, count), bool), np.zeros_like(lower), nothing, nothing)


class _Pieces:
    """Decided boxes, collected as lists of (p, n) corners."""

    def __init__(self, p: int) -> None:
        empty = np.empty((p, 0))
        self.parts: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {
            "inner": [(empty, empty)],
            "outer": [(empty, empty)],
        }

    def add(self, kind: str, low: np.ndarray, high: np.ndarray) -> None:
        """Keep boxes."""
        if low.shape[1]:
            self.parts[kind].append((low, high))

    def boxes(self, kind: str) -> Boxes:
        """Everything kept under a name."""
        return Boxes(*(np.concatenate([part[i] for part in self.parts[kind]], axis=1).T.copy() for i in (0, 1)))


def _refine_all(conditions: Sequence[Margin], boxes: _Open, sides: np.ndarray, pieces: _Pieces) -> _Open:
    """`_refine` block by block."""
    starts = range(0, max(boxes.low.shape[1], 1), BLOCK)
    parts = [_refine(conditions, boxes.take(slice(start, start + BLOCK)), sides, pieces) for start in starts]
    return _Open.joined(parts)


def _refine(conditions: Sequence[Margin], boxes: _Open, sides: np.ndarray, pieces: _Pieces) -> _Open:
    """Decide and trim boxes; what stays undecided is returned, the rest goes to `pieces`."""
    low, high = boxes.low, boxes.high
    forms = MeanValueForms.of(conditions, low, high, boxes.settled)
    inside: np.ndarray = np.logical_and.reduce(forms.positive, axis=0)
    outside: np.ndarray = np.logical_or.reduce(forms.negative, axis=0)
    pieces.add("inner", low[:, inside], high[:, inside])
    pieces.add("outer", low[:, outside], high[:, outside])
    keep = ~(inside | outside)
    low, high, forms = low[:, keep], high[:, keep], forms.take(keep)
    holds, fails = forms.trim(low, high)
    # all conditions can hold in the common part only; some condition can fail in the hull of the parts
    _cut(low, high, holds[0].max(axis=0), holds[1].min(axis=0), pieces, "outer")
    _cut(low, high, fails[0].min(axis=0), fails[1].max(axis=0), pieces, "inner")
    alive = low[0] <= high[0]
    low, high, forms = low[:, alive], high[:, alive], forms.take(alive)
    sizes, shares = volumes(low, high), forms.shares(low, high)
    least, most = np.maximum(-outward(-sizes[0] * shares[0]), 0.0), outward(sizes[1] * shares[1])
    return _Open(low, high, forms.positive, forms.variation(low, high, sides), least, most)


def _cut(
    low: np.ndarray, high: np.ndarray, new_low: np.ndarray, new_high: np.ndarray, pieces: _Pieces, kind: str
) -> None:
    """Shrink boxes, in place, to [new_low, new_high], one slab after the other; the slabs are kept as `kind`.

    A box whose new box is empty is kept whole, and marked by lower > upper in its first coordinate.
    """
    alive = low[0] <= high[0]
    new_low, new_high = np.maximum(low, new_low), np.minimum(high, new_high)
    full = np.all(new_low <= new_high, axis=0)
    pieces.add(kind, low[:, alive & ~full], high[:, alive & ~full])
    full &= alive
    for j in range(len(low)):
        for ends, new in ((low, new_low), (high, new_high)):
            slab = full & (new[j] != ends[j])
            if slab.any():
                corners = low[:, slab], high[:, slab]
                # a slab below ends at the new lower end, one above begins at the new upper end
                corners[ends is low][j] = new[j, slab]
                pieces.add(kind, *corners)
                ends[j, slab] = new[j, slab]
    low[0, ~full], high[0, ~full] = np.inf, -np.inf


def _checked(
    conditions: Sequence[Margin],
    lower: Sequence[float],
    upper: Sequence[float],
    gap: float | None,
    tolerance: float | None,
    max_boxes: int,
) -> tuple[np.ndarray, np.ndarray]:
    low, high = np.asarray(lower, dtype=float), np.asarray(upper, dtype=float)
    if not conditions:
        raise ParameterError("conditions must hold at least one function. Got none; a region needs a condition.")
    if low.ndim != 1 or low.shape != high.shape or not 1 <= len(low) <= MOST_COORDINATES:
        message = f"lower and upper must have the same 1 to {MOST_COORDINATES} entries. Got {low.shape}, {high.shape}."
        raise ParameterError(message)
    if not (np.all(np.isfinite(low)) and np.all(np.isfinite(high)) and np.all(low <= high)):
        raise ParameterError(f"lower must not exceed upper, both finite. Got {low.tolist()}, {high.tolist()}.")
    if gap is None and tolerance is None:
        raise ParameterError("gap or tolerance must be given; gap=1e-3 of the box's volume is a start.")
    for name, value in (("gap", gap), ("tolerance", tolerance), ("max_boxes", max_boxes)):
        if value is not None and not value > 0:
            raise ParameterError(f"{name} must be positive. Got {value!r}.")
    return low, high
