"""What is the model trained for? Windows, saliency, boundaries, alignment; every term a mean over what it is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, log_softmax

from rdmf_model.model.base import MomentOutputs
from rdmf_model.model.heads import BoundaryHead
from rdmf_model.model.span_model import span_loss
from rdmf_model.model.spans import generalized_span_iou, span_cxw_to_xx, span_iou, span_xx_to_cxw
from rdmf_model.training.matcher import match_moments

if TYPE_CHECKING:
    from rdmf_model.config.config import LossConfig
    from rdmf_model.data.batch import Batch

# Slots that overlap every window by less are simply wrong: their quality target is 0.
MIN_QUALITY = 0.3


@dataclass(frozen=True)
class Targets:
    """Dense targets of a batch.

    valid: (B, T) bool, clips about which something is annotated: every clip of a query with labelled moments, the clips
        with saliency of any other.
    relevance: (B, T) bool, in a window.
    irrelevant: (B, T) bool, known to be in none; a query without labels has no such clip.
    saliency: (B, T) in [0, 1].
    window: (B, T, 2) in [0, 1], each relevant clip's own, 0 elsewhere.
    """

    valid: Tensor
    relevance: Tensor
    irrelevant: Tensor
    saliency: Tensor
    window: Tensor


def dense_targets(batch: Batch) -> Targets:
    """Per-clip targets: saliency in [0, 1] (annotated score / 4, else relevance), and the window nearest to each
    relevant clip's centre (the last one where several hold it)."""
    clips = batch.video.shape[1]
    labelled = batch.labelled[:, None]
    valid = batch.clip_mask & (labelled | ~batch.saliency.isnan())
    relevance = batch.relevance & valid
    irrelevant = valid & labelled & ~relevance
    saliency = torch.where(batch.saliency.isnan(), relevance.to(batch.video.dtype), batch.saliency / 4.0)
    saliency = torch.where(valid, saliency, torch.zeros_like(saliency))
    window = batch.video.new_zeros(*relevance.shape, 2)
    centre = (torch.arange(clips, device=batch.video.device) + 0.5) / batch.video_lengths[:, None]
    for row, windows in enumerate(batch.windows):
        nearest = torch.full_like(centre[row], torch.inf)
        for start, end in windows.tolist():
            # A window narrower than a clip may hold no clip's centre: the clip around it is relevant, but not under it.
            distance = torch.maximum(start - centre[row], centre[row] - end).clamp(min=0.0)
            window[row] = torch.where((distance <= nearest)[:, None], window.new_tensor([start, end]), window[row])
            nearest = torch.minimum(nearest, distance)
    return Targets(valid, relevance, irrelevant, saliency, window * relevance[..., None])


def saliency_loss(scores: Tensor, targets: Targets) -> Tensor:
    """Class-balanced binary cross-entropy of the clip scores against relevance: both classes of a video weigh the
    same, a query without labels nothing."""
    loss = binary_cross_entropy_with_logits(scores, targets.relevance.to(scores.dtype), reduction="none")
    positive = targets.relevance.to(scores.dtype)
    negative = targets.irrelevant.to(scores.dtype)
    per_class = [(loss * weight).sum(1) / weight.sum(1).clamp(min=1.0) for weight in (positive, negative)]
    labelled = (targets.relevance | targets.irrelevant).any(1)
    return (per_class[0] + per_class[1]).sum() / labelled.sum().clamp(min=1) / 2


def contrastive_loss(scores: Tensor, targets: Targets, temperature: float) -> Tensor:
    """Cross-entropy of the softmax over a video's clips against the normalised saliency targets (listwise ranking).

    Queries without a salient clip contribute nothing.
    """
    logits = (scores / temperature).masked_fill(~targets.valid, -torch.inf)
    log_probability = log_softmax(logits, dim=-1).masked_fill(~targets.valid, 0.0)
    mass = targets.saliency.sum(1)
    loss = -(targets.saliency * log_probability).sum(1) / mass.clamp(min=1e-6)
    return (loss * (mass > 0)).sum() / (mass > 0).sum().clamp(min=1)


def boundary_loss(distance: Tensor, targets: Targets, lengths: Tensor) -> Tensor:
    """1 − gIoU of the span that each relevant clip claims, each query weighing the same."""
    spans = BoundaryHead.spans(distance, lengths)
    relevant = targets.relevance
    if not bool(relevant.any()):
        return distance.sum() * 0.0
    share = relevant / relevant.sum(1, keepdim=True).clamp(min=1)
    loss = 1.0 - paired_giou(spans[relevant], targets.window[relevant])
    return (loss * share[relevant]).sum() / (relevant.any(1)).sum()


def paired_giou(a: Tensor, b: Tensor) -> Tensor:
    """Generalised IoU of the pairs (a_i, b_i) of spans [start, end], shape (N, 2) each; in [-1, 1]."""
    return generalized_span_iou(a[:, None], b[:, None])[:, 0, 0]


