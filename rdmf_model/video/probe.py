"""Check a video file and plan which frame stands for each clip. Packets are read, nothing is decoded.

**The frame of a clip.** A frame can only be decoded from the key frame before it, and most of the work of reading a
video is decoding frames that nobody looks at. So a clip is represented by the key frame nearest to its middle where it
has one, else by the frame that is on screen at its middle. The choice depends on the time stamps alone: not on where
reading began, the number of threads, or an interruption.
"""

from __future__ import annotations

import math
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from rdmf_model.video.library import load_av
from rdmf_theory.errors import DataError, ParameterError

# FFmpeg's demuxers that read one file and nothing else, with the suffixes of their files. Playlists (hls, concat, dash)
# read other files and addresses: a file of that kind could make the program send what it finds.
CONTAINERS: dict[str, tuple[str, ...]] = {
    "mov,mp4,m4a,3gp,3g2,mj2": (".mp4", ".m4v", ".mov", ".3gp", ".3g2", ".qt"),
    "matroska,webm": (".mkv", ".webm", ".mk3d"),
    "avi": (".avi", ".divx"),
    "mpegts": (".ts", ".m2ts", ".mts"),
    "mpeg": (".mpg", ".mpeg", ".vob"),
    "flv": (".flv", ".f4v"),
    "asf": (".wmv", ".asf"),
    "ogg": (".ogv", ".ogg"),
    "mxf": (".mxf",),
}
SUFFIXES = tuple(suffix for suffixes in CONTAINERS.values() for suffix in suffixes)
# a header may round its duration, and a sound track may go on a little after the last frame
TRUNCATION_SECONDS, TRUNCATION_FRACTION = 1.0, 0.02
# Frames of more pixels than this (16 Ki x 16 Ki) are refused: one of them would take gigabytes
LARGEST_FRAME = 2**28
# A mean of more seconds per frame is a broken time stamp, and its clips would fill the memory
LONGEST_SPACING = 600.0


@dataclass(frozen=True)
class ClipPlan:
    """Which frame stands for each clip, in the time base of the video stream.

    clip_length: seconds.  time_base: seconds per unit.  start: time of the first frame, units.
    targets: (T,) int64, the frame that is on screen at this time stands for the clip, units.
    entries: (T,) int64, time of the key frame from which it is decoded, units.
    duration: seconds from the first frame to the end of the last.  frames: number of frames in the file.
    """

    clip_length: float
    time_base: Fraction
    start: int
    targets: np.ndarray
    entries: np.ndarray
    duration: float
    frames: int

    def __post_init__(self) -> None:
        if self.targets.shape != self.entries.shape or self.targets.ndim != 1 or not len(self.targets):
            raise ParameterError(
                "ClipPlan.targets and entries must be two vectors of the same length, one clip or more."
            )
        if (np.diff(self.targets) < 0).any() or (self.entries > self.targets).any():
            raise ParameterError("ClipPlan.targets must not decrease, nor lie before their entries.")

    @property
    def num_clips(self) -> int:
        """T: number of clips, the last one possibly shorter."""
        return len(self.targets)


@dataclass(frozen=True)
class VideoFile:
    """A file that holds a video with time stamps, its properties and the plan of its clips."""

    path: Path
    container: str
    codec: str
    width: int
    height: int
    plan: ClipPlan
    has_sound: bool

    @property
    def name(self) -> str:
        """Name of the video in feature folders and annotations: the file's name without its suffix."""
        return self.path.stem


def check_path(path: Path) -> Path:
    """`path` if it is a regular file with the suffix of a video. Raises DataError that says what it is instead."""
    path = Path(path)
    if path.is_symlink():
        target = path.resolve()
        remedy = f"Give the file that it points to: {target}" if target.is_file() else "It points to no file"
        raise DataError(f"{path}: is a link. {remedy}.")
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Check the path.") from None
    if not stat.S_ISREG(status.st_mode):
        raise DataError(f"{path}: is a {_kind(status.st_mode)}. Give a video file.")
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(
            f"{path}: does not end like a video file. Name it by its container, such as .mp4, .mkv, .webm or .avi."
        )
    if status.st_size == 0:
        raise DataError(f"{path}: is empty. Copy it again.")
    return path


def _kind(mode: int) -> str:
    kinds = ((stat.S_ISDIR, "folder"), (stat.S_ISFIFO, "pipe"), (stat.S_ISSOCK, "socket"), (stat.S_ISCHR, "device"))
    return next((word for test, word in kinds if test(mode)), "special file")


