"""Do the competition layer's properties hold of it, and are faults on the path that answers named?"""

from typing import Any

import pytest
import torch

from rdmf_model.checkpoints.checkpoint import save_checkpoint
from rdmf_model.cli import main
from rdmf_model.config.config import Config, ModelConfig, RegionConfig
from rdmf_model.fusion import competition as module
from rdmf_model.model.build import build_model
from rdmf_model.properties import PROPERTIES, ModelUnderTest, Scope, run_property

CONFIG: dict[str, Any] = {
    "moment_head": "spans",
    "channels": 16,
    "heads": 2,
    "feedforward": 16,
    "steps": 6,
    "scores": 3,
    "region": RegionConfig(wavelength=(6.0, 20.0), clips=(24, 40)),
}
OURS = {prop.name: prop for prop in PROPERTIES if prop.scope is Scope.COMPETITION}


def make_tested(**changes):
    torch.manual_seed(0)
    model = build_model(ModelConfig(**CONFIG | {"fusion": "competition"} | changes), 6, 4)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return ModelUnderTest(model)


@pytest.mark.parametrize(
    "changes", [{}, {"steps": 0}, {"fusion": "weighted_diffusion"}], ids=["full", "N0", "diffusion"]
)
@pytest.mark.parametrize("name", [*OURS, "admissible"])
def test_the_layer_keeps_its_properties(name, changes):
    prop = next(prop for prop in PROPERTIES if prop.name == name)
    result = run_property(prop, make_tested(**changes), examples=60)
    assert result.holds, (result.counter_example, result.detail)


def test_a_property_of_the_two_field_layer_is_not_about_it():
    tested = make_tested()
    assert {prop.scope for prop in PROPERTIES if prop.is_about(tested)} == {
        Scope.MODEL,
        Scope.REGION,
        Scope.COMPETITION,
    }


def faulty_operator(fault):
    """The layer's operator with a fault; it is the one that answers."""
    sound = module.competition

    def operator(u0, v0, gain, F, w, D, kappa, lengths, *, steps, backend=None):
        if fault == "one step too few":
            return sound(u0, v0, gain, F, w, D, kappa, lengths, steps=steps - 1, backend=backend)
        if fault == "cuts are ignored":
            return sound(u0, v0, gain, F, w, D, torch.ones_like(kappa), lengths, steps=steps, backend=backend)
        if fault == "turnover without kill rate":
            return sound(u0, v0, gain, F, F, D, kappa, lengths, steps=steps, backend=backend)
        if fault == "no competition":
            u, v = u0, v0
            for _ in range(steps):
                _, v = sound(u0, v, gain, F, w, D, kappa, lengths, steps=1, backend=backend)
            return u, v
        u, v = sound(u0, v0, gain, F, w, D, kappa, lengths, steps=steps, backend=backend)
        if fault == "time is shifted":
            return u, v.roll(1, dims=1)
        return u - 1.0, v

    return operator


FAULTS = {
    "one step too few": "competition_reference",
    "cuts are ignored": "competition_reference",
    "turnover without kill rate": "competition_reference",
    "no competition": "competition_reference",
    "time is shifted": "competition_reflection",
    "substrate below zero": "competition_bounds",
}


@pytest.mark.parametrize(("fault", "name"), FAULTS.items(), ids=FAULTS)
def test_a_fault_on_the_path_that_answers_is_named(fault, name, monkeypatch):
    tested = make_tested()
    monkeypatch.setattr(module, "competition", faulty_operator(fault))
    assert not run_property(OURS[name], tested, examples=60).holds


def test_a_gain_outside_its_interval_is_named(monkeypatch):
    tested = make_tested()
    layer: Any = tested.model.fusion
    monkeypatch.setattr(type(layer.constraint), "modulate", lambda self, design, tilt: 40.0**tilt)
    assert not run_property(OURS["competition_gain"], tested, examples=60).holds


def test_its_certificate_is_about_its_checkpoint(tmp_path, capsys):
    """`verify` writes the certificate of the box that the layer can emit; `certify` finds it about these weights."""
    config = Config(model=ModelConfig(**CONFIG | {"fusion": "competition"}))
    run = tmp_path / "best.safetensors"
    save_checkpoint(run, make_tested().model, config, widths=(6, 4), epoch=1, metrics={})
    proof = tmp_path / "certificate.json"
    assert main(["verify", str(run), "--examples", "1", "--texts", "100", "-o", str(proof)]) == 0
    assert main(["certify", str(proof), "--checkpoint", str(run)]) == 0
    assert "as it is now" in capsys.readouterr().out
    save_checkpoint(
        tmp_path / "other.safetensors",
        make_tested(steps=2).model,
        Config(model=ModelConfig(**CONFIG | {"fusion": "competition", "steps": 2})),
        widths=(6, 4),
        epoch=1,
        metrics={},
    )
    assert main(["certify", str(proof), "--checkpoint", str(tmp_path / "other.safetensors")]) == 1
    assert "foreign" in capsys.readouterr().out
