"""Missing kinds of features: the projection without them, dropout in training, and what the answer rests on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rdmf_model.checkpoints.checkpoint import load_run
from rdmf_model.cli import main
from rdmf_model.config.config import Config, ModelConfig, parse_config
from rdmf_model.data.features import VIDEO_KEYS, load_features
from rdmf_model.data.planted import write_planted_dataset
from rdmf_model.data.splits import load_split
from rdmf_model.evaluation.localize import localize
from rdmf_model.evaluation.metrics import evaluate_predictions
from rdmf_model.evaluation.predict import predict_dataset
from rdmf_model.model.build import build_model
from rdmf_model.model.kinds import draw_present, mask_kinds
from rdmf_model.training.train import train
from rdmf_theory.errors import ParameterError
from tests.model.batches import VIDEO_WIDTH, make_batch
from tests.model.tiny_data import VIDEO_WIDTHS, tiny_config, write_tiny_data

IMAGE, SOUND, BOTH = 0, 1, 2


def write_audio_visual(folder: Path, train: int = 192, val: int = 96) -> Config:
    """A planted set with two kinds of features, the moment to be seen, to be heard, or both, by the video's number.

    A kind without the evidence is noise of the same spread.
    """
    write_planted_dataset(folder, 3, train=train, val=val, clips=(48, 56), video_channels=16, text_channels=12)
    files = sorted((folder / "video_features").iterdir())
    arrays = [load_features(file, VIDEO_KEYS, unit="clips") for file in files]
    generator = np.random.default_rng(3)
    for kind, name in ((IMAGE, "image"), (SOUND, "sound")):
        (folder / name).mkdir()
        for number, (file, own) in enumerate(zip(files, arrays, strict=True)):
            noise = own.std(0) * generator.standard_normal(own.shape)
            features = own if number % 3 in (kind, BOTH) else noise
            np.savez(folder / name / file.name, features=features.astype(np.float32))
    document = {
        "version": 1,
        "data": {
            "train": str(folder / "train.jsonl"),
            "val": str(folder / "val.jsonl"),
            "video_features": [str(folder / "image"), str(folder / "sound")],
            "text_features": str(folder / "text_features"),
        },
        "model": {"fusion": "competition", "moment_head": "spans", "channels": 24, "feedforward": 32, "steps": 4},
        "train": {"epochs": 10, "batch_size": 16, "device": "cpu", "threads": 1, "learning_rate": 0.004},
    }
    return parse_config(document, ["train.kind_dropout=0.3"])


@given(st.integers(1, 5), st.integers(1, 4), st.floats(0.0, 0.999), st.integers(0, 1000))
def test_every_sample_keeps_a_kind(samples, kinds, dropout, seed):
    torch.manual_seed(seed)
    present = draw_present(samples, kinds, dropout, torch.device("cpu"))
    assert present.shape == (samples, kinds)
    assert present.any(dim=1).all()
    assert dropout > 0 or present.all()


def test_a_missing_kind_leaves_the_projection_as_if_it_had_no_columns():
    torch.manual_seed(0)
    model = build_model(ModelConfig(fusion="none", channels=16, heads=2), VIDEO_WIDTH, 6).eval()
    projection, batch = model.video_projection, make_batch([9, 6, 7])
    projection.set_statistics(torch.randn(VIDEO_WIDTH), torch.rand(VIDEO_WIDTH) + 0.5)
    widths = (VIDEO_WIDTH - 3, 3)
    masked = mask_kinds(batch, torch.tensor([[True, True], [True, False], [False, True]]), widths, projection.mean)
    z, W = projection.standardise(batch.video), projection.linear.weight
    blocks = [z[..., : widths[0]] @ W[:, : widths[0]].T, z[..., widths[0] :] @ W[:, widths[0] :].T]
    expected = torch.stack([blocks[0][0] + blocks[1][0], blocks[0][1], blocks[1][2]]) + projection.linear.bias
    found = projection(masked.video)
    inside = batch.clip_mask
    assert torch.allclose(found[inside], expected[inside], atol=1e-5)
    assert torch.equal(masked.video[~inside], batch.video[~inside])


def test_what_the_answer_rests_on(tmp_path):
    """Evidence in one kind, the other, or both: without a kind, only the videos that have it elsewhere are found."""
    config = write_audio_visual(tmp_path / "data")
    train(config, tmp_path / "run")
    model, config, _ = load_run(tmp_path / "run")
    dataset = load_split(config, "val")
    videos = sorted({annotation.vid for annotation in load_split(config, "train").annotations} | set(dataset.videos))
    where = np.array([videos.index(annotation.vid) % 3 for annotation in dataset.annotations])

    def found(without: tuple[str, ...], evidence: int) -> float:
        predictions = predict_dataset(model, dataset, without=without)
        rows = np.flatnonzero(where == evidence)
        part = [predictions[i] for i in rows], [dataset.records[i] for i in rows]
        return evaluate_predictions(*part, 2.0)["brief"]["MR-full-mIoU"]

    for evidence, needed, idle in ((IMAGE, "image", "sound"), (SOUND, "sound", "image")):
        assert found((), evidence) > found((needed,), evidence) + 10
        assert found((idle,), evidence) > found((needed,), evidence) + 10
    for kind in ("image", "sound"):
        assert found((kind,), BOTH) > found((kind,), IMAGE if kind == "image" else SOUND) + 10


SETTINGS = {"train.epochs": 1, "train.kind_dropout": 0.5, "model.fusion": "competition", "model.moment_head": "spans"}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("kinds")
    data = write_tiny_data(folder / "data")
    train(tiny_config(data, SETTINGS), folder / "run")
    return folder / "run"


def test_the_dropout_is_in_the_training_and_repeats(run, tmp_path):
    data = run.parent / "data"
    train(tiny_config(data, SETTINGS), tmp_path / "again")
    train(tiny_config(data, SETTINGS | {"train.kind_dropout": 0.0}), tmp_path / "without")
    weights = [load_run(path).model.state_dict() for path in (run, tmp_path / "again", tmp_path / "without")]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert any(not torch.equal(weights[0][name], weights[2][name]) for name in weights[0])


def test_a_missing_kind_at_inference_is_handled_and_said(run, capsys):
    data, kinds = run.parent / "data", ("video", "more_video")
    files = {name: data / name / "video_1.npz" for name in kinds}
    text = data / "text" / "qid1.npz"
    whole = localize(run, [f"{name}={file}" for name, file in files.items()], text)
    assert whole.missing == ()
    model, config, _ = load_run(run)
    dataset = load_split(config, "train")
    for name in kinds:
        lacking = next(kind for kind in kinds if kind != name)
        part = localize(run, [f"{name}={files[name]}"], text)
        assert part.missing == (lacking,)
        expected = predict_dataset(model, dataset, without=(lacking,))[0]
        assert np.allclose(part.saliency, expected["pred_saliency_scores"], atol=1e-5)
        assert not np.allclose(part.saliency, whole.saliency, atol=1e-5)
    arguments = ["localize", str(run), "--features", f"video={files['video']}", "--text", str(text), "--json"]
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["missing_kinds"] == ["more_video"]
    assert "without more_video" in err


def test_evaluate_without_a_kind(run, capsys):
    answers = []
    for extra in ([], ["--without", "video"]):
        assert main(["evaluate", str(run), "--json", *extra]) == 0
        answers.append(json.loads(capsys.readouterr().out)["brief"])
    assert answers[0] != answers[1]
    assert main(["evaluate", str(run), "--without", "sound"]) == 2
    assert "must name a kind that the run was trained on (video, more_video)" in capsys.readouterr().err
    assert main(["evaluate", str(run), "--without", "video", "--without", "more_video"]) == 2
    assert "must leave a kind" in capsys.readouterr().err


def test_one_kind_cannot_be_dropped(run, tmp_path):
    config = tiny_config(run.parent / "data", SETTINGS)
    one = replace(config, data=replace(config.data, video_features=config.data.video_features[:1]))
    with pytest.raises(ParameterError, match="needs two kinds"):
        train(one, tmp_path / "run")
    assert sum(VIDEO_WIDTHS) == 8
    assert not (tmp_path / "run").exists()
