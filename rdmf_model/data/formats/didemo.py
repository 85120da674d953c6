"""DiDeMo as released: chunks of five seconds, marked by several annotators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rdmf_model.data.formats.base import AnnotationFormat, AnnotationText, Item, entries, entry
from rdmf_theory.errors import DataError

CHUNK = 5.0
LONGEST = 30.0


class DidemoFormat(AnnotationFormat):
    """`{train,val,test}_data.json`: a list of `{"annotation_id", "description", "video", "times", "num_segments"}`.

    `times` holds one [first chunk, last chunk] per annotator. `relevant_windows` is the distinct ones in seconds, by
    the number of annotators who marked them, then in the order of the file; `times` is kept for the set's own
    metric. Videos were cut to 30 s for annotation: without a duration of its own a video lasts 5 s per chunk.
    Source: Hendricks et al., Localizing Moments in Video with Natural Language, ICCV 2017, README of its repository.
    """

    key = "didemo"
    title = "DiDeMo"

    def recognises(self, file: AnnotationText) -> bool:
        whole = file.whole
        first = whole[0] if isinstance(whole, list) and whole else None
        return isinstance(first, dict) and "times" in first and "description" in first

    def records(self, file: AnnotationText) -> Iterator[Item]:
        for number, item in enumerate(file.document):
            source = f"{file.path}: entry {number}"
            try:
                yield source, _record(item, source, file)
            except DataError as error:
                yield source, error


def _record(item: Any, source: str, file: AnnotationText) -> dict[str, Any]:
    vid, times = entry(item, "video", source), entries(entry(item, "times", source), "times", source)
    for time in times:
        whole = isinstance(time, list) and len(time) == 2 and all(isinstance(chunk, int) for chunk in time)
        if not whole or not 0 <= time[0] <= time[1]:
            raise DataError(f"{source}: times must be [first chunk, last chunk] with 0 <= first <= last. Got {time!r}.")
    segments = item.get("num_segments", 6)
    if not isinstance(segments, int) or segments < 1:
        raise DataError(f"{source}: num_segments must be a positive integer. Got {segments!r}.")
    duration = min(file.durations.get(vid, CHUNK * segments), LONGEST)
    votes: dict[tuple[int, int], int] = {}
    for first, last in times:
        votes[first, last] = votes.get((first, last), 0) + 1
    ordered = sorted(votes, key=lambda chunks: -votes[chunks])
    return {
        "qid": entry(item, "annotation_id", source),
        "query": entry(item, "description", source),
        "vid": vid,
        "duration": duration,
        "relevant_windows": [[CHUNK * first, min(CHUNK * (last + 1), duration)] for first, last in ordered],
        "times": times,
    }
