"""The layout of Moment-DETR, one record a line: QVHighlights, Clotho-Moment, QV-M2, and most later conversions."""

from __future__ import annotations

from collections.abc import Iterator

from rdmf_model.data.formats.base import AnnotationFormat, AnnotationText, Item


class MomentDetrFormat(AnnotationFormat):
    """The common layout itself; records pass unchanged.

    Source: Lei, Berg, Bansal, QVHighlights, NeurIPS 2021, `data/README.md` of its repository.
    """

    key = "moment_detr"
    title = "QVHighlights, Charades-STA and TACoS as jsonl, Clotho-Moment, TVSum and YouTube Highlights as jsonl"

    def recognises(self, file: AnnotationText) -> bool:
        # the format of last resort for anything of one object a line: its errors name file, line and field
        several_lines = file.first_object is None and file.whole is not None
        return not file.begins or (file.begins == "{" and not several_lines)

    def records(self, file: AnnotationText) -> Iterator[Item]:
        return file.lines()
