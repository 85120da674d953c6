"""Video features as files that are read row by row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rdmf_model.data.features import LENGTH_TOLERANCE, check_values, map_features
from rdmf_theory.errors import DataError, ParameterError


class FeatureFiles:
    """The features of one video in one or several files, joined along the channels row by row as they are asked for.

    `.npy` files stay on disk. Raises DataError where the files differ in length or are not `width` channels together.
    """

    def __init__(self, paths: Sequence[Path], width: int) -> None:
        if not paths:
            raise ParameterError("features must name at least one file. Give --features FILE.npz.")
        self.paths = [Path(path) for path in paths]
        self._arrays = [map_features(path) for path in self.paths]
        lengths = [len(array) for array in self._arrays]
        if max(lengths) - min(lengths) > LENGTH_TOLERANCE:
            raise DataError(
                f"{paths[0]}: the feature files differ in length ({lengths} clips). Extract them with one clip length."
            )
        found = sum(array.shape[1] for array in self._arrays)
        if found != width:
            raise DataError(
                f"{paths[0]}: the {len(self._arrays)} feature file(s) have {found} channels together, the model was "
                f"trained on {width}. "
                "Give every kind of feature that it was trained on, in the same order."
            )
        self._clips = min(lengths)

    def __len__(self) -> int:
        return self._clips

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Clips start .. stop - 1, cut to the video, (n, width) float32. Raises DataError for values out of range."""
        parts = []
        for path, array in zip(self.paths, self._arrays, strict=True):
            part = np.asarray(array[max(start, 0) : min(stop, self._clips)], dtype=np.float32)
            check_values(part, path, first=max(start, 0))
            parts.append(part)
        return np.concatenate(parts, axis=1)
