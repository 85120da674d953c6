"""The score by which the best checkpoint is selected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rdmf_model.config.config import Config
from rdmf_theory.errors import DataError, ParameterError

if TYPE_CHECKING:
    from rdmf_model.data.dataset import MomentDataset


def selection_score(metrics: Mapping[str, float], selection: Sequence[str]) -> float:
    """Mean of the selected brief metrics. Raises ParameterError for a metric that the evaluation does not give."""
    for name in selection:
        if name not in metrics:
            raise ParameterError(
                f"train.selection must name metrics of this data set. Got {name!r}. Known: {', '.join(metrics)}."
            )
    return sum(metrics[name] for name in selection) / len(selection)


def check_selection(config: Config, val_set: MomentDataset) -> None:
    """Evaluate the ground truth against itself: what the validation would refuse fails before the training.

    Raises: ParameterError for a selected metric that the data set does not give, DataError for annotations that cannot
        be evaluated.
    """
    from rdmf_model.evaluation.metrics import evaluate_predictions

    predictions = [
        {
            "qid": record["qid"],
            "query": record["query"],
            "vid": record["vid"],
            # a prediction needs a window even where none is annotated
            "pred_relevant_windows": [
                [*window, 1.0] for window in record.get("relevant_windows") or [[0.0, record["duration"]]]
            ],
            "pred_saliency_scores": [0.0],
        }
        for record in val_set.records
    ]
    try:
        metrics = evaluate_predictions(predictions, val_set.records, val_set.annotation_clip_length)["brief"]
    except DataError as error:
        raise DataError(f"{val_set.path}: {error}") from None
    # a metric is None where no window is of its length
    selection_score({name: value for name, value in metrics.items() if value is not None}, config.train.selection)
