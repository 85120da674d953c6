"""How long are a data set's moments, and which wavelengths do they call for?

A pattern of wavelength l has runs above its base state of about l/2 clips, so a moment of n clips asks for l = 2n: the
lengths of the annotated windows are a prior for the wavelengths that the fusion layer may choose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from rdmf_model.data.annotations import Annotation
from rdmf_model.data.dataset import MomentDataset
from rdmf_theory.errors import DataError, ParameterError

QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
# wavelengths are fitted to the windows between these quantiles: the extremes are few, and often annotation noise
PRIOR_QUANTILES = (0.1, 0.9)
# below 4 clips the axis resolves a wave badly (2 clips is its limit)
SHORTEST_WAVELENGTH = 4.0
# the range spans at least this factor, so that there is something to choose; also in sets with one window length
LEAST_SPREAD = 1.5


@dataclass(frozen=True)
class WindowStatistics:
    """Window lengths of a data set and the wavelengths, in clips, that follow from them.

    queries, windows, videos: counts.  clip_length: seconds.
    clips: (least, most) clips of a video.
    lengths: window length in clips at each of `QUANTILES`.
    wavelength: (least, most) wavelength, twice the window length at `PRIOR_QUANTILES`, bounded to
        [4 clips, clips of the shortest video]: a longer wave may find no growing mode on the shortest axis.
    cut: whether that bound shortened the range, i.e. long windows exceed what the shortest video supports.
    """

    queries: int
    windows: int
    videos: int
    clip_length: float
    clips: tuple[int, int]
    lengths: tuple[float, ...]
    wavelength: tuple[float, float]
    cut: bool

    def __post_init__(self) -> None:
        low, high = self.wavelength
        if not SHORTEST_WAVELENGTH <= low < high:
            raise ParameterError(f"WindowStatistics.wavelength must be 4 <= least < most. Got {self.wavelength}.")
        if len(self.lengths) != len(QUANTILES) or any(np.diff(self.lengths) < 0):
            raise ParameterError(f"WindowStatistics.lengths must be {len(QUANTILES)} ascending. Got {self.lengths}.")

    def describe(self) -> dict[str, str]:
        """What a person wants to read, as {label: text}."""
        least, median, most = (self.lengths[QUANTILES.index(q)] for q in (0.05, 0.5, 0.95))
        note = ", cut to what the shortest video supports" if self.cut else ""
        return {
            "queries": f"{self.queries} on {self.videos} videos",
            "videos": f"{self.clips[0]} to {self.clips[1]} clips of {self.clip_length:g} s",
            "windows": f"{self.windows}, {self.windows / self.queries:.2f} per query",
            "window length": f"median {median:.3g} clips, 90 % within {least:.3g} to {most:.3g}",
            "wavelength prior": f"{self.wavelength[0]:.3g} to {self.wavelength[1]:.3g} clips{note}",
        }

    def to_dict(self) -> dict[str, Any]:
        """Fields by name, JSON-ready; `lengths` as {quantile: clips}."""
        values = asdict(self)
        values["lengths"] = {str(q): length for q, length in zip(QUANTILES, self.lengths, strict=True)}
        return values


def window_statistics(
    dataset: MomentDataset | Sequence[Annotation], clip_length: float | None = None
) -> WindowStatistics:
    """Statistics of a loaded data set, or of annotations alone (clip counts then follow from the durations).

    Arguments:
        dataset: with at least one window.
        clip_length: seconds per clip; only for annotations, where the default is 2.

    Raises: DataError if there is no window to learn from; ParameterError if `clip_length` is given twice.
    """
    if isinstance(dataset, MomentDataset):
        if clip_length is not None:
            raise ParameterError("clip_length is the data set's own. Leave it out.")
        annotations, clip_length = dataset.annotations, dataset.clip_length
        clips = {vid: len(video) for vid, video in dataset.videos.items()}
        name = str(dataset.path)
    else:
        annotations, clip_length = list(dataset), 2.0 if clip_length is None else clip_length
        clips = {a.vid: max(1, round(a.duration / clip_length)) for a in annotations}
        name = annotations[0].source.rsplit(":", 1)[0] if annotations else "annotations"
    lengths = [np.diff(annotation.windows, axis=1).ravel() for annotation in annotations]
    seconds = np.concatenate([*lengths, np.zeros(0)])
    if not len(seconds):
        raise DataError(f"{name}: has no relevant_windows, so no wavelength prior. Give the wavelength range instead.")
    quantiles = np.quantile(seconds / clip_length, QUANTILES)
    low, high = (2 * quantiles[QUANTILES.index(q)] for q in PRIOR_QUANTILES)
    shortest = min(clips.values())
    # even where the shortest video is very short, some range must remain
    longest = max(float(shortest), LEAST_SPREAD * SHORTEST_WAVELENGTH)
    top = float(np.clip(high, LEAST_SPREAD * SHORTEST_WAVELENGTH, longest))
    bottom = float(np.clip(low, SHORTEST_WAVELENGTH, top / LEAST_SPREAD))
    return WindowStatistics(
        queries=len(annotations),
        windows=len(seconds),
        videos=len(clips),
        clip_length=float(clip_length),
        clips=(shortest, max(clips.values())),
        lengths=tuple(float(length) for length in quantiles),
        wavelength=(bottom, top),
        cut=bool(high > longest),
    )