@contextmanager
def open_video(path: Path) -> Iterator[Any]:
    """Open one regular file by PyAV, as nothing but itself: no playlists, no network.

    Raises: DataError if the content is of no known container, or of another one than the name says.
    """
    av = load_av()
    path = check_path(path)
    try:
        # the absolute name behind "file:" is never read as an address, whatever characters it has
        container = av.open(
            f"file:{path.resolve()}", options={"protocol_whitelist": "file", "format_whitelist": ",".join(CONTAINERS)}
        )
    except (av.error.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(
            f"{path}: is no video that can be read, or is cut off ({reason}). Copy or record it again."
        ) from None
    with container:
        suffixes = CONTAINERS.get(container.format.name)
        if suffixes is None:
            raise DataError(f"{path}: holds {container.format.name}, which is not read. Convert it to mp4 or mkv.")
        if path.suffix.lower() not in suffixes:
            raise DataError(
                f"{path}: holds {container.format.long_name}, but its name says {path.suffix}. Name it {suffixes[0]}."
            )
        yield container


def probe(path: Path, clip_length: float = 2.0, *, keep_truncated: bool = False) -> VideoFile:
    """Check a video file and plan its clips.

    Arguments:
        clip_length: seconds per clip, > 0.
        keep_truncated: take what is there of a file that ends before its header says.

    Raises: DataError for a file that is no video, has no video track, no frame, one frame only, no time stamps, an
        impossible size, or that ends too early.
    """
    if not 0.04 <= clip_length < math.inf:
        raise ParameterError(f"clip_length must be at least 0.04 seconds, and finite. Got {clip_length}.")
    av = load_av()
    with open_video(path) as container:
        if not container.streams.video:
            found = ", ".join(stream.type for stream in container.streams) or "nothing"
            raise DataError(f"{path}: has no video track, only {found}. Give a file with pictures.")
        stream = container.streams.video[0]
        context = stream.codec_context
        if context is None:
            raise DataError(f"{path}: its video codec is unknown to this FFmpeg. Convert it to H.264.")
        if not 0 < context.width * context.height <= LARGEST_FRAME:
            raise DataError(f"{path}: frames of {context.width} x {context.height} pixels cannot be read. Scale it.")
        scan = _Scan(clip_length, stream.time_base)
        broken = ""
        try:
            for packet in container.demux(stream):
                if packet.size:
                    scan.add(packet, path)
        except av.error.FFmpegError as error:
            broken = error.strerror or str(error)
        declared = _declared_seconds(container, stream)
        plan = scan.plan(path, stream)
        allowed = max(TRUNCATION_SECONDS, TRUNCATION_FRACTION * declared)
        if (broken or plan.duration < declared - allowed) and not keep_truncated:
            raise DataError(
                f"{path}: is cut off: its header says {declared:.1f} s, its frames end at {plan.duration:.1f} s. "
                "Copy it again, or take what is there by --keep-truncated."
            )
        return VideoFile(
            path=Path(path),
            container=container.format.name,
            codec=context.name,
            width=context.width,
            height=context.height,
            plan=plan,
            has_sound=bool(container.streams.audio),
        )


def _declared_seconds(container: Any, stream: Any) -> float:
    """Duration of the video track by the file's header, else that of the file, else 0."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    if container.duration is not None and not container.streams.audio:
        return container.duration / 1e6
    return 0.0


class _Scan:
    """Times of the packets of one stream. Keeps two numbers per clip, none per frame: a long video takes no memory."""

    def __init__(self, clip_length: float, time_base: Fraction | None) -> None:
        self.clip_length = clip_length
        self.time_base = time_base or Fraction(0)
        self.first: int | None = None
        self.last = self.end = 0
        self.frames = 0
        # clip -> its key frame nearest to the middle; clip -> the last key frame at or before its middle
        self.own: dict[int, int] = {}
        self.before: dict[int, int] = {}

    def add(self, packet: Any, path: Path) -> None:
        time = packet.pts if packet.pts is not None else packet.dts
        if time is None or not self.time_base:
            raise DataError(f"{path}: its frames have no time stamps. Put it into a container: mp4 or mkv.")
        self.frames += 1
        if packet.is_keyframe:
            if self.first is None:
                self.first = self.last = self.end = time
            self._add_key_frame(time)
        if self.first is not None and time >= self.last:
            self.last, self.end = time, max(self.end, time + (packet.duration or 0))

    def _add_key_frame(self, time: int) -> None:
        assert self.first is not None
        seconds = float((time - self.first) * self.time_base)
        if seconds < 0:
            return
        clip = int(seconds / self.clip_length)
        position = seconds / self.clip_length - clip - 0.5
        if clip not in self.own or abs(position) < abs(self._position(clip, self.own[clip])):
            self.own[clip] = time
        # the first clip whose middle is not before this key frame
        reached = clip if position <= 0 else clip + 1
        self.before[reached] = max(time, self.before.get(reached, time))

    def _position(self, clip: int, time: int) -> float:
        return float((time - (self.first or 0)) * self.time_base) / self.clip_length - clip - 0.5

    def plan(self, path: Path, stream: Any) -> ClipPlan:
        if self.first is None or self.frames == 0:
            raise DataError(f"{path}: has no frame that can be decoded. Record it again.")
        if self.frames == 1:
            raise DataError(f"{path}: has one frame only: a still picture has no moments. Give a video.")
        spacing = (self.last - self.first) / max(self.frames - 1, 1)
        duration = float(max(self.end - self.first, self.last - self.first + spacing) * self.time_base)
        if not 0 < duration < math.inf:
            raise DataError(f"{path}: all its frames have the same time stamp. Record it again.")
        frame_seconds = float(spacing * self.time_base)
        if frame_seconds > LONGEST_SPACING:
            raise DataError(f"{path}: {self.frames} frames in {duration:.0f} s: its time stamps are broken. Remux it.")
        num_clips = max(1, math.ceil((duration - min(frame_seconds, 0.5 * self.clip_length)) / self.clip_length))
        targets = np.empty(num_clips, dtype=np.int64)
        entries = np.empty(num_clips, dtype=np.int64)
        entry = self.first
        for clip in range(num_clips):
            entry = max(entry, self.before.get(clip, entry))
            own = self.own.get(clip)
            if own is not None:
                targets[clip] = entries[clip] = own
            else:
                middle = min((clip + 0.5) * self.clip_length, duration - 0.5 * frame_seconds)
                targets[clip] = max(self.first + round(middle / float(self.time_base)), entry)
                entries[clip] = entry
        return ClipPlan(self.clip_length, self.time_base, self.first, targets, entries, duration, self.frames)
