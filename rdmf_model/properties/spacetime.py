"""What does a counter-example look like? The fields that the layer runs through from it, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from rdmf_model.properties.answer import Company
from rdmf_model.properties.derivatives import Raise
from rdmf_model.properties.fields import State, operator_inputs
from rdmf_model.properties.growth import Mode
from rdmf_model.properties.inputs import Query, Text, Video
from rdmf_model.properties.invariance import Padded
from rdmf_model.properties.model_under_test import ModelUnderTest
from rdmf_model.properties.observe import observe
from rdmf_model.properties.rows import Rows
from rdmf_model.properties.streamed import Stream
from rdmf_theory.layer.step import clip_modes

AMPLITUDE = 0.05
"""Of the perturbation in a picture of a mode: the measured one, a millionth, could not be seen."""


@dataclass(frozen=True)
class SpaceTime:
    """u and v, shape (steps + 1, T), of the channel that moves most, and the example's own words."""

    u: np.ndarray
    v: np.ndarray
    channel: int


def query_of(tested: ModelUnderTest, example: Any) -> Query | None:
    """The video and text of an example that has one: itself, the first of a batch, or a text with a smooth video."""
    match example:
        case Query():
            return example
        case Padded() | Stream():
            return example.query
        case Company():
            return example.queries[0]
        case (Query(), *_):
            return example[0]
        case Text():
            return Query(Video("smooth", clips=tested.clips[0]), example)
    return None


@torch.no_grad()
def spacetime(tested: ModelUnderTest, example: Any) -> SpaceTime | None:
    """The fields from an example's start through the layer's steps; None for an example that has no fields.

    Whatever the model raises on the way is raised.
    """
    query = query_of(tested, example)
    if query is not None:
        if tested.own_layer or not tested.has_layer:
            return None
        seen = observe(tested, [query])
        inputs = [seen.trace.u_0, seen.trace.v_0, seen.trace.gain, *seen.rates, seen.lengths]
    elif isinstance(example, Rows):
        row = slice(0, 1)
        inputs = [x[row] for x in example.inputs(tested)]
    elif isinstance(example, State | Raise):
        inputs = list(operator_inputs(tested, example.state if isinstance(example, Raise) else example))
    elif isinstance(example, Mode):
        state = State(example.text, example.clips, 1.0, 1.0, 0)
        inputs = list(operator_inputs(tested, state))
        design, modes = tested.design(example.text), clip_modes(example.clips)
        shape = torch.from_numpy(modes[example.pick % len(modes)]).float()[None, :, None]
        inputs[0] = (design.u_star[:, None] * (1 + AMPLITUDE * shape)).clamp(0, 1)
        inputs[1], inputs[2] = (
            design.v_star[:, None] * (1 + AMPLITUDE * shape),
            design.s[:, None].expand_as(shape + design.s),
        )
    else:
        return None
    u, v, *rest = inputs
    us, vs = [u.expand_as(v)[0]], [v[0]]
    for _ in range(tested.steps):
        u, v = tested.operate(u, v, *rest, steps=1)
        us.append(u[0])
        vs.append(v[0])
    u_run, v_run = torch.stack(us).double().numpy(), torch.stack(vs).double().numpy()
    moved = np.nan_to_num(np.ptp(v_run, axis=(0, 1)), nan=np.inf)
    channel = int(moved.argmax())
    return SpaceTime(u_run[..., channel], v_run[..., channel], channel)
