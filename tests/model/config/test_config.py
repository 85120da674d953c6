"""Configuration: what is refused and how the message helps."""

import dataclasses

import pytest

from rdmf_model.config.config import Config, DataConfig, LossConfig, ModelConfig, TrainConfig, load_config
from rdmf_theory.errors import ParameterError

GOOD = """
version = 1
[data]
train = "annotations/train.jsonl"
val = "annotations/val.jsonl"
video_features = ["clip", "slowfast"]
text_features = "text"
[model]
channels = 32
[model.region]
wavelength = [6, 36]
[train]
epochs = 7
[train.loss]
giou = 2
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "configs" / "good.toml"
    path.parent.mkdir()
    path.write_text(GOOD)
    return path


def test_values_and_paths_relative_to_the_file(file):
    config = load_config(file)
    assert config.model.channels == 32
    assert config.model.region.wavelength == (6.0, 36.0)
    assert config.train.loss.giou == 2.0
    assert config.data.train == file.parent / "annotations" / "train.jsonl"
    assert config.data.video_features == (file.parent / "clip", file.parent / "slowfast")


def test_overrides_come_last(file):
    overrides = [
        "train.epochs=3",
        "model.fusion=cross_attention",
        "model.region.wavelength=auto",
        "train.save_seconds=none",
    ]
    config = load_config(file, [*overrides, "train.selection=['MR-full-mAP']", "data.text_features=elsewhere"])
    assert (config.train.epochs, config.model.fusion) == (3, "cross_attention")
    assert config.model.region.wavelength == "auto"
    assert config.train.save_seconds is None
    assert load_config(file, ["model.fusion=none"]).model.fusion == "none"
    assert config.train.selection == ("MR-full-mAP",)
    # an override comes from the command line: its paths start where the user is
    assert str(config.data.text_features) == "elsewhere"


def test_json_round_trip(file):
    config = load_config(file)
    assert Config.from_json(config.to_json()) == config
    assert Config.from_json(Config().to_json()) == Config()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        pytest.param(
            "train.epoch=3", r"good\.toml: unknown key train\.epoch\. Did you mean train\.epochs\?", id="near"
        ),
        pytest.param(
            "model.region.wave_length=3", r"unknown key .*Did you mean model\.region\.wavelength\?", id="nested"
        ),
        pytest.param("model.xyzzy=3", r"unknown key model\.xyzzy\. Known keys: fusion, channels", id="no-near-match"),
        pytest.param("trian.epochs=3", r"unknown key trian\. Did you mean train\?", id="section"),
        pytest.param("train.epochs='x'", r"train\.epochs must be an integer\. Got 'x'", id="type"),
        pytest.param("train.epochs=1.5", r"train\.epochs must be an integer\. Got 1\.5", id="float-for-integer"),
        pytest.param("train.epochs=true", r"train\.epochs must be an integer\. Got True", id="bool-for-integer"),
        pytest.param("train.epochs=0", r"train\.epochs must be finite and positive\. Got 0", id="range"),
        pytest.param("train.learning_rate=nan", r"train\.learning_rate must be finite and positive", id="nan"),
        pytest.param("train.loss.giou=-1", r"train\.loss\.giou must be finite and >= 0\. Got -1\.0", id="loss-weight"),
        pytest.param("model.fusion=cross_atention", r"Did you mean 'cross_attention'\?", id="choice"),
        pytest.param("model.heads=3", r"channels must be divisible by model\.heads = 3\. Got 32", id="heads"),
        pytest.param("model.dropout=1.0", r"model\.dropout must be in \[0, 1\)\. Got 1\.0", id="dropout"),
        pytest.param("model.region.wavelength=[9, 3]", r"wavelength must be 0 < lower <= upper", id="interval"),
        pytest.param("model.region.wavelength=[2, 3]", r"wavelength must be above 2 clips", id="wavelength"),
        pytest.param("model.region.wavelength=[6]", r'wavelength must be "auto" or \[a number, a number\]', id="pair"),
        pytest.param("data.planted=1", r"data\.planted excludes data\.train", id="planted-and-paths"),
        pytest.param("train=3", r"train must be a table\. Got 3", id="not-a-table"),
        pytest.param("train.epochs.x=3", r"'epochs' is a value, not a table", id="too-deep"),
        pytest.param("train.epochs", r"--set must be KEY=VALUE such as train\.epochs=3", id="no-value"),
    ],
)
def test_bad_values_are_named(file, override, message):
    with pytest.raises(ParameterError, match=message):
        load_config(file, [override])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("version = 2\n", r"good\.toml: version must be 1 .*Got version 2", id="other-version"),
        pytest.param("", r"Got no version\. Write `version = 1` on top", id="no-version"),
        pytest.param("version = true\n", r"Got version True", id="bool-version"),
        pytest.param("version = \n", r"good\.toml: is not TOML", id="not-toml"),
    ],
)
def test_bad_documents_are_named(file, text, message):
    file.write_text(text)
    with pytest.raises(ParameterError, match=message):
        load_config(file)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(ParameterError, match=r"absent\.toml: cannot be read"):
        load_config(tmp_path / "absent.toml")


def test_split_must_be_configured():
    with pytest.raises(ParameterError, match=r"split must be one of \[\] .*Got 'val'"):
        DataConfig().annotations("val")


@pytest.mark.parametrize("kind", [DataConfig, ModelConfig, TrainConfig, LossConfig])
def test_configurations_are_frozen(kind):
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(kind(), dataclasses.fields(kind)[0].name, 1)


@pytest.mark.parametrize("name", ["msrvtt_moments", "qvh_stack", "planted"])
def test_shipped_configurations_load(repository, name):
    config = load_config(repository / "configs" / f"{name}.toml")
    assert config.data.planted is not None or config.data.train is not None
    # relative to the file, so that the commands of the documentation work from any folder
    if config.data.train is not None:
        # resolved: the folder beside the checkout may be a link
        assert config.data.train.parent.resolve() == (repository.parent / "shared" / "data" / name).resolve()
