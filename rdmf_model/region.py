"""Which admissible region is a model trained under? The configuration's bounds, fitted to the data where they say
"auto"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rdmf_theory.chart import PatternDesign
from rdmf_theory.discretisation import pattern_gain
from rdmf_theory.errors import ParameterError
from rdmf_theory.regions import COORDINATES, DEFAULT_REGION, AdmissibleRegion, least_clips

if TYPE_CHECKING:
    from rdmf_model.config import RegionConfig

# How much of the range of gains found on a grid is added on both sides, of gain - 1 and in log.
GAIN_MARGIN = 0.1


def build_region(config: RegionConfig, steps: int) -> AdmissibleRegion:
    """The region of a resolved configuration for N = `steps` layer steps.

    Bounds that the configuration leaves open are those of `DEFAULT_REGION`. Where the longest wavelength would leave
    the shortest videos without a growing mode it is shortened; where even the least range of wavelengths cannot help,
    the region answers for longer videos only (its `clips` say which), and shorter ones keep every other condition.

    Raises: ParameterError if an "auto" was not resolved, or a bound is invalid.
    """
    if isinstance(config.wavelength, str) or isinstance(config.clips, str):
        raise ParameterError(
            'model.region.wavelength and model.region.clips must be numbers here. Got "auto"; train on a data set, '
            "or give them."
        )
    lower, upper = list(DEFAULT_REGION.lower), list(DEFAULT_REGION.upper)
    for index, name in enumerate(COORDINATES):
        bounds = getattr(config, name)
        if bounds is not None:
            lower[index], upper[index] = map(float, bounds)
    shortest, longest = config.clips
    upper[3], shortest = _fit_wavelength(lower, upper, max(2, shortest))
    gain = config.gain or _gain_range(lower, upper, steps)
    return AdmissibleRegion(
        lower=tuple(lower),
        upper=tuple(upper),
        clips=(shortest, max(longest, shortest)),
        steps=steps,
        gain=gain,
        soft_onset=config.soft_onset,
    )


def _fit_wavelength(lower: list[float], upper: list[float], shortest: int) -> tuple[float, int]:
    """(longest wavelength, least clip count) for which every design has a growing mode on the axis."""

    def needed(longest: float) -> int:
        return least_clips(tuple(lower), (*upper[:3], longest, upper[4]))

    if needed(upper[3]) <= shortest:
        return upper[3], shortest
    # The least range that leaves a choice between wavelengths.
    low, high = min(1.5 * lower[3], upper[3]), upper[3]
    if needed(low) > shortest:
        return high, needed(high)
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if needed(middle) <= shortest else (low, middle)
    return low, shortest


def _gain_range(lower: list[float], upper: list[float], steps: int) -> tuple[float, float]:
    """Gains over N steps that the box spans, found on a grid and widened; the box certificate is the proof."""
    axes = [np.linspace(a, b, 7) for a, b in zip(lower, upper, strict=True)]
    grid = [axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")]
    gains = pattern_gain(PatternDesign(*grid), steps)
    return 1.0 + (1.0 - GAIN_MARGIN) * (float(gains.min()) - 1.0), float(gains.max()) ** (1.0 + GAIN_MARGIN)
