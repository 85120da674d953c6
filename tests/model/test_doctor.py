"""`rdmf doctor`: what it reports, and that it notices what is broken."""

import json

import pytest

from rdmf_model import doctor
from rdmf_model.cli import main
from rdmf_model.ops import selfcheck
from rdmf_model.ops.reaction_diffusion import available_backends
from rdmf_model.ops.selfcheck import check_kernels


def test_this_environment_is_sound(capsys):
    assert main(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"]
    assert report["problems"] == []
    assert report["packages"]["torch"]["version"]
    assert report["packages"]["accelerate"]["extra"] is None
    assert report["packages"]["tensorboard"]["extra"] == "tensorboard"
    assert set(report["commands"]) >= {"check", "train", "verify", "export", "doctor"}
    assert all(obstacle is None for name, obstacle in report["commands"].items() if name not in doctor.NEEDS)
    assert {"reference", "adjoint"} <= {backend["name"] for backend in report["backends"]}
    assert all(backend["works"] for backend in report["backends"])
    assert report["devices"][0]["name"] == "cpu"


def test_needs_are_those_of_commands(capsys):
    assert main(["doctor", "--json"]) == 0
    assert set(doctor.NEEDS) <= set(json.loads(capsys.readouterr().out)["commands"])


def test_a_command_that_lacks_something_says_what_and_how(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "command  export needs onnx, onnxscript. In the checkout: pip install '.[onnx]'" in out
    assert "export" not in out.splitlines()[1]


@pytest.mark.parametrize(
    ("line", "fine"),
    [("numpy~=1.0", False), ("numpy==0.1", False), ("numpy>=1,<99", True), ("numpy!=99", True), ("numpy<1", False)],
)
def test_every_form_of_a_requirement_is_read(line, fine, monkeypatch):
    monkeypatch.setattr(doctor, "requires", lambda name: [line])
    problems: list[str] = []
    doctor._packages(problems)
    assert (problems == []) == fine


def test_text_says_the_same(capsys):
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "backend  adjoint on cpu: agrees with the reference" in out
    assert "everything required works" in out


def test_a_missing_and_an_old_package_are_problems(monkeypatch, capsys):
    listed = ["absent-package>=1.0", "numpy>=99.1", 'absent-extra>=1; extra == "video"']
    monkeypatch.setattr(doctor, "requires", lambda name: listed)
    assert main(["doctor", "--json"]) == 1
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert problems[0] == "absent-package is missing. Run: pip install 'absent-package>=1.0'"
    assert ">=99.1 is needed" in problems[1]
    assert len(problems) == 2


def test_a_wrong_backend_is_a_problem(monkeypatch):
    from rdmf_model.ops import reaction_diffusion as operator

    true = operator.reaction_diffusion

    def wrong(*arguments, backend, steps):
        u, v = true(*arguments, backend=backend, steps=steps)
        if backend == "adjoint":
            raise OSError("no such kernel")
        return u, v

    monkeypatch.setattr(operator, "reaction_diffusion", wrong)
    report = doctor.examine()
    assert not report["ok"]
    assert any("backend adjoint on cpu fails (OSError: no such kernel)" in problem for problem in report["problems"])


def test_every_compiled_entry_is_run_beside_its_definition(capsys):
    if "cpu" not in available_backends("cpu"):
        pytest.skip("the CPU kernel is not built")
    rows = check_kernels()
    assert {row["name"] for row in rows} == {
        *("reaction_diffusion", "driven_reaction_diffusion", "driven_readout", "text_match", "local_contrast"),
        *("scaled_tanh", "box_coordinates", "emit_designs"),
    }
    assert {row["dtype"] for row in rows} == {"float32", "float64"}
    assert all(row["works"] for row in rows), rows
    assert main(["doctor"]) == 0
    assert "compiled driven_readout in float32: agrees with its definition" in capsys.readouterr().out


@pytest.mark.parametrize("fault", ["value", "gradient", "crash"])
def test_a_wrong_compiled_entry_is_a_problem(fault, monkeypatch):
    if "cpu" not in available_backends("cpu"):
        pytest.skip("the CPU kernel is not built")
    true = selfcheck.text_match

    def wrong(*inputs, backend=None):
        found = true(*inputs, backend=backend)
        if backend != "cpu":
            return found
        if fault == "crash":
            raise OSError("no such kernel")
        return found * 1.001 if fault == "value" else found + 0.001 * (found - found.detach())

    monkeypatch.setattr(selfcheck, "text_match", wrong)
    report = doctor.examine()
    assert not report["ok"]
    assert sum("compiled text_match in float" in problem for problem in report["problems"]) == 2
    assert all("Build them again" in problem for problem in report["problems"])
