"""`rdmf localize`: windows, curve and picture of one video."""

import json

import numpy as np
import pytest

from rdmf_model.checkpoints.checkpoint import load_run
from rdmf_model.cli import main
from rdmf_model.data.splits import load_split
from rdmf_model.evaluation.localize import Localization, localize
from rdmf_model.evaluation.predict import predict_dataset
from rdmf_model.evaluation.timeline import draw_timeline
from rdmf_model.training.train import train
from rdmf_theory.errors import ParameterError
from tests.model.tiny_data import tiny_config, write_tiny_data


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_tiny_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    return train(tiny_config(data), tmp_path_factory.mktemp("localize") / "run").run


def inputs(data, qid=14):
    features = [data / "video" / f"video_{qid}.npz", data / "more_video" / f"video_{qid}.npz"]
    return features, data / "text" / f"qid{qid}.npz"


def test_it_says_what_evaluate_says(run, data):
    features, text = inputs(data)
    result = localize(run, features, text)
    model, config, _ = load_run(run)
    expected = predict_dataset(model, load_split(config, "val"), batch_size=1)[0]
    windows = sorted(expected["pred_relevant_windows"], key=lambda window: -window[2])
    np.testing.assert_allclose(result.windows, windows, rtol=1e-5)
    np.testing.assert_allclose(result.saliency, expected["pred_saliency_scores"], rtol=1e-5)
    assert result.duration == 2 * len(result.saliency)


def test_command_writes_answer_and_picture(run, data, tmp_path, capsys):
    features, text = inputs(data)
    options = ["--features", str(features[0]), "--features", str(features[1]), "--text", str(text)]
    outputs = ["-o", str(tmp_path / "answer.json"), "--plot", str(tmp_path / "timeline.png"), "--json"]
    assert main(["localize", str(run), *options, *outputs]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert json.loads((tmp_path / "answer.json").read_text()) == answer
    assert answer["pred_relevant_windows"]
    assert (tmp_path / "timeline.png").read_bytes().startswith(b"\x89PNG")
    assert main(["localize", str(run), *options, "--top", "1"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


@pytest.mark.parametrize("pattern", [None, [0.0, 1.0, 2.0]])
@pytest.mark.parametrize("windows", [[], [(0.0, 6.0, 0.9), (5.0, 6.0, 0.1)]])
@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_any_answer_can_be_drawn(tmp_path, pattern, windows, suffix):
    file = tmp_path / f"timeline.{suffix}"
    draw_timeline(Localization(windows, [0.1, 0.9, 0.2], pattern, 2.0, 6.0), file, title="a query")
    assert file.stat().st_size > 1000


def test_a_picture_that_cannot_be_written_is_refused(tmp_path):
    answer = Localization([], [0.1, 0.9], None, 2.0, 4.0)
    with pytest.raises(ParameterError, match=r"--plot must be a file that can be written"):
        draw_timeline(answer, tmp_path / "timeline.xyz")
    with pytest.raises(ParameterError, match=r"--plot must be a file that can be written"):
        draw_timeline(answer, tmp_path / "absent" / "timeline.png")


@pytest.mark.parametrize(
    ("files", "options", "code", "message"),
    [
        pytest.param(["video"], [], 3, "has 1 kind(s) of features, the model was trained on 2", id="one-kind-missing"),
        pytest.param(["video", "absent"], [], 3, "video_14.npz", id="missing-file"),
        pytest.param(["video", "long"], [], 3, "differ in length", id="length"),
        pytest.param(
            ["video", "more_video"], ["--clip-length", "0"], 2, "clip_length must be finite", id="clip-length"
        ),
        pytest.param(["video", "more_video"], ["-o", "/absent/x.json"], 2, "folder that exists", id="output"),
        pytest.param(
            ["video", "more_video"], ["--text", "{data}/wide.npz"], 3, "must have 6 channels", id="text-width"
        ),
    ],
)
def test_bad_input(run, data, capsys, files, options, code, message):
    (data / "long").mkdir(exist_ok=True)
    np.savez(data / "long" / "video_14.npz", features=np.zeros((99, 2), np.float32))
    np.savez(data / "wide.npz", last_hidden_state=np.zeros((2, 9), np.float32))
    arguments = ["--text", str(data / "text" / "qid14.npz"), *(option.format(data=data) for option in options)]
    for name in files:
        arguments += ["--features", str(data / name / "video_14.npz")]
    assert main(["localize", str(run), *arguments]) == code
    assert message in capsys.readouterr().err
