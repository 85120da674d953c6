"""Highlight detection as in QVHighlights: saliency from 0 to 4 on annotated clips, three levels of what is positive.

Every figure equals that of the reference evaluator (`standalone_eval` of Moment-DETR) to the digit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rdmf_model.evaluation.arrays import padded, percent

Record = Mapping[str, Any]

SALIENCY_LEVELS = {"HL-min-Fair": 2, "HL-min-Good": 3, "HL-min-VeryGood": 4}


def highlight_detection(pairs: Sequence[tuple[Record, Record]], clip_length: float) -> dict[str, dict[str, float]]:
    """HL-mAP and HL-Hit1 at three levels: a clip is positive for an annotator who scored it at least 2, 3 or 4.

    As the reference: a video has `int(duration / clip_length)` clips, clips that were not annotated count as scored 0;
    predictions for more clips are cut, for fewer are padded with zeros; AP averages over annotators, Hit1 ("is the
    top-scored clip positive?", of equal clips the first, before the cut) takes the best annotator. Records may differ
    in their number of annotators (the reference has three throughout); each record weighs the same.

    Arguments:
        pairs: (prediction, ground truth), each ground truth with at least one entry of `saliency_scores`.
        clip_length: seconds per annotated clip.
    """
    groups: dict[int, list[tuple[Record, np.ndarray]]] = {}
    for prediction, record in pairs:
        scores = _annotated_scores(record, clip_length)
        groups.setdefault(scores.shape[1], []).append((prediction, scores))
    ranked = [_group(group) for group in groups.values()]
    result = {}
    for name in SALIENCY_LEVELS:
        precision = [values[name][0] for values in ranked]
        # one mean over annotators and records where they are a rectangle, as the reference
        mean = (
            precision[0].mean() if len(precision) == 1 else np.concatenate([part.mean(0) for part in precision]).mean()
        )
        hit = np.concatenate([values[name][1] for values in ranked])
        result[name] = {"HL-mAP": percent(float(mean)), "HL-Hit1": percent(float(hit.mean()))}
    return result


def _group(group: list[tuple[Record, np.ndarray]]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Average precision (annotators, N) and hit (N,) at each level, of records with equally many annotators."""
    predicted = [np.asarray(prediction["pred_saliency_scores"], dtype=np.float64) for prediction, _ in group]
    truth, real = padded([scores for _, scores in group])
    fitted = np.zeros(real.shape)
    top = np.zeros(len(group), dtype=np.int64)
    for row, (rows, (_, score)) in enumerate(zip(predicted, group, strict=True)):
        size = min(len(rows), len(score))
        fitted[row, :size] = rows[:size]
        top[row] = np.argmax(rows)
    result = {}
    for name, level in SALIENCY_LEVELS.items():
        positive = (truth >= level) & real[..., None]
        precision = [
            ranking_precision(positive[..., annotator], fitted, real) for annotator in range(positive.shape[-1])
        ]
        in_video = top < real.sum(axis=1)
        hit = positive[np.arange(len(group)), np.minimum(top, positive.shape[1] - 1)].any(axis=-1) & in_video
        result[name] = np.stack(precision), hit
    return result


def ranking_precision(positive: np.ndarray, score: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Average precision of ranking each row's clips by score: mean of the interpolated precision over recall levels.

    Clips of equal score form one step of the curve. As the reference: the mean is over the *distinct* recall levels, so
    a step with several positives counts once; a row without positives has AP 0.

    Arguments:
        positive: (N, T) bool.  score: (N, T).  real: (N, T) bool, False on padding.

    Returns: (N,) in [0, 1].
    """
    order = np.argsort(np.where(real, -score, np.inf), axis=1, kind="stable")
    score, positive, real = (np.take_along_axis(array, order, axis=1) for array in (score, positive, real))
    found = positive.cumsum(axis=1)
    last = np.ones_like(real)
    last[:, :-1] = (score[:, 1:] != score[:, :-1]) | ~real[:, 1:]
    step = last & real
    precision = np.where(step, found / np.arange(1, score.shape[1] + 1), 0.0)
    interpolated = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    at_steps = np.maximum.accumulate(np.where(step, found, 0), axis=1)
    rises = step & (np.diff(at_steps, axis=1, prepend=0) > 0)
    return (interpolated * rises).sum(axis=1) / np.maximum(rises.sum(axis=1), 1)


def _annotated_scores(record: Record, clip_length: float) -> np.ndarray:
    """(clips, annotators) scores of a whole video, 0 where not annotated."""
    ids = np.asarray(record.get("relevant_clip_ids") or [], dtype=np.int64)
    scores = np.asarray(record.get("saliency_scores") or np.zeros((0, 1)), dtype=np.float64).reshape(len(ids), -1)
    # a clip id just past the end is the last, unfinished clip (the reference crashes there)
    clips = max(int(record["duration"] / clip_length), int(ids.max(initial=-1)) + 1, 1)
    full = np.zeros((clips, scores.shape[1]))
    full[ids] = scores
    return full
