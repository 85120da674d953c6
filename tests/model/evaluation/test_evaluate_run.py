"""`rdmf evaluate RUN` and `rdmf train` on the command line."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from rdmf_model.checkpoints.checkpoint import load_run
from rdmf_model.cli import main
from rdmf_model.config.config import parse_config
from rdmf_model.data.batch import collate
from rdmf_model.data.splits import load_split
from rdmf_model.evaluation import pictures
from rdmf_model.evaluation.localize import localize
from rdmf_model.evaluation.run import in_folder, relocate
from rdmf_model.model.kinds import without_kinds
from rdmf_model.training.train import train
from tests.model.tiny_data import tiny_config, tiny_document, write_tiny_data


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_tiny_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def result(data, tmp_path_factory):
    return train(tiny_config(data), tmp_path_factory.mktemp("evaluate") / "run")


def to_toml(document):
    """The tiny document as TOML; JSON values are TOML values."""
    lines = ["version = 1"]
    for section in ("data", "model", "train"):
        lines += [f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in document[section].items())]
    return "\n".join(lines)


def test_metrics_are_those_of_the_training_and_predictions_are_written(result, tmp_path, capsys):
    predictions = tmp_path / "predictions.jsonl"
    assert main(["evaluate", str(result.run), "--json", "-o", str(predictions)]) == 0
    metrics = json.loads(capsys.readouterr().out)
    for name, value in result.metrics.items():
        assert metrics["brief"][name] == value
    lines = [json.loads(line) for line in predictions.read_text().splitlines()]
    assert [line["qid"] for line in lines] == [14, 15, 16, 17, 18]
    truth = json.loads((result.run / "config.json").read_text())["data"]["val"]
    assert main(["evaluate", "--predictions", str(predictions), "--ground-truth", truth, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == metrics


def test_the_batch_size_does_not_matter(result, tmp_path):
    files = [tmp_path / f"{size}.jsonl" for size in (1, 5)]
    for size, file in zip((1, 5), files, strict=True):
        assert main(["evaluate", str(result.run), "-o", str(file), "--batch-size", str(size)]) == 0
    for first, second in zip(*(file.read_text().splitlines() for file in files), strict=True):
        alone, together = json.loads(first), json.loads(second)
        assert alone["pred_saliency_scores"] == pytest.approx(together["pred_saliency_scores"], abs=1e-4)
        for mine, theirs in zip(alone["pred_relevant_windows"], together["pred_relevant_windows"], strict=True):
            assert mine == pytest.approx(theirs, abs=1e-2)


def test_moved_data_is_found_again(result, data, tmp_path, capsys):
    shutil.copytree(data, tmp_path / "moved")
    settings = [f"data.val={tmp_path}/moved/val.jsonl", f"data.text_features={tmp_path}/moved/text"]
    assert main(["evaluate", str(result.run), "--set", settings[0], "--set", settings[1]]) == 0
    assert "R1@0.5" in capsys.readouterr().out


def test_another_folder_of_the_same_layout(result, data, tmp_path, capsys):
    """A test split that the training never saw: its annotations and features under the training's names."""
    other = write_tiny_data(tmp_path / "other", val=7, seed=3)
    (other / "val.jsonl").rename(other / "test.jsonl")
    assert main(["evaluate", str(result.run), "--split", "test", "--data", str(other), "--json"]) == 0
    captured = capsys.readouterr()
    expected = ["--set", f"data.val={other}/test.jsonl", "--set", f"data.text_features={other}/text"]
    expected += ["--set", f"data.video_features=['{other}/video', '{other}/more_video']"]
    assert main(["evaluate", str(result.run), *expected, "--json"]) == 0
    assert json.loads(captured.out) == json.loads(capsys.readouterr().out)
    for gone in ("more_video", "text", "test.jsonl"):
        (other / gone).rename(tmp_path / gone)
        assert main(["evaluate", str(result.run), "--split", "test", "--data", str(other)]) == 3
        assert f"has no {gone}" in capsys.readouterr().err
        (tmp_path / gone).rename(other / gone)


def test_a_folder_with_one_kind_of_features_may_call_it_video_features(tmp_path):
    trained = parse_config({"version": 1, "data": {"video_features": ["a/clip"], "text_features": "a/words"}})
    for name in ("video_features", "text_features"):
        (tmp_path / name).mkdir()
    (tmp_path / "test.jsonl").touch()
    data = relocate(trained, in_folder(trained, "test", tmp_path)).data
    assert [str(path) for path in data.video_features] == [str(tmp_path / "video_features")]
    assert str(data.text_features) == str(tmp_path / "text_features")
    assert str(data.annotations("test")) == str(tmp_path / "test.jsonl")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(["{run}", "--split", "test"], 2, "split must be one of ['train', 'val']", id="split"),
        pytest.param(["{run}", "--set", "train.seed=1"], 2, "may change data.* only", id="set"),
        pytest.param(["{run}", "-o", "/absent/x.jsonl"], 2, "must lie in a folder that exists", id="output"),
        pytest.param(["{run}/absent"], 3, "is not a folder with a best.safetensors", id="run"),
        pytest.param(
            ["{run}", "--set", "data.video_features=['{data}/video']"], 3, "video features have 6", id="width"
        ),
        pytest.param(
            ["{run}", "--data", "{data}", "--split", "nine"], 2, "--split must be train, val or test", id="nine"
        ),
        pytest.param([], 2, "evaluate needs a run, or --predictions and --ground-truth", id="nothing"),
        pytest.param(["{run}", "--predictions", "x"], 2, "Give one of the two", id="both"),
        pytest.param(["{run}", "--device", "tpu"], 2, "--device must be cpu, or cuda", id="device"),
    ],
)
def test_bad_arguments(result, data, capsys, arguments, code, message):
    filled = [argument.format(run=result.run, data=data) for argument in arguments]
    assert main(["evaluate", *filled]) == code
    assert message in capsys.readouterr().err


