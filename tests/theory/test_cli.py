"""The theory commands of the program, in process: answers, exit codes, messages."""

import json
import math
from pathlib import Path

import pytest

from rdmf_model.cli import main
from tests.theory.certificates import changed, edit, numbers

POINT = ["--F", "0.055", "--k", "0.062", "--s", "1", "--D-u", "2", "--D-v", "1"]


def answer(capsys: pytest.CaptureFixture, *arguments: str, code: int = 0) -> dict:
    """The JSON object on stdout; nothing else may be there."""
    assert main([*arguments, "--json"]) == code
    out = capsys.readouterr().out

    def refuse(literal: str) -> None:
        raise AssertionError(f"{literal} is not JSON")

    return json.loads(out, parse_constant=refuse)


def test_check_of_a_turing_point(capsys: pytest.CaptureFixture) -> None:
    result = answer(capsys, "check", *POINT)
    assert result["classification"] == "turing"
    assert result["u_star"] == pytest.approx(0.466697, abs=5e-7)
    assert result["z"] == pytest.approx(1.007261, abs=5e-7)
    assert result["d_T"] == pytest.approx(1.678386, abs=5e-7)
    assert set(result["conditions"]) == {"v_rich", "damped", "fed", "turing"}
    for condition in result["conditions"].values():
        assert condition["holds"] is True
        assert condition["margin"] > 0


@pytest.mark.parametrize(
    ("F", "k", "name"),
    [
        ("0.04", "0.06", "saddle-node"),
        ("0.03", "0.055", "unstable"),
        ("0.05", "0.063", "no-state"),
        ("0.042", "0.059", "stable"),
        ("1/16", "1/16", "saddle-node"),
        ("4e-2", "6e-2", "saddle-node"),
        ("0.04", "0.06000000000000000000001", "no-state"),
    ],
)
def test_check_of_other_points(capsys: pytest.CaptureFixture, F: str, k: str, name: str) -> None:
    result = answer(capsys, "check", "--F", F, "--k", k, code=1)
    assert result["classification"] == name
    assert not all(condition["holds"] for condition in result["conditions"].values())


def test_check_for_people(capsys: pytest.CaptureFixture) -> None:
    assert main(["check", *POINT]) == 0
    out = capsys.readouterr().out
    assert out.startswith("turing: ")
    assert "u* = 0.466696983" in out
    assert main(["check", "--F", "0.05", "--k", "0.063"]) == 1
    assert "margin undefined" in capsys.readouterr().out


def test_region(capsys: pytest.CaptureFixture) -> None:
    result = answer(capsys, "region", "--d", "2", "--s", "1")
    assert result["area"]["exact"] == pytest.approx(2.069572814751e-05, rel=5e-13)
    assert result["area"]["closed_form"] == "-9923849/5284823040 + 359*log(2)/131072"
    assert result["turing_hopf"] == pytest.approx([0.0471038818, 0.0605621338], abs=5e-11)
    assert result["bogdanov_takens"] == [0.0625, 0.0625]
    assert result["exact_points"]["turing_hopf"] == ["3087/65536", "3969/65536"]
    assert float(result["area"]["inner"]) < result["area"]["exact"] < float(result["area"]["outer"])


def test_region_with_a_cut(capsys: pytest.CaptureFixture) -> None:
    result = answer(capsys, "region", "--d", "2", "--s", "1", "--F-max", "0.1")
    assert result["area"]["exact"] == pytest.approx(1.695974150e-05, rel=5e-10)


