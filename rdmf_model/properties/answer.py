"""Is the answer what the theory says, link by link? Judged on the trace of the call that answers.

    clips, text -> tilt -> start (u_0, v_0, gain) -> N steps -> readout -> fused clips, pattern

Each link, as its type and backend computed it, is compared with float64 and other code on what came in. A model that
computes anything else (another gain, other rates, one row of a batch wrong, float32 alone, one backend alone) breaks
the link it is in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor

from rdmf_model.fusion.reaction_diffusion import CONTRAST_RADIUS, ReactionDiffusionFusion
from rdmf_model.ops.reaction_diffusion.driven import Drive, Rates, Readout, Start
from rdmf_model.ops.scores.text_match import text_match_reference
from rdmf_model.properties.base import Margins, Property, Scope
from rdmf_model.properties.inputs import Query, queries
from rdmf_model.properties.model_under_test import ModelUnderTest
from rdmf_model.properties.observe import Observation, observe
from rdmf_model.properties.rows import GRADIENT_ERROR, UNIT, last_step
from rdmf_model.properties.truth import COMPLEX_STEP, ROUNDINGS, Steps, run_steps

FLOOR = 1e-2
"""Of the contrast: the layer's own."""

_UNUSED: dict[str, Any] = {"allow_unused": True, "materialize_grads": True}

START_ROUNDINGS = 32
"""An exponential of a number below 5 and four products: a dozen roundings, with room."""


@dataclass(frozen=True)
class Company:
    """Videos and texts that are answered in one batch; `seed` chooses steps and directions."""

    queries: tuple[Query, ...]
    seed: int = 0


def companies(tested: ModelUnderTest, *, ordinary: bool = False) -> st.SearchStrategy[Company]:
    """One to eight rows, of lengths of their own."""
    rows = st.lists(queries(tested, ordinary=ordinary), min_size=1, max_size=8).map(tuple)
    return st.builds(Company, rows, st.integers(0, 2**31 - 1))


def defined_tilt(
    layer: ReactionDiffusionFusion, video: Tensor, query: Tensor, mask: Tensor, weights: dict[str, Tensor]
) -> tuple[Tensor, Tensor]:
    """(tilt, bound): the tilt by its definition in float64, and what float32 may change in it.

    A score is a sum of C products, off by 2 C unit times the sum of their sizes; the contrast divides what its
    neighbourhood holds by its deviation; tanh(scale x) and the mixing of scores add slopes of at most |scale| and 1.
    """
    match = text_match_reference(video, query, weights["similarity_scale"], weights["salience"])
    position = torch.arange(video.shape[1])
    near = ((position[:, None] - position).abs() <= CONTRAST_RADIUS).double() * mask[:, None].double()
    count = near.sum(-1, keepdim=True).clamp(min=1.0)
    inside = torch.where(mask[..., None], match, 0.0)
    mean = near @ inside / count
    # centred first: no difference of large squares
    square = torch.stack(
        [((inside - mean[:, t : t + 1]).square() * near[:, t, :, None]).sum(1) for t in position], dim=1
    )
    deviation = (square / count + FLOOR**2).sqrt()
    contrast = torch.where(mask[..., None], (inside - mean) / deviation, 0.0)
    mixing = weights["listening"]
    mixing = mixing / mixing.abs().sum(1, keepdim=True).clamp(min=1.0)
    scores = weights["gain_scale"] * (contrast + weights["score_offset"])
    with torch.no_grad():
        unit, channels = UNIT[layer.design_base.dtype], video.shape[-1]
        size = video.abs() @ weights["salience"].abs().T
        size[..., : layer.heads] += weights["similarity_scale"].abs()
        largest = torch.where(mask[..., None], 2 * channels * unit * size, 0.0).amax(1, keepdim=True)
        moved = (2 + contrast.abs()) * largest / deviation + 4 * unit * contrast.abs()
        slopes = weights["gain_scale"].abs() * (moved + 4 * unit * (1 + weights["score_offset"].abs()))
        bound = slopes @ mixing.abs().T + 2 * mixing.shape[1] * unit
    return torch.tanh(scores) @ mixing.T, bound


def score_weights(layer: ReactionDiffusionFusion) -> dict[str, Tensor]:
    """The weights between clips and tilt, by name."""
    named = {name: getattr(layer, name) for name in ("similarity_scale", "score_offset", "gain_scale", "listening")}
    return named | {"salience": layer.salience.weight}


def _within(found: Tensor, true: Tensor, bound: Tensor, mask: Tensor) -> float:
    """1 minus the largest |found - true| / bound over valid clips; NaN where a number is none."""
    error = (found.double() - true).abs() / bound.clamp(min=1e-300)
    return 1.0 - float(torch.where(mask[..., None], error, 0.0).amax())


