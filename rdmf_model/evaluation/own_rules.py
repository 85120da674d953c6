"""Sets whose evaluators have rules of their own: Ego4D NLQ and DiDeMo."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rdmf_model.evaluation.arrays import padded, percent
from rdmf_model.evaluation.moments import best_listed_iou

Record = Mapping[str, Any]
EGO4D_THRESHOLDS = (0.3, 0.5)
# DiDeMo's annotators marked chunks of 5 s; the best three of the (usually four) annotators count
CHUNK, AGREEING = 5.0, 3


def ego4d_nlq(pairs: Sequence[tuple[Record, Record]]) -> dict[str, float]:
    """R1 and R5 at IoU *above* 0.3 and 0.5 (other sets: at least), and mIoU of the first window.

    Two zero-length windows at one place count as IoU 0 (the reference divides 0 by 0 there).
    Source: `evaluate_ego4d_nlq.py` of Ego4D's `episodic-memory` repository.
    """
    predicted = [np.asarray(prediction["pred_relevant_windows"], dtype=np.float64) for prediction, _ in pairs]
    truth, real = padded([np.asarray(record["relevant_windows"], dtype=np.float64) for _, record in pairs])
    first, five = (best_listed_iou(predicted, truth, real, listed) for listed in (1, 5))
    result = {}
    for name, iou in (("R1", first), ("R5", five)):
        result |= {f"{name}>{threshold}": percent((iou > threshold).mean()) for threshold in EGO4D_THRESHOLDS}
    return {**result, "mIoU": percent(first.mean())}


def didemo(pairs: Sequence[tuple[Record, Record]]) -> dict[str, float]:
    """Rank@1, Rank@5 and mIoU over chunks of 5 s, on the three annotators that agree best with the prediction.

    A predicted window becomes the chunks that it touches; windows with the same chunks count once. A segment that was
    not predicted has no rank.
    Source: Hendricks et al., ICCV 2017, `utils/eval.py` of its repository.
    """
    ranks, ious = [], []
    for prediction, record in pairs:
        listed = list(dict.fromkeys(chunks(window) for window in prediction["pred_relevant_windows"]))
        times = [tuple(time) for time in record["times"]]
        places = sorted(listed.index(time) + 1 if time in listed else math.inf for time in times)
        ranks.append(float(np.mean(places[:AGREEING])))
        ious.append(float(np.mean(sorted(chunk_iou(listed[0], time) for time in times)[-AGREEING:])))
    rank = np.array(ranks)
    return {
        "Rank@1": percent((rank <= 1).mean()),
        "Rank@5": percent((rank <= 5).mean()),
        "mIoU": percent(float(np.mean(ious))),
    }


def chunks(window: Sequence[float]) -> tuple[int, int]:
    """(first, last) chunk that a window [start, end, ...] in seconds touches; an end on a border touches the chunk
    before it."""
    first = max(math.floor(window[0] / CHUNK + 1e-9), 0)
    return first, max(math.ceil(window[1] / CHUNK - 1e-9) - 1, first)


def chunk_iou(first: tuple[int, ...], second: tuple[int, ...]) -> float:
    """Chunks in common over chunks of the hull, of two ranges of chunks with both ends included."""
    common = max(0, min(first[1], second[1]) + 1 - max(first[0], second[0]))
    return common / (max(first[1], second[1]) + 1 - min(first[0], second[0]))
