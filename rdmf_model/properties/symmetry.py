"""What must the operator not care about? The order of channels, the direction of time, padding, and who computes it."""

from __future__ import annotations

import torch
from torch import Tensor

from rdmf_model.properties.base import Margins, Property, Scope
from rdmf_model.properties.fields import State, operator_inputs, states
from rdmf_model.properties.model_under_test import ModelUnderTest
from rdmf_model.properties.truth import Steps, run_steps

SYMMETRY_ERROR = 1e-9
"""Float64: rounding of 1e-16 in another order, amplified by growth over the steps and by the systems' condition."""


def ordinary(tested: ModelUnderTest, state: State) -> tuple[Tensor, ...]:
    """Float64 inputs of a state, fields at most ten times the layer's own: larger ones only test the same sums."""
    u0, v0, gain, *rates = operator_inputs(tested, state, torch.float64)
    return (u0, v0.clamp(max=10.0), torch.minimum(gain, 10 * gain.mean()), *rates)


def agreement(found: tuple[Tensor, Tensor], expected: tuple[Tensor, Tensor], error: float = SYMMETRY_ERROR) -> Margins:
    """Margins of two results, relative to 1 + the largest number of each channel."""
    margins = {}
    for name, x, truth in zip("uv", found, expected, strict=True):
        worst = ((x - truth).abs() / (1 + truth.abs().amax(1, keepdim=True))).amax()
        margins[name] = 1.0 - float(worst) / error
    return margins


@torch.no_grad()
def check_channels(tested: ModelUnderTest, state: State) -> Margins:
    """Margins of the channels in another order against the result in that order."""
    inputs = ordinary(tested, state)
    order = torch.randperm(inputs[0].shape[-1], generator=torch.Generator().manual_seed(state.seed))
    u, v = tested.operate(*inputs)
    permuted = [x[..., order] for x in inputs[:-1]]
    return agreement(tested.operate(*permuted, inputs[-1]), (u[..., order], v[..., order]))


@torch.no_grad()
def check_reflection(tested: ModelUnderTest, state: State) -> Margins:
    """Margins of the clips in reverse against the result in reverse."""
    inputs = ordinary(tested, state)
    u, v = tested.operate(*inputs)
    reverse = [x.flip(1) for x in inputs[:3]]
    return agreement(tested.operate(*reverse, *inputs[3:]), (u.flip(1), v.flip(1)))


@torch.no_grad()
def check_ragged(tested: ModelUnderTest, state: State) -> Margins:
    """Margins of a sample alone against itself beside a longer one, with NaN in its padding; padding comes out as 0."""
    *fields, F, k, D_u, D_v, lengths = ordinary(tested, state)
    extra = 1 + state.seed % 7
    padded = []
    for x in fields:
        longer = torch.cat([x, x[:, -1:].expand(-1, extra, -1)], dim=1)
        padded.append(torch.cat([longer.clone(), longer]))
        padded[-1][0, state.clips :] = torch.nan
    rates = (x.expand(2, -1) for x in (F, k, D_u, D_v))
    u, v = tested.operate(*padded, *rates, torch.cat([lengths, lengths + extra]))
    inside, outside = slice(0, state.clips), slice(state.clips, None)
    margins = dict(agreement((u[:1, inside], v[:1, inside]), tested.operate(*fields, F, k, D_u, D_v, lengths)))
    silent = torch.stack([u[0, outside], v[0, outside]])
    return margins | {"padding_is_0": 0.0 if bool((silent == 0).all()) else -1.0}


@torch.no_grad()
def check_reference(tested: ModelUnderTest, state: State) -> Margins:
    """Margins of the operator, in float64, against the loop of `truth` that defines it."""
    inputs = ordinary(tested, state)
    *tensors, lengths = inputs
    given = Steps(*(x.numpy() for x in tensors), lengths=lengths.numpy(), steps=tested.steps)
    u, v = (torch.from_numpy(x) for x in run_steps(given))
    return agreement(tested.operate(*inputs), (u, v))


_ORDER = f"{SYMMETRY_ERROR:g}, relative to 1 + the channel's largest number: float64, sums in another order"

SYMMETRY_PROPERTIES: tuple[Property, ...] = (
    Property(
        name="reference",
        statement="The operator in use computes what the plain loop computes.",
        latex=r"\Phi^N_{\mathrm{backend}} = \Phi^N",
        theorem="by construction: numpy and textbook elimination, which share nothing with any backend",
        strategy=states,
        check=check_reference,
        tolerance=_ORDER,
        scope=Scope.OPERATOR,
        effort=10,
    ),
    Property(
        name="channel_order",
        statement="Channels do not meet in the operator: their order does not matter.",
        latex=r"\Phi(\pi x) = \pi\,\Phi(x)",
        theorem="by construction: each channel has its own systems",
        strategy=states,
        check=check_channels,
        tolerance=_ORDER,
        scope=Scope.OPERATOR,
    ),
    Property(
        name="reflection",
        statement="Clips in reverse give fields in reverse: the operator knows no direction of time.",
        latex=r"\Phi(x_{T-1}, \dots, x_0) = (\Phi(x)_{T-1}, \dots, \Phi(x)_0)",
        theorem="Step.step_unique",
        strategy=states,
        check=check_reflection,
        tolerance=_ORDER,
        scope=Scope.OPERATOR,
    ),
    Property(
        name="ragged",
        statement="A shorter sample in a batch reflects at its own last clip; NaN in its padding is never read.",
        latex=r"\Phi(x \,\|\, \mathrm{NaN})_{1..T} = \Phi(x), \quad \Phi(x \,\|\, \mathrm{NaN})_{>T} = 0",
        theorem="by construction: the systems of a sample end at its last valid clip",
        strategy=states,
        check=check_ragged,
        tolerance=_ORDER,
        scope=Scope.OPERATOR,
    ),
)
