"""What does a model see of a video that lacks a kind of features, such as the sound? Its training mean.

    W (x - mean) / std = sum over kinds k of m_k W_k (x_k - mean_k) / std_k,   m_k = 1 where kind k is there, else 0

Each kind has its own projection W_k (a block of columns of W), and a kind at its mean is the same as m_k = 0: for the
projection, and for everything else that sees standardised features. `train.kind_dropout` trains with random masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from rdmf_theory.errors import ParameterError

if TYPE_CHECKING:
    from rdmf_model.data.batch import Batch
    from rdmf_model.data.feature_sources import FeatureKind


def mask_kinds(batch: Batch, present: Tensor, widths: Sequence[int], mean: Tensor) -> Batch:
    """The batch with the missing kinds of each sample at their training mean.

    Arguments:
        batch: B samples.  present: (B, K) bool, which kinds each sample has.
        widths: channels of each kind, in the order of the features.
        mean: (Cv,), the statistics of the model's projection.
    """
    channels = present.repeat_interleave(torch.tensor(widths, device=present.device), dim=1)
    seen = channels[:, None] | ~batch.clip_mask[..., None]
    return replace(batch, video=torch.where(seen, batch.video, mean.to(batch.video)))


def without_kinds(batch: Batch, missing: Sequence[str], kinds: Sequence[FeatureKind], mean: Tensor) -> Batch:
    """The batch as if no video had the kinds of these names. Raises ParameterError as `present_without`."""
    present = present_without(missing, kinds).to(batch.video.device).expand(len(batch), -1)
    return mask_kinds(batch, present, [kind.width for kind in kinds], mean)


def draw_present(samples: int, kinds: int, dropout: float, device: torch.device) -> Tensor:
    """(B, K) bool from torch's generator: each kind is dropped with this probability; where all would be, none is."""
    kept = torch.rand(samples, kinds, device=device) >= dropout
    return kept | ~kept.any(dim=1, keepdim=True)


def present_without(missing: Sequence[str], kinds: Sequence[FeatureKind]) -> Tensor:
    """(K,) bool, False for the named kinds. Raises ParameterError for a name that is none, or where all are missing."""
    names = [kind.name for kind in kinds]
    unknown = [name for name in missing if name not in names]
    if unknown:
        known = ", ".join(names) or "one unnamed kind"
        raise ParameterError(f"--without must name a kind that the run was trained on ({known}). Got {unknown[0]!r}.")
    present = torch.tensor([name not in missing for name in names])
    if not present.any():
        raise ParameterError(f"--without must leave a kind of features. Got all of them ({', '.join(names)}).")
    return present
