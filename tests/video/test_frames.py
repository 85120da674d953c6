"""The frame of each clip is the right one, whatever the codec, the spacing of frames and where reading began."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from rdmf_model.video.frames import Picture, read_frames, to_pixels
from rdmf_model.video.probe import VideoFile, probe
from tests.video.rendering import av, loop, number_of, numbered, write_video

PICTURE = Picture(64, 64)


def expected_numbers(path: Path, video: VideoFile) -> list[int]:
    """By decoding everything: number of the frame that is to stand for each clip."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = container.decode(stream)
        shown = [(frame.pts, frame.key_frame, number_of(frame.to_ndarray(format="rgb24"))) for frame in frames]
    plan, base = video.plan, float(video.plan.time_base)
    numbers = []
    for clip in range(plan.num_clips):
        low, high = (plan.start + (clip + edge) * plan.clip_length / base for edge in (0, 1))
        own = [entry for entry in shown if entry[1] and low <= entry[0] < high]
        middle = (low + high) / 2
        if own:
            chosen = min(own, key=lambda entry: abs(entry[0] - middle))
        else:
            chosen = [entry for entry in shown if entry[0] <= middle][-1]
        numbers.append(chosen[2])
    return numbers


SPACINGS = {
    "constant": [40 * n for n in range(200)],
    "variable": list(np.cumsum([0, *(20 + 37 * n % 83 for n in range(199))])),
    "late start": [700 + 40 * n for n in range(200)],
}


@pytest.mark.parametrize("times", SPACINGS.values(), ids=SPACINGS)
@pytest.mark.parametrize(
    ("suffix", "codec", "gop", "b_frames"),
    [
        (".mp4", "libx264", 12, 0),
        (".mp4", "libx264", 90, 3),
        (".mkv", "libx264", 1000, 2),
        (".mkv", "mjpeg", 1, 0),
        (".ts", "libx264", 50, 2),
        (".mp4", "mpeg4", 70, 2),
    ],
    ids=lambda value: str(value),
)
def test_each_clip_gets_its_frame(tmp_path, times, suffix, codec, gop, b_frames):
    path = tmp_path / f"video{suffix}"
    write_video(path, numbered(200), [int(time) for time in times], codec=codec, gop=gop, b_frames=b_frames)
    video = probe(path, clip_length=0.5)
    found = list(read_frames(video, PICTURE))
    assert [number_of(frame.pixels) for frame in found] == expected_numbers(path, video)
    assert all(frame.decoded for frame in found)
    # from any clip on, bit for bit the same
    for first in (1, 5, video.plan.num_clips - 1):
        again = list(read_frames(video, PICTURE, first=first))
        assert [frame.clip for frame in again] == list(range(first, video.plan.num_clips))
        for one, other in zip(found[first:], again, strict=True):
            np.testing.assert_array_equal(one.pixels, other.pixels)


def test_a_turned_video_is_read_upright(tmp_path):
    frame = np.zeros((48, 96, 3), dtype=np.uint8)
    frame[:24, :48] = (255, 0, 0)

    class Turned:
        def __init__(self, rotation):
            self.rotation, self.height, self.width = rotation, 48, 96
            self._frame = av.VideoFrame.from_ndarray(frame, format="rgb24")

        def reformat(self, **options):
            return self._frame.reformat(**options)

    for rotation, corner in ((0, (0, 0)), (90, (-1, 0)), (180, (-1, -1)), (-90, (0, -1))):
        pixels = to_pixels(Turned(rotation), Picture(32, 32))
        assert pixels.shape == (32, 32, 3)
        assert pixels[corner][0] > 200, rotation
        others = [at for at in ((0, 0), (-1, 0), (-1, -1), (0, -1)) if at != corner]
        assert all(pixels[other][0] < 50 for other in others)


def test_crop_keeps_proportions_and_the_middle():
    frame = np.zeros((100, 300, 3), dtype=np.uint8)
    frame[:, 100:200] = 255
    source = av.VideoFrame.from_ndarray(frame, format="rgb24")
    assert to_pixels(source, Picture(50, 50, "crop")).min() > 200
    assert to_pixels(source, Picture(50, 50)).min() < 50


def test_the_plan_of_a_looped_video_repeats(tmp_path):
    once = write_video(tmp_path / "once.mp4", numbered(100), [40 * n for n in range(100)], gop=25)
    video = probe(loop(once, tmp_path / "long.mp4", 30, period=4.0), clip_length=1.0)
    assert video.plan.num_clips == 120
    assert video.plan.frames == 3000
    numbers = [number_of(frame.pixels) for frame in read_frames(video, PICTURE)]
    assert numbers == numbers[:4] * 30
    assert len(set(numbers[:4])) == 4
    assert video.plan.time_base > Fraction(0)


def test_damage_in_the_middle_is_counted_not_hidden(tmp_path):
    path = write_video(tmp_path / "video.ts", numbered(250), [40 * n for n in range(250)], gop=25)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 188 * 188
    content[middle : middle + 188 * 6] = np.random.default_rng(0).bytes(188 * 6)
    path.write_bytes(content)
    video = probe(path, clip_length=0.5, keep_truncated=True)
    found = list(read_frames(video, PICTURE))
    assert len(found) == video.plan.num_clips
    # what lies outside the damage is read as it was
    assert number_of(found[0].pixels) == 0
    assert number_of(found[-1].pixels) >= 225
