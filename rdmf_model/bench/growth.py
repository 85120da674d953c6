"""Suite `growth`: cost of core and module against T and against N, exponents fitted, and a picture."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rdmf_model.bench.contenders import CROSS, MODULE, SELF
from rdmf_model.bench.layer import measure_shape
from rdmf_model.bench.measure import Tick, silent
from rdmf_model.bench.shape import Shape

STEPS = (4, 8, 16, 32, 64)
AXES = {"clips": "clips T (B = 1, N = {steps})", "steps": "steps N (B = 1, T = {clips})"}
# Self-attention beyond this is not waited for.
LONGEST_SELF = 4096


def growth_suite(
    clips: Sequence[int],
    channels: int,
    steps: int,
    repeats: int,
    device: str = "cpu",
    tick: Tick = silent,
) -> dict[str, Any]:
    """Rows over T at `steps` steps and over N in `STEPS` at the smallest T; the exponent p of cost ~ T^p or N^p.

    Returns: {"runs": [shape and rows], "growth": [{"along", "name", "pass", "x", "ms", "exponent"}], "targets": []}.
    """
    shapes = [Shape(1, length, channels, steps) for length in sorted(clips)]
    shapes += [Shape(1, min(clips), channels, count) for count in STEPS if count != steps]

    def pick(name: str, length: int) -> bool:
        fast = name.startswith("core") and "reference" not in name and "adjoint" not in name
        return fast or name in (MODULE, CROSS) or (name == SELF and length <= LONGEST_SELF)

    runs = []
    for shape in shapes:
        wanted = partial(pick, length=shape.clips)
        runs.append(measure_shape(shape, repeats, device, tick, wanted, memory=False))
    growth = curves(runs, "clips", steps=steps) + curves(runs, "steps", clips=min(clips))
    return {"runs": runs, "growth": growth, "targets": []}


def curves(runs: Sequence[dict[str, Any]], along: str, **fixed: int) -> list[dict[str, Any]]:
    """Cost of each contender along one axis, with the least-squares slope of log cost against log x."""
    points: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for run in runs:
        if all(run[key] == value for key, value in fixed.items()):
            for row in run["rows"]:
                for kind in ("forward", "both"):
                    points.setdefault((row["name"], kind), []).append((run[along], row[f"{kind}_ms"]))
    found = []
    for (name, kind), values in points.items():
        x, cost = (list(column) for column in zip(*sorted(values), strict=True))
        if len(x) > 1:
            exponent = float(np.polyfit(np.log(x), np.log(cost), 1)[0])
            entry = {"along": along, "name": name, "pass": kind, "x": x, "ms": cost, "exponent": exponent}
            found.append(entry | {"fixed": fixed})
    return found


def draw_growth(growth: Sequence[dict[str, Any]], path: Path) -> None:
    """Forward + backward in ms against T and against N, doubly logarithmic, with a line of slope 1."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    looks = [("black", "-", "o"), ("black", "--", "s"), ("0.45", "-", "^"), ("0.45", ":", "D")]
    axes = figure.subplots(1, 2)
    for axis, (along, words) in zip(axes, AXES.items(), strict=True):
        here = [entry for entry in growth if entry["along"] == along and entry["pass"] == "both"]
        for entry, (colour, line, marker) in zip(here, looks, strict=False):
            label = f"{entry['name']}: {entry['exponent']:.2f}"
            axis.loglog(entry["x"], entry["ms"], color=colour, linestyle=line, marker=marker, markersize=4, label=label)
        if here:
            x = np.array([here[0]["x"][0], here[0]["x"][-1]], dtype=float)
            low = 0.6 * min(entry["ms"][0] for entry in here)
            axis.loglog(x, low * x / x[0], color="0.7", linewidth=1, label="slope 1")
            axis.set_xticks(here[0]["x"], [str(value) for value in here[0]["x"]])
            axis.set_xticks([], minor=True)
            axis.set_xlabel(words.format(**here[0]["fixed"]))
        axis.set_ylabel("forward + backward, ms")
        axis.legend(title="exponent fitted to the points", fontsize=8, title_fontsize=8, frameon=False)
    figure.savefig(path, dpi=130)
