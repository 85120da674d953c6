"""What does an answer look like? Pictures of the first right and the first wrong answer of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from rdmf_model.data.batch import collate
from rdmf_model.evaluation.localize import Localization
from rdmf_model.evaluation.moments import interval_iou
from rdmf_model.evaluation.timeline import draw_timeline
from rdmf_model.model.kinds import without_kinds

if TYPE_CHECKING:
    from rdmf_model.data.dataset import MomentDataset


@torch.no_grad()
def draw_answers(
    predictions: Sequence[dict[str, Any]],
    model: nn.Module,
    dataset: MomentDataset,
    folder: Path,
    without: Sequence[str] = (),
) -> None:
    """Draw the first right answer of a data set (IoU >= 0.7) and the first wrong one (below 0.1), not chosen ones.

    Writes right.png and wrong.png into `folder`, which is made; one of them is left out where there is no such answer.

    Arguments:
        predictions: of `predict_dataset` by this model, on the CPU.  without: as there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {"right": lambda iou: iou >= 0.7, "wrong": lambda iou: iou < 0.1}
    for row, (prediction, annotation) in enumerate(zip(predictions, dataset.annotations, strict=True)):
        windows = prediction["pred_relevant_windows"]
        if not len(annotation.windows) or not windows:
            continue
        iou = float(interval_iou(np.array([[windows[0][:2]]]), annotation.windows[None]).max())
        kind = next((kind for kind, holds in wanted.items() if holds(iou)), None)
        if kind is None:
            continue
        wanted.pop(kind)
        sample = dataset[row]
        batch = collate([sample])
        if without:
            batch = without_kinds(batch, without, dataset.video_kinds, model.get_buffer("video_projection.mean"))
        outputs, clips = model(batch), len(sample.video)
        pattern, kappa = outputs.get("pattern"), outputs.get("conductances")
        answer = Localization(
            windows=[(float(a), float(b), float(score)) for a, b, score in windows],
            saliency=prediction["pred_saliency_scores"],
            pattern=None if pattern is None else pattern[0, :clips].tolist(),
            clip_length=dataset.clip_length,
            duration=clips * dataset.clip_length,
            conductances=None if kappa is None else kappa[0, : clips - 1].tolist(),
        )
        truth = [(float(a), float(b)) for a, b in annotation.windows]
        draw_timeline(answer, folder / f"{kind}.png", title=f"{annotation.query} ({kind})", top=3, truth=truth)
        if not wanted:
            return
