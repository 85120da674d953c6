"""Highlight detection as in TVSum and YouTube Highlights: a label for every clip, one column per annotator.

Graded labels (TVSum, 1 to 5) are measured by top-5 mAP, labels of 0 and 1 (YouTube Highlights) by mAP over all clips.
Both equal UMT's evaluators, which later models took over.
Source: Liu et al., UMT, CVPR 2022, `datasets/tvsum.py` and `datasets/youtube.py` of its repository.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rdmf_model.evaluation.arrays import percent
from rdmf_theory.errors import DataError

Record = Mapping[str, Any]

TOP = 5
# features may end before or after the labels: this share of the clips, or two
LENGTH_TOLERANCE = 0.05


def label_highlights(pairs: Sequence[tuple[Record, Record]]) -> dict[str, Any]:
    """Mean average precision of ranking clips by score.

    Arguments:
        pairs: (prediction with `pred_saliency_scores`, ground truth with `label`: one number per clip, or one per clip
            and annotator).

    Returns: `{"rule": "top-5" or "all clips", "mAP": percent, "domains": {domain: percent}, "domain-mAP": percent}`;
        the last is the mean over domains that papers report, equal to "mAP" where domains are equally large.
    Raises: DataError where a prediction has many clips fewer or more than its labels.
    """
    labels = [np.asarray(record["label"], dtype=np.float64) for _, record in pairs]
    labels = [label[:, None] if label.ndim == 1 else label for label in labels]
    graded = any(not np.isin(label, (0.0, 1.0)).all() for label in labels)
    precision = []
    by_domain: dict[str, list[float]] = {}
    for (prediction, record), label in zip(pairs, labels, strict=True):
        scores = np.asarray(prediction["pred_saliency_scores"], dtype=np.float64)
        if abs(len(scores) - len(label)) > max(2, LENGTH_TOLERANCE * len(label)):
            raise DataError(
                f"qid {record['qid']}: {len(label)} labelled clips need as many pred_saliency_scores. Got "
                f"{len(scores)}. Use one feature per labelled clip."
            )
        value = _graded_precision(label, scores) if graded else _binary_precision(label, scores)
        precision.append(value)
        by_domain.setdefault(str(record.get("domain", "all")), []).append(value)
    domains = {name: float(np.mean(values)) for name, values in sorted(by_domain.items())}
    return {
        "rule": f"top-{TOP}" if graded else "all clips",
        "mAP": percent(float(np.mean(precision))),
        "domain-mAP": percent(float(np.mean(list(domains.values())))),
        "domains": {name: percent(value) for name, value in domains.items()},
    }


def _graded_precision(label: np.ndarray, scores: np.ndarray) -> float:
    """Mean over annotators of the AP of the five best clips, positive above the annotator's own lower median."""
    median = np.sort(label, axis=0)[(len(label) - 1) // 2]
    positive = _by_score(label > median, scores)[:TOP]
    return float(np.mean([trapezoid_precision(column) for column in positive.T]))


def _binary_precision(label: np.ndarray, scores: np.ndarray) -> float:
    """AP over all clips; with several annotators their mean."""
    return float(np.mean([trapezoid_precision(column) for column in _by_score(label > 0, scores).T]))


def _by_score(positive: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Rows of `positive` by falling score, of equal scores the earlier clip first; cut to the clips that both have, as
    the reference."""
    common = min(len(positive), len(scores))
    return positive[:common][np.argsort(-scores[:common], kind="stable")]


def trapezoid_precision(positive: np.ndarray) -> float:
    """Area under precision over recall by trapezoids, from precision 1 at recall 0.

    As the reference: recall is relative to the positives in the list, so that a cut list reaches recall 1; a list
    without positives has 0.

    Arguments:
        positive: (n,) bool, in ranked order.
    """
    found = np.cumsum(positive)
    if not len(found) or found[-1] == 0:
        return 0.0
    recall = np.concatenate([[0.0], found / found[-1]])
    precision = np.concatenate([[1.0], found / np.arange(1, len(found) + 1)])
    return float(np.sum(np.diff(recall) * (precision[1:] + precision[:-1]) / 2))
