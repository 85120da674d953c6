"""The interface of annotation formats: a file's text in, records of the common layout out.

A record of the common layout is `{"qid", "query", "vid", "duration"}` with, where they exist, `relevant_windows`,
`relevant_clip_ids` with `saliency_scores`, or `label`; `rdmf_model.data.annotations` checks it. A format maps fields
and units and checks nothing that `annotations` checks.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from rdmf_model.data.text_files import json_lines, parse_json, read_text
from rdmf_theory.errors import DataError

Record = dict[str, Any]
Item = tuple[str, "Record | DataError"]


@dataclass(frozen=True)
class AnnotationText:
    """The text of one annotation file, parsed as far as a format asks for it.

    path: of the file.  text: its text.  durations: seconds of each video, for formats that do not hold them.
    """

    path: Path
    text: str
    durations: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path, durations: Mapping[str, float] | None = None) -> AnnotationText:
        """Read a file. Raises DataError as `read_text` does."""
        return cls(Path(path), read_text(path), durations or {})

    @cached_property
    def begins(self) -> str:
        """The first character that is not white space; "" for an empty file."""
        return self.text.lstrip()[:1]

    @cached_property
    def first_line(self) -> str:
        """The first line that is not blank."""
        return next((line.strip() for line in self.text.split("\n") if line.strip()), "")

    @cached_property
    def first_object(self) -> Record | None:
        """The object on the first line, None where that line is no JSON object."""
        try:
            value = json.loads(self.first_line)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None

    @cached_property
    def document(self) -> Any:
        """The file as one JSON value. Raises DataError where it is malformed."""
        return parse_json(self.path, self.text)

    @cached_property
    def whole(self) -> Any:
        """Like `document`, None where the file is not one JSON value."""
        if self.begins not in ("{", "["):
            return None
        try:
            return self.document
        except DataError:
            return None

    def lines(self) -> Iterator[tuple[str, Record | DataError]]:
        """(`FILE:LINE`, object or error) of a jsonl file."""
        return json_lines(self.path, self.text)


class AnnotationFormat(ABC):
    """One annotation format.

    key: for `--format`.  title: the sets that are published in it.
    """

    key: ClassVar[str]
    title: ClassVar[str]

    @abstractmethod
    def recognises(self, file: AnnotationText) -> bool:
        """Whether the file is in this format, by its content."""

    @abstractmethod
    def records(self, file: AnnotationText) -> Iterator[Item]:
        """(source, record or error) of each query, in the order of the file; `source` names the place in messages."""


class SentenceNumbers:
    """Query identifiers `{vid}_{n}` for sets without: the n-th sentence (from 0) of a video in its file."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def next(self, vid: str) -> str:
        """The identifier of the next sentence of a video."""
        number = self._counts[vid]
        self._counts[vid] += 1
        return f"{vid}_{number}"


def entry(value: Any, key: str, source: str) -> Any:
    """`value[key]`. Raises DataError where there is none."""
    if not isinstance(value, dict) or key not in value:
        got = f"fields {sorted(map(str, value))[:8]}" if isinstance(value, dict) else f"a {type(value).__name__}"
        raise DataError(f"{source}: field {key!r} is missing. Got {got}.")
    return value[key]


def entries(value: Any, what: str, source: str) -> list[Any]:
    """`value` as a list. Raises DataError where it is none."""
    if not isinstance(value, list):
        raise DataError(f"{source}: {what} must be a list. Got a {type(value).__name__}.")
    return value
