"""What may the fields do? Stay bounded from any state, obey the step's equations, and rest at steady states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from hypothesis import strategies as st
from torch import Tensor

from rdmf_model.constraints.base import Design
from rdmf_model.properties.base import Margins, Property, Scope
from rdmf_model.properties.inputs import seeds, sources
from rdmf_model.properties.model_under_test import ModelUnderTest, Source

FIELD_ERROR = 1e-5
"""Bounds of fields in float32: in each step some twenty rounded operations, 2^-24 each, of which the later steps forget
most."""

EQUATION_ERROR = 1e-12
"""Float64: a few thousand times its rounding, for systems whose condition number is below a thousand."""

LONG_RUN, STAGES = 10_000, 10


@dataclass(frozen=True)
class Fields:
    """A run's start and end, (1, T, C), its rates, (1, C), and its steps."""

    u0: Tensor
    v0: Tensor
    F: Tensor
    k: Tensor
    D_u: Tensor
    D_v: Tensor
    steps: int
    u: Tensor
    v: Tensor


@dataclass(frozen=True)
class State:
    """Any admissible fields: u in [0, 1], v in [0, largest_v], gain in [0, largest_gain] times s."""

    text: Source
    clips: int
    largest_v: float
    largest_gain: float
    seed: int


def states(tested: ModelUnderTest, most: int = 96) -> st.SearchStrategy[State]:
    """States up to a thousand times larger than the layer's own, of 1 to `most` clips."""
    sizes = st.sampled_from((1.0, 0.0, 10.0, 1e3))
    return st.builds(State, sources(tested), st.integers(1, most), sizes, sizes, seeds())


@torch.no_grad()
def operator_inputs(
    tested: ModelUnderTest, state: State, dtype: torch.dtype = torch.float32, channels: int | None = None
) -> tuple[Tensor, ...]:
    """u0, v0, gain of shape (1, T, C), F, k, D_u, D_v (1, C), lengths (1,), of the first `channels` designs."""
    design: Design = tested.design(state.text).map(lambda x: x[:, :channels].to(dtype))
    generator = torch.Generator().manual_seed(state.seed)
    u0, v0, gain = torch.rand(3, 1, state.clips, design.s.shape[1], generator=generator, dtype=dtype)
    fields = (u0, state.largest_v * v0, state.largest_gain * gain * design.s[:, None])
    return (*fields, design.F, design.k, design.D_u, design.D_v, torch.tensor([state.clips]))


def field_margins(call: Fields) -> dict[str, float]:
    """Margins of the step's bounds on fields (1, T, C), relative to their size, `FIELD_ERROR` allowed.

    u in [0, 1], v >= 0, mean(u + v) <= max(1, its start), and V' = (V + 1 + F + 2 D_u) / (1 + w) iterated bounds max v
    (docs/mathematics.md, "The step", point 1).
    """
    u0, v0 = (x.double().expand_as(call.u)[0] for x in (call.u0, call.v0))
    u, v = call.u.double()[0], call.v.double()[0]
    F, k, D_u = (x.double() for x in (call.F[0], call.k[0], call.D_u[0]))
    # after one step only the previous V enters, so the largest start value is enough
    bound = v0.amax(0)
    for _ in range(call.steps):
        bound = (bound + 1 + F + 2 * D_u) / (1 + F + k)
    mean_bound = (u0 + v0).mean(0).clamp(min=1.0)
    parts: Mapping[str, Tensor] = {
        "u_below": u,
        "u_above": 1 + FIELD_ERROR - u,
        "v_below": v,
        "v_above": 1 + FIELD_ERROR - v.amax(0) / bound,
        "mean": 1 + FIELD_ERROR - (u + v).mean(0) / mean_bound,
    }
    # amin of a tensor with NaN is NaN
    return {name: float(part.amin()) for name, part in parts.items()}


@torch.no_grad()
def check_any_state(tested: ModelUnderTest, state: State) -> Margins:
    """Margins of the bounds after the layer's steps from any state, with the parameters that a text chooses."""
    inputs = operator_inputs(tested, state)
    u, v = tested.operate(*inputs)
    u0, v0, _, *rates, _ = inputs
    return field_margins(Fields(u0, v0, *rates, steps=tested.steps, u=u, v=v))


