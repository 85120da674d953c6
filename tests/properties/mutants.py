"""Faults planted in the layer, the constraint and the model, each with the property that must name it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

import rdmf_model.fusion.reaction_diffusion
import rdmf_model.properties.model_under_test
from rdmf_model.constraints.base import Design
from rdmf_model.constraints.constraint import DesignConstraint
from rdmf_model.fusion.reaction_diffusion import ReactionDiffusionFusion
from rdmf_model.model.moment_model import MomentModel
from rdmf_model.model.text import AttentionPooling
from rdmf_model.ops.reaction_diffusion import reaction_diffusion
from rdmf_model.ops.reaction_diffusion.driven import compose, read, relative_gain
from rdmf_model.streaming.streaming import StreamingFusion
from rdmf_theory.layer.step import clip_laplacian

LAYER = rdmf_model.fusion.reaction_diffusion
Patch = Callable[[pytest.MonkeyPatch, MomentModel], None]


def dense_operator(
    *,
    ends: str = "reflect",
    implicit: bool = True,
    lagged_reaction: bool = True,
    extra_steps: int = 0,
    v_diffuses: bool = True,
    drift: float = 0.0,
    respects_lengths: bool = True,
) -> Callable[..., tuple[Tensor, Tensor]]:
    """The layer's step by dense linear algebra, and its faults."""

    def laplacian(clips: int, like: Tensor) -> Tensor:
        matrix = torch.from_numpy(clip_laplacian(clips)).to(like)
        if ends == "absorb":
            matrix[0, 0], matrix[-1, -1] = -2, -2
        return matrix

    def one(u: Tensor, v: Tensor, gain: Tensor, F: Tensor, k: Tensor, D_u: Tensor, D_v: Tensor, steps: int):
        matrix = laplacian(len(u), u)

        def diffuse(diagonal: Tensor, D: Tensor, right: Tensor) -> Tensor:
            # (C, T, T) systems
            system = torch.diag_embed(1 + diagonal.T) - D[:, None, None] * matrix
            return torch.linalg.solve(system, right.T[..., None])[..., 0].T

        for _ in range(steps + extra_steps):
            if not implicit:
                reaction = gain * u * v**2
                lap_u, lap_v = matrix @ u, matrix @ v
                u, v = u + D_u * lap_u - reaction + F * (1 - u), v + D_v * lap_v + reaction - (F + k) * v
                continue
            if lagged_reaction:
                new_u = diffuse(F + gain * v**2, D_u, u + F)
            else:
                new_u = diffuse(F.expand_as(u), D_u, u + F - gain * u * v**2)
            v = diffuse((F + k).expand_as(v), D_v if v_diffuses else 0 * D_v, v + gain * new_u * v**2)
            u = new_u + drift
        return u, v

    def operator(u0, v0, gain, F, k, D_u, D_v, lengths, *, steps: int, backend: str | None):
        shape = torch.broadcast_shapes(u0.shape, v0.shape, gain.shape)
        u0, v0, gain = (x.expand(shape) for x in (u0, v0, gain))
        u, v = torch.zeros(shape).to(v0), torch.zeros(shape).to(v0)
        for row in range(shape[0]):
            clips = int(lengths[row]) if respects_lengths else shape[1]
            rates = (x.expand(shape[0], shape[2])[row] for x in (F, k, D_u, D_v))
            fields = one(u0[row, :clips], v0[row, :clips], gain[row, :clips], *rates, steps)
            u[row, :clips], v[row, :clips] = fields
        return u, v

    return operator


Operator = Callable[..., tuple[Tensor, Tensor]]


def answering(operator: Operator) -> Operator:
    """`driven_readout` with other steps in it: what answers, what a trace shows, and what runs from a given start."""

    def driven_readout(
        tilt, drive, rates, readout, video=None, lengths=None, *, steps, backend, trace=None, start=None
    ):
        drive, rates = (type(rows)(*(x.expand(len(tilt), tilt.shape[2]) for x in rows)) for rows in (drive, rates))
        gain = drive.s[:, None] * relative_gain(tilt, drive.log_lo[:, None], drive.log_hi[:, None])
        run = partial(operator, steps=steps, backend=backend)
        fields = compose(tilt, drive, rates, lengths, gain, run, trace=trace, start=start)
        return read(*fields, readout, video)

    return driven_readout


