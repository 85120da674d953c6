"""The model with a span table: word-level matching, positions, one fusion over time, saliency at full size, span table.

    x_t = W_a f_t + W_r f_t + P pos_t                   aligned and raw features of a clip, its positions
    x_t = FFN(x_t + m_t ∘ (1 + LN(x_t))),  m_t = attention(LN(x_t), words)
    x'_t, pattern = fusion(x, ...)                      any fusion; a feed-forward block fills the parameter budget
    local_t  = (pattern_t or a · evidence_t) + w · LN(x'_t)
    logits = span table of (x', local)
    saliency_t = local_t + c log(P(clip t lies in the moment) + 0.01), the probability by the table

The closed-form evidence enters the saliency beside every normalisation, for every fusion alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from rdmf_model.fusion.base import Evidence, Fusion
from rdmf_model.model.base import FeatureProjection, MomentOutputs, RetrievalModel
from rdmf_model.model.heads import SIMILARITY_REACH, self_similarity
from rdmf_model.model.span_table import SpanTable, candidate_spans, choose, coverage, span_targets
from rdmf_model.model.text import AttentionPooling

if TYPE_CHECKING:
    from rdmf_model.data.batch import Batch, Sample

POSITIONS = 64
# Of the probability that a clip lies in the moment, before its logarithm: what is below it counts as nothing.
COVERAGE_FLOOR = 0.01


def _waves(x: Tensor, count: int, shortest: float, longest: float) -> Tensor:
    """sin and cos of `x` at `count / 2` wavelengths from `shortest` to `longest`, geometric; (..., count)."""
    low, high = math.log(2 * math.pi / longest), math.log(2 * math.pi / shortest)
    angle = x[..., None] * torch.exp(torch.linspace(low, high, count // 2, device=x.device)).to(x.dtype)
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


def end_positions(lengths: Tensor, clips: int, dtype: torch.dtype) -> Tensor:
    """Where each clip lies, from the start, from both ends and as a share of the video; (B, T, `POSITIONS`)."""
    time = torch.arange(clips, device=lengths.device, dtype=dtype) + 0.5
    length = lengths[:, None].to(dtype)
    share = (time / length).clamp(0.0, 1.0)
    start = time.expand(len(lengths), clips)
    parts = [
        _waves(start, 16, 2.0, 512.0),
        _waves(start.clamp(max=64), 16, 2.0, 128.0),
        _waves((length - time).clamp(0, 64), 16, 2.0, 128.0),
        _waves(32 * share, 12, 2.0, 64.0),
        torch.stack([share, 1 - share, (share - 0.5).abs(), (length.log() / 4).expand_as(share)], dim=-1),
    ]
    return torch.cat(parts, dim=-1)


class ClosedFormEvidence(nn.Module):
    """Score of a clip for a text that was fitted before training, `a cos(x_t, q) + b · f_t`, centred over the video.

    x_t is the aligned clip, f_t its standardised features. The weights are buffers: 0 and 1 until `fit`.
    """

    weight: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        weight = torch.zeros(features + 2)
        weight[0] = 1.0
        self.register_buffer("weight", weight)

    @staticmethod
    def columns(features: Tensor, video: Tensor, query: Tensor) -> Tensor:
        """(..., T, C_v + 2): cosine and scaled product with the query, and the features."""
        cosine = torch.cosine_similarity(video, query[..., None, :], dim=-1)
        product = (video * query[..., None, :]).mean(-1)
        return torch.cat([cosine[..., None], product[..., None], features], dim=-1)

    def forward(self, features: Tensor, video: Tensor, query: Tensor, video_mask: Tensor) -> Tensor:
        """Score (B, T), mean 0 over the valid clips of each video and 0 in the padding."""
        score = (self.columns(features, video, query) @ self.weight) * video_mask
        return (score - score.sum(1, keepdim=True) / video_mask.sum(1, keepdim=True)) * video_mask

    @torch.no_grad()
    def fit(self, model: SpanModel, samples: Sequence[Sample], ridge: float = 0.3) -> None:
        """Ridge regression of relevance on the columns, both centred per video; every query weighs the same.

        Features are penalised by `ridge`, the two columns that match with the text hardly. The score has unit variance
        over the clips of a video, on average over the training set.
        """
        size = len(self.weight)
        gram = torch.zeros(size, size, dtype=torch.float64)
        cross = torch.zeros(size, dtype=torch.float64)
        count = 0
        training = model.training
        model.eval()
        device = self.weight.device
        for sample in samples:
            if not bool(sample.relevance.any()):
                continue
            features = model.video_projection.standardise(sample.video.float().to(device))
            video = model.video_projection.linear(features)
            text = model.text_projection(sample.text.float().to(device)[None])
            query = model.pooling(text, torch.ones(text.shape[:2], dtype=torch.bool, device=device))[0]
            columns = self.columns(features, video, query).double().cpu()
            columns = columns - columns.mean(0)
            target = sample.relevance.double() - sample.relevance.double().mean()
            gram += columns.T @ columns / len(target)
            cross += columns.T @ target / len(target)
            count += 1
        model.train(training)
        if count == 0:
            return
        penalty = torch.full((size,), ridge * count, dtype=torch.float64)
        penalty[:2] = 1e-3 * count
        weight = torch.linalg.solve(gram + torch.diag(penalty), cross)
        self.weight.copy_((weight / (weight @ gram @ weight / count).sqrt().clamp(min=1e-9)).float())


class SharedDropout(nn.Module):
    """Dropout of whole channels: one mask per sample, shared by its clips; (B, T, C)."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.probability == 0.0:
            return x
        keep = 1.0 - self.probability
        return x * (torch.rand(x.shape[0], 1, x.shape[2], device=x.device) < keep).to(x.dtype) / keep


