"""TVSum and YouTube Highlights as one JSON object of videos, a label for each clip."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rdmf_model.data.formats.base import AnnotationFormat, AnnotationText, Item, entries, entry
from rdmf_theory.errors import DataError


class HighlightsFormat(AnnotationFormat):
    """`{tvsum,youtube}_anno.json` of UMT: `{video: {"anno": [[score of each annotator], ...]}}` (TVSum, 1 to 5) or
    `{video: {"match": [-1, 0, 1, ...]}}` (YouTube Highlights, 1 is a highlight), with `domain`, `title`, `frames` and
    `fps` where they are known.

    The query is the title, else the domain. The duration is frames / fps; without these the number of clips, the
    unit that TVSum's records use.
    Source: Liu et al., UMT, CVPR 2022, `datasets/{tvsum,youtube}.py` of its repository.
    """

    key = "highlights"
    title = "TVSum and YouTube Highlights as one JSON object"

    def recognises(self, file: AnnotationText) -> bool:
        whole = file.whole
        first = next(iter(whole.values()), None) if isinstance(whole, dict) else None
        return isinstance(first, dict) and ("anno" in first or "match" in first)

    def records(self, file: AnnotationText) -> Iterator[Item]:
        for vid, video in file.document.items():
            source = f"{file.path}: {vid}"
            try:
                yield source, _record(vid, video, source, file)
            except DataError as error:
                yield source, error


def _record(vid: str, video: Any, source: str, file: AnnotationText) -> dict[str, Any]:
    if isinstance(video, dict) and "anno" in video:
        label = entries(video["anno"], "anno", source)
    else:
        matches = entries(entry(video, "match", source), "match", source)
        if not all(isinstance(match, int) for match in matches):
            raise DataError(f"{source}: match must hold integers, 1 for a highlight. Got {matches[:8]!r}.")
        label = [[int(match > 0)] for match in matches]
    frames, fps = video.get("frames"), video.get("fps")
    duration: Any = len(label)
    if isinstance(frames, int | float) and isinstance(fps, int | float) and fps > 0:
        duration = frames / fps
    duration = file.durations.get(vid, duration)
    domain = video.get("domain")
    record = {
        "qid": vid,
        "query": video.get("title") or domain or vid,
        "vid": vid,
        "duration": duration,
        "label": label,
    }
    return record if domain is None else record | {"domain": domain}
