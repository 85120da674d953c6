"""Prediction records (`{"qid", "pred_relevant_windows", "pred_saliency_scores"}`): what is a well-formed one?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rdmf_theory.errors import DataError

FIELDS = ("pred_relevant_windows", "pred_saliency_scores")


def check_predictions(records: Sequence[Mapping[str, Any]], sources: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """The records by qid (as text), each checked.

    Arguments:
        records: with `qid` and at least one of `pred_relevant_windows` (non-empty list of [start, end, score], seconds)
            and `pred_saliency_scores` (non-empty list of numbers); all records have the same of the two. Optional:
            `pred_no_moment`, the probability in [0, 1] that nothing in the video matches.
        sources: how to name each record in a message, e.g. `FILE:LINE`.

    Raises: DataError for the first record that breaks a rule.
    """
    if not records:
        raise DataError("there are no predictions: one record per query is needed.")
    by_qid: dict[str, Mapping[str, Any]] = {}
    first: dict[str, str] = {}
    expected = [name for name in FIELDS if name in records[0]]
    for source, record in zip(sources, records, strict=True):
        qid = record.get("qid")
        if isinstance(qid, bool) or not isinstance(qid, int | str):
            raise DataError(f"{source}: qid must be an integer or a string. Got {qid!r}.")
        if str(qid) in by_qid:
            raise DataError(f"{source}: qid {qid} is predicted twice (first at {first[str(qid)]}). Keep one.")
        present = [name for name in FIELDS if name in record]
        if not present:
            raise DataError(f"{source}: a prediction needs pred_relevant_windows or pred_saliency_scores. Got neither.")
        if present != expected:
            raise DataError(f"{source}: has {present}, but {sources[0]} has {expected}. All must have the same.")
        if "pred_relevant_windows" in record:
            _check_windows(record["pred_relevant_windows"], source)
        if "pred_saliency_scores" in record:
            _check_scores(record["pred_saliency_scores"], source)
        no_moment = record.get("pred_no_moment")
        if no_moment is not None and not (_is_number(no_moment) and 0 <= no_moment <= 1):
            raise DataError(f"{source}: pred_no_moment must be a probability in [0, 1]. Got {no_moment!r}.")
        by_qid[str(qid)], first[str(qid)] = record, source
    return by_qid


def _check_windows(windows: Any, source: str) -> None:
    if not isinstance(windows, list | tuple) or not windows:
        raise DataError(
            f"{source}: pred_relevant_windows must hold at least one [start, end, score]. Got {windows!r}. "
            "Predict the best window even where its score is low."
        )
    for index, window in enumerate(windows):
        what = f"{source}: pred_relevant_windows[{index}]"
        if not isinstance(window, list | tuple) or len(window) != 3 or not all(map(_is_number, window)):
            raise DataError(f"{what} must be [start, end, score], finite numbers. Got {window!r}.")
        if window[1] < window[0]:
            raise DataError(f"{what} is reversed, start must not be above end. Got {list(window)}.")


def _check_scores(scores: Any, source: str) -> None:
    if not isinstance(scores, list | tuple) or not scores:
        raise DataError(f"{source}: pred_saliency_scores must be a list with one number per clip. Got {scores!r}.")
    for index, score in enumerate(scores):
        if not _is_number(score):
            raise DataError(f"{source}: pred_saliency_scores[{index}] must be a finite number. Got {score!r}.")


def _is_number(value: Any) -> bool:
    # bounded, so that lengths and sums stay finite too
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e30
