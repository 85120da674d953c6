"""rdmf derive, check and dispersion with --system, in process: answers, exit codes, messages, closed forms."""

from __future__ import annotations

import json
import math
import time
from fractions import Fraction
from pathlib import Path

import pytest
import sympy as sp

from rdmf_model.cli import main
from rdmf_theory.systems.built_in import BUILT_IN
from rdmf_theory.systems.derivation import derive_system
from rdmf_theory.systems.thresholds import thresholds

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "systems"


def answer(capsys: pytest.CaptureFixture, *arguments: str, code: int = 0) -> dict:
    """The one JSON object on stdout."""
    assert main([*arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("name", BUILT_IN)
def test_closed_forms_agree_with_exact_thresholds(name: str) -> None:
    """Every derived threshold formula, at the default values, is one of the exact critical values; and it is quick."""
    system = BUILT_IN[name]
    start = time.process_time()
    rows, note = derive_system(system)
    assert time.process_time() - start < 10
    assert note == ""
    at = {symbol: sp.Rational(str(system.defaults[symbol.name])) for symbol in (*system.parameters, *system.diffusions)}
    names = {symbol.name: value for symbol, value in at.items()}
    checked = 0
    for row in rows:
        kind, _, symbol = row.name.partition("_")
        if kind not in ("hopf", "turing") or symbol not in names:
            continue
        value = complex(row.formula.rhs.subs({s: names[s.name] for s in row.formula.rhs.free_symbols}))
        exact = [float(item.value) for item in thresholds(system, system.defaults, symbol) if item.kind == kind]
        # the formula holds for positive symbols; at the defaults its root may be out of that range
        if abs(value.imag) < 1e-12 and value.real > 0:
            assert any(math.isclose(value.real, x, rel_tol=1e-12) for x in exact), (row.text(), exact)
            checked += 1
    assert checked or name in ("gray-scott", "fitzhugh-nagumo")


def test_brusselator_formulas() -> None:
    rows = {row.name: row.formula for row in derive_system(BUILT_IN["brusselator"])[0]}
    a, D_x, D_y = (sp.Symbol(name, positive=True) for name in ("a", "D_x", "D_y"))
    assert sp.simplify(rows["turing_b"].rhs - (1 + a * sp.sqrt(D_x / D_y)) ** 2) == 0
    assert sp.simplify(rows["critical_mu"].rhs - a / sp.sqrt(D_x * D_y)) == 0
    assert sp.simplify(rows["hopf_b"].rhs - (1 + a**2)) == 0


def test_derive_with_one_free_value(capsys: pytest.CaptureFixture) -> None:
    values = ["--set", "a=0", "--set", "D_u=1", "--set", "D_v=60"]
    result = answer(capsys, "derive", "--system", "schnakenberg", *values)
    (turing,) = [item for item in result["thresholds"] if item["kind"] == "turing"]
    assert turing["value"] == pytest.approx(3.2084844577, abs=5e-11)
    assert turing["critical_wavenumber"] == pytest.approx(0.6435942529, abs=5e-11)
    assert main(["derive", "--system", "schnakenberg", *values]) == 0
    assert "b = -2*sqrt(15) + 2*sqrt(30)" in capsys.readouterr().out
    assert main(["derive", "--system", "brusselator", "--format", "latex"]) == 0
    latex = capsys.readouterr().out
    assert latex.count(r"\begin{equation}") == latex.count(r"\end{equation}") > 10


def test_check(capsys: pytest.CaptureFixture) -> None:
    result = answer(capsys, "check", "--system", "brusselator", "--set", "a=2", "--set", "b=3", "--set", "D_Y=7.5")
    assert result["classification"] == "turing"
    assert result["parameters"] == {"a": "2", "b": "3", "D_x": "1", "D_y": "15/2"}
    (state,) = result["states"]
    assert state["exact"] == {"X": "2", "Y": "3/2"}
    assert state["threshold"]["critical"] == pytest.approx(7.4641016, abs=5e-8)
    assert state["bands"] == [pytest.approx([2 / 3, 0.8])]
    assert answer(capsys, "check", "--system", "brusselator", "--set", "D_y=7", code=1)["classification"] == "stable"
    assert main(["check", "--system", "gray-scott"]) == 0
    out = capsys.readouterr().out
    assert out.count("state u = ") == 3
    assert "activator v, critical D_u/D_v = 1.67838" in out


def test_check_with_a_box(capsys: pytest.CaptureFixture) -> None:
    arguments = ["check", "--system", "gray-scott", "--box", "u=0:0.5", "--box", "v=0:1"]
    result = answer(capsys, *arguments)
    assert [state["classification"] for state in result["states"]] == ["turing"]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_example_files(capsys: pytest.CaptureFixture, path: Path) -> None:
    assert answer(capsys, "check", "--system", str(path))["classification"] == "turing"
    assert answer(capsys, "derive", "--system", str(path))["rows"]
    assert answer(capsys, "dispersion", "--system", str(path))["curve"]["growth_rate"]


def test_murray_state_of_thomas(capsys: pytest.CaptureFixture) -> None:
    """Murray, Mathematical Biology II, section 2.2: (u, v) = (37.7382081, 25.1588054)."""
    (state,) = answer(capsys, "check", "--system", str(EXAMPLES / "thomas.toml"))["states"]
    assert state["state"]["u"] == pytest.approx(37.738, abs=1e-3)
    assert state["state"]["v"] == pytest.approx(25.159, abs=1e-3)


def test_dispersion(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    result = answer(capsys, "dispersion", "--system", "schnakenberg", "--plot", str(tmp_path / "d.svg"))
    peak = max(zip(result["curve"]["growth_rate"], result["curve"]["wavenumber"], strict=True))
    assert peak[0] == pytest.approx(result["fastest"]["growth_rate"], rel=1e-4)
    assert peak[1] == pytest.approx(result["fastest"]["wavenumber"], rel=1e-2)
    assert "<svg" in (tmp_path / "d.svg").read_text()
    assert main(["dispersion", "--system", "schnakenberg"]) == 0
    assert "modes grow for wavenumbers in (0.22113148, 0.7674422)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(["--system", "brusselatr"], 2, "did you mean 'brusselator'?", id="name"),
        pytest.param(["--system", "absent.toml"], 3, "absent.toml: no such file", id="file"),
        pytest.param(["--system", "brusselator", "--set", "c=1"], 2, "has no parameter 'c'; it has a, b", id="set"),
        pytest.param(["--system", "brusselator", "--set", "a"], 2, "--set must be NAME=NUMBER", id="form"),
        pytest.param(["--system", "brusselator", "--set", "a=x"], 2, "a must be a finite number", id="number"),
        pytest.param(["--system", "brusselator", "--set", "a=1", "--set", "a=2"], 2, "given twice", id="twice"),
        pytest.param(["--set", "a=1"], 2, "--set wants --system", id="no system"),
        pytest.param(["--system", "brusselator", "--F", "1"], 2, "--F is no option of --system", id="mixed"),
        pytest.param(["--system", "brusselator", "--box", "X=1"], 2, "--box must be NAME=LOW:HIGH", id="box"),
        pytest.param(["--system", "u' = u^2 + 1", "--set", "D_u=1"], 2, "no homogeneous steady state", id="no state"),
        pytest.param(["--system", "u' = 1 - u"], 2, "wants a value for D_u", id="no diffusion"),
        pytest.param(["--system", "u' = __import__('os')"], 2, "calls are not allowed", id="injection"),
        pytest.param(["--system", "u' = 9**9**9**9"], 2, "a tower of powers", id="tower"),
    ],
)
def test_bad_arguments(capsys: pytest.CaptureFixture, arguments: list[str], code: int, message: str) -> None:
    assert main(["check", *arguments]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.startswith("rdmf: ")
    assert captured.err.count("\n") == 1


def test_thresholds_want_all_other_values() -> None:
    from rdmf_theory.errors import ParameterError

    system = BUILT_IN["schnakenberg"]
    with pytest.raises(ParameterError, match="want values of all others; add D_v"):
        thresholds(system, {"a": 0, "D_u": Fraction(1)}, "b")