@torch.no_grad()
def check_tilt(tested: ModelUnderTest, company: Company) -> Margins:
    """Margin of the tilt that the steps saw."""
    seen, layer = observe(tested, company.queries), tested.layer
    weights = {name: x.double() for name, x in score_weights(layer).items()}
    true, bound = defined_tilt(layer, seen.video.double(), seen.query.double(), seen.mask, weights)
    return {"tilt": _within(seen.trace.tilt, true, bound, seen.mask)}


def _drive(tested: ModelUnderTest, seen: Observation) -> Drive:
    drive, _ = tested.layer.drive(seen.design.map(lambda x: x[:, None]))
    return Drive(*(x.expand(seen.design.F.shape).double() for x in drive))


@torch.no_grad()
def check_start(tested: ModelUnderTest, company: Company) -> Margins:
    """Margins of gain, u_0 and v_0 that the steps started from, for the tilt that they saw and the text's design."""
    seen = observe(tested, company.queries)
    drive, tilt = _drive(tested, seen), seen.trace.tilt.double()
    cut = tilt.nan_to_num(nan=0.0).clamp(-1.0, 1.0)
    log_gain = torch.where(cut >= 0, cut * drive.log_hi[:, None], -cut * drive.log_lo[:, None])
    allowed = START_ROUNDINGS * UNIT[seen.trace.tilt.dtype]
    gain, u_star = drive.s[:, None] * log_gain.exp(), drive.u_star[:, None].expand_as(tilt)
    v_0 = drive.v_star[:, None] * (1 + drive.share[:, None] * tilt)
    bound_v = allowed * drive.v_star[:, None] * (1 + (drive.share[:, None] * tilt).abs())
    return {
        "gain": _within(seen.trace.gain, gain, allowed * gain, seen.mask),
        "u_0": _within(seen.trace.u_0, u_star, allowed * u_star, seen.mask),
        "v_0": _within(seen.trace.v_0, v_0, bound_v, seen.mask),
    }


@torch.no_grad()
def check_steps(tested: ModelUnderTest, company: Company) -> Margins:
    """Margins of the first, the last and one more step, with the design's rates, and of the answer being that run."""
    seen, layer = observe(tested, company.queries), tested.layer
    start = Start(seen.trace.u_0, seen.trace.v_0, seen.trace.gain)
    inputs = [*start, *seen.rates, seen.lengths]
    margins: dict[str, float] = {}
    state: tuple[Tensor, Tensor] = (start.u_0, start.v_0)
    for n in sorted({1, layer.steps, 1 + company.seed % layer.steps}):
        before = (start.u_0, start.v_0) if n == 1 else layer.run(seen.rates, start, seen.lengths, n - 1)
        state = layer.run(seen.rates, start, seen.lengths, n)
        found = last_step(before, state, inputs)
        margins = {name: min(margin, margins.get(name, margin)) for name, margin in found.items()}
    same = torch.equal(state[0], seen.trace.u_N) and torch.equal(state[1], seen.trace.v_N)
    return margins | {"answer_is_this_run": 0.0 if same else -1.0}


@torch.no_grad()
def check_readout(tested: ModelUnderTest, company: Company) -> Margins:
    """Margins of what is read from the last state, of the pattern, and of the answer being the same without a trace."""
    layer, before_block = tested.layer, []
    hook = layer.feedforward.register_forward_pre_hook(lambda _, inputs: before_block.append(inputs[0]))
    try:
        seen = observe(tested, company.queries)
    finally:
        hook.remove()
    drive, unit = _drive(tested, seen), UNIT[seen.trace.u_N.dtype]
    weights = Readout(*(x.double() for x in layer.readout()))
    v, u = seen.trace.v_N.double() / drive.v_star[:, None], seen.trace.u_N.double() / drive.u_star[:, None]
    activator, substrate = (v - 1) / (1 + 0.5 * (v - 1).abs()), u - 1
    video = seen.video.double()
    parts = (weights.activator * activator, weights.substrate * substrate)
    # differences v/v* - 1 are off by the rounding of v/v*
    sizes = (weights.activator.abs() * (activator.abs() + v), weights.substrate.abs() * (substrate.abs() + u))
    allowed = START_ROUNDINGS * unit * (video.abs() + sum(sizes))
    pattern = activator @ weights.pattern
    channels = len(weights.pattern)
    allowed_pattern = (START_ROUNDINGS + channels) * unit * ((activator.abs() + v) @ weights.pattern.abs())
    alone = layer(seen.video, seen.video[:, :1], seen.query, seen.mask)
    found = seen.output.pattern
    assert found is not None
    assert alone.pattern is not None
    pairs = (alone.clips, seen.output.clips), (alone.pattern, found)
    same = all(torch.equal(x.nan_to_num(), y.nan_to_num()) for x, y in pairs)
    return {
        "change": _within(before_block[0], video + sum(parts), allowed, seen.mask),
        "pattern": _within(found[..., None], pattern[..., None], allowed_pattern[..., None] + 1e-300, seen.mask),
        "same_without_a_trace": 0.0 if same else -1.0,
    }


