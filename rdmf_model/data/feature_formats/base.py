"""The interface of feature formats: one file in, named arrays out; nothing in a file is ever executed."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, ClassVar

import numpy as np

from rdmf_model.data.recognise import HEAD, KINDS, FileKind, recognise, recognise_bytes, zip_kind
from rdmf_theory.errors import DataError

# features are noise to a compressor; an archive that unpacks to more than this, and to this many times its own size, is
# built to fill the memory
LARGEST_UNPACKED, LARGEST_RATIO = 64 * 2**20, 100


@dataclass(frozen=True)
class FeatureFile:
    """One file: its path, what it is by content, and its bytes where they were unpacked from gzip."""

    path: Path
    kind: FileKind | None
    unpacked: bytes | None = None

    @classmethod
    def at(cls, path: Path) -> FeatureFile:
        """Recognise a file; gzip is unpacked into memory.

        Raises: DataError if it is missing, not an ordinary file, or its gzip data are damaged or a bomb.
        """
        path = Path(path)
        kind = recognise(path)
        if kind is not KINDS["gzip"]:
            return cls(path, kind)
        content = _gunzip(path)
        kind = recognise_bytes(content[:HEAD])
        if kind is KINDS["zip"]:
            kind = zip_kind(io.BytesIO(content))
        return cls(path, kind, content)

    @property
    def source(self) -> Path | BinaryIO:
        """What a library opens."""
        return self.path if self.unpacked is None else io.BytesIO(self.unpacked)


class OpenFeatures(ABC):
    """An open file of features. `close` it, or use it in a with statement."""

    @abstractmethod
    def entries(self) -> list[str]:
        """Names of what the file holds, one per video or query in a container; [] where it holds one bare array."""

    @abstractmethod
    def array(self, entry: str | None, keys: Sequence[str]) -> np.ndarray | None:
        """The array of one entry (None: of the file itself), None where there is none.

        Arguments:
            keys: names to look for where an entry holds several arrays, in this order.
        """

    @abstractmethod
    def close(self) -> None:
        """Release the file."""

    def __enter__(self) -> OpenFeatures:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class FeatureFormat(ABC):
    """One feature format.

    kind: key of its `FileKind`.  suffixes: of its files.
    """

    kind: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]

    @abstractmethod
    def open(self, file: FeatureFile) -> OpenFeatures:
        """Open a file of this format. May raise anything on a damaged one."""


def check_unpacked_size(archive: zipfile.ZipFile | None, path: Path) -> None:
    """Refuse a zip bomb by what its directory says, before anything is unpacked (no member unpacks to more)."""
    for member in archive.infolist() if archive is not None else ():
        check_ratio(member.compress_size, member.file_size, path, member.filename)


def check_ratio(packed: int, unpacked: int, path: Path, what: str) -> None:
    """Raises DataError where something unpacks to far more than features do."""
    if unpacked > max(LARGEST_UNPACKED, LARGEST_RATIO * packed):
        raise DataError(
            f"{path}: {what} would unpack from {packed} to {unpacked} bytes. "
            "No features compress like that; extract it again, or save it by np.savez."
        )


def _gunzip(path: Path) -> bytes:
    packed = path.stat().st_size
    most = max(LARGEST_UNPACKED, LARGEST_RATIO * packed)
    try:
        with gzip.open(path) as stream:
            content = stream.read(most + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: is damaged gzip data ({error}). Download or copy it again.") from None
    check_ratio(packed, len(content), path, "its content")
    return content
