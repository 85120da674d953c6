"""Other people's layers: the documentation's own example holds, and its two subtle mistakes are named."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from rdmf_model.properties import ModelUnderTest, OwnLayer, Scope, run_property
from rdmf_model.properties.inputs import Text
from rdmf_model.properties.model_under_test import Draw
from rdmf_model.testing import OPERATOR_PROPERTIES, PROPERTIES, check_layer, require
from rdmf_theory.errors import ParameterError
from tests.properties.tiny import tiny_config, tiny_model, write_run

MISTAKES = {
    "absorbing ends": (
        "(laplacian - torch.diag(laplacian.sum(0))).to(u0)",
        "(laplacian - 2 * torch.eye(clips)).to(u0)",
        {"step_equations", "fixed_points", "base_state", "growth", "reference"},
        set(),
    ),
    "runs into the padding": (
        "enumerate(lengths.tolist())",
        "enumerate([u0.shape[1]] * len(lengths))",
        {"ragged"},
        {prop.name for prop in OPERATOR_PROPERTIES} - {"ragged", "each_step", "gradient_values"},
    ),
}


def snippet(repository: Path) -> str:
    """The layer of docs/verification.md, without the line that judges it."""
    page = (repository / "docs" / "verification.md").read_text(encoding="utf-8")
    (code,) = (code for code in re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S) if "def my_layer" in code)
    assert code.count("check_layer(my_layer, steps=4, examples=10)") == 1
    return code.replace("check_layer(my_layer, steps=4, examples=10)", "")


def my_layer(code: str):
    names: dict = {}
    exec(code, names)
    return names["my_layer"]


def test_the_example_of_the_documentation_holds(repository):
    results = check_layer(my_layer(snippet(repository)), steps=4, examples=10)
    assert [result.prop for result in results] == list(OPERATOR_PROPERTIES)
    assert all(result.examples >= 1 and result.worst is not None for result in results)


@pytest.mark.parametrize(("right", "wrong", "broken", "held"), MISTAKES.values(), ids=MISTAKES)
def test_a_subtle_mistake_is_named(right, wrong, broken, held, repository):
    code = snippet(repository)
    assert code.count(right) == 1
    with pytest.raises(AssertionError) as caught:
        check_layer(my_layer(code.replace(right, wrong)), steps=4, examples=10)
    named = set(re.findall(r"^(\w+): ", str(caught.value), re.MULTILINE))
    assert broken <= named
    assert not named & held


def test_require_shows_the_counter_example():
    prop = next(prop for prop in OPERATOR_PROPERTIES if prop.name == "base_state")
    drifting = OwnLayer(lambda u0, v0, *rest, steps: (u0 + 1e-3, v0), steps=1, channels=2)
    with pytest.raises(AssertionError, match="counter-example Mode") as caught:
        require(prop, drifting, examples=5)
    assert "theorem WellBalanced.homogeneous_fixed_point" in str(caught.value)


def test_what_an_own_layer_cannot_be_judged_by():
    own = OwnLayer(lambda *inputs, steps: inputs[:2], steps=2, channels=2)
    prop = next(prop for prop in PROPERTIES if prop.scope is Scope.LAYER)
    with pytest.raises(ParameterError, match="Got an operator of one's own"):
        run_property(prop, own)
    with pytest.raises(ParameterError, match=r"OwnLayer.steps and channels must be >= 1. Got 0 and 8"):
        OwnLayer(own.operator, steps=0)
    assert Draw(0.0).tensor(own).equal(torch.zeros(1, 2, 5))
    assert Text().kind == "data"


def plugin(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """pytest in a folder of its own, the plugin loaded by name as its entry point would."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:rdmf",
        "-p",
        "rdmf_model.pytest_plugin",
    ]
    return subprocess.run([*command, "-q", *arguments], cwd=folder, capture_output=True, text=True, timeout=200)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("plugin") / "run")


def test_the_plugin_adds_a_test_per_property_and_fixtures(run, tmp_path):
    (tmp_path / "test_mine.py").write_text(
        "def test_the_tested_model(rdmf_tested, rdmf_model, rdmf_run):\n"
        "    assert rdmf_tested.model is rdmf_model\n"
        "    assert rdmf_tested.has_layer and rdmf_run.is_dir()\n"
    )
    result = plugin(tmp_path, "--rdmf-run", str(run), "--rdmf-examples", "1")
    assert result.returncode == 0, result.stdout + result.stderr
    about = [prop for prop in PROPERTIES if prop.scope is not Scope.COMPETITION]
    assert f"{len(about) + 1} passed" in result.stdout
    result = plugin(tmp_path)
    assert result.returncode == 0
    assert "1 skipped" in result.stdout


def test_the_plugin_fails_for_a_broken_model_and_refuses_what_is_none(run, tmp_path):
    (tmp_path / "conftest.py").write_text(
        "from rdmf_model.constraints.constraint import DesignConstraint\n"
        "DesignConstraint.log_gain = lambda self, design: (0 * design.s - 2.0, 0 * design.s + 2.0)\n"
    )
    result = plugin(tmp_path, "--rdmf-run", str(run), "--rdmf-examples", "2", "-k", "rdmf::gain or rdmf::admissible")
    assert result.returncode == 1, result.stdout + result.stderr
    assert "gain is violated: For any text and video" in result.stdout
    assert "counter-example Company(" in result.stdout
    assert "Traceback" not in result.stdout
    (tmp_path / "conftest.py").unlink()
    result = plugin(tmp_path, "--rdmf-run", str(tmp_path / "nothing"))
    assert result.returncode == 4
    assert "--rdmf-run must be" in result.stderr + result.stdout


def test_the_entry_point_is_declared_and_imports_nothing_heavy(repository):
    assert 'rdmf = "rdmf_model.pytest_plugin"' in (repository / "pyproject.toml").read_text(encoding="utf-8")
    code = "import rdmf_model.pytest_plugin, sys; print('torch' in sys.modules, 'sympy' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False", "False"]


def test_other_fusions_get_the_properties_of_every_model():
    tested = ModelUnderTest(tiny_model(tiny_config("convolution")))
    assert {prop.scope for prop in PROPERTIES if prop.is_about(tested)} == {Scope.MODEL}
    assert {prop.scope for prop in PROPERTIES if prop.is_about(ModelUnderTest(tiny_model()))} == set(Scope) - {
        Scope.COMPETITION
    }