def plant(monkeypatch: pytest.MonkeyPatch, operator: Operator) -> None:
    """Other steps where the layer answers, and where its operator is differentiated."""
    monkeypatch.setattr(LAYER, "driven_readout", answering(operator))
    monkeypatch.setattr(rdmf_model.properties.model_under_test, "reaction_diffusion", operator)


def operator_fault(**fault: object) -> Patch:
    return lambda monkeypatch, model: plant(monkeypatch, dense_operator(**fault))  # type: ignore[arg-type]


def spoilt(change: Callable[..., tuple]) -> Patch:
    """What the layer hands to what answers, changed: (tilt, drive, rates, readout, video, lengths) -> the same."""

    def patch(monkeypatch: pytest.MonkeyPatch, model: MomentModel) -> None:
        honest = LAYER.driven_readout

        def driven_readout(tilt, drive, rates, readout, video=None, lengths=None, **options):
            return honest(*change(tilt, drive, rates, readout, video, lengths), **options)

        monkeypatch.setattr(LAYER, "driven_readout", driven_readout)

    return patch


def bypassed_door(**coordinate: float) -> Patch:
    """The layer emits one coordinate outside the box, whatever the constraint says."""

    def patch(monkeypatch: pytest.MonkeyPatch, model: MomentModel) -> None:
        honest = DesignConstraint.transform

        def transform(self: DesignConstraint, raw: Tensor, backend: str | None = None) -> Design:
            coordinates = honest(self, raw).coordinates().clone()
            for name, value in coordinate.items():
                coordinates[..., ("u_star", "z", "excess", "wavelength", "rate").index(name)] = value
            return self.emit(coordinates)

        monkeypatch.setattr(DesignConstraint, "transform", transform)

    return patch


def rounded_parameters(monkeypatch: pytest.MonkeyPatch, model: MomentModel) -> None:
    honest = DesignConstraint.emit
    monkeypatch.setattr(
        DesignConstraint, "emit", lambda self, x, backend=None: honest(self, x).map(lambda y: y.bfloat16().to(y.dtype))
    )


def unclamped_gain(monkeypatch: pytest.MonkeyPatch, model: MomentModel) -> None:
    monkeypatch.setattr(DesignConstraint, "log_gain", lambda self, design: (0 * design.s - 2.0, 0 * design.s + 2.0))


def swapped_fields(monkeypatch: pytest.MonkeyPatch, model: MomentModel) -> None:
    plant(monkeypatch, lambda *inputs, **options: reaction_diffusion(*inputs, **options)[::-1])


def consumed_substrate(monkeypatch: pytest.MonkeyPatch, model: MomentModel) -> None:
    def operator(*inputs: Tensor, **options: Any) -> tuple[Tensor, Tensor]:
        u, v = reaction_diffusion(*inputs, **options)  # type: ignore[misc]
        return u - 1, v

    plant(monkeypatch, operator)


def unmasked_words(monkeypatch: pytest.MonkeyPatch, model: MomentModel) -> None:
    honest = AttentionPooling.forward
    monkeypatch.setattr(AttentionPooling, "forward", lambda self, x, mask: honest(self, x, torch.ones_like(mask)))


def samples_meet(monkeypatch: pytest.MonkeyPatch, model: MomentModel) -> None:
    honest = AttentionPooling.forward

    def forward(self: AttentionPooling, x: Tensor, mask: Tensor) -> Tensor:
        query = honest(self, x, mask)
        return query - 0.1 * query[:1]

    monkeypatch.setattr(AttentionPooling, "forward", forward)


def dropout_stays_on(monkeypatch: pytest.MonkeyPatch, model: MomentModel) -> None:
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            monkeypatch.setattr(module, "forward", lambda x: torch.nn.functional.dropout(x, 0.5, training=True))