def _answer_slope(
    arrays: dict[str, np.ndarray], direction: tuple[str, np.ndarray], weights: tuple[np.ndarray, ...], run: Steps
) -> float:
    """Derivative of sum(w fused) + sum(w' pattern) along one input, by a complex step through the definition."""
    x = dict(arrays)
    x[direction[0]] = x[direction[0]] + 1j * COMPLEX_STEP * direction[1]
    row = {name: x[name][:, None] for name in (*Drive._fields, *Rates._fields)}
    tilt, valid = x["tilt"], (np.arange(run.u0.shape[1]) < run.lengths[:, None])[..., None]
    size = np.real(tilt)
    cut = np.where(np.abs(size) > 1, np.sign(size), tilt)
    gain = row["s"] * np.exp(cut * np.where(size >= 0, row["log_hi"], -row["log_lo"]))
    v_0 = row["v_star"] * (1 + row["share"] * tilt)
    fields = {"u0": row["u_star"] + 0 * v_0, "v0": v_0, "gain": gain}
    u, v = run_steps(Steps(**fields, **{n: x[n] for n in Rates._fields}, lengths=run.lengths, steps=run.steps))
    change = v / row["v_star"] - 1
    activator = np.where(valid, change / (1 + 0.5 * np.sign(np.real(change)) * change), 0)
    substrate = np.where(valid, u / row["u_star"] - 1, 0)
    fused = x["video"] + x["activator"] * activator + x["substrate"] * substrate
    total = (weights[0] * fused).sum() + (weights[1] * (activator @ x["pattern"])).sum()
    return float(np.imag(total) / COMPLEX_STEP)


def check_layer_gradients(tested: ModelUnderTest, company: Company) -> Margins:
    """Margins of the gradients of tilt, drive, rates, readout and video, and of all weights between clips and tilt."""
    seen, layer = observe(tested, company.queries), tested.layer
    dtype, generator = seen.trace.tilt.dtype, torch.Generator().manual_seed(company.seed)
    drive, rates = layer.drive(seen.design.map(lambda x: x[:, None]))
    shape = seen.design.F.shape
    leaves = {"tilt": seen.trace.tilt, "video": seen.video}
    leaves |= {name: x.expand(shape) for name, x in (drive._asdict() | rates._asdict()).items()}
    leaves |= layer.readout()._asdict()
    leaves = {name: x.detach().clone().requires_grad_() for name, x in leaves.items()}
    weights = torch.randn(seen.video.shape, generator=generator), torch.randn(seen.mask.shape, generator=generator)
    with torch.enable_grad():
        parts = (Drive(*(leaves[n] for n in Drive._fields)), Rates(*(leaves[n] for n in Rates._fields)))
        read = Readout(*(leaves[n] for n in Readout._fields))
        fused, pattern = layer.answer(leaves["tilt"], *parts, read, leaves["video"], seen.lengths)
        loss = (weights[0].to(dtype) * fused).sum() + (weights[1].to(dtype) * pattern).sum()
        found = dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values()), **_UNUSED), strict=True))
    arrays = {name: x.detach().double().numpy() for name, x in leaves.items()}
    empty = np.zeros(seen.video.shape)
    chosen = {name: arrays[name] for name in Rates._fields}
    run = Steps(empty, empty, empty, **chosen, lengths=seen.lengths.numpy(), steps=layer.steps)
    margins = {}
    for name, gradient in found.items():
        direction = torch.randn(gradient.shape, generator=generator).double()
        true = _answer_slope(arrays, (name, direction.numpy()), tuple(w.double().numpy() for w in weights), run)
        terms = gradient.double() * direction
        allowed = GRADIENT_ERROR[dtype] * (float(terms.abs().sum()) + abs(true)) + 1e-30
        if name in Readout._fields:
            # what these weigh is a difference of numbers near 1, u/u* - 1: it keeps the rounding of the fields
            allowed += float((_reach(weights, name) * direction.abs()).sum()) * ROUNDINGS * layer.steps * UNIT[dtype]
        margins[name] = 1.0 - abs(float(terms.sum()) - true) / allowed
    return margins | _score_gradients(layer, seen, weights[0], generator)


def _reach(weights: tuple[Tensor, Tensor], name: str) -> Tensor:
    """Sum over clips of the size of what multiplies a readout weight's field in the loss, (C,) or a number."""
    return weights[1].abs().sum().double() if name == "pattern" else weights[0].abs().sum((0, 1)).double()


