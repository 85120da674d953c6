"""Moment retrieval: R1, R5, mIoU and mAP over all windows and by window length.

Every figure equals that of the reference evaluator (`standalone_eval` of Moment-DETR) to the digit; where its rule is
not what one would expect, the docstring of the function that follows it says so ("as the reference"). Beyond its keys:
R1 from IoU 0.3 on and mIoU, as CG-DETR reports them, and R5, as UniVTG does.
Source: Lei, Berg, Bansal, QVHighlights: Detecting Moments and Highlights in Videos via Natural Language Queries,
    NeurIPS 2021; Lin et al., UniVTG, ICCV 2023.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rdmf_model.evaluation.arrays import padded, percent

Record = Mapping[str, Any]

# written out, not linspace: an IoU of exactly 0.6 must pass 0.6, which linspace makes 0.6000000000000001
AP_THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
R1_THRESHOLDS = (0.3, 0.35, 0.4, 0.45, *AP_THRESHOLDS)
# (shorter end, longer end] of window lengths in seconds
LENGTH_RANGES = {"short": (0.0, 10.0), "middle": (10.0, 30.0), "long": (30.0, 150.0)}
# "long" ends at 150 s, the length of a QVHighlights video; sets with longer windows are given this class besides
UNBOUNDED = "long_unbounded"
MAX_WINDOWS = 10
MAX_RECALLED = 5


def moment_retrieval(pairs: Sequence[tuple[Record, Record]]) -> dict[str, Any]:
    """mAP and R1 over all windows ("full") and by window length.

    As the reference: a length range drops the other ground-truth windows, and queries left without any, but keeps all
    of a query's predictions; "full" has no upper length. Windows of zero length count in "full" alone. Where there are
    windows beyond 150 s, "long_unbounded" holds all beyond 30 s, as UniVTG's "long" does.

    Arguments:
        pairs: (prediction, ground truth), each ground truth with at least one window.
    """
    windows = [np.asarray(record["relevant_windows"], dtype=np.float64) for _, record in pairs]
    predicted = [np.asarray(prediction["pred_relevant_windows"], dtype=np.float64)[:, :3] for prediction, _ in pairs]
    result = {"full": _retrieval(predicted, windows)}
    ranges = dict(reversed(LENGTH_RANGES.items()))
    if any(end - start > ranges["long"][1] for rows in windows for start, end in rows):
        ranges[UNBOUNDED] = (ranges["long"][0], np.inf)
    for name, (shorter, longer) in ranges.items():
        kept = [[shorter < end - start <= longer for start, end in rows] for rows in windows]
        inside = [(p, w[k]) for p, w, k in zip(predicted, windows, kept, strict=True) if any(k)]
        result[name] = _retrieval([p for p, _ in inside], [w for _, w in inside])
    return result


def _retrieval(predicted: list[np.ndarray], windows: list[np.ndarray]) -> dict[str, Any]:
    if not windows:
        none = dict.fromkeys(map(str, R1_THRESHOLDS))
        return {
            "MR-mIoU": None,
            "MR-mAP": dict.fromkeys([*map(str, AP_THRESHOLDS), "average"]),
            "MR-R1": none,
            "MR-R5": none,
        }
    truth, real = padded(windows)
    precision = average_precision(predicted, truth, real).mean(axis=0)
    iou = first_window_iou(np.stack([rows[0, :2] for rows in predicted]), truth, real)
    best = best_listed_iou(predicted, truth, real, MAX_RECALLED)
    return {
        "MR-mIoU": percent(iou.mean()),
        "MR-mAP": {
            **{str(threshold): percent(value) for threshold, value in zip(AP_THRESHOLDS, precision, strict=True)},
            "average": percent(precision.mean()),
        },
        "MR-R1": {str(threshold): percent((iou >= threshold).mean()) for threshold in R1_THRESHOLDS},
        "MR-R5": {str(threshold): percent((best >= threshold).mean()) for threshold in R1_THRESHOLDS},
    }


def first_window_iou(predicted: np.ndarray, truth: np.ndarray, real: np.ndarray) -> np.ndarray:
    """IoU of each query's first-listed prediction with the ground-truth window it fits best: what R1 and mIoU count.

    As the reference: the first *listed* window counts, whatever its score. Two zero-length windows have IoU 0/0 = NaN,
    which wins the choice of the window and then counts as 0.

    Arguments:
        predicted: (N, 2) seconds.  truth: (N, G, 2) seconds.  real: (N, G) bool, False on padding.

    Returns: (N,) in [0, 1].
    """
    iou = interval_iou(predicted[:, None], truth)[:, 0]
    best = np.argmax(np.where(real, np.where(np.isnan(iou), np.inf, iou), -np.inf), axis=1)
    chosen = truth[np.arange(len(truth)), best]
    start, end = np.maximum(predicted[:, 0], chosen[:, 0]), np.minimum(predicted[:, 1], chosen[:, 1])
    intersection = np.maximum(0.0, end - start)
    hull = np.maximum(predicted[:, 1], chosen[:, 1]) - np.minimum(predicted[:, 0], chosen[:, 0])
    return np.divide(intersection, hull, out=np.zeros_like(intersection), where=hull != 0)


def best_listed_iou(predicted: Sequence[np.ndarray], truth: np.ndarray, real: np.ndarray, listed: int) -> np.ndarray:
    """Best IoU of a query's first `listed` predictions with any of its ground-truth windows: what R@k counts.

    As the reference (UniVTG): the first *listed* windows count, whatever their scores; two zero-length windows have
    IoU 0.

    Arguments:
        predicted: N arrays (P, >= 2) seconds.  truth: (N, G, 2) seconds.  real: (N, G) bool, False on padding.

    Returns: (N,) in [0, 1].
    """
    windows, exists = padded([rows[:listed, :2] for rows in predicted])
    iou = np.where(exists[:, :, None] & real[:, None], np.nan_to_num(interval_iou(windows, truth)), 0.0)
    return iou.max(axis=(1, 2))


def average_precision(predicted: list[np.ndarray], truth: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Average precision of each query at each IoU threshold.

    In order of score, a prediction is a true positive if it reaches the threshold with a ground-truth window not yet
    taken (the best such one, of equal ones the last listed, is then taken). AP is the area under the interpolated
    precision-recall curve, `sum over true positives of (1/G) * max precision at this or a lower rank`.

    As the reference: only the first ten *listed* predictions count, and are sorted by score after that cut (equal
    scores keep their order); an IoU of 0/0 (both windows of zero length) passes every threshold.

    Arguments:
        predicted: N arrays (P, 3) [start, end, score].  truth: (N, G, 2) seconds.  real: (N, G) bool, False on padding.

    Returns: (N, thresholds) in [0, 1].
    """
    ranked = []
    for rows in predicted:
        rows = rows[:MAX_WINDOWS]
        ranked.append(rows[np.argsort(-rows[:, 2], kind="stable")])
    windows, exists = padded(ranked)
    iou = interval_iou(windows[..., :2], truth)
    # 0/0 compares as "not below" every threshold and sorts first
    iou = np.where(real[:, None], np.where(np.isnan(iou), np.inf, iou), -np.inf)
    thresholds = np.asarray(AP_THRESHOLDS)
    queries, ranks, targets = iou.shape
    free = np.broadcast_to(real[:, None], (queries, len(thresholds), targets)).copy()
    hits = np.zeros((queries, len(thresholds), ranks))
    for rank in range(ranks):
        candidate = iou[:, None, rank]
        value = np.where(free & (candidate >= thresholds[:, None]), candidate, -np.inf)
        # argmax of the reversed axis: of equal values the last
        chosen = targets - 1 - np.argmax(value[..., ::-1], axis=-1)
        hit = (value.max(axis=-1) > -np.inf) & exists[:, None, rank]
        query, threshold = np.nonzero(hit)
        free[query, threshold, chosen[hit]] = False
        hits[..., rank] = hit
    found = hits.cumsum(axis=-1)
    precision = np.where(exists[:, None], found / np.arange(1, ranks + 1), 0.0)
    interpolated = np.maximum.accumulate(precision[..., ::-1], axis=-1)[..., ::-1]
    recall = found / real.sum(axis=1)[:, None, None]
    return (np.diff(recall, axis=-1, prepend=0.0) * interpolated).sum(axis=-1)


def interval_iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(N, P, 2), (N, G, 2) → (N, P, G), NaN for two windows of zero length at one place."""
    start = np.maximum(first[:, :, None, 0], second[:, None, :, 0])
    end = np.minimum(first[:, :, None, 1], second[:, None, :, 1])
    intersection = np.clip(end - start, 0, None)
    lengths = (first[..., 1] - first[..., 0])[:, :, None] + (second[..., 1] - second[..., 0])[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        return intersection / (lengths - intersection)
