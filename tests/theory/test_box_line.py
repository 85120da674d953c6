"""Bifurcations of states in a box along one parameter, for any functions: against thresholds by hand and mpmath."""

from __future__ import annotations

import json
import shlex
from fractions import Fraction
from typing import Any

import mpmath
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rdmf_model.cli import main
from rdmf_theory.bifurcations.box_line import BoxLine, line_in_box
from rdmf_theory.errors import ParameterError
from rdmf_theory.systems.built_in import load_system
from rdmf_theory.systems.point import SystemPoint

SALNIKOV = "A' = mu - kappa*A*exp(T); T' = A*exp(T) - T"
GENE = "u' = basal + a*u^n/(1 + u^n) - u; v' = u - v"
HERD = "u' = u*(1 - u) - sqrt(u)*v; v' = sqrt(u)*v - m*v"
TOGGLE = "u' = a/(1 + v^n) - u; v' = a/(1 + u^n) - v"


def line(system: str, values: dict[str, Any], axis: str, ends: tuple[Any, Any], box: Any, **more: Any) -> BoxLine:
    loaded = load_system(system)
    rates = {str(symbol): 1 for symbol in loaded.diffusions}
    return line_in_box(SystemPoint(loaded, rates | values | {axis: ends[0]}), axis, *ends, box, **more)


def found(result: BoxLine, axis: str) -> list[tuple[str, float]]:
    return [(record.kind, record.values[axis]) for record in result.records]


def test_salnikov_hopf_points() -> None:
    """mu = T (T - 1) e^-T and kappa = mu/T: two of them at mu = 3/10."""
    result = line(SALNIKOV, {"mu": "3/10"}, "kappa", ("0.08", "0.2"), {"A": ("0.05", 1), "T": ("1.2", 4)})
    right = [0.3 / mpmath.findroot(lambda T: T * (T - 1) * mpmath.exp(-T) - 0.3, guess) for guess in (3, 2.3)]
    assert result.complete == ("saddle-node", "hopf", "turing")
    assert not result.notes
    assert [kind for kind, _ in found(result, "kappa")] == ["hopf", "hopf"]
    assert [value for _, value in found(result, "kappa")] == pytest.approx([float(x) for x in right], rel=1e-12)
    assert all(record.radius is not None and record.radius < 1e-20 for record in result.records)
    # with equal diffusions no pattern grows: the trace of every mode falls
    assert all(record.primary for record in result.records)
    # omega^2 = det = kappa e^T
    for record in result.records:
        squared = record.values["kappa"] * float(mpmath.exp(record.state["T"]))
        assert record.frequency == pytest.approx(squared**0.5, rel=1e-12)


@given(st.fractions("3/2", 4, max_denominator=9))
@settings(max_examples=3)
def test_salnikov_turing_threshold(theta: Any) -> None:
    """kappa = 2 (T - 1) e^-T, s = 2 (T - 1): D_A/D_T = s (1 + sqrt(T))^2/(T - 1)^2."""
    with mpmath.workdps(30):
        t = mpmath.mpf(theta.numerator) / theta.denominator
        kappa = str(mpmath.nstr(2 * (t - 1) * mpmath.exp(-t), 25))
        right = 2 * (1 + mpmath.sqrt(t)) ** 2 / (t - 1)
    values = {"kappa": kappa, "mu": str(theta * Fraction(kappa))}
    box = {"A": ("0.01", 2), "T": (theta - Fraction(1, 2), theta + 1)}
    result = line(SALNIKOV, values, "D_A", (1, 60), box)
    assert found(result, "D_A") == [("turing", pytest.approx(float(right), rel=1e-12))]
    assert not result.notes
    assert result.records[0].primary


@given(st.fractions("7/4", 5, max_denominator=6), st.fractions("1/20", "1/4", max_denominator=40))
@settings(max_examples=3)
def test_every_fold_of_a_gene_is_found(n: Any, basal: Any) -> None:
    """With a = (x - c)(1 + x^n)/x^n the folds are at n (x - c) = x (1 + x^n), against a dense grid."""
    assume(n.denominator > 1)
    with mpmath.workdps(30):
        c, power = mpmath.mpf(basal.numerator) / basal.denominator, mpmath.mpf(n.numerator) / n.denominator

        def condition(x: Any) -> Any:
            return power * (x - c) - x * (1 + x**power)

        grid = [c + mpmath.mpf(k) / 400 for k in range(1, 800)]
        values = [condition(x) for x in grid]
        roots = [
            mpmath.findroot(condition, (grid[i], grid[i + 1]), solver="bisect", tol=1e-25)
            for i in range(len(grid) - 1)
            if values[i] * values[i + 1] < 0
        ]
        right = sorted(float((x - c) * (1 + x**power) / x**power) for x in roots)
    # a double root is a cusp
    assume(max(values) > 0.02 or max(values) < -0.02)
    inside = [x for x in right if 0.5 < x < 6]
    assume(all(abs(x - end) > 1e-3 for x in right for end in (0.5, 6)))
    box = {"u": ("0.01", 3), "v": ("0.011", "3.1")}
    result = line(GENE, {"n": n, "basal": basal}, "a", ("0.5", 6), box)
    assert "saddle-node" in result.complete
    folds = [value for kind, value in found(result, "a") if kind == "saddle-node"]
    assert folds == pytest.approx(inside, rel=1e-10)


