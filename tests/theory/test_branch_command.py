"""`rdmf branch`, in process: answers, files, exit codes, messages."""

import json
from pathlib import Path

import numpy as np
import pytest

from rdmf_model.cli import main

SHORT = ["branch", "--u-star", "0.3", "--z", "1.6", "--wavelength", "6", "--rate", "0.5", "--clips", "12"]


def answer(capsys: pytest.CaptureFixture, *arguments: str, code: int = 0) -> dict:
    """The one JSON object on stdout."""
    assert main([*arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out, parse_constant=lambda text: pytest.fail(f"{text} is not JSON"))


def test_patterns_are_followed_proved_stored_and_rechecked(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("all.json", "branches.png", "proofs.json")}
    found = answer(
        capsys,
        *SHORT,
        *("--range", "0.9:2", "--modes", "4", "--at", "1.9"),
        *(
            "-o",
            str(files["all.json"]),
            "--plot",
            str(files["branches.png"]),
            "--certificate",
            str(files["proofs.json"]),
        ),
    )
    assert sorted(tmp_path.iterdir()) == sorted(files.values())
    assert files["branches.png"].read_bytes().startswith(b"\x89PNG")
    (branch,) = found["branches"]
    assert (branch["mode"], branch["end"]) == (4, "parameter bound 2")
    (pattern,) = found["patterns"]
    assert pattern["unstable"] == 0
    assert pattern["layer_multiplier"] < 1
    assert pattern["proof"]["outcome"] == "certified"
    assert pattern["proof"]["krawczyk"]["growth_rate"][1] < 0
    stored = json.loads(files["all.json"].read_text())["branches"][0]["states"]
    assert np.shape([state["concentrations"] for state in stored]) == (len(branch["states"]), 12, 2)
    assert main(["certify", str(files["proofs.json"])]) == 0
    assert "holds: 1 stable pattern." in capsys.readouterr().out
    files["proofs.json"].write_text(
        files["proofs.json"].read_text().replace('"decay_margin": "1/3"', '"decay_margin": "2/3"')
    )
    assert main(["certify", str(files["proofs.json"])]) == 1
    assert "refused" in capsys.readouterr().out


def test_for_people(capsys: pytest.CaptureFixture) -> None:
    assert main([*SHORT, "--range", "0.9:1.6", "--modes", "4"]) == 0
    out = capsys.readouterr().out
    assert "gray-scott on 12 clips, excess in [0.9, 1.6]" in out
    assert "at excess = 1.5: mode 4" in out


def test_a_point_on_an_interval_and_another_system(capsys: pytest.CaptureFixture) -> None:
    point = ["--F", "0.08", "--k", "0.0602906562388", "--D-u", "2", "--D-v", "1", "--parameter", "F"]
    found = answer(
        capsys,
        "branch",
        *point,
        "--range",
        "0.084:0.088",
        "--length",
        "18.9233881709",
        "--points",
        "12",
        "--modes",
        "1",
    )
    assert [q["parameter"] for q in found["branch_points"]] == pytest.approx([0.0867037056386], abs=5e-13)
    found = answer(
        capsys, "branch", "--system", "brusselator", "--set", "D_y=8", "--parameter", "b", "--range", "2.6:3.4",
        *("--clips", "9", "--modes", "all"),
    )  # fmt: skip
    # b_T = (1 + a sqrt(D_x/D_y))^2 is where the first of all modes would grow
    onset = (1 + 2 * np.sqrt(1 / 8)) ** 2
    assert all(q["parameter"] >= onset for q in found["branch_points"])
    assert found["system"] == "brusselator"


def test_no_stable_pattern_means_exit_code_1(capsys: pytest.CaptureFixture) -> None:
    found = answer(capsys, *SHORT, "--range", "0.9:1.6", "--modes", "4", "--certify", code=1)
    (pattern,) = found["patterns"]
    assert pattern["unstable"] == 1
    assert pattern["proof"]["outcome"] == "unstable"


def test_reactions_that_are_no_polynomials_are_proved_without_a_file(
    capsys: pytest.CaptureFixture, tmp_path: Path
) -> None:
    file = tmp_path / "none.json"
    found = answer(
        capsys, "branch", "--system", "gierer-meinhardt", "--parameter", "D_v", "--range", "5:60", "--clips", "8",
        *("--modes", "1", "--at", "40", "--certificate", str(file)),
    )  # fmt: skip
    proofs = [row["proof"] for row in found["patterns"] if row["unstable"] == 0]
    assert proofs
    for proof in proofs:
        assert proof["outcome"] == "certified"
        assert proof["krawczyk"]["growth_rate"][1] < 0
        assert "polynomial" in proof["detail"]
    assert not file.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--range", "excess=4:0.7"], "LOW < HIGH"),
        (["--range", "1"], "LOW:HIGH"),
        (["--modes", "one"], "whole numbers"),
        (["--modes", "0"], "whole numbers"),
        (["--clips", "1"], "clips"),
        (["--length", "-3"], "length"),
        (["--at", "9"], "--at"),
        (["--parameter", "F"], "--parameter must be one of u_star"),
        (["--F", "0.05"], "--k, --D-u, --D-v"),
        (["--set", "a=1"], "--system"),
        (["--system", "nowhere"], "nowhere"),
        (["--system", "schnakenberg", "--parameter", "q"], "q"),
        (["--system", "schnakenberg", "--parameter", "b", "--set", "a"], "NAME=NUMBER"),
        (["--system", "schnakenberg", "--parameter", "b", "--state", "9"], "--state"),
        (["--range", "0.5:0.9"], "branches off"),
        (["--length", "10", "--certify"], "--certify needs --clips"),
    ],
)
def test_bad_arguments(capsys: pytest.CaptureFixture, arguments: list[str], words: str) -> None:
    assert main(["branch", "--clips", "8", *arguments]) == 2
    assert words in capsys.readouterr().err


PREDATOR = "u' = u*(1-u/K) - u*v/(1+u); v' = v*(c*u/(1+u) - m)"


def test_only_one_curve_of_homogeneous_states_is_spoken_of(capsys: pytest.CaptureFixture) -> None:
    """On u = K, v = 0 mode 1 branches off where 2 K/(1 + K) = m + 4 sin(pi/16)^2; the coexistence states have no such
    point."""
    fixed = [part for value in ("c=2", "m=0.6", "D_u=1", "D_v=1") for part in ("--set", value)]
    command = ["branch", "--system", PREDATOR, *fixed, "--clips", "8", "--modes", "1"]
    assert main([*command, "--set", "K=1.5", "--range", "K=0.5:1.6"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "branches off the curve of homogeneous states through u = 0.428571, v = 1.02041 at K = 1.5" in said
    assert "--state" in said
    rate = 0.6 + 4 * np.sin(np.pi / 16) ** 2
    found = answer(capsys, *command, "--set", "K=0.3", "--range", "K=0.3:0.7")
    assert found["homogeneous_curve"] == "through u = 0.3, v = 0 at K = 0.3"
    assert [q["parameter"] for q in found["branch_points"]] == pytest.approx([rate / (2 - rate)], rel=1e-9)


def test_a_linear_system_has_no_branches(capsys: pytest.CaptureFixture) -> None:
    equations = "u' = a*u - 2*v + 1; v' = 3*u - 4*v"
    asked = ["--set", "a=1", "--set", "D_u=1", "--set", "D_v=30", "--range", "a=1:2", "--length", "10"]
    assert main(["branch", "--system", equations, *asked]) == 2
    error = capsys.readouterr().err
    assert "linear" in error
    assert "rdmf region" in error