def deviation_without_floor(monkeypatch: pytest.MonkeyPatch, model: MomentModel) -> None:
    honest = ReactionDiffusionFusion.tilt

    def tilt(self: ReactionDiffusionFusion, score: Tensor) -> Tensor:
        deviation = (score - score.mean(1, keepdim=True)).square().mean(1, keepdim=True).sqrt()
        return honest(self, score / (1 + deviation))

    monkeypatch.setattr(ReactionDiffusionFusion, "tilt", tilt)


def after_operator(change: Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]]) -> Patch:
    """The operator, and something done to (u, v) after its steps."""

    def patch(monkeypatch: pytest.MonkeyPatch, model: MomentModel) -> None:
        def operator(*inputs: Tensor, **options: Any) -> tuple[Tensor, Tensor]:
            return change(*reaction_diffusion(*inputs, **options), options["steps"])  # type: ignore[misc]

        plant(monkeypatch, operator)

    return patch


def before_operator(change: Callable[..., tuple[Tensor, ...]]) -> Patch:
    """The operator on other inputs: (u0, v0, gain, F, k, D_u, D_v) -> the same."""

    def patch(monkeypatch: pytest.MonkeyPatch, model: MomentModel) -> None:
        def operator(*inputs: Tensor, **options: Any) -> tuple[Tensor, Tensor]:
            return reaction_diffusion(*change(*inputs[:7]), *inputs[7:], **options)  # type: ignore[misc]

        plant(monkeypatch, operator)

    return patch


