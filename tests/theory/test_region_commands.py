"""`rdmf region`: paving, robustness, distance, samples and exports, in process."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rdmf_model.cli import main
from rdmf_theory.errors import ParameterError
from rdmf_theory.regions.area import fixed_ratio_area
from rdmf_theory.regions.conditions import gray_scott_region
from rdmf_theory.regions.pave import pave
from rdmf_theory.regions.plots import plot_paving
from rdmf_theory.turing import classify


def answer(capsys: pytest.CaptureFixture, *arguments: str, code: int = 0) -> dict[str, Any]:
    assert main(["region", "--strips", "4", *arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_paving_bounds_the_area(capsys: pytest.CaptureFixture) -> None:
    paving = answer(capsys, "--F-max", "0.1", "--gap", "2.6e-6")["paving"]
    assert paving["volume"][0] < 1.695974150220721e-05 < paving["volume"][1]
    assert paving["gap"] <= 2.6e-6
    assert paving["complete"]
    other = answer(capsys, "--d", "4", "--s", "2", "--gap", "1e-4")["paving"]
    assert other["volume"][0] < fixed_ratio_area(4, 2).mid < other["volume"][1]


def test_robust_answers_and_exit_codes(capsys: pytest.CaptureFixture) -> None:
    intervals = ["--robust", "F=0.0549:0.0551", "--robust", "k=0.06198:0.06202"]
    assert answer(capsys, *intervals)["robust"]["verdict"] == "certified"
    refused = answer(capsys, *intervals, "--robust", "d=1.5:2", code=1)["robust"]
    assert refused["verdict"] == "refuted"
    F, k, d = refused["witness"]
    assert classify(F, k, 1, d, 1).name != "turing"


def test_distance_and_samples(capsys: pytest.CaptureFixture) -> None:
    result = answer(capsys, "--distance", "0.055,0.062", "--sample", "20", "--seed", "3")
    assert result["distance"]["inside"] is True
    assert 4.7e-5 < result["distance"]["lower"] <= result["distance"]["upper"] < 4.8e-5
    assert len(result["samples"]) == 20
    assert all(classify(F, k, 1, 2, 1).name == "turing" for F, k in result["samples"])
    assert answer(capsys, "--sample", "20", "--seed", "3")["samples"] == result["samples"]


def test_answers_for_people(capsys: pytest.CaptureFixture) -> None:
    arguments = [
        "--gap",
        "1e-5",
        "--distance",
        "0.04,0.06",
        "--sample",
        "1",
        "--robust",
        "F=0.05",
        "--robust",
        "k=0.06",
    ]
    assert main(["region", "--strips", "4", *arguments]) == 1
    out = capsys.readouterr().out
    for word in ("paving     ", "robust     refuted", "distance   outside", "sample     F = "):
        assert word in out


def test_picture_of_a_paving(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    answer(capsys, "--gap", "1e-5", "--plot", str(tmp_path / "paving.png"))
    assert (tmp_path / "paving.png").stat().st_size > 10_000
    paving = pave(gray_scott_region({"d": 6}).conditions, (0.05, 0.04), (0.1, 0.06), gap=1e-5)
    collections = {c.get_label(): c for c in plot_paving(paving, ("F", "k")).axes[0].collections}
    assert list(collections) == [f"{name} ({len(getattr(paving, name))})" for name in ("outer", "inner", "boundary")]
    for label, collection in collections.items():
        boxes = getattr(paving, label.split()[0])
        drawn = sum(np.ptp(path.vertices[:, 0]) * np.ptp(path.vertices[:, 1]) for path in collection.get_paths())
        assert drawn == pytest.approx(boxes.volume()[1], rel=1e-9)
    with pytest.raises(ParameterError, match="2 coordinates"):
        plot_paving(pave([lambda x: x], [-1], [1], gap=0.1), ("x", "y"))
    with pytest.raises(ParameterError, match="empty region"):
        plot_paving(pave([lambda x, y: -1 + 0 * x * y], [0, 0], [1, 1], gap=0.1), ("x", "y"))


@pytest.mark.parametrize("kind", ["smt", "latex", "json"])
def test_exports(kind: str, capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    file = tmp_path / f"region.{kind}"
    assert main(["region", "--F-max", "0.1", "--export", kind, "-o", str(file)]) == 0
    assert capsys.readouterr().out == ""
    text = file.read_text()
    if kind == "json":
        paving = json.loads(text)
        sides = np.subtract(paving["inner"][1], paving["inner"][0])
        assert sides.prod(axis=1).sum() <= 1.6960e-5 <= paving["volume"][1]
    else:
        assert ("(check-sat)" if kind == "smt" else r"\end{document}") in text
    assert main(["region", "--F-max", "0.1", "--export", kind]) == 0
    assert capsys.readouterr().out == text


def test_exported_smt_is_decided_by_z3(capsys: pytest.CaptureFixture) -> None:
    z3 = pytest.importorskip("z3", reason="needs z3-solver, a development dependency")
    text = answer(capsys, "--d", "3", "--export", "smt")["text"]
    solver = z3.Solver()
    solver.from_string(text)
    assert solver.check() == z3.sat
    values = {str(name): solver.model()[name] for name in solver.model()}
    F, k = (
        Fraction(str(values[name].approx(30) if z3.is_algebraic_value(values[name]) else values[name])) for name in "Fk"
    )
    assert classify(F, k, 1, 3, 1).name == "turing"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--robust", "F=0.1:0.05"], "--robust must be NAME=LOW:HIGH"),
        (["--robust", "F=0.1:0.2"], "for F and k at least"),
        (["--robust", "q=1:2"], "--robust must be NAME=LOW:HIGH"),
        (["--distance", "0.05"], "--distance must be F,k"),
        (["--distance", "5,5"], "point must lie in the search box"),
        (["--gap", "-1"], "gap must be positive"),
        (["--sample", "-2"], "count must be at least 0"),
        (["--system", "brusselator", "--export", "smt"], "--export"),
    ],
    ids=lambda value: value[1] if isinstance(value, list) else "",
)
def test_bad_options_are_usage_errors(arguments: list[str], message: str, capsys: pytest.CaptureFixture) -> None:
    assert main(["region", *arguments]) == 2
    assert message in capsys.readouterr().err.replace("\n", " ")
