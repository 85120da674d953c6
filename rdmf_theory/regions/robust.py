"""Do the conditions hold for all parameters in given intervals? Certified answers, and how far they may grow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from rdmf_theory.arithmetic.intervals import IntervalArray, as_interval
from rdmf_theory.errors import ParameterError
from rdmf_theory.regions.conditions import Conjunction
from rdmf_theory.regions.pave import pave
from rdmf_theory.verdict import Verdict


@dataclass(frozen=True)
class RobustAnswer:
    """Whether every point of a box is in a region.

    Arguments:
        verdict: CERTIFIED, REFUTED or UNDECIDED (allow more boxes, or move the box off the boundary).
        witness: for REFUTED a point of the box, in the region's coordinates, at which `condition` certainly fails.
        condition: the condition that fails at the witness.
        evaluations: boxes evaluated.
        exact: the witness as fractions where no floats beside each other are inside the intervals.
    """

    verdict: Verdict
    witness: tuple[float, ...] | None = None
    condition: str | None = None
    evaluations: int = 0
    exact: tuple[Fraction, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "verdict": self.verdict.name.lower(),
            "explanation": self.verdict.value,
            "witness": None if self.witness is None else list(self.witness),
            "condition": self.condition,
            "evaluations": self.evaluations,
        } | ({} if self.exact is None else {"witness_exact": [str(x) for x in self.exact]})


def failing_condition(region: Conjunction, point: Sequence[float | Fraction]) -> str | None:
    """The first condition that certainly fails (margin <= 0) at a point, decided in interval arithmetic, or None."""
    exact = [x if isinstance(x, Fraction) else Fraction(float(x)) for x in point]
    coordinates = [as_interval(x) for x in exact]
    with np.errstate(all="ignore"):
        for condition in region.conditions:
            margin: Any = IntervalArray(np.zeros(1)) + condition(*coordinates)
            if margin.upper[0] <= 0:
                return condition.name
            if margin.lower[0] <= 0:
                # too close for doubles: rational formulas are decided exactly, roots stay open
                try:
                    fails = bool(condition(*exact) <= 0)
                except (TypeError, ZeroDivisionError):
                    fails = False
                if fails:
                    return condition.name
    return None


def judge_box(
    region: Conjunction, lower: Sequence[float], upper: Sequence[float], max_boxes: int = 100_000
) -> RobustAnswer:
    """Whether all conditions hold on a whole box: parameters known only to lie in intervals.

    Arguments:
        region: conditions in 1 to 5 coordinates.
        lower, upper: the box; a coordinate may be a point.
        max_boxes: boxes to evaluate before the answer is UNDECIDED.
    Returns: `RobustAnswer`; proofs and witnesses are certified, rounding included.
    Raises: ParameterError for a box that is none.
    """
    low, high = np.asarray(lower, dtype=float), np.asarray(upper, dtype=float)
    if low.shape != high.shape or len(low) != len(region.coordinates) or not np.all(low <= high):
        raise ParameterError(
            f"lower must not exceed upper, one number for each of {region.coordinates}. "
            f"Got {low.tolist()}, {high.tolist()}."
        )
    # corners and the middle refute most false claims at once
    candidates = [low, high, low / 2 + high / 2, *_corners(low, high)]
    for point in candidates:
        condition = failing_condition(region, point)
        if condition is not None:
            return RobustAnswer(Verdict.REFUTED, tuple(map(float, point)), condition)
    evaluations = 0
    for most in (max_boxes // 16, max_boxes):
        paving = pave(region.conditions, lower, upper, tolerance=1e-7, max_boxes=max(most, 1))
        evaluations += paving.evaluations
        if len(paving.outer):
            middle = (paving.outer.lower[0] + paving.outer.upper[0]) / 2
            return RobustAnswer(Verdict.REFUTED, tuple(middle.tolist()), failing_condition(region, middle), evaluations)
        if len(paving.boundary) == 0:
            return RobustAnswer(Verdict.CERTIFIED, evaluations=evaluations)
    return RobustAnswer(Verdict.UNDECIDED, evaluations=evaluations)


def judge_intervals(
    region: Conjunction, lower: Sequence[Fraction], upper: Sequence[Fraction], max_boxes: int = 100_000
) -> RobustAnswer:
    """`judge_box` for exact ends: what is proved holds on intervals that contain these, a witness lies inside them.

    Arguments:
        region, max_boxes: as in `judge_box`; lower, upper: exact ends.
    """
    outside = [_outside(low, high) for low, high in zip(lower, upper, strict=True)]
    answer = judge_box(region, [low for low, _ in outside], [high for _, high in outside], max_boxes)
    if answer.verdict is not Verdict.REFUTED:
        return answer
    # the witness may lie in the sliver that rounding has added
    inside = [_inside(low, high) for low, high in zip(lower, upper, strict=True)]
    if all(low <= high for low, high in inside):
        found = judge_box(region, [low for low, _ in inside], [high for _, high in inside], max_boxes)
        if found.verdict is Verdict.REFUTED:
            return found
    middle = tuple((low + high) / 2 for low, high in zip(lower, upper, strict=True))
    for point in (tuple(lower), tuple(upper), middle):
        condition = failing_condition(region, point)
        if condition is not None:
            return RobustAnswer(Verdict.REFUTED, tuple(map(float, point)), condition, answer.evaluations, point)
    return RobustAnswer(Verdict.UNDECIDED, evaluations=answer.evaluations)


def _outside(low: Fraction, high: Fraction) -> tuple[float, float]:
    """The smallest interval of floats around an exact one."""
    first, last = float(low), float(high)
    return (
        first if first <= low else math.nextafter(first, -math.inf),
        last if last >= high else math.nextafter(last, math.inf),
    )


def _inside(low: Fraction, high: Fraction) -> tuple[float, float]:
    """The largest interval of floats inside an exact one; empty (low > high) where there is none."""
    first, last = float(low), float(high)
    return (
        first if first >= low else math.nextafter(first, math.inf),
        last if last <= high else math.nextafter(last, -math.inf),
    )


def _corners(low: np.ndarray, high: np.ndarray) -> list[np.ndarray]:
    picks = np.indices((2,) * len(low)).reshape(len(low), -1).T.astype(bool)
    return [np.where(pick, high, low) for pick in picks]


@dataclass(frozen=True)
class Scaling:
    """How far a box around a centre can be blown up inside a region.

    Arguments:
        certified: every point of `centre +- certified radii` is in the region (0 if not even the centre is).
        refuted: a point of `centre +- refuted radii` is not; infinite if none was found up to the limit.
        witness: that point.
    """

    certified: float
    refuted: float
    witness: tuple[float, ...] | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"certified": self.certified, "refuted": self.refuted, "witness": self.witness and list(self.witness)}


def largest_scaling(
    region: Conjunction,
    centre: Sequence[float],
    radii: Sequence[float],
    *,
    limit: float = 1e6,
    accuracy: float = 1e-3,
    max_boxes: int = 20_000,
) -> Scaling:
    """The largest t for which all points of `centre +- t radii` are in the region, bracketed by certified answers.

    Arguments:
        region: conditions; centre: a point of it; radii: half sides at t = 1, >= 0 and not all 0.
        limit: t beyond this is not tried. accuracy: relative width of the bracket at which to stop.
    Returns: `Scaling`; the bracket stays wider where boxes near the boundary are undecided.
    Raises: ParameterError for radii that are negative, all zero or of another length than the centre.
    """
    middle, half = np.asarray(centre, dtype=float), np.asarray(radii, dtype=float)
    if middle.shape != half.shape or not np.all(half >= 0) or not np.any(half > 0):
        raise ParameterError(f"radii must be as many as the centre's, >= 0, not all 0. Got {list(radii)!r}.")

    def judged(t: float) -> RobustAnswer:
        low, high = middle - t * half, middle + t * half
        # outward, so that the box really contains centre +- t radii; flat coordinates stay flat
        low, high = (
            np.where(half > 0, np.nextafter(low, -np.inf), low),
            np.where(half > 0, np.nextafter(high, np.inf), high),
        )
        return judge_box(region, low.tolist(), high.tolist(), max_boxes)

    first = judged(0.0)
    if first.verdict is not Verdict.CERTIFIED:
        return Scaling(0.0, 0.0 if first.verdict is Verdict.REFUTED else np.inf, first.witness)
    certified, refuted, witness = 0.0, np.inf, None
    t = 1.0
    while (np.isinf(refuted) or refuted - certified > accuracy * refuted) and certified < limit and refuted > 1e-12:
        decided = False
        # at the very t of contact nothing is decided: then just below and just above
        for trial in (t, t * (1 - accuracy / 3), t * (1 + accuracy / 3)):
            answer = judged(trial)
            if answer.verdict is Verdict.CERTIFIED:
                certified = max(certified, trial)
            elif answer.verdict is Verdict.REFUTED and trial < refuted:
                refuted, witness = trial, answer.witness
            if answer.verdict is not Verdict.UNDECIDED and trial == t:
                decided = True
                break
            decided |= answer.verdict is not Verdict.UNDECIDED
        if not decided:
            break
        t = min(2 * certified, limit) if np.isinf(refuted) else (certified + refuted) / 2
    return Scaling(certified, float(refuted), witness)
