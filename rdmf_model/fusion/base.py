"""What every fusion shares: its answer, the feed-forward block, positions of clips."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn


class FusionOutput(NamedTuple):
    """Fused clips (B, T, C), and the pattern (B, T) that proposes moments, None where a fusion has none of its own."""

    clips: Tensor
    pattern: Tensor | None


def clip_positions(clips: int, channels: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Sinusoidal positions, `sin(t / 10000^(2i/C))` and `cos`, shape (T, C), with no cap on T."""
    time = torch.arange(clips, device=device, dtype=torch.float32)[:, None]
    half = (channels + 1) // 2
    frequency = torch.exp(-math.log(10000.0) * torch.arange(half, device=device, dtype=torch.float32) / half)
    angle = time * frequency
    return torch.cat([angle.sin(), angle.cos()], dim=-1)[:, :channels].to(dtype)


class FeedForward(nn.Module):
    """Pre-normalised feed-forward block with residual, `x + W₂ gelu(W₁ LN(x))`."""

    def __init__(self, channels: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.LayerNorm(channels),
            nn.Linear(channels, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, channels),
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as `x`."""
        return x + self.dropout(self.block(x))
