"""TVR as released: one moment of a television clip a line."""

from __future__ import annotations

from collections.abc import Iterator

from rdmf_model.data.formats.base import AnnotationFormat, AnnotationText, Item, entry
from rdmf_theory.errors import DataError

FIELDS = {"desc_id", "desc", "vid_name"}


class TvrFormat(AnnotationFormat):
    """`tvr_{train,val,test_public}_release.jsonl`: `{"desc_id", "desc", "vid_name", "duration", "ts", "type"}`; the
    public test split has no `ts`.

    Source: Lei et al., TVR, ECCV 2020, `data/README.md` of its repository.
    """

    key = "tvr"
    title = "TVR"

    def recognises(self, file: AnnotationText) -> bool:
        return file.first_object is not None and file.first_object.keys() >= FIELDS

    def records(self, file: AnnotationText) -> Iterator[Item]:
        for source, item in file.lines():
            if isinstance(item, DataError):
                yield source, item
                continue
            try:
                record = {
                    "qid": entry(item, "desc_id", source),
                    "query": entry(item, "desc", source),
                    "vid": entry(item, "vid_name", source),
                    "duration": entry(item, "duration", source),
                }
            except DataError as error:
                yield source, error
                continue
            windows = {} if item.get("ts") is None else {"relevant_windows": [item["ts"]]}
            kind = {"type": item["type"]} if "type" in item else {}
            yield source, record | windows | kind
