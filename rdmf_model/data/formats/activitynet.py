"""ActivityNet Captions and TACoS: one JSON object of videos, each with sentences and their timestamps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rdmf_model.data.formats.base import AnnotationFormat, AnnotationText, Item, entries, entry
from rdmf_theory.errors import DataError


class ActivityNetFormat(AnnotationFormat):
    """`{train,val_1,val_2}.json`: `{video: {"duration": s, "timestamps": [[start, end], ...], "sentences": [...]}}`,
    seconds; the TACoS files of 2D-TAN have `num_frames` and `fps` instead, with timestamps in frames.

    Source: Krishna et al., Dense-Captioning Events in Videos, ICCV 2017; Zhang et al., 2D-TAN, AAAI 2020.
    """

    key = "activitynet_captions"
    title = "ActivityNet Captions; TACoS as one JSON object"

    def recognises(self, file: AnnotationText) -> bool:
        whole = file.whole
        if not isinstance(whole, dict) or not whole:
            return False
        first = next(iter(whole.values()))
        return isinstance(first, dict) and "timestamps" in first and "sentences" in first

    def records(self, file: AnnotationText) -> Iterator[Item]:
        for vid, video in file.document.items():
            source = f"{file.path}: {vid}"
            try:
                yield from _video(vid, video, source)
            except DataError as error:
                yield source, error


def _video(vid: str, video: Any, source: str) -> Iterator[Item]:
    timestamps = entries(entry(video, "timestamps", source), "timestamps", source)
    sentences = entries(entry(video, "sentences", source), "sentences", source)
    if len(timestamps) != len(sentences):
        raise DataError(f"{source}: {len(sentences)} sentences need as many timestamps. Got {len(timestamps)}.")
    scale, duration = 1.0, video.get("duration")
    if duration is None:
        fps, frames = entry(video, "fps", source), entry(video, "num_frames", source)
        if not all(isinstance(value, int | float) and value > 0 for value in (fps, frames)):
            raise DataError(f"{source}: fps and num_frames must be positive. Got {fps!r} and {frames!r}.")
        scale, duration = 1.0 / fps, frames / fps
    for number, (window, sentence) in enumerate(zip(timestamps, sentences, strict=True)):
        if scale != 1.0 and isinstance(window, list) and all(isinstance(bound, int | float) for bound in window):
            window = [bound * scale for bound in window]
        query = sentence.strip() if isinstance(sentence, str) else sentence
        record = {"qid": f"{vid}_{number}", "query": query, "vid": vid, "duration": duration}
        yield f"{source}, sentence {number}", record | {"relevant_windows": [window]}
