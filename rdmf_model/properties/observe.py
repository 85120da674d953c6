"""What does the layer hand to its operator, and what comes back? Recorded while the model runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

from torch import Tensor

import rdmf_model.fusion.reaction_diffusion


class OperatorCall(NamedTuple):
    """One call of the operator: its inputs and outputs, tensors broadcastable to (B, T, C), rates to (B, C)."""

    u0: Tensor
    v0: Tensor
    gain: Tensor
    F: Tensor
    k: Tensor
    D_u: Tensor
    D_v: Tensor
    lengths: Tensor
    steps: int
    u: Tensor
    v: Tensor


@contextmanager
def recorded_calls() -> Iterator[list[OperatorCall]]:
    """Collects the fusion layer's calls of its operator."""
    calls: list[OperatorCall] = []
    operator = rdmf_model.fusion.reaction_diffusion.reaction_diffusion

    def record(*inputs: Any, **options: Any) -> tuple[Tensor, Tensor]:
        u, v = operator(*inputs, **options)
        calls.append(OperatorCall(*inputs, steps=options["steps"], u=u, v=v))
        return u, v

    fusion = rdmf_model.fusion.reaction_diffusion
    with (
        patch.object(fusion.ReactionDiffusionFusion, "fused", False),
        patch.object(fusion, "reaction_diffusion", record),
    ):
        yield calls


def run_operator(*inputs: Tensor, steps: int, backend: str | None) -> tuple[Tensor, Tensor]:
    """The operator that the fusion layer calls."""
    return rdmf_model.fusion.reaction_diffusion.reaction_diffusion(*inputs, steps=steps, backend=backend)
