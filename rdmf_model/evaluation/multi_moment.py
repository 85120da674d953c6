"""Several moments of one query: G-mAP, mAP by the number of windows, recall and mIoU of the first k predictions.

Every figure equals that of the evaluator of QV-M2 (`standalone_eval` of its repository) to the digit.
Source: Cao et al., When One Moment Isn't Enough: Multi-Moment Retrieval with Cross-Moment Interactions, NeurIPS 2025.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rdmf_model.evaluation.arrays import padded, percent
from rdmf_model.evaluation.moments import R1_THRESHOLDS, average_precision, interval_iou

Record = Mapping[str, Any]
RANKS = (1, 2, 3)
MANY = 3


def multi_moment(pairs: Sequence[tuple[Record, Record]]) -> dict[str, Any]:
    """Figures of multi-moment retrieval.

    Arguments:
        pairs: (prediction, ground truth), each ground truth with at least one window.

    Returns: G-mAP (every query weighs the same: the mean over numbers of windows, weighted by their queries),
        `1_tgt_mAP`, `2_tgt_mAP`, `>=3_tgt_mAP` (mean over the numbers of windows from 3 on, not over queries, as the
        reference), and for k = 1, 2, 3 `R@k` by IoU, its mean `mR@k` over IoU 0.3 to 0.95, and `mIoU@k`; None where no
        query has so many windows (and, for k, predictions).
    """
    windows = [np.asarray(record["relevant_windows"], dtype=np.float64) for _, record in pairs]
    predicted = [np.asarray(prediction["pred_relevant_windows"], dtype=np.float64)[:, :3] for prediction, _ in pairs]
    truth, real = padded(windows)
    precision = average_precision(predicted, truth, real).mean(axis=1)
    counts = real.sum(axis=1)
    by_count = {int(count): float(precision[counts == count].mean()) for count in np.unique(counts)}
    many = [value for count, value in by_count.items() if count >= MANY]
    result: dict[str, Any] = {
        "G-mAP": percent(float(precision.mean())),
        **{f"{count}_tgt_mAP": percent(by_count[count]) if count in by_count else None for count in (1, 2)},
        f">={MANY}_tgt_mAP": percent(float(np.mean(many))) if many else None,
    }
    for k in RANKS:
        rows = [(p[:k], w) for p, w in zip(predicted, windows, strict=True) if len(p) >= k and len(w) >= k]
        result |= _first_predictions(rows, k)
    return result


def _first_predictions(rows: list[tuple[np.ndarray, np.ndarray]], k: int) -> dict[str, Any]:
    if not rows:
        return {f"R@{k}": None, f"mR@{k}": None, f"mIoU@{k}": None}
    tables = [interval_iou(p[None, :, :2], w[None])[0] for p, w in rows]
    recall = {}
    for threshold in R1_THRESHOLDS:
        found = sum(len(greedy_matches(table, threshold)) for table in tables)
        recall[str(threshold)] = percent(found / (k * len(tables)))
    ious = [iou for table in tables for iou in greedy_matches(table, -1.0)]
    return {
        f"R@{k}": recall,
        # of the rounded figures, as the reference
        f"mR@{k}": round(float(np.mean(list(recall.values()))), 2),
        f"mIoU@{k}": percent(float(np.mean(ious))) if ious else 0.0,
    }


def greedy_matches(iou: np.ndarray, threshold: float) -> list[float]:
    """IoU of each matched prediction: in listed order, each takes the free window that it fits best, of equal ones the
    first, if that reaches the threshold.

    Arguments:
        iou: (P, G); NaN (two zero-length windows) never matches, as the reference.
    """
    free = list(range(iou.shape[1]))
    matched = []
    for row in iou:
        values = [(float(row[g]), -g) for g in free if not np.isnan(row[g])]
        if values and max(values)[0] >= threshold:
            best, g = max(values)
            free.remove(-g)
            matched.append(best)
    return matched
