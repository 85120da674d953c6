"""How much video does a window need, and what does cutting change? Certified bounds of the fusion layer's output.

The score of a clip sees `CONTRAST_RADIUS` clips to each side and no further. The steps see everything, but ever less
of it: `rdmf_theory.layer.locality` bounds what a cut H clips away changes in u and v. Here the layer's own ranges are
put in, and the bound is carried through the readout to the fused clips:

    |offline - windowed| <= L (sum over channels of (error_v / v*)^2 + (error_u / u*)^2)^(1/2)

L is the slope of readout, feed-forward and normalisation, the worst there is (`streaming.readout_bound`). For a window
that was computed, `certify_block` uses its clips. p(x) = x/(1 + |x|/2), through which v/v* - 1 is read, moves by no
more than x does. Rounding comes on top: docs/streaming.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from rdmf_model.constraints.base import Design
from rdmf_model.fusion.reaction_diffusion import CONTRAST_RADIUS, ReactionDiffusionFusion
from rdmf_model.streaming.readout_bound import fused_change, readout_slope
from rdmf_theory.chart import Parameters
from rdmf_theory.errors import ParameterError
from rdmf_theory.layer.locality import FieldBounds, HaloBound, InputRange, enclose_window, field_bounds, halo_bound

# relative float32 rounding of gains and initial values, with room; and of a tilt, for each score that it sums
_ROUNDING, _ROUNDING_PER_SCORE = 1e-5, 2.0**-22


@dataclass(frozen=True)
class WindowPlan:
    """How windows of one layer and one text are cut.

    radius: clips that the contrast sees to each side.  halo: clips of reaction-diffusion beyond what is kept.
    bound: certified |offline - windowed| of the vector of a clip's fused channels, thus of every channel, and of the
        pattern, in exact arithmetic, any video.
    """

    radius: int
    halo: int
    bound: float

    @property
    def reach(self) -> int:
        """Clips to each side that a window needs beyond what it keeps, radius + halo."""
        return self.radius + self.halo


class BlockBound(NamedTuple):
    """Certified |offline - windowed| of the clips of one block in exact arithmetic: clips (n, C), pattern (n,)."""

    clips: Tensor
    pattern: Tensor

    @property
    def largest(self) -> float:
        """The largest of all, NaN where there is one."""
        return float(torch.maximum(self.clips.max(), self.pattern.max()))


@dataclass(frozen=True)
class LayerRange:
    """The layer for one text, as the theory sees it: parameters and input ranges per channel, float64 arrays (C,)."""

    parameters: Parameters
    inputs: InputRange
    u_star: np.ndarray
    v_star: np.ndarray
    steps: int

    def halo_bound(self) -> HaloBound:
        """A-priori bound of the fields against the halo."""
        return halo_bound(self.parameters, self.inputs, self.steps)

    @cached_property
    def field_bounds(self) -> FieldBounds:
        """Bounds of the fields in any video."""
        return field_bounds(self.parameters, self.inputs, self.steps)


def layer_range(fusion: ReactionDiffusionFusion, design: Design) -> LayerRange:
    """What is known of every video under this design (tensors (C,)), the tilt being in [-1, 1] up to rounding."""

    def array(x: Tensor) -> np.ndarray:
        return x.detach().cpu().double().numpy()

    rates = (array(getattr(design, name)) for name in ("F", "k", "s", "D_u", "D_v"))
    parameters = Parameters(*rates)
    u_star, v_star = array(design.u_star), array(design.v_star)
    fraction = float(fusion.constraint.modulation_fraction)
    # at most 0.9 times a little more than 1
    share = array(fusion.initial_tilt()) * (1 + _ROUNDING + _ROUNDING_PER_SCORE * len(fusion.gain_scale))
    inputs = InputRange(
        u_hi=u_star,
        v_lo=v_star * (1 - share) * (1 - _ROUNDING),
        v_hi=v_star * (1 + share) * (1 + _ROUNDING),
        gain_lo=parameters.s * array(design.gain_lo) ** fraction * (1 - _ROUNDING),
        gain_hi=parameters.s * array(design.gain_hi) ** fraction * (1 + _ROUNDING),
    )
    return LayerRange(parameters, inputs, u_star, v_star, fusion.steps)


@torch.no_grad()
def plan_windows(
    fusion: ReactionDiffusionFusion, query: Tensor, tolerance: float = 1e-6, halo: int | None = None
) -> WindowPlan:
    """The halo that this text's designs need, for any video.

    Arguments:
        fusion: in evaluation mode.
        query: pooled text, (C,).
        tolerance: what cutting may change in a fused channel or in the pattern, > 0.
        halo: use this many clips instead; the plan then says what bound they give.
    Raises: ParameterError for a layer in training mode, a tolerance or a halo that is not as above.
    """
    if fusion.training:
        raise ParameterError("fusion must be in evaluation mode: dropout differs between windows. Call fusion.eval().")
    if not (math.isfinite(tolerance) and tolerance > 0):
        raise ParameterError(f"tolerance must be finite and positive. Got {tolerance!r}; 1e-6 is usual.")
    if halo is not None and (int(halo) != halo or halo < 0):
        raise ParameterError(f"halo must be an integer >= 0, or None for the certified one. Got {halo!r}.")
    layer = layer_range(fusion, fusion.design(query[None]).map(lambda x: x[0]))
    bound = layer.halo_bound()
    # the pattern is scale times a mean over channels: the same norm bounds it
    slope = max(readout_slope(fusion), float(fusion.pattern_scale.abs()), 1e-300)
    if halo is None:
        halo = bound.least_halo(tolerance / slope, 1 / layer.u_star, 1 / layer.v_star)
    u, v = bound.errors(halo)
    error = slope * float(np.sqrt(np.sum((u / layer.u_star) ** 2 + (v / layer.v_star) ** 2)))
    return WindowPlan(radius=CONTRAST_RADIUS, halo=int(halo), bound=error)


@torch.no_grad()
def certify_block(
    fusion: ReactionDiffusionFusion,
    design: Design,
    score: Tensor,
    video: Tensor,
    kept: slice,
    *,
    cut_start: bool,
    cut_end: bool,
    layer: LayerRange | None = None,
) -> BlockBound:
    """Certified |offline - windowed| of the fused clips and the pattern in one window, from the window itself.

    Arguments:
        design: of the text, tensors (1, 1, C).
        score: the window's exact scores, (1, W, C).
        video: the kept clips, (1, n, C).  kept: where in the window they lie.
        cut_start, cut_end: whether the video goes on beyond that end of the window.
        layer: `layer_range` of the design, where many blocks share it: what it knows of any video is computed once.
    Returns: bounds in exact arithmetic, float64; 0 for a window without cuts.
    """
    if not (cut_start or cut_end):
        return BlockBound(torch.zeros_like(video[0], dtype=torch.float64), video.new_zeros(video.shape[1]).double())
    layer = layer or layer_range(fusion, design.map(lambda x: x[0, 0]))
    double = design.map(lambda x: x.double())
    tilt = fusion.tilt(score.double())
    gain = double.s * fusion.constraint.modulate(double, tilt)
    initial = 1.0 + fusion.initial_tilt() * tilt
    found = enclose_window(
        layer.u_star,
        (double.v_star * initial)[0].cpu().numpy(),
        gain[0].cpu().numpy(),
        layer.parameters,
        layer.field_bounds,
        cut_start=cut_start,
        cut_end=cut_end,
    )
    error_v, error_u = found.error_v[kept] / layer.v_star, found.error_u[kept] / layer.u_star
    activator = found.v[kept] / layer.v_star - 1
    activator = activator / (1 + np.abs(activator) / 2)
    device = video.device
    change = torch.from_numpy(np.concatenate([error_v, error_u], axis=-1)).to(device)
    fields = torch.from_numpy(np.concatenate([activator, found.u[kept] / layer.u_star - 1], axis=-1)).to(device)
    read = video[0].double() + fields @ fusion.readout_matrix().double().T
    share = torch.softmax(fusion.pattern_weight.double(), dim=0)
    pattern = (change[:, : fusion.channels] @ share) * fusion.pattern_scale.abs()
    return BlockBound(fused_change(fusion, read, change), pattern)
