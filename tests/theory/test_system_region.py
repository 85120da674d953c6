"""`rdmf region --system`, in process: answers, pictures, messages."""

import json
from pathlib import Path

import pytest

from rdmf_model.cli import main

LINE = ["region", "--system", "brusselator", "--set", "a=2", "--set", "b=3", "--set", "D_x=1", "--x", "D_y:1:10"]
WINDOW = ["region", "--system", "brusselator", "--set", "a=1.4", "--set", "D_y=1", "--x", "D_x:0.1:1", "--y", "b:1:5"]


def answer(capsys: pytest.CaptureFixture, *arguments: str) -> dict:
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_line(capsys: pytest.CaptureFixture) -> None:
    result = answer(capsys, *LINE)
    assert result["system"] == "brusselator"
    assert result["parameters"] == {"a": "2", "b": "3", "D_x": "1"}
    assert result["axes"] == {"D_y": [1.0, 10.0]}
    assert result["clips"] is None
    (found,) = result["bifurcations"]
    assert found["kind"] == "turing"
    assert found["values"]["D_y"] == pytest.approx(7.464101615137754, abs=1e-12)
    assert found["radius"] < 1e-12
    assert found["criticality"] == "soft"
    assert found["cubic_coefficient"] > 0
    assert found["wavelength"] == pytest.approx(2 * 3.141592653589793 / found["wavenumber"])
    assert found["primary"] is True


def test_line_on_clips(capsys: pytest.CaptureFixture) -> None:
    (found,) = answer(capsys, *LINE, "--clips", "40")["bifurcations"]
    assert found["kind"] == "turing-mode"
    assert found["mode"] == 11
    assert found["wavelength"] == pytest.approx(80 / 11)


def test_window(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    picture = tmp_path / "curves.png"
    result = answer(capsys, *WINDOW, "--plot", str(picture))
    assert [curve["kind"] for curve in result["curves"]] == ["hopf", "turing"]
    assert all(point["radius"] < 1e-12 for curve in result["curves"] for point in curve["points"])
    (point,) = result["points"]
    assert point["kind"] == "turing-hopf"
    assert point["values"] == pytest.approx({"D_x": 0.26483157815, "b": 2.96}, abs=5e-12)
    area = result["turing_area"]
    # below b = 2.96 and above the curve b = (1 + 1.4 sqrt(D_x))^2, D_x from 0.1 to the Turing-Hopf point
    D = point["values"]["D_x"]
    below = [D + 4 * 1.4 * D**1.5 / 3 + 1.4**2 * D**2 / 2, 0.1 + 4 * 1.4 * 0.1**1.5 / 3 + 1.4**2 * 0.1**2 / 2]
    exact = 2.96 * (D - 0.1) - (below[0] - below[1])
    assert area["lower"] <= exact <= area["upper"]
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_for_people(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    assert main([*LINE, "--plot", str(tmp_path / "line.png")]) == 0
    out = capsys.readouterr().out
    assert "D_y = 7.464101615138" in out
    assert "soft, g = 0.848219" in out
    assert (tmp_path / "line.png").read_bytes().startswith(b"\x89PNG")
    assert (
        main(
            [
                "region",
                "--system",
                "u' = a - u + u^2*v; v' = b - u^2*v",
                *["--set", "a=0.1", "--set", "D_u=1", "--set", "D_v=40"],
                "--x",
                "b:0.2:3",
            ]
        )
        == 0
    )
    out = capsys.readouterr().out
    assert "hopf" in out
    assert "turing" in out


BAD = {
    "three species": (
        [
            "region",
            "--system",
            "u' = u - u^2; v' = u - v; w' = v - w",
            "--set",
            "D_u=1",
            "--set",
            "D_v=1",
            "--x",
            "D_w:1:2",
        ],
        "must have two species for a search of its bifurcations. Got 3",
    ),
    "no axis": (LINE[:-2], "--system wants --x"),
    "axis form": ([*LINE[:-1], "D_y:1"], "--x must be NAME=LOW:HIGH"),
    "axis name": ([*LINE[:-1], "D_z:1:2"], "no parameter 'D_z'"),
    "reversed": ([*LINE[:-1], "D_y:2:1"], "low < high"),
    "closed form": ([*LINE, "--d", "2"], "--d is no option of --system"),
    "without system": (["region", "--x", "F:0:1"], "--x wants --system"),
    "clips without system": (["region", "--clips", "12"], "--clips wants --system"),
    "set without system": (["region", "--set", "a=1"], "--set wants --system"),
    "one axis twice": ([*LINE, "--y", "D_y:1:2"], "must differ"),
    "axis is set": ([*LINE[:-1], "a:1:2"], "--set a and an axis a are both given"),
    "injection": (["region", "--system", "u' = __import__('os').getcwd(); v' = u", "--x", "a:0:1"], "not allowed"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD)
def test_bad_arguments(capsys: pytest.CaptureFixture, arguments: list[str], message: str) -> None:
    assert main(arguments) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert message in output.err.replace("\n", " ")
    assert "Traceback" not in output.err
