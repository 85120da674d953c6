"""NumPy's own files: one array (.npy), or an archive of named arrays (.npz)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rdmf_model.data.feature_formats.base import FeatureFile, FeatureFormat, OpenFeatures, check_unpacked_size


class _Array(OpenFeatures):
    def __init__(self, array: np.ndarray) -> None:
        self._array = array

    def entries(self) -> list[str]:
        return []

    def array(self, entry: str | None, keys: Sequence[str]) -> np.ndarray | None:
        return self._array if entry is None else None

    def close(self) -> None:
        """Nothing is open: the array is in memory."""


class _Archive(OpenFeatures):
    def __init__(self, archive: Any) -> None:
        self._archive = archive

    def entries(self) -> list[str]:
        return list(self._archive.files)

    def array(self, entry: str | None, keys: Sequence[str]) -> np.ndarray | None:
        name = next((key for key in keys if key in self._archive.files), None) if entry is None else entry
        return self._archive[name] if name in self._archive.files else None

    def close(self) -> None:
        self._archive.close()


class NpyFormat(FeatureFormat):
    """`.npy`, one array."""

    kind = "npy"
    suffixes = (".npy",)

    def open(self, file: FeatureFile) -> OpenFeatures:
        # never unpickle: a pickle runs code
        return _Array(np.load(file.source, allow_pickle=False))


class NpzFormat(FeatureFormat):
    """`.npz`: one video's arrays by key, or a container with one array per video or query."""

    kind = "npz"
    suffixes = (".npz",)

    def open(self, file: FeatureFile) -> OpenFeatures:
        archive: Any = np.load(file.source, allow_pickle=False)
        check_unpacked_size(archive.zip, file.path)
        return _Archive(archive)
