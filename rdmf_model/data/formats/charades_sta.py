"""Charades-STA as released: `VIDEO START END##SENTENCE` lines, durations in Charades' own csv."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from rdmf_model.data.formats.base import AnnotationFormat, AnnotationText, Item, SentenceNumbers
from rdmf_model.data.text_files import parse_json, read_text
from rdmf_theory.errors import DataError

LINE = re.compile(r"(?P<vid>\S+)\s+(?P<start>[-+.\deE]+)\s+(?P<end>[-+.\deE]+)\s*##(?P<query>.*)", re.DOTALL)


class CharadesFormat(AnnotationFormat):
    """`charades_sta_{train,test}.txt`.

    The durations come from `Charades_v1_{train,test}.csv` (column `length`) or `durations.json` ({video: seconds}) in
    the same folder, or from `--durations`.
    Source: Gao et al., TALL, ICCV 2017, README of its repository.
    """

    key = "charades_sta"
    title = "Charades-STA as released (txt)"

    def recognises(self, file: AnnotationText) -> bool:
        return LINE.fullmatch(file.first_line) is not None

    def records(self, file: AnnotationText) -> Iterator[Item]:
        durations = file.durations or beside(file.path)
        numbers = SentenceNumbers()
        for line_number, line in enumerate(file.text.split("\n"), start=1):
            if not line.strip():
                continue
            source = f"{file.path}:{line_number}"
            match = LINE.fullmatch(line.strip())
            try:
                if match is None:
                    raise ValueError
                start, end = float(match["start"]), float(match["end"])
            except ValueError:
                yield source, DataError(f"{source}: must be `VIDEO START END##SENTENCE`. Got {line.strip()[:80]!r}.")
                continue
            vid = match["vid"]
            if vid not in durations:
                message = (
                    f"{source}: the duration of video {vid!r} is not known. Put Charades_v1_train.csv and "
                    "Charades_v1_test.csv beside the file, or give --durations FILE."
                )
                yield source, DataError(message)
                continue
            record = {"qid": numbers.next(vid), "query": match["query"].strip(), "vid": vid, "duration": durations[vid]}
            yield source, record | {"relevant_windows": [[start, end]]}


def beside(path: Path) -> dict[str, float]:
    """Durations from the files that Charades-STA is used with, where they lie in the folder of `path`."""
    durations: dict[str, float] = {}
    for other in [*sorted(path.parent.glob("Charades_v1_*.csv")), path.parent / "durations.json"]:
        if other.is_file():
            durations |= read_durations(other)
    return durations


def read_durations(path: Path) -> dict[str, float]:
    """Seconds of each video from a JSON object {video: seconds}, or a csv with columns id (or vid) and length (or
    duration).

    Raises: DataError for anything else, and for a duration that is not a positive number.
    """
    text = read_text(path)
    if text.lstrip()[:1] == "{":
        pairs = list(parse_json(path, text).items())
    else:
        rows = csv.DictReader(text.splitlines())
        names = rows.fieldnames or []
        vid = next((name for name in ("id", "vid", "video", "video_id") if name in names), None)
        seconds = next((name for name in ("length", "duration", "seconds") if name in names), None)
        if vid is None or seconds is None:
            raise DataError(f"{path}: must have the columns id and length (or vid and duration). Got {names}.")
        pairs = [(row[vid], row[seconds]) for row in rows]
    durations = {}
    for name, value in pairs:
        try:
            durations[str(name)] = float(value)
        except (TypeError, ValueError):
            raise DataError(f"{path}: the duration of {name!r} must be a number of seconds. Got {value!r}.") from None
    return durations
