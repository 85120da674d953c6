"""Abstention: does the model notice that nothing in a video matches a query?

A query with an empty list of windows is positive ("no moment"), one with windows negative, one without labels neither.
The score of a query is its best window's, the probability that a moment exists; "no moment" is answered below a
threshold, which is chosen on validation data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rdmf_model.evaluation.arrays import percent

Record = Mapping[str, Any]


def existence(prediction: Record) -> float:
    """The score that a moment exists: the best window's, or 1 - `pred_no_moment` where the prediction has it."""
    if prediction.get("pred_no_moment") is not None:
        return 1.0 - float(prediction["pred_no_moment"])
    return max(float(window[2]) for window in prediction["pred_relevant_windows"])


def abstention(
    pairs: Sequence[tuple[Record, Record]], threshold: float | None = None
) -> dict[str, float | str | int | None]:
    """AUROC and F1 of "no moment".

    Arguments:
        pairs: (prediction, ground truth with `relevant_windows`, empty or not).
        threshold: of `existence`, as chosen on validation data; None chooses the best one on these pairs, and says so.

    Returns: `{"AUROC", "F1", "precision", "recall", "threshold", "chosen_on"}`, percent except for the threshold; AUROC
        is None where one of the two classes is empty.
    """
    scores = np.array([existence(prediction) for prediction, _ in pairs])
    nothing = np.array([not record["relevant_windows"] for _, record in pairs])
    chosen_on = "validation" if threshold is not None else "these queries"
    if threshold is None:
        threshold = choose_threshold(scores, nothing)
    said = scores < threshold
    hits, claimed, true = int((said & nothing).sum()), int(said.sum()), int(nothing.sum())
    area = auroc(-scores, nothing)
    return {
        "AUROC": None if area is None else percent(area),
        "F1": percent(2 * hits / (claimed + true) if claimed + true else 0.0),
        "precision": percent(hits / claimed) if claimed else None,
        "recall": percent(hits / true) if true else None,
        "threshold": float(threshold),
        "chosen_on": chosen_on,
    }


def auroc(scores: np.ndarray, positive: np.ndarray) -> float | None:
    """Probability that a positive scores above a negative, equal scores counting half (Mann and Whitney's U).

    Arguments:
        scores: (N,), higher is more positive.  positive: (N,) bool.

    Returns: in [0, 1]; None where one class is empty.
    """
    from scipy.stats import rankdata

    count = int(positive.sum())
    if count in (0, len(positive)):
        return None
    wins = rankdata(scores)[positive].sum() - count * (count + 1) / 2
    return float(wins / (count * (len(positive) - count)))


def choose_threshold(scores: np.ndarray, nothing: np.ndarray) -> float:
    """The threshold of `existence` with the best F1 of "no moment"; of equal ones the least, which answers most.

    Candidates lie half-way between neighbouring scores, below all and above all. Without a query that matches nothing
    it is 0: never abstain.
    """
    if not nothing.any():
        return 0.0
    distinct = np.unique(scores)
    candidates = np.concatenate([[0.0], (distinct[1:] + distinct[:-1]) / 2, [np.nextafter(distinct[-1], np.inf)]])
    best, chosen = -1.0, 0.0
    for candidate in candidates:
        said = scores < candidate
        value = 2 * (said & nothing).sum() / (said.sum() + nothing.sum())
        if value > best + 1e-12:
            best, chosen = float(value), float(candidate)
    return chosen
