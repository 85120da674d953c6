"""How good are predictions? Metrics of a prediction file against an annotation file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rdmf_model.data.annotations import read_annotations
from rdmf_model.data.text_files import read_jsonl
from rdmf_model.evaluation.metrics import evaluate_predictions
from rdmf_theory.errors import DataError


def evaluate_files(
    predictions: Path, ground_truth: Path, clip_length: float = 2.0, no_moment_threshold: float | None = None
) -> dict[str, Any]:
    """Metrics of a prediction jsonl file on an annotation jsonl file, see `metrics.evaluate_predictions`.

    Arguments:
        predictions: lines {"qid", "pred_relevant_windows": [[start, end, score], ...], "pred_saliency_scores": [...]}.
        ground_truth: annotations in any known format, the same qids.
        clip_length: seconds per annotated clip.
        no_moment_threshold: for the F1 of "no moment"; None chooses it on these predictions.

    Raises: DataError naming file and line of a malformed record, or the qids that only one of the files has.
    """
    truth = read_annotations(Path(ground_truth), clip_length)
    lines = list(read_jsonl(Path(predictions)))
    if not lines:
        raise DataError(f"{predictions}: is empty. It must hold one prediction per query, one JSON object per line.")
    sources, records = zip(*lines, strict=True)
    try:
        return evaluate_predictions(
            records, [annotation.record for annotation in truth], clip_length, sources, no_moment_threshold
        )
    except DataError as error:
        # a message about one line names it already; one about the two files as wholes does not
        if str(error).startswith(f"{predictions}:"):
            raise
        raise DataError(f"{predictions}: {error}") from None
