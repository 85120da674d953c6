"""Each property holds on a model that is right, and names the fault in a model that is subtly wrong."""

from __future__ import annotations

import pytest
import torch

from rdmf_model.constraints.constraint import DesignConstraint
from rdmf_model.model.moment_model import MomentModel
from rdmf_model.properties import PROPERTIES, ModelUnderTest, PropertyResult, Scope, run_property
from rdmf_model.properties.inputs import Text  # noqa: F401, named in counter-examples
from rdmf_theory.errors import ParameterError
from tests.properties.mutants import MUTANTS, Patch, bypassed_door, operator_fault
from tests.properties.tiny import tiny_config, tiny_model

EXAMPLES = 12
# those of the competition layer are tried on models that have it
BY_NAME = {prop.name: prop for prop in PROPERTIES if prop.scope is not Scope.COMPETITION}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def search(name: str, model: MomentModel, examples: int = EXAMPLES, seed: int = 0) -> PropertyResult:
    return run_property(BY_NAME[name], ModelUnderTest(model), examples, seed)


@pytest.mark.parametrize("name", BY_NAME)
def test_holds_on_a_sound_model(name: str) -> None:
    result = search(name, tiny_model(), examples=40)
    assert result.holds, f"{result.detail} at {result.counter_example}"
    assert result.examples == BY_NAME[name].share(40)
    assert result.worst is not None


def test_dense_operator_without_a_fault_is_the_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model()
    operator_fault()(monkeypatch, model)
    for name in ("bounds_any_state", "base_state", "growth", "decay", "padding", "each_step", "layer_steps", "readout"):
        result = search(name, model, examples=5)
        assert result.holds, f"{name}: {result.detail} at {result.counter_example}"


@pytest.mark.parametrize(("patch", "name", "detail"), [row[1:] for row in MUTANTS], ids=[row[0] for row in MUTANTS])
def test_names_the_fault(patch: Patch, name: str, detail: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model()
    patch(monkeypatch, model)
    result = search(name, model, EXAMPLES * BY_NAME[name].effort)
    assert not result.holds
    assert detail in (result.detail or "")
    assert result.counter_example


def test_every_property_kills_a_mutant() -> None:
    # those of the competition layer are killed in test_competition_properties
    others = {prop.name for prop in PROPERTIES if prop.scope is Scope.COMPETITION}
    assert {row[2] for row in MUTANTS} == set(BY_NAME) - others


def test_nan_weights_are_a_violation() -> None:
    model = tiny_model()
    torch.nn.init.constant_(model.saliency.scale, float("nan"))
    result = search("gradients", model)
    assert not result.holds


def test_counter_example_is_shrunk_and_replays(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model()
    bypassed_door(excess=0.97)(monkeypatch, model)
    result = search("admissible", model, seed=5)
    assert result.counter_example == "Text(kind='data', words=1, scale=1.0, seed=0)"
    margins = BY_NAME["admissible"].check(ModelUnderTest(model), eval(result.counter_example))
    # the emitted float32 parameters are checked too: their rounding moves the margin by up to about 1e-6
    assert margins["turing"] == pytest.approx(-0.03, abs=1e-5)
    assert result.to_dict()["verdict"] == "violated"


def test_a_crash_is_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model()
    monkeypatch.setattr(DesignConstraint, "log_gain", lambda self, design: 1 / 0)
    result = search("gain", model)
    assert not result.holds
    assert "ZeroDivisionError" in (result.detail or "")


def test_the_seed_decides() -> None:
    first, second, other = (search("gain", tiny_model(), seed=seed) for seed in (3, 3, 4))
    assert first.margins == second.margins
    assert first.margins != other.margins


def test_layer_properties_need_the_layer() -> None:
    model = tiny_model(tiny_config("convolution"))
    assert search("padding", model).holds
    with pytest.raises(ParameterError, match="Got a model whose fusion is ConvolutionFusion"):
        search("growth", model)


@pytest.mark.parametrize(("examples", "seed"), [(0, 0), (1, -1)], ids=["examples", "seed"])
def test_bad_arguments(examples: int, seed: int) -> None:
    with pytest.raises(ParameterError, match="examples must be >= 1 and seed >= 0"):
        run_property(PROPERTIES[0], ModelUnderTest(tiny_model()), examples, seed)
