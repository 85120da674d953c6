"""Which admissible region is a model trained under? The configuration's bounds, fitted to the data where they say
"auto"."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rdmf_theory.chart import PatternDesign
from rdmf_theory.errors import ParameterError
from rdmf_theory.formulas import SOFT_ONSET_RATIO
from rdmf_theory.layer.step import pattern_gain
from rdmf_theory.regions.admissible import COORDINATES, DEFAULT_REGION, AdmissibleRegion, least_clips

if TYPE_CHECKING:
    from rdmf_model.config.config import RegionConfig

# How much of the range of gains found on a grid is added on both sides, of gain - 1 and in log.
GAIN_MARGIN = 0.1
# How far below the soft-onset limit of u_star a box ends, so that rounding cannot cross it.
SOFT_ONSET_MARGIN = 1e-3


def build_region(config: RegionConfig, steps: int) -> AdmissibleRegion:
    """The region of a resolved configuration for N = `steps` layer steps.

    Bounds that the configuration leaves open are those of `DEFAULT_REGION`. Where the longest wavelength would leave
    the shortest videos without a growing mode it is shortened; where even the least range of wavelengths cannot help,
    the region answers for longer videos only (its `clips` say which), and shorter ones keep every other condition.
    With `soft_onset` the upper bound of u_star is lowered to where every onset is soft.

    Raises: ParameterError if an "auto" was not resolved, or the box holds designs that are not admissible.
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
    if config.soft_onset:
        upper[0] = min(upper[0], soft_onset_limit() - SOFT_ONSET_MARGIN)
    _check_box(lower, upper)
    shortest, longest = config.clips
    upper[3], shortest = _fit_wavelength(lower, upper, max(2, shortest))
    gain = _gain_range(lower, upper, steps, config.gain)
    return AdmissibleRegion(
        lower=tuple(lower),
        upper=tuple(upper),
        clips=(shortest, max(longest, shortest)),
        steps=steps,
        gain=gain,
        soft_onset=config.soft_onset,
    )


def soft_onset_limit() -> float:
    """The u* below which every onset is soft, whatever z: `(√(1 − 2u) + √(2 − 2u))² = 1/ρ*`, solved for u."""
    root = math.sqrt(1.0 / SOFT_ONSET_RATIO)
    # with a = sqrt(1 - 2u): sqrt(1 + a^2) = root - a
    a = (root**2 - 1.0) / (2.0 * root)
    return (1.0 - a**2) / 2.0


def _check_box(lower: list[float], upper: list[float]) -> None:
    """Refuse a box with designs that no video length and no number of steps makes admissible."""
    (u_low, z_low, excess_low), (u_high, z_high) = lower[:3], upper[:2]
    if not u_low <= u_high:
        raise ParameterError(
            f"model.region.u_star must begin at most at {u_high:.6g} (soft_onset). Got {u_low}; lower it, or give up "
            "model.region.soft_onset."
        )
    rules = {
        "u_star": (u_high < 0.5, "end below 1/2 (v_rich)", u_high, "lower its upper bound"),
        "z": (z_low > 1.0, "begin above 1 (damped)", z_low, "raise its lower bound"),
        "z times u_star": (z_high * u_high < 1.0, "stay below 1 (fed)", z_high * u_high, "lower an upper bound"),
        "excess": (excess_low > 1.0, "begin above 1 (turing)", excess_low, "raise its lower bound"),
    }
    for name, (holds, rule, value, remedy) in rules.items():
        if not holds:
            raise ParameterError(f"model.region.{name} must {rule}. Got {value:.6g}; {remedy}.")


def _fit_wavelength(lower: list[float], upper: list[float], shortest: int) -> tuple[float, int]:
    """(longest wavelength, least clip count) for which every design has a growing mode on the axis.

    Raises: ParameterError if no clip count in reach has one for every design.
    """

    def needed(longest: float) -> float:
        try:
            return least_clips(tuple(lower), (*upper[:3], longest, upper[4]))
        except ParameterError:
            return math.inf

    if needed(upper[3]) <= shortest:
        return upper[3], shortest
    # The least range that leaves a choice between wavelengths.
    low, high = min(1.5 * lower[3], upper[3]), upper[3]
    if needed(low) > shortest:
        least = needed(high)
        if not math.isfinite(least):
            raise ParameterError(
                "model.region must leave every design a growing mode on videos of some length. Got wavelengths of "
                f"{lower[3]:.6g} to {high:.6g} clips with excess from {lower[2]:.6g}, which fit no length up to 512; "
                "shorten model.region.wavelength or raise the lower bound of model.region.excess."
            )
        return high, int(least)
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if needed(middle) <= shortest else (low, middle)
    return low, shortest


def _gain_range(
    lower: list[float], upper: list[float], steps: int, given: tuple[float, float] | None
) -> tuple[float, float]:
    """Gains over N steps that the box spans, found on a grid and widened; the box certificate is the proof.

    Gains that the configuration gives are kept. Raises: ParameterError if they do not hold what the grid found.
    """
    axes = [np.linspace(a, b, 7) for a, b in zip(lower, upper, strict=True)]
    grid = [axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")]
    gains = pattern_gain(PatternDesign(*grid), steps)
    least, most = float(gains.min()), float(gains.max())
    if given is None:
        return 1.0 + (1.0 - GAIN_MARGIN) * (least - 1.0), most ** (1.0 + GAIN_MARGIN)
    if not given[0] <= least <= most <= given[1]:
        raise ParameterError(
            f"model.region.gain must hold the gains of the box over {steps} steps, {least:.6g} to {most:.6g}. "
            f"Got {given}; widen it, leave it out, or narrow the box (excess, rate)."
        )
    return given
