"""Where the features of a data set lie: a folder with a file per video or query, or one file that holds them all."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rdmf_model.data.annotations import check_name
from rdmf_model.data.feature_formats import OpenFeatures, damaged, open_features
from rdmf_model.data.features import TEXT_KEYS, VIDEO_KEYS, checked_features, feature_path, load_features, missing_array
from rdmf_theory.errors import DataError

# sources of one video are cut to the shortest; extractors differ by this much at the end, not by more: clips, share
LENGTH_TOLERANCE, LENGTH_SHARE = 2, 0.01


class FeatureSource(ABC):
    """Arrays by name. `path`: of the folder or file."""

    path: Path

    @abstractmethod
    def load(self, name: str, keys: Sequence[str], *, unit: str, source: str) -> tuple[np.ndarray, str]:
        """The (N, C) array of a video or query, and where it came from, for messages.

        Arguments:
            source: `FILE:LINE` of the annotation that asks for it.

        Raises: DataError where it is missing or no features.
        """


class FeatureFolder(FeatureSource):
    """`FOLDER/{name}.npz` (or another format) for each name."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self, name: str, keys: Sequence[str], *, unit: str, source: str) -> tuple[np.ndarray, str]:
        path = feature_path(self.path, name, source=source)
        return load_features(path, keys, unit=unit), str(path)


class FeatureContainer(FeatureSource):
    """One file with an entry per name; it stays open while the source lives."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: OpenFeatures = open_features(path)

    def load(self, name: str, keys: Sequence[str], *, unit: str, source: str) -> tuple[np.ndarray, str]:
        check_name(name, "an entry's name", source)
        try:
            array = self._file.array(name, keys)
        except DataError:
            raise
        except Exception as error:
            raise damaged(self.path, error) from None
        if array is None:
            raise DataError(f"{source}: {missing_array(self.path, keys, name, self._file.entries())}")
        where = f"{self.path}, {name}"
        return checked_features(array, where, unit), where


def open_source(path: Path) -> FeatureSource:
    """The features at `path`. Raises DataError where there is neither a folder nor a file of features."""
    path = Path(path)
    if path.is_dir():
        return FeatureFolder(path)
    if path.exists():
        return FeatureContainer(path)
    raise DataError(f"{path}: is not a folder of features. Check the path.")


def load_text(source: FeatureSource, qid: int | str, *, asked_by: str) -> tuple[np.ndarray, str]:
    """Features of a query, `qid{qid}` (in a container also `{qid}`), and where they came from."""
    if isinstance(source, FeatureContainer):
        try:
            return source.load(f"qid{qid}", TEXT_KEYS, unit="tokens", source=asked_by)
        except DataError as error:
            try:
                return source.load(str(qid), TEXT_KEYS, unit="tokens", source=asked_by)
            except DataError:
                raise error from None
    return source.load(f"qid{qid}", TEXT_KEYS, unit="tokens", source=asked_by)


@dataclass(frozen=True)
class FeatureKind:
    """A named kind of video features and the width it was trained with."""

    name: str
    width: int


def kind_names(paths: Sequence[Path]) -> tuple[str, ...]:
    """Names of the kinds at these paths: the folders' or files' names, with their parents' where they are equal."""
    names = [Path(path).stem if Path(path).suffix else Path(path).name for path in paths]
    if len(set(names)) < len(names):
        names = [f"{Path(path).resolve().parent.name}/{name}" for path, name in zip(paths, names, strict=True)]
    if len(set(names)) < len(names):
        names = [f"{name}_{number}" for number, name in enumerate(names)]
    return tuple(names)


