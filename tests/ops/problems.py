"""Inputs of the reaction-diffusion operator for tests: admissible designs' orders of magnitude, drawn from a seed."""

import torch
from torch import Tensor

NAMES = ("u0", "v0", "gain", "F", "k", "D_u", "D_v")


def draw_inputs(
    batch: int, clips: int, channels: int, dtype: torch.dtype = torch.float64, seed: int = 0
) -> dict[str, Tensor]:
    """u0, v0, gain (B, T, C) and F, k, D_u, D_v (B, C), the same numbers for every dtype up to rounding to float32."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=generator)

    fields, rates = (batch, clips, channels), (batch, channels)
    values = (
        uniform(0.05, 1.0, *fields),
        uniform(0.0, 0.6, *fields),
        uniform(0.2, 3.0, *fields),
        uniform(0.01, 0.1, *rates),
        uniform(0.01, 0.1, *rates),
        uniform(0.5, 20.0, *rates),
        uniform(0.05, 2.0, *rates),
    )
    return dict(zip(NAMES, (x.to(dtype) for x in values), strict=True))


def ragged_lengths(batch: int, clips: int) -> Tensor:
    """One full sample, one of a single clip, the others in between."""
    return torch.tensor([clips, 1, (clips + 1) // 2, max(1, clips - 1)] * batch)[:batch]


def padding_mask(lengths: Tensor, clips: int) -> Tensor:
    """True in the padding, (B, T, 1)."""
    return torch.arange(clips)[None, :, None] >= lengths[:, None, None]
