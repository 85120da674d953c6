"""What does a paving hold? Boxes with certified volumes, and a paving of inner, outer and boundary boxes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from rdmf_theory.arithmetic.intervals import IntervalArray


@dataclass(frozen=True)
class Boxes:
    """n closed boxes of p coordinates with disjoint interiors.

    Arguments:
        lower, upper: corners, shape (n, p).
    """

    lower: np.ndarray
    upper: np.ndarray

    def __len__(self) -> int:
        return len(self.lower)

    def volume(self) -> tuple[float, float]:
        """Certified bounds of the total volume, one rounding outward for each operation, sums correctly rounded."""
        low, high = volumes(self.lower.T, self.upper.T)
        return max(math.nextafter(math.fsum(low), -math.inf), 0.0), math.nextafter(math.fsum(high), math.inf)

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Whether each of the points, shape (m, p), lies in one of the boxes."""
        inside = np.zeros(len(points), dtype=bool)
        if len(self) == 0:
            return inside
        # boxes sorted by their first coordinate, and the longest of them, bound the candidates
        order = np.argsort(self.lower[:, 0], kind="stable")
        low, high = self.lower[order], self.upper[order]
        reach = float(np.max(high[:, 0] - low[:, 0]))
        first = np.searchsorted(low[:, 0], points[:, 0] - reach * (1 + 1e-9), side="left")
        last = np.searchsorted(low[:, 0], points[:, 0], side="right")
        for i, point in enumerate(points):
            part = slice(max(first[i] - 1, 0), last[i])
            inside[i] = bool(np.any(np.all((low[part] <= point) & (point <= high[part]), axis=1)))
        return inside


@dataclass(frozen=True)
class Paving:
    """A box cut into certified parts.

    Arguments:
        lower, upper: the box, p numbers each.
        inner: every condition holds on all of them.
        outer: on each of them some condition holds nowhere.
        boundary: undecided.
        volume: certified bounds of the volume (area) of the set where every condition holds; in boundary boxes they
            come from half-spaces, so they are much closer than inner boxes and inner + boundary boxes.
        gap: how far these bounds are apart.
        complete: whether the wanted gap or tolerance was reached.
        evaluations: boxes evaluated.
    """

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    inner: Boxes
    boundary: Boxes
    outer: Boxes
    volume: tuple[float, float]
    gap: float
    complete: bool
    evaluations: int

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready summary, boxes included as [lower corners, upper corners]."""
        kinds = {name: getattr(self, name) for name in ("inner", "boundary", "outer")}
        return {
            "box": [list(self.lower), list(self.upper)],
            "volume": list(self.volume),
            "gap": self.gap,
            "complete": self.complete,
            "evaluations": self.evaluations,
            **{name: [boxes.lower.tolist(), boxes.upper.tolist()] for name, boxes in kinds.items()},
        }


def volumes(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Certified bounds of the volume of each box, corners of shape (p, n)."""
    sides = IntervalArray.between(high, high) - low
    product = sides[0]
    for j in range(1, len(low)):
        product = product * sides[j]
    return np.maximum(product.lower, 0.0), product.upper
