"""Encode many videos, on one process or several, and write the manifest."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from rdmf_model.encoders.base import Encoder
from rdmf_model.encoders.registry import load_encoder
from rdmf_model.extraction.one_video import encode_video, write_file
from rdmf_model.extraction.settings import FORMAT, VERSION, Layout, Settings, read_json, to_json
from rdmf_model.video.probe import SUFFIXES
from rdmf_theory.errors import DataError, ParameterError


@dataclass(frozen=True)
class Extraction:
    """What an extraction wrote: the record of each video by name, and the message for each that could not be read."""

    output: Path
    records: dict[str, dict[str, Any]]
    errors: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "output": str(self.output),
            "videos": len(self.records),
            "clips": sum(record["num_clips"] for record in self.records.values()),
            "kinds": next((record["kinds"] for record in self.records.values()), {}),
            "errors": self.errors,
        }


def extract(
    videos: Sequence[Path],
    output: Path,
    settings: Settings,
    *,
    jobs: int = 1,
    force: bool = False,
    progress: Callable[[str, int, int], object] = lambda name, done, total: None,
) -> Extraction:
    """Write the features of every video that can be read; what is there already is kept.

    Arguments:
        videos: files, or folders whose videos are taken in the order of their names.
        output: folder of the features.
        jobs: processes.
        force: encode with other settings into a folder that has features already.
        progress: called with a video's name, its finished clips and all its clips.

    Raises: ParameterError for two videos of one name, or a folder that was made with other settings.
    """
    if jobs < 1:
        raise ParameterError(f"jobs must be >= 1. Got {jobs}.")
    paths = find_videos(videos)
    encoder = _encoder(settings.encoder)
    layout = Layout(output, settings.encoder_name)
    _check_settings(layout, encoder, settings, force)
    output.mkdir(parents=True, exist_ok=True)
    errors: dict[str, str] = {}
    for name, record, message in _run(paths, output, settings, jobs, progress):
        if record is None:
            errors[str(name)] = message
    records = {path.stem: read_json(layout.record(path.stem)) for path in paths if str(path) not in errors}
    _write_manifest(layout, settings, encoder)
    if not errors:
        _remove_locks(layout)
    return Extraction(output, {name: record for name, record in records.items() if record is not None}, errors)


def find_videos(given: Sequence[Path]) -> list[Path]:
    """The video files of a list of files and folders. Raises ParameterError for none, or for two of one name."""
    paths: list[Path] = []
    for path in given:
        if Path(path).is_dir():
            inside = sorted(entry for entry in Path(path).iterdir() if entry.suffix.lower() in SUFFIXES)
            if not inside:
                raise ParameterError(f"{path} holds no video file. Give files, or a folder of them.")
            paths += inside
        else:
            paths.append(Path(path))
    names: dict[str, Path] = {}
    for path in paths:
        other = names.setdefault(path.stem, path)
        if other != path:
            raise ParameterError(f"{other} and {path} would both be called {path.stem}. Rename one of them.")
    if not names:
        raise ParameterError("at least one video is needed. Give files, or a folder of them.")
    return list(names.values())


@lru_cache(maxsize=2)
def _encoder(specification: str) -> Encoder:
    return load_encoder(specification)


def _run(
    paths: Sequence[Path],
    output: Path,
    settings: Settings,
    jobs: int,
    progress: Callable[[str, int, int], object],
) -> Iterable[tuple[Path, dict[str, Any] | None, str]]:
    if jobs == 1 or len(paths) == 1:
        for path in paths:
            yield _try(path, output, settings, lambda done, total, name=path.stem: progress(name, done, total))
        return
    from joblib import Parallel, delayed

    # one thread each: the encoders are built for that, and processes must not contend for cores
    work: Any = Parallel(n_jobs=min(jobs, len(paths)), return_as="generator_unordered", inner_max_num_threads=1)
    results: Any = work(delayed(_try)(path, output, settings) for path in paths)
    for path, record, message in results:
        if record is not None:
            progress(path.stem, record["num_clips"], record["num_clips"])
        yield path, record, message


def _try(
    path: Path,
    output: Path,
    settings: Settings,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> tuple[Path, dict[str, Any] | None, str]:
    """One video; a file that cannot be read must not stop the others."""
    try:
        return path, encode_video(path, output, _encoder(settings.encoder), settings, progress), ""
    except DataError as error:
        return path, None, str(error)


def _identity(settings: Settings, encoder: Encoder) -> dict[str, Any]:
    return {"clip_length": settings.clip_length, "kinds": dict(encoder.kinds), "encoder": encoder.identity()}


def _check_settings(layout: Layout, encoder: Encoder, settings: Settings, force: bool) -> None:
    known = (read_json(layout.manifest) or {}).get("encoders", {})
    mine = known.get(layout.encoder)
    if mine is not None and not force:
        for key, value in _identity(settings, encoder).items():
            if mine.get(key) != value:
                raise ParameterError(
                    f"{layout.output} holds features of another {key} ({mine.get(key)}, now {value}). Give another "
                    "folder, or replace them by --force."
                )


def _write_manifest(layout: Layout, settings: Settings, encoder: Encoder) -> None:
    for left in layout.output.glob(".manifest.json.*.tmp"):
        left.unlink(missing_ok=True)
    manifest = read_json(layout.manifest) or {}
    records = {path.stem: read_json(path) for path in sorted(layout.record("x").parent.glob("*.json"))}
    short = {
        name: {key: record.get(key) for key in ("file", "duration", "num_clips", "damaged_clips", "sha256")}
        for name, record in records.items()
        if record is not None
    }
    known = dict(manifest.get("encoders", {}))
    known[layout.encoder] = {**_identity(settings, encoder), "videos": short}
    versions = {"rdmf": metadata.version("rdmf"), "numpy": np.__version__, "av": metadata.version("av")}
    write_file(
        layout.manifest, to_json({"format": FORMAT, "version": VERSION, "versions": versions, "encoders": known})
    )


def _remove_locks(layout: Layout) -> None:
    """Remove the lock files of finished videos, and their folder if nothing else is in it."""
    folder = layout.output / ".partial"
    for lock in folder.glob(f"{layout.encoder}.*.lock"):
        lock.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()
