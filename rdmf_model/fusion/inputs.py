"""What every fusion layer accepts: clips, words, the pooled text and two masks, checked once, whoever calls.

A mask is bool, True where a clip or a word is valid; None says that all are. Layers that run along the clip axis need
the valid clips first (`clip_lengths`): left padding and holes are refused.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from rdmf_model.fusion.base import Evidence
from rdmf_model.ops.exporting import exporting
from rdmf_model.ops.signature import Signature, mixed_types

SIGNATURE = Signature(
    "fusion", video="B T C", text="B L C", query="B C", video_mask="? bool B T", text_mask="? bool B L"
)


class FusionMasks(NamedTuple):
    """Validity of the clips (B, T) and of the words (B, L), bool."""

    video: Tensor
    text: Tensor


def check_inputs(
    video: Tensor, text: Tensor, query: Tensor, video_mask: Tensor | None, text_mask: Tensor | None, like: Tensor
) -> FusionMasks:
    """The masks, ones where there are none.

    Arguments: as of a fusion's `forward`; like: one of the layer's weights, whose last axis has C channels.
    Raises: ValueError for tensors that are not of these shapes, of the layer's type and where its weights are.
    """
    tensors = {"video": video, "text": text, "query": query, "video_mask": video_mask, "text_mask": text_mask}
    sizes = SIGNATURE.check(tensors, {"C": like.shape[-1]}, mixed=mixed_types(like.device), like=like)
    if sizes["T"] < 1:
        raise SIGNATURE.refuse("video must have at least one clip. Got T = 0: leave such videos out.")

    def or_ones(mask: Tensor | None, of: Tensor) -> Tensor:
        return torch.ones(of.shape[:2], dtype=torch.bool, device=of.device) if mask is None else mask

    return FusionMasks(or_ones(video_mask, video), or_ones(text_mask, text))


def clip_lengths(mask: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
    """(lengths, query): how many clips are valid, (B,) int64, and the query, NaN in the rows of a mask with holes.

    Arguments: mask: (B, T), bool; query: (B, C).
    Raises: ValueError on the CPU for a mask with a valid clip after one that is not. On other devices, where looking
        would wait for them, and under torch.compile, such rows come out as NaN instead.
    """
    lengths = mask.sum(1)
    if exporting():
        return lengths, query
    first = torch.arange(mask.shape[1], device=mask.device) < lengths[:, None]
    whole = (mask == first).all(1)
    if mask.device.type != "cpu" or torch.compiler.is_compiling():
        return lengths, torch.where(whole[:, None], query, torch.nan)
    if not bool(whole.all()):
        row = int((~whole).nonzero()[0])
        clip = int((mask[row] != first[row]).nonzero()[0])
        raise SIGNATURE.refuse(
            f"video_mask must have the valid clips first: no holes, no padding on the left. Got row {row} with clip "
            f"{clip} not valid before one that is: move the valid clips to the front, video[mask] per video."
        )
    return lengths, query


def check_evidence(evidence: Evidence | None, video: Tensor) -> Evidence:
    """The evidence of these clips, (B, T) and (B, T - 1) of the video's type. Raises ValueError for anything else."""
    if evidence is None:
        raise SIGNATURE.refuse("evidence must come with the clips. Build the model with moment_head = 'spans'.")
    batch, clips, _ = video.shape
    for name, given, shape in (
        ("score", evidence.score, (batch, clips)),
        ("cosine", evidence.cosine, (batch, max(clips - 1, 0))),
    ):
        if not isinstance(given, Tensor):
            raise SIGNATURE.refuse(f"evidence.{name} must be a tensor. Got {type(given).__name__}.")
        if given.shape != shape or not given.is_floating_point() or given.device != video.device:
            raise SIGNATURE.refuse(
                f"evidence.{name} must be floating, of shape {shape}, on {video.device}, as the video. Got "
                f"{given.dtype} of shape {tuple(given.shape)} on {given.device}."
            )
    return evidence
