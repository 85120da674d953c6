"""Where do the clips of a running video come from? A feature file, a folder of pieces in order, or standard input."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from rdmf_model.data.feature_files import FeatureFiles
from rdmf_model.data.feature_formats import SUFFIXES
from rdmf_model.data.feature_sources import FeatureKind
from rdmf_model.data.features import check_values, map_features
from rdmf_theory.errors import DataError


def read_clips(
    sources: Sequence[Path], width: int, chunk: int, stream: BinaryIO, kinds: Sequence[FeatureKind] | None = None
) -> Iterator[np.ndarray]:
    """Chunks of at most `chunk` clips, (n, width) float32, in order.

    Arguments:
        sources: feature files of one video, one per kind of feature; or one folder of such files, taken in the order of
            their names (numbers in them by value: 2 before 10) as pieces of one video; or none, for `stream`.
        width: channels that the model was trained on.  kinds: that these are made of, where it is known.
        stream: raw little-endian float32 numbers, `width` of them per clip.
    Raises: DataError for files that cannot be read, another width, values that are not finite, or half a clip.
    """
    if not sources:
        yield from _read_raw(stream, width, chunk)
        return
    if len(sources) > 1 or not sources[0].is_dir():
        video = FeatureFiles(sources, width, kinds)
        for start in range(0, len(video), chunk):
            yield video.rows(start, start + chunk)
        return
    for path in _pieces(sources[0]):
        array = map_features(path)
        if array.shape[1] != width:
            raise DataError(f"{path}: has {array.shape[1]} channels, the model was trained on {width}.")
        for start in range(0, len(array), chunk):
            # a copy: a map cannot be written to, and torch wants memory that can
            rows = np.array(array[start : start + chunk], dtype=np.float32)
            check_values(rows, path, first=start)
            yield rows


def _pieces(folder: Path) -> list[Path]:
    pieces = sorted((path for path in folder.iterdir() if path.name.endswith(SUFFIXES)), key=_by_number)
    if not pieces:
        raise DataError(
            f"{folder}: holds no file of features (.npz, .npy, .pt, .h5). Give the folder with the pieces of one video."
        )
    return pieces


def _by_number(path: Path) -> list[tuple[int, int, str]]:
    """Sorts names as people count: digits by their value, the rest as text."""
    parts = re.findall(r"[0-9]+|[^0-9]+", path.name)
    return [(0, int(part), part) if part.isdigit() else (1, 0, part) for part in parts]


def _read_raw(stream: BinaryIO, width: int, chunk: int) -> Iterator[np.ndarray]:
    size, clip, kept = 4 * width, 0, b""
    # read1 returns what has arrived instead of waiting for a whole chunk: a live source is followed clip by clip
    while part := getattr(stream, "read1", stream.read)(chunk * size):
        kept += part
        whole = len(kept) - len(kept) % size
        rows = np.frombuffer(kept[:whole], dtype="<f4").reshape(-1, width).astype(np.float32)
        kept = kept[whole:]
        check_values(rows, "standard input", first=clip)
        clip += len(rows)
        if len(rows):
            yield rows
    if kept:
        raise DataError(
            f"standard input: ends {len(kept)} bytes into clip {clip}; a clip is {width} float32 numbers, {size} bytes."
        )
