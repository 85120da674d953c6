"""Reads moment annotations (`{train,val,test}.jsonl`, Moment-DETR layout) and refuses what is wrong in them.

One record is `{"qid", "query", "duration", "vid"}` with, where they exist, `relevant_windows` [[start, end], ...] in
seconds, `relevant_clip_ids` with `saliency_scores` (per clip: one number or one per annotator), or `label` (one entry
per clip of the whole video; TVSum, YouTube Highlights). A record without windows is highlight-only or unlabelled.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np

from rdmf_theory.errors import DataError

Qid = int | str


@dataclass(frozen=True)
class Annotation:
    """One text query on one video, as annotated.

    qid: identifier of the query.  query: its words.  vid: identifier of the video.  duration: seconds.
    windows: (n, 2) float64 [start, end] seconds, 0 <= start < end; empty without window annotation.
    clip_ids: (k,) int64, annotated clips.  saliency: (k,) float64, mean annotator score of each.
    source: `FILE:LINE`, for messages.  record: the line as read, for the evaluation.
    """

    qid: Qid
    query: str
    vid: str
    duration: float
    windows: np.ndarray
    clip_ids: np.ndarray
    saliency: np.ndarray
    source: str
    record: dict[str, Any] = field(repr=False)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def read_jsonl(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields (`FILE:LINE`, object) for each non-blank line of a jsonl file.

    Raises: DataError if the file is missing or no text, or a line is no JSON object (NaN and Infinity are no JSON).
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Check the path.") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text ({error.reason} at byte {error.start}).") from None
    # not splitlines(): a query may contain U+2028 and its kin, which JSON allows inside a string
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        source = f"{path}:{number}"
        try:
            record = json.loads(line, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{source}: malformed JSON ({error}). Each line must be one JSON object.") from None
        if not isinstance(record, dict):
            raise DataError(f"{source}: each line must be a JSON object {{...}}. Got a {type(record).__name__}.")
        yield source, record


def read_annotations(path: Path, clip_length: float = 2.0) -> list[Annotation]:
    """Reads and validates every record of an annotation file.

    Arguments:
        path: jsonl file.
        clip_length: seconds per annotated clip, the unit of `relevant_clip_ids`; also the tolerance by which a window
            or a clip may reach past `duration` (durations are often rounded).

    Raises: DataError naming file and line for a malformed line, a missing or ill-typed field, a window that is
        reversed, negative, not finite or outside the video, mismatched saliency, a repeated qid, or an empty file.
    """
    annotations: list[Annotation] = []
    first: dict[str, str] = {}
    for source, record in read_jsonl(path):
        annotation = _annotation(source, record, clip_length)
        # 7 and "7" name the same text feature file, so they are the same qid
        key = str(annotation.qid)
        if key in first:
            raise DataError(f"{source}: qid {key} occurs twice (first at {first[key]}). Give each query its own qid.")
        first[key] = source
        annotations.append(annotation)
    if not annotations:
        raise DataError(f"{path}: the split is empty. It must hold at least one query, one JSON object per line.")
    return annotations


def check_name(name: str, what: str, source: str) -> str:
    """Returns `name` if it is safe as a file name stem below a feature folder.

    Raises: DataError if it is empty, absolute, or climbs out of the folder by `..`.
    """
    path = PureWindowsPath(name)  # splits at both kinds of slash
    if not name.strip() or "\0" in name or path.drive or path.root or ".." in path.parts:
        raise DataError(
            f"{source}: {what} must name a file below the feature folder, without '..' or a leading '/'. Got {name!r}."
        )
    return name


def _annotation(source: str, record: dict[str, Any], clip_length: float) -> Annotation:
    qid, vid, query = (_require(record, key, source) for key in ("qid", "vid", "query"))
    if isinstance(qid, bool) or not isinstance(qid, int | str):
        raise DataError(f"{source}: qid must be an integer or a string. Got {qid!r}.")
    if isinstance(qid, str):
        check_name(qid, "qid", source)
    if not isinstance(vid, str):
        raise DataError(f"{source}: vid must be a string. Got {vid!r}.")
    if not isinstance(query, str):
        raise DataError(f"{source}: query must be a string. Got {query!r}.")
    duration = _number(_require(record, "duration", source), "duration", source)
    if duration <= 0:
        raise DataError(f"{source}: duration must be positive, in seconds. Got {duration:g}.")
    clip_ids, saliency = _saliency(record, source, duration, clip_length)
    return Annotation(
        qid=qid,
        query=query,
        vid=check_name(vid, "vid", source),
        duration=duration,
        windows=_windows(record.get("relevant_windows"), source, duration, clip_length),
        clip_ids=clip_ids,
        saliency=saliency,
        source=source,
        record=record,
    )


def _require(record: dict[str, Any], key: str, source: str) -> Any:
    if key not in record:
        raise DataError(f"{source}: field {key!r} is missing. A record needs qid, query, duration and vid.")
    return record[key]


def _number(value: Any, what: str, source: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DataError(f"{source}: {what} must be a number. Got {value!r}.")
    # NaN literals are refused while reading; 1e999 is JSON and reads as infinity
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise DataError(f"{source}: {what} must be finite. Got {number}.")
    return number


def _windows(windows: Any, source: str, duration: float, tolerance: float) -> np.ndarray:
    if windows is None:
        return np.zeros((0, 2))
    if not isinstance(windows, list):
        raise DataError(f"{source}: relevant_windows must be a list of [start, end]. Got {windows!r}.")
    for index, window in enumerate(windows):
        what = f"relevant_windows[{index}]"
        if not isinstance(window, list) or len(window) != 2:
            raise DataError(f"{source}: {what} must be [start, end] in seconds. Got {window!r}.")
        start, end = (_number(bound, what, source) for bound in window)
        if start < 0:
            raise DataError(f"{source}: {what} must not start before 0 s. Got [{start:g}, {end:g}].")
        if end <= start:
            raise DataError(f"{source}: {what} is reversed, start must be below end. Got [{start:g}, {end:g}].")
        if start >= duration or end > duration + tolerance:
            raise DataError(
                f"{source}: {what} lies outside the video of {duration:g} s. Got [{start:g}, {end:g}]. "
                "Check that windows and duration are both in seconds."
            )
    return np.asarray(windows, dtype=np.float64).reshape(-1, 2)


def _saliency(
    record: dict[str, Any], source: str, duration: float, clip_length: float
) -> tuple[np.ndarray, np.ndarray]:
    """(clip ids, mean score per clip) from `saliency_scores`, or from `label`, or empty."""
    ids, scores = record.get("relevant_clip_ids"), record.get("saliency_scores")
    if scores is None and record.get("label") is not None:
        ids, scores, name = None, record["label"], "label"
    elif scores is None:
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    else:
        name = "saliency_scores"
    if not isinstance(scores, list):
        raise DataError(f"{source}: {name} must be a list with one entry per clip. Got {scores!r}.")
    if name == "label":
        ids = list(range(len(scores)))
    elif not isinstance(ids, list) or len(ids) != len(scores):
        got = len(ids) if isinstance(ids, list) else "none"
        raise DataError(f"{source}: {len(scores)} saliency_scores need as many relevant_clip_ids. Got {got}.")
    elif any(isinstance(clip, bool) or not isinstance(clip, int) or clip < 0 for clip in ids):
        raise DataError(f"{source}: relevant_clip_ids must be integers >= 0. Got {ids}.")
    elif ids and max(ids) * clip_length >= duration + clip_length:
        raise DataError(
            f"{source}: relevant_clip_ids must lie in the video: {duration:g} s in clips of {clip_length:g} s. "
            f"Got {max(ids)}. If clips were annotated at another length, set annotation_clip_length."
        )
    means = [_mean_score(score, f"{name}[{index}]", source) for index, score in enumerate(scores)]
    return np.asarray(ids, dtype=np.int64), np.asarray(means, dtype=np.float64)


def _mean_score(score: Any, what: str, source: str) -> float:
    values = score if isinstance(score, list) else [score]
    if not values:
        raise DataError(f"{source}: {what} holds no annotator's score.")
    return sum(_number(value, what, source) for value in values) / len(values)
