"""Ego4D natural language queries as released: videos, clips, annotations, queries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rdmf_model.data.formats.base import AnnotationFormat, AnnotationText, Item, entries, entry
from rdmf_theory.errors import DataError


class Ego4dFormat(AnnotationFormat):
    """`nlq_{train,val,test_unannotated}.json`: `{"videos": [{"video_uid", "clips": [{"clip_uid", "video_start_sec",
    "video_end_sec", "annotations": [{"annotation_uid", "language_queries": [{"query", "clip_start_sec",
    "clip_end_sec"}]}]}]}]}`.

    `vid` is the clip, `qid` is `{annotation_uid}_{index of the query}`, windows count from the start of the clip. Empty
    queries are left out, as the reference does. Windows of zero length (14 % of the first release) are kept.
    Source: Grauman et al., Ego4D, CVPR 2022; NLQ in its `episodic-memory` repository.
    """

    key = "ego4d_nlq"
    title = "Ego4D NLQ"

    def recognises(self, file: AnnotationText) -> bool:
        whole = file.whole
        videos = whole.get("videos") if isinstance(whole, dict) else None
        return isinstance(videos, list) and (not videos or (isinstance(videos[0], dict) and "clips" in videos[0]))

    def records(self, file: AnnotationText) -> Iterator[Item]:
        for video_number, video in enumerate(file.document["videos"]):
            source = f"{file.path}: video {video_number}"
            try:
                clips = entries(entry(video, "clips", source), "clips", source)
            except DataError as error:
                yield source, error
                continue
            for clip_number, clip in enumerate(clips):
                where = f"{source}, clip {clip_number}"
                try:
                    yield from _clip(clip, where)
                except DataError as error:
                    yield where, error


def _clip(clip: Any, source: str) -> Iterator[Item]:
    vid = entry(clip, "clip_uid", source)
    bounds = [entry(clip, name, source) for name in ("video_start_sec", "video_end_sec")]
    if not all(isinstance(bound, int | float) for bound in bounds):
        raise DataError(f"{source}: video_start_sec and video_end_sec must be seconds. Got {bounds!r}.")
    for annotation in entries(entry(clip, "annotations", source), "annotations", source):
        uid = entry(annotation, "annotation_uid", source)
        queries = entries(entry(annotation, "language_queries", source), "language_queries", source)
        for number, query in enumerate(queries):
            where = f"{source}, annotation {uid}, query {number}"
            if not isinstance(query, dict):
                yield where, DataError(f"{where}: a query must be an object. Got a {type(query).__name__}.")
            elif query.get("query"):
                record = {
                    "qid": f"{uid}_{number}",
                    "query": query["query"],
                    "vid": vid,
                    "duration": bounds[1] - bounds[0],
                }
                window = [query.get("clip_start_sec"), query.get("clip_end_sec")]
                known = {} if None in window else {"relevant_windows": [window]}
                yield where, record | known | {"benchmark": Ego4dFormat.key}