class Block(nn.Module):
    """Pre-normalised feed-forward block with residual, `x + W₂ gelu(W₁ LN(x))`, with `SharedDropout`."""

    def __init__(self, channels: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.inner, self.outer = nn.Linear(channels, hidden), nn.Linear(hidden, channels)
        self.dropout = SharedDropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Shape of `x`."""
        hidden = self.dropout(nn.functional.gelu(self.inner(self.norm(x))))
        return x + self.dropout(self.outer(hidden))


class WordAttention(nn.Module):
    """Each clip attends to the words; what it finds is added, and gated by the clip: `x + m ∘ (1 + LN(x))`."""

    def __init__(self, channels: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.attention = nn.MultiheadAttention(channels, heads, dropout=0.1, batch_first=True)
        self.dropout = SharedDropout(dropout)

    def forward(self, clips: Tensor, words: Tensor, word_mask: Tensor) -> Tensor:
        """Shape of `clips` (B, T, C)."""
        y = self.norm(clips)
        found, _ = self.attention(y, words, words, key_padding_mask=~word_mask, need_weights=False)
        return clips + self.dropout(found * (1.0 + y))


class Met(NamedTuple):
    """What a fusion gets: clips (B, T, C), words (B, L, C), query (B, C), masks (B, T) and (B, L), the evidence.

    The self-similarity (B, T, 2 SIMILARITY_REACH) is for the heads.
    """

    clips: Tensor
    words: Tensor
    query: Tensor
    video_mask: Tensor
    text_mask: Tensor
    evidence: Evidence
    similarity: Tensor


class SpanModel(RetrievalModel):
    """Moment retrieval and highlight detection with a span table around one fusion; parts are passed in.

    Arguments:
        video_projection, text_projection, pooling: as in `MomentModel`; fitted in closed form before training.
        fusion: any; one with `takes_evidence` gets the evidence and answers with a pattern at its size.
        block: the feed-forward block after the fusion.
        features: C_v.  channels: C.  heads: of the word attention.  answers: spans that are answered, Q.
    """

    def __init__(
        self,
        video_projection: FeatureProjection,
        text_projection: FeatureProjection,
        pooling: AttentionPooling,
        fusion: Fusion,
        block: Block,
        features: int,
        channels: int,
        heads: int,
        feedforward: int,
        dropout: float,
        input_dropout: float,
        answers: int,
    ) -> None:
        super().__init__(video_projection, text_projection, pooling, fusion)
        self.block, self.answers = block, answers
        self.evidence = ClosedFormEvidence(features)
        self.raw = nn.Linear(features, channels)
        self.position = nn.Linear(POSITIONS, channels)
        self.input_dropout = SharedDropout(input_dropout)
        self.words = WordAttention(channels, heads, dropout)
        self.feedforward = Block(channels, feedforward, dropout)
        self.norm = nn.LayerNorm(channels)
        self.plain = nn.Linear(channels, 1)
        nn.init.zeros_(self.plain.weight)
        self.evidence_scale = nn.Parameter(torch.tensor(1.0))
        self.coverage_scale = nn.Parameter(torch.tensor(0.5))
        self.cuts = nn.Linear(2 * SIMILARITY_REACH, channels)
        self.table = SpanTable(channels)

    def meet(self, batch: Batch) -> Met:
        """Clips that have met the words, before anything moves along the clip axis, and what they start from."""
        batch = batch.blanked()
        video_mask, text_mask = batch.clip_mask, batch.word_mask
        valid = video_mask[..., None]
        features = self.video_projection.standardise(batch.video) * valid
        aligned = self.video_projection.linear(features) * valid
        words = self.text_projection(batch.text) * text_mask[..., None]
        query = self.pooling(words, text_mask)
        near = self_similarity(features, video_mask)
        evidence = Evidence(self.evidence(features, aligned, query, video_mask), near[:, :-1, 1])
        seen = self.input_dropout(features)
        clips = self.video_projection.linear(seen) + self.raw(seen)
        clips = clips + self.position(end_positions(batch.video_lengths, batch.video.shape[1], clips.dtype))
        clips = self.feedforward(self.words(clips, words, text_mask)) * valid
        return Met(clips, words, query, video_mask, text_mask, evidence, near)

    def forward(self, batch: Batch) -> MomentOutputs:
        """Return span_logits (B, P), saliency_scores and pattern (B, T); in evaluation also pred_logits (B, Q) and
        pred_spans (B, Q, 2)."""
        met = self.meet(batch)
        lengths, video_mask, evidence = batch.video_lengths, met.video_mask, met.evidence
        valid = video_mask[..., None]
        extra = {"evidence": evidence} if self.fusion.takes_evidence else {}
        fused = self.fusion(met.clips, met.words, met.query, video_mask, met.text_mask, **extra)
        found = self.norm(self.block(fused.clips)) * valid
        start = self.evidence_scale * evidence.score
        if fused.pattern is not None:
            # a pattern that was made from the evidence stands for it
            start = fused.pattern if self.fusion.takes_evidence else start + fused.pattern
        local = (start + self.plain(found).squeeze(-1)) * video_mask
        logits = self.table(found + self.cuts(met.similarity), local, lengths, video_mask)
        inside = torch.log(coverage(logits, batch.video.shape[1]) + COVERAGE_FLOOR)
        saliency = (local + self.coverage_scale * inside) * video_mask
        result: MomentOutputs = {"span_logits": logits, "saliency_scores": saliency, "pattern": start * video_mask}
        if not self.training:
            spans, gains = choose(logits, lengths, batch.video.shape[1], self.answers)
            edges = spans / lengths[:, None, None].to(spans.dtype)
            result["pred_spans"] = torch.stack([edges.mean(-1), edges[..., 1] - edges[..., 0]], dim=-1)
            result["pred_logits"] = torch.logit(gains, eps=1e-7)
            kappa = self.fusion.conductances(met.clips, evidence.cosine, video_mask)
            if kappa is not None:
                result["conductances"] = kappa
        outside = self.fusion.penalty(met.query)
        if outside is not None:
            result["outside_region"] = outside
        return result


def span_loss(logits: Tensor, batch: Batch) -> Tensor:
    """Cross-entropy of the table's distribution against `span_targets`, mean over the queries with windows."""
    spans = candidate_spans(batch.video.shape[1]).to(logits.device)
    target = span_targets(spans, batch.video_lengths, batch.windows).to(logits)
    known = target.sum(1) > 0
    loss = -(target * torch.log_softmax(logits, dim=1)).sum(1)
    return (loss * known).sum() / known.sum().clamp(min=1)
