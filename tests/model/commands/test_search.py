"""`rdmf sweep-train`: the same table whoever trains, killed searches go on, bad choices are named."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("optuna", reason="needs Optuna: pip install 'rdmf[search]'")

from rdmf_model.cli import main
from rdmf_model.training.search import TABLE, Choice, search
from rdmf_theory.errors import ParameterError
from tests.model.tiny_data import tiny_document, write_tiny_data

SMALL = ["train.epochs=1"]
CHOICES = [Choice.parse("train.learning_rate=1e-4:1e-2:log"), Choice.parse("model.fusion=none,convolution")]


def bare(rows):
    return [(row["trial"], row["settings"], row["score"], row["metrics"]) for row in rows]


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> Path:
    """A file on a data set of a few queries."""
    folder = write_tiny_data(tmp_path_factory.mktemp("tiny"))
    lines = []
    for name, value in tiny_document(folder).items():
        if isinstance(value, dict):
            lines += [f"[{name}]", *(f"{key} = {json.dumps(item)}" for key, item in value.items())]
        else:
            lines.insert(0, f"{name} = {json.dumps(value)}")
    (folder / "tiny.toml").write_text("\n".join(lines) + "\n")
    return folder / "tiny.toml"


@pytest.fixture(scope="module")
def alone(tmp_path_factory, config):
    return search(config, tmp_path_factory.mktemp("alone"), CHOICES, 3, settings=SMALL, seed=5)


def test_the_table_is_sorted_and_every_trial_is_a_run(alone):
    scores = [row["score"] for row in alone]
    assert scores == sorted(scores, reverse=True)
    assert {row["trial"] for row in alone} == {0, 1, 2}
    assert len({row["settings"]["train.learning_rate"] for row in alone}) == 3
    assert all(1e-4 <= row["settings"]["train.learning_rate"] <= 1e-2 for row in alone)


def test_processes_and_a_cluster_give_the_same_table(alone, config, tmp_path):
    assert bare(search(config, tmp_path / "two", CHOICES, 3, settings=SMALL, seed=5, jobs=2)) == bare(alone)
    distributed = pytest.importorskip("distributed", reason="needs dask.distributed: pip install 'rdmf[cluster]'")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        found = search(config, tmp_path / "cluster", CHOICES, 3, settings=SMALL, seed=5, cluster=client)
    assert bare(found) == bare(alone)


def test_a_killed_search_goes_on(alone, config, tmp_path):
    folder = tmp_path / "killed"
    vary = [part for choice in ("train.learning_rate=1e-4:1e-2:log", "model.fusion=none,convolution")
            for part in ("--vary", choice)]  # fmt: skip
    sets = [part for setting in SMALL for part in ("--set", setting)]
    command = ["sweep-train", str(config), "-o", str(folder), "--trials", "3", "--seed", "5", *vary, *sets]
    running = subprocess.Popen([sys.executable, "-m", "rdmf_model.cli", *command], start_new_session=True)
    deadline = time.time() + 120
    while not (folder / "trial-0001").exists() and time.time() < deadline:
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert not (folder / TABLE).exists()
    before = (folder / "trial-0000" / "best.safetensors").stat().st_mtime_ns
    assert main(command) == 0
    assert (folder / "trial-0000" / "best.safetensors").stat().st_mtime_ns == before, "not trained again"
    assert bare(json.loads((folder / TABLE).read_text())) == bare(alone)


def test_a_trial_that_fails_is_a_row(config, tmp_path, capsys):
    command = ["sweep-train", str(config), "-o", str(tmp_path / "sweep"), "--trials", "2", "--json"]
    command += ["--vary", "model.steps=-3,-2", *(part for setting in SMALL for part in ("--set", setting))]
    assert main(command) == 2
    captured = capsys.readouterr()
    assert "no trial could be trained" in captured.out + captured.err


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "x=",
        "x=1:",
        "x=2:1",
        "x=1:2:3",
        "x=a:b",
        "x=1:2:lin",
        "x=0:1:log",
        "x=1.5:2:int",
        "x=a,,b",
        "=1:2",
        "x=nan:1",
    ],
)
def test_choices_that_are_none(text):
    with pytest.raises(ParameterError, match="--vary"):
        Choice.parse(text)


def test_a_folder_of_another_search_is_refused(config, tmp_path):
    search(config, tmp_path, CHOICES[1:], 1, settings=SMALL)
    with pytest.raises(ParameterError, match="holds a search over"):
        search(config, tmp_path, CHOICES, 1, settings=SMALL)
