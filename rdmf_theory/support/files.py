"""Writes files whole: a killed program leaves the old file or the new one, never half of one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rdmf_theory.errors import DataError


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """The name of a temporary file beside `path`; a body that ends well renames it to `path`, after an fsync.

    A reader, or a program that is killed, finds the old file or the new one, never half of one. What a body that fails
    left is removed: on a full disk it would take the room that the next attempt needs.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        # a rename may reach the disk before what it names
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file as `replacing` does. Raises OSError as the system gives it."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file (UTF-8) as `replacing` does.

    Raises: DataError if the folder does not exist or cannot be written.
    """
    try:
        write_atomically(Path(path), text.encode())
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}).") from error


def remove_temporary_files(folder: Path) -> None:
    """Remove what processes that were killed inside `write_atomically` left in a folder."""
    for path in folder.glob(".*.[0-9]*.tmp"):
        path.unlink(missing_ok=True)
