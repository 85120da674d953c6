"""Reads moment annotations of any known format (`rdmf_model.data.formats`) and refuses what is wrong in them.

One record is `{"qid", "query", "duration", "vid"}` with, where they exist, `relevant_windows` [[start, end], ...] in
seconds, `relevant_clip_ids` with `saliency_scores` (per clip: one number or one per annotator), or `label` (one entry
per clip of the whole video; TVSum, YouTube Highlights). A record without `relevant_windows` is unlabelled for moments;
an empty list says that nothing in the video matches.

Windows: a window of zero length is kept; one that ends up to max(one clip, 5 % of the video) after the video is kept as
annotated (durations are rounded); every other window outside [0, duration] is refused here, and cut or skipped by
`rdmf data convert --repair`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np

from rdmf_model.data.formats import Item, read_records
from rdmf_theory.errors import DataError

Qid = int | str

# durations in annotations, and lengths of features, are rounded: this share (or a few clips) is no contradiction
DURATION_TOLERANCE = 0.05
# labels of public sets: YouTube Highlights 0 or 1, TVSum 1 to 5; the saliency of QVHighlights goes from 0 to 4
LABEL_SCALES = ((0.0, 1.0), (1.0, 5.0), (0.0, 4.0))
SALIENCY_TOP = 4.0


@dataclass(frozen=True)
class Annotation:
    """One text query on one video, as annotated.

    qid: identifier of the query.  query: its words.  vid: identifier of the video.  duration: seconds.
    windows: (n, 2) float64 [start, end] seconds, 0 <= start <= end; empty without window annotation.
    clip_ids: (k,) int64, annotated clips.  saliency: (k,) float64, mean annotator score of each, `label` on the scale
        0 to 4.
    source: `FILE:LINE`, for messages.  record: the record in the common layout, for the evaluation.
    nothing: whether it is annotated that no moment of the video matches (an empty list of windows).
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
    nothing: bool = False


def read_annotations(path: Path, clip_length: float = 2.0) -> list[Annotation]:
    """Reads and validates every record of an annotation file, in any known format.

    Arguments:
        path: annotation file; gzip is unpacked.
        clip_length: seconds per annotated clip, the unit of `relevant_clip_ids`; also the least tolerance by which a
            window or a clip may reach past `duration` (durations are often rounded).

    Raises: DataError naming file and line for a malformed line, a missing or ill-typed field, a window that is
        reversed, negative, not finite or outside the video, mismatched saliency, a repeated qid, a video with two
        durations, or an empty file.
    """
    annotations: list[Annotation] = []
    for annotation in parse_annotations(read_records(Path(path))[1], clip_length):
        if isinstance(annotation, DataError):
            raise annotation
        annotations.append(annotation)
    if not annotations:
        raise DataError(f"{path}: the split is empty. It must hold at least one query, one JSON object per line.")
    return annotations


def parse_annotations(items: Iterable[Item], clip_length: float) -> list[Annotation | DataError]:
    """Each record as an annotation, or as the error that says what is wrong with it, alone or beside the others."""
    parsed: list[Annotation | DataError] = []
    first_qid: dict[str, str] = {}
    first_video: dict[str, Annotation] = {}
    for source, record in items:
        try:
            if isinstance(record, DataError):
                raise record
            annotation = _annotation(source, record, clip_length)
            # 7 and "7" name the same text feature file, so they are the same qid
            key = str(annotation.qid)
            if key in first_qid:
                raise DataError(
                    f"{source}: qid {key} occurs twice (first at {first_qid[key]}). Give each query its own qid."
                )
            first_qid[key] = source
            other = first_video.setdefault(annotation.vid, annotation)
            if abs(other.duration - annotation.duration) > end_tolerance(other.duration, clip_length):
                raise DataError(
                    f"{source}: video {annotation.vid!r} lasts {annotation.duration:g} s here and {other.duration:g} s "
                    f"at {other.source}. Give one video one duration."
                )
            parsed.append(annotation)
        except DataError as error:
            parsed.append(error)
    return _on_saliency_scale(parsed)


