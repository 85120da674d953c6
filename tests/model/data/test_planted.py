"""The planted set is what it says: reproducible, readable as data, not solvable clip by clip or without the text."""

import filecmp

import numpy as np
import pytest

from rdmf_model.data.dataset import MomentDataset
from rdmf_model.data.planted import CONCEPTS, write_planted_dataset
from rdmf_model.evaluation.highlights import ranking_precision
from rdmf_theory.errors import ParameterError


def load(folder, split="train"):
    return MomentDataset(folder / f"{split}.jsonl", [folder / "video_features"], folder / "text_features")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_planted_dataset(tmp_path_factory.mktemp("planted") / "data", seed=3, train=150, val=20)


def subject(sample):
    [concept] = [word for word in sample.query.split() if word in CONCEPTS]
    return concept


def test_reads_back_as_moment_data(folder):
    train, val = load(folder), load(folder, "val")
    assert (len(train), len(val)) == (150, 20)
    assert (train.video_channels, train.text_channels) == (32, 24)
    assert not {sample.vid for sample in train} & {sample.vid for sample in val}
    for sample in train:
        clips = len(sample.video)
        assert 48 <= clips <= 80
        widths = (sample.windows[:, 1] - sample.windows[:, 0]) * clips
        assert ((widths > 3.99) & (widths < 12.01)).all()
        assert sample.relevance.sum() == round(widths.sum().item())
        # annotated where relevant, and only there
        assert (sample.saliency.isnan() == ~sample.relevance).all()
        subject(sample)
    assert {len(sample.windows) for sample in train} == {1, 2}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path):
    small = {"train": 6, "val": 3}
    first, second = (write_planted_dataset(tmp_path / name, seed=5, **small) for name in "ab")
    names = sorted(str(path.relative_to(first)) for path in first.rglob("*") if path.is_file())
    assert names == sorted(str(path.relative_to(second)) for path in second.rglob("*") if path.is_file())
    assert filecmp.cmpfiles(first, second, names, shallow=False)[0] == names
    other = write_planted_dataset(tmp_path / "c", seed=6, **small)
    assert (first / "train.jsonl").read_bytes() != (other / "train.jsonl").read_bytes()


def test_a_temporal_model_that_reads_the_text_is_needed(folder):
    """Even with each concept's true direction (its mean in-window clip), smoothing over time is worth 0.15 of AP."""
    samples = list(load(folder))
    rows = {concept: [] for concept in CONCEPTS}
    for sample in samples:
        rows[subject(sample)].append(sample.video.float().numpy()[sample.relevance.numpy()])
    direction = {concept: np.concatenate(clips).mean(axis=0) for concept, clips in rows.items() if clips}
    smooth = np.ones(7) / 7

    def precision(score):
        found = []
        for sample in samples:
            positive = sample.relevance.numpy()[None]
            values = score(sample)[None]
            found.append(ranking_precision(positive, values, np.ones_like(positive))[0])
        return np.mean(found)

    def match(sample):
        return sample.video.float().numpy() @ direction[subject(sample)]

    clipwise = precision(match)
    temporal = precision(lambda sample: np.convolve(match(sample), smooth, mode="same"))
    without_text = precision(lambda sample: np.square(sample.video.float().numpy()).sum(axis=1))
    assert temporal > clipwise + 0.15
    assert clipwise > without_text + 0.15
    assert temporal > 0.65


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param({"seed": -1}, "seed must be at least 0", id="seed"),
        pytest.param({"val": 0}, "val must be at least 1", id="no queries"),
        pytest.param({"clips": (20, 80)}, "clips must be .* 48", id="short videos"),
        pytest.param({"window": (6, 30)}, r"window must be .*\[2, 12\]", id="long windows"),
        pytest.param({"clip_length": 0.0}, "clip_length must be positive", id="clip length"),
        pytest.param({"signal": float("nan")}, "signal must be positive and finite", id="signal"),
        pytest.param({"text_channels": 1}, "text_channels must be at least 2", id="channels"),
    ],
)
def test_bad_arguments_are_named(tmp_path, arguments, message):
    with pytest.raises(ParameterError, match=message):
        write_planted_dataset(tmp_path / "data", **arguments)
    assert not (tmp_path / "data").exists()


def test_a_folder_in_use_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(ParameterError, match="must be new or empty"):
        write_planted_dataset(tmp_path, train=1, val=1)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
