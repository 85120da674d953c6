"""Encode one video into the feature folders, going on where a killed process stopped.

Rows are appended to a partial file in groups of `GROUP` clips. A group is computed from its own clips and the one
before it, so a run that was killed any number of times ends with the same bytes as one that was not.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from rdmf_model.encoders.base import Encoder
from rdmf_model.encoders.weights import sha256_of
from rdmf_model.extraction.settings import FORMAT, VERSION, Layout, Settings, read_json, to_json
from rdmf_model.video.frames import read_frames
from rdmf_model.video.probe import VideoFile, probe
from rdmf_theory.errors import DataError
from rdmf_theory.support.files import replacing, write_atomically
from rdmf_theory.support.terminal import json_ready

GROUP = 32
LARGEST = 65504.0


def encode_video(
    path: Path,
    output: Path,
    encoder: Encoder,
    settings: Settings,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> dict[str, Any]:
    """Write the features of one video and its record, unless they are there already.

    Arguments:
        progress: called with the number of finished clips and of all clips.

    Returns: the record.
    Raises: DataError for a video that cannot be read.
    """
    video = probe(path, settings.clip_length, keep_truncated=settings.keep_truncated)
    layout = Layout(output, settings.encoder_name)
    total = video.plan.num_clips
    with _lock(layout.partial(video.name, "lock")):
        _remove_temporary_files(layout, video.name, encoder)
        described = _describe(video, encoder, settings)
        if (record := _finished(layout, video, described)) is None:
            record = _encode(video, encoder, layout, described, progress)
        progress(total, total)
        return record


def _remove_temporary_files(layout: Layout, name: str, encoder: Encoder) -> None:
    """Remove what processes that were killed while they wrote files of this video left behind."""
    targets = [
        layout.record(name),
        layout.partial(name, "json"),
        *(layout.features(kind, name) for kind in encoder.kinds),
    ]
    for target in targets:
        for path in target.parent.iterdir() if target.parent.is_dir() else ():
            if path.name.startswith(f".{target.name}.") and path.name.endswith(".tmp"):
                path.unlink(missing_ok=True)


def _describe(video: VideoFile, encoder: Encoder, settings: Settings) -> dict[str, Any]:
    plan = video.plan
    return json_ready(
        {
            "format": FORMAT,
            "version": VERSION,
            "video": video.name,
            "file": {"name": video.path.name, "bytes": video.path.stat().st_size, "sha256": sha256_of(video.path)},
            "track": {
                "container": video.container,
                "codec": video.codec,
                "width": video.width,
                "height": video.height,
                "frames": plan.frames,
                "has_sound": video.has_sound,
            },
            "duration": plan.duration,
            "clip_length": settings.clip_length,
            "num_clips": plan.num_clips,
            "encoder": encoder.identity(),
            "kinds": dict(encoder.kinds),
        }
    )


def _finished(layout: Layout, video: VideoFile, described: dict[str, Any]) -> dict[str, Any] | None:
    """The record of an earlier run, if the same was asked and the files are those that it wrote."""
    try:
        record = read_json(layout.record(video.name))
    except DataError:
        return None
    if record is None or any(record.get(key) != value for key, value in described.items()):
        return None
    for kind, digest in record.get("sha256", {}).items():
        path = layout.features(kind, video.name)
        if not path.is_file() or sha256_of(path) != digest:
            return None
    return record


def _encode(
    video: VideoFile,
    encoder: Encoder,
    layout: Layout,
    described: dict[str, Any],
    progress: Callable[[int, int], object],
) -> dict[str, Any]:
    rows_path, state_path = layout.partial(video.name, "rows"), layout.partial(video.name, "json")
    total, width = video.plan.num_clips, sum(encoder.kinds.values())
    # two bytes a number, and one for "decoded"
    row_bytes = 2 * width + 1
    done = 0
    if read_json(state_path) == described and rows_path.is_file():
        done = min(rows_path.stat().st_size // row_bytes // GROUP * GROUP, total)
    else:
        write_file(state_path, to_json(described))
        rows_path.write_bytes(b"")
    with rows_path.open("r+b") as stream:
        stream.truncate(done * row_bytes)
        stream.seek(done * row_bytes)
        for features, decoded in _groups(video, encoder, done):
            stream.write(_to_rows(features, decoded, encoder, video.path, done))
            stream.flush()
            os.fsync(stream.fileno())
            done += len(decoded)
            progress(done, total)
    if done != total:
        raise DataError(f"{video.path}: {done} of {total} clips could be read. Was it changed meanwhile?")
    rows = np.memmap(rows_path, dtype=np.uint8, mode="r", shape=(total, row_bytes))
    offset, digests = 0, {}
    for kind, size in encoder.kinds.items():
        target = layout.features(kind, video.name)
        _write_matrix(target, rows, offset, size)
        digests[kind] = sha256_of(target)
        offset += 2 * size
    damaged = int(total - np.count_nonzero(rows[:, -1]))
    record = {**described, "sha256": digests, "damaged_clips": damaged}
    write_file(layout.record(video.name), to_json(record))
    del rows
    rows_path.unlink()
    state_path.unlink()
    return record


def _groups(video: VideoFile, encoder: Encoder, first: int) -> Iterator[tuple[dict[str, np.ndarray], list[bool]]]:
    """Features of GROUP clips at a time, and which of these clips are their own."""
    if encoder.source == "sound":
        from rdmf_model.video.sound import read_sound

        waves = read_sound(video, encoder.sample_rate, first=max(first - 1, 0))
        pieces = ((clip, wave, True) for clip, wave in enumerate(waves, start=max(first - 1, 0)))
    else:
        frames = read_frames(video, encoder.picture, first=min(max(first - 1, 0), video.plan.num_clips - 1))
        pieces = ((frame.clip, frame.pixels, frame.decoded) for frame in frames)
    previous: np.ndarray | None = None
    waiting: list[np.ndarray] = []
    decoded: list[bool] = []
    for clip, piece, own in pieces:
        if clip < first:
            previous = piece
            continue
        waiting.append(piece)
        decoded.append(own)
        if len(waiting) == GROUP:
            yield encoder.encode(np.stack(waiting), previous), decoded
            previous, waiting, decoded = waiting[-1], [], []
    if waiting:
        yield encoder.encode(np.stack(waiting), previous), decoded


def _to_rows(features: dict[str, np.ndarray], decoded: list[bool], encoder: Encoder, path: Path, first: int) -> bytes:
    count = len(decoded)
    parts = []
    for kind, width in encoder.kinds.items():
        values = features[kind]
        if values.shape != (count, width):
            raise DataError(f"encoder {encoder.name}: {kind} must have shape {(count, width)}. Got {values.shape}.")
        if not np.isfinite(values).all() or np.abs(values).max(initial=0.0) > LARGEST:
            raise DataError(f"{path}: {kind} of clips {first} to {first + count - 1} does not fit float16.")
        parts.append(np.ascontiguousarray(values, dtype="<f2").view(np.uint8).reshape(count, 2 * width))
    return np.concatenate([*parts, np.array(decoded, dtype=np.uint8)[:, None]], axis=1).tobytes()


def _write_matrix(path: Path, rows: np.ndarray, offset: int, width: int) -> None:
    """One kind's columns of the rows as an npy file, piece by piece, atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {"descr": "<f2", "fortran_order": False, "shape": (len(rows), width)}
    with replacing(path) as temporary, temporary.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        for first in range(0, len(rows), 1024):
            stream.write(np.ascontiguousarray(rows[first : first + 1024, offset : offset + 2 * width]).tobytes())


def write_file(path: Path, content: bytes) -> None:
    """Write a small file atomically, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content)


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Wait until no other process works on the same video: workers may outlive a parent that was killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32":
        yield
        return
    import fcntl

    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
