"""`--competition` and `--conductances` of derive, check, dispersion, simulate and response; figures of the page."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rdmf_model.cli import app
from rdmf_theory.errors import DataError, ParameterError

PAGE = Path(__file__).resolve().parents[2] / "docs" / "competition.md"
POINT = ["--F", "0.02", "--k", "0.03", "--D-v", "0.5", "--competition", "global"]


def run(*arguments: str, status: int = 0) -> dict:
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == status, result.output
    return json.loads(result.stdout)


def test_check_gives_the_figures_of_the_page() -> None:
    answer, page = run("check", *POINT), PAGE.read_text()
    assert answer["classification"] == "competing"
    assert f"$u^* = {answer['u_star']:.9g}$" in page
    assert f"reach {answer['reach']:.9g} clips, and {answer['growing_modes']} of the 74" in page


def test_check_with_cuts() -> None:
    answer = run("check", *POINT, "--conductances", "1,1,0,1")
    assert answer["clips"] == 5
    assert answer["conditions"]["competes"] == {"holds": True, "margin": 1.0}
    short = run("check", *POINT, "--conductances", "1", status=1)
    assert short["classification"] == "uniform"
    local = run("check", "--F", "0.055", "--k", "0.062", "--conductances", "1,1,0.1,1,1", status=1)
    assert local["classification"] == "turing"
    assert local["conditions"]["mode_on_axis"]["holds"] is False
    assert run("check", "--F", "0.055", "--k", "0.062", "--conductances", ",".join(["1"] * 74))["growing_modes"] > 0


def test_dispersion_with_cuts() -> None:
    answer = run("dispersion", "--competition", "global", "--reach", "2", "--conductances", "1,0.5,0,1")
    assert [mode["mode"] for mode in answer["modes"]] == [1, 2, 3, 4]
    assert answer["modes"][0]["mu"] == 0
    # a cut: (1 + 2 eta)/(1 + eta) with eta = 0.2
    assert answer["modes"][0]["multiplier"] == pytest.approx(1.4 / 1.2)
    assert answer["growing_modes"] == [mode["mode"] for mode in answer["modes"] if 4 * mode["mu"] < 1]
    plain, cut = (run("dispersion", "--conductances", ",".join([x] * 74)) for x in ("1", "0.5"))
    reference = run("dispersion", "--clips", "75")
    for mode, expected, halved in zip(plain["modes"], reference["modes"], cut["modes"], strict=True):
        assert mode["multiplier"] == pytest.approx(expected["multiplier"], abs=1e-9)
        assert halved["mu"] == pytest.approx(mode["mu"] / 2, abs=1e-9)


def test_simulate_and_response() -> None:
    answer = run("simulate", "--competition", "global", "--reach", "3", "--clips", "12", "--seed", "1")
    assert answer["relative_error"] < 1e-5
    assert 1 / 12 < answer["winner"]["share"] <= 1
    local = run("simulate", "--conductances", "1,1,1,1,1,1,0.1,1,1,1,1,1,1")
    assert local["relative_error"] < 1e-4
    answer = run("response", "--competition", "global", "--reach", "2", "--steps", "5", "--conductances", "1,1,0.5")
    eta, mu = 0.2, answer["mu"]
    for x, gain, start in zip(mu, *(answer["responses"][0][name] for name in ("gain", "start")), strict=True):
        r = (1 + 2 * eta) / (1 + eta + 4 * eta * x)
        assert start == pytest.approx(r**5)
        assert gain == pytest.approx((r**5 - 1) / (1 - 4 * x))


def test_derive() -> None:
    rows = {row["name"]: row["text"] for row in run("derive", "--competition", "global")["rows"]}
    assert rows["substrate"] == "u_next = (F*h + u)/(F*h + h*mean_sv2 + 1)"
    assert rows["multiplier"] == "multiplier = (2*eta + 1)/(b + eta + 1)"
    assert rows["grows"] == "1 - m > 0"
    assert rows["uniform_layer"] == "eta*z + z - 1 > 0"


def test_conductances_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "kappa.txt"
    path.write_text("1, 1\n0 1\n")
    assert run("check", *POINT, "--conductances", str(path))["clips"] == 5


@pytest.mark.parametrize(
    ("arguments", "words", "status"),
    [
        (["check", *POINT, "--D-u", "3"], "--D-u is no option of --competition global", 2),
        (["check", *POINT, "--conductances", "1,2"], "must be in [0, 1]. Got 2", 2),
        (["check", *POINT, "--conductances", "1,x"], "no list of conductances", 3),
        (["check", *POINT, "--conductances", "1,1", "--clips", "9"], "--clips is no option beside", 2),
        (["check", *POINT, "--conductances", " "], "at least one edge", 2),
        (["check", *POINT, "--system", "schnakenberg"], "--system is no option", 2),
        (["check", "--F", "0.055", "--k", "0.062", "--clips", "9"], "--clips is no option", 2),
        (["check", "--F", "0.02", "--competition", "global"], "Missing option '--k'", 2),
        (["dispersion", "--competition", "global", "--wavelength", "9"], "--wavelength is no option", 2),
        (["dispersion", "--reach", "3"], "--reach needs --competition global", 2),
        (["simulate", "--conductances", "1", "--reach", "3"], "--reach needs --competition global", 2),
        (["simulate", "--competition", "global", "--F", "0.02"], "must come together", 2),
        (["response", "--conductances", "1,1"], "needs --competition global", 2),
        (["response", "--competition", "global", "--excess", "2"], "--excess is no option", 2),
        (["derive", "--competition", "global", "--system", "schnakenberg"], "leave out --system", 2),
    ],
    ids=lambda value: " ".join(value[-3:]) if isinstance(value, list) else None,
)
def test_what_plays_no_part_is_refused(arguments: list[str], words: str, status: int) -> None:
    result = CliRunner().invoke(app, arguments)
    # the program turns these two into the exit codes 2 and 3
    assert isinstance(result.exception, {2: ParameterError, 3: DataError}[status]), result.output
    assert words in str(result.exception)
