"""The benchmark runs and its figures are what it says they are."""

import json
import os
import subprocess
import sys

import pytest

from rdmf_model.ops.reaction_diffusion import available_backends


def test_the_layer_benchmark_runs(repository, tmp_path):
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "benchmarks.layer", "--repeats", "1", "--json", str(report)]
    command += ["--batch", "2", "--clips", "5", "--channels", "16", "--steps", "3"]
    environment = os.environ | {"PYTHONPATH": str(repository)}
    done = subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (run,) = json.loads(report.read_text())["runs"]
    rows = run["rows"]
    backends = [f"core, {name}" for name in reversed(available_backends("cpu"))]
    assert [row["name"] for row in rows] == [*backends, "cross-attention + LN", "bare attention product"]
    for row in rows:
        assert row["forward_ms"] > 0
        assert row["both_ratio"] == pytest.approx(row["both_ms"] / rows[0]["both_ms"])
        assert row["name"] in done.stdout
