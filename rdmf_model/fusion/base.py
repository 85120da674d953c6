"""What every fusion shares: the base class, its answer, the feed-forward block, positions of clips."""

from __future__ import annotations

import math
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn


class FusionOutput(NamedTuple):
    """Fused clips (B, T, C), and the pattern (B, T) that proposes moments, None where a fusion has none of its own."""

    clips: Tensor
    pattern: Tensor | None


class Evidence(NamedTuple):
    """What a saliency starts from: the closed-form score (B, T), 0 in the padding, and the cosine of each clip's
    features with the next clip's, (B, T - 1)."""

    score: Tensor
    cosine: Tensor


class Fusion(nn.Module):
    """Base of every fusion: projected clips and a text go in, fused clips come out.

    A subclass defines `forward`. One whose reaction is driven by designs of an admissible region also overrides
    the other methods, and sets the flags that hold for it.

    Attributes:
        has_region: its parameters come from a constraint on an admissible region, which can be certified.
        supports_chunks: a clip's answer depends on a bounded neighbourhood up to a certified error, so that long and
            running videos can be fused in chunks.
        takes_evidence: `forward` needs `evidence`, and its pattern stands for the evidence at full size.
        takes_score: `start_score` starts it from a score that was fitted in closed form.
    """

    has_region: ClassVar[bool] = False
    supports_chunks: ClassVar[bool] = False
    takes_evidence: ClassVar[bool] = False
    takes_score: ClassVar[bool] = False

    def forward(
        self,
        video: Tensor,
        text: Tensor,
        query: Tensor,
        video_mask: Tensor | None = None,
        text_mask: Tensor | None = None,
    ) -> FusionOutput:
        """Fuse clips with a text. A subclass starts with `inputs.check_inputs`, which refuses what is not as below.

        Arguments:
            video: projected clips (B, T, C), 0 in the padding.  video_mask: (B, T) bool, the valid clips first.
            text: projected words (B, L, C).  text_mask: (B, L) bool.  A mask that is None says that all are valid.
            query: the pooled text, (B, C).
        """
        raise NotImplementedError(f"{type(self).__name__} must define forward.")

    def conductances(self, video: Tensor, cosine: Tensor, video_mask: Tensor) -> Tensor | None:
        """Between neighbouring clips, (B, T - 1) in [0, 1], small at cuts; None where nothing stops at cuts."""
        return None

    def reaction_parameters(self) -> list[nn.Parameter]:
        """The parameters that choose designs and drive the reaction; they have their own learning rate."""
        return []

    def margins(self) -> dict[str, float]:
        """Worst margin of each condition of the region over the channels' designs for an empty text."""
        return {}

    def penalty(self, query: Tensor) -> Tensor | None:
        """Distance of the designs for `query` (B, C) from the region; None where they cannot leave it."""
        return None

    def start_score(self, cosine: float, direction: Tensor) -> None:
        """Start from the score `cosine * cos(clip, query) + direction . clip`, (C,); see `takes_score`."""

    def use_reference(self) -> None:
        """Compute by the plain torch reference from now on, as an exported program must."""


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