class Scaled(torch.autograd.Function):
    """The same number with another slope."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *bars: Tensor) -> tuple[Tensor, None]:
        return ctx.factor * bars[0], None


def without_first(x: Tensor) -> Tensor:
    return torch.cat([0 * x[:1], x[1:]])


def twice_in_float32(u0, v0, gain, F, k, D_u, D_v):
    return u0, v0, gain, F, k, D_u, 2 * D_v if u0.dtype == torch.float32 else D_v


def half_precision_file(monkeypatch: pytest.MonkeyPatch, model: MomentModel) -> None:
    honest = type(model).state_dict
    monkeypatch.setattr(
        type(model),
        "state_dict",
        lambda self: {n: x.half().to(x.dtype) if n.endswith("weight") else x for n, x in honest(self).items()},
    )


def dropout_from_entropy(monkeypatch: pytest.MonkeyPatch, model: MomentModel) -> None:
    source = torch.Generator().manual_seed(1)

    def forward(x: Tensor) -> Tensor:
        return x * torch.bernoulli(torch.full(x.shape, 0.5), generator=source)

    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            monkeypatch.setattr(module, "forward", forward)


def contrast_with_the_past(monkeypatch: pytest.MonkeyPatch, model: MomentModel) -> None:
    def causal(x: Tensor, mask: Tensor, radius: int, **_: object) -> Tensor:
        mean = x.cumsum(1) / torch.arange(1, x.shape[1] + 1)[:, None]
        return (x - mean) * mask[..., None]

    monkeypatch.setattr(LAYER, "local_contrast", causal)


def window_shifted(monkeypatch: pytest.MonkeyPatch, model: MomentModel) -> None:
    honest = StreamingFusion.push

    def push(self: StreamingFusion, clips: Tensor):
        # a piece loses its last clip to the first of the next
        return honest(self, torch.cat([clips[:1], clips[:-1]]))

    monkeypatch.setattr(StreamingFusion, "push", push)


# fmt: off
MUTANTS: list[tuple[str, Patch, str, str]] = [
    ("below threshold", bypassed_door(excess=0.97), "admissible", "turing margin -0.03"),
    ("undamped", bypassed_door(z=0.9), "uniform_decay", "decays margin"),
    ("outside the box only", bypassed_door(wavelength=30.0), "admissible", "inside margin -8"),
    ("parameters rounded to 8 bits", rounded_parameters, "admissible", "rounding margin"),
    ("gain not bounded", unclamped_gain, "gain", "margin -"),
    ("explicit Euler", operator_fault(implicit=False), "growth", "multiplier margin"),
    ("one step too many", operator_fault(extra_steps=1), "growth", "multiplier margin"),
    ("absorbing ends", operator_fault(ends="absorb"), "growth", "one_mode margin"),
    ("v does not diffuse", operator_fault(v_diffuses=False), "decay", "multiplier margin"),
    ("base state drifts", operator_fault(drift=1e-7), "base_state", "drift margin"),
    ("explicit reaction", operator_fault(lagged_reaction=False), "bounds_any_state", "margin"),
    ("u grows for ever", after_operator(lambda u, v, n: (u + 1e-4 * n, v)), "long_run", "u_above margin -"),
    ("absorbing ends, one step", operator_fault(ends="absorb"), "step_equations", "margin -"),
    ("explicit reaction, one step", operator_fault(lagged_reaction=False), "step_equations", "u margin -"),
    ("trivial state drifts", operator_fault(drift=1e-7), "fixed_points", "trivial margin -"),
    ("another number of steps", operator_fault(extra_steps=1), "reference", "margin -"),
    ("channels meet", after_operator(lambda u, v, n: (u, v + 1e-6 * v.roll(1, -1))), "channel_order", "v margin -"),
    ("time has a direction", after_operator(lambda u, v, n: (u + 1e-6 * u.roll(1, 1), v)), "reflection", "u margin -"),
    ("lengths are ignored", operator_fault(respects_lengths=False), "ragged", "margin "),
    ("gradient too large", after_operator(lambda u, v, n: (2 * u - u.detach(), v)), "gradient_bound", "u0 margin -"),
    ("gain counted down", before_operator(lambda u, v, gain, *rates: (u, v, gain.amax() - gain, *rates)),
     "monotone_step", "rises margin -"),
    ("scores of the clip before", spoilt(lambda tilt, *rest: (tilt.roll(1, 1), *rest)), "tilt", "tilt margin -"),
    ("gain of every clip three times", spoilt(lambda t, drive, *rest: (t, drive._replace(s=3 * drive.s), *rest)),
     "start", "gain margin -"),
    ("feed rate five times", spoilt(lambda t, d, rates, *rest: (t, d, rates._replace(F=5 * rates.F), *rest)),
     "layer_steps", "u margin -"),
    ("readout of one channel is lost",
     spoilt(lambda t, d, r, w, *rest: (t, d, r, w._replace(activator=without_first(w.activator)), *rest)),
     "readout", "change margin -"),
    ("slope of the tilt halved", spoilt(lambda tilt, *rest: (Scaled.apply(tilt, 0.5), *rest)), "layer_gradients",
     "tilt margin -"),
    ("v diffuses twice in float32", before_operator(twice_in_float32), "each_step", "v margin -"),
    ("slope of the kill rate halved",
     before_operator(lambda u, v, g, F, k, *D: (u, v, g, F, Scaled.apply(k, 0.5), *D)),
     "gradient_values", "k margin -"),
    ("half precision in the file", half_precision_file, "saved", "margin -1"),
    ("dropout has its own generator", dropout_from_entropy, "seeded", "margin -1"),
    ("contrast with the past only", contrast_with_the_past, "layer_reflection", "clips margin -"),
    ("stream is late by a clip", window_shifted, "streaming", "clips margin -"),
    ("u and v swapped", swapped_fields, "base_state", "drift margin -"),
    ("substrate counted from 1", consumed_substrate, "bounds", "u_below margin -"),
    ("layer runs into the padding", operator_fault(respects_lengths=False), "padding", "pattern margin -"),
    ("padded words are read", unmasked_words, "padding", "saliency margin -"),
    ("samples of a batch meet", samples_meet, "batch_order", "saliency margin -"),
    ("dropout stays on", dropout_stays_on, "determinism", "margin -1"),
    ("deviation without a floor", deviation_without_floor, "gradients", "headroom margin nan"),
]
