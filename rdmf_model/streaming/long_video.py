"""Moments in a video of hours: features are read and fused in windows, and only C channels per clip are kept.

Everything up to the fused clips is local (`streaming.streaming`); what follows, boundaries, proposals and decoder, is
linear in the number of clips and runs on the whole video at once, so that moments of any length are found.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from rdmf_model.data.feature_files import FeatureFiles
from rdmf_model.fusion.base import FusionOutput
from rdmf_model.model.base import MomentOutputs
from rdmf_model.model.heads import SIMILARITY_REACH, self_similarity
from rdmf_model.model.moment_model import MomentModel
from rdmf_model.streaming.streaming import StreamingFusion

# From here on a video is cut into windows of BLOCK clips; 4096 clips of 2 s are over two hours.
LONG_VIDEO = 4096
BLOCK = 2048


@torch.no_grad()
def locate_in_windows(
    model: MomentModel,
    features: FeatureFiles,
    words: Tensor,
    *,
    block: int = BLOCK,
    progress: Callable[[int], object] = lambda clips: None,
) -> MomentOutputs:
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
