"""Moment-retrieval data: annotations and features on disk → samples → padded batches.

Layout: an annotation jsonl (see `annotations.py`), one or more folders of video features `{vid}.npz` (key `features`,
(T, C)) and one of text features `qid{qid}.npz` (key `last_hidden_state`, (L, C)). Any clip length, any number of clips.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rdmf_model.data.annotations import DURATION_TOLERANCE, Annotation, read_annotations
from rdmf_model.data.batch import Sample
from rdmf_model.data.feature_sources import FeatureKind, VideoFeatures, load_text, open_source
from rdmf_theory.errors import DataError, ParameterError


class MomentDataset(torch.utils.data.Dataset[Sample]):
    """Queries of one split with their features in memory (each video once; float16 stays float16).

    Arguments:
        annotations: the split's jsonl file.
        video_folders: a folder of `{vid}.npz` (or another format) or one file for all videos, per kind of features;
            concatenated along the channels, cut to the shortest of the kinds.
        text_folder: folder of `qid{qid}.npz`, or one file for all queries.
        clip_length: seconds per feature clip, > 0.
        annotation_clip_length: seconds per clip of `relevant_clip_ids`; None means `clip_length`.
        kinds: names of the kinds of video features; default the names of the folders.

    Attributes: annotations (list of Annotation), videos ({vid: (T, Cv) tensor}), video_channels, text_channels,
        video_kinds (name and width of each), clip_length, annotation_clip_length.
    Raises: DataError naming file and line for anything wrong in the data; ParameterError for clip lengths.
    """

    def __init__(
        self,
        annotations: Path,
        video_folders: Sequence[Path] | Path,
        text_folder: Path,
        clip_length: float = 2.0,
        annotation_clip_length: float | None = None,
        kinds: Sequence[str] = (),
    ) -> None:
        for name, value in (("clip_length", clip_length), ("annotation_clip_length", annotation_clip_length)):
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ParameterError(f"{name} must be positive and finite, in seconds. Got {value}.")
        self.path = Path(annotations)
        self.clip_length = float(clip_length)
        self.annotation_clip_length = float(annotation_clip_length or clip_length)
        self.annotations = read_annotations(self.path, self.annotation_clip_length)
        texts = open_source(text_folder)
        paths = [Path(video_folders)] if isinstance(video_folders, str | Path) else list(video_folders)
        folders = VideoFeatures(paths, kinds)
        self.videos: dict[str, Tensor] = {}
        self._samples: list[Sample] = []
        first_text: str | None = None
        self.text_channels = 0
        for annotation in self.annotations:
            if annotation.vid not in self.videos:
                self.videos[annotation.vid] = torch.from_numpy(folders.load(annotation.vid, source=annotation.source))
            video = self.videos[annotation.vid]
            self._check_length(annotation, len(video))
            words, path = load_text(texts, annotation.qid, asked_by=annotation.source)
            text = torch.from_numpy(words)
            if first_text is None:
                first_text, self.text_channels = path, text.shape[1]
            if text.shape[1] != self.text_channels:
                raise DataError(
                    f"{path}: has {text.shape[1]} channels, but {first_text} has {self.text_channels}. "
                    "All queries need the same text features: extract again."
                )
            self._samples.append(self._sample(annotation, video, text))
        self.video_channels = folders.channels
        self.video_kinds: tuple[FeatureKind, ...] = folders.kinds

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> Sample:
        return self._samples[index]

    @property
    def records(self) -> list[dict[str, Any]]:
        """The annotation lines as read: the ground truth that `metrics.evaluate_predictions` takes."""
        return [annotation.record for annotation in self.annotations]

    def _check_length(self, annotation: Annotation, clips: int) -> None:
        extent = clips * self.clip_length
        if abs(extent - annotation.duration) > max(2 * self.clip_length, DURATION_TOLERANCE * annotation.duration):
            raise DataError(
                f"{annotation.source}: video {annotation.vid!r} lasts {annotation.duration:g} s, but its {clips} "
                f"feature clips of {self.clip_length:g} s cover {extent:g} s. Set clip_length (here about "
                f"{annotation.duration / clips:.3g}) or extract the features of the whole video."
            )

    def _sample(self, annotation: Annotation, video: Tensor, text: Tensor) -> Sample:
        clips = len(video)
        spans = normalised_spans(annotation.windows, clips, self.clip_length)
        return Sample(
            qid=annotation.qid,
            vid=annotation.vid,
            query=annotation.query,
            video=video,
            text=text,
            windows=torch.from_numpy(spans.astype(np.float32)),
            relevance=torch.from_numpy(relevant_clips(spans, clips)),
            saliency=torch.from_numpy(self._saliency(annotation, clips)),
            clip_length=self.clip_length,
            nothing=annotation.nothing,
        )

    def _saliency(self, annotation: Annotation, clips: int) -> np.ndarray:
        """Score of the annotated clip that holds each feature clip's centre, NaN where there is none.

        `label` divides the video into as many equal clips as it has entries.
        """
        seconds = self.annotation_clip_length
        if annotation.record.get("saliency_scores") is None and annotation.record.get("label"):
            seconds = annotation.duration / len(annotation.record["label"])
        by_id = np.full(int(annotation.clip_ids.max(initial=-1)) + 1, np.nan, dtype=np.float32)
        by_id[annotation.clip_ids] = annotation.saliency
        centres = (np.arange(clips) + 0.5) * self.clip_length
        ids = np.floor(centres / seconds).astype(np.int64)
        saliency = np.full(clips, np.nan, dtype=np.float32)
        inside = ids < len(by_id)
        saliency[inside] = by_id[ids[inside]]
        return saliency


def normalised_spans(windows: np.ndarray, clips: int, clip_length: float) -> np.ndarray:
    """Windows in seconds → `xx` spans in [0, 1] of the extent `clips * clip_length`.

    A window of zero length is widened to the clip around it: no span overlaps a point. A window that reaches past the
    extent is cut there. Features may end a little before the video does: a window that begins in that tail is moved
    back so that it keeps its own length, at most one clip.

    Arguments:
        windows: (n, 2) seconds, start <= end.

    Returns: (n, 2) float64, 0 <= start < end <= 1.
    """
    extent = clips * clip_length
    start, end = windows[:, 0], windows[:, 1]
    point = end <= start
    start = np.where(point, np.maximum(start - clip_length / 2, 0.0), start)
    end = np.where(point, start + clip_length, end)
    keep = np.minimum(np.minimum(end - start, clip_length), extent)
    return np.stack([np.minimum(start, extent - keep), np.minimum(end, extent)], axis=1) / extent


def relevant_clips(spans: np.ndarray, clips: int) -> np.ndarray:
    """(clips,) bool: the clip's centre lies in one of the `xx` spans, or a span's centre lies in the clip.

    The second half keeps windows shorter than a clip, which may miss every clip centre, from vanishing.
    """
    centres = (np.arange(clips) + 0.5) / clips
    relevant = np.any((spans[:, :1] <= centres) & (centres < spans[:, 1:]), axis=0, keepdims=True)[0]
    middle = np.floor(spans.mean(axis=1) * clips).astype(np.int64)
    relevant[np.minimum(middle, clips - 1)] = True
    return relevant