def test_train_on_the_command_line(data, tmp_path, capsys):
    config = tmp_path / "tiny.toml"
    config.write_text(to_toml(tiny_document(data)))
    run = tmp_path / "run"
    flags = ["--epochs", "1", "--seed", "3", "--fusion", "none", "--wavelength", "5,25", "--set", "train.save_steps=2"]
    assert main(["train", str(config), "-o", str(run), *flags, "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["epochs"] == 1
    assert "epoch   1/1" in captured.err
    stored = json.loads((run / "config.json").read_text())
    assert (stored["train"]["seed"], stored["model"]["fusion"]) == (3, "none")
    assert stored["model"]["region"]["wavelength"] == [5.0, 25.0]
    assert main(["train", str(config), "-o", str(run), *flags]) == 2
    assert "Add --resume to continue it" in capsys.readouterr().err
    assert main(["train", "-o", str(run), "--resume"]) == 0
    assert "is finished already" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param([], "Give a TOML file", id="nothing"),
        pytest.param(["absent.toml"], "absent.toml: cannot be read", id="missing-config"),
        pytest.param(
            ["--resume", "-o", "x", "--epochs", "3"], "needs the configuration that it overrides", id="override"
        ),
        pytest.param(["{config}", "--wavelength", "6"], "--wavelength must be auto or MIN,MAX", id="wavelength"),
        pytest.param(["{config}", "--fusion", "convolutoin"], "Did you mean 'convolution'?", id="fusion"),
        pytest.param(["{config}", "--device", "cuda"], "torch sees no GPU", id="device"),
    ],
)
def test_bad_training_arguments(data, tmp_path, capsys, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    config = tmp_path / "tiny.toml"
    config.write_text(to_toml(tiny_document(data)))
    assert main(["train", *(argument.format(config=config) for argument in arguments)]) == 2
    assert message in capsys.readouterr().err


def test_bad_training_data_exits_3_with_the_file(data, tmp_path, capsys):
    document = tiny_document(data)
    document["data"]["text_features"] = str(tmp_path / "absent")
    config = tmp_path / "tiny.toml"
    config.write_text(to_toml(document))
    assert main(["train", str(config), "-o", str(tmp_path / "run")]) == 3
    assert f"{tmp_path}/absent: is not a folder of features" in capsys.readouterr().err


@pytest.fixture(scope="module")
def competition_run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    settings = {"train.epochs": 6, "model.fusion": "competition", "model.moment_head": "spans"}
    train(tiny_config(write_tiny_data(folder / "data"), settings), folder / "run")
    return folder / "run"


def test_pictures_of_a_right_and_a_wrong_answer(competition_run, tmp_path):
    folder, drawn = tmp_path / "pictures", {}

    def record(answer, path, *, title, top, truth):
        drawn[path.name] = answer, truth

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "draw_timeline", record)
        assert main(["evaluate", str(competition_run), "--split", "train", "--pictures", str(folder)]) == 0
    assert "right.png" in drawn
    for name, (answer, truth) in drawn.items():
        start, end, _ = answer.windows[0]
        overlaps = [(min(end, b) - max(start, a)) / (max(end, b) - min(start, a)) for a, b in truth]
        assert (max(overlaps) >= 0.7) if name == "right.png" else (max(overlaps) < 0.1)
        assert len(answer.conductances) == len(answer.saliency) - 1
        assert all(0 <= value <= 1 for value in answer.conductances)
    assert main(["evaluate", str(competition_run), "--split", "train", "--pictures", str(folder)]) == 0
    assert {path.name for path in folder.iterdir()} == set(drawn)
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in folder.iterdir())


def test_pictures_without_a_kind_show_the_answer_without_it(competition_run, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(pictures, "draw_timeline", lambda answer, path, **_: drawn.append((path.name, answer)))
    arguments = ["evaluate", str(competition_run), "--split", "train", "--pictures", str(tmp_path)]
    assert main([*arguments, "--without", "video"]) == 0
    model, config, _ = load_run(competition_run)
    dataset = load_split(config, "train")
    patterns = []
    with torch.no_grad():
        for row in range(len(dataset)):
            batch = without_kinds(collate([dataset[row]]), ["video"], dataset.video_kinds, model.video_projection.mean)
            patterns.append(model(batch)["pattern"][0])
    assert drawn
    for _, answer in drawn:
        assert any(len(p) == len(answer.pattern) and np.allclose(p, answer.pattern, atol=1e-6) for p in patterns)


def test_conductances_are_those_of_the_layer(competition_run):
    data = competition_run.parent / "data"
    files = [data / name / "video_1.npz" for name in ("video", "more_video")]
    answer = localize(competition_run, files, data / "text" / "qid1.npz")
    model, config, _ = load_run(competition_run)
    with torch.no_grad():
        expected = model(collate([load_split(config, "train")[0]]))["conductances"][0]
    assert np.allclose(answer.conductances, expected, atol=1e-6)
    assert answer.to_dict()["conductances"] == answer.conductances


def test_pictures_are_for_a_run(tmp_path, capsys):
    files = ["--predictions", "p.jsonl", "--ground-truth", "g.jsonl"]
    assert main(["evaluate", *files, "--pictures", str(tmp_path)]) == 2
    assert "--pictures are for a run" in capsys.readouterr().err
