"""Is the answer the same another way? Loaded from a file, with clips in reverse, and trained again from a seed."""

from __future__ import annotations

import copy

import torch
from safetensors.torch import load, save

from rdmf_model.properties.base import Margins, Property, Scope
from rdmf_model.properties.inputs import Query, make_batch, queries
from rdmf_model.properties.invariance import ANSWER_ERROR, answers, moderate_queries
from rdmf_model.properties.model_under_test import ModelUnderTest


@torch.no_grad()
def check_saved(tested: ModelUnderTest, query: Query) -> Margins:
    """Margins of the answers of a copy loaded from safetensors bytes: 0 where every bit agrees, else -1."""
    batch, clips = make_batch(tested, [query]), query.video.clips
    loaded = copy.deepcopy(tested.model)
    for parameter in loaded.parameters():
        # what the file does not bring back stays wrong
        parameter.fill_(torch.nan)
    stored = {name: tensor.contiguous() for name, tensor in tested.model.state_dict().items()}
    loaded.load_state_dict(load(save(stored)))
    first, second = (answers(model(batch), 0, clips) for model in (tested.model, loaded))
    return {name: 0.0 if torch.equal(first[name], second[name]) else -1.0 for name in first}


@torch.no_grad()
def check_layer_reflection(tested: ModelUnderTest, query: Query) -> Margins:
    """Margins of the fusion layer's clips and pattern for a video in reverse, float64."""
    model = tested.exact
    batch = make_batch(tested, [query], dtype=torch.float64)
    video, text = model.video_projection(batch.video), model.text_projection(batch.text)
    pooled = model.pooling(text, batch.word_mask)
    forward = model.fusion(video, text, pooled, batch.clip_mask, batch.word_mask)
    reverse = model.fusion(video.flip(1), text, pooled, batch.clip_mask, batch.word_mask)
    margins = {}
    for name in ("clips", "pattern"):
        truth, found = getattr(forward, name), getattr(reverse, name).flip(1)
        margins[name] = 1.0 - float(((found - truth).abs() / (1 + truth.abs())).max()) / ANSWER_ERROR
    return margins


@torch.no_grad()
def check_seeded(tested: ModelUnderTest, query: Query) -> Margins:
    """Margins of two passes in training mode, dropout on, from the same seed: 0 where every bit agrees, else -1."""
    batch, found = make_batch(tested, [query]), []
    try:
        tested.model.train()
        for _ in range(2):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(query.video.seed)
                outputs = tested.model(batch)
                found.append({name: value for name, value in outputs.items() if isinstance(value, torch.Tensor)})
    finally:
        tested.model.eval()
    first, second = found
    return {name: 0.0 if torch.equal(first[name], second[name]) else -1.0 for name in first}


STORED_PROPERTIES: tuple[Property, ...] = (
    Property(
        name="saved",
        statement="A model saved and loaded gives the same answers, bit for bit.",
        latex=r"f_{\mathrm{load}(\mathrm{save}(\theta))} = f_\theta",
        theorem="by construction: every number that an answer depends on is in the file",
        strategy=moderate_queries,
        check=check_saved,
        tolerance="none",
        effort=5,
    ),
    Property(
        name="seeded",
        statement="Dropout depends on the seed alone: two training passes from one seed agree, bit for bit.",
        latex=r"f_\theta(x; \mathrm{seed}) = f_\theta(x; \mathrm{seed})",
        theorem="by construction: one generator",
        strategy=moderate_queries,
        check=check_seeded,
        tolerance="none",
        effort=5,
    ),
    Property(
        name="layer_reflection",
        statement="A video in reverse gives the fusion layer's clips and pattern in reverse.",
        latex=r"\mathrm{fusion}(x_{T-1}, \dots, x_0; q) = \mathrm{reverse}(\mathrm{fusion}(x; q))",
        theorem="Step.step_unique; contrast and readout are symmetric by construction",
        strategy=lambda tested: queries(tested, ordinary=True),
        check=check_layer_reflection,
        tolerance=f"{ANSWER_ERROR:g}, relative to 1 + |x|: float64 sums in another order, amplified by the layer",
        scope=Scope.LAYER,
        effort=2,
    ),
)