@torch.no_grad()
def check_long_run(tested: ModelUnderTest, state: State) -> Margins:
    """Margins of the bounds at ten stages of `LONG_RUN` steps, on the first sixteen channels."""
    *fields, F, k, D_u, D_v, lengths = operator_inputs(tested, state, channels=16)
    u0, v0, gain = fields
    u, v, worst = u0, v0, {}
    for _ in range(STAGES):
        u, v = tested.operate(u, v, gain, F, k, D_u, D_v, lengths, steps=LONG_RUN // STAGES)
        # max v rises towards the fixed point of its bound, or falls from above it; rounding may lift mean(u + v)
        bound = torch.maximum(v0.amax(1), (1 + F + 2 * D_u) / (F + k))
        mean = (u0 + v0).mean(1).clamp(min=1.0)
        parts = {
            "u_below": u,
            "u_above": 1 + FIELD_ERROR - u,
            "v_below": v,
            "v_above": 1 + FIELD_ERROR - v.amax(1) / bound,
            "mean": 1 + 100 * FIELD_ERROR - (u + v).mean(1) / mean,
        }
        for name, part in parts.items():
            margin = float(part.amin())
            # NaN is kept
            worst[name] = margin if not margin >= worst.get(name, margin) else worst.get(name, margin)
    return worst


def laplacian(x: Tensor) -> Tensor:
    """Clip Laplacian of (B, T, C) with replicated ends: the definition, for comparison."""
    padded = torch.cat([x[:, :1], x, x[:, -1:]], dim=1)
    return padded[:, 2:] - 2 * x + padded[:, :-2]


@torch.no_grad()
def check_equations(tested: ModelUnderTest, state: State) -> Margins:
    """Margins of the two linear systems that define one step, as residuals relative to their largest term."""
    inputs = operator_inputs(tested, state, torch.float64)
    u0, v0, gain = inputs[:3]
    F, k, D_u, D_v = (x[:, None] for x in inputs[3:7])
    u, v = tested.operate(*inputs, steps=1)
    u_terms = ((1 + F + gain * v0**2) * u, -D_u * laplacian(u), -u0 - F)
    v_terms = ((1 + F + k) * v, -D_v * laplacian(v), -v0 - gain * u * v0**2)
    margins = {}
    for name, terms, D, field in (("u", u_terms, D_u, u), ("v", v_terms, D_v, v)):
        residual = torch.stack(terms).sum(0).abs()
        scale = torch.stack([term.abs() for term in terms]).amax(0) + 4 * D * field.abs() + 1e-300
        margins[name] = 1.0 - float((residual / scale).amax()) / EQUATION_ERROR
    return margins


@torch.no_grad()
def check_fixed_points(tested: ModelUnderTest, state: State) -> Margins:
    """Margins of one step from the trivial state (1, 0) and from the saddle (1 - u*, w/(s (1 - u*)))."""
    _, _, _, F, k, D_u, D_v, lengths = operator_inputs(tested, state, torch.float64)
    w = F + k
    s = tested.design(state.text).s.double()
    root = (1 - 4 * w**2 / (s * F)).clamp(min=0).sqrt()
    high = (1 + root) / 2
    margins = {}
    for name, u, v in (("trivial", torch.ones_like(s), torch.zeros_like(s)), ("saddle", high, w / (s * high))):
        start = [x[:, None].expand(1, state.clips, -1).contiguous() for x in (u, v, s)]
        u_1, v_1 = tested.operate(*start, F, k, D_u, D_v, lengths, steps=1)
        drift = max(float((u_1 - start[0]).abs().max()), float((v_1 - start[1]).abs().max() / (1 + v.max())))
        margins[name] = 1.0 - drift / EQUATION_ERROR
    return margins


ROUNDING = f"{FIELD_ERROR:g} of the bound: float32, some twenty rounded operations a step; positivity needs none"
_EXACT = f"{EQUATION_ERROR:g} of the largest term: float64 rounding, amplified by the systems' condition"

FIELD_PROPERTIES: tuple[Property, ...] = (
    Property(
        name="bounds_any_state",
        statement="From any state with u in [0, 1], v >= 0, under any gain >= 0: u stays in [0, 1], v >= 0 below its "
        "bound, and mean(u + v) does not grow beyond 1 or its start.",
        latex=r"0 \le u_0 \le 1,\; v_0 \ge 0,\; s_t \ge 0 \Rightarrow 0 \le u_n \le 1,\; v_n \ge 0,\;"
        r" \langle u_n + v_n\rangle \le \max(1, \langle u_0 + v_0\rangle)",
        theorem="Step.run_admissible, Step.step_v_bound, Step.step_mean_bound",
        strategy=states,
        check=check_any_state,
        tolerance=ROUNDING,
        scope=Scope.OPERATOR,
    ),
    Property(
        name="long_run",
        statement="Patterns stay bounded over 10 000 steps, from any state.",
        latex=r"0 \le u_n \le 1,\; 0 \le v_n \le \max(\max v_0, (1 + F + 2D_u)/w), \quad n \le 10^4",
        theorem="Step.run_admissible, Step.step_v_bound, Step.step_mean_bound",
        strategy=lambda tested: states(tested, most=24),
        check=check_long_run,
        tolerance=f"{ROUNDING}; the mean of ten thousand steps gets a hundred times that",
        scope=Scope.LAYER,
        effort=20,
    ),
    Property(
        name="step_equations",
        statement="One step solves its two linear systems, reflecting ends included, from any state under any gain.",
        latex=r"(1 + F + s_t v_n^2 - D_u\Delta)u_{n+1} = u_n + F,\;"
        r" (1 + w - D_v\Delta)v_{n+1} = v_n + s_t u_{n+1}v_n^2",
        theorem="Step.step_exists, Step.step_unique, ClipLaplacian.thomas_solves",
        strategy=states,
        check=check_equations,
        tolerance=_EXACT,
        scope=Scope.OPERATOR,
    ),
    Property(
        name="fixed_points",
        statement="The trivial state and the saddle of every channel do not move in a step.",
        latex=r"(1, 0) \mapsto (1, 0), \quad (1 - u^*, w/(s(1 - u^*))) \mapsto (1 - u^*, w/(s(1 - u^*)))",
        theorem="WellBalanced.fixed_point_iff, SteadyStates.steady_iff",
        strategy=states,
        check=check_fixed_points,
        tolerance=_EXACT,
        scope=Scope.OPERATOR,
    ),
)
