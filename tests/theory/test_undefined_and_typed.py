"""Soundness at the rim: undefined conditions certify nothing, witnesses lie in typed intervals, runs say their end."""

from __future__ import annotations

import json
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from rdmf_model.cli import main
from rdmf_theory.arithmetic.interval_gradients import Gradient
from rdmf_theory.arithmetic.intervals import IntervalArray
from rdmf_theory.chart import PatternDesign
from rdmf_theory.layer.simulate import simulate
from rdmf_theory.regions.conditions import gray_scott_region, library
from rdmf_theory.regions.pave import pave
from rdmf_theory.regions.robust import failing_condition

LOW, HIGH = (-1.5, 1.0), (-0.5, 2.0)


def sqrt(x: Any) -> Any:
    return library(x).sqrt(x)


# each is undefined on all of x < 0 (or everywhere), and would be positive where it is not asked whether it is defined
UNDEFINED = {
    "under max": lambda x, y: library(x).maximum(sqrt(x), y * y),
    "under max, reversed": lambda x, y: library(x).maximum(y * y, sqrt(x)),
    "under two": lambda x, y: library(x).maximum(library(x).minimum(sqrt(x), -5), y),
    "under min": lambda x, y: -library(x).minimum(sqrt(x), -y),
    "squared": lambda x, y: sqrt(x) ** 2 + 1,
    "fourth power": lambda x, y: (sqrt(x) ** 2) ** 2 + y,
    "times zero": lambda x, y: sqrt(x) * 0 + 1,
    "times a zero interval": lambda x, y: sqrt(x) * (y - y) ** 2 + 1,
    "under abs": lambda x, y: abs(sqrt(x)) + 1,
    "zero over zero": lambda x, y: library(x).maximum(y * 0 / (x * 0), y),
    "root of a quotient": lambda x, y: library(x).maximum(1 / sqrt(x), y),
}


@pytest.mark.parametrize("condition", UNDEFINED.values(), ids=UNDEFINED)
def test_undefined_certifies_nothing(condition: Any) -> None:
    paving = pave((condition,), LOW, HIGH, gap=1e-3, max_boxes=4000)
    assert paving.volume[0] == 0
    assert len(paving.inner) == len(paving.outer) == 0
    # nor does it fail for certain
    region: Any = SimpleNamespace(conditions=[_Named(condition)])
    assert failing_condition(region, (-1.0, 1.5)) is None


class _Named:
    name = "condition"

    def __init__(self, function: Any) -> None:
        self.function = function

    def __call__(self, *point: Any) -> Any:
        return self.function(*point)


def test_half_undefined() -> None:
    """max(sqrt x, y - 3) on [-1, 1] x [1, 2]: positive exactly where x > 0, undefined on the other half."""
    paving = pave(
        (lambda x, y: library(x).maximum(sqrt(x), y - 3),), (-1.0, 1.0), (1.0, 2.0), gap=0.01, max_boxes=40_000
    )
    assert 0.95 < paving.volume[0] <= 1
    assert np.all(paving.inner.lower[:, 0] >= 0)
    assert paving.volume[1] >= 2 - 1e-9


CONSTANTS = {
    "minimum, constant first": (lambda x, y: library(x).minimum(-0.11, y), 0.0),
    "minimum, constant last": (lambda x, y: library(x).minimum(y, -0.11), 0.0),
    "maximum of constants": (lambda x, y: library(x).maximum(Fraction(1, 3), 0.25) - x - 1, 5 / 6),
    "constant root": (lambda x, y: library(x).sqrt(2) - y, np.sqrt(2) - 1),
    "root first": (lambda x, y: library(x).maximum(library(y).sqrt(Fraction(9, 4)), 0) - y, 0.5),
}


@pytest.mark.parametrize(("condition", "volume"), CONSTANTS.values(), ids=CONSTANTS)
def test_constants_may_stand_anywhere(condition: Any, volume: float) -> None:
    low, high = pave((condition,), LOW, HIGH, gap=1e-4).volume
    assert low - 1e-12 <= volume <= high + 1e-12
    assert high - low <= 1.01e-4


def test_intervals_leave_gradients_their_operations() -> None:
    x = Gradient.coordinates(IntervalArray(np.array([[1.0], [2.0]]), np.array([[2.0], [3.0]])))[0]
    two = IntervalArray(np.array([2.0]))
    for result, low, high, slope in ((two + x, 3, 4, 1), (two - x, 0, 1, -1), (two * x, 2, 4, 2)):
        assert isinstance(result, Gradient)
        assert (result.value.lower[0], result.value.upper[0]) == (pytest.approx(low), pytest.approx(high))
        assert result.partials.mid[0, 0] == pytest.approx(slope)
    quotient: Any = two / x
    assert quotient.value.upper[0] == pytest.approx(2)


@pytest.mark.parametrize(
    ("F", "k"), [("0.7:0.8", "0.1:0.2"), ("0.7", "0.1"), ("0.055:0.07", "0.0619:0.0621"), ("1/3:2/3", "1/7")]
)
def test_witnesses_lie_in_the_interval_as_typed(F: str, k: str, capsys: pytest.CaptureFixture) -> None:
    """The float of 0.7 is below 7/10 and that of 0.1 above 1/10: neither end as a float is in the interval."""
    assert main(["region", "--robust", f"F={F}", "--robust", f"k={k}", "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)["robust"]
    assert answer["verdict"] == "refuted"
    witness = [Fraction(x) for x in answer.get("witness_exact", answer["witness"])]
    for x, typed in zip(witness, (F, k), strict=True):
        low, _, high = typed.partition(":")
        assert Fraction(low) <= x <= Fraction(high or low)
    assert failing_condition(gray_scott_region({"d": 2, "s": 1}), witness) == answer["condition"]


def test_unsettled_runs_say_so(capsys: pytest.CaptureFixture) -> None:
    parameters = PatternDesign(u_star=0.4, z=1.2, excess=1.5, wavelength=12.0, rate=0.2).parameters()
    short, long = (simulate(parameters, 24, steps) for steps in (40, 4000))
    # the first has hardly begun to grow: fields that hardly change are no sign of rest
    assert (short.settled, long.settled) == (False, True)
    assert np.abs(long.v[-1] - long.v[-400]).max() < 1e-4
    assert main(["simulate", "--clips", "24", "--steps", "40"]) == 0
    assert "not settled" in capsys.readouterr().out
    assert main(["simulate", "--clips", "24", "--steps", "4000", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["settled"] is True
