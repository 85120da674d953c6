"""What does the reaction-diffusion layer promise for every text and every video? Admissible parameters, bounded fields.

How it grows what it should, and lets decay what it should, is in `growth.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor

from rdmf_model.properties.base import Margins, Property, Subject
from rdmf_model.properties.growth import GROWTH_PROPERTIES
from rdmf_model.properties.inputs import Query, Text, make_batch, queries, seeds, texts
from rdmf_model.properties.observe import OperatorCall, recorded_calls, run_operator
from rdmf_theory import formulas
from rdmf_theory.certify import PARAMETER_ERROR
from rdmf_theory.chart import PatternDesign
from rdmf_theory.turing import Condition, classify_array

# Bounds of fields in float32: in each step some twenty rounded operations, 2^-24 each, of which the later steps forget
# most.
FIELD_ERROR = 1e-5

# Conditions that are not about the emitted parameters alone.
OF_THE_DESIGN = ("mode_on_axis", "wavelength", "gain", "soft_onset")


def signed(condition: Condition) -> float:
    """The worst margin of a condition on arrays, below 0 where it does not hold: an open one fails at margin 0 too."""
    margin = np.atleast_1d(np.asarray(condition.margin, dtype=float))
    if np.isnan(margin).any():
        return float("nan")
    holds = bool(np.all(condition.holds))
    return float(margin.min()) if holds else min(float(margin.min()), -float(np.finfo(float).tiny))


def stability(F: Any, k: Any, s: Any, D_u: Any, D_v: Any) -> dict[str, float]:
    """Worst margins of v_rich, damped, fed and turing, decided from emitted parameters alone."""
    arrays = (np.asarray(value.detach().double()) for value in (F, k, s, D_u, D_v))
    return {name: signed(condition) for name, condition in classify_array(*arrays).conditions.items()}


@torch.no_grad()
def check_parameters(subject: Subject, text: Text) -> Margins:
    """Margins of what the layer emits for a text: inside the box, rounded as certified, stable, of the region."""
    layer, region = subject.layer, subject.layer.constraint.region
    design = layer.design(subject.query(text.tensor(subject)))
    coordinates = design.coordinates().double().reshape(-1, 5)
    lower, upper = (torch.tensor(bound, dtype=torch.float64) for bound in (region.lower, region.upper))
    inside = torch.minimum(coordinates - lower, upper - coordinates).amin()
    point = [column.numpy() for column in coordinates.T]
    exact = np.stack(formulas.parameters_from_design(*point, xp=np))
    emitted = np.stack([getattr(design, name).double().numpy().ravel() for name in ("F", "k", "s", "D_u", "D_v")])
    error = np.abs(emitted / exact - 1).max() / float(PARAMETER_ERROR)
    judged = region.conditions(PatternDesign(*point))
    return {
        "inside": float(inside),
        "rounding": 1.0 - float(error),
        **{name: signed(judged[name]) for name in OF_THE_DESIGN if name in judged},
        **stability(design.F, design.k, design.s, design.D_u, design.D_v),
    }


@torch.no_grad()
def observe(subject: Subject, query: Query) -> OperatorCall:
    """What the layer does with one video and one text."""
    batch, model = make_batch(subject, [query]), subject.model
    video = model.video_projection(batch.video)
    text = model.text_projection(batch.text)
    with recorded_calls() as calls:
        subject.layer(video, text, model.pooling(text, batch.word_mask), batch.clip_mask, batch.word_mask)
    if len(calls) != 1:
        raise RuntimeError(f"the layer called its operator {len(calls)} times; it should call it once")
    return calls[0]


def check_gain(subject: Subject, query: Query) -> Margins:
    """Margins of the frozen state of every clip under the gain that the layer applies there."""
    call = observe(subject, query)
    F, k, D_u, D_v = (value[:, None] for value in (call.F, call.k, call.D_u, call.D_v))
    return stability(F, k, call.gain, D_u, D_v)


def field_margins(call: OperatorCall) -> dict[str, float]:
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


def check_bounds(subject: Subject, query: Query) -> Margins:
    """Margins of the bounds on the layer's fields, and of the starting fields they need."""
    call = observe(subject, query)
    start = {"u0": float(torch.minimum(call.u0, 1 - call.u0).amin()), "v0": float(call.v0.amin())}
    return start | field_margins(call)