def test_region_for_people_writes_certificate_and_picture(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    files = [tmp_path / "region.json", tmp_path / "region.png"]
    assert main(["region", "--F-max", "0.1", "-o", str(files[0]), "--plot", str(files[1])]) == 0
    captured = capsys.readouterr()
    assert "F <= 1/10" in captured.out
    assert "where t1 = root" in captured.out
    assert "certificate: " in captured.err
    assert sorted(tmp_path.iterdir()) == files
    assert files[1].read_bytes().startswith(b"\x89PNG")


def test_certify_accepts_a_region_and_refuses_every_changed_number(
    capsys: pytest.CaptureFixture, tmp_path: Path
) -> None:
    path = tmp_path / "region.json"
    assert main(["region", "--d", "2", "--strips", "4", "-o", str(path)]) == 0
    capsys.readouterr()
    assert answer(capsys, "certify", str(path)) == {
        "file": str(path),
        "holds": True,
        "detail": "the area is 0.000020695728147510717857, off by at most 1e-24",
    }
    content = json.loads(path.read_text())
    for where, value in numbers(content):
        path.write_text(json.dumps(edit(content, where, changed(value), sign=False)))
        assert main(["certify", str(path)]) == 1, where
    assert "refused" in capsys.readouterr().out
    assert not answer(capsys, "certify", str(path), code=1)["holds"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "other"}', "\x00\xff"], ids=repr)
def test_certify_of_something_else(capsys: pytest.CaptureFixture, tmp_path: Path, text: str) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(text.encode("latin-1"))
    assert main(["certify", str(path)]) == 3
    assert capsys.readouterr().err.startswith(f"rdmf: {path}: ")
    assert main(["certify", str(tmp_path / "absent.json")]) == 3


def test_derive(capsys: pytest.CaptureFixture) -> None:
    result = answer(capsys, "derive")
    rows = {row["name"]: row for row in result["rows"]}
    assert rows["threshold"]["text"] == "d_T = z*(sqrt(1 - 2*u_star) + sqrt(2 - 2*u_star))**2"
    assert main(["derive", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == result
    assert main(["derive"]) == 0
    assert "Turing-unstable iff d exceeds the threshold." in capsys.readouterr().out
    assert main(["derive", "--format", "latex"]) == 0
    latex = capsys.readouterr().out
    assert latex.count(r"\begin{equation}") == latex.count(r"\end{equation}") == len(rows)


def test_dispersion_of_a_design(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    result = answer(capsys, "dispersion", "--wavelength", "10", "--clips", "50", "--plot", str(tmp_path / "d.svg"))
    assert result["fastest_mode"]["mode"] == 10
    assert result["fastest_mode"]["wavelength"] == 10
    for mode in result["modes"]:
        assert mode["grows"] == (mode["growth_rate"] > 0) == (mode["multiplier"] > 1)
        assert mode["grows"] == (result["band"][0] < mode["mu"] < result["band"][1])
    assert (tmp_path / "d.svg").read_text().startswith("<?xml")
    assert main(["dispersion"]) == 0
    assert "12 of 75 modes grow: 8 to 19" in capsys.readouterr().out


def test_dispersion_of_a_stable_point(capsys: pytest.CaptureFixture) -> None:
    result = answer(capsys, "dispersion", "--F", "0.042", "--k", "0.059", "--D-u", "2", "--D-v", "1")
    assert result["growing_modes"] == []
    assert result["band"] is None
    assert "design" not in result


def test_simulate(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    result = answer(capsys, "simulate", "--clips", "40", "--seed", "3", "--plot", str(tmp_path / "s.png"))
    assert result["relative_error"] < 0.01
    assert result["growth_rate_measured"] == pytest.approx(math.log(result["multiplier_measured"]))
    assert (tmp_path / "s.png").exists()
    assert main(["simulate", "--steps", "3"]) == 0
    assert "not measured" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["check", "--F", "-1", "--k", "0.06"], "F must be finite and positive. Got -1", id="negative F"),
        pytest.param(["check", "--F", "x", "--k", "0.06"], "F must be a finite number. Got 'x'", id="F no number"),
        pytest.param(["check", "--F", "inf", "--k", "0.06"], "F must be a finite number. Got 'inf'", id="F infinite"),
        pytest.param(["region", "--d", "1"], "d must exceed 1", id="d"),
        pytest.param(["region", "--d", "-2"], "d must be finite and positive. Got -2", id="negative d"),
        pytest.param(["region", "--strips", "0"], "strips must be at least 1", id="strips"),
        pytest.param(["dispersion", "--F", "0.05"], "--k, --D-u, --D-v must come with --F", id="half a point"),
        pytest.param(["dispersion", "--plot", "x.gif"], "--plot must end in one of .png", id="picture format"),
        pytest.param(["dispersion", "--clips", "0"], "T must be an integer >= 1", id="clips"),
        pytest.param(["simulate", "--clips", "1"], "clips must be an integer >= 2", id="clips of a run"),
        pytest.param(["simulate", "--amplitude", "0"], "amplitude must be in (0, 0.5]", id="amplitude"),
        pytest.param(["simulate", "--steps", "0"], "steps must be in [1, 100000]", id="steps"),
        pytest.param(["simulate", "--step-size", "0"], "h must be finite and positive", id="step size"),
        pytest.param(["simulate", "--u-star", "0.6"], "PatternDesign.u_star must be in (0, 1/2]", id="u_star"),
        pytest.param(["derive", "--format", "word"], "Invalid value for '--format'", id="format"),
        pytest.param(["check", "--F", "1"], "Missing option '--k'", id="missing option"),
        pytest.param(["nonsense"], "No such command 'nonsense'", id="unknown command"),
    ],
)
def test_bad_arguments(capsys: pytest.CaptureFixture, arguments: list[str], message: str) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert "Traceback" not in captured.err
