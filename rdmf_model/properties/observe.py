"""What did the layer do with a batch? Its answer, and what its registers held on the way to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rdmf_model.constraints.base import Design
from rdmf_model.data.batch import Batch
from rdmf_model.fusion.base import FusionOutput
from rdmf_model.model.base import RetrievalModel
from rdmf_model.ops.reaction_diffusion.driven import Rates, Trace
from rdmf_model.properties.inputs import Query, make_batch
from rdmf_model.properties.model_under_test import ModelUnderTest


@dataclass(frozen=True)
class Observation:
    """One call of the layer on the path that answers: inputs, designs (B, C), trace and answer.

    video: (B, T, C).  query: (B, C).  mask: (B, T) bool.  lengths: (B,).
    """

    video: Tensor
    query: Tensor
    mask: Tensor
    lengths: Tensor
    design: Design
    trace: Trace
    output: FusionOutput

    @property
    def rates(self) -> Rates:
        """What the design says that the steps run with, (B, C) each."""
        return Rates(self.design.F, self.design.k, self.design.D_u, self.design.D_v)


def layer_inputs(model: RetrievalModel, batch: Batch) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """What the model hands to its fusion for a batch: video, text, query, and the two masks."""
    batch = batch.blanked()
    video = model.video_projection(batch.video) * batch.clip_mask[..., None]
    text = model.text_projection(batch.text) * batch.word_mask[..., None]
    return video, text, model.pooling(text, batch.word_mask), batch.clip_mask, batch.word_mask


@torch.no_grad()
def observe(tested: ModelUnderTest, queries: Sequence[Query]) -> Observation:
    """What the layer does with some videos and texts in one batch, in the type that answers.

    Raises: RuntimeError unless it runs its steps once.
    """
    batch, layer = make_batch(tested, queries), tested.layer
    video, text, query, mask, words = layer_inputs(tested.model, batch)
    traces: list[Trace] = []
    output = layer(video, text, query, mask, words, trace=traces)
    if len(traces) != 1:
        raise RuntimeError(f"the layer ran its steps {len(traces)} times; it should run them once")
    return Observation(video, query, mask, batch.video_lengths, layer.design(query), traces[0], output)
