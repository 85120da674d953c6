"""Reads text files of annotations and predictions: UTF-8 with or without mark, plain or gzip, JSON lines or JSON."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rdmf_model.data.recognise import HEAD, KINDS, recognise_bytes
from rdmf_theory.errors import DataError

# the annotations of every public set together are below 200 MB; more out of one archive is built to fill the memory
LARGEST_TEXT = 2**30


def read_text(path: Path) -> str:
    """The text of a file; gzip is recognised by content and unpacked.

    Raises: DataError if the file is missing, is another kind of file (which it names), or is not UTF-8 text.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Check the path.") from None
    kind = recognise_bytes(content[:HEAD])
    if kind is KINDS["gzip"]:
        content = _unpacked(path, content)
        kind = recognise_bytes(content[:HEAD])
    if kind is not None:
        raise DataError(f"{path}: is {kind.what}, not a text file. {kind.remedy}")
    # spreadsheets and Windows editors write UTF-16 with a mark
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(f"{path}: is not UTF-8 text but UTF-16. Save it as UTF-8.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text ({error.reason} at byte {error.start}).") from None


def _unpacked(path: Path, content: bytes) -> bytes:
    import io

    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
            unpacked = stream.read(LARGEST_TEXT + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: is damaged gzip data ({error}). Download or copy it again.") from None
    if len(unpacked) > LARGEST_TEXT:
        raise DataError(f"{path}: unpacks to more than {LARGEST_TEXT} bytes. No annotation file is as large.")
    return unpacked


def json_lines(path: Path, text: str) -> Iterator[tuple[str, dict[str, Any] | DataError]]:
    """(`FILE:LINE`, object) of each non-blank line; a line that is no JSON object comes as the error that says so."""
    # not splitlines(): a query may contain U+2028 and its kin, which JSON allows inside a string
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        source = f"{path}:{number}"
        try:
            record = json.loads(line, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            message = f"{source}: malformed JSON ({error}). Each line must be one JSON object."
            yield source, DataError(message)
            continue
        if isinstance(record, dict):
            yield source, record
        else:
            message = f"{source}: each line must be a JSON object {{...}}. Got a {type(record).__name__}."
            yield source, DataError(message)


def read_jsonl(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields (`FILE:LINE`, object) for each non-blank line of a jsonl file.

    Raises: DataError if the file is missing or no text, or a line is no JSON object (NaN and Infinity are no JSON).
    """
    for source, record in json_lines(Path(path), read_text(path)):
        if isinstance(record, DataError):
            raise record
        yield source, record


def parse_json(path: Path, text: str) -> Any:
    """The one JSON value of a text. Raises DataError with the line where it is malformed."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise DataError(f"{path}:{error.lineno}: malformed JSON ({error.msg}, column {error.colno}).") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: malformed JSON ({error}).") from None


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")
