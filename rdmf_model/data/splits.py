"""The data set of a split, as a configuration names it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rdmf_model.config.config import Config
from rdmf_theory.errors import ParameterError

if TYPE_CHECKING:
    from rdmf_model.data.dataset import MomentDataset


def load_split(config: Config, split: str) -> MomentDataset:
    """The data set of a split ("train", "val", "test"), features in memory."""
    from rdmf_model.data.dataset import MomentDataset

    data = config.data
    if not data.video_features or data.text_features is None:
        missing = "text_features" if data.video_features else "video_features"
        raise ParameterError(
            f"data.{missing} must name a folder of features. Got nothing. Set it in the configuration."
        )
    return MomentDataset(
        data.annotations(split),
        data.video_features,
        data.text_features,
        data.clip_length,
        data.annotation_clip_length,
        data.video_kinds,
    )
