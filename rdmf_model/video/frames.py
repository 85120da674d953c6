"""Decode the frame of each clip, scaled and upright, in constant memory.

Only what is needed for the planned frames is decoded: decoding starts at the key frame of a target and stops at the
target; packets in between are read and dropped. Every target is decoded from its own key frame with an empty decoder,
so the frames do not depend on where the reading began.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from rdmf_model.video.library import load_av
from rdmf_model.video.probe import VideoFile, open_video
from rdmf_theory.errors import DataError, ParameterError

# more clips than this share without a frame of their own: the file is not worth an answer
LARGEST_DAMAGE = 0.1


@dataclass(frozen=True)
class Picture:
    """Size of the frames that a reader wants.

    height, width: pixels.  fit: `squeeze` shows the whole frame, distorted; `crop` its centre in proportion.
    """

    height: int
    width: int
    fit: Literal["squeeze", "crop"] = "squeeze"

    def __post_init__(self) -> None:
        if min(self.height, self.width) < 1:
            raise ParameterError(f"Picture.height and width must be >= 1. Got {self.height}, {self.width}.")
        if self.fit not in ("squeeze", "crop"):
            raise ParameterError(f"Picture.fit must be squeeze or crop. Got {self.fit!r}.")


@dataclass(frozen=True)
class ClipFrame:
    """The frame of one clip: its number, (height, width, 3) uint8 RGB, and whether it is the clip's own.

    decoded is False where the file is damaged and the frame of an earlier clip (or black) stands in.
    proportion: height / width of the frame as it is shown, before it was scaled.
    """

    clip: int
    pixels: np.ndarray
    decoded: bool
    proportion: float


def read_frames(video: VideoFile, picture: Picture, first: int = 0) -> Iterator[ClipFrame]:
    """Yields the frame of each clip from `first` on, in order.

    Raises: DataError if more than a tenth of the clips cannot be decoded.
    """
    plan = video.plan
    if not 0 <= first < plan.num_clips:
        raise ParameterError(f"first must be a clip of the video, 0 to {plan.num_clips - 1}. Got {first}.")
    last = np.zeros((picture.height, picture.width, 3), dtype=np.uint8)
    damaged, proportion = 0, video.height / video.width
    for clip, frame in enumerate(_decode(video, first), start=first):
        if frame is not None:
            last = to_pixels(frame, picture)
            proportion = frame.width / frame.height if _turns(frame) % 2 else frame.height / frame.width
        else:
            damaged += 1
            if damaged > max(1, LARGEST_DAMAGE * plan.num_clips):
                raise DataError(
                    f"{video.path}: {damaged} of {plan.num_clips} clips cannot be decoded. Copy or record it again."
                )
        yield ClipFrame(clip, last, frame is not None, proportion)
    if damaged == plan.num_clips - first:
        raise DataError(f"{video.path}: no clip can be decoded. Copy or record it again.")


def _decode(video: VideoFile, first: int) -> Iterator[Any]:
    """The decoded frame of each clip from `first` on, None where there is none."""
    plan = video.plan
    clip, active, entry = first, False, None
    held: Any = None
    with open_video(video.path) as container:
        stream = container.streams.video[0]
        codec = stream.codec_context
        codec.thread_type = "NONE"
        for packet, broken in _packets(container, stream):
            if clip == plan.num_clips:
                return
            time = None if packet is None else packet.pts if packet.pts is not None else packet.dts
            starts = packet is not None and packet.is_keyframe and time == plan.entries[clip]
            if starts and (not active or entry != time):
                # what was begun and not found before its successor's key frame is lost
                codec.flush_buffers()
                active, entry, held = True, time, None
            if packet is not None and not active:
                continue
            for frame in _frames(codec, packet):
                if frame.pts is None or not active:
                    continue
                while clip < plan.num_clips and plan.entries[clip] == entry and frame.pts >= plan.targets[clip]:
                    exact = frame.pts == plan.targets[clip] or held is None
                    yield frame if exact else held
                    clip += 1
                held = frame
                if clip == plan.num_clips or plan.entries[clip] != entry:
                    active = False
            if packet is not None and active and time == plan.targets[clip] == entry and _alone(plan, clip):
                # a key frame that nobody goes on from: do not wait for the frames after it
                for frame in _frames(codec, None):
                    if frame.pts == entry and active:
                        yield frame
                        clip, active = clip + 1, False
                codec.flush_buffers()
            if broken:
                break
        # the file has ended: what was on screen last stays on screen
        while clip < plan.num_clips:
            yield held if active and plan.entries[clip] == entry else None
            clip += 1


def _alone(plan: Any, clip: int) -> bool:
    return clip + 1 == plan.num_clips or plan.entries[clip + 1] != plan.entries[clip]


def _packets(container: Any, stream: Any) -> Iterator[tuple[Any, bool]]:
    """Packets of a stream, then None, which drains the decoder; True beside it where the file broke off."""
    av = load_av()
    try:
        for packet in container.demux(stream):
            if packet.size:
                yield packet, False
    except av.error.FFmpegError:
        yield None, True
        return
    yield None, False


def _frames(codec: Any, packet: Any) -> list[Any]:
    """Frames that a packet completes; none where it is damaged."""
    av = load_av()
    try:
        return codec.decode(packet)
    except av.error.FFmpegError:
        return []


def to_pixels(frame: Any, picture: Picture) -> np.ndarray:
    """A decoded frame as (height, width, 3) uint8 RGB, scaled by areas, turned as the file says."""
    turns = _turns(frame)
    height, width = (picture.width, picture.height) if turns % 2 else (picture.height, picture.width)
    if picture.fit == "crop":
        # scale in proportion until the frame covers the picture, then cut its middle out
        scale = max(height / frame.height, width / frame.width)
        scaled_height, scaled_width = (max(1, round(scale * side)) for side in (frame.height, frame.width))
        pixels = _scale(frame, max(scaled_height, height), max(scaled_width, width))
        top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
        pixels = pixels[top : top + height, left : left + width]
    else:
        pixels = _scale(frame, height, width)
    return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else np.ascontiguousarray(pixels)


def _turns(frame: Any) -> int:
    """Quarter turns counter-clockwise that show a frame upright."""
    return round(frame.rotation / 90) % 4


def _scale(frame: Any, height: int, width: int) -> np.ndarray:
    return frame.reformat(width=width, height=height, format="rgb24", interpolation="AREA").to_ndarray()
