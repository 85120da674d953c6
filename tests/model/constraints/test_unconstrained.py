"""`--constraint none|penalty`: designs may leave the region, numbers stay finite, and the run says so."""

import json

import pytest
import torch

from rdmf_model.checkpoints.checkpoint import FORMAT, load_run, read_tensors
from rdmf_model.cli import main
from rdmf_model.config.config import load_config, parse_config
from rdmf_model.constraints.constraint import DesignConstraint
from rdmf_model.constraints.unconstrained import _LEAST, _MOST, Unconstrained
from rdmf_model.training.train import train
from rdmf_theory.errors import ParameterError
from tests.model.tiny_data import tiny_config, tiny_document, write_tiny_data

# a high learning rate of the designs alone drives them out of the box within a few steps
LEAVING = {"train.epochs": 6, "train.design_learning_rate": 0.3, "train.warmup": 0.0}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_tiny_data(tmp_path_factory.mktemp("unconstrained"))


@pytest.fixture(scope="module")
def runs(data, tmp_path_factory):
    """{constraint: run folder}, all from the same seed."""
    folder = tmp_path_factory.mktemp("runs")
    return {
        name: train(tiny_config(data, LEAVING | {"model.constraint": name}), folder / name).run
        for name in ("hard", "none", "penalty")
    }


def log(run):
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def test_value_and_slope_at_zero_are_those_of_the_constrained_sibling():
    for number in range(5):
        raw = torch.zeros(5, dtype=torch.float64, requires_grad=True)
        found = [constraint.transform(raw).coordinates() for constraint in (Unconstrained(), DesignConstraint())]
        slopes = [torch.autograd.grad(x[number], raw)[0] for x in found]
        torch.testing.assert_close(found[0], found[1])
        torch.testing.assert_close(slopes[0], slopes[1])


@pytest.mark.parametrize("value", [-1e30, -50.0, -3.0, 3.0, 50.0, 1e30, torch.inf, -torch.inf, torch.nan])
def test_numbers_stay_finite_outside(value):
    raw = torch.zeros(5, 5)
    raw.fill_diagonal_(value)
    raw = torch.cat([raw, torch.full((1, 5), value)]).requires_grad_()
    constraint = Unconstrained()
    design = constraint.transform(raw)
    gain = constraint.modulate(design, torch.tensor([[-5.0], [0.0], [5.0]]))
    loss = torch.stack([getattr(design, name).sum() for name in ("F", "k", "s", "D_u", "D_v", "v_star")]).sum()
    (loss + gain.sum() + constraint.penalty(design)).backward()
    for name in ("s", "D_u", "D_v", "v_star", "gain_lo", "gain_hi"):
        assert bool((torch.isfinite(getattr(design, name)) & (getattr(design, name) > 0)).all()), name
    assert torch.isfinite(gain).all()
    assert raw.grad is not None
    assert torch.isfinite(raw.grad).all()
    if value == value:
        assert constraint.penalty(design) > 0


