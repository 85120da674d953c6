"""Which fusion finds moments best? Every fusion on one data set: same heads, width, epochs, optimiser and selection.

    python -m benchmarks.fusions configs/msrvtt_moments.toml --seeds 2 --runs runs/msrvtt --jobs 2

trains each fusion with each seed by `rdmf train`, `--jobs` at a time (finished runs are kept, interrupted ones
resumed), and prints a Markdown table: mean over seeds ± sample standard deviation of the best epoch's metrics,
trained parameters, and seconds of the fastest epoch (other work on the machine only adds).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

FUSIONS = ("reaction_diffusion", "cross_attention", "self_attention", "convolution", "none")
METRICS = {
    "R1@0.5": "MR-full-R1@0.5",
    "R1@0.7": "MR-full-R1@0.7",
    "mAP": "MR-full-mAP",
    "HD mAP": "HL-min-VeryGood-mAP",
    "HIT@1": "HL-min-VeryGood-Hit1",
}


def run_folder(runs: Path, fusion: str, seed: int) -> Path:
    """Where the run of a fusion and seed lies."""
    return runs / f"{fusion}-{seed}"


def train(config: Path, runs: Path, fusion: str, seed: int) -> dict[str, Any]:
    """Train, resume or re-read one run; returns its result with the seconds of its fastest epoch."""
    folder = run_folder(runs, fusion, seed)
    result = folder / "result.json"
    if not result.exists():
        command = [sys.executable, "-m", "rdmf_model.cli", "train", str(config), "-o", str(folder), "--json"]
        command += ["--fusion", fusion, "--seed", str(seed), "--threads", "1"]
        command += ["--resume"] if (folder / "last.state").exists() else []
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)}\nexit {done.returncode}\n{done.stderr[-2000:]}")
        result.write_text(done.stdout)
    row = json.loads(result.read_text())
    seconds = [json.loads(line)["seconds"] for line in (folder / "log.jsonl").read_text().splitlines()]
    return {**row, "seconds_per_epoch": min(seconds)}


def cell(values: list[float]) -> str:
    """Mean ± sample standard deviation."""
    spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{spread}"


def table(rows: dict[str, list[dict[str, Any]]]) -> str:
    """The Markdown table."""
    lines = [f"| fusion | {' | '.join(METRICS)} | parameters | s/epoch |", "|---|" + "---|" * (len(METRICS) + 2)]
    for fusion, runs in rows.items():
        metrics = [cell([run["metrics"][key] for run in runs]) for key in METRICS.values()]
        seconds = min(run["seconds_per_epoch"] for run in runs)
        lines.append(f"| {fusion} | {' | '.join(metrics)} | {runs[0]['parameters']:,} | {seconds:.0f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--runs", type=Path, required=True, help="folder of the run folders")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--fusions", nargs="+", default=FUSIONS)
    arguments = parser.parse_args()
    arguments.runs.mkdir(parents=True, exist_ok=True)
    # seed by seed, so that an interrupted benchmark has every fusion as often as possible
    jobs = [(fusion, seed) for seed in range(arguments.seeds) for fusion in arguments.fusions]
    with ThreadPoolExecutor(arguments.jobs) as pool:
        results = list(pool.map(lambda job: train(arguments.config, arguments.runs, *job), jobs))
    rows: dict[str, list[dict[str, Any]]] = {fusion: [] for fusion in arguments.fusions}
    for (fusion, _), result in zip(jobs, results, strict=True):
        rows[fusion].append(result)
    print(table(rows))


if __name__ == "__main__":
    main()
