"""Video files that the tests render themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

av = pytest.importorskip("av", reason="needs PyAV: pip install 'rdmf[video]'")

TICKS = 1000


def write_video(
    path: Path,
    frames: Iterable[np.ndarray],
    times: Sequence[int],
    *,
    codec: str = "libx264",
    gop: int = 12,
    b_frames: int = 0,
    sound: np.ndarray | None = None,
    rotation: int | None = None,
    faststart: bool = False,
) -> Path:
    """Frames (height, width, 3) uint8 at `times` in milliseconds; `sound` is mono float32 at 16 kHz."""
    options = {"movflags": "+faststart"} if faststart else {}
    with av.open(str(path), "w", options=options) as container:
        video = None
        audio = container.add_stream("aac", rate=16000, layout="mono") if sound is not None else None
        for pixels, time in zip(frames, times, strict=True):
            if video is None:
                video = container.add_stream(codec, rate=TICKS)
                video.height, video.width = pixels.shape[:2]
                video.pix_fmt = "yuv420p" if codec != "mjpeg" else "yuvj420p"
                video.time_base = video.codec_context.time_base = Fraction(1, TICKS)
                video.codec_context.gop_size = gop
                video.codec_context.max_b_frames = b_frames
                if codec == "libx264":
                    video.options = {"preset": "ultrafast", "crf": "10", "sc_threshold": "0"}
                    if b_frames:
                        video.options |= {"bf": str(b_frames), "b-adapt": "0"}
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, TICKS)
            container.mux(video.encode(frame))
        if video is not None:
            container.mux(video.encode(None))
        if audio is not None and sound is not None:
            for first in range(0, len(sound), 1024):
                piece = av.AudioFrame.from_ndarray(sound[None, first : first + 1024], format="fltp", layout="mono")
                piece.sample_rate, piece.pts, piece.time_base = 16000, first, Fraction(1, 16000)
                container.mux(audio.encode(piece))
            container.mux(audio.encode(None))
    return path


def numbered(count: int, side: int = 64) -> list[np.ndarray]:
    """Frames that show their number: eight blocks, black or white, in binary."""
    frames = []
    for number in range(count):
        frame = np.zeros((side, side, 3), dtype=np.uint8)
        for bit in range(8):
            if number >> bit & 1:
                row, column = divmod(bit, 4)
                frame[row * side // 2 : (row + 1) * side // 2, column * side // 4 : (column + 1) * side // 4] = 255
        frames.append(frame)
    return frames


def number_of(pixels: np.ndarray) -> int:
    """The number that a frame of `numbered` shows."""
    height, width = pixels.shape[:2]
    number = 0
    for bit in range(8):
        row, column = divmod(bit, 4)
        block = pixels[row * height // 2 : (row + 1) * height // 2, column * width // 4 : (column + 1) * width // 4]
        number |= int(block.mean() > 127) << bit
    return number


def loop(source: Path, target: Path, times: int, period: float) -> Path:
    """The video track of `source`, which lasts `period` seconds, `times` times in a row, copied without encoding."""
    with av.open(str(target), "w") as output:
        stream = None
        for turn in range(times):
            with av.open(str(source)) as container:
                track = container.streams.video[0]
                stream = stream or output.add_stream_from_template(track)
                offset = round(turn * period / track.time_base)
                for packet in container.demux(track):
                    if packet.size:
                        packet.pts, packet.dts = packet.pts + offset, packet.dts + offset
                        packet.stream = stream
                        output.mux(packet)
    return target
