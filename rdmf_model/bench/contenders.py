"""The registry: what the layer is compared with. A name in the table stands for one `Contender`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rdmf_model.bench.limits import Work, core_work, module_work
from rdmf_model.bench.shape import Shape
from rdmf_model.constraints.constraint import DesignConstraint
from rdmf_model.fusion.reaction_diffusion import ReactionDiffusionFusion
from rdmf_model.ops.reaction_diffusion import available_backends, reaction_diffusion

WORDS = 32
HEADS = 8
MODULE = "module"
CROSS = "cross-attention + LN"
CROSS_FFN = "cross-attention + LN + FFN"
SELF = "self-attention layer"
SHORT = "bare attention product, words"
# Clips times steps beyond which the loops in Python take too long to wait for.
LARGEST_LOOP = {
    "cpu": {"reference": 4_000, "adjoint": 100_000},
    "cuda": {"reference": 3_000, "adjoint": 3_000},
}
# torch.compile unrolls loops over clips and steps: beyond this many it takes more than minutes to compile.
LARGEST_COMPILED_STEP, LARGEST_COMPILED = 100, 64
# Clips beyond which self-attention takes too long to wait for; on a CPU its cost there follows from its law in T.
LARGEST_SELF = {"cpu": 8192, "cuda": 65536}


class Prepared(NamedTuple):
    """`run()` returns the outputs; `leaves` are the tensors that backward differentiates them by."""

    run: Callable[[], tuple[Tensor, ...]]
    leaves: list[Tensor]


@dataclass(frozen=True)
class Contender:
    """One row: `prepare` makes the tensors; `work` is what it has to compute at least, where that is known."""

    name: str
    prepare: Callable[[], Prepared]
    work: dict[str, Work] | None = None


def contenders(shape: Shape, device: str = "cpu", *, compiled: bool = False) -> Iterator[Contender]:
    """What is compared at `shape`: cores by backend, the module, attention; the module is the unit of the ratios."""
    size = shape.clips * shape.steps
    for backend in reversed(available_backends(device)):
        if size <= LARGEST_LOOP[device].get(backend, math.inf):
            yield Contender(f"core, {backend}", partial(core, shape, device, backend), core_work(shape))
    if device != "cpu" and "triton" in available_backends(device):
        half = partial(core, shape, device, "triton", torch.bfloat16)
        yield Contender("core, triton, bfloat16", half)
    if compiled and shape.clips <= LARGEST_COMPILED_STEP:
        yield Contender("core, each step compiled", partial(core_compiled, shape, device, together=1))
    if compiled and size <= LARGEST_COMPILED:
        yield Contender("core, all steps compiled", partial(core_compiled, shape, device, together=shape.steps))
    yield Contender(MODULE, partial(module, shape, device), module_work(shape, HEADS))
    yield Contender(f"{MODULE} + FFN", partial(module, shape, device, feedforward=True))
    yield Contender(CROSS, partial(cross_attention, shape, device))
    yield Contender(CROSS_FFN, partial(cross_attention, shape, device, feedforward=True))
    if shape.clips <= LARGEST_SELF[device]:
        yield Contender(SELF, partial(self_attention_layer, shape, device))
    yield Contender(SHORT, partial(attention_product, shape, device))
    if device != "cpu":
        yield Contender("bare attention product, clips, bfloat16", partial(self_attention_product, shape, device))


def core(shape: Shape, device: str, backend: str, dtype: torch.dtype = torch.float32) -> Prepared:
    """N steps of the operator by one backend; inputs of an admissible design's magnitude."""
    generator = torch.Generator(device).manual_seed(0)

    def uniform(low: float, high: float, *size: int) -> Tensor:
        values = low + (high - low) * torch.rand(size, generator=generator, device=device)
        return values.to(dtype).requires_grad_()

    fields, rates = (shape.batch, shape.clips, shape.channels), (shape.batch, shape.channels)
    inputs = [uniform(0.1, 0.9, *fields), uniform(0.0, 0.5, *fields), uniform(0.5, 2.0, *fields)]
    inputs += [uniform(0.02, 0.06, *rates), uniform(0.02, 0.06, *rates)]
    inputs += [uniform(2.0, 20.0, *rates), uniform(0.2, 2.0, *rates)]
    return Prepared(lambda: reaction_diffusion(*inputs, steps=shape.steps, backend=backend), inputs)