@pytest.mark.parametrize("kind", [DesignConstraint, Unconstrained])
def test_the_round_trip_of_either_kind(kind):
    constraint = kind()
    raw = 3.0 * torch.randn(500, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    design = constraint.transform(raw).coordinates()
    found = constraint.inverse_transform(design)
    torch.testing.assert_close(constraint.transform(found).coordinates(), design, rtol=1e-6, atol=1e-6)
    # numbers at the ends of the range that keeps them finite have many origins
    inside = (
        (design > constraint.lower.new_tensor(_LEAST) * 1.01) & (design < 0.99 * constraint.lower.new_tensor(_MOST))
    ).all(1)
    assert inside.sum() > 300
    torch.testing.assert_close(found[inside], raw[inside], rtol=1e-5, atol=1e-5)


def test_the_round_trip_outside_the_box():
    constraint = Unconstrained()
    outside = torch.tensor([[0.45, 0.5, 0.2, 500.0, 4.0], [0.01, 60.0, 40.0, 3.0, 1e-3]], dtype=torch.float64)
    again = constraint.transform(constraint.inverse_transform(outside)).coordinates()
    torch.testing.assert_close(again, outside)


def test_designs_leave_the_region_on_every_side():
    constraint = Unconstrained()
    low, high = (constraint.check(constraint.transform(torch.full((1, 5), raw))) for raw in (-30.0, 30.0))
    assert not low["damped"].holds
    assert not low["turing"].holds
    assert not high["fed"].holds
    assert not constraint.check(constraint.transform(torch.zeros(1, 5).index_fill(1, torch.tensor([2]), -20.0)))[
        "turing"
    ].holds


def test_the_penalty_is_zero_inside_alone():
    constraint = Unconstrained()
    assert constraint.penalty(constraint.transform(torch.zeros(3, 5))) == 0
    inside = constraint.emit(0.999 * constraint.upper + 0.001 * constraint.lower)
    outside = constraint.emit(1.001 * constraint.upper - 0.001 * constraint.lower)
    assert constraint.penalty(inside) == 0
    assert constraint.penalty(outside) == pytest.approx(5 * 0.001, rel=0.01)


def test_a_run_that_leaves_is_flagged_everywhere(runs):
    header = read_tensors(runs["none"] / "last.safetensors", FORMAT)[1]
    assert header["constraint"] == "none"
    assert header["left_region"] is True
    assert log(runs["none"])[-1]["left_region"] is True
    # null: a number that no design can have
    assert not all(margin is not None and margin >= 0 for margin in log(runs["none"])[-1]["margins"].values())
    assert any(isinstance(module, Unconstrained) for module in load_run(runs["none"])[0].modules())


def test_a_hard_run_cannot_leave(runs):
    header = read_tensors(runs["hard"] / "last.safetensors", FORMAT)[1]
    assert (header["constraint"], header["left_region"]) == ("hard", False)
    for row in log(runs["hard"]):
        assert min(row["margins"].values()) >= 0
        assert "left_region" not in row


def test_the_penalty_keeps_designs_nearer(runs):
    distance = {name: log(runs[name])[-1]["loss"]["constraint"] for name in ("none", "penalty")}
    assert 0 <= distance["penalty"] < 0.5 * distance["none"]
    assert "constraint" not in log(runs["hard"])[-1]["loss"]


def test_verify_passes_the_hard_run_and_fails_the_others(runs, capsys):
    for name, code in (("hard", 0), ("none", 1), ("penalty", 1)):
        assert main(["verify", str(runs[name]), "--examples", "3", "--texts", "100", "--json"]) == code, name
        report = json.loads(capsys.readouterr().out)
        if code:
            assert f"trained with constraint '{name}'" in report["certificate"]["detail"]
            assert "Train with the constraint" in report["certificate"]["detail"]
    assert report["properties"][0]["verdict"] == "violated"


def test_resume_keeps_the_flag(data, runs, tmp_path):
    config = tiny_config(data, LEAVING | {"model.constraint": "none"})
    run = train(config, tmp_path / "run").run
    assert train(None, run, resume=True).resumed_finished
    assert read_tensors(run / "last.state", "rdmf-training-state")[1]["progress"]["left_region"] is True


def test_the_option_sets_the_configuration(data, tmp_path, capsys):
    assert main(["train", "absent.toml", "--constraint", "soft", "-o", str(tmp_path / "run")]) == 2
    with pytest.raises(ParameterError, match=r"model\.constraint must be one of hard, none, penalty\. Got 'soft'"):
        parse_config(tiny_document(data) | {"model": {"constraint": "soft"}})
    with pytest.raises(ParameterError, match=r'must be "hard" with model\.fusion = "none", which'):
        parse_config(tiny_document(data) | {"model": {"constraint": "none", "fusion": "none"}})
    path = tmp_path / "config.toml"
    path.write_text("version = 1\n")
    assert load_config(path).model.constraint == "hard"
    assert load_config(path, ["model.constraint=penalty"]).model.constraint == "penalty"
