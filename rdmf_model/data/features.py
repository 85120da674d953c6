"""Loads feature arrays from any known format and refuses what a model must not see: pickles, NaN, wrong shapes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rdmf_model.data.annotations import check_name
from rdmf_model.data.feature_formats import SUFFIXES, damaged, open_features
from rdmf_model.data.recognise import KINDS, recognise
from rdmf_theory.errors import DataError

VIDEO_KEYS = ("features",)
TEXT_KEYS = ("last_hidden_state", "features")
# encoders emit numbers of order 1 to 1000; squares of numbers beyond this leave no digits for the others
LARGEST_FEATURE = 1e6


def feature_path(folder: Path, name: str, *, source: str) -> Path:
    """Path of the features called `name` in `folder`: `{name}.npz`, else `.npy`, `.pt`, `.h5`, each also as `.gz`.

    Arguments:
        source: `FILE:LINE` of the annotation that asks for it, for the message.

    Raises: DataError if `name` would leave the folder or no such file exists; a file of another kind is named.
    """
    check_name(name, "a feature file's name", source)
    folder = Path(folder)
    for suffix in SUFFIXES:
        path = folder / f"{name}{suffix}"
        if path.is_file():
            if not path.resolve().is_relative_to(folder.resolve()):
                raise DataError(
                    f"{source}: {path} is a link out of its folder, to {path.resolve()}. Put the file itself there, or "
                    "give the folder it lies in."
                )
            return path
    beside = (folder / name).parent
    for path in sorted(beside.iterdir()) if beside.is_dir() else ():
        if path.name.startswith(f"{Path(name).name}.") and path.is_file():
            kind = recognise(path)
            what = "cannot be read as features" if kind is None else f"is {kind.what}, not features. {kind.remedy}"
            raise DataError(f"{source}: features of {name!r} are missing; {path} is there, but {what}")
    raise DataError(f"{source}: feature file {folder / name}.npz is missing. Extract the features or check the folder.")


def load_features(
    path: Path, keys: Sequence[str] = VIDEO_KEYS, *, unit: str = "clips", entry: str | None = None
) -> np.ndarray:
    """Loads one (N, C) array of features, float16 as stored, else float32.

    Arguments:
        path: a file of any format of `rdmf_model.data.feature_formats`.
        keys: names to look for where the file holds several arrays, in this order.
        unit: what the N rows are, for messages.
        entry: the video's or query's name in a container; None for a file of its own.

    Raises: DataError if the file is damaged, holds a pickle, lacks the key, or the array is not numeric, not 2-D,
        empty, or not finite.
    """
    try:
        with open_features(path) as file:
            array = file.array(entry, keys)
            names = file.entries()
    except DataError:
        raise
    except Exception as error:
        raise damaged(path, error) from None
    if array is None:
        raise DataError(missing_array(path, keys, entry, names))
    return checked_features(array, path, unit)


def missing_array(path: Path, keys: Sequence[str], entry: str | None, names: Sequence[str]) -> str:
    """What to say where a file lacks an array."""
    wanted = " or ".join(map(repr, keys)) if entry is None else repr(entry)
    shown = list(names[:8]) + (["..."] if len(names) > 8 else [])
    return f"{path}: has no array {wanted}. It has {shown}."


def checked_features(array: np.ndarray, path: Path | str, unit: str) -> np.ndarray:
    """`array` as features, float16 or float32. Raises DataError unless it is (N, C), real, finite and of sane size."""
    _check_kind(array, path, unit)
    if array.dtype != np.float16:
        with np.errstate(over="ignore"):
            array = array.astype(np.float32)
    check_values(array, path, unit=unit)
    return array


def map_features(path: Path) -> np.ndarray:
    """Like `load_features` for a video, but an `.npy` file stays on disk and its values are not checked yet.

    Returns: (N, C) array or memory map, as stored; pass what is read from a map to `check_values`.
    """
    path = Path(path)
    if recognise(path) is not KINDS["npy"]:
        return load_features(path)
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:
        raise damaged(path, error) from None
    _check_kind(array, path, "clips")
    return array


def _check_kind(array: np.ndarray, path: Path | str, unit: str) -> None:
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
