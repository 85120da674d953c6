"""HDF5 files (.h5): one array, arrays by key, or a container with a dataset or group per video or query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rdmf_model.data.feature_formats.base import FeatureFile, FeatureFormat, OpenFeatures, check_ratio
from rdmf_theory.errors import DataError


class _Datasets(OpenFeatures):
    def __init__(self, stream: Any, file: FeatureFile) -> None:
        self._stream, self._file = stream, file

    def entries(self) -> list[str]:
        return list(self._stream.keys())

    def array(self, entry: str | None, keys: Sequence[str]) -> np.ndarray | None:
        node = self._stream if entry is None else self._node(self._stream, entry)
        if node is None:
            return None
        if not hasattr(node, "shape"):
            names = list(node.keys())
            # a group of one dataset leaves no doubt which is meant
            name = next((key for key in keys if key in names), names[0] if len(names) == 1 else None)
            node = None if name is None else self._node(node, name)
        if node is None or not hasattr(node, "shape"):
            return None
        return self._read(node)

    def _node(self, group: Any, name: str) -> Any:
        """A member of a group, None where there is none; links into other files are refused."""
        import h5py

        for part in name.split("/"):
            link = group.get(part, getlink=True) if hasattr(group, "keys") and part in group.keys() else None  # noqa: SIM118
            if link is None:
                return None
            if isinstance(link, h5py.ExternalLink):
                raise DataError(f"{self._file.path}: {name!r} is a link into another file. Give that file itself.")
            group = group[part]
        return group

    def _read(self, dataset: Any) -> np.ndarray:
        if dataset.external or dataset.is_virtual:
            raise DataError(f"{self._file.path}: {dataset.name} lies in other files. Give a file that holds its data.")
        check_ratio(dataset.id.get_storage_size(), dataset.size * dataset.dtype.itemsize, self._file.path, dataset.name)
        return dataset[()]

    def close(self) -> None:
        self._stream.close()


class Hdf5Format(FeatureFormat):
    """`.h5`, `.hdf5`, read by h5py, the extra `rdmf[hdf5]`."""

    kind = "hdf5"
    suffixes = (".h5", ".hdf5")

    def open(self, file: FeatureFile) -> OpenFeatures:
        try:
            import h5py
        except ImportError:
            raise DataError(f"{file.path}: is an HDF5 file; reading it needs h5py: pip install 'rdmf[hdf5]'.") from None
        return _Datasets(h5py.File(file.source, "r"), file)