@dataclass(frozen=True)
class State:
    """Any admissible fields: u in [0, 1], v in [0, largest_v], gain in [0, largest_gain] times s."""

    text: Text
    clips: int
    largest_v: float
    largest_gain: float
    seed: int


def states(subject: Subject) -> st.SearchStrategy[State]:
    """States up to a thousand times larger than the layer's own."""
    sizes = st.sampled_from((1.0, 0.0, 10.0, 1e3))
    return st.builds(State, texts(subject), st.integers(1, 96), sizes, sizes, seeds())


@torch.no_grad()
def check_any_state(subject: Subject, state: State) -> Margins:
    """Margins of the bounds after the layer's steps from any state, with the parameters that a text chooses."""
    layer = subject.layer
    design = layer.design(subject.query(state.text.tensor(subject)))
    generator = torch.Generator().manual_seed(state.seed)
    u0, v0, gain = torch.rand(3, 1, state.clips, layer.channels, generator=generator)
    inputs = (u0, state.largest_v * v0, state.largest_gain * gain * design.s[:, None])
    rates = (design.F, design.k, design.D_u, design.D_v)
    lengths = torch.tensor([state.clips])
    u, v = run_operator(*inputs, *rates, lengths, steps=layer.steps, backend=layer.backend)
    return field_margins(OperatorCall(*inputs, *rates, lengths, layer.steps, u, v))


_ROUNDING = f"{FIELD_ERROR:g} of the bound: float32, some twenty rounded operations a step; positivity needs none"

LAYER_PROPERTIES: tuple[Property, ...] = (
    Property(
        name="parameters",
        statement="For any text, every channel's parameters are admissible, and rounded as the certificate assumes.",
        latex=r"(F, k, s, D_u, D_v)(q) \in \mathcal{A} \quad \forall q",
        theorem="Turing.turing_iff, Chart.stable_without_diffusion_iff, Design.design_positive",
        strategy=texts,
        check=check_parameters,
        tolerance="none on the conditions; the emitted float32 numbers are within 2^-23 of the formulas",
        needs_layer=True,
    ),
    Property(
        name="gain",
        statement="For any text and video, every clip's own gain keeps its frozen state admissible.",
        latex=r"m_{\mathrm{lo}} < m_t < m_{\mathrm{hi}}",
        theorem="ModulatedGain.gain_interval_iff",
        strategy=queries,
        check=check_gain,
        tolerance="none: the layer uses an inner part of the open interval, which leaves room for rounding",
        needs_layer=True,
    ),
    Property(
        name="bounds",
        statement="For any text and video, u stays in [0, 1], v >= 0 below its bound, and mean(u + v) does not grow.",
        latex=r"0 \le u \le 1,\; v \ge 0,\; \langle u + v\rangle \le \max(1, \langle u_0 + v_0\rangle)",
        theorem="Step.run_admissible, Step.step_v_bound, Step.step_mean_bound",
        strategy=queries,
        check=check_bounds,
        tolerance=_ROUNDING,
        needs_layer=True,
    ),
    Property(
        name="bounds_any_state",
        statement="The same bounds hold from any state with u in [0, 1], v >= 0, under any gain >= 0.",
        latex=r"0 \le u_0 \le 1,\; v_0 \ge 0,\; s_t \ge 0 \Rightarrow 0 \le u_n \le 1,\; v_n \ge 0",
        theorem="Step.run_admissible, Step.step_v_bound, Step.step_mean_bound",
        strategy=states,
        check=check_any_state,
        tolerance=_ROUNDING,
        needs_layer=True,
    ),
    *GROWTH_PROPERTIES,
)
