"""Suite `region`: how fast are certified regions? Paving against codac and a float grid, and screening, in one run.

One thread, CPU time, best of the repetitions, all contenders within one run. codac comes with the extra `bench`; where
it is absent its rows are skipped, visibly. It runs in a process of its own: importing it sets the processor's rounding
mode, and every float computed afterwards in that process is wrong in its last digit.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import multiprocessing
import platform
import resource
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from rdmf_model.bench.measure import machine as described
from rdmf_theory.regions.area import fixed_ratio_area
from rdmf_theory.regions.conditions import gray_scott_region
from rdmf_theory.regions.pave import pave
from rdmf_theory.regions.screening import screen
from rdmf_theory.support.extras import install_hint
from rdmf_theory.turing import classify_array

UPPER = (0.1, 0.08)
GAP = 2.6e-6
GRID = 4000
SETS = 4_000_000
PUBLISHED_SCREENING = 27_000
"""Parameter sets per second that a published screening tool for Turing instabilities states."""


def best_seconds(case: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Least CPU time of several runs, and the last result."""
    times, result = [], None
    for _ in range(repeats):
        start = time.process_time()
        result = case()
        times.append(time.process_time() - start)
    return min(times), result


def peak_bytes(case: Callable[[], Any]) -> int:
    """Largest memory that Python and numpy hold for one run beyond what was there; a run of its own, tracing slows."""
    tracemalloc.start()
    case()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def our_paving() -> Any:
    """The region at d = 2 to the area gap."""
    return pave(gray_scott_region().conditions, (0, 0), UPPER, gap=GAP)


def float_grid() -> float:
    """Area by counting the points of a grid: certifies nothing."""
    k = (np.arange(GRID) + 0.5) * UPPER[1] / GRID
    count = 0
    for first in range(0, GRID, 100):
        F = (np.arange(first, first + 100) + 0.5)[:, None] * UPPER[0] / GRID
        count += int(np.count_nonzero(classify_array(F, k, 1.0, 2.0, 1.0).name == "turing"))
    return count * UPPER[0] * UPPER[1] / GRID**2


def codac_cases() -> dict[str, Any]:
    """codac's separators (SepInverse) for the region, in two formulations."""
    c: Any = importlib.import_module("codac")

    x = c.VectorVar(2)
    F, k = x[0], x[1]
    w = F + k
    positive = c.Interval(0, math.inf)

    def holds(margin: Any) -> Any:
        return c.SepInverse(c.AnalyticFunction([x], margin), positive)

    ratio = c.sqr(w) / F
    root = c.sqrt(1 - 4 * ratio)
    z = F * (1 + root) / (2 * ratio * w)
    textbook = holds(1 - 4 * ratio) & holds(z - 1) & holds(2 - z) & holds(c.sqr(2 - z) - 8 * z * root)
    r = c.sqrt(8 * (1 - F / (2 * w)))
    hopf = holds(c.sqr(F) * k - c.pow(w, 4)) | holds(F - k)
    turing = holds(16 * c.pow(w, 3) * c.sqr(3 - r) - c.sqr(F) * c.sqr(4 - r))
    ours = holds(F - 4 * c.sqr(w)) & hopf & holds(2 * w - 2 * F) & turing
    return {"textbook conditions (u*, z, d_T)": textbook, "our root-free conditions": ours}


def codac_rows(gap: float) -> dict[str, dict[str, Any]]:
    """codac's paving to the gap by each formulation, in a new process; empty where codac is not installed."""
    if importlib.util.find_spec("codac") is None:
        return {}
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(_codac_rows, gap).result()


def _codac_rows(gap: float) -> dict[str, dict[str, Any]]:
    return {name: codac_to_the_gap(separator, gap) for name, separator in codac_cases().items()}


def codac_to_the_gap(separator: Any, wanted: float) -> dict[str, Any]:
    """codac's paving at the coarsest precision of a fine list that reaches the gap; only that run is timed."""
    c: Any = importlib.import_module("codac")

    def area(boxes: Any) -> float:
        # codac lists empty boxes too
        return math.fsum(box[0].diam() * box[1].diam() for box in boxes if not box.is_empty())

    for eps in (3e-4, 2e-4, 1.8e-4, 1.6e-4, 1.4e-4, 1.2e-4, 1e-4, 8e-5, 6e-5, 5e-5, 4.5e-5, 4e-5, 3.5e-5, 3e-5):
        start = time.process_time()
        box = c.IntervalVector([[0, UPPER[0]], [0, UPPER[1]]])
        paving = c.pave(box, separator, eps)
        seconds = time.process_time() - start
        gap, inner = area(paving.boxes(c.PavingInOut.bound)), area(paving.boxes(c.PavingInOut.inner))
        if gap <= wanted:
            return {"seconds": seconds, "eps": eps, "gap": gap, "inner": inner}
    raise RuntimeError("codac did not reach the gap at any precision of the list")


