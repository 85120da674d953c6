"""How a benchmark is shown: Markdown tables of rows, of targets and of growth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rdmf_model.bench.contenders import MODULE

KINDS = {"forward": "forward", "both": "forward + backward", "step": "training step"}


def lines(report: Mapping[str, Any]) -> list[str]:
    """The whole report as Markdown."""
    described = ", ".join(f"{key}: {value}" for key, value in report["machine"].items())
    out = [f"`{report['command']}`", "", described]
    for run in report["runs"]:
        out += ["", f"B = {run['batch']}, T = {run['clips']}, C = {run['channels']}, N = {run['steps']}", ""]
        out += step_table(run["rows"]) if report["suite"] == "model" else layer_table(run["rows"])
        out += ["", limits_line(run["limits"])] if run.get("limits") else []
    if report["targets"]:
        out += ["", *target_table(report["targets"])]
    if report.get("growth"):
        out += ["", *growth_table(report["growth"])]
    return out


def layer_table(rows: list[dict[str, Any]]) -> list[str]:
    """Milliseconds, how many times the module's, peak memory, and how near to the limit that binds."""
    unit = next((row for row in rows if row["name"] == MODULE), None)
    out = [
        "| | forward, ms | / module | forward + backward, ms | / module | peak, fields | limit | limit, both |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [row["name"] + (" (extrapolated)" if row["extrapolated"] else "")]
        for kind in ("forward", "both"):
            ratio = "–" if unit is None else f"{row[f'{kind}_ms'] / unit[f'{kind}_ms']:.2f}"
            cells += [f"{row[f'{kind}_ms']:.2f}", ratio]
        cells.append("–" if row["peak_fields"] is None else f"{row['peak_fields']:.1f}")
        for kind in ("forward", "both"):
            share, binds = row[f"{kind}_of_limit"], row[f"{kind}_limit"]
            cells.append("–" if share is None else f"{share:.2f} {binds}")
        out.append(f"| {' | '.join(cells)} |")
    return out


def limits_line(limits: Mapping[str, Mapping[str, float | None]]) -> str:
    """What the machine did per second, forward / forward + backward."""
    units = {"slots": "G arithmetic slots/s", "divisions": "G divisions/s", "bytes": "GB/s"}
    parts = []
    for name, unit in units.items():
        rates = [limits[kind][name] for kind in ("forward", "both")]
        if None not in rates:
            parts.append(" / ".join(f"{rate / 1e9:.3g}" for rate in rates if rate is not None) + f" {unit}")
    return f"Limits measured in these rounds: {', '.join(parts)}."


def step_table(rows: list[dict[str, Any]]) -> list[str]:
    """Training steps."""
    out = ["| fusion | step, ms | / cross_attention | peak, MiB | parameters |", "|---|---|---|---|---|"]
    for row in rows:
        peak = "–" if row["peak_mib"] is None else f"{row['peak_mib']:.0f}"
        out.append(f"| {row['name']} | {row['step_ms']:.1f} | {row['ratio']:.2f} | {peak} | {row['parameters']:,} |")
    return out


def target_table(targets: list[dict[str, Any]]) -> list[str]:
    """Ratios beside their targets."""
    out = ["| ratio | T | N | pass | value | target | |", "|---|---|---|---|---|---|---|"]
    for row in targets:
        bound = "–" if row["target"] is None else f"{'≥' if row['at_least'] else '≤'} {row['target']:g}"
        met = {None: "", True: "met", False: "**missed**"}[row["met"]]
        where = f"{row['clips']} | {row['steps']} | {KINDS[row['pass']]}"
        out.append(f"| {row['name']} | {where} | {row['value']:.3g} | {bound} | {met} |")
    return out


def growth_table(growth: list[dict[str, Any]]) -> list[str]:
    """Fitted exponents."""
    out = ["| growth of | pass | along | from ... to | exponent |", "|---|---|---|---|---|"]
    for row in growth:
        axis = {"clips": "T", "steps": "N"}[row["along"]]
        span = f"{row['x'][0]} ... {row['x'][-1]}"
        out.append(f"| {row['name']} | {KINDS[row['pass']]} | {axis} | {span} | {row['exponent']:.2f} |")
    return out
