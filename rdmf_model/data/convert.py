"""Rewrites annotations in the common layout, and features as one `.npz` per video or query."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rdmf_model.data.annotations import check_name
from rdmf_model.data.check import AnnotationReport, check_annotations
from rdmf_model.data.feature_formats import SUFFIXES, open_features
from rdmf_model.data.features import TEXT_KEYS, VIDEO_KEYS, checked_features, load_features
from rdmf_theory.errors import DataError, ParameterError
from rdmf_theory.support.files import replacing, write_atomically


def convert_annotations(
    path: Path,
    output: Path,
    *,
    repair: bool = False,
    clip_length: float = 2.0,
    durations: Mapping[str, float] | None = None,
    key: str | None = None,
) -> AnnotationReport:
    """Write an annotation file as records of the common layout, one a line; `.gz` in the name of `output` packs them.

    Arguments:
        repair: cut windows at the video's ends, skip what cannot be used; without it a problem is an error.
        clip_length, durations, key: as for `check_annotations`.

    Raises: DataError naming the first problem and the number of all, unless `repair`; or where nothing is left.
    """
    if output.exists() and output.samefile(path):
        raise ParameterError(f"--output must be another file than the input. Got {output}.")
    report = check_annotations(path, clip_length, durations, key)
    if report.problems and not repair:
        raise DataError(
            f"{report.problems[0].message} ({len(report.problems)} problem(s) in all: `rdmf data check {path}` lists "
            "them, `--repair` cuts or skips.)"
        )
    if not report.records:
        raise DataError(f"{path}: no record is left to write.")
    text = "".join(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n" for record in report.records)
    content = text.encode()
    # without a time stamp equal records give equal bytes
    write_atomically(output, gzip.compress(content, mtime=0) if output.suffix == ".gz" else content)
    return report


def convert_features(path: Path, output: Path) -> dict[str, Any]:
    """Write every array of a container, or every feature file of a folder, as `OUTPUT/{name}.npz`.

    Returns: {"written": count, "folder": output}.
    Raises: DataError for a file that is no features, or that holds none; ParameterError where `output` is a file.
    """
    if output.exists() and not output.is_dir():
        raise ParameterError(f"--output must be a folder for features. Got the file {output}.")
    if path.is_dir() and output.exists() and output.samefile(path):
        raise ParameterError(f"--output must be another folder than the input. Got {output}.")
    written = 0
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            suffix = next((suffix for suffix in SUFFIXES if file.name.endswith(suffix)), None)
            if suffix is not None and file.is_file():
                name = str(file.relative_to(path))[: -len(suffix)]
                written += _write(output, name, *_keyed(file, None))
    else:
        with open_features(path) as opened:
            names = opened.entries()
        if not names or any(key in names for key in (*VIDEO_KEYS, *TEXT_KEYS)):
            written += _write(output, path.name.split(".")[0], *_keyed(path, None))
        else:
            for name in names:
                written += _write(output, check_name(name, "an entry's name", str(path)), *_keyed(path, name))
    if not written:
        raise DataError(f"{path}: holds no file of features. Give a folder of them, or one file.")
    return {"written": written, "folder": str(output)}


def _keyed(path: Path, entry: str | None) -> tuple[str, np.ndarray]:
    """(key in the npz, array): text features keep their key."""
    with open_features(path) as opened:
        text = opened.array(entry, TEXT_KEYS[:1])
        names = opened.entries() if entry is None else []
    if text is not None and (entry is not None or TEXT_KEYS[0] in names):
        key = TEXT_KEYS[0] if (entry or "").startswith("qid") or TEXT_KEYS[0] in names else VIDEO_KEYS[0]
        return key, checked_features(text, path if entry is None else f"{path}, {entry}", "rows")
    return VIDEO_KEYS[0], load_features(path, VIDEO_KEYS, entry=entry)


def _write(folder: Path, name: str, key: str, array: np.ndarray) -> int:
    target = folder / f"{name}.npz"
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as temporary, temporary.open("wb") as stream:
        arrays: dict[str, Any] = {key: array}
        np.savez(stream, **arrays)
    return 1
