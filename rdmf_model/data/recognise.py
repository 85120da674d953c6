"""Names what a file is by its first bytes, whatever its name says, and what to do with it."""

from __future__ import annotations

import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rdmf_theory.errors import DataError

# tar keeps its mark behind the first header field block, HDF5 may start behind a user block
HEAD = 4096


@dataclass(frozen=True)
class FileKind:
    """One kind of file: `key` for programs, `what` it is for people, `remedy` where features or text are expected."""

    key: str
    what: str
    remedy: str


VIDEO = "Extract features from it first, one row per clip, and give those."
UNPACK = "Unpack it first."
ARRAYS = "Save the array by numpy.savez(FILE, features=array)."
KINDS = {
    kind.key: kind
    for kind in (
        FileKind("npy", "a NumPy array (.npy)", "Give it as a feature file."),
        FileKind("npz", "a NumPy archive (.npz)", "Give it as a feature file."),
        FileKind("pt", "a PyTorch file (.pt)", "Give it as a feature file; only tensors are read from it."),
        FileKind(
            "hdf5", "an HDF5 file (.h5)", "Give it as a feature file; reading it needs `pip install 'rdmf[hdf5]'`."
        ),
        FileKind("gzip", "gzip-compressed data (.gz)", UNPACK),
        FileKind("safetensors", "a safetensors file", ARRAYS),
        FileKind("pickle", "a Python pickle", f"Pickles run code and are never loaded. {ARRAYS}"),
        FileKind("mp4", "an MP4 or QuickTime video", VIDEO),
        FileKind("matroska", "a Matroska or WebM video", VIDEO),
        FileKind("avi", "an AVI video", VIDEO),
        FileKind("wav", "a WAV sound file", VIDEO),
        FileKind("flac", "a FLAC sound file", VIDEO),
        FileKind("mp3", "an MP3 sound file", VIDEO),
        FileKind("ogg", "an Ogg file", VIDEO),
        FileKind("png", "a PNG picture", VIDEO),
        FileKind("jpeg", "a JPEG picture", VIDEO),
        FileKind("pdf", "a PDF document", "Give the data file."),
        FileKind("matlab", "a MATLAB file (.mat)", ARRAYS),
        FileKind(
            "parquet", "a Parquet table", "Save it as JSON lines (pandas: to_json(lines=True, orient='records'))."
        ),
        FileKind("sqlite", "an SQLite database", "Save the table as JSON lines."),
        FileKind("zip", "a zip archive", UNPACK),
        FileKind("tar", "a tar archive", UNPACK),
        FileKind("bzip2", "bzip2-compressed data", UNPACK),
        FileKind("xz", "xz-compressed data", UNPACK),
        FileKind("zstd", "zstd-compressed data", UNPACK),
        FileKind("7z", "a 7-Zip archive", UNPACK),
        FileKind("lfs", "a Git LFS pointer, not the file itself", "Fetch the file: git lfs pull."),
        FileKind("html", "a web page, probably the answer of a failed download", "Download the file again."),
    )
}

_MARKS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x93NUMPY", "npy"),
    # torch.save before 1.6 wrote this number as its first pickle
    (0, b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19", "pt"),
    (0, b"\x1f\x8b", "gzip"),
    (4, b"ftyp", "mp4"),
    (4, b"moov", "mp4"),
    (4, b"mdat", "mp4"),
    (0, b"\x1a\x45\xdf\xa3", "matroska"),
    (8, b"AVI ", "avi"),
    (8, b"WAVE", "wav"),
    (0, b"fLaC", "flac"),
    (0, b"ID3", "mp3"),
    (0, b"OggS", "ogg"),
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"\xff\xd8\xff", "jpeg"),
    (0, b"%PDF-", "pdf"),
    (0, b"MATLAB 5.0", "matlab"),
    (0, b"PAR1", "parquet"),
    (0, b"SQLite format 3\0", "sqlite"),
    (257, b"ustar", "tar"),
    (0, b"BZh", "bzip2"),
    (0, b"\xfd7zXZ\0", "xz"),
    (0, b"\x28\xb5\x2f\xfd", "zstd"),
    (0, b"7z\xbc\xaf\x27\x1c", "7z"),
    (0, b"version https://git-lfs", "lfs"),
    *((offset, b"\x89HDF\r\n\x1a\n", "hdf5") for offset in (0, 512, 1024, 2048)),
)


def recognise_bytes(head: bytes) -> FileKind | None:
    """The kind of a file that begins with `head` (the first `HEAD` bytes); None for text and for what is not known.

    A zip archive is "zip" here; `recognise` looks into its directory to tell `.npz` from `.pt`.
    """
    for offset, mark, key in _MARKS:
        if head[offset : offset + len(mark)] == mark:
            return KINDS[key]
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return KINDS["zip"]
    if len(head) > 2 and head[0] == 0x80 and 2 <= head[1] <= 5:
        return KINDS["pickle"]
    if len(head) > 10 and head[8:10] in (b'{"', b"{}") and int.from_bytes(head[:8], "little") < 2**32:
        return KINDS["safetensors"]
    if head[:256].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return KINDS["html"]
    return None


def recognise(path: Path) -> FileKind | None:
    """The kind of a file by its content.

    Raises: DataError if the file is missing, is a folder, a pipe or a device, or cannot be read.
    """
    check_regular(path)
    try:
        with Path(path).open("rb") as stream:
            head = stream.read(HEAD)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Check the path and its permissions.") from None
    kind = recognise_bytes(head)
    return zip_kind(Path(path)) if kind is KINDS["zip"] else kind


def check_regular(path: Path) -> None:
    """Raises DataError unless `path` is an ordinary file (or a link to one)."""
    try:
        mode = Path(path).stat().st_mode
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Check the path.") from None
    if stat.S_ISDIR(mode):
        raise DataError(f"{path}: is a folder, a file is needed. Give one of its files.")
    if not stat.S_ISREG(mode):
        raise DataError(f"{path}: must be an ordinary file, not a pipe or a device. Save it to a file first.")


def zip_kind(source: Path | BinaryIO) -> FileKind:
    """npz, pt or another zip archive, by the names in its directory."""
    try:
        with zipfile.ZipFile(source) as archive:
            names = archive.namelist()
    except Exception:
        # damaged archives raise of every kind; the reader of the commonest says what is wrong
        return KINDS["npz"]
    if any(name == "data.pkl" or name.endswith("/data.pkl") for name in names):
        return KINDS["pt"]
    if names and all(name.endswith(".npy") for name in names):
        return KINDS["npz"]
    return KINDS["zip"]
