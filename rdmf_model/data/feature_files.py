"""Video features as files that are read row by row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rdmf_model.data.feature_sources import FeatureKind, check_kinds, kind_names, length_tolerance
from rdmf_model.data.features import check_values, map_features
from rdmf_theory.errors import DataError, ParameterError


class FeatureFiles:
    """The features of one video in one or several files, joined along the channels row by row as they are asked for.

    `.npy` files stay on disk.

    Arguments:
        paths: one file per kind, in training order, or NAME=FILE in any order.
        width: of all kinds together.
        kinds: the kinds that the model was trained on; None where the checkpoint does not say.
        mean: (width,) training mean of the features. With it and files that are named, a kind may be missing: its
            channels are at their mean (`model.kinds`).

    Attributes: missing (names of the kinds that have no file).
    Raises: DataError where the files differ in length or are not the kinds, or not `width` channels together.
    """

    def __init__(
        self,
        paths: Sequence[Path | str],
        width: int,
        kinds: Sequence[FeatureKind] | None = None,
        mean: np.ndarray | None = None,
    ) -> None:
        if not paths:
            raise ParameterError("features must name at least one file. Give --features FILE.npz.")
        names, self.paths, named = _named(paths, kinds or ())
        self._arrays = [map_features(path) for path in self.paths]
        lengths = [len(array) for array in self._arrays]
        if max(lengths) - min(lengths) > length_tolerance(max(lengths)):
            raise DataError(
                f"{self.paths[0]}: the feature files differ in length ({lengths} clips). Extract them with one clip "
                "length."
            )
        self.missing = tuple(k.name for k in kinds or () if k.name not in names) if mean is not None and named else ()
        expected = [kind for kind in kinds or () if kind.name not in self.missing]
        if expected:
            found = [FeatureKind(name, array.shape[1]) for name, array in zip(names, self._arrays, strict=True)]
            check_kinds(found, expected, str(self.paths[0]))
        self._fill: dict[int, np.ndarray] = {}
        if mean is not None and self.missing:
            ends = np.cumsum([kind.width for kind in kinds or ()])
            parts = np.split(np.asarray(mean, dtype=np.float32), ends[:-1])
            self._fill = {i: parts[i] for i, kind in enumerate(kinds or ()) if kind.name in self.missing}
        total = sum(array.shape[1] for array in self._arrays) + sum(len(part) for part in self._fill.values())
        if total != width:
            raise DataError(
                f"{self.paths[0]}: the {len(self._arrays)} feature file(s) have {total} channels together, the model "
                f"was trained on {width}. Give every kind of feature that it was trained on, in the same order."
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
        for place, values in self._fill.items():
            # in the order of the kinds: those before it are there already
            parts.insert(place, np.broadcast_to(values, (len(parts[0]), len(values))))
        return np.concatenate(parts, axis=1)


def _named(paths: Sequence[Path | str], kinds: Sequence[FeatureKind]) -> tuple[list[str], list[Path], bool]:
    """(names, files, whether they are named), in the order of `kinds` where they are; else called by their folders."""
    order = [kind.name for kind in kinds]
    split = [str(path).partition("=") for path in paths]
    named = [(name, Path(file)) for name, equals, file in split if equals and name in order]
    if len(named) < len(paths):
        files = [Path(path) for path in paths]
        # one video's files are usually called alike, in a folder for each kind
        return list(kind_names([path.parent for path in files])), files, False
    named.sort(key=lambda item: order.index(item[0]))
    return [name for name, _ in named], [file for _, file in named], True
