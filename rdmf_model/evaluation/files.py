"""How good are predictions? Metrics of a prediction file against an annotation file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rdmf_model.data.annotations import read_annotations, read_jsonl
from rdmf_model.evaluation.metrics import SALIENCY_LEVELS, evaluate_predictions
from rdmf_theory.errors import DataError


def evaluate_files(predictions: Path, ground_truth: Path, clip_length: float = 2.0) -> dict[str, Any]:
    """Metrics of a prediction jsonl file on an annotation jsonl file, see `metrics.evaluate_predictions`.

    Arguments:
        predictions: lines {"qid", "pred_relevant_windows": [[start, end, score], ...], "pred_saliency_scores": [...]}.
        ground_truth: lines in the Moment-DETR layout, the same qids.
        clip_length: seconds per annotated clip.

    Raises: DataError naming file and line of a malformed record, or the qids that only one of the files has.
    """
    truth = read_annotations(Path(ground_truth), clip_length)
    lines = list(read_jsonl(Path(predictions)))
    if not lines:
        raise DataError(f"{predictions}: is empty. It must hold one prediction per query, one JSON object per line.")
    sources, records = zip(*lines, strict=True)
    try:
        return evaluate_predictions(records, [annotation.record for annotation in truth], clip_length, sources)
    except DataError as error:
        # a message about one line names it already; one about the two files as wholes does not
        if str(error).startswith(f"{predictions}:"):
            raise
        raise DataError(f"{predictions}: {error}") from None


def print_metrics(metrics: Mapping[str, Any]) -> None:
    """Prints the metrics as tables on stdout: windows by length, clips by saliency level."""
    from rich.console import Console
    from rich.table import Table

    out = Console()
    columns = {"R1@0.3": "0.3", "R1@0.5": "0.5", "R1@0.7": "0.7"}
    if "full" in metrics:
        table = Table(title="Moment retrieval, %")
        for name in ("windows", *columns, "mAP@0.5", "mAP@0.75", "mAP", "mIoU"):
            table.add_column(name, justify="left" if name == "windows" else "right")
        for name in ("full", "long", "middle", "short"):
            part = metrics[name]
            recall, precision = part["MR-R1"], part["MR-mAP"]
            values = [recall[column] for column in columns.values()]
            values += [precision["0.5"], precision["0.75"], precision["average"], part["MR-mIoU"]]
            table.add_row(name, *("–" if value is None else f"{value:.2f}" for value in values))
        out.print(table)
    if any(name in metrics for name in SALIENCY_LEVELS):
        table = Table(title="Highlight detection, %")
        table.add_column("positive clips")
        for name in ("mAP", "HIT@1"):
            table.add_column(name, justify="right")
        for name, level in SALIENCY_LEVELS.items():
            values = metrics[name]
            table.add_row(f"score ≥ {level} ({name[7:]})", f"{values['HL-mAP']:.2f}", f"{values['HL-Hit1']:.2f}")
        out.print(table)