def core_compiled(shape: Shape, device: str, *, together: int) -> Prepared:
    """The reference by torch.compile, `together` steps of it at a time."""
    inputs = core(shape, device, "reference").leaves
    part = torch.compile(partial(reaction_diffusion, steps=together, backend="reference"))

    def run() -> tuple[Tensor, ...]:
        u, v, *rest = inputs
        for _ in range(shape.steps // together):
            u, v = part(u, v, *rest)
        return u, v

    return Prepared(run, inputs)


def module(shape: Shape, device: str, *, feedforward: bool = False) -> Prepared:
    """The whole fusion layer: scores, text to design, steps, readout, layer norm; if asked, a feed-forward block."""
    video, text = _video_and_text(shape, device)
    fusion = ReactionDiffusionFusion(
        shape.channels, DesignConstraint(), shape.steps, HEADS, feedforward=4 * shape.channels, dropout=0.0
    )
    if not feedforward:
        fusion.feedforward = nn.Identity()  # type: ignore[assignment]
    with torch.no_grad():
        for parameter in fusion.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    fusion.to(device)
    clips_mask = torch.ones(shape.batch, shape.clips, dtype=torch.bool, device=device)
    words_mask = torch.ones(shape.batch, WORDS, dtype=torch.bool, device=device)

    def run() -> tuple[Tensor, ...]:
        output = fusion(video, text, text.mean(1), clips_mask, words_mask)
        assert output.pattern is not None
        return output.clips, output.pattern

    return Prepared(run, [video, text, *fusion.parameters()])


def cross_attention(shape: Shape, device: str, *, feedforward: bool = False) -> Prepared:
    """Clips attend to 32 words: projections, 8 heads, residual, layer norm; if asked, a feed-forward block of 4C."""
    video, text = _video_and_text(shape, device)
    channels = shape.channels
    attention, norm = nn.MultiheadAttention(channels, HEADS, batch_first=True), nn.LayerNorm(channels)
    parts = nn.ModuleList([attention, norm])
    block, last = nn.Identity(), nn.Identity()
    if feedforward:
        block = nn.Sequential(nn.Linear(channels, 4 * channels), nn.GELU(), nn.Linear(4 * channels, channels))
        last = nn.LayerNorm(channels)
        parts.extend([block, last])
    parts.to(device)

    def run() -> tuple[Tensor, ...]:
        x = norm(video + attention(video, text, text, need_weights=False)[0])
        return (last(x + block(x)) if feedforward else x,)

    return Prepared(run, [video, text, *parts.parameters()])


def self_attention_layer(shape: Shape, device: str) -> Prepared:
    """A transformer encoder layer over the clips: 8 heads, feed-forward block of 4C."""
    video, _ = _video_and_text(shape, device)
    layer = nn.TransformerEncoderLayer(
        shape.channels, HEADS, 4 * shape.channels, dropout=0.0, activation="gelu", batch_first=True
    ).to(device)
    return Prepared(lambda: (layer(video),), [video, *layer.parameters()])


def attention_product(shape: Shape, device: str) -> Prepared:
    """softmax(QKᵀ)V of clips with 32 words and nothing else: no projection, no norm."""
    video, text = _video_and_text(shape, device)

    def run() -> tuple[Tensor, ...]:
        query, key = (x.unflatten(2, (HEADS, -1)).transpose(1, 2) for x in (video, text))
        return (nn.functional.scaled_dot_product_attention(query, key, key),)

    return Prepared(run, [video, text])


def self_attention_product(shape: Shape, device: str) -> Prepared:
    """softmax(QKᵀ)V of clips with clips in bfloat16 and nothing else: FlashAttention on a GPU."""
    size = (shape.batch, HEADS, shape.clips, shape.channels // HEADS)
    x = torch.randn(size, device=device, dtype=torch.bfloat16, requires_grad=True)
    return Prepared(lambda: (nn.functional.scaled_dot_product_attention(x, x, x),), [x])


def _video_and_text(shape: Shape, device: str) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    video = torch.randn(shape.batch, shape.clips, shape.channels, device=device, requires_grad=True)
    return video, torch.randn(shape.batch, WORDS, shape.channels, device=device, requires_grad=True)
