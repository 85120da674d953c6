"""Spans on the time axis, normalised to the video's extent: `cxw` is (centre, width), `xx` is (start, end)."""

from __future__ import annotations

import torch
from torch import Tensor

# keeps 0/0 of two zero-length spans at 0 and its gradient finite; far below any span in [0, 1]
EPSILON = 1e-9


def span_cxw_to_xx(spans: Tensor) -> Tensor:
    """(centre, width) → (start, end) = (c - w/2, c + w/2); shape (..., 2).  Not clamped to [0, 1]."""
    centre, width = spans.unbind(-1)
    return torch.stack([centre - width / 2, centre + width / 2], dim=-1)


def span_xx_to_cxw(spans: Tensor) -> Tensor:
    """(start, end) → (centre, width) = ((s + e)/2, e - s); shape (..., 2)."""
    start, end = spans.unbind(-1)
    return torch.stack([(start + end) / 2, end - start], dim=-1)


def span_iou(first: Tensor, second: Tensor) -> Tensor:
    """Intersection over union of every pair of spans.

    Arguments:
        first: `xx` spans, shape (..., N, 2), start <= end.
        second: `xx` spans, shape (..., M, 2), start <= end.

    Returns: shape (..., N, M), in [0, 1]; 0 where both spans have zero length.
    """
    return _iou_and_union(first, second)[0]


def generalized_span_iou(first: Tensor, second: Tensor) -> Tensor:
    """Generalised IoU of every pair of spans, `IoU - (hull - union) / hull`.

    Unlike the IoU it still has a gradient where spans do not touch.

    Arguments:
        first: `xx` spans, shape (..., N, 2), start <= end.
        second: `xx` spans, shape (..., M, 2), start <= end.

    Returns: shape (..., N, M), in [-1, 1].
    Source: Rezatofighi et al., Generalized Intersection over Union, CVPR 2019.
    """
    iou, union = _iou_and_union(first, second)
    start = torch.minimum(first[..., :, None, 0], second[..., None, :, 0])
    end = torch.maximum(first[..., :, None, 1], second[..., None, :, 1])
    hull = end - start
    return iou - (hull - union).clamp(min=0) / hull.clamp(min=EPSILON)


def _iou_and_union(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    start = torch.maximum(first[..., :, None, 0], second[..., None, :, 0])
    end = torch.minimum(first[..., :, None, 1], second[..., None, :, 1])
    intersection = (end - start).clamp(min=0)
    lengths = (first[..., 1] - first[..., 0])[..., :, None] + (second[..., 1] - second[..., 0])[..., None, :]
    union = lengths - intersection
    return intersection / union.clamp(min=EPSILON), union