class VideoFeatures:
    """Video features of several kinds, concatenated along the channels; every video has the same widths.

    The arrays of one video may differ in length by up to `LENGTH_TOLERANCE` clips or `LENGTH_SHARE` of the longest
    (extractors round differently at the end) and are cut to the shortest; a larger difference means another clip length
    and is refused.

    Arguments:
        paths: a folder or container per kind.
        names: of the kinds; default `kind_names(paths)`.
    """

    def __init__(self, paths: Sequence[Path], names: Sequence[str] = ()) -> None:
        if not paths:
            raise DataError("video_folders: at least one feature folder is needed.")
        self.names = tuple(names) or kind_names(paths)
        self.sources = [open_source(path) for path in paths]
        self._first: list[tuple[int, str]] = []

    @property
    def channels(self) -> int:
        """Width of the concatenation, known once a video was loaded (0 before)."""
        return sum(width for width, _ in self._first)

    @property
    def kinds(self) -> tuple[FeatureKind, ...]:
        """Name and width of each kind, known once a video was loaded (empty before)."""
        return tuple(FeatureKind(name, width) for name, (width, _) in zip(self.names, self._first, strict=False))

    def load(self, vid: str, *, source: str) -> np.ndarray:
        """Features of one video, shape (T, C).

        Raises: DataError as `load_features` does, or if widths differ from the first video's, or lengths too much.
        """
        loaded = [kind.load(vid, VIDEO_KEYS, unit="clips", source=source) for kind in self.sources]
        if not self._first:
            self._first = [(array.shape[1], where) for array, where in loaded]
        for (array, where), (width, first) in zip(loaded, self._first, strict=True):
            if array.shape[1] != width:
                raise DataError(
                    f"{where}: has {array.shape[1]} channels, but {first} has {width}. "
                    "All videos need the same features: extract again or use one folder per kind."
                )
        lengths = [len(array) for array, _ in loaded]
        if max(lengths) - min(lengths) > length_tolerance(max(lengths)):
            listed = ", ".join(f"{where}: {len(array)}" for array, where in loaded)
            raise DataError(
                f"{source}: the folders disagree on the length of {vid!r} by more than "
                f"{length_tolerance(max(lengths))} clips ({listed}). Extract them with the same clip length."
            )
        arrays = [array[: min(lengths)] for array, _ in loaded]
        return np.concatenate(arrays, axis=1) if len(arrays) > 1 else arrays[0]


def length_tolerance(clips: int) -> int:
    """Clips by which the kinds of one video may differ: 2, or 1 % of the longest, rounded up."""
    return max(LENGTH_TOLERANCE, math.ceil(LENGTH_SHARE * clips))


def check_kinds(found: Sequence[FeatureKind], trained: Sequence[FeatureKind], where: str) -> None:
    """Refuse features whose kinds are not the trained ones, in this order.

    Raises: DataError that names the first kind that differs, and the order that would fit where there is one.
    """
    widths = [kind.width for kind in trained]
    if len(found) == 1 and found[0].width == sum(widths):
        # one file in which the kinds are joined already
        return
    if len(found) != len(trained):
        raise DataError(
            f"{where}: has {len(found)} kind(s) of features, the model was trained on {len(trained)}: "
            f"{_listed(trained)}."
        )
    for number, (kind, expected) in enumerate(zip(found, trained, strict=True), start=1):
        known = {other.name for other in trained}
        named_otherwise = kind.name != expected.name and kind.name in known
        if kind.width != expected.width or named_otherwise:
            swapped = sorted(other.width for other in found) == sorted(widths)
            remedy = "Give them in this order." if swapped else "Give every kind that it was trained on."
            raise DataError(
                f"{where}: kind {number} of the features ({kind.name}) has {kind.width} channels, the model was "
                f"trained on {_listed(trained)}. {remedy}"
            )


def trained_kinds(header: Mapping[str, Any]) -> tuple[FeatureKind, ...]:
    """The kinds in a checkpoint's header; empty where it was written before kinds were stored, or names none.

    Raises: DataError where the header contradicts itself.
    """
    stored = header.get("video_kinds") or []
    try:
        kinds = tuple(FeatureKind(str(name), int(width)) for name, width in stored)
        total = int(header["widths"]["video"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"the checkpoint's header does not describe its features ({error!r}).") from None
    if kinds and sum(kind.width for kind in kinds) != total:
        raise DataError(f"the checkpoint's kinds of features ({_listed(kinds)}) do not add up to its {total} channels.")
    return kinds


def _listed(kinds: Sequence[FeatureKind]) -> str:
    return ", then ".join(f"{kind.name} with {kind.width}" for kind in kinds)
