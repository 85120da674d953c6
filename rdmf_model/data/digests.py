"""What a run was trained on: names, sizes and SHA-256 of its files.

`data.json` of a run folder holds them, so that `--resume`, `evaluate` and `verify` can say which file is another one
now. A check is quick: a file whose size and time of change are those that were recorded is not read again, except
annotations, which are small.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rdmf_model.config.config import DataConfig
from rdmf_model.data.annotations import Annotation
from rdmf_model.data.features import feature_path
from rdmf_theory.errors import DataError
from rdmf_theory.support.files import write_atomically

RECORD = "data.json"
FORMAT, VERSION = "rdmf-data", 1


def split_files(data: DataConfig, split: str, annotations: Iterable[Annotation]) -> dict[str, Path]:
    """Every file of a split, by a name that does not depend on where the data lie: `video 0/VID`, `text/qidQID`."""
    path = data.annotations(split)
    files = {f"{split} annotations": path}
    for annotation in annotations:
        for index, source in enumerate(data.video_features):
            _add(files, f"video {index}", source, annotation.vid, annotation)
        if data.text_features is not None:
            _add(files, "text", data.text_features, f"qid{annotation.qid}", annotation)
    return files


def _add(files: dict[str, Path], kind: str, source: Path, name: str, annotation: Annotation) -> None:
    """One video's or query's file of a folder, or the one file that holds them all."""
    if source.is_file():
        files.setdefault(kind, source)
    elif f"{kind}/{name}" not in files:
        files[f"{kind}/{name}"] = feature_path(source, name, source=annotation.source)


def digest(path: Path) -> dict[str, Any]:
    """Size, time of change and SHA-256 of a file. Raises DataError where it cannot be read."""
    try:
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        status = path.stat()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None
    return {"size": status.st_size, "modified": status.st_mtime_ns, "sha256": found}


def write_record(run: Path, files: Mapping[str, Path]) -> None:
    """Write `data.json` into a run folder."""
    entries = {name: digest(path) for name, path in files.items()}
    document = {"format": FORMAT, "version": VERSION, "files": entries}
    write_atomically(run / RECORD, (json.dumps(document, indent=1) + "\n").encode())


def read_record(run: Path) -> dict[str, dict[str, Any]]:
    """The files of `data.json`, by name. Raises DataError where it is missing or not what `write_record` wrote."""
    path = run / RECORD
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if (document["format"], document["version"]) != (FORMAT, VERSION):
            raise ValueError("format or version")
        files = {
            str(name): {"size": int(x["size"]), "modified": int(x["modified"]), "sha256": str(x["sha256"])}
            for name, x in document["files"].items()
        }
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror}): nothing says what this run was trained on."
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise DataError(
            f"{path}: is not the record of data that `rdmf train` wrote. Train into another folder."
        ) from None
    return files


def changed_files(recorded: Mapping[str, Mapping[str, Any]], files: Mapping[str, Path]) -> list[str]:
    """What is no longer what was recorded, as `PATH (why)`, in the order of the files; empty if all are the same."""
    found = []
    for name, path in files.items():
        entry = recorded.get(name)
        if entry is None:
            found.append(f"{path} (was not there)")
            continue
        try:
            status = path.stat()
        except OSError:
            found.append(f"{path} (is missing)")
            continue
        if status.st_size != entry["size"]:
            found.append(f"{path} (had {entry['size']} bytes, has {status.st_size})")
        elif (status.st_mtime_ns != entry["modified"] or name.endswith(" annotations")) and digest(path)[
            "sha256"
        ] != entry["sha256"]:
            found.append(f"{path} (same size, other content)")
    return found


def say_changed(changed: Sequence[str], most: int = 3) -> str:
    """One line about changed files: the first few and how many more."""
    more = f" and {len(changed) - most} more" if len(changed) > most else ""
    return ", ".join(changed[:most]) + more


def changed_since_training(run: Path, data: DataConfig, split: str, annotations: Iterable[Annotation]) -> list[str]:
    """`changed_files` of one split of a run (a folder or a checkpoint in it); none for a split that it did not see.

    A checkpoint that was taken out of its folder has no record, and nothing to compare.
    """
    folder = run if run.is_dir() else run.parent
    if not run.is_dir() and not (folder / RECORD).exists():
        return []
    recorded = read_record(folder)
    if f"{split} annotations" not in recorded:
        return []
    return changed_files(recorded, split_files(data, split, annotations))
