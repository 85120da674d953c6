"""CASTELLA as released: sound recordings with captions of their moments."""

from __future__ import annotations

from collections.abc import Iterator

from rdmf_model.data.formats.base import AnnotationFormat, AnnotationText, Item, entries, entry
from rdmf_theory.errors import DataError


class CastellaFormat(AnnotationFormat):
    """`{train,valid,test}.json`: a list of `{"yid", "duration", "moments": [{"local_caption", "timestamps"}]}`.

    `qid` is `{yid}_{number of the moment}`; a caption may have several windows.
    Source: Munakata et al., CASTELLA, arXiv:2511.15131, README of its repository.
    """

    key = "castella"
    title = "CASTELLA"

    def recognises(self, file: AnnotationText) -> bool:
        whole = file.whole
        first = whole[0] if isinstance(whole, list) and whole else None
        return isinstance(first, dict) and "moments" in first and "yid" in first

    def records(self, file: AnnotationText) -> Iterator[Item]:
        for number, item in enumerate(file.document):
            source = f"{file.path}: entry {number}"
            try:
                vid, duration = entry(item, "yid", source), entry(item, "duration", source)
                moments = entries(entry(item, "moments", source), "moments", source)
            except DataError as error:
                yield source, error
                continue
            for index, moment in enumerate(moments):
                where = f"{source}, moment {index}"
                try:
                    query, windows = entry(moment, "local_caption", where), entry(moment, "timestamps", where)
                except DataError as error:
                    yield where, error
                    continue
                record = {"qid": f"{vid}_{index}", "query": query, "vid": vid, "duration": duration}
                yield where, record | {"relevant_windows": windows}
