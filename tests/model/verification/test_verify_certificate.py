"""Certificates that a person hands in, models without the constraint, and random texts."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from rdmf_model.checkpoints.checkpoint import FORMAT, read_tensors, save_tensors
from rdmf_model.cli import main
from rdmf_model.constraints.constraint import DesignConstraint
from rdmf_model.properties import ModelUnderTest
from rdmf_model.properties.inputs import Text
from rdmf_model.verification.certificate import file_digest
from rdmf_model.verification.random_texts import push_texts
from rdmf_model.verification.run import run_embeddings
from rdmf_theory.certificates.certificate import digest
from rdmf_theory.errors import ParameterError
from rdmf_theory.verdict import Verdict
from tests.model.tiny_data import TEXT_WIDTH, write_tiny_data
from tests.model.tiny_data import tiny_config as data_config
from tests.properties.tiny import tiny_config, tiny_model, write_run


@pytest.fixture(scope="module")
def verified(tmp_path_factory):
    run = write_run(tmp_path_factory.mktemp("certificates") / "run")
    assert main(["verify", str(run), "--examples", "1", "--texts", "0"]) == 0
    return run


@pytest.fixture
def run(verified, tmp_path):
    """A copy of the verified run, to be spoilt."""
    return Path(shutil.copytree(verified, tmp_path / "run"))


def judge(run, capsys, certificate="certificate.json"):
    """(exit code, verdict or error text) of `rdmf verify --certificate`."""
    capsys.readouterr()
    arguments = [
        "verify",
        str(run),
        "--certificate",
        str(run / certificate),
        "--examples",
        "1",
        "--texts",
        "0",
        "--json",
    ]
    code = main(arguments)
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    found = json.loads(captured.out).get("certificate") if captured.out else None
    return code, captured.err if found is None else f"{found['verdict']}: {found['explanation']}"


def respell(run, change):
    """Change a certificate and make its digest fit."""
    file = run / "certificate.json"
    content = json.loads(file.read_text())
    del content["sha256"]
    change(content)
    file.write_text(json.dumps(content | {"sha256": digest(content)}))


def retrain(run):
    """Other weights under the same region."""
    tensors, header = read_tensors(run / "best.safetensors", FORMAT)
    tensors["fusion.design_base"] += 0.01
    save_tensors(run / "best.safetensors", tensors, header)


def test_a_given_certificate_holds(run, capsys):
    content = json.loads((run / "certificate.json").read_text())
    assert set(content["theorems"]) == set(content["conditions"])
    assert {"python", "rdmf", "python-flint"} == set(content["made_with"])
    assert judge(run, capsys) == (0, f"certified: {Verdict.CERTIFIED.value}")


def test_an_edited_certificate(run, capsys):
    file = run / "certificate.json"
    file.write_text(file.read_text().replace('"steps": 6', '"steps": 5'))
    code, said = judge(run, capsys)
    assert code == 1
    assert said.startswith("refused: edited, or never true: the content was changed")


def test_a_stale_certificate(run, capsys):
    retrain(run)
    code, said = judge(run, capsys)
    assert code == 1
    assert said.startswith("refused: stale: same region, other weights")
    assert "Run `rdmf verify`" in said


def test_a_foreign_certificate(run, capsys, tmp_path):
    other = write_run(tmp_path / "other", tiny_config(wavelength=[8.0, 20.0]))
    shutil.copy(run / "certificate.json", other)
    code, said = judge(other, capsys)
    assert (code, said.split(":")[1]) == (1, " foreign")
    # even with its subject spelled over and the digest made to fit
    subject = f"sha256:{file_digest(other / 'best.safetensors')}"
    respell(other, lambda content: content.update(subject=subject))
    code, said = judge(other, capsys)
    assert code == 1
    assert "foreign: its box or region is not the one" in said


def test_a_truncated_certificate_and_none_at_all(run, capsys):
    file = run / "certificate.json"
    file.write_text(file.read_text()[:-200])
    code, said = judge(run, capsys)
    assert code == 3
    assert "cut short" in said
    assert "Run `rdmf verify` without --certificate" in said
    file.unlink()
    assert judge(run, capsys)[0] == 3


def test_a_certificate_of_a_region_is_foreign(run, capsys):
    assert main(["region", "--d", "2", "--strips", "4", "-o", str(run / "region.json")]) == 0
    code, said = judge(run, capsys, "region.json")
    assert code == 1
    assert "foreign: it is about a fixed-ratio-region" in said


def test_contradictory_options(run, capsys):
    file = str(run / "certificate.json")
    for options in (("--no-certificate",), ("-o", file)):
        assert main(["verify", str(run), "--certificate", file, *options]) == 2
        assert "Give one of them" in capsys.readouterr().err


@pytest.mark.parametrize("constraint", ["none", "penalty"])
def test_a_model_without_the_door_fails(constraint, run, capsys):
    tensors, header = read_tensors(run / "best.safetensors", FORMAT)
    header["config"]["model"]["constraint"] = constraint
    save_tensors(run / "best.safetensors", tensors, header | {"constraint": constraint})
    assert judge(run, capsys)[0] == 1
    assert main(["verify", str(run), "--examples", "1", "--texts", "0", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["certificate"]["verdict"] == "undecided"
    assert f"trained with constraint '{constraint}'" in report["certificate"]["detail"]
    assert "Train with the constraint" in report["certificate"]["detail"]
    assert not (run / "certificate.json").exists()
    broken = [entry for entry in report["properties"] if entry["verdict"] == "violated"]
    assert [entry["name"] for entry in broken] == ["admissible"]
    assert "constraint margin -1" in broken[0]["detail"]


def test_random_texts_stay_inside():
    result = push_texts(ModelUnderTest(tiny_model()), 600, seed=1)
    assert result.holds
    assert (result.texts, result.designs, result.outside) == (600, 600 * 16, 0)
    assert result.worst > 0
    assert result.to_dict()["verdict"] == "holds"


@pytest.mark.parametrize("coordinate", [{"excess": 0.97}, {"wavelength": 23.0}, {"u_star": float("nan")}], ids=str)
def test_random_texts_outside_are_counted(coordinate, monkeypatch):
    honest = DesignConstraint.transform
    names = ("u_star", "z", "excess", "wavelength", "rate")

    def transform(self, raw, backend=None):
        coordinates = honest(self, raw).coordinates().clone()
        for name, value in coordinate.items():
            # one channel of every other text
            coordinates[::2, 3, names.index(name)] = value
        return self.emit(coordinates)

    monkeypatch.setattr(DesignConstraint, "transform", transform)
    result = push_texts(ModelUnderTest(tiny_model()), 300)
    assert result.outside == 150
    assert not result.holds


def test_random_texts_are_counted_in_the_report(run, capsys, monkeypatch):
    progress = []
    push_texts(ModelUnderTest(tiny_model()), 300, progress=progress.append)
    assert progress == [256, 44]
    with pytest.raises(ParameterError, match="texts must be >= 1"):
        push_texts(ModelUnderTest(tiny_model()), 0)
    monkeypatch.setattr(DesignConstraint, "transform", lambda self, raw, backend: self.emit(torch.full_like(raw, 0.45)))
    assert main(["verify", str(run), "--examples", "1", "--texts", "7"]) == 1
    assert "7 random texts, 112 designs in 0 s: 7 outside" in capsys.readouterr().out


def test_the_runs_own_texts_are_tried(tmp_path):
    folder = write_tiny_data(tmp_path / "data")
    config = data_config(folder)
    found = run_embeddings(config, {"widths": {"text": TEXT_WIDTH}}, limit=3)
    assert [text.shape[1] for text in found] == [TEXT_WIDTH] * 3
    with np.load(config.data.text_features / "qid14.npz") as stored:
        assert np.array_equal(found[0].numpy(), stored["last_hidden_state"])
    tested = ModelUnderTest(tiny_model(), embeddings=[torch.full((2, 5), 7.0)])
    assert Text("run", 9, 2.0, 4).tensor(tested).equal(torch.full((2, 5), 14.0))
    # features of another width, and data that are gone, are no error
    assert run_embeddings(config, {"widths": {"text": TEXT_WIDTH + 1}}) == []
    shutil.rmtree(folder)
    assert run_embeddings(config, {"widths": {"text": TEXT_WIDTH}}) == []


def test_emitted_parameters_are_judged_besides_the_box(monkeypatch):
    honest = DesignConstraint.emit

    def emit(self, coordinates, backend=None):
        design = honest(self, coordinates)
        return dataclasses.replace(design, D_u=0.2 * design.D_u)

    monkeypatch.setattr(DesignConstraint, "emit", emit)
    assert push_texts(ModelUnderTest(tiny_model()), 20).outside == 20
