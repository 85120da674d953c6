"""How do fused clips become moments and saliency? DETR-style decoder, boundary head, saliency head."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rdmf_model.baselines import FeedForward, clip_positions


def inverse_sigmoid(x: Tensor, margin: float = 1e-3) -> Tensor:
    """logit(x) with x clamped into [margin, 1 − margin]."""
    x = x.clamp(margin, 1 - margin)
    return torch.log(x) - torch.log1p(-x)


class SaliencyHead(nn.Module):
    """Clip-query score, `α cos(x_t, q) + w · x_t + b`, shape (B, T); any real, larger is more salient.

    The query enters by its direction alone: a second matrix on the text side only learns the training sentences by
    heart.
    """

    def __init__(self, channels: int, scale: float = 5.0) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))
        self.plain = nn.Linear(channels, 1)

    def forward(self, clips: Tensor, query: Tensor) -> Tensor:
        cosine = torch.einsum(
            "btc,bc->bt", nn.functional.normalize(clips, dim=-1), nn.functional.normalize(query, dim=-1)
        )
        return self.scale * cosine + self.plain(clips).squeeze(-1)


class BoundaryHead(nn.Module):
    """Distance of each clip's centre to the start and end of the moment around it, in clips, shape (B, T, 2), > 0."""

    def __init__(self, channels: int, kernel_size: int = 5, initial_distance: float = 4.0) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, channels, kernel_size, padding=kernel_size // 2)
        self.out = nn.Linear(channels, 2)
        self.initial_distance = initial_distance

    def forward(self, clips: Tensor, video_mask: Tensor) -> Tensor:
        masked = clips.transpose(1, 2) * video_mask[:, None, :]
        hidden = nn.functional.gelu(self.conv(masked)).transpose(1, 2)
        return self.initial_distance * torch.exp(self.out(hidden).clamp(-6.0, 6.0))

    @staticmethod
    def spans(distance: Tensor, lengths: Tensor) -> Tensor:
        """Spans [start, end] in [0, 1] that each clip claims, `(t + ½ ∓ distance) / T_b`, shape (B, T, 2)."""
        centre = torch.arange(distance.shape[1], device=distance.device, dtype=distance.dtype) + 0.5
        edges = torch.stack([centre - distance[..., 0], centre + distance[..., 1]], dim=-1)
        return (edges / lengths[:, None, None]).clamp(0.0, 1.0)


class DecoderLayer(nn.Module):
    """Self-attention among moment queries, cross-attention to the clips, feed-forward; pre-normalised."""

    def __init__(self, channels: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.self_norm = nn.LayerNorm(channels)
        self.self_attention = nn.MultiheadAttention(channels, heads, dropout=dropout, batch_first=True)
        self.cross_norm = nn.LayerNorm(channels)
        self.cross_attention = nn.MultiheadAttention(channels, heads, dropout=dropout, batch_first=True)
        self.feedforward = FeedForward(channels, feedforward, dropout)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, where: Tensor, clips: Tensor, positions: Tensor, video_mask: Tensor) -> Tensor:
        y = self.self_norm(x)
        mixed, _ = self.self_attention(y + where, y + where, y, need_weights=False)
        x = x + self.dropout(mixed)
        y = self.cross_norm(x)
        mixed, _ = self.cross_attention(
            y + where, clips + positions, clips, key_padding_mask=~video_mask, need_weights=False
        )
        return self.feedforward(x + self.dropout(mixed))


class MomentDecoder(nn.Module):
    """Refine moment queries: seeded with proposed spans, or with learned ones; iterative box refinement.

    A seeded query's content is the mean of the clips under its span plus a projection of the text query; its position
    is an embedding of (centre, width). Each layer adds a correction to the span in logit space.
    """

    def __init__(
        self, channels: int, heads: int, feedforward: int, dropout: float, layers: int, learned: int | None
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(DecoderLayer(channels, heads, feedforward, dropout) for _ in range(layers))
        self.where = nn.Sequential(nn.Linear(6, channels), nn.GELU(), nn.Linear(channels, channels))
        self.content = nn.Linear(channels, channels)
        self.norm = nn.LayerNorm(channels)
        self.refine = nn.Sequential(nn.Linear(channels, channels), nn.GELU(), nn.Linear(channels, 2))
        self.classify = nn.Linear(channels + 2, 1)
        nn.init.zeros_(self.refine[-1].weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.refine[-1].bias)  # type: ignore[arg-type]
        self.learned_spans = nn.Parameter(torch.randn(learned, 2)) if learned else None

    def initial_spans(self, batch_size: int) -> Tensor | None:
        """Learned spans (B, Q, 2) as (centre, width), None where queries are seeded."""
        return None if self.learned_spans is None else self.learned_spans.sigmoid().expand(batch_size, -1, -1)

    def forward(
        self, spans: Tensor, clips: Tensor, query: Tensor, saliency: Tensor, lengths: Tensor, video_mask: Tensor
    ) -> list[tuple[Tensor, Tensor]]:
        """Return (logits (B, Q), spans (B, Q, 2) as centre and width in [0, 1]) of each layer, last one last."""
        positions = clip_positions(clips.shape[1], clips.shape[2], clips.device, clips.dtype)
        clips = clips * video_mask[..., None]
        x = self.content(span_mean(clips, spans, lengths))
        centred = saliency - (saliency * video_mask).sum(1, keepdim=True) / lengths[:, None]
        centred = (centred * video_mask)[..., None]
        outputs = []
        for layer in self.layers:
            start, end = spans[..., 0] - spans[..., 1] / 2, spans[..., 0] + spans[..., 1] / 2
            width_clips = torch.log1p(spans[..., 1] * lengths[:, None])
            where = self.where(
                torch.stack([spans[..., 0], spans[..., 1], start, end, width_clips, width_clips.sin()], -1)
            )
            x = layer(x, where, clips, positions, video_mask)
            y = self.norm(x)
            spans = torch.sigmoid(inverse_sigmoid(spans) + self.refine(y))
            # A moment is worth what the saliency under it is worth, against what surrounds it.
            inside = span_mean(centred, spans, lengths)
            wider = torch.stack([spans[..., 0], (2 * spans[..., 1]).clamp(max=1.0)], -1)
            outputs.append(
                (self.classify(torch.cat([y, inside, span_mean(centred, wider, lengths)], -1)).squeeze(-1), spans)
            )
            spans = spans.detach()
        return outputs


def span_mean(x: Tensor, spans: Tensor, lengths: Tensor) -> Tensor:
    """Mean of `x` (B, T, C) under each span (B, Q, 2), (centre, width) in [0, 1] of the valid length; shape (B, Q, C).

    Clips count by the part of them that the span covers, so the mean is continuous in the span.
    """
    edge = torch.arange(x.shape[1], device=x.device, dtype=x.dtype)
    centre, width = spans[..., :1] * lengths[:, None, None], spans[..., 1:] * lengths[:, None, None]
    width = width.clamp(min=1.0)
    covered = torch.minimum(centre + width / 2, edge + 1) - torch.maximum(centre - width / 2, edge)
    weight = covered.clamp(0.0, 1.0)
    return torch.einsum("bqt,btc->bqc", weight, x) / weight.sum(-1, keepdim=True).clamp(min=1e-3)
