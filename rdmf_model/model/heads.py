"""How do fused clips become moments and saliency? DETR-style decoder, boundary head, saliency head."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rdmf_model.fusion.base import FeedForward, clip_positions
from rdmf_model.model.spans import span_cxw_to_xx, span_iou, span_xx_to_cxw
from rdmf_model.ops.scores.direction import direction


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
        cosine = torch.einsum("btc,bc->bt", direction(clips), direction(query))
        return self.scale * cosine + self.plain(clips).squeeze(-1)


# Clips on either side that a clip is compared with to find cuts.
SIMILARITY_REACH = 8


def self_similarity(features: Tensor, video_mask: Tensor, reach: int = SIMILARITY_REACH) -> Tensor:
    """Cosine of each clip with its neighbours up to `reach` clips to either side, 0 past the ends; (B, T, 2·reach).

    A cut is where similarity to one side drops: the classical cue for the edges of a moment, independent of the text.
    """
    unit = direction(features) * video_mask[..., None]
    clips = unit.shape[1]
    beyond = nn.functional.pad(unit, (0, 0, 0, reach))
    columns: list[Tensor] = []
    for offset in range(1, reach + 1):
        later = (unit * beyond[:, offset : offset + clips]).sum(-1)
        earlier = nn.functional.pad(later, (offset, 0))[:, :clips]
        columns += [earlier, later]
    return torch.stack(columns, dim=-1)


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
    """Refine and rank moment queries: seeded with proposed spans, or with learned ones.

    A query's content is the mean of the clips under its span; its position is an embedding of the evidence about the
    span (`span_evidence`). Each layer moves the span's edges towards the clips' votes by a learned share, adds a
    correction in logit space, and scores the result from the query and the evidence about the refined span.
    """

    def __init__(
        self, channels: int, heads: int, feedforward: int, dropout: float, layers: int, learned: int | None
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(DecoderLayer(channels, heads, feedforward, dropout) for _ in range(layers))
        self.where = nn.Sequential(nn.Linear(EVIDENCE, channels), nn.GELU(), nn.Linear(channels, channels))
        self.content = nn.Linear(channels, channels)
        self.norm = nn.LayerNorm(channels)
        self.refine = nn.Linear(channels, 4)
        nn.init.zeros_(self.refine.weight)
        with torch.no_grad():
            # A quarter of the way to the votes, no correction.
            self.refine.bias.copy_(torch.tensor([-1.0, -1.0, 0.0, 0.0]))
        self.classify = nn.Sequential(
            nn.Linear(channels + EVIDENCE, channels), nn.GELU(), nn.Dropout(dropout), nn.Linear(channels, 1)
        )
        self.learned_spans = nn.Parameter(torch.randn(learned, 2)) if learned else None

    def initial_spans(self, batch_size: int) -> Tensor | None:
        """Learned spans (B, Q, 2) as (centre, width), None where queries are seeded."""
        return None if self.learned_spans is None else self.learned_spans.sigmoid().expand(batch_size, -1, -1)

    def forward(
        self, spans: Tensor, clips: Tensor, votes: Tensor, saliency: Tensor, lengths: Tensor, video_mask: Tensor
    ) -> list[tuple[Tensor, Tensor]]:
        """Return (logits (B, Q), spans (B, Q, 2) as centre and width in [0, 1]) of each layer, last one last.

        Arguments:
            spans: where the queries start, (centre, width) in [0, 1], shape (B, Q, 2).
            clips: fused clips, shape (B, T, C); votes: the span that each clip claims, (B, T, 2), see `BoundaryHead`.
            saliency: shape (B, T); lengths: (B,); video_mask: (B, T).
        """
        positions = clip_positions(clips.shape[1], clips.shape[2], clips.device, clips.dtype)
        clips = clips * video_mask[..., None]
        centred = standardise(saliency, video_mask)
        x = self.content(span_mean(clips, spans, lengths))
        outputs = []
        for layer in self.layers:
            voted, evidence = span_evidence(spans, votes, centred, lengths)
            x = layer(x, self.where(evidence), clips, positions, video_mask)
            y = self.norm(x)
            change = self.refine(y)
            edges = span_cxw_to_xx(spans)
            edges = edges + torch.sigmoid(change[..., :2]) * (voted - edges)
            spans = torch.sigmoid(inverse_sigmoid(span_xx_to_cxw(edges)) + change[..., 2:])
            _, evidence = span_evidence(spans.detach(), votes, centred, lengths)
            outputs.append((self.classify(torch.cat([y, evidence], dim=-1)).squeeze(-1), spans))
            spans = spans.detach()
        return outputs


EVIDENCE = 10


def span_evidence(spans: Tensor, votes: Tensor, saliency: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """What speaks for each span (B, Q, 2), (centre, width): the edges voted under it (B, Q, 2), and a vector (B, Q,
    10).

    The vector: centre, width, log width in clips; distance in clips from each edge to the votes' (bounded), agreement
    (the votes' mean IoU with the span); mean saliency inside, in the half-width flanks before and after, and their gap.
    """
    edges = span_cxw_to_xx(spans)
    voted = span_mean(votes, spans, lengths)
    width_clips = torch.log1p(spans[..., 1:] * lengths[:, None, None])
    distance = torch.tanh((voted - edges) * lengths[:, None, None] / 4.0)
    # IoU of every vote with every span, averaged over the clips under the span.
    agreement = span_mean_of(span_iou(edges, votes), spans, lengths)[..., None]
    inside = span_mean(saliency[..., None], spans, lengths)
    half = spans[..., 1:] / 2
    before = span_mean(saliency[..., None], torch.cat([edges[..., :1] - half / 2, half], -1), lengths)
    after = span_mean(saliency[..., None], torch.cat([edges[..., 1:] + half / 2, half], -1), lengths)
    gap = inside - torch.maximum(before, after)
    return voted, torch.cat([spans, width_clips, distance, agreement, inside, before, after, gap], dim=-1)


def standardise(x: Tensor, mask: Tensor) -> Tensor:
    """Zero mean and unit variance over the valid clips, 0 elsewhere, shape (B, T)."""
    count = mask.sum(1, keepdim=True)
    centred = (x - (x * mask).sum(1, keepdim=True) / count) * mask
    return centred / (centred.square().sum(1, keepdim=True) / count + 1e-4).sqrt()


def span_weights(spans: Tensor, clips: int, lengths: Tensor) -> Tensor:
    """Share of each clip that a span (B, Q, 2), (centre, width) in [0, 1], covers, normalised over the span; (B, Q, T).

    Spans narrower than a clip count as one clip wide. Only the part inside the video counts: a span that hangs over
    its end weighs the same whatever the padding, and one that lies outside weighs nothing. The shares are continuous
    in the span.
    """
    edge = torch.arange(clips, device=spans.device, dtype=spans.dtype)
    centre, width = spans[..., :1] * lengths[:, None, None], spans[..., 1:] * lengths[:, None, None]
    width = width.clamp(min=1.0)
    covered = torch.minimum(centre + width / 2, edge + 1) - torch.maximum(centre - width / 2, edge)
    weight = covered.clamp(0.0, 1.0) * (edge < lengths[:, None, None])
    return weight / weight.sum(-1, keepdim=True).clamp(min=1e-3)


def span_mean(x: Tensor, spans: Tensor, lengths: Tensor) -> Tensor:
    """Mean of `x` (B, T, C) under each span (B, Q, 2), (centre, width) in [0, 1] of the valid length; (B, Q, C)."""
    return torch.einsum("bqt,btc->bqc", span_weights(spans, x.shape[1], lengths), x)


def span_mean_of(x: Tensor, spans: Tensor, lengths: Tensor) -> Tensor:
    """Mean of each query's own row of `x` (B, Q, T) under its span; (B, Q)."""
    return (span_weights(spans, x.shape[2], lengths) * x).sum(-1)
