"""Suite `layer`: the core and the whole module beside attention, at several numbers of clips."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from rdmf_model.bench.contenders import CROSS, CROSS_FFN, MODULE, SELF, Contender, Prepared, contenders
from rdmf_model.bench.limits import Limits, fraction, limit_cases, limits_from
from rdmf_model.bench.measure import Case, Tick, interleaved_milliseconds, peak_bytes, silent
from rdmf_model.bench.shape import Shape

PASSES = ("forward", "both")
# name of the ratio: numerator, denominator (of rows at the same T and N), largest value for forward and for both
TARGETS = {
    "module / cross-attention": (MODULE, CROSS, (0.8, 0.9)),
    "module / cross-attention + FFN": (MODULE, CROSS_FFN, (0.3, 0.3)),
    "module / self-attention layer": (MODULE, SELF, (None, None)),
}
SELF_TARGET = 0.01, 65536
EAGER_TARGETS = (25.0, 20.0)
EAGER_STEPS = 32
FIELDS_TARGET = 6.0
LIMIT_TARGET = 0.5


def batch_for(clips: int, most: int = 32, together: int = 8192) -> int:
    """Videos per batch: 32 short ones, of long ones as many as make 8192 clips together."""
    return max(1, min(most, together // clips))


def measure_shape(
    shape: Shape,
    repeats: int,
    device: str = "cpu",
    tick: Tick = silent,
    pick: Callable[[str], bool] = lambda name: True,
    *,
    compiled: bool = False,
    memory: bool = True,
) -> dict[str, Any]:
    """One row per contender: milliseconds forward and forward + backward, peak memory in (B, T, C) float32 fields.

    Returns: the shape, "rows", and "limits" of the machine for each pass, measured between the contenders.
    """
    entries = [entry for entry in contenders(shape, device, compiled=compiled) if pick(entry.name)]
    cases: dict[str, dict[str, Case]] = {kind: {} for kind in PASSES}
    for entry in entries:
        cases["forward"][entry.name], cases["both"][entry.name] = forward_and_both(entry.prepare())
    peaks = {name: peak_bytes(case, device) if memory else None for name, case in cases["both"].items()}
    judges = limit_cases(device)
    times = {kind: interleaved_milliseconds(cases[kind] | judges, repeats, device, tick) for kind in PASSES}
    limits = {kind: limits_from({name: times[kind][name] for name in judges}, device) for kind in PASSES}
    field = 4 * shape.batch * shape.clips * shape.channels
    rows = [_row(entry, times, peaks[entry.name], field, limits) for entry in entries]
    # a rate without limit is no number in JSON
    described = {
        kind: {name: rate if math.isfinite(rate) else None for name, rate in limits[kind]._asdict().items()}
        for kind in PASSES
    }
    return {**shape._asdict(), "rows": rows, "limits": described}


def forward_and_both(prepared: Prepared) -> tuple[Case, Case]:
    """Forward without gradients, and forward with all gradients for fixed random cotangents."""
    run, leaves = prepared
    forward = torch.no_grad()(run)
    cotangents = [torch.randn_like(y) for y in forward()]

    def both() -> object:
        return torch.autograd.grad(run(), leaves, cotangents)

    return forward, both


def _row(
    entry: Contender, times: dict[str, dict[str, float]], peak: int | None, field: int, limits: dict[str, Limits]
) -> dict[str, Any]:
    row: dict[str, Any] = {"name": entry.name}
    for kind in PASSES:
        row[f"{kind}_ms"] = times[kind][entry.name]
        share, binds = fraction(entry.work[kind], limits[kind], row[f"{kind}_ms"]) if entry.work else (None, None)
        row |= {f"{kind}_of_limit": share, f"{kind}_limit": binds}
    return row | {"peak_fields": None if peak is None else peak / field, "extrapolated": False}


def layer_suite(
    clips: Sequence[int],
    steps: Sequence[int],
    channels: int,
    batch: int | None,
    repeats: int,
    device: str = "cpu",
    tick: Tick = silent,
    *,
    compiled: bool = False,
) -> dict[str, Any]:
    """Rows at every T for the first N; at the first T also for the other N, where only cores are compared.

    Returns: {"runs": [shape and rows], "targets": [ratio, its target, whether it is met]}.
    """
    runs = []
    for number, length in enumerate(clips):
        for count in steps if number == 0 else steps[:1]:
            shape = Shape(batch or batch_for(length), length, channels, count)
            pick = partial(_is_wanted, cores_only=count != steps[0])
            # long cases are steady: fewer repetitions do
            rounds = repeats if length * shape.batch <= 8192 else max(1, repeats // 2)
            runs.append(measure_shape(shape, rounds, device, tick, pick, compiled=compiled))
    extrapolate_self_attention(runs)
    return {"runs": runs, "targets": judge(runs)}


def _is_wanted(name: str, cores_only: bool) -> bool:
    return name.startswith("core") or not cores_only


def extrapolate_self_attention(runs: list[dict[str, Any]]) -> None:
    """Self-attention where it takes too long to wait for: per clip a + b T, through the two longest measured T."""
    known = {}
    for run in runs:
        for row in run["rows"]:
            if row["name"] == SELF:
                known[run["clips"]] = run["batch"] * run["clips"], row
    if len(known) < 2:
        return
    (near, (near_clips, near_row)), (far, (far_clips, far_row)) = sorted(known.items())[-2:]
    for run in runs:
        if run["clips"] in known or not any(row["name"] == CROSS for row in run["rows"]):
            continue
        row: dict[str, Any] = {"name": SELF, "peak_fields": None, "extrapolated": True}
        for kind in PASSES:
            first, second = near_row[f"{kind}_ms"] / near_clips, far_row[f"{kind}_ms"] / far_clips
            slope = max(0.0, (second - first) / (far - near))
            per_clip = second + slope * (run["clips"] - far)
            row |= {f"{kind}_ms": per_clip * run["batch"] * run["clips"]}
            row |= {f"{kind}_of_limit": None, f"{kind}_limit": None}
        run["rows"].append(row)


def judge(runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every ratio that has a target, and whether it is met."""
    found = []

    def add(run: dict[str, Any], name: str, kind: str, value: float, bound: float | None, least: bool = False) -> None:
        met = None if bound is None else value >= bound if least else value <= bound
        where = {"clips": run["clips"], "steps": run["steps"], "name": name, "pass": kind}
        found.append(where | {"value": value, "target": bound, "at_least": least, "met": met})

    for run in runs:
        rows = {row["name"]: row for row in run["rows"]}
        for name, (above, below, bounds) in TARGETS.items():
            for kind, bound in zip(PASSES, bounds, strict=True):
                if above in rows and below in rows:
                    if below == SELF and run["clips"] >= SELF_TARGET[1]:
                        bound = SELF_TARGET[0]
                    add(run, name, kind, rows[above][f"{kind}_ms"] / rows[below][f"{kind}_ms"], bound)
        cores = [row for row in run["rows"] if row["name"].startswith("core")]
        if not cores:
            continue
        best, eager = cores[0], rows.get("core, reference")
        for kind, bound in zip(PASSES, EAGER_TARGETS, strict=True):
            if eager is not None and eager is not best:
                ratio = eager[f"{kind}_ms"] / best[f"{kind}_ms"]
                add(run, "eager / core", kind, ratio, bound if run["steps"] == EAGER_STEPS else None, least=True)
            if best[f"{kind}_of_limit"] is not None and math.isfinite(best[f"{kind}_of_limit"]):
                add(run, "core's fraction of the limit", kind, best[f"{kind}_of_limit"], LIMIT_TARGET, least=True)
        if best["peak_fields"] is not None:
            add(run, "core's peak memory, fields", "both", best["peak_fields"], FIELDS_TARGET)
    return found
