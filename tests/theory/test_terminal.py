"""`emit`: one JSON object on stdout, never a literal that JSON lacks."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import numpy as np
import pytest

from rdmf_theory.regions.admissible import DEFAULT_REGION
from rdmf_theory.support import terminal
from rdmf_theory.turing import classify


def refuse(literal: str) -> None:
    raise AssertionError(f"{literal} is no JSON")


def test_emit_prints_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    values = {
        "nan": math.nan,
        "inf": -math.inf,
        "array": np.array([1.0, np.nan]),
        "integer": np.int64(3),
        "flag": np.bool_(True),
        "fraction": Fraction(1, 3),
        "nested": (classify("0.055", "0.062", 1, 2, 1), DEFAULT_REGION),
        "none": None,
    }
    terminal.emit(values, True, lambda: pytest.fail("render was called"))
    printed = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert printed["nan"] is None
    assert printed["inf"] == "-inf"
    assert printed["array"] == [1.0, None]
    assert (printed["integer"], printed["flag"], printed["fraction"]) == (3, True, "1/3")
    assert printed["nested"][0]["classification"] == "turing"
    assert printed["nested"][1]["clips"] == [32, 2048]


def test_emit_renders_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.emit({}, False, lambda: print("text"))
    assert capsys.readouterr().out == "text\n"


def test_console_writes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert terminal.console.stderr
    with pytest.raises(AttributeError):
        _ = terminal.nothing
