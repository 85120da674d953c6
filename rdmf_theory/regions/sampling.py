"""Points of a region, uniformly distributed: boxes of a paving by volume, rejection on its boundary boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rdmf_theory.errors import ParameterError
from rdmf_theory.regions.conditions import Conjunction
from rdmf_theory.regions.pave import Paving, pave


def sample_region(
    region: Conjunction,
    count: int,
    lower: Sequence[float],
    upper: Sequence[float],
    *,
    seed: int = 0,
    paving: Paving | None = None,
) -> np.ndarray:
    """Independent points, uniform on the part of a region that lies in a box.

    A point of an inner box is taken as it is; one of a boundary box is kept if the conditions hold there. As the boxes
    are chosen by volume, the kept points are uniform on the region itself, not only on its paving.

    Arguments:
        region: conditions; count: number of points, >= 0; lower, upper: the box.
        seed: of numpy's generator; the same seed gives the same points.
        paving: of the same conditions and box, to be reused.
    Returns: points (count, p).
    Raises: ParameterError if no point of the region was found in the box, or count is negative.
    """
    if count < 0:
        raise ParameterError(f"count must be at least 0. Got {count}.")
    if paving is None:
        whole = float(np.prod(np.subtract(upper, lower)))
        coarse = pave(region.conditions, lower, upper, gap=1e-3 * whole, max_boxes=20_000)
        # so fine that most points of boundary boxes are kept
        aim = max(0.2 * coarse.volume[1], 1e-12 * whole)
        paving = pave(region.conditions, lower, upper, gap=aim, max_boxes=100_000)
    low = np.concatenate([paving.inner.lower, paving.boundary.lower])
    side = np.concatenate([paving.inner.upper, paving.boundary.upper]) - low
    volume = np.prod(side, axis=1)
    if volume.sum() == 0:
        raise ParameterError(f"the region must have points in the box. Got none in {list(lower)}, {list(upper)}.")
    rng = np.random.default_rng(seed)
    kept = [np.empty((0, low.shape[1]))]
    missing, tried = count, 0
    while missing > 0:
        if tried > 1000 * (count + 1000) and missing == count:
            raise ParameterError(f"the region must have points in the box. Got none in {tried} trials; shrink the box.")
        draws = 2 * missing + 64
        tried += draws
        box = rng.choice(len(volume), draws, p=volume / volume.sum())
        points = low[box] + rng.random((draws, low.shape[1])) * side[box]
        with np.errstate(all="ignore"):
            keep = (box < len(paving.inner)) | region.holds(*points.T)
        kept.append(points[keep][:missing])
        missing -= len(kept[-1])
    return np.concatenate(kept)
