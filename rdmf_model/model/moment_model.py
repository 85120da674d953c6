"""The whole model: project clips and words, fuse, score, propose, decode."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from rdmf_model.fusion.base import Fusion, FusionOutput
from rdmf_model.model.base import FeatureProjection, MomentOutputs, RetrievalModel
from rdmf_model.model.heads import BoundaryHead, MomentDecoder, SaliencyHead, self_similarity
from rdmf_model.model.proposals import propose_spans
from rdmf_model.model.text import AttentionPooling

if TYPE_CHECKING:
    from rdmf_model.data.batch import Batch


class MomentModel(RetrievalModel):
    """Moment retrieval and highlight detection around one fusion layer; parts are passed in."""

    def __init__(
        self,
        video_projection: FeatureProjection,
        text_projection: FeatureProjection,
        pooling: AttentionPooling,
        fusion: Fusion,
        saliency: SaliencyHead,
        boundary: BoundaryHead,
        cuts: nn.Module,
        decoder: MomentDecoder,
        moment_queries: int,
        auxiliary_losses: bool = True,
    ) -> None:
        super().__init__(video_projection, text_projection, pooling, fusion)
        self.saliency = saliency
        self.boundary = boundary
        self.cuts = cuts
        self.decoder = decoder
        self.moment_queries = moment_queries
        self.auxiliary_losses = auxiliary_losses

    def forward(self, batch: Batch) -> MomentOutputs:
        """Return pred_logits (B, Q), pred_spans (B, Q, 2), saliency_scores (B, T), and what the losses need."""
        batch, lengths = batch.blanked(), batch.video_lengths
        video_mask, text_mask = batch.clip_mask, batch.word_mask
        video = self.video_projection(batch.video) * video_mask[..., None]
        text = self.text_projection(batch.text) * text_mask[..., None]
        query = self.pooling(text, text_mask)
        fused = self.fusion(video, text, query, video_mask, text_mask)
        cuts = self_similarity(self.video_projection.standardise(batch.video), video_mask)
        result = self.locate(fused, cuts, query, lengths, video_mask)
        result["aligned_clips"], result["aligned_query"] = video, query
        outside = self.fusion.penalty(query)
        if outside is not None:
            result["outside_region"] = outside
        return result

    def locate(
        self, fused: FusionOutput, cuts: Tensor, query: Tensor, lengths: Tensor, video_mask: Tensor
    ) -> MomentOutputs:
        """Saliency, boundaries and moments from fused clips; linear in the number of clips.

        Arguments:
            fused: of the fusion layer.  cuts: `self_similarity` of the features, (B, T, 2 SIMILARITY_REACH).
            query: (B, C).  lengths: (B,).  video_mask: (B, T).
        """
        clips = fused.clips * video_mask[..., None]
        saliency = self.saliency(clips, query)
        if fused.pattern is not None:
            saliency = saliency + fused.pattern
        clips = (clips + self.cuts(cuts)) * video_mask[..., None]
        distance = self.boundary(clips, video_mask)
        votes = BoundaryHead.spans(distance, lengths)
        spans = self.decoder.initial_spans(lengths.shape[0])
        if spans is None:
            spans = propose_spans(saliency, lengths, self.moment_queries, votes)
        outputs = self.decoder(spans, clips, votes, saliency, lengths, video_mask)
        logits, refined = outputs[-1]
        intermediate = outputs[:-1] if self.auxiliary_losses else []
        result: MomentOutputs = {
            "pred_logits": logits,
            "pred_spans": refined,
            "saliency_scores": saliency,
            "boundary_distance": distance,
            "aux_outputs": [{"pred_logits": a, "pred_spans": b} for a, b in intermediate],
            "proposed_spans": spans,
        }
        if fused.pattern is not None:
            result["pattern"] = fused.pattern
        return result
