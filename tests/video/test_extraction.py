"""Extraction: what is written, resumed after `kill -9` to the byte, in bounded memory."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from rdmf_model.cli import main
from rdmf_model.data.feature_sources import VideoFeatures
from rdmf_model.data.features import load_features
from rdmf_model.encoders.base import check_text
from rdmf_model.encoders.registry import load_encoder, register
from rdmf_model.extraction import one_video
from rdmf_model.extraction.extract import extract, find_videos
from rdmf_model.extraction.settings import Settings
from rdmf_model.video.frames import read_frames
from rdmf_model.video.probe import probe
from rdmf_theory.errors import DataError, ParameterError
from tests.video.rendering import loop, numbered, write_video
from tests.video.toy import TOY

SETTINGS = Settings(TOY, clip_length=0.2)


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for number in range(3):
        frames = numbered(200)[number * 30 :]
        write_video(folder / f"v{number}.mp4", frames, [40 * n for n in range(len(frames))], gop=10)
    return folder


@pytest.fixture(scope="module")
def undisturbed(videos, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("undisturbed")
    extract([videos], output, SETTINGS)
    return output


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_what_is_written_is_what_training_reads(videos, undisturbed):
    video = probe(videos / "v1.mp4", 0.2)
    found = VideoFeatures([undisturbed / "toy"]).load("v1", source="test")
    assert found.shape == (video.plan.num_clips, 6)
    encoder = load_encoder(TOY)
    frames = np.stack([frame.pixels for frame in read_frames(video, encoder.picture)])
    # one call for all clips, where the extraction groups them
    np.testing.assert_array_equal(found, encoder.encode(frames, None)["toy"].astype(np.float16))
    manifest = json.loads((undisturbed / "manifest.json").read_text())
    record = manifest["encoders"]["toy"]["videos"]["v1"]
    assert record["num_clips"] == video.plan.num_clips
    assert record["duration"] == video.plan.duration
    assert record["sha256"]["toy"] == one_video.sha256_of(undisturbed / "toy" / "v1.npy")
    assert str(videos) not in (undisturbed / "manifest.json").read_text(), "no path of the machine in the manifest"


@pytest.mark.parametrize("stop", [1, 15, 16, 17, 33])
def test_an_interrupted_extraction_is_continued_to_the_byte(videos, undisturbed, tmp_path, monkeypatch, stop):
    original, encoded = one_video.read_frames, []

    def failing(video, picture, first=0):
        for frame in original(video, picture, first):
            if frame.clip >= stop and not encoded:
                raise KeyboardInterrupt
            yield frame

    monkeypatch.setattr(one_video, "read_frames", failing)
    monkeypatch.setattr(one_video, "GROUP", 16)
    with pytest.raises(KeyboardInterrupt):
        extract([videos], tmp_path, SETTINGS)
    kept = sum(path.stat().st_size for path in (tmp_path / ".partial").glob("*.rows"))
    assert kept == stop // 16 * 16 * 13, "whole groups are kept"
    encoded.append(True)
    starts = []

    def watched(video, picture, first=0):
        starts.append(first)
        return original(video, picture, first)

    monkeypatch.setattr(one_video, "read_frames", watched)
    extract([videos], tmp_path, SETTINGS)
    assert starts == [max(stop // 16 * 16 - 1, 0), 0, 0], "what is there is not encoded again"
    assert contents(tmp_path) == contents(undisturbed)


def test_kill_9_and_resume(videos, undisturbed, tmp_path):
    code = (
        "import sys; from pathlib import Path; from tests.video.test_extraction import SETTINGS; "
        "from rdmf_model.extraction.extract import extract; extract([Path(sys.argv[1])], Path(sys.argv[2]), SETTINGS)"
    )
    command = [sys.executable, "-c", code, str(videos), str(tmp_path)]
    environment = {**os.environ, "TOY_DELAY": "0.01"}
    for video in ("v0", "v1"):
        process = subprocess.Popen(command, env=environment)
        rows = tmp_path / ".partial" / f"toy.{video}.rows"
        deadline = time.monotonic() + 60
        # one group of 32 clips is on disk, the rest is being encoded
        while process.poll() is None and time.monotonic() < deadline and not (rows.exists() and rows.stat().st_size):
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, "the process was to be killed at work"
    assert subprocess.run(command, env={**os.environ, "TOY_DELAY": "0"}, check=False).returncode == 0
    assert contents(tmp_path) == contents(undisturbed)


def test_several_processes_write_the_same_bytes(videos, undisturbed, tmp_path):
    code = (
        "import sys; from pathlib import Path; from tests.video.test_extraction import SETTINGS; "
        "from rdmf_model.extraction.extract import extract; "
        "extract([Path(sys.argv[1])], Path(sys.argv[2]), SETTINGS, jobs=2)"
    )
    # workers import the plug-in from here, as those of a user import theirs
    environment = {**os.environ, "RDMF_ENCODERS": "tests.video.toy"}
    command = [sys.executable, "-c", code, str(videos), str(tmp_path)]
    subprocess.run(command, env=environment, check=True, timeout=120)
    assert contents(tmp_path) == contents(undisturbed)


def test_a_second_run_encodes_nothing_and_notices_changes(videos, undisturbed, tmp_path, monkeypatch):
    output, sources = tmp_path / "out", tmp_path / "videos"
    sources.mkdir()
    for path in videos.iterdir():
        (sources / path.name).write_bytes(path.read_bytes())
    extract([sources], output, SETTINGS)
    read: list[str] = []
    original = one_video.read_frames
    monkeypatch.setattr(
        one_video,
        "read_frames",
        lambda video, *rest, **more: (read.append(video.name), original(video, *rest, **more))[1],
    )
    extract([sources], output, SETTINGS)
    assert read == []
    # features that were changed, and a video that was replaced, are encoded again
    np.save(output / "toy" / "v0.npy", np.zeros((3, 6), np.float16))
    (sources / "v2.mp4").write_bytes((sources / "v1.mp4").read_bytes())
    extract([sources], output, SETTINGS)
    assert read == ["v0", "v2"]
    assert (output / "toy" / "v0.npy").read_bytes() == (undisturbed / "toy" / "v0.npy").read_bytes()
    assert (output / "toy" / "v2.npy").read_bytes() == (undisturbed / "toy" / "v1.npy").read_bytes()


def test_other_settings_do_not_mix(videos, undisturbed, tmp_path, capsys):
    arguments = ["extract", str(videos), "-o", str(undisturbed), "--encoder", TOY]
    assert main([*arguments, "--clip-length", "1"]) == 2
    assert "another clip_length (0.2, now 1.0)" in capsys.readouterr().err


def test_queries_are_encoded_beside_the_videos(videos, tmp_path, capsys):
    queries = tmp_path / "val.jsonl"
    queries.write_text('{"qid": 7, "query": "a red door", "vid": "v0"}\n{"qid": "b", "query": "blue", "vid": "v1"}\n')
    output = tmp_path / "out"
    arguments = ["extract", str(videos / "v0.mp4"), "-o", str(output), "--encoder", TOY, "--text", str(queries)]
    assert main(arguments) == 0
    np.testing.assert_array_equal(
        load_features(output / "toy_text" / "qid7.npz", ("last_hidden_state",)), [[0, 0, 0], [1, 0, 0], [0, 0, 0]]
    )
    queries.write_text('{"qid": 7, "query": " "}\n')
    assert main(arguments) == 3
    assert f"{queries}:1" in capsys.readouterr().err.replace("\n", "")


def test_memory_does_not_grow_with_the_length(tmp_path):
    once = write_video(tmp_path / "once.mp4", numbered(250, side=256), [40 * n for n in range(250)], gop=50)
    code = (
        "import resource, sys; from pathlib import Path; from tests.video.test_extraction import *; "
        "extract([Path(sys.argv[1])], Path(sys.argv[2]), Settings(TOY, clip_length=1.0)); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    peaks = {}
    for turns in (6, 60):
        path = loop(once, tmp_path / f"long{turns}.mp4", turns, period=10.0)
        command = [sys.executable, "-c", code, str(path), str(tmp_path / "out")]
        peaks[turns] = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) / 1024
        assert load_features(tmp_path / "out" / "toy" / f"long{turns}.npy").shape == (10 * turns, 6)
    # MiB; a frame of one clip in 256 x 256 kept by mistake would be 0.19, so 540 clips 101
    assert peaks[60] - peaks[6] < 6, peaks


def test_names_that_collide_and_folders_without_videos_are_refused(tmp_path):
    (tmp_path / "a").mkdir()
    for name in ("a/one.mp4", "one.mkv"):
        (tmp_path / name).touch()
    with pytest.raises(ParameterError, match="would both be called one"):
        find_videos([tmp_path / "a", tmp_path / "one.mkv"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ParameterError, match="holds no video file"):
        find_videos([tmp_path / "empty"])


def test_plug_ins_have_names_of_their_own():
    with pytest.raises(ParameterError, match="encoder must be one of"):
        load_encoder("nothing:here")
    for name in (TOY, "two words", ""):
        with pytest.raises(ParameterError, match="name must be new"):
            register(name, lambda argument: load_encoder(TOY))
    with pytest.raises(ParameterError, match="query is empty"):
        check_text("  ")
    with pytest.raises(DataError, match="no JSON"):
        one_video.read_json(Path(__file__))
