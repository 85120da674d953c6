"""What is in a folder, file or configuration: annotation files, the features that belong to them, anything else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rdmf_model.data.check import AnnotationReport, check_annotations, check_features
from rdmf_model.data.feature_formats import FORMATS, SUFFIXES, open_features
from rdmf_model.data.features import TEXT_KEYS
from rdmf_model.data.formats import read_durations
from rdmf_model.data.recognise import recognise
from rdmf_theory.errors import DataError, ParameterError

TEXT_SUFFIXES = (".jsonl", ".json", ".txt", ".jsonl.gz", ".json.gz", ".txt.gz")


def survey(path: Path, clip_length: float, durations: Path | None = None, key: str | None = None) -> dict[str, Any]:
    """Check what lies at `path`.

    Arguments:
        path: annotation file, feature file, folder of a data set, or TOML configuration.
        clip_length: seconds per clip; a configuration has its own.
        durations: file with seconds of each video.  key: annotation format, None recognises it.

    Returns: {"annotations": [...], "features": [...], "arrays": {name: description}, "other": [lines]}.
    Raises: DataError where `path` itself cannot be read.
    """
    path = Path(path)
    seconds = None if durations is None else read_durations(durations)
    result: dict[str, Any] = {"annotations": [], "features": [], "arrays": {}, "other": []}
    if path.is_dir():
        _folder(path, clip_length, seconds, result)
    elif path.suffix == ".toml":
        _configuration(path, result)
    elif (kind := recognise(path)) is not None and kind.key in {form.kind for form in FORMATS}:
        result["arrays"] = _arrays(path)
    else:
        result["annotations"].append(check_annotations(path, clip_length, seconds, key).to_dict())
    return result


def _folder(folder: Path, clip_length: float, seconds: Any, result: dict[str, Any]) -> None:
    reports: list[AnnotationReport] = []
    videos: list[Path] = []
    texts: list[Path] = []
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name.endswith(TEXT_SUFFIXES):
            try:
                report = check_annotations(path, clip_length, seconds)
            except DataError as error:
                # a README or a list of names is no mistake
                result["other"].append(f"not annotations: {error}")
                continue
            reports.append(report)
        elif path.is_dir() or path.name.endswith(SUFFIXES):
            what = _holds(path)
            if what is not None:
                (texts if what == "texts" else videos).append(path)
    if not reports and not videos and not texts:
        raise DataError(f"{folder}: holds neither annotation files nor features. Give the folder of a data set.")
    if len(texts) > 1:
        result["other"].append(f"{folder}: several folders of text features; only {texts[0]} is checked")
    for report in reports:
        result["annotations"].append(report.to_dict())
        if videos or texts:
            _features(report, videos, texts[0] if texts else None, clip_length, result)


def _configuration(path: Path, result: dict[str, Any]) -> None:
    from rdmf_model.config.config import load_config

    data = load_config(path).data
    if data.planted is not None:
        raise ParameterError(f"{path}: data.planted is generated, there is nothing to check.")
    for split in ("train", "val", "test"):
        file = getattr(data, split)
        if file is not None:
            report = check_annotations(file, data.annotation_clip_length or data.clip_length)
            result["annotations"].append(report.to_dict())
            _features(report, data.video_features, data.text_features, data.clip_length, result)


def _features(
    report: AnnotationReport, videos: Sequence[Path], texts: Path | None, clip_length: float, result: dict[str, Any]
) -> None:
    found = check_features(report.annotations, videos, texts, clip_length)
    result["features"].append({"for": str(report.path), **found.to_dict()})


def _holds(path: Path) -> str | None:
    """ "texts", "videos", or None for a folder or file without features."""
    if path.is_dir():
        names = [file.name for file in path.rglob("*") if file.name.endswith(SUFFIXES)]
    else:
        try:
            with open_features(path) as file:
                names = file.entries()
        except DataError:
            return None
    if not names:
        return None
    return "texts" if sum(name.startswith("qid") for name in names) > len(names) / 2 else "videos"


def _arrays(path: Path) -> dict[str, str]:
    """Shape and type of each array of a feature file."""
    with open_features(path) as file:
        names = file.entries()
        found: dict[str, str] = {}
        for name in names or [path.stem]:
            array = file.array(name if names else None, TEXT_KEYS)
            found[name] = "no array" if array is None else f"shape {tuple(array.shape)}, {array.dtype}"
    return found
