"""The QVHighlights metrics of moment retrieval (MR) and highlight detection (HL), on prediction and annotation records.

Every figure equals that of the reference evaluator (`standalone_eval` of Moment-DETR) to the digit; where its rule is
not what one would expect, the docstring of the function that follows it says so ("as the reference"). Beyond its keys:
R1 from IoU 0.3 on, and mIoU, as CG-DETR reports them.
Source: Lei, Berg, Bansal, QVHighlights: Detecting Moments and Highlights in Videos via Natural Language Queries,
    NeurIPS 2021.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rdmf_model.evaluation.predictions import check_predictions
from rdmf_theory.errors import DataError

Record = Mapping[str, Any]

# written out, not linspace: an IoU of exactly 0.6 must pass 0.6, which linspace makes 0.6000000000000001
AP_THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
R1_THRESHOLDS = (0.3, 0.35, 0.4, 0.45, *AP_THRESHOLDS)
# (shorter end, longer end] of window lengths in seconds
LENGTH_RANGES = {"short": (0.0, 10.0), "middle": (10.0, 30.0), "long": (30.0, 150.0)}
SALIENCY_LEVELS = {"HL-min-Fair": 2, "HL-min-Good": 3, "HL-min-VeryGood": 4}
MAX_WINDOWS = 10


def evaluate_predictions(
    predictions: Sequence[Record],
    ground_truth: Sequence[Record],
    clip_length: float = 2.0,
    sources: Sequence[str] | None = None,
) -> dict[str, Any]:
    """All metrics of a set of predictions, in percent, rounded to two decimals as the reference.

    Arguments:
        predictions: one record per query with `qid` and `pred_relevant_windows` [[start, end, score], ...] (seconds,
            best first), `pred_saliency_scores` (one per clip), or both.
        ground_truth: annotation records with the same qids; moments are evaluated if `relevant_windows` are there,
            highlights if `relevant_clip_ids` and `saliency_scores` are.
        clip_length: seconds per annotated clip.
        sources: how to name each prediction in a message, default `predictions[i]`.

    Returns: `{"brief": {...}, "HL-min-Fair": {"HL-mAP", "HL-Hit1"}, ..., "full": {"MR-mIoU", "MR-mAP", "MR-R1"},
        "long": ...}`; None stands where no ground truth is of that length.
    Raises: DataError if qids repeat or do not match, a prediction is malformed or has no window (the reference
        crashes there), or there is nothing to evaluate.
    """
    by_qid = check_predictions(predictions, sources or [f"predictions[{index}]" for index in range(len(predictions))])
    truth = {str(record["qid"]): record for record in ground_truth}
    _check_qids(by_qid, truth, len(ground_truth))
    pairs = [(by_qid[qid], record) for qid, record in truth.items()]
    first = pairs[0][0]
    highlights: dict[str, Any] = {}
    moments: dict[str, Any] = {}
    if "pred_saliency_scores" in first and any(record.get("saliency_scores") for _, record in pairs):
        highlights = highlight_detection(pairs, clip_length)
    if "pred_relevant_windows" in first and any(record.get("relevant_windows") for _, record in pairs):
        moments = moment_retrieval(pairs)
    if not highlights and not moments:
        raise DataError(
            "nothing to evaluate: predictions need pred_relevant_windows where the ground truth has relevant_windows, "
            "or pred_saliency_scores where it has saliency_scores."
        )
    return {"brief": _brief(moments, highlights), **highlights, **moments}


def moment_retrieval(pairs: Sequence[tuple[Record, Record]]) -> dict[str, Any]:
    """mAP and R1 over all windows ("full") and by window length.

    As the reference: a length range drops the other ground-truth windows, and queries left without any, but keeps all
    of a query's predictions; "full" has no upper length.
    """
    for _, record in pairs:
        if not record.get("relevant_windows"):
            raise DataError(
                f"ground truth of qid {record['qid']} has no relevant_windows, others have. "
                "Leave such queries out of both files."
            )
    windows = [np.asarray(record["relevant_windows"], dtype=np.float64) for _, record in pairs]
    predicted = [np.asarray(prediction["pred_relevant_windows"], dtype=np.float64)[:, :3] for prediction, _ in pairs]
    result = {"full": _retrieval(predicted, windows)}
    for name, (shorter, longer) in reversed(LENGTH_RANGES.items()):
        kept = [[shorter < end - start <= longer for start, end in rows] for rows in windows]
        inside = [(p, w[k]) for p, w, k in zip(predicted, windows, kept, strict=True) if any(k)]
        result[name] = _retrieval([p for p, _ in inside], [w for _, w in inside])
    return result


def _retrieval(predicted: list[np.ndarray], windows: list[np.ndarray]) -> dict[str, Any]:
    if not windows:
        none = dict.fromkeys(map(str, R1_THRESHOLDS))
        return {"MR-mIoU": None, "MR-mAP": dict.fromkeys([*map(str, AP_THRESHOLDS), "average"]), "MR-R1": none}
    truth, real = _padded(windows)
    precision = average_precision(predicted, truth, real).mean(axis=0)
    iou = first_window_iou(np.stack([rows[0, :2] for rows in predicted]), truth, real)
    return {
        "MR-mIoU": _percent(iou.mean()),
        "MR-mAP": {
            **{str(threshold): _percent(value) for threshold, value in zip(AP_THRESHOLDS, precision, strict=True)},
            "average": _percent(precision.mean()),
        },
        "MR-R1": {str(threshold): _percent((iou >= threshold).mean()) for threshold in R1_THRESHOLDS},
    }


def first_window_iou(predicted: np.ndarray, truth: np.ndarray, real: np.ndarray) -> np.ndarray:
    """IoU of each query's first-listed prediction with the ground-truth window it fits best: what R1 and mIoU count.

    As the reference: the first *listed* window counts, whatever its score. Two zero-length windows have IoU 0/0 = NaN,
    which wins the choice of the window and then counts as 0.

    Arguments:
        predicted: (N, 2) seconds.  truth: (N, G, 2) seconds.  real: (N, G) bool, False on padding.

    Returns: (N,) in [0, 1].
    """
    iou = _iou(predicted[:, None], truth)[:, 0]
    best = np.argmax(np.where(real, np.where(np.isnan(iou), np.inf, iou), -np.inf), axis=1)
    chosen = truth[np.arange(len(truth)), best]
    start, end = np.maximum(predicted[:, 0], chosen[:, 0]), np.minimum(predicted[:, 1], chosen[:, 1])
    intersection = np.maximum(0.0, end - start)
    hull = np.maximum(predicted[:, 1], chosen[:, 1]) - np.minimum(predicted[:, 0], chosen[:, 0])
    return np.divide(intersection, hull, out=np.zeros_like(intersection), where=hull != 0)


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
    windows, exists = _padded(ranked)
    iou = _iou(windows[..., :2], truth)
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


def highlight_detection(pairs: Sequence[tuple[Record, Record]], clip_length: float) -> dict[str, dict[str, float]]:
    """HL-mAP and HL-Hit1 at three levels: a clip is positive for an annotator who scored it at least 2, 3 or 4.

    As the reference: a video has `int(duration / clip_length)` clips, clips that were not annotated count as scored 0;
    predictions for more clips are cut, for fewer are padded with zeros; AP averages over annotators, Hit1 ("is the
    top-scored clip positive?", of equal clips the first, before the cut) takes the best annotator.
    """
    scores = [_annotated_scores(record, clip_length) for _, record in pairs]
    predicted = [np.asarray(prediction["pred_saliency_scores"], dtype=np.float64) for prediction, _ in pairs]
    annotators = {score.shape[1] for score in scores}
    if len(annotators) > 1:
        raise DataError(f"saliency_scores must have equally many annotators throughout. Got {sorted(annotators)}.")
    truth, real = _padded(scores)
    fitted = np.zeros(real.shape)
    top = np.zeros(len(pairs), dtype=np.int64)
    for row, (rows, score) in enumerate(zip(predicted, scores, strict=True)):
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
        hit = positive[np.arange(len(pairs)), np.minimum(top, positive.shape[1] - 1)].any(axis=-1) & in_video
        result[name] = {"HL-mAP": _percent(float(np.mean(precision))), "HL-Hit1": _percent(hit.mean())}
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


def _iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(N, P, 2), (N, G, 2) → (N, P, G), NaN for two windows of zero length at one place."""
    start = np.maximum(first[:, :, None, 0], second[:, None, :, 0])
    end = np.minimum(first[:, :, None, 1], second[:, None, :, 1])
    intersection = np.clip(end - start, 0, None)
    lengths = (first[..., 1] - first[..., 0])[:, :, None] + (second[..., 1] - second[..., 0])[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        return intersection / (lengths - intersection)


def _padded(rows: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """N arrays (n, k) → (N, most, k) zero-padded and (N, most) bool, True on what was there."""
    padded = np.zeros((len(rows), max(map(len, rows)), rows[0].shape[1]))
    real = np.zeros(padded.shape[:2], dtype=bool)
    for index, row in enumerate(rows):
        padded[index, : len(row)] = row
        real[index, : len(row)] = True
    return padded, real


def _percent(share: float) -> float:
    # through the decimal text, as the reference; round() differs in some ties
    return float(f"{100 * share:.2f}")


def _check_qids(predictions: Mapping[str, Record], truth: Mapping[str, Record], records: int) -> None:
    if not truth:
        raise DataError("the ground truth is empty: it must hold at least one query.")
    if len(truth) != records:
        raise DataError(f"the ground truth has {records - len(truth)} repeated qid. Give each query its own qid.")
    missing = [qid for qid in truth if qid not in predictions]
    unknown = [qid for qid in predictions if qid not in truth]
    for qids, what in ((missing, "have no prediction"), (unknown, "are predicted but not in the ground truth")):
        if qids:
            listed = ", ".join(qids[:5]) + (", ..." if len(qids) > 5 else "")
            raise DataError(
                f"predictions and ground truth must have the same qids: {len(qids)} {what} ({listed}). "
                "Use files of one split."
            )


def _brief(moments: Mapping[str, Any], highlights: Mapping[str, Any]) -> dict[str, float | None]:
    brief: dict[str, float | None] = {}
    if moments:
        full = moments["full"]
        brief |= {f"MR-full-R1@{threshold}": full["MR-R1"][threshold] for threshold in ("0.3", "0.5", "0.7")}
        brief["MR-full-mAP"] = full["MR-mAP"]["average"]
        brief |= {f"MR-full-mAP@{threshold}": full["MR-mAP"][threshold] for threshold in ("0.5", "0.75")}
        brief["MR-full-mIoU"] = full["MR-mIoU"]
        brief |= {f"MR-{name}-mAP": moments[name]["MR-mAP"]["average"] for name in ("long", "middle", "short")}
    for name, values in highlights.items():
        brief |= {f"{name}-mAP": values["HL-mAP"], f"{name}-Hit1": values["HL-Hit1"]}
    return brief
