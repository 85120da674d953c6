"""How far is a point from a region's boundary? A certified lower bound, and a point that is attained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rdmf_theory.errors import ParameterError
from rdmf_theory.regions.conditions import Conjunction
from rdmf_theory.regions.pave import Refinement


@dataclass(frozen=True)
class Distance:
    """Distance from a point to the other side of a region's boundary, in scaled coordinates.

    Arguments:
        inside: whether the point certainly is in the region (the distance is to its complement) or certainly is not
            (the distance is to the region); None if it is too close to tell: then lower is 0.
        lower: no point of the other side within the search box is nearer; certified.
        upper: distance of `nearest`; infinite if the other side was not found in the search box.
        nearest: a point that is certainly on the other side.
    """

    inside: bool | None
    lower: float
    upper: float
    nearest: tuple[float, ...] | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        nearest = None if self.nearest is None else list(self.nearest)
        return {"inside": self.inside, "lower": self.lower, "upper": self.upper, "nearest": nearest}


def distance_to_boundary(
    region: Conjunction,
    point: Sequence[float],
    lower: Sequence[float],
    upper: Sequence[float],
    *,
    scales: Sequence[float] | None = None,
    accuracy: float = 1e-3,
    max_boxes: int = 200_000,
) -> Distance:
    """Euclidean distance, coordinates divided by `scales`, from a point to the other side of the boundary.

    Branch and bound on a paving of the search box: a box whose nearest point is farther than one already found on the
    other side is never refined.

    Arguments:
        region: conditions; point: where from; lower, upper: the search box, which contains the point.
        scales: one unit of distance along each coordinate, > 0; default: the sides of the search box.
        accuracy: stop when the bounds are relatively this close. max_boxes: or after evaluating this many boxes.
    Raises: ParameterError if the point is not in the box, or a scale is not positive.
    """
    x, low, high = (np.asarray(values, dtype=float) for values in (point, lower, upper))
    if not (x.shape == low.shape == high.shape and np.all((low <= x) & (x <= high))):
        raise ParameterError(f"point must lie in the search box. Got {x.tolist()}, {low.tolist()}, {high.tolist()}.")
    unit = high - low if scales is None else np.asarray(scales, dtype=float)
    if unit.shape != x.shape or not np.all(unit > 0):
        raise ParameterError(f"scales must be positive, one per coordinate. Got {unit.tolist()}.")
    at_point = Refinement(region.conditions, x, x)
    inside = True if at_point.found("inner") else False if at_point.found("outer") else None
    if inside is None:
        return Distance(None, 0.0, 0.0, tuple(x.tolist()))
    target = "outer" if inside else "inner"
    search = Refinement(region.conditions, low, high)
    best, nearest = np.inf, None
    while True:
        for boxes in search.fresh(target):
            closest = np.clip(x[:, None], *boxes)
            away = _norm((closest - x[:, None]) / unit[:, None])
            i = int(np.argmin(away))
            if away[i] < best:
                best, nearest = float(away[i]), tuple(closest[:, i].tolist())
        near = _norm((np.clip(x[:, None], *search.corners) - x[:, None]) / unit[:, None])
        # rounding of a distance: a few units in the last place
        least = min(float(near.min(initial=np.inf)), best) * (1 - 1e-14)
        if least >= best * (1 - accuracy) or not np.any(near < best) or search.evaluations >= max_boxes:
            return Distance(inside, least if np.isfinite(least) else best, best, nearest)
        wanted = near < best
        # the nearest ones first: they are what moves the bounds
        search.halve(
            wanted & (near <= np.partition(near[wanted], min(255, wanted.sum() - 1))[min(255, wanted.sum() - 1)])
        )


def _norm(vectors: np.ndarray) -> np.ndarray:
    return np.sqrt(np.sum(vectors**2, axis=0))
