"""Moments and saliency of a batch, a data set, and their metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from rdmf_model.model.base import MomentOutputs
from rdmf_model.model.kinds import without_kinds
from rdmf_model.model.spans import span_cxw_to_xx

if TYPE_CHECKING:
    from rdmf_model.data.batch import Batch
    from rdmf_model.data.dataset import MomentDataset


@torch.no_grad()
def predict(outputs: MomentOutputs, batch: Batch) -> list[dict[str, Any]]:
    """Predictions in the field's format, windows in seconds, best first.

    Windows are cut to [0, extent] of their video, the ten best are kept (as the metrics do); the score is the slot's
    probability.
    """
    scores = outputs["pred_logits"].sigmoid()
    windows = (span_cxw_to_xx(outputs["pred_spans"]).clamp(0.0, 1.0) * batch.extent[:, None, None]).tolist()
    order = scores.argsort(dim=1, descending=True).tolist()
    saliency, lengths = outputs["saliency_scores"].tolist(), batch.video_lengths.tolist()
    return [
        {
            "qid": batch.qids[row],
            "query": batch.queries[row],
            "vid": batch.vids[row],
            "pred_relevant_windows": [[*windows[row][slot], float(scores[row, slot])] for slot in order[row][:10]],
            "pred_saliency_scores": saliency[row][: lengths[row]],
        }
        for row in range(len(order))
    ]


@torch.no_grad()
def predict_dataset(
    model: nn.Module,
    dataset: MomentDataset,
    batch_size: int = 32,
    device: torch.device | str = "cpu",
    without: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Predictions for every query, in the order of the annotations; the model is left in the mode it was in.

    Arguments:
        without: kinds of video features that no video has (`model.kinds`).

    Returns: dictionaries with qid, query, vid, pred_relevant_windows [[start, end, score], ...] in seconds and
        pred_saliency_scores.
    """
    from rdmf_model.data.batch import collate
    from rdmf_model.evaluation.predict import predict

    training = model.training
    model.eval()
    predictions: list[dict[str, Any]] = []
    for start in range(0, len(dataset), batch_size):
        rows = range(start, min(start + batch_size, len(dataset)))
        batch = collate([dataset[row] for row in rows]).to(device)
        if without:
            batch = without_kinds(batch, without, dataset.video_kinds, model.get_buffer("video_projection.mean"))
        predictions += predict(model(batch), batch)
    model.train(training)
    return predictions


def evaluate_model(
    model: nn.Module, dataset: MomentDataset, batch_size: int = 32, device: torch.device | str = "cpu"
) -> dict[str, Any]:
    """The reference evaluator's metrics of a model on a data set; the headline figures are under "brief"."""
    from rdmf_model.evaluation.metrics import evaluate_predictions

    predictions = predict_dataset(model, dataset, batch_size, device)
    return evaluate_predictions(predictions, dataset.records, dataset.annotation_clip_length)
