"""Annotation formats of public benchmarks, recognised by content; every one becomes the same records.

To add one: a file with a subclass of `AnnotationFormat`, its name in `FORMATS`, and a fixture
in the tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rdmf_model.data.formats.activitynet import ActivityNetFormat
from rdmf_model.data.formats.base import AnnotationFormat, AnnotationText, Item
from rdmf_model.data.formats.castella import CastellaFormat
from rdmf_model.data.formats.charades_sta import CharadesFormat, read_durations
from rdmf_model.data.formats.didemo import DidemoFormat
from rdmf_model.data.formats.ego4d_nlq import Ego4dFormat
from rdmf_model.data.formats.highlights import HighlightsFormat
from rdmf_model.data.formats.moment_detr import MomentDetrFormat
from rdmf_model.data.formats.tvr import TvrFormat
from rdmf_theory.errors import DataError, ParameterError

# the general layout comes last: it takes every file of one object a line
FORMATS: tuple[AnnotationFormat, ...] = (
    TvrFormat(),
    CharadesFormat(),
    ActivityNetFormat(),
    HighlightsFormat(),
    DidemoFormat(),
    CastellaFormat(),
    Ego4dFormat(),
    MomentDetrFormat(),
)


def recognise_format(file: AnnotationText, key: str | None = None) -> AnnotationFormat:
    """The format of an annotation file, by its content or as named by `key`.

    Raises: DataError for a file in none of them; ParameterError for a key that does not exist.
    """
    known = [form.key for form in FORMATS]
    if key is not None:
        if key not in known:
            raise ParameterError(f"format must be one of {', '.join(known)}. Got {key!r}.")
        return FORMATS[known.index(key)]
    for form in FORMATS:
        if form.recognises(file):
            return form
    raise DataError(
        f"{file.path}: is in none of the known annotation formats ({', '.join(known)}). "
        f"It begins {file.first_line[:60]!r}."
    )


def read_records(
    path: Path, durations: Mapping[str, float] | None = None, key: str | None = None
) -> tuple[AnnotationFormat, list[Item]]:
    """The format of an annotation file, and (source, record or error) of each of its queries.

    Arguments:
        durations: seconds of each video, for formats that do not hold them.
        key: the format, instead of recognising it.

    Raises: DataError for a file that is missing, is no text, or is in none of the formats.
    """
    file = AnnotationText.read(path, durations)
    form = recognise_format(file, key)
    return form, list(form.records(file))


__all__ = [
    "FORMATS",
    "AnnotationFormat",
    "AnnotationText",
    "Item",
    "read_durations",
    "read_records",
    "recognise_format",
]
