"""`rdmf schemes` and `rdmf response`: answers, messages, pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rdmf_model.cli import main
from rdmf_theory.chart import PatternDesign
from rdmf_theory.layer.bandwidth import bandwidth
from rdmf_theory.layer.step import frequency_response
from rdmf_theory.schemes.definition import SCHEMES, SEMI_IMPLICIT
from rdmf_theory.schemes.plots import plot_artefacts, plot_response

DESIGN = PatternDesign(0.4, 1.2, 1.5, 12.0, 0.2)


def answer(capsys: pytest.CaptureFixture, *arguments: str) -> dict:
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_schemes_json(capsys: pytest.CaptureFixture) -> None:
    result = answer(capsys, "schemes", "--scheme", "semi-implicit", "--scheme", "explicit-euler", "--clips", "20")
    ours, euler = result["schemes"]
    assert [ours["scheme"], euler["scheme"]] == ["semi-implicit", "explicit-euler"]
    assert ours["unconditional"]["answer"] == "yes"
    assert ours["largest_step"] is None
    assert euler["flip"]["answer"] == "yes"
    assert min(euler["flip"]["witness"]["multipliers"]) < -1
    # the flip of the shortest mode, just below h D_u = 1/2: the loss by reaction adds to the diffusion
    D_u = float(DESIGN.parameters().D_u)
    assert euler["largest_step"] / DESIGN.rate * D_u == pytest.approx(0.5, rel=0.1)


def test_schemes_for_people(capsys: pytest.CaptureFixture) -> None:
    assert main(["schemes", "--scheme", "semi-implicit", "--scheme", "lie-split"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].split()[:3] == ["scheme", "order", "positive"]
    assert out[1].split() == ["semi-implicit", "1", "yes", "yes", "yes", "no", "no", "no", "no", "any"]
    assert out[2].split() == ["lie-split", "1", "yes", "no", "no", "no", "yes", "no", "no", "any"]
    assert "d_T moves" in out[4]


def test_schemes_of_another_system(capsys: pytest.CaptureFixture) -> None:
    only = ("--scheme", "semi-implicit", "--scheme", "imex-euler", "--scheme", "heun")
    result = answer(capsys, "schemes", "--system", "schnakenberg", "--set", "D_v=40", *only)
    assert result["values"]["D_v"] == "40"
    assert result["states"] == [pytest.approx([1.2, 1 / 1.44])]
    ours, imex, heun = result["schemes"]
    assert ours["same_boundary"]["answer"] == imex["same_boundary"]["answer"] == "yes"
    assert heun["same_boundary"]["answer"].startswith("if")
    assert {ours[kind]["answer"] for kind in ("false_growth", "missed_growth", "flip", "rotation")} == {"not seen"}
    assert imex["rotation"]["answer"] == "seen"
    assert imex["rotation"]["witness"]["multiplier"] > 1
    assert imex["largest_step"] == pytest.approx(imex["rotation"]["witness"]["h"])
    # a loss that is not its own species' cannot be implicit: no positivity, and at large steps a flip
    result = answer(capsys, "schemes", "--system", "fitzhugh-nagumo", "--scheme", "semi-implicit")
    assert result["schemes"][0]["positive"]["answer"] == "no"
    assert result["schemes"][0]["flip"]["answer"] == "seen"


def test_response_json(capsys: pytest.CaptureFixture) -> None:
    result = answer(capsys, "response", "--steps", "12", "--points", "9")
    wavelengths = np.array(result["wavelengths"])
    assert wavelengths[0] == 2
    (one,) = result["responses"]
    layer = frequency_response(DESIGN, 12, 4 * np.sin(np.pi / wavelengths) ** 2)
    u, v = 0.4, 1.2 * 0.4 * 0.6
    np.testing.assert_allclose(one["gain"]["u"], layer[:, 0] / u, rtol=1e-12)
    np.testing.assert_allclose(one["gain"]["v"], layer[:, 1] / v, rtol=1e-12)
    assert one["half_power"]["longest"] == pytest.approx(bandwidth(DESIGN, 12).longest)
    result = answer(capsys, "response", "--scheme", "heun", "--step-size", "0.1")
    assert [item["steps"] for item in result["responses"]] == [4, 12, 32]
    assert "half_power" not in result["responses"][0]
    # a band that reaches the mean has no longest wavelength
    wide = answer(capsys, "response", "--steps", "4")
    assert wide["responses"][0]["half_power"]["longest"] == "inf"


def test_response_for_people(capsys: pytest.CaptureFixture) -> None:
    assert main(["response"]) == 0
    out = capsys.readouterr().out
    assert "N = 32: gain 2.10277 at 12 clips, half power from 8.68894 to 17.2973 clips" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("schemes", "--scheme", "rk4"), "must be one of"),
        (("schemes", "--set", "a=1"), "--set wants --system"),
        (("schemes", "--system", "brusselator", "--plot", "x.png"), "Leave out --system"),
        (("schemes", "--system", "brusselator", "--set", "b=9"), "no homogeneous state that is stable"),
        (("schemes", "--u-star", "0.7"), "PatternDesign.u_star"),
        (("response", "--steps", "0"), "steps must be an integer >= 1"),
        (("response", "--step-size", "-1"), "h must be finite and positive"),
        (("response", "--points", "1"), "at least 2"),
        (("response", "--scheme", "euler"), "must be one of"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_arguments(capsys: pytest.CaptureFixture, arguments: tuple[str, ...], message: str) -> None:
    assert main(list(arguments)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.startswith("rdmf: ")


def test_pictures_show_the_numbers(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    figure = plot_artefacts(DESIGN)
    panels = {axis.get_title(): axis for axis in figure.axes}
    assert list(panels) == list(SCHEMES)
    ours = np.unique(np.asarray(panels["semi-implicit"].collections[0].get_array()))
    assert ours.tolist() == [0, 1]
    assert 4 in np.asarray(panels["explicit-euler"].collections[0].get_array())
    figure = plot_response(DESIGN, SEMI_IMPLICIT, (4, 12))
    left = figure.axes[0]
    curve = next(line for line in left.lines if line.get_label() == "$N=12$")
    mu = 4 * np.sin(np.pi / np.asarray(curve.get_xdata())) ** 2
    expected = np.abs(frequency_response(DESIGN, 12, mu)[:, 1]) / (1.2 * 0.4 * 0.6)
    np.testing.assert_allclose(curve.get_ydata(), expected, rtol=1e-10)
    assert left.get_xlabel() == "wavelength (clips)"
    assert main(["response", "--plot", str(tmp_path / "response.png")]) == 0
    assert (tmp_path / "response.png").stat().st_size > 10_000