def _on_saliency_scale(parsed: list[Annotation | DataError]) -> list[Annotation | DataError]:
    """Map `label` scores of a file from the first scale of `LABEL_SCALES` that holds them all, else from their own
    range, to 0 .. 4."""
    rows = [a.record["label"] for a in parsed if isinstance(a, Annotation) and _is_label(a.record) and len(a.saliency)]
    if not rows:
        return parsed
    # the annotators' own scores: means of 1 to 5 may well lie in another scale
    scores = [score for row in rows for clip in row for score in (clip if isinstance(clip, list) else [clip])]
    least, most = min(scores), max(scores)
    low, high = next(((a, b) for a, b in LABEL_SCALES if a <= least and most <= b), (least, most))
    for annotation in parsed:
        if isinstance(annotation, Annotation) and _is_label(annotation.record):
            annotation.saliency[:] = (annotation.saliency - low) * (SALIENCY_TOP / max(high - low, 1e-9))
    return parsed


def _is_label(record: dict[str, Any]) -> bool:
    return record.get("saliency_scores") is None and record.get("label") is not None


def end_tolerance(duration: float, clip_length: float) -> float:
    """Seconds by which a window may end after a video: max(one clip, 5 % of the video)."""
    return max(clip_length, DURATION_TOLERANCE * duration)


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
        nothing=record.get("relevant_windows") == [],
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


def _windows(windows: Any, source: str, duration: float, clip_length: float) -> np.ndarray:
    if windows is None:
        return np.zeros((0, 2))
    if not isinstance(windows, list):
        raise DataError(f"{source}: relevant_windows must be a list of [start, end]. Got {windows!r}.")
    for index, window in enumerate(windows):
        what = f"relevant_windows[{index}]"
        if not isinstance(window, list) or len(window) != 2:
            raise DataError(f"{source}: {what} must be [start, end] in seconds. Got {window!r}.")
        start, end = (_number(bound, what, source) for bound in window)
        if problem := window_problem(start, end, duration, clip_length):
            raise DataError(f"{source}: {what} {problem}. Got [{start:g}, {end:g}]. {REPAIR}")
    return np.asarray(windows, dtype=np.float64).reshape(-1, 2)


REPAIR = "Check that windows and duration are both in seconds; `rdmf data convert --repair` cuts or skips such windows."


def window_problem(start: float, end: float, duration: float, clip_length: float) -> str | None:
    """What is wrong with a window, None if nothing is: the rule of this module's docstring."""
    if end < start:
        return "is reversed, start must not be above end"
    if start < 0:
        return "must not start before 0 s"
    if end > duration + end_tolerance(duration, clip_length):
        return f"lies outside the video of {duration:g} s"
    return None


def repaired_window(start: float, end: float, duration: float, clip_length: float) -> tuple[float, float] | None:
    """The window as `--repair` keeps it: unchanged where nothing is wrong with it, else cut to [0, duration], None
    (skipped) where it is reversed or nothing of it is left."""
    if window_problem(start, end, duration, clip_length) is None:
        return start, end
    cut = max(start, 0.0), min(end, duration)
    return cut if cut[0] < cut[1] and start < end else None


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
    elif len(set(ids)) < len(ids):
        twice = next(clip for clip in ids if ids.count(clip) > 1)
        raise DataError(f"{source}: relevant_clip_ids must not repeat. Got {twice} more than once.")
    elif ids and max(ids) * clip_length >= duration + clip_length:
        raise DataError(
            f"{source}: relevant_clip_ids must lie in the video: {duration:g} s in clips of {clip_length:g} s. "
            f"Got {max(ids)}. If clips were annotated at another length, set annotation_clip_length."
        )
    means = [_mean_score(score, f"{name}[{index}]", source) for index, score in enumerate(scores)]
    _check_annotators(scores, name, source)
    return np.asarray(ids, dtype=np.int64), np.asarray(means, dtype=np.float64)


def _check_annotators(scores: list[Any], name: str, source: str) -> None:
    """Every clip of a record has a number, or every clip a list of one length: one entry per annotator."""
    shapes = [len(score) if isinstance(score, list) else None for score in scores]
    for index, shape in enumerate(shapes):
        if shape != shapes[0]:
            first, this = ("one number" if value is None else f"{value} numbers" for value in (shapes[0], shape))
            raise DataError(
                f"{source}: {name} must have the same annotators for every clip. Got {first} at {name}[0] and "
                f"{this} at {name}[{index}]."
            )


def _mean_score(score: Any, what: str, source: str) -> float:
    values = score if isinstance(score, list) else [score]
    if not values:
        raise DataError(f"{source}: {what} holds no annotator's score.")
    return sum(_number(value, what, source) for value in values) / len(values)
