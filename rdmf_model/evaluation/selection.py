"""The score by which the best checkpoint is selected, and whether a data set gives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rdmf_model.config.config import SELECTION, Config
from rdmf_theory.errors import DataError, ParameterError

if TYPE_CHECKING:
    from rdmf_model.data.dataset import MomentDataset

# for sets without windows, where the default cannot be measured: the first of these groups that can
HIGHLIGHT_SELECTIONS = (("HL-min-VeryGood-mAP", "HL-min-VeryGood-Hit1"), ("HL-top5-mAP",), ("HL-mAP",))


def selection_score(metrics: Mapping[str, float], selection: Sequence[str]) -> float:
    """Mean of the selected brief metrics. Raises ParameterError for a metric that the evaluation does not give."""
    for name in selection:
        if name not in metrics:
            raise ParameterError(
                f"train.selection must name metrics of this data set. Got {name!r}. Known: {', '.join(metrics)}."
            )
    return sum(metrics[name] for name in selection) / len(selection)


def check_selection(config: Config, val_set: MomentDataset) -> Config:
    """Evaluate the ground truth against itself: what the validation would refuse fails before the training.

    Returns: the configuration, with the highlight metrics of the set in place of the default `train.selection` where
        the set has no windows.
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
            "pred_saliency_scores": [0.0] * max(len(record.get("label") or ()), 1),
        }
        for record in val_set.records
    ]
    try:
        metrics = evaluate_predictions(predictions, val_set.records, val_set.annotation_clip_length)["brief"]
    except DataError as error:
        raise DataError(f"{val_set.path}: {error}") from None
    # a metric is None where no window is of its length
    known = {name: value for name, value in metrics.items() if value is not None}
    if config.train.selection == SELECTION and not any(name in known for name in SELECTION):
        instead = next((names for names in HIGHLIGHT_SELECTIONS if all(name in known for name in names)), None)
        config = config if instead is None else config.override(train={"selection": instead})
    selection_score(known, config.train.selection)
    return config
