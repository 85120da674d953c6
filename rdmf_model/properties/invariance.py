"""What must not change an answer? Padding, the other samples of a batch, their order, and running it again.

Answers are compared in float64: the model chooses among proposals, and float32 rounding can turn a near tie.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from hypothesis import strategies as st
from torch import Tensor

from rdmf_model.model.base import MomentOutputs
from rdmf_model.properties.base import Margins, Property
from rdmf_model.properties.inputs import Query, make_batch, queries
from rdmf_model.properties.model_under_test import ModelUnderTest

ANSWER_ERROR = 1e-6
"""Float64 sums in another order differ by 1e-15; contrast, pattern growth and decoder amplify that less than 1e6."""

GRADIENT_SCALE = 1e3
"""Features up to a thousand times the usual: beyond, squares in norms overflow float32 by 1e19."""


@dataclass(frozen=True)
class Padded:
    """A query and the company that it is answered in."""

    query: Query
    others: tuple[Query, ...]
    extra_clips: int = 0
    extra_words: int = 0
    padding: float = 0.0


def answers(outputs: MomentOutputs, row: int, clips: int) -> dict[str, Tensor]:
    """What a user sees of one sample: logits, spans, saliency, and the pattern where there is one."""
    found = {"logits": outputs["pred_logits"][row], "spans": outputs["pred_spans"][row]}
    found["saliency"] = outputs["saliency_scores"][row, :clips]
    if "pattern" in outputs:
        found["pattern"] = outputs["pattern"][row, :clips]
    return found


def agreement(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> dict[str, float]:
    """Margins of |found - expected| <= ANSWER_ERROR (1 + |expected|), by output."""
    margins = {}
    for name, truth in expected.items():
        error = ((found[name] - truth).abs() / (1 + truth.abs())).max()
        margins[name] = 1.0 - float(error) / ANSWER_ERROR
    return margins


@torch.no_grad()
def check_padding(tested: ModelUnderTest, padded: Padded) -> Margins:
    """Margins of one sample's answer alone against its answer beside others, padded further."""
    model, clips = tested.exact, padded.query.video.clips
    alone = model(make_batch(tested, [padded.query], dtype=torch.float64))
    together = make_batch(
        tested,
        [padded.query, *padded.others],
        dtype=torch.float64,
        extra_clips=padded.extra_clips,
        extra_words=padded.extra_words,
        padding=padded.padding,
    )
    return agreement(answers(alone, 0, clips), answers(model(together), 0, clips))


@torch.no_grad()
def check_order(tested: ModelUnderTest, batch: tuple[Query, ...]) -> Margins:
    """Margins of all samples' answers against those of the batch in reverse."""
    model = tested.exact
    forward = model(make_batch(tested, batch, dtype=torch.float64))
    reverse = model(make_batch(tested, batch[::-1], dtype=torch.float64))
    margins: dict[str, float] = {}
    for row, query in enumerate(batch):
        clips = query.video.clips
        found = agreement(answers(forward, row, clips), answers(reverse, len(batch) - 1 - row, clips))
        margins = {name: min(margin, margins.get(name, margin)) for name, margin in found.items()}
    return margins


@torch.no_grad()
def check_determinism(tested: ModelUnderTest, query: Query) -> Margins:
    """Margins of a second run: minus the largest difference, 0 where every bit agrees."""
    batch = make_batch(tested, [query])
    first, second = (answers(tested.model(batch), 0, query.video.clips) for _ in range(2))
    return {name: 0.0 if torch.equal(first[name], second[name]) else -1.0 for name in first}


def check_gradients(tested: ModelUnderTest, query: Query) -> Margins:
    """Decades between the largest entry of every gradient of a bounded loss and float32's largest number."""
    batch, model = make_batch(tested, [query]), tested.model
    inputs = {"video": batch.video.requires_grad_(), "text": batch.text.requires_grad_()}
    with torch.enable_grad():
        outputs = model(batch)
        terms = [outputs["pred_logits"].tanh(), outputs["pred_spans"], outputs["saliency_scores"].tanh()]
        loss = torch.stack([term.mean() for term in terms]).sum()
        leaves = [*inputs.values(), *model.parameters()]
        gradients = torch.autograd.grad(loss, leaves, allow_unused=True)
    found = [gradient.abs().amax() for gradient in gradients if gradient is not None]
    largest = float(torch.stack([loss.detach().abs(), *found]).amax())
    headroom = torch.tensor(torch.finfo(torch.float32).max).log10() - torch.tensor(largest).clamp_min(1e-30).log10()
    # an infinite entry leaves minus infinity, NaN stays
    return {"headroom": float(headroom)}


def padded_queries(tested: ModelUnderTest) -> st.SearchStrategy[Padded]:
    """Up to two other samples, up to nine clips and words of further padding that holds 0, 1000, NaN or infinity."""
    ordinary = queries(tested, ordinary=True)
    others = st.lists(ordinary, max_size=2).map(tuple)
    extra = st.integers(0, 9)
    return st.builds(Padded, ordinary, others, extra, extra, st.sampled_from((0.0, 1e3, float("nan"), float("inf"))))


def batches(tested: ModelUnderTest) -> st.SearchStrategy[tuple[Query, ...]]:
    """Two or three ordinary queries."""
    return st.lists(queries(tested, ordinary=True), min_size=2, max_size=3).map(tuple)


def moderate_queries(tested: ModelUnderTest) -> st.SearchStrategy[Query]:
    """Queries up to `GRADIENT_SCALE`, degenerate ones included."""
    return queries(tested, largest=GRADIENT_SCALE)


_ORDER_OF_SUMS = f"{ANSWER_ERROR:g}, relative to 1 + |x|: float64 sums in another order, amplified by the model"

INVARIANCE_PROPERTIES: tuple[Property, ...] = (
    Property(
        name="padding",
        statement="Padding and the other samples of a batch change no answer, whatever the padding holds.",
        latex=r"f(x) = f(x \,\|\, \mathrm{pad})_{1..T}",
        theorem="by construction: masks, and the layer reflects at each sample's last clip",
        strategy=padded_queries,
        check=check_padding,
        tolerance=_ORDER_OF_SUMS,
        effort=4,
    ),
    Property(
        name="batch_order",
        statement="The order of the samples in a batch changes no answer.",
        latex=r"f(\pi x) = \pi f(x)",
        theorem="by construction: samples do not meet",
        strategy=batches,
        check=check_order,
        tolerance=_ORDER_OF_SUMS,
        effort=4,
    ),
    Property(
        name="determinism",
        statement="The same input gives the same answer, bit for bit.",
        latex=r"f(x) = f(x)",
        theorem="by construction: no randomness outside training",
        strategy=moderate_queries,
        check=check_determinism,
        tolerance="none",
        effort=2,
    ),
    Property(
        name="gradients",
        statement="Gradients of a bounded loss, to every weight and input, are finite for features up to a thousand.",
        latex=r"\|\nabla_{\theta, x}\, \ell(f(x))\|_\infty < \infty, \quad |x| \le 10^3",
        theorem="by construction: the constraint clamps, norms and logarithms have floors",
        strategy=moderate_queries,
        check=check_gradients,
        tolerance="none; the margin is the headroom below float32's largest number, in decades",
        effort=4,
    ),
)
