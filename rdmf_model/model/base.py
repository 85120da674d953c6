"""What every model is: projections of clips and words, a pooled query, one fusion, and heads of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

import torch
from torch import Tensor, nn

from rdmf_model.fusion.base import Fusion
from rdmf_model.model.text import AttentionPooling

if TYPE_CHECKING:
    from rdmf_model.data.batch import Batch


class MomentOutputs(TypedDict, total=False):
    """What a model answers for a batch; in evaluation at least the first three.

    Q slots, B samples, T clips; spans are (centre, width) in [0, 1] of the sample's extent.
    """

    pred_logits: Tensor
    """(B, Q): how good each slot's span is."""
    pred_spans: Tensor
    """(B, Q, 2)"""
    saliency_scores: Tensor
    """(B, T), any real; 0 in the padding."""
    pattern: Tensor
    """(B, T): the fusion's own pattern, where it has one."""
    conductances: Tensor
    """(B, T - 1) between neighbouring clips, in [0, 1], small at cuts; where the fusion has them."""
    span_logits: Tensor
    """(B, T, T): a score for every span of clips, of the models with a span table."""
    boundary_distance: Tensor
    aux_outputs: list[MomentOutputs]
    """pred_logits and pred_spans of the decoder's earlier layers."""
    proposed_spans: Tensor
    aligned_clips: Tensor
    aligned_query: Tensor
    outside_region: Tensor
    """Mean distance of the designs from their region, where they can leave it."""


class FeatureProjection(nn.Module):
    """Features to the model's width, `W dropout((x - mean) / std) + b`; the statistics are buffers, 0 and 1 until
    set."""

    mean: Tensor
    std: Tensor

    def __init__(self, features: int, channels: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("std", torch.ones(features))
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(features, channels)

    def set_statistics(self, mean: Tensor, std: Tensor) -> None:
        """Standardise with these from now on, shape (features,) each, std > 0."""
        self.mean.copy_(mean)
        self.std.copy_(std)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.dropout(self.standardise(x)))

    def standardise(self, x: Tensor) -> Tensor:
        """`(x - mean) / std`, shape of `x`."""
        return (x - self.mean) / self.std


class RetrievalModel(nn.Module):
    """Base of the models; a subclass defines `forward` on a batch and adds its heads."""

    def __init__(
        self,
        video_projection: FeatureProjection,
        text_projection: FeatureProjection,
        pooling: AttentionPooling,
        fusion: Fusion,
    ) -> None:
        super().__init__()
        self.video_projection = video_projection
        self.text_projection = text_projection
        self.pooling = pooling
        self.fusion = fusion

    def forward(self, batch: Batch) -> MomentOutputs:
        """Return at least pred_logits (B, Q), pred_spans (B, Q, 2) and saliency_scores (B, T) in evaluation."""
        raise NotImplementedError(f"{type(self).__name__} must define forward.")

    def projection_parameters(self) -> list[nn.Parameter]:
        """The parameters that `alignment.align_projections` fits; they are trained gently."""
        return [*self.video_projection.parameters(), *self.text_projection.parameters()]

    def design_parameters(self) -> list[nn.Parameter]:
        """The parameters that choose designs and drive the reaction, few and meaningful; empty without that layer."""
        return self.fusion.reaction_parameters()

    @torch.no_grad()
    def constraint_margins(self) -> dict[str, float]:
        """Worst margin of each condition over the channels' designs for an empty text; empty without designs."""
        return self.fusion.margins()
