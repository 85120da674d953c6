"""`rdmf certify-answers`: the numbers are the layer's own, what is not proved is counted as undecided, exit codes."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from rdmf_model.cli import main
from rdmf_model.config.config import Config
from rdmf_model.training.train import train
from rdmf_model.verification import answers
from rdmf_theory.certificates import checkers
from rdmf_theory.competition.settled import Outcome, Settled
from rdmf_theory.errors import ParameterError
from tests.model.tiny_data import tiny_config, write_tiny_data


def configuration(folder: Path, **model: object) -> Config:
    changes = {"model.fusion": "competition", "model.moment_head": "spans", "train.epochs": 1}
    return tiny_config(write_tiny_data(folder), changes | {f"model.{name}": value for name, value in model.items()})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("answers")
    train(configuration(folder / "data"), folder / "run")
    return folder / "run"


def test_a_run_is_certified_and_rechecked(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["certify-answers", str(run), "--answers", "2", "-o", str(tmp_path / "proofs"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["holds"]
    assert found["summary"]["answers"] == 2
    assert found["summary"]["patterns"] == sum(len(answer["runs"]) for answer in found["answers"])
    assert found["summary"]["patterns_proved"] == 1.0
    files = sorted((tmp_path / "proofs").iterdir())
    assert [file.name for file in files] == sorted(f"answer-{answer['qid']}.json" for answer in found["answers"])
    for file in files:
        assert "settled runs" in checkers.check(file)
        content = json.loads(file.read_text())
        assert content["subject"].startswith(found["subject"])
        assert main(["certify", str(file)]) == 0


def test_the_numbers_are_those_of_the_answer(run: Path) -> None:
    report = answers.certify_answers(run, count=1)
    (answer,) = report.answers
    (model, config, _), _ = answers.read_run(run / "best.safetensors")
    dataset = answers.load_split(config, "val")
    with torch.no_grad():
        batch = answers.collate([dataset[0]])
        # the pattern of the model's own answer, from the states that are certified
        expected = model(batch)["pattern"][0].numpy()
        layer, met = answers.competing(model), model.meet(batch)
        design = layer.design(met.query)
        weight = torch.softmax(layer.pattern_weight, dim=0).numpy()
    v = np.array([[float(Fraction(x)) for x in proof.entry["answered"][1:]] for proof in answer.runs])
    level = np.log(v / design.v_star[0].numpy()[:, None] + 1e-4)
    assert np.abs(float(layer.pattern_scale.detach()) * (weight @ level) - expected).max() < 1e-4
    for k, proof in enumerate(answer.runs):
        assert float(Fraction(proof.entry["F"])) == float(design.F[0, k])
        assert float(Fraction(proof.entry["D"])) == float(design.D_v[0, k])
        assert float(Fraction(proof.entry["w"])) == float((design.F + design.k)[0, k])
        assert proof.entry["steps"] == layer.steps
        # float32: some twenty rounded operations a step
        assert proof.to_dict()["rounding"] < 1e-4 * v[k].max()


def test_undecided_is_counted_and_named(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(answers, "prove_settled", lambda numbers: Settled(Outcome.UNDECIDED, detail="too hard"))
    assert main(["certify-answers", str(run), "--answers", "1"]) == 1
    printed = capsys.readouterr().out
    assert "all patterns proved                0.0 % of the answers" in printed
    assert "none proved" in printed
    assert main(["certify-answers", str(run), "--answers", "1", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["answers"][0]["runs"][0]["detail"] == "too hard"


def test_a_state_that_was_not_answered_is_named(run: Path) -> None:
    # a layer that takes one step less than it says: exact arithmetic is far from what it answered
    (model, config, _), _ = answers.read_run(run / "best.safetensors")
    sample = answers.load_split(config, "val")[0]
    honest = answers.prove_answer(model, sample)
    layer = answers.competing(model)
    original = layer.react

    def short(*arguments: object):
        layer.steps -= 1
        result = original(*arguments)
        layer.steps += 1
        return result

    layer.react = short
    wrong = answers.prove_answer(model, sample)
    assert max(honest.rounding()) < 1e-4
    assert max(wrong.rounding()) > 1e-2


def test_single_queries(run: Path) -> None:
    report = answers.certify_answers(run, qids=["14"])
    assert [answer.qid for answer in report.answers] == [14]
    with pytest.raises(ParameterError, match="--qid"):
        answers.certify_answers(run, qids=["99"])


def test_a_model_without_a_competition(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(configuration(tmp_path / "data", fusion="weighted_diffusion"), tmp_path / "run")
    assert main(["certify-answers", str(tmp_path / "run")]) == 2
    assert "fusion is the competition" in capsys.readouterr().err


def test_localize_certifies_its_answer(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = run.parent / "data"
    files = [f"--features={data / name / 'video_14.npz'}" for name in ("video", "more_video")]
    arguments = ["localize", str(run), *files, f"--text={data / 'text' / 'qid14.npz'}"]
    assert main([*arguments, f"--certify={tmp_path / 'proof.json'}", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert main(["certify", str(tmp_path / "proof.json")]) == 0
    # the very runs of the same query on the data set
    whole = answers.certify_answers(run, qids=["14"]).answers[0]
    assert [proof["distance_to_pattern"] for proof in answer["certified"]["runs"]] == [
        proof.to_dict()["distance_to_pattern"] for proof in whole.runs
    ]
    assert json.loads((tmp_path / "proof.json").read_text())["runs"] == [proof.entry for proof in whole.runs]
    capsys.readouterr()
    assert main([*arguments, f"--certify={tmp_path / 'absent' / 'proof.json'}"]) == 2
    assert "--certify must lie in a folder" in capsys.readouterr().err
    assert main(["localize", "video.mp4", "a sentence", "--certify=proof.json"]) == 2


def test_names_of_queries_become_names_of_files(run: Path, tmp_path: Path) -> None:
    report = answers.certify_answers(run, count=1)
    (answer,) = report.answers
    twins = tuple(replace(answer, qid=qid) for qid in ("../a b", "../a_b"))
    assert replace(report, answers=twins).save(tmp_path / "proofs") == 2
    names = sorted(file.name for file in (tmp_path / "proofs").iterdir())
    assert names == [
        "answer-.._a_b-1.json",
        "answer-.._a_b.json",
    ]
