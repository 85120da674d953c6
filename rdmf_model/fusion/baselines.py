"""The rivals of reaction-diffusion: none, convolution, cross-attention, self-attention.

Arguments and result of every `forward` are those of `fusion.base.Fusion`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rdmf_model.fusion.base import FeedForward, Fusion, FusionOutput, clip_positions
from rdmf_model.fusion.inputs import check_inputs


class NoFusion(Fusion):
    """Text meets video in the heads only: the clips pass through a normalisation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(
        self,
        video: Tensor,
        text: Tensor,
        query: Tensor,
        video_mask: Tensor | None = None,
        text_mask: Tensor | None = None,
    ) -> FusionOutput:
        check_inputs(video, text, query, video_mask, text_mask, self.norm.weight)
        return FusionOutput(self.norm(video), None)


class ConvolutionFusion(Fusion):
    """Two temporal convolutions over `[clip, clip ∘ query]`, with residual."""

    def __init__(self, channels: int, dropout: float, kernel_size: int = 5) -> None:
        super().__init__()
        self.first = nn.Conv1d(2 * channels, channels, kernel_size, padding=kernel_size // 2)
        self.second = nn.Conv1d(channels, channels, kernel_size, padding=kernel_size // 2)
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(channels)

    def forward(
        self,
        video: Tensor,
        text: Tensor,
        query: Tensor,
        video_mask: Tensor | None = None,
        text_mask: Tensor | None = None,
    ) -> FusionOutput:
        video_mask, _ = check_inputs(video, text, query, video_mask, text_mask, self.norm.weight)
        valid = video_mask[:, None, :]
        pair = torch.cat([video, video * query[:, None, :]], dim=-1).transpose(1, 2) * valid
        hidden = nn.functional.gelu(self.first(pair)) * valid
        mixed = self.second(self.dropout(hidden)).transpose(1, 2)
        return FusionOutput(self.norm(video + self.dropout(mixed)), None)


class SelfAttentionLayer(nn.Module):
    """Pre-normalised self-attention with sinusoidal positions on queries and keys, then a feed-forward block."""

    def __init__(self, channels: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.attention = nn.MultiheadAttention(channels, heads, dropout=dropout, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.feedforward = FeedForward(channels, feedforward, dropout)

    def forward(self, x: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
        y = self.norm(x)
        keyed = y + positions
        mixed, _ = self.attention(keyed, keyed, y, key_padding_mask=~mask, need_weights=False)
        return self.feedforward(x + self.dropout(mixed))


class CrossAttentionFusion(Fusion):
    """QD-DETR-like: clips attend to the words, then to each other."""

    def __init__(self, channels: int, heads: int, feedforward: int, dropout: float, temporal: bool = True) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.attention = nn.MultiheadAttention(channels, heads, dropout=dropout, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.feedforward = FeedForward(channels, feedforward, dropout)
        self.temporal = SelfAttentionLayer(channels, heads, feedforward, dropout) if temporal else None
        self.final_norm = nn.LayerNorm(channels)

    def forward(
        self,
        video: Tensor,
        text: Tensor,
        query: Tensor,
        video_mask: Tensor | None = None,
        text_mask: Tensor | None = None,
    ) -> FusionOutput:
        video_mask, text_mask = check_inputs(video, text, query, video_mask, text_mask, self.final_norm.weight)
        positions = clip_positions(video.shape[1], video.shape[2], video.device, video.dtype)
        mixed, _ = self.attention(
            self.norm(video) + positions, text, text, key_padding_mask=~text_mask, need_weights=False
        )
        clips = self.feedforward(video + self.dropout(mixed))
        if self.temporal is not None:
            clips = self.temporal(clips, positions, video_mask)
        return FusionOutput(self.final_norm(clips), None)


class SelfAttentionFusion(Fusion):
    """Moment-DETR-like: one sequence of clips and words through two self-attention layers."""

    def __init__(self, channels: int, heads: int, feedforward: int, dropout: float, layers: int = 2) -> None:
        super().__init__()
        self.kind = nn.Parameter(torch.zeros(2, channels))
        self.layers = nn.ModuleList(SelfAttentionLayer(channels, heads, feedforward, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(channels)

    def forward(
        self,
        video: Tensor,
        text: Tensor,
        query: Tensor,
        video_mask: Tensor | None = None,
        text_mask: Tensor | None = None,
    ) -> FusionOutput:
        video_mask, text_mask = check_inputs(video, text, query, video_mask, text_mask, self.norm.weight)
        clips = video.shape[1]
        x = torch.cat([video + self.kind[0], text + self.kind[1]], dim=1)
        mask = torch.cat([video_mask, text_mask], dim=1)
        # Words carry no position: they were contextualised, in order, by the text encoder.
        positions = torch.zeros_like(x[:1])
        positions[:, :clips] = clip_positions(clips, video.shape[2], video.device, video.dtype)
        for layer in self.layers:
            x = layer(x, positions, mask)
        return FusionOutput(self.norm(x[:, :clips]), None)


def linear_scan(decay: Tensor, drive: Tensor) -> Tensor:
    """h_t = decay_t h_{t-1} + drive_t with h_{-1} = 0 along axis 1, in log2(T) passes; shape of `drive` (B, T, C)."""
    distance = 1
    while distance < drive.shape[1]:
        carried = drive[:, distance:] + decay[:, distance:] * drive[:, :-distance]
        product = decay[:, distance:] * decay[:, :-distance]
        drive = torch.cat([drive[:, :distance], carried], dim=1)
        decay = torch.cat([decay[:, :distance], product], dim=1)
        distance *= 2
    return drive


class LinearRecurrenceFusion(Fusion):
    """State-space style: a gated linear recurrence over `[clip, clip ∘ query]` in each direction, with residual.

    h_t = a_t h_{t-1} + (1 - a_t) b_t with a_t = sigmoid(W_a y_t), b_t = W_b y_t per channel, and the same from the end.
    Memories are spread at initialisation, a = 0.5 to 0.98.
    """

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        self.channels = channels
        self.norm = nn.LayerNorm(channels)
        self.inner = nn.Linear(2 * channels, 4 * channels)
        self.outer = nn.Linear(2 * channels, channels)
        self.dropout = nn.Dropout(dropout)
        with torch.no_grad():
            self.inner.bias[: 2 * channels] = torch.linspace(0.0, 4.0, channels).repeat(2)

    def forward(
        self,
        video: Tensor,
        text: Tensor,
        query: Tensor,
        video_mask: Tensor | None = None,
        text_mask: Tensor | None = None,
    ) -> FusionOutput:
        video_mask, _ = check_inputs(video, text, query, video_mask, text_mask, self.norm.weight)
        valid = video_mask[..., None]
        y = self.norm(video)
        gate, drive = self.inner(torch.cat([y, y * query[:, None]], dim=-1)).chunk(2, dim=-1)
        decay = torch.sigmoid(gate)
        # padding passes the state on unchanged and adds nothing
        drive = torch.where(valid, (1.0 - decay) * drive, 0.0)
        decay = torch.where(valid, decay, 1.0)
        forth = linear_scan(decay[..., : self.channels], drive[..., : self.channels])
        back = linear_scan(decay[..., self.channels :].flip(1), drive[..., self.channels :].flip(1)).flip(1)
        return FusionOutput(video + self.dropout(self.outer(torch.cat([forth, back], dim=-1))), None)
