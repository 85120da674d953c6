"""Files that are no video, or a broken one, end in one line that names the file, and exit status 3."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from rdmf_model.cli import main
from rdmf_model.video.frames import Picture, read_frames
from rdmf_model.video.probe import probe
from rdmf_theory.errors import DataError, ParameterError
from tests.video.rendering import av, numbered, write_video

TIMES = [40 * n for n in range(100)]


def _truncated(folder: Path) -> Path:
    whole = write_video(folder / "whole.mp4", numbered(100), TIMES, faststart=True)
    (path := folder / "bad.mp4").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    return path


def _without_index(folder: Path) -> Path:
    whole = write_video(folder / "whole.mp4", numbered(100), TIMES)
    (path := folder / "bad.mp4").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    return path


def _no_frames(folder: Path) -> Path:
    path = folder / "bad.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        sound = container.add_stream("aac", rate=16000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 16000
        container.mux([*sound.encode(silence), *sound.encode(None)])
    return path


def _sound_only(folder: Path) -> Path:
    return write_video(folder / "bad.mp4", [], [], sound=np.zeros(32000, dtype=np.float32))


def _one_frame(folder: Path) -> Path:
    return write_video(folder / "bad.mp4", numbered(1), [0])


def _large_still(folder: Path) -> Path:
    return write_video(folder / "bad.mkv", [np.zeros((4320, 7680, 3), dtype=np.uint8)], [0], codec="mjpeg")


def _text(folder: Path) -> Path:
    (path := folder / "bad.mp4").write_text("no video at all\n" * 50)
    return path


def _other_container(folder: Path) -> Path:
    return write_video(folder / "whole.mp4", numbered(20), TIMES[:20]).rename(folder / "bad.avi")


def _no_video_suffix(folder: Path) -> Path:
    return write_video(folder / "whole.mp4", numbered(20), TIMES[:20]).rename(folder / "bad.txt")


def _link(folder: Path) -> Path:
    whole = write_video(folder / "whole.mp4", numbered(20), TIMES[:20])
    (path := folder / "bad.mp4").symlink_to(whole)
    return path


def _link_to_nothing(folder: Path) -> Path:
    (path := folder / "bad.mp4").symlink_to(folder / "nothing.mp4")
    return path


def _link_to_a_device(folder: Path) -> Path:
    (path := folder / "bad.mp4").symlink_to("/dev/zero")
    return path


def _pipe(folder: Path) -> Path:
    os.mkfifo(path := folder / "bad.mp4")
    return path


def _folder_named_like_one(folder: Path) -> Path:
    (path := folder / "bad.mp4").mkdir()
    return path


def _empty(folder: Path) -> Path:
    (path := folder / "bad.mp4").touch()
    return path


def _missing(folder: Path) -> Path:
    return folder / "bad.mp4"


def _playlist(folder: Path) -> Path:
    write_video(folder / "whole.ts", numbered(20), TIMES[:20])
    (path := folder / "bad.mp4").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nwhole.ts\n#EXT-X-ENDLIST\n")
    return path


def _concatenation(folder: Path) -> Path:
    write_video(folder / "whole.mp4", numbered(20), TIMES[:20])
    (path := folder / "bad.mp4").write_text("ffconcat version 1.0\nfile whole.mp4\n")
    return path


def _broken_time(folder: Path) -> Path:
    return write_video(folder / "bad.mkv", numbered(2), [0, 5_000_000])


CASES = {
    "truncated": (_truncated, "cut off"),
    "without index": (_without_index, "no video that can be read, or is cut off"),
    "no frames": (_no_frames, "no frame"),
    "sound only": (_sound_only, "no video track"),
    "one frame": (_one_frame, "one frame only"),
    "still of 8K": (_large_still, "one frame only"),
    "text": (_text, "no video that can be read"),
    "other container": (_other_container, "its name says .avi"),
    "no suffix of a video": (_no_video_suffix, "does not end like a video file"),
    "link": (_link, r"is a link\. Give the file that it points to: .*whole\.mp4"),
    "link to nothing": (_link_to_nothing, r"is a link\. It points to no file"),
    "link to a device": (_link_to_a_device, r"is a link\. It points to no file"),
    "pipe": (_pipe, "is a pipe"),
    "folder": (_folder_named_like_one, "is a folder"),
    "empty": (_empty, "is empty"),
    "missing": (_missing, "cannot be read"),
    "playlist": (_playlist, "no video that can be read"),
    "concatenation": (_concatenation, "no video that can be read"),
    "broken time": (_broken_time, "time stamps are broken"),
}


@pytest.mark.parametrize(("make", "reason"), CASES.values(), ids=CASES)
def test_a_bad_file_is_named_with_its_reason(tmp_path, make, reason):
    path = make(tmp_path)
    with pytest.raises(DataError, match=reason) as caught:
        probe(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_truncated_file_is_taken_on_demand(tmp_path):
    path = _truncated(tmp_path)
    video = probe(path, 0.5, keep_truncated=True)
    assert 0 < video.plan.duration < 4
    assert [frame.decoded for frame in read_frames(video, Picture(32, 32))].count(True) >= video.plan.num_clips - 1


def test_the_program_reports_every_bad_file_and_keeps_the_good(tmp_path, capsys, monkeypatch):
    from tests.video.toy import TOY

    good = write_video(tmp_path / "good.mp4", numbered(100), TIMES)
    bad = _text(tmp_path)
    (tmp_path / "other").mkdir()
    worse = _one_frame(tmp_path / "other").rename(tmp_path / "other" / "worse.mp4")
    assert main(["extract", str(bad), str(good), str(worse), "-o", str(tmp_path / "out"), "--encoder", TOY]) == 3
    captured = capsys.readouterr()
    assert "1 videos, 2 clips" in captured.out
    assert str(bad) in captured.err.replace("\n", "")
    assert "2 of 3 videos could not be read" in captured.err
    assert (tmp_path / "out" / "toy" / "good.npy").is_file()
    assert main(["extract", str(bad), str(good), "-o", str(tmp_path / "out"), "--encoder", TOY, "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert (found["videos"], found["exit"], list(found["errors"])) == (1, 3, [str(bad)])


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf"), 0.001])
def test_an_impossible_clip_length_is_refused(tmp_path, value):
    with pytest.raises(ParameterError, match="clip_length must be at least"):
        probe(tmp_path / "any.mp4", value)
