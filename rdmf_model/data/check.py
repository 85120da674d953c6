"""Checks annotations and the features that they ask for: all that is wrong, and what `--repair` would do with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rdmf_model.data.annotations import Annotation, end_tolerance, parse_annotations, repaired_window, window_problem
from rdmf_model.data.feature_sources import VideoFeatures, load_text, open_source
from rdmf_model.data.formats import Item, read_records
from rdmf_theory.errors import DataError

Record = dict[str, Any]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. message: names the place.  repair: what `--repair` does about it, "" for nothing."""

    message: str
    repair: str = ""


@dataclass(frozen=True)
class AnnotationReport:
    """One annotation file.

    path, format: where it lies, what it is.  counts: queries, videos, windows, labels.  seconds: least, median and
    largest duration and window.  problems: in the order of the file.  records: as they are or as repaired, bad ones
    left out.
    """

    path: Path
    format: str
    counts: dict[str, int]
    seconds: dict[str, tuple[float, float, float]]
    problems: tuple[Problem, ...]
    records: tuple[Record, ...] = field(repr=False)
    annotations: tuple[Annotation, ...] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "path": str(self.path),
            "format": self.format,
            "counts": self.counts,
            "seconds": {name: list(values) for name, values in self.seconds.items()},
            "problems": [{"message": problem.message, "repair": problem.repair} for problem in self.problems],
        }


def check_annotations(
    path: Path,
    clip_length: float = 2.0,
    durations: Mapping[str, float] | None = None,
    key: str | None = None,
) -> AnnotationReport:
    """Read an annotation file to its end and say everything that is wrong with it.

    Arguments:
        clip_length: seconds per annotated clip.
        durations: seconds of each video, for formats that do not hold them.  key: format, None recognises it.

    Raises: DataError only where the file cannot be read at all, or is in no known format.
    """
    form, items = read_records(path, durations, key)
    problems: list[Problem] = []
    kept: list[Item] = []
    for item, parsed in zip(items, parse_annotations(items, clip_length), strict=True):
        if not isinstance(parsed, DataError):
            kept.append(item)
            continue
        repaired, found = _repaired(item, parsed, clip_length)
        problems += found
        if repaired is not None:
            kept.append((item[0], repaired))
    good: list[Annotation] = []
    for annotation in parse_annotations(kept, clip_length):
        if isinstance(annotation, DataError):
            problems.append(Problem(str(annotation), "skips the record"))
        else:
            good.append(annotation)
    records = tuple(annotation.record for annotation in good)
    return AnnotationReport(
        Path(path), form.key, _counts(items, good, problems), _seconds(good), tuple(problems), records, tuple(good)
    )


def _repaired(item: Item, error: DataError, clip_length: float) -> tuple[Record | None, list[Problem]]:
    """The record with its windows cut or skipped, None where nothing usable is left, and what is wrong with it."""
    source, record = item
    skipped = [Problem(str(error), "skips the record")]
    if isinstance(record, DataError) or not isinstance(record.get("relevant_windows"), list):
        return None, skipped
    duration: Any = record.get("duration")
    windows: list[Any] = record["relevant_windows"]
    pairs = all(isinstance(window, list) and len(window) == 2 and all(map(_is_number, window)) for window in windows)
    if not pairs or not _is_number(duration) or duration <= 0:
        return None, skipped
    problems, kept = [], []
    for index, (start, end) in enumerate(windows):
        problem = window_problem(start, end, duration, clip_length)
        window = repaired_window(start, end, duration, clip_length)
        if problem is not None:
            action = "skips the window" if window is None else f"cuts it to [{window[0]:g}, {window[1]:g}]"
            problems.append(
                Problem(f"{source}: relevant_windows[{index}] {problem}. Got [{start:g}, {end:g}].", action)
            )
        if window is not None:
            kept.append(list(window))
    if not problems:
        return None, skipped
    if not kept:
        # without its windows the record would say that nothing matches
        return None, [Problem(problem.message, "skips the record") for problem in problems]
    return record | {"relevant_windows": kept}, problems


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e30


