"""All metrics of predictions on a ground truth: which tables apply is read from the records themselves.

| records with | are measured by |
|---|---|
| `relevant_windows` | R1, R5, mIoU, mAP, by length too (`moments`); with several windows G-mAP, mR@k (`multi_moment`) |
| `relevant_windows` empty ("nothing matches") | AUROC and F1 of "no moment" (`abstention`) |
| `saliency_scores` | mAP and HIT@1 at three levels (`highlights`) |
| `label` | top-5 mAP (graded) or mAP (0 and 1), by domain (`label_highlights`) |
| `times` (DiDeMo), `benchmark` (Ego4D NLQ) | the set's own rules besides (`own_rules`) |

Each table is over the queries that have its labels; "queries" says how many these are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rdmf_model.evaluation.abstention import abstention
from rdmf_model.evaluation.highlights import highlight_detection
from rdmf_model.evaluation.label_highlights import label_highlights
from rdmf_model.evaluation.moments import UNBOUNDED, moment_retrieval
from rdmf_model.evaluation.multi_moment import multi_moment
from rdmf_model.evaluation.own_rules import didemo, ego4d_nlq
from rdmf_model.evaluation.predictions import check_predictions
from rdmf_theory.errors import DataError

Record = Mapping[str, Any]
Pairs = list[tuple[Record, Record]]


def evaluate_predictions(
    predictions: Sequence[Record],
    ground_truth: Sequence[Record],
    clip_length: float = 2.0,
    sources: Sequence[str] | None = None,
    no_moment_threshold: float | None = None,
) -> dict[str, Any]:
    """All metrics of a set of predictions, in percent, rounded to two decimals as the reference.

    Arguments:
        predictions: one record per query with `qid` and `pred_relevant_windows` [[start, end, score], ...] (seconds,
            best first), `pred_saliency_scores` (one per clip), or both.
        ground_truth: annotation records with the same qids.
        clip_length: seconds per annotated clip.
        sources: how to name each prediction in a message, default `predictions[i]`.
        no_moment_threshold: for the F1 of "no moment", as chosen on validation data; None chooses it here.

    Returns: `{"brief": {...}, "queries": {...}, "HL-min-Fair": {"HL-mAP", "HL-Hit1"}, ..., "full": {"MR-mIoU",
        "MR-mAP", "MR-R1", "MR-R5"}, "long": ..., "multi_moment": ..., "no_moment": ..., "labels": ...}`, each where it
        applies; None stands where no ground truth is of that length.
    Raises: DataError if qids repeat or do not match, a prediction is malformed or has no window (the reference
        crashes there), or there is nothing to evaluate.
    """
    by_qid = check_predictions(predictions, sources or [f"predictions[{index}]" for index in range(len(predictions))])
    truth = {str(record["qid"]): record for record in ground_truth}
    _check_qids(by_qid, truth, len(ground_truth))
    pairs = [(by_qid[qid], record) for qid, record in truth.items()]
    tables: dict[str, Any] = {}
    if "pred_saliency_scores" in pairs[0][0]:
        tables |= _clip_tables(pairs, clip_length)
    if "pred_relevant_windows" in pairs[0][0]:
        tables |= _window_tables(pairs, no_moment_threshold)
    if not tables:
        raise DataError(
            "nothing to evaluate: predictions need pred_relevant_windows where the ground truth has relevant_windows, "
            "or pred_saliency_scores where it has saliency_scores or label."
        )
    return {"brief": _brief(tables), "queries": count_queries(ground_truth), **tables}


def can_be_measured(record: Record) -> bool:
    """Whether a ground-truth record has any label that a table is about."""
    return record.get("relevant_windows") is not None or bool(record.get("saliency_scores")) or _has_label(record)


def count_queries(records: Sequence[Record]) -> dict[str, int]:
    """How many queries have which labels."""
    return {
        "all": len(records),
        "with windows": sum(bool(record.get("relevant_windows")) for record in records),
        "nothing matches": sum(record.get("relevant_windows") == [] for record in records),
        "saliency": sum(bool(record.get("saliency_scores")) for record in records),
        "label": sum(map(_has_label, records)),
        "unlabelled": sum(not can_be_measured(record) for record in records),
    }


def _has_label(record: Record) -> bool:
    return not record.get("saliency_scores") and bool(record.get("label"))


def _clip_tables(pairs: Pairs, clip_length: float) -> dict[str, Any]:
    scored = [pair for pair in pairs if pair[1].get("saliency_scores")]
    labelled = [pair for pair in pairs if _has_label(pair[1])]
    tables: dict[str, Any] = highlight_detection(scored, clip_length) if scored else {}
    return tables | ({"labels": label_highlights(labelled)} if labelled else {})


def _window_tables(pairs: Pairs, no_moment_threshold: float | None) -> dict[str, Any]:
    found = [pair for pair in pairs if pair[1].get("relevant_windows")]
    nothing = [pair for pair in pairs if pair[1].get("relevant_windows") == []]
    tables: dict[str, Any] = moment_retrieval(found) if found else {}
    if any(len(record["relevant_windows"]) > 1 for _, record in found):
        tables["multi_moment"] = multi_moment(found)
    if found and all(record.get("benchmark") == "ego4d_nlq" for _, record in found):
        tables["ego4d_nlq"] = ego4d_nlq(found)
    if found and all(record.get("times") for _, record in found):
        tables["didemo"] = didemo(found)
    if nothing:
        tables["no_moment"] = abstention([*found, *nothing], no_moment_threshold)
    return tables


def _check_qids(predictions: Mapping[str, Record], truth: Mapping[str, Record], records: int) -> None:
    if not truth:
        raise DataError("the ground truth is empty: it must hold at least one query.")
    if len(truth) != records:
        raise DataError(f"the ground truth has {records - len(truth)} repeated qid. Give each query its own qid.")
    missing = [qid for qid in truth if qid not in predictions]
    unknown = [qid for qid in predictions if qid not in truth]
    for qids, what in ((missing, "have no prediction"), (unknown, "are predicted but not in the ground truth")):
        if qids:
            listed = ", ".join(qids[:5]) + (", ..." if len(qids) > 5 else "")
            raise DataError(
                f"predictions and ground truth must have the same qids: {len(qids)} {what} ({listed}). "
                "Use files of one split."
            )


def _brief(tables: Mapping[str, Any]) -> dict[str, float | None]:
    brief: dict[str, float | None] = {}
    if "full" in tables:
        full = tables["full"]
        brief |= {f"MR-full-R1@{threshold}": full["MR-R1"][threshold] for threshold in ("0.3", "0.5", "0.7")}
        brief |= {f"MR-full-R5@{threshold}": full["MR-R5"][threshold] for threshold in ("0.3", "0.5", "0.7")}
        brief["MR-full-mAP"] = full["MR-mAP"]["average"]
        brief |= {f"MR-full-mAP@{threshold}": full["MR-mAP"][threshold] for threshold in ("0.5", "0.75")}
        brief["MR-full-mIoU"] = full["MR-mIoU"]
        lengths = [name for name in (UNBOUNDED, "long", "middle", "short") if name in tables]
        brief |= {f"MR-{name}-mAP": tables[name]["MR-mAP"]["average"] for name in lengths}
    if "multi_moment" in tables:
        brief |= {f"MM-{name}": tables["multi_moment"][name] for name in ("G-mAP", "mR@1", "mR@2", "mR@3")}
    if "no_moment" in tables:
        brief |= {f"NM-{name}": tables["no_moment"][name] for name in ("AUROC", "F1", "threshold")}
    for name, values in tables.items():
        if name.startswith("HL-"):
            brief |= {f"{name}-mAP": values["HL-mAP"], f"{name}-Hit1": values["HL-Hit1"]}
    if "labels" in tables:
        name = "HL-top5-mAP" if tables["labels"]["rule"] == "top-5" else "HL-mAP"
        brief |= {name: tables["labels"]["mAP"], f"{name}-domains": tables["labels"]["domain-mAP"]}
    for key in ("ego4d_nlq", "didemo"):
        brief |= {f"{key}-{name}": value for name, value in tables.get(key, {}).items()}
    return brief