def random_sets(n: int) -> tuple[np.ndarray, ...]:
    """Random parameter sets (F, k, s, D_u, D_v)."""
    rng = np.random.default_rng(0)
    bounds = ((1e-3, 0.1), (1e-3, 0.08), (0.5, 2.0), (1.0, 9.0), (0.5, 1.0))
    return tuple(rng.uniform(low, high, n) for low, high in bounds)


def measure(repeats: int, sets: int) -> dict[str, Any]:
    """All figures of one run."""
    exact = fixed_ratio_area(2, 1, "0.1").mid
    our_paving()
    seconds, paving = best_seconds(our_paving, repeats)
    assert paving.volume[0] < exact < paving.volume[1]
    ours = {
        "seconds": seconds,
        "bounds": list(paving.volume),
        "gap": paving.gap,
        "boxes": paving.evaluations,
        "peak_bytes": peak_bytes(our_paving),
    }
    figures: dict[str, Any] = {"exact_area": exact, "gap": GAP, "ours": ours, "codac": {}}
    for name, row in codac_rows(GAP).items():
        figures["codac"][name] = row | {"times_slower": row["seconds"] / seconds}
    grid_seconds, grid_area = best_seconds(float_grid, 1)
    figures["grid"] = {
        "points": GRID**2,
        "seconds": grid_seconds,
        "times_slower": grid_seconds / seconds,
        "error": grid_area - exact,
        "peak_bytes": peak_bytes(float_grid),
    }
    values = random_sets(sets)
    screen_seconds, result = best_seconds(lambda: screen(*values), repeats)
    figures["screening"] = {
        "sets": sets,
        "sets_per_second": sets / screen_seconds,
        "published_sets_per_second": PUBLISHED_SCREENING,
        "turing": int(np.count_nonzero(result.turing_unstable)),
        "peak_bytes": peak_bytes(lambda: screen(*values)),
    }
    figures["peak_rss_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    figures["machine"] = machine()
    return figures


def machine() -> dict[str, str]:
    """Processor, load and versions."""
    versions = {}
    for name in ("numpy", "codac"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "absent"
    return {**described(), **versions, "system": platform.platform()}


def show(figures: dict[str, Any]) -> None:
    """The figures as text."""
    ours, grid, screening = figures["ours"], figures["grid"], figures["screening"]
    print(
        f"region d = 2, F <= {UPPER[0]}, k <= {UPPER[1]}, area gap <= {GAP:g}; exact area {figures['exact_area']:.13g}"
    )
    low, high = ours["bounds"]
    print(f"  ours         {1e3 * ours['seconds']:9.1f} ms  {ours['boxes']} boxes, certified {low:.6g} to {high:.6g}")
    if not figures["codac"]:
        print(f"  codac        SKIPPED: not installed. {install_hint('bench')}")
    for name, row in figures["codac"].items():
        words = f"gap {row['gap']:.2g} at eps {row['eps']:g}, {name}"
        print(f"  codac        {1e3 * row['seconds']:9.1f} ms  {row['times_slower']:6.1f} times slower: {words}")
    words = f"{GRID}^2 points, error {grid['error']:+.1e}, certifies nothing"
    print(f"  float grid   {1e3 * grid['seconds']:9.1f} ms  {grid['times_slower']:6.1f} times slower: {words}")
    rate = screening["sets_per_second"]
    words = f"{rate / PUBLISHED_SCREENING:.0f} times the {PUBLISHED_SCREENING} of a published tool"
    print(f"screening, all margins: {rate / 1e6:.1f} million parameter sets/s on one core, {words}")
    parts = {"paving": ours, "grid": grid, f"screening of {screening['sets']} sets": screening}
    memory = ", ".join(f"{name} {row['peak_bytes'] / 2**20:.1f} MiB" for name, row in parts.items())
    print(f"memory: {memory}; whole process {figures['peak_rss_bytes'] / 2**20:.0f} MiB")
    print(", ".join(f"{name} {value}" for name, value in figures["machine"].items()))