def _counts(items: Sequence[Item], good: Sequence[Annotation], problems: Sequence[Problem]) -> dict[str, int]:
    windows = [annotation.windows for annotation in good]
    late = sum(int((a.windows[:, 1] > a.duration).sum()) for a in good)
    return {
        "records": len(items),
        "usable": len(good),
        "videos": len({annotation.vid for annotation in good}),
        "windows": sum(map(len, windows)),
        "with several windows": sum(len(rows) > 1 for rows in windows),
        "nothing matches": sum(annotation.nothing for annotation in good),
        "with saliency or label": sum(len(annotation.saliency) > 0 for annotation in good),
        "windows of zero length": sum(int((rows[:, 1] == rows[:, 0]).sum()) for rows in windows),
        "windows that end late": late,
        "problems": len(problems),
        "windows cut": sum(problem.repair.startswith("cuts") for problem in problems),
        "windows skipped": sum(problem.repair == "skips the window" for problem in problems),
        "records skipped": len(items) - len(good),
    }


def _seconds(good: Sequence[Annotation]) -> dict[str, tuple[float, float, float]]:
    durations = np.array([annotation.duration for annotation in good])
    windows = np.concatenate([np.zeros(0), *(np.diff(annotation.windows, axis=1).ravel() for annotation in good)])
    found = {"duration": durations, "window": windows}
    return {
        name: (float(values.min()), float(np.median(values)), float(values.max()))
        for name, values in found.items()
        if len(values)
    }


@dataclass(frozen=True)
class FeatureReport:
    """Features that annotations ask for. kinds: name and width of each.  clips: least, median and most of a video."""

    videos: int
    texts: int
    kinds: tuple[tuple[str, int], ...]
    text_width: int
    clips: tuple[int, int, int]
    problems: tuple[Problem, ...]

    def to_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "videos": self.videos,
            "texts": self.texts,
            "kinds": [list(kind) for kind in self.kinds],
            "text_width": self.text_width,
            "clips": list(self.clips),
            "problems": [{"message": problem.message, "repair": problem.repair} for problem in self.problems],
        }


def check_features(
    annotations: Sequence[Annotation], videos: Sequence[Path], texts: Path | None, clip_length: float
) -> FeatureReport:
    """Load the features of every video and query, and say all that are missing, damaged or of another length."""
    problems: list[Problem] = []
    features = VideoFeatures(videos) if videos else None
    clips = [] if features is None else _check_videos(annotations, features, clip_length, problems)
    widths = Counter() if texts is None else _check_texts(annotations, texts, problems)
    kinds = tuple((kind.name, kind.width) for kind in features.kinds) if features is not None else ()
    ordered = sorted(clips) or [0]
    return FeatureReport(
        videos=len(clips),
        texts=sum(widths.values()),
        kinds=kinds,
        text_width=max(widths, default=0),
        clips=(ordered[0], ordered[len(ordered) // 2], ordered[-1]),
        problems=tuple(problems),
    )


def _check_videos(
    annotations: Sequence[Annotation], features: VideoFeatures, clip_length: float, problems: list[Problem]
) -> list[int]:
    """Clips of each distinct video that could be loaded."""
    clips: list[int] = []
    for annotation in {annotation.vid: annotation for annotation in reversed(annotations)}.values():
        try:
            length = len(features.load(annotation.vid, source=annotation.source))
        except DataError as error:
            problems.append(Problem(str(error)))
            continue
        clips.append(length)
        covered = length * clip_length
        if abs(covered - annotation.duration) > end_tolerance(annotation.duration, 2 * clip_length):
            problems.append(
                Problem(
                    f"{annotation.source}: video {annotation.vid!r} lasts {annotation.duration:g} s, but its {length} "
                    f"clips of {clip_length:g} s cover {covered:g} s."
                )
            )
    return clips


def _check_texts(annotations: Sequence[Annotation], texts: Path, problems: list[Problem]) -> Counter[int]:
    """How many queries have text features of which width."""
    widths: Counter[int] = Counter()
    source = open_source(texts)
    for annotation in annotations:
        try:
            widths[load_text(source, annotation.qid, asked_by=annotation.source)[0].shape[1]] += 1
        except DataError as error:
            problems.append(Problem(str(error)))
    if len(widths) > 1:
        listed = ", ".join(f"{count} with {width} channels" for width, count in widths.most_common())
        problems.append(Problem(f"{texts}: text features must have one width. Got {listed}."))
    return widths


__all__ = ["AnnotationReport", "FeatureReport", "Problem", "check_annotations", "check_features"]