def alignment_loss(
    clips: Tensor, query: Tensor, targets: Targets, queries: list[str], temperature: float = 0.1
) -> Tensor:
    """Contrast of pooled moments against the texts of the batch, before fusion.

    The mean clip under a query's windows is to be nearer (cosine) to its own text than to any other text of the batch,
    both ways. Queries with the same wording are not negatives of each other.
    """
    share = targets.relevance / targets.relevance.sum(1, keepdim=True).clamp(min=1)
    moment = nn.functional.normalize(torch.einsum("bt,btc->bc", share.to(clips.dtype), clips), dim=-1)
    text = nn.functional.normalize(query, dim=-1)
    logits = moment @ text.T / temperature
    numbers = {wording: number for number, wording in enumerate(dict.fromkeys(queries))}
    wording = torch.tensor([numbers[w] for w in queries], device=clips.device)
    same = (wording[:, None] == wording[None, :]) & ~torch.eye(len(queries), dtype=torch.bool, device=clips.device)
    logits = logits.masked_fill(same, -torch.inf)
    target = torch.arange(len(queries), device=clips.device)
    has_moment = targets.relevance.any(1)
    if not bool(has_moment.any()):
        return (clips.sum() + query.sum()) * 0.0
    forth = nn.functional.cross_entropy(logits[has_moment], target[has_moment])
    back = nn.functional.cross_entropy(logits.T[has_moment], target[has_moment])
    return (forth + back) / 2


def moment_losses(logits: Tensor, spans: Tensor, batch: Batch) -> dict[str, Tensor]:
    """Hungarian-matched span losses (L1 on (centre, width), 1 − gIoU), and the slots' classification and ranking.

    A slot's class target is its IoU with the best window (so that the score ranks by quality), 0 below `MIN_QUALITY`,
    and 0 for every slot of a query that nothing matches. Queries without labels contribute nothing.
    """
    matches = match_moments(logits, spans, batch.windows)
    row = torch.cat([torch.full_like(q, i) for i, (q, _) in enumerate(matches)])
    slot = torch.cat([q for q, _ in matches])
    target = torch.cat([batch.windows[i][t.to(batch.windows[i].device)] for i, (_, t) in enumerate(matches)])
    row, slot, target = row.to(logits.device), slot.to(logits.device), target.to(logits.device, logits.dtype)
    quality = torch.zeros_like(logits)
    if len(row) == 0:
        zero = (spans.sum() + logits.sum()) * 0.0
        return {
            "l1": zero,
            "giou": zero,
            "classification": slot_classification(logits, quality, batch.labelled),
            "ranking": zero,
        }
    chosen = spans[row, slot]
    xx = span_cxw_to_xx(chosen)
    giou = paired_giou(xx, target)
    with torch.no_grad():
        for i, windows in enumerate(batch.windows):
            if len(windows):
                iou = span_iou(span_cxw_to_xx(spans[i]), windows.to(spans)).amax(1)
                quality[i] = torch.where(iou > MIN_QUALITY, iou, torch.zeros_like(iou))
    ranking = ranking_loss(logits, quality)
    return {
        "ranking": ranking,
        "l1": (chosen - span_xx_to_cxw(target)).abs().sum(-1).mean(),
        "giou": (1.0 - giou).mean(),
        "classification": slot_classification(logits, quality, batch.labelled),
    }


def slot_classification(logits: Tensor, quality: Tensor, labelled: Tensor) -> Tensor:
    """Binary cross-entropy of the slots' scores against their quality, the mean over the slots of labelled queries.

    Arguments:
        logits, quality: (B, Q).  labelled: (B,) bool.
    """
    loss = binary_cross_entropy_with_logits(logits, quality, reduction="none").mean(1)
    return (loss * labelled).sum() / labelled.sum().clamp(min=1)


def ranking_loss(logits: Tensor, quality: Tensor, temperature: float = 0.1) -> Tensor:
    """Cross-entropy of the softmax over a query's slots against the softmax of their quality / temperature.

    The first slot is what R1 looks at; the temperature says how much better than the others the best slot must be.
    Queries whose slots all miss contribute nothing.
    """
    target = torch.softmax(quality / temperature, dim=1)
    loss = -(target * log_softmax(logits, dim=1)).sum(1)
    hit = quality.amax(1) > 0
    return (loss * hit).sum() / hit.sum().clamp(min=1)


class MomentLoss(nn.Module):
    """All terms of a batch and their weighted sum `loss`."""

    def __init__(self, weights: LossConfig) -> None:
        super().__init__()
        self.weights = weights

    def forward(self, outputs: MomentOutputs, batch: Batch) -> dict[str, Tensor]:
        targets = dense_targets(batch)
        if "span_logits" in outputs:
            losses = {
                "spans": span_loss(outputs["span_logits"], batch),
                "saliency": saliency_loss(outputs["saliency_scores"], targets),
                "contrastive": contrastive_loss(outputs["saliency_scores"], targets, self.weights.temperature),
            }
            if "outside_region" in outputs:
                losses["constraint"] = outputs["outside_region"]
            return losses | {"loss": self._total(losses)}
        losses = moment_losses(outputs["pred_logits"], outputs["pred_spans"], batch)
        for layer in outputs["aux_outputs"]:
            for name, value in moment_losses(layer["pred_logits"], layer["pred_spans"], batch).items():
                losses[name] = losses[name] + value
        losses["saliency"] = saliency_loss(outputs["saliency_scores"], targets)
        losses["contrastive"] = contrastive_loss(outputs["saliency_scores"], targets, self.weights.temperature)
        losses["boundary"] = boundary_loss(outputs["boundary_distance"], targets, batch.video_lengths)
        losses["alignment"] = alignment_loss(outputs["aligned_clips"], outputs["aligned_query"], targets, batch.queries)
        if "outside_region" in outputs:
            losses["constraint"] = outputs["outside_region"]
        losses["loss"] = self._total(losses)
        return losses

    def _total(self, losses: dict[str, Tensor]) -> Tensor:
        """Weighted sum of the terms."""
        return torch.stack([getattr(self.weights, name) * value for name, value in losses.items()]).sum()
