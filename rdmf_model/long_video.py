"""Moments in a video of hours: features are read and fused in windows, and only C channels per clip are kept.

Everything up to the fused clips is local (`rdmf_model.streaming`); what follows, boundaries, proposals and decoder, is
linear in the number of clips and runs on the whole video at once, so that moments of any length are found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rdmf_model.baselines import FusionOutput
from rdmf_model.features import LENGTH_TOLERANCE, check_values, map_features
from rdmf_model.heads import SIMILARITY_REACH, self_similarity
from rdmf_model.model import MomentModel
from rdmf_model.streaming import StreamingFusion
from rdmf_theory.errors import DataError, ParameterError

# From here on a video is cut into windows of BLOCK clips; 4096 clips of 2 s are over two hours.
LONG_VIDEO = 4096
BLOCK = 2048


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


@torch.no_grad()
def locate_in_windows(
    model: MomentModel,
    features: FeatureFiles,
    words: Tensor,
    *,
    block: int = BLOCK,
    progress: Callable[[int], object] = lambda clips: None,
) -> dict[str, Any]:
    """The model's outputs for one long video and one query, batch of one, as `model(batch)` but without the losses'.

    Arguments:
        words: features of the query, (L, C_text).
        block: clips per window, >= 1.
        progress: called with the number of clips that were finished.
    Raises: ParameterError for a model without a reaction-diffusion layer.
    """
    clips_count = len(features)
    device = next(model.parameters()).device
    stream = StreamingFusion(model, words.to(device), block=block)
    width = stream.query.shape[1]
    clips = torch.empty(1, clips_count, width, device=device)
    pattern = torch.empty(1, clips_count, device=device)
    cuts = torch.empty(1, clips_count, 2 * SIMILARITY_REACH, device=device)
    for start in [*range(0, clips_count, block), None]:
        if start is None:
            done = stream.flush()
        else:
            low = max(0, start - SIMILARITY_REACH)
            rows = torch.from_numpy(features.rows(low, start + block + SIMILARITY_REACH)).to(device)[None]
            size = min(block, clips_count - start)
            seen = torch.ones(rows.shape[:2], dtype=torch.bool, device=device)
            near = self_similarity(model.video_projection.standardise(rows), seen)
            cuts[:, start : start + size] = near[:, start - low : start - low + size]
            done = stream.push(rows[0, start - low : start - low + size])
        part = slice(done.start, done.start + len(done.clips))
        clips[0, part], pattern[0, part] = done.clips, done.pattern
        progress(len(done.clips))
    lengths = torch.tensor([clips_count], device=device)
    mask = torch.ones(1, clips_count, dtype=torch.bool, device=device)
    return model.locate(FusionOutput(clips, pattern), cuts, stream.query, lengths, mask)
