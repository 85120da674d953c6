"""A model on a long video in windows says what it says on the whole, from any source of features."""

import io
import json

import numpy as np
import pytest
import torch

from rdmf_model.cli import main
from rdmf_model.data.batch import Sample, collate
from rdmf_model.data.feature_files import FeatureFiles
from rdmf_model.evaluation.localize import localize
from rdmf_model.streaming.long_video import locate_in_windows
from rdmf_model.streaming.source import read_clips
from rdmf_model.training.train import train
from rdmf_theory.errors import DataError, ParameterError
from tests.model.tiny_data import TEXT_WIDTH, VIDEO_WIDTHS, tiny_config, write_tiny_data


def make_batch(clips, widths=(6, 5), words=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return collate(
        [
            Sample(
                qid=0,
                vid="video",
                query="",
                video=torch.randn(clips, widths[0], generator=generator),
                text=torch.randn(words, widths[1], generator=generator),
                windows=torch.zeros(0, 2),
                relevance=torch.zeros(clips, dtype=torch.bool),
                saliency=torch.full((clips,), torch.nan),
                clip_length=2.0,
            )
        ]
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    data = write_tiny_data(tmp_path_factory.mktemp("data"))
    return train(tiny_config(data), tmp_path_factory.mktemp("long") / "run").run


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Features of 300 clips in two files, an npz and an npy, their join, and those of a query."""
    folder = tmp_path_factory.mktemp("features")
    generator = np.random.default_rng(0)
    first, second = (generator.standard_normal((300, width)).astype(np.float32) for width in VIDEO_WIDTHS)
    np.savez(folder / "first.npz", features=first)
    np.save(folder / "second.npy", second)
    np.savez(folder / "text.npz", last_hidden_state=generator.standard_normal((3, TEXT_WIDTH)).astype(np.float32))
    return [folder / "first.npz", folder / "second.npy"], folder / "text.npz", np.concatenate([first, second], axis=1)


def test_every_output_in_windows_is_that_of_the_whole(run, files):
    from rdmf_model.checkpoints.checkpoint import load_run

    model, _, _ = load_run(run)
    paths, text, joined = files
    words = torch.from_numpy(np.load(text)["last_hidden_state"])
    batch = make_batch(300, (joined.shape[1], TEXT_WIDTH))
    batch.video.copy_(torch.from_numpy(joined)[None])
    batch = collate([Sample(0, "", "", batch.video[0], words, torch.zeros(0, 2), *_nothing(300), 2.0)])
    with torch.no_grad():
        expected = model(batch)
    seen = []
    found = locate_in_windows(model, FeatureFiles(paths, joined.shape[1]), words, block=48, progress=seen.append)
    assert sum(seen) == 300
    for name, value in found.items():
        if isinstance(value, torch.Tensor):
            torch.testing.assert_close(value, expected[name], rtol=1e-4, atol=2e-5, msg=name)


def _nothing(clips):
    return torch.zeros(clips, dtype=torch.bool), torch.full((clips,), torch.nan)


def test_localize_in_windows_is_localize(run, files, monkeypatch):
    paths, text, _ = files
    whole, windows = (localize(run, paths, text, block=block) for block in (0, 37))
    np.testing.assert_allclose(windows.saliency, whole.saliency, atol=2e-5)
    np.testing.assert_allclose(windows.windows, whole.windows, rtol=1e-3, atol=1e-3)
    assert windows.duration == whole.duration == 600
    assert localize(run, paths, text).to_dict() == whole.to_dict()
    # and a long one takes windows by itself
    monkeypatch.setattr("rdmf_model.streaming.long_video.LONG_VIDEO", 299)
    monkeypatch.setattr("rdmf_model.streaming.long_video.BLOCK", 37)
    assert localize(run, paths, text).to_dict() == windows.to_dict()
    with pytest.raises(ParameterError, match="block must be"):
        localize(run, paths, text, block=-1)


def stream_lines(capsys, run, text, *options):
    assert main(["stream", str(run), "--text", str(text), *options]) == 0
    printed = capsys.readouterr()
    return [json.loads(line) for line in printed.out.splitlines()], printed.err


def test_command_streams_what_localize_says(run, files, tmp_path, capsys, monkeypatch):
    paths, text, joined = files
    expected = localize(run, paths, text)
    kinds = [part for path in paths for part in ("--features", str(path))]
    lines, said = stream_lines(capsys, run, text, *kinds)
    assert [line["clip"] for line in lines] == list(range(300))
    assert lines[-1]["end"] == 600
    np.testing.assert_allclose([line["saliency"] for line in lines], expected.saliency, atol=2e-5)
    np.testing.assert_allclose([line["pattern"] for line in lines], expected.pattern, atol=2e-5)
    assert "latency at most" in said

    # pieces of a folder, and standard input, are the same video
    (tmp_path / "pieces").mkdir()
    for index, start in enumerate((0, 90, 200)):
        np.save(tmp_path / "pieces" / f"{index:03d}.npy", joined[start : [90, 200, 300][index]])
    assert stream_lines(capsys, run, text, "--features", str(tmp_path / "pieces"))[0] == lines
    source = io.TextIOWrapper(io.BytesIO(joined.astype("<f4").tobytes()))
    monkeypatch.setattr("sys.stdin", source)
    assert stream_lines(capsys, run, text)[0] == lines

    (summary,), _ = stream_lines(capsys, run, text, *kinds, "--json", "--halo", "40", "--certify")
    assert summary["halo"] == 40
    assert len(summary["clips"]) == 300
    assert 0 < summary["bound"] < 1
    assert 0 < summary["saliency_bound"] < 10


def test_standard_input_is_read_as_it_comes():
    numbers = np.arange(21, dtype="<f4").reshape(7, 3)

    class Trickle(io.RawIOBase):
        """Gives five bytes at a time, whatever is asked for."""

        rest = numbers.tobytes()

        def read1(self, size):
            part, self.rest = self.rest[:5], self.rest[5:]
            return part

    found = list(read_clips([], 3, 4, Trickle()))
    np.testing.assert_array_equal(np.concatenate(found), numbers)
    assert len(found) == 7


BAD_INPUT = {
    "half a clip": (b"\0" * 10, "ends 10 bytes into clip 0"),
    "NaN": (np.array([1, 2, 3, 1, np.nan, 3], "<f4").tobytes(), "nan at clip 1, channel 1"),
}


@pytest.mark.parametrize(("content", "message"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_is_refused(content, message):
    with pytest.raises(DataError, match=message):
        list(read_clips([], 3, 4, io.BytesIO(content)))


def test_bad_files_are_refused(files, tmp_path):
    paths, _, joined = files
    width = joined.shape[1]
    with pytest.raises(DataError, match="channels together"):
        FeatureFiles(paths[:1], width)
    with pytest.raises(ParameterError, match="at least one file"):
        FeatureFiles([], width)
    with pytest.raises(DataError, match="holds no file of features"):
        list(read_clips([tmp_path], width, 4, io.BytesIO()))
    np.save(tmp_path / "0.npy", joined[:, :3])
    with pytest.raises(DataError, match="has 3 channels"):
        list(read_clips([tmp_path], width, 4, io.BytesIO()))
    # a map is checked as it is read
    broken = joined.copy()
    broken[250, 1] = np.inf
    np.save(tmp_path / "broken.npy", broken)
    source = FeatureFiles([tmp_path / "broken.npy"], width)
    assert len(source.rows(0, 250)) == 250
    with pytest.raises(DataError, match="inf at clip 250, channel 1"):
        source.rows(240, 260)
    (tmp_path / "text.npy").write_text("no array")
    with pytest.raises(DataError, match="is no npz, npy, HDF5 or pt file"):
        FeatureFiles([tmp_path / "text.npy"], width)
