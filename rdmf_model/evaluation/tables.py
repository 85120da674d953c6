"""Metrics as tables for a terminal: one table per kind of label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rdmf_model.evaluation.highlights import SALIENCY_LEVELS
from rdmf_model.evaluation.moments import LENGTH_RANGES, UNBOUNDED
from rdmf_theory.support.terminal import printable

LENGTH_NAMES = {UNBOUNDED: "long, no bound"}
RULES = {
    "ego4d_nlq": "Ego4D NLQ (IoU above the threshold)",
    "didemo": "DiDeMo (chunks of 5 s, three annotators)",
}


def print_metrics(metrics: Mapping[str, Any]) -> None:
    """Prints the metrics as tables on stdout: windows by length, clips by saliency level or label, abstention."""
    from rich.console import Console

    out = Console()
    for table in (
        _moments(metrics),
        _first_five(metrics),
        _multi_moment(metrics),
        *(_figures(title, metrics[key]) for key, title in RULES.items() if key in metrics),
        _no_moment(metrics),
        _saliency(metrics),
        _labels(metrics),
    ):
        if table is not None:
            out.print(table)
    queries = metrics.get("queries", {})
    if queries.get("unlabelled"):
        print(f"{queries['unlabelled']} of {queries['all']} queries have no labels and count nowhere")
    if UNBOUNDED in metrics:
        longest = LENGTH_RANGES["long"][1]
        print(f'"long" ends at {longest:g} s, as in QVHighlights; "long, no bound" holds every window beyond 30 s')


def _table(title: str, first: str, columns: tuple[str, ...], rows: list[tuple[str, list[float | None]]]) -> Any:
    from rich.table import Table

    table = Table(title=title)
    table.add_column(first, justify="left")
    for name in columns:
        table.add_column(name, justify="right")
    for name, values in rows:
        table.add_row(name, *("–" if value is None else f"{value:.2f}" for value in values))
    return table


def _moments(metrics: Mapping[str, Any]) -> Any:
    if "full" not in metrics:
        return None
    rows = []
    for name, part in _parts(metrics):
        values = [part["MR-R1"][threshold] for threshold in ("0.3", "0.5", "0.7")]
        values += [part["MR-mAP"][key] for key in ("0.5", "0.75", "average")]
        rows.append((name, [*values, part["MR-mIoU"]]))
    columns = ("R1@0.3", "R1@0.5", "R1@0.7", "mAP@0.5", "mAP@0.75", "mAP", "mIoU")
    return _table("Moment retrieval, %", "windows", columns, rows)


def _first_five(metrics: Mapping[str, Any]) -> Any:
    if "full" not in metrics:
        return None
    thresholds = ("0.3", "0.5", "0.7")
    rows = [(name, [part["MR-R5"][threshold] for threshold in thresholds]) for name, part in _parts(metrics)]
    return _table("Best of the first five windows, %", "windows", tuple(f"R5@{t}" for t in thresholds), rows)


def _parts(metrics: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """(name for people, figures) of each length class that there is."""
    names = [name for name in ("full", UNBOUNDED, "long", "middle", "short") if name in metrics]
    return [(LENGTH_NAMES.get(name, name), metrics[name]) for name in names]


def _multi_moment(metrics: Mapping[str, Any]) -> Any:
    values = metrics.get("multi_moment")
    if values is None:
        return None
    names = ("G-mAP", "1_tgt_mAP", "2_tgt_mAP", ">=3_tgt_mAP", "mR@1", "mR@2", "mR@3", "mIoU@1", "mIoU@2", "mIoU@3")
    return _figures("Several moments of a query", {name: values[name] for name in names})


def _figures(title: str, values: Mapping[str, float | None]) -> Any:
    return _table(title, "", ("%",), [(name, [value]) for name, value in values.items()])


def _no_moment(metrics: Mapping[str, Any]) -> Any:
    values = metrics.get("no_moment")
    if values is None:
        return None
    names = ("AUROC", "F1", "precision", "recall")
    title = f"No moment: best score below {values['threshold']:.3g} (chosen on {values['chosen_on']})"
    return _figures(title, {name: values[name] for name in names})


def _saliency(metrics: Mapping[str, Any]) -> Any:
    if not any(name in metrics for name in SALIENCY_LEVELS):
        return None
    rows = [
        (f"score ≥ {level} ({name[7:]})", [metrics[name]["HL-mAP"], metrics[name]["HL-Hit1"]])
        for name, level in SALIENCY_LEVELS.items()
    ]
    return _table("Highlight detection, %", "positive clips", ("mAP", "HIT@1"), rows)


def _labels(metrics: Mapping[str, Any]) -> Any:
    values = metrics.get("labels")
    if values is None:
        return None
    rows: list[tuple[str, list[float | None]]] = [("all videos", [values["mAP"]])]
    if len(values["domains"]) > 1:
        rows += [(printable(name), [value]) for name, value in values["domains"].items()]
        rows.append(("mean of domains", [values["domain-mAP"]]))
    title = "Highlight detection, top-5 mAP, %" if values["rule"] == "top-5" else "Highlight detection, mAP, %"
    return _table(title, "videos", ("mAP",), rows)