def _score_gradients(
    layer: ReactionDiffusionFusion, seen: Observation, weight: Tensor, generator: torch.Generator
) -> dict[str, float]:
    """Margins of the gradients of clips, text and weights through scores and tilt, against the float64 definition."""
    inputs = {"video": seen.video, "query": seen.query, **score_weights(layer)}
    found = {"video": seen.video.clone().requires_grad_(), "query": seen.query.clone().requires_grad_()}
    found |= score_weights(layer)
    wide = {name: x.detach().double().requires_grad_() for name, x in inputs.items()}
    weight = torch.where(seen.mask[..., None], weight, 0.0)
    with torch.enable_grad():
        tilt = layer.tilt(layer.score(found["video"], found["query"], seen.mask))
        got = torch.autograd.grad((weight.to(tilt.dtype) * tilt).sum(), list(found.values()), **_UNUSED)
        names = score_weights(layer)
        true, bound = defined_tilt(layer, wide["video"], wide["query"], seen.mask, {name: wide[name] for name in names})
        expected = torch.autograd.grad((weight.double() * true).sum(), list(wide.values()))
    # where the scores themselves are that uncertain, so are their slopes
    share = GRADIENT_ERROR[seen.video.dtype] + 10 * float(torch.where(seen.mask[..., None], bound, 0.0).amax())
    margins = {}
    for name, x, y in zip(found, got, expected, strict=True):
        direction = torch.randn(x.shape, generator=generator).double()
        allowed = share * float((y * direction).abs().sum()) + 1e-30
        margins[f"score_{name}"] = 1.0 - abs(float(((x.double() - y) * direction).sum())) / allowed
    return margins


_TRACE = "by construction; checked on the trace of the call that answers, in its type and backend"

ANSWER_PROPERTIES: tuple[Property, ...] = (
    Property(
        name="tilt",
        statement="In any batch, the tilt that drives the reaction is the definition's, of these clips and this text.",
        latex=r"t = P \tanh(\epsilon_1\, \mathrm{contrast}(\alpha \cos(x, q) + w \cdot x))",
        theorem=_TRACE,
        strategy=companies,
        check=check_tilt,
        tolerance="what float32 may change, carried through sums, contrast and mixing (`defined_tilt`)",
        scope=Scope.LAYER,
        effort=2,
    ),
    Property(
        name="start",
        statement="In any batch, gain and fields that the steps start from are those of the tilt and the design.",
        latex=r"s_t = s\, m(t),\; u_0 = u^*,\; v_0 = v^*(1 + \epsilon_2 t)",
        theorem=_TRACE,
        strategy=companies,
        check=check_start,
        tolerance=f"{START_ROUNDINGS} roundings of the type that answers",
        scope=Scope.LAYER,
        effort=2,
    ),
    Property(
        name="layer_steps",
        statement="In any batch, the state that is read is where N steps lead with the rates of the text's design.",
        latex=r"(u_N, v_N) = \Phi_{F, k, D_u, D_v, s_t}^N(u_0, v_0)",
        theorem="Step.step_exists, Step.step_unique; checked on the trace of the call that answers",
        strategy=companies,
        check=check_steps,
        tolerance=f"{ROUNDINGS} roundings a row and step, felt over 1 + sqrt(D) clips; none between answer and trace",
        scope=Scope.LAYER,
        effort=2,
    ),
    Property(
        name="readout",
        statement="In any batch, fused clips and pattern are read from that state by the layer's weights, and a trace "
        "changes no bit of them.",
        latex=r"x + a\,p(v_N/v^* - 1) + b\,(u_N/u^* - 1), \quad \textstyle\sum_c p_c\,p(v_N/v^* - 1)",
        theorem=_TRACE,
        strategy=companies,
        check=check_readout,
        tolerance=f"{START_ROUNDINGS} roundings of the type that answers, of what is added; none for the bits",
        scope=Scope.LAYER,
        effort=2,
    ),
    Property(
        name="layer_gradients",
        statement="Gradients of the layer's answer have the values of the definition's derivatives, for every input "
        "and weight of scores, drive, rates and readout.",
        latex=r"\langle \nabla_\theta \ell, d\rangle = \mathrm{Im}\,\ell(\theta + i h d)/h",
        theorem="by construction: complex steps through the definition, exact to rounding",
        strategy=lambda tested: companies(tested, ordinary=True),
        check=check_layer_gradients,
        tolerance=f"{GRADIENT_ERROR[torch.float32]:g} in float32 of the sum of all entries' contributions",
        scope=Scope.LAYER,
        effort=10,
    ),
)
