"""Loads feature arrays (`{name}.npz` or `.npy`) and refuses what a model must not see: pickles, NaN, wrong shapes."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rdmf_model.data.annotations import check_name
from rdmf_theory.errors import DataError

VIDEO_KEYS = ("features",)
TEXT_KEYS = ("last_hidden_state", "features")
# folders of one video are cut to the shortest; extractors differ by a clip at the end, not by more than this
LENGTH_TOLERANCE = 2
# encoders emit numbers of order 1 to 1000; squares of numbers beyond this leave no digits for the others
LARGEST_FEATURE = 1e6
# features are noise to a compressor; an archive that unpacks to more than this, and to this many times its own size, is
# built to fill the memory
LARGEST_UNPACKED, LARGEST_RATIO = 64 * 2**20, 100


def feature_path(folder: Path, name: str, *, source: str) -> Path:
    """Path of the features called `name` in `folder`: `{name}.npz`, else `{name}.npy`.

    Arguments:
        source: `FILE:LINE` of the annotation that asks for it, for the message.

    Raises: DataError if `name` would leave the folder or neither file exists.
    """
    check_name(name, "a feature file's name", source)
    for suffix in (".npz", ".npy"):
        path = Path(folder) / f"{name}{suffix}"
        if path.is_file():
            if not path.resolve().is_relative_to(Path(folder).resolve()):
                raise DataError(
                    f"{source}: {path} is a link out of its folder, to {path.resolve()}. Put the file itself there, or "
                    "give the folder it lies in."
                )
            return path
    raise DataError(
        f"{source}: feature file {Path(folder) / name}.npz is missing. Extract the features or check the folder."
    )


def load_features(path: Path, keys: Sequence[str] = VIDEO_KEYS, *, unit: str = "clips") -> np.ndarray:
    """Loads one (N, C) array of features, float16 as stored, else float32.

    Arguments:
        path: `.npz` with one of `keys`, or `.npy`.
        keys: names to look for in an npz, in this order.
        unit: what the N rows are, for messages.

    Raises: DataError if the file is damaged, holds a pickle, lacks the key, or the array is not numeric, not 2-D,
        empty, or not finite.
    """
    try:
        # never unpickle: a pickle runs code
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.lib.npyio.NpzFile):
            with loaded:
                _check_unpacked_size(loaded.zip, path)
                key = next((key for key in keys if key in loaded.files), None)
                if key is None:
                    raise DataError(f"{path}: has no array {' or '.join(map(repr, keys))}. It has {loaded.files}.")
                array = loaded[key]
        else:
            array = loaded
    except DataError:
        raise
    except Exception as error:
        # numpy and zipfile raise of every kind on damaged files, from SyntaxError to NotImplementedError
        raise DataError(f"{path}: is no npz or npy file of plain arrays ({error}). Extract it again.") from None
    _check_kind(array, path, unit)
    if array.dtype != np.float16:
        with np.errstate(over="ignore"):
            array = array.astype(np.float32)
    check_values(array, path, unit=unit)
    return array


def _check_unpacked_size(archive: zipfile.ZipFile | None, path: Path) -> None:
    """Refuse a zip bomb by what its directory says, before anything is unpacked (no member unpacks to more)."""
    for member in archive.infolist() if archive is not None else ():
        if member.file_size > max(LARGEST_UNPACKED, LARGEST_RATIO * member.compress_size):
            raise DataError(
                f"{path}: {member.filename} would unpack from {member.compress_size} to {member.file_size} bytes. "
                "No features compress like that; extract it again, or save it by np.savez."
            )


def map_features(path: Path) -> np.ndarray:
    """Like `load_features` for a video, but an `.npy` file stays on disk and its values are not checked yet.

    Returns: (N, C) array or memory map, as stored; pass what is read from a map to `check_values`.
    """
    path = Path(path)
    if path.suffix != ".npy":
        return load_features(path)
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:
        raise DataError(f"{path}: is no npy file of a plain array ({error}). Extract it again.") from None
    if not isinstance(array, np.ndarray):
        raise DataError(f"{path}: is an archive. Name it .npz.")
    _check_kind(array, path, "clips")
    return array


def _check_kind(array: np.ndarray, path: Path, unit: str) -> None:
    if array.dtype.kind not in "fiu":
        raise DataError(f"{path}: features must be real numbers. Got dtype {array.dtype}.")
    if array.ndim != 2:
        raise DataError(f"{path}: features must have shape ({unit}, channels). Got shape {array.shape}.")
    if array.shape[0] == 0:
        raise DataError(f"{path}: holds no {unit}, shape {array.shape}. Extract it again or leave out what uses it.")
    if array.shape[1] == 0:
        raise DataError(f"{path}: holds no channels, shape {array.shape}.")


def check_values(array: np.ndarray, path: Path | str, *, unit: str = "clips", first: int = 0) -> None:
    """Refuse rows with NaN, infinity or numbers beyond `LARGEST_FEATURE`.

    Arguments:
        first: number of the first row, for the message.
    """
    finite = np.isfinite(array)
    if not finite.all():
        row, channel = np.argwhere(~finite)[0]
        value, where = array[row, channel], f"{unit[:-1]} {first + row}, channel {channel}"
        raise DataError(
            f"{path}: features must be finite. Got {value} at {where} ({(~finite).sum()} such values in all). "
            "Extract it again."
        )
    largest = float(np.abs(array).max(initial=0.0))
    if largest > LARGEST_FEATURE:
        raise DataError(
            f"{path}: features must not exceed {LARGEST_FEATURE:g} in size: float32 sums lose their digits. "
            f"Got {largest:g}. Scale them, or extract them again."
        )


class FeatureFolders:
    """Video features from several folders, concatenated along the channels; every video has the same widths.

    The folders' arrays of one video may differ in length by up to `LENGTH_TOLERANCE` clips (extractors round
    differently at the end) and are cut to the shortest; a larger difference means another clip length and is refused.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        if not folders:
            raise DataError("video_folders: at least one feature folder is needed.")
        self.folders = [Path(folder) for folder in folders]
        for folder in self.folders:
            if not folder.is_dir():
                raise DataError(f"{folder}: is not a folder of features. Check the path.")
        self._first: list[tuple[int, Path]] = []

    @property
    def channels(self) -> int:
        """Width of the concatenation, known once a video was loaded (0 before)."""
        return sum(width for width, _ in self._first)

    def load(self, vid: str, *, source: str) -> np.ndarray:
        """Features of one video, shape (T, C).

        Raises: DataError as `load_features` does, or if widths differ from the first video's, or lengths too much.
        """
        paths = [feature_path(folder, vid, source=source) for folder in self.folders]
        arrays = [load_features(path) for path in paths]
        if not self._first:
            self._first = [(array.shape[1], path) for array, path in zip(arrays, paths, strict=True)]
        for array, path, (width, first) in zip(arrays, paths, self._first, strict=True):
            if array.shape[1] != width:
                raise DataError(
                    f"{path}: has {array.shape[1]} channels, but {first} has {width}. "
                    "All videos need the same features: extract again or use one folder per kind."
                )
        lengths = [len(array) for array in arrays]
        if max(lengths) - min(lengths) > LENGTH_TOLERANCE:
            listed = ", ".join(f"{path}: {length}" for path, length in zip(paths, lengths, strict=True))
            raise DataError(
                f"{source}: the folders disagree on the length of {vid!r} by more than {LENGTH_TOLERANCE} clips "
                f"({listed}). Extract them with the same clip length."
            )
        return np.concatenate([array[: min(lengths)] for array in arrays], axis=1) if len(arrays) > 1 else arrays[0]