def test_roots_and_logarithms() -> None:
    """Herds: Hopf at m = 1/sqrt(3). Gompertz' growth with harvest h: fold at h = K/e."""
    result = line(HERD, {}, "m", ("0.3", "0.9"), {"u": ("0.05", "0.95"), "v": ("0.05", 2)})
    assert [item for item in found(result, "m") if item[0] == "hopf"] == [("hopf", pytest.approx(3**-0.5, rel=1e-13))]
    # u' = u log(K/u) - h: largest yield K/e at u = K/e, where two states meet
    harvest = "u' = u*log(K/u) - h; v' = u - v"
    result = line(harvest, {"K": 2}, "h", ("0.1", 1), {"u": ("0.05", 3), "v": ("0.04", "3.1")})
    assert found(result, "h") == [("saddle-node", pytest.approx(2 / float(mpmath.e), rel=1e-13))]


@pytest.mark.parametrize("a", ["1", "3/2"])
def test_rational_systems_agree_with_their_formulas(a: str) -> None:
    """Brusselator: Turing at (1 + a/sqrt(10))^2, Hopf at 1 + a^2; nothing else."""
    number = float(Fraction(a))
    box = {"X": ("0.5", "3.1"), "Y": ("0.4", 6)}
    result = line("brusselator", {"a": a, "D_x": 1, "D_y": 10}, "b", ("1.1", 5), box)
    right = sorted([("turing", (1 + number / 10**0.5) ** 2), ("hopf", 1 + number**2)], key=lambda item: item[1])
    assert [kind for kind, _ in found(result, "b")] == [kind for kind, _ in right]
    assert [x for _, x in found(result, "b")] == pytest.approx([x for _, x in right], rel=1e-12)
    assert [record.primary for record in result.records] == [True, False]


def test_a_pitchfork_is_said_as_undecided() -> None:
    """a = 1.41713833 of the switch at n = 5/2: three states meet, the equations are singular."""
    box = {"u": ("0.8", "0.9"), "v": ("0.79", "0.91")}
    result = line(TOGGLE, {"n": "5/2"}, "a", ("1.38", "1.45"), box, most=3000)
    assert "saddle-node" not in result.complete
    assert {"hopf", "turing"} <= set(result.complete)
    assert not found(result, "a")
    assert any("saddle-node: undecided for u in" in note for note in result.notes)


def test_what_is_undefined_has_no_bifurcation() -> None:
    """u^2 + u + h has its fold at u = -1/2, where sqrt(u)^2 is no number."""
    for text, count in (("sqrt(u)^2", 0), ("u", 1)):
        system = f"u' = ({text})^2 + u + h; v' = u - v"
        result = line(system, {}, "h", (0, 1), {"u": (-2, "-0.1"), "v": (-2, "0.1")})
        assert found(result, "h") == [("saddle-node", pytest.approx(0.25, rel=1e-14))] * count
        assert not result.notes


def test_the_edge_of_a_domain_is_undecided() -> None:
    """u^2 + h has its fold at u = 0, where sqrt(u)^2 is a number on one side only."""
    system = "u' = (sqrt(u)^2)^2 + h; v' = u - v"
    result = line(system, {}, "h", ("-0.5", "0.6"), {"u": (-1, "1.1"), "v": (-1, "1.2")})
    assert not result.records
    assert "saddle-node" not in result.complete
    assert "saddle-node: undecided" in result.notes[0]


def test_commands(capsys: pytest.CaptureFixture[str]) -> None:
    start = ["region", "--system", SALNIKOV, *shlex.split("--set mu=0.3 --set kappa=0.1 --set D_T=1 --x D_A=1:10")]
    box = shlex.split("--box A=0.01:1 --box T=1:6")
    assert main([*start, *box, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["search"]["complete"] == ["saddle-node", "hopf", "turing"]
    assert answer["bifurcations"][0]["values"]["D_A"] == pytest.approx(3.748012214732, rel=1e-12)
    refusals = (
        ([], "add --box NAME=LOW:HIGH for each species"),
        ([*box, "--y", "mu=0.1:1"], "--y is no option beside --box"),
        ([*box, "--clips", "8"], "--clips is no option beside --box"),
        (box[:2], "box must give (low, high) for A, T"),
        ([*box, "--plot", "x.png"], "--plot of a line wants rational reactions"),
    )
    for more, message in refusals:
        assert main([*start, *more]) == 2
        assert message in capsys.readouterr().err
    assert main(["region", "--box", "u=0:1"]) == 2
    assert "--box wants --system" in capsys.readouterr().err
    assert main(["derive", "--system", SALNIKOV, *shlex.split("--set mu=1 --set D_A=1 --set D_T=1")]) == 0
    assert "--x kappa=LOW:HIGH --box A=LOW:HIGH" in capsys.readouterr().err
    with pytest.raises(ParameterError, match="two species"):
        line("u' = log(a*u)", {}, "a", (1, 2), {"u": (1, 2)})
