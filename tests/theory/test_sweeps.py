"""Sweeps: the rows are those of one process, whoever computes them; files in, files out, whole or not at all."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rdmf_model.cli import main
from rdmf_theory import sweeps
from rdmf_theory.chart import PatternDesign
from rdmf_theory.errors import ParameterError
from rdmf_theory.regions.admissible import COORDINATES, DEFAULT_REGION
from rdmf_theory.sweeps import grid_points, sweep
from rdmf_theory.turing import classify

GRID = grid_points({"F": np.linspace(0.04, 0.1, 90), "k": np.linspace(0.055, 0.065, 70)})


def test_rows_follow_the_points() -> None:
    rows = list(sweep(GRID))
    assert [(row["F"], row["k"]) for row in rows] == [(point["F"], point["k"]) for point in GRID]
    for i in range(0, len(rows), 487):
        exact = classify(rows[i]["F"], rows[i]["k"], 1, 2, 1)
        assert rows[i]["classification"] == exact.name
        if exact.conditions["turing"].margin is not None:
            assert rows[i]["margin_turing"] == pytest.approx(exact.conditions["turing"].margin, rel=1e-6, abs=1e-9)
    assert {row["classification"] for row in rows} >= {"turing", "stable", "no-state"}


def test_designs_are_judged_by_the_region() -> None:
    points = grid_points({**dict(zip(COORDINATES, ([0.4], [1.2], [0.9, 1.5], [12.0, 50.0], [0.2]), strict=True))})
    rows = list(sweep(points, "design"))
    want = [DEFAULT_REGION.contains(PatternDesign(**point)) for point in points]
    assert [row["admissible"] for row in rows] == want == [False, False, True, False]


def same(rows: list[dict[str, Any]], others: list[dict[str, Any]]) -> bool:
    return json.dumps(rows) == json.dumps(others)


def test_two_processes_give_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeps, "CHUNK", 500)
    seen: list[int] = []
    rows = list(sweep(GRID, jobs=2, progress=seen.append))
    assert same(rows, list(sweep(GRID)))
    assert seen == sorted(seen)
    assert seen[-1] == len(GRID)


def test_a_cluster_gives_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed", reason="needs dask.distributed, the extra cluster")
    monkeypatch.setattr(sweeps, "CHUNK", 700)
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None, protocol="tcp"
    ) as cluster:
        assert same(list(sweep(GRID, cluster=cluster.scheduler_address)), list(sweep(GRID)))
        with distributed.Client(cluster) as client:
            assert same(list(sweep(GRID[:1500], cluster=client)), list(sweep(GRID[:1500])))


BAD: dict[str, tuple[Callable, str]] = {
    "question": (lambda: sweep(GRID, "colour"), "question must be one of"),
    "jobs": (lambda: sweep(GRID, jobs=0), "jobs must be"),
    "values": (lambda: list(sweep([{"F": -1.0, "k": 0.06}])), "F must be finite and positive"),
}


@pytest.mark.parametrize(("action", "message"), BAD.values(), ids=BAD)
def test_bad_sweeps_are_named(action: Callable, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        action()


def test_command_on_a_grid(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    output = tmp_path / "sweep.csv"
    arguments = ["sweep", "--range", "F=0.05:0.06:5", "--range", "k=0.06:0.062:3", "--range", "D_u=3"]
    assert main([*arguments, "-o", str(output), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    rows = list(csv.DictReader(output.read_text().splitlines()))
    assert answer["points"] == len(rows) == 15
    assert sum(answer["answers"].values()) == 15
    assert [float(row["F"]) for row in rows[:4]] == pytest.approx([0.05, 0.05, 0.05, 0.0525])
    assert {row["D_u"] for row in rows} == {"3.0"}
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.csv"]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_command_on_a_file(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    points, output = tmp_path / f"points.{kind}", tmp_path / "out.jsonl"
    text = (
        "F,k\n0.055,0.062\n0.05,0.063\n" if kind == "csv" else '{"F": 0.055, "k": 0.062}\n\n{"F": 0.05, "k": 0.063}\n'
    )
    points.write_text(text)
    assert main(["sweep", "--points", str(points), "-o", str(output)]) == 0
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert [row["classification"] for row in rows] == ["turing", "no-state"]
    # there is no state, so no margin: null, never NaN
    assert rows[1]["margin_turing"] is None
    assert "2 points: 1 turing, 1 no-state" in capsys.readouterr().out


REFUSED = {
    "unknown column": ("F,k,q\n1,1,1\n", 3, "points.csv:2: needs F, k"),
    "missing column": ("F\n1\n", 3, "points.csv:2: needs F, k"),
    "no number": ("F,k\n1,x\n", 3, "points.csv:2: every value must be a number"),
    "short line": ("F,k\n1\n", 3, "points.csv:2: every value must be a number"),
    "no points": ("F,k\n", 3, "holds no points"),
    "negative": ("F,k\n0.05,-1\n", 2, "k must be finite and not negative"),
}


@pytest.mark.parametrize(("text", "code", "message"), REFUSED.values(), ids=REFUSED)
def test_bad_files_leave_no_output(
    text: str, code: int, message: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    points = tmp_path / "points.csv"
    points.write_text(text)
    assert main(["sweep", "--points", str(points), "-o", str(tmp_path / "out.csv")]) == code
    assert message in capsys.readouterr().err.replace("\n", " ")
    assert [path.name for path in tmp_path.iterdir()] == ["points.csv"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--points or --range"),
        (["--range", "F=1:2"], "NAME=LOW:HIGH:COUNT"),
        (["--range", "F=1:2:2.5"], "NAME=LOW:HIGH:COUNT"),
        (["--range", "F=1:2:2"], "Missing: k"),
        (["--range", "q=1:2:2"], "each once"),
        (["--range", "F=1", "--range", "F=2"], "each once"),
        (["--range", "F=0.05", "--range", "k=0.06", "--cluster", "tcp://127.0.0.1:9"], "--cluster"),
    ],
    ids=["nothing", "two numbers", "fractional count", "missing", "unknown", "twice", "no scheduler"],
)
def test_bad_options_are_usage_errors(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "CONNECT_SECONDS", 0.3)
    assert main(["sweep", *arguments, "-o", str(tmp_path / "out.csv")]) == 2
    assert message in capsys.readouterr().err.replace("\n", " ")


def test_other_suffixes_are_refused(tmp_path: Path) -> None:
    assert main(["sweep", "--range", "F=1", "--range", "k=1", "-o", str(tmp_path / "out.txt")]) == 2
