"""The sound track of each clip as mono samples, in constant memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rdmf_model.video.library import load_av
from rdmf_model.video.probe import VideoFile, open_video
from rdmf_theory.errors import ParameterError

# a jump of the time stamps beyond this is a gap (or an overlap), below it the rounding of the container
SMALLEST_GAP = 0.1


def read_sound(video: VideoFile, sample_rate: int = 16000, first: int = 0) -> Iterator[np.ndarray]:
    """Yields the samples of each clip from `first` on: (round(clip_length * sample_rate),) float32 in [-1, 1].

    Time starts with the first frame, as for the clips. Gaps, and what is missing at either end, are silent. Without a
    sound track, or with one that cannot be decoded at all, every sample is NaN: missing is not silent.
    """
    plan = video.plan
    if not 0 <= first < plan.num_clips:
        raise ParameterError(f"first must be a clip of the video, 0 to {plan.num_clips - 1}. Got {first}.")
    size = round(plan.clip_length * sample_rate)
    held: list[np.ndarray] = []
    length, clip, heard = 0, 0, False
    for samples in _mono(video, sample_rate):
        heard = True
        held.append(samples)
        length += len(samples)
        while length >= size and clip < plan.num_clips:
            joined = np.concatenate(held)
            if clip >= first:
                yield joined[:size]
            clip, held, length = clip + 1, [joined[size:]], length - size
        if clip == plan.num_clips:
            return
    rest = np.concatenate(held) if heard else np.full(size, np.nan, dtype=np.float32)
    for number in range(clip, plan.num_clips):
        if number >= first:
            yield np.pad(rest, (0, size - len(rest))) if heard else rest
        rest = rest[:0] if heard else rest


def _mono(video: VideoFile, sample_rate: int) -> Iterator[np.ndarray]:
    """Pieces of the sound track from the first frame on, without gaps."""
    if not video.has_sound:
        return
    av = load_av()
    start = float(video.plan.start * video.plan.time_base)
    with open_video(video.path) as container:
        stream = container.streams.audio[0]
        if stream.codec_context is None:
            return
        resampler = av.AudioResampler(format="flt", layout="mono", rate=sample_rate)
        written = 0
        for frame in _decoded(container, stream):
            begin = written if frame.time is None else round((frame.time - start) * sample_rate)
            for piece in resampler.resample(frame):
                samples = piece.to_ndarray()[0].astype(np.float32)
                gap = begin - written
                if abs(gap) > SMALLEST_GAP * sample_rate or (written == 0 and gap < 0):
                    # what lies before the first frame, or was heard already, goes; what is missing is silent
                    samples = samples[-gap:] if gap < 0 else samples
                    yield from _silence(gap)
                    written += max(gap, 0)
                if len(samples):
                    written += len(samples)
                    yield np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0).clip(-1.0, 1.0)
                begin = written


def _silence(count: int, piece: int = 2**16) -> Iterator[np.ndarray]:
    for first in range(0, max(count, 0), piece):
        yield np.zeros(min(piece, count - first), dtype=np.float32)


def _decoded(container: object, stream: object) -> Iterator:
    """Frames of the sound track; damaged packets are left out."""
    av = load_av()
    try:
        for packet in container.demux(stream):  # type: ignore[attr-defined]
            try:
                yield from packet.decode()
            except av.error.FFmpegError:
                continue
    except av.error.FFmpegError:
        return
