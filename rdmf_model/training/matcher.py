"""Which moment query answers for which window? The assignment of least total cost (Hungarian algorithm), per sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from rdmf_model.model.spans import generalized_span_iou, span_cxw_to_xx, span_xx_to_cxw
from rdmf_theory.errors import ParameterError


@dataclass(frozen=True)
class MatchingCost:
    """Weights >= 0 of the assignment cost: `classification`, `l1` on (centre, width), `giou`; not all zero."""

    classification: float = 4.0
    l1: float = 10.0
    giou: float = 1.0

    def __post_init__(self) -> None:
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        for name, value in values.items():
            if not (math.isfinite(value) and value >= 0):
                raise ParameterError(f"MatchingCost.{name} must be finite and not negative. Got {value}.")
        if not any(values.values()):
            raise ParameterError("MatchingCost: one weight at least must be positive. Got all zero.")


@torch.no_grad()
def match_moments(
    logits: Tensor, spans: Tensor, windows: Sequence[Tensor], cost: MatchingCost | None = None
) -> list[tuple[Tensor, Tensor]]:
    """Matches each sample's moment queries to its windows one to one, at the least total cost

        `-classification * sigmoid(logit) + l1 * |span - window|_1 - giou * gIoU(span, window)`.

    All costs of the batch are computed at once and moved to the CPU in one copy.

    Arguments:
        logits: (B, Q) of "this query is a moment".
        spans: (B, Q, 2) `cxw` in [0, 1].
        windows: B tensors (n, 2) `xx` in [0, 1]; n may be 0, or exceed Q (then Q windows are matched).
        cost: weights, default `MatchingCost()`.

    Returns: B pairs (query index, window index) of int64 CPU tensors, each of length min(Q, n).
    Raises: ParameterError on mismatched shapes.
    Source: Carion et al., End-to-End Object Detection with Transformers, ECCV 2020, section 3.1; its weights follow
        Lei, Berg, Bansal, QVHighlights, NeurIPS 2021.
    """
    if spans.shape != (*logits.shape, 2) or logits.dim() != 2:
        raise ParameterError(
            f"logits must be (B, Q) and spans (B, Q, 2). Got {tuple(logits.shape)} and {tuple(spans.shape)}."
        )
    if len(windows) != len(logits):
        raise ParameterError(f"windows must hold one tensor per sample, {len(logits)}. Got {len(windows)}.")
    cost = cost or MatchingCost()
    counts = [len(target) for target in windows]
    most = max(counts, default=0)
    none = torch.zeros(0, dtype=torch.int64)
    if most == 0:
        return [(none, none) for _ in counts]
    padded = torch.zeros(len(windows), most, 2, device=spans.device)
    for row, target in enumerate(windows):
        padded[row, : counts[row]] = target
    spans = spans.float()
    matrix = cost.l1 * torch.cdist(spans, span_xx_to_cxw(padded), p=1)
    matrix -= cost.giou * generalized_span_iou(span_cxw_to_xx(spans), padded)
    matrix -= cost.classification * logits.float().sigmoid()[..., None]
    # a model that has diverged must fail in its loss, where it is reported, not in the assignment
    matrices = np.nan_to_num(matrix.cpu().numpy(), nan=1e9, posinf=1e9, neginf=-1e9)
    matches = []
    for row, count in enumerate(counts):
        if count == 0:
            matches.append((none, none))
            continue
        query, target = linear_sum_assignment(matrices[row, :, :count])
        matches.append((torch.from_numpy(query), torch.from_numpy(target)))
    return matches
