"""A sample, one query with its video, and a padded batch of samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from rdmf_model.data.annotations import Qid
from rdmf_theory.errors import ParameterError


@dataclass(frozen=True)
class Sample:
    """One query with its video: video (T, Cv) and text (L, Ct) as stored (float16 or float32), windows (n, 2) float32
    `xx` spans in [0, 1] of the extent, relevance (T,) bool, saliency (T,) float32 with NaN where not annotated.

    nothing: whether it is annotated that no moment matches; without windows and without this the query is unlabelled.
    """

    qid: Qid
    vid: str
    query: str
    video: Tensor
    text: Tensor
    windows: Tensor
    relevance: Tensor
    saliency: Tensor
    clip_length: float
    nothing: bool = False


@dataclass(frozen=True)
class Batch:
    """B samples, zero-padded to the longest video (T clips) and text (L words).

    video: (B, T, Cv) float32.  video_lengths: (B,) int64, 1..T.
    text: (B, L, Ct) float32.  text_lengths: (B,) int64, 1..L.
    windows: B tensors (n, 2) float32, `xx` spans in [0, 1], in units of the sample's extent; n may be 0.
    relevance: (B, T) bool, clip centre in a window (or the window's centre in the clip, for windows below a clip).
    saliency: (B, T) float32, mean annotator score (0 to 4 in QVHighlights), NaN where not annotated and in the padding.
    extent: (B,) float32, seconds, video_lengths * clip_length.  clip_length: seconds.
    nothing: (B,) bool, annotated that no moment matches; None: of no sample.
    """

    video: Tensor
    video_lengths: Tensor
    text: Tensor
    text_lengths: Tensor
    windows: list[Tensor]
    relevance: Tensor
    saliency: Tensor
    extent: Tensor
    clip_length: float
    qids: list[Qid]
    vids: list[str]
    queries: list[str]
    nothing: Tensor | None = None

    def __len__(self) -> int:
        return len(self.qids)

    @property
    def clip_mask(self) -> Tensor:
        """(B, T) bool, True on the sample's own clips."""
        return torch.arange(self.video.shape[1], device=self.video.device) < self.video_lengths[:, None]

    @property
    def word_mask(self) -> Tensor:
        """(B, L) bool, True on the sample's own words."""
        return torch.arange(self.text.shape[1], device=self.text.device) < self.text_lengths[:, None]

    @property
    def labelled(self) -> Tensor:
        """(B,) bool, True where moments are annotated: with windows, or as "nothing matches"."""
        windows = torch.tensor([len(spans) > 0 for spans in self.windows], device=self.video.device)
        return windows if self.nothing is None else windows | self.nothing

    def blanked(self) -> Batch:
        """The same batch with 0 in the padding, whatever stood there: 0 times NaN or infinity is none."""
        video = torch.where(self.clip_mask[..., None], self.video, 0.0)
        return replace(self, video=video, text=torch.where(self.word_mask[..., None], self.text, 0.0))

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Batch:
        """The same batch on `device`."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Batch:
        """The same batch in page-locked memory (what `DataLoader(pin_memory=True)` calls)."""
        return self._map(lambda tensor: tensor.pin_memory())

    def _map(self, function: Any) -> Batch:
        changed: dict[str, Any] = {"windows": [function(spans) for spans in self.windows]}
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, Tensor):
                changed[item.name] = function(value)
        return replace(self, **changed)


def collate(samples: Sequence[Sample]) -> Batch:
    """Pads samples to one batch.  Raises: ParameterError if there are none or their clip lengths differ."""
    if not samples:
        raise ParameterError("samples must not be empty.")
    clip_length = samples[0].clip_length
    if any(sample.clip_length != clip_length for sample in samples):
        raise ParameterError(f"samples must share one clip_length. Got {sorted({s.clip_length for s in samples})}.")
    video, video_lengths = _pad([sample.video for sample in samples])
    text, text_lengths = _pad([sample.text for sample in samples])
    relevance = torch.zeros(video.shape[:2], dtype=torch.bool)
    saliency = torch.full(video.shape[:2], torch.nan)
    for row, sample in enumerate(samples):
        relevance[row, : len(sample.relevance)] = sample.relevance
        saliency[row, : len(sample.saliency)] = sample.saliency
    return Batch(
        video=video,
        video_lengths=video_lengths,
        text=text,
        text_lengths=text_lengths,
        windows=[sample.windows for sample in samples],
        relevance=relevance,
        saliency=saliency,
        extent=video_lengths * clip_length,
        clip_length=clip_length,
        qids=[sample.qid for sample in samples],
        vids=[sample.vid for sample in samples],
        queries=[sample.query for sample in samples],
        nothing=torch.tensor([sample.nothing for sample in samples]),
    )


def _pad(sequences: list[Tensor]) -> tuple[Tensor, Tensor]:
    """(B, longest, C) float32 zero-padded, (B,) int64 lengths."""
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    padded = torch.zeros(len(sequences), int(lengths.max()), sequences[0].shape[1])
    for row, sequence in enumerate(sequences):
        padded[row, : len(sequence)] = sequence
    return padded, lengths
