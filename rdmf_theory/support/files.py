"""Writes files so that a killed program leaves the old file or the new one, never half of one."""

from __future__ import annotations

import os
from pathlib import Path

from rdmf_theory.errors import DataError


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file under a temporary name and rename it, so that a reader never sees half a file.

    Raises: DataError if the folder does not exist or cannot be written.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise DataError(f"{path}: cannot be written ({error.strerror}).") from error


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file that is either the old or the new one whole, also after a crash: temporary file, fsync, rename."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        # on a full disk, half a file would take the room that the next attempt needs
        temporary.unlink(missing_ok=True)
        raise


def remove_temporary_files(folder: Path) -> None:
    """Remove what processes that were killed inside `write_atomically` left in a folder."""
    for path in folder.glob(".*.[0-9]*.tmp"):
        path.unlink(missing_ok=True)
