"""Write a moment of a video to a file of its own, without encoding anything again.

Packets are copied from the key frame at or before the start; what lies before the start gets negative time stamps, and
the mp4 container's edit list tells players to decode it unseen. So the moment begins at the frame that was asked for,
and no quality is lost.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rdmf_model.video.library import load_av
from rdmf_model.video.probe import open_video
from rdmf_theory.errors import ParameterError
from rdmf_theory.support.files import replacing

SUFFIXES = (".mp4", ".mov", ".m4v")


def cut(source: Path, target: Path, start: float, end: float) -> Path:
    """Copy `start` to `end` (seconds after the first frame) of pictures and sound.

    Arguments:
        target: .mp4, .mov or .m4v; replaced whole.

    Returns: `target`.
    Raises: ParameterError for an empty range, a target of another kind or the source itself, or codecs that do not fit
        into mp4.
    """
    target = Path(target)
    if not 0 <= start < end:
        raise ParameterError(f"start and end must be seconds with 0 <= start < end. Got {start} and {end}.")
    if target.suffix.lower() not in SUFFIXES:
        raise ParameterError(f"a cut-out must end in {', '.join(SUFFIXES)}. Got {target.name}.")
    if target.exists() and target.samefile(source):
        raise ParameterError(f"{target} is the video itself. Give another name.")
    if not target.absolute().parent.is_dir():
        raise ParameterError(f"{target} must lie in a folder that exists.")
    av = load_av()
    with replacing(target) as temporary, open_video(source) as container:
        streams = [container.streams.video[0], *container.streams.audio[:1]]
        first = _first_time(container, streams[0])
        container.seek(round((first + start) * 1_000_000))
        try:
            with av.open(str(temporary), "w", format="mp4") as output:
                copies = {stream.index: output.add_stream_from_template(stream) for stream in streams}
                _copy(container, output, streams, copies, first + start, first + end)
        except (av.error.FFmpegError, ValueError) as error:
            raise ParameterError(
                f"{source}: its tracks do not fit into {target.suffix} without encoding ({error}). Convert the video "
                "to H.264 and AAC first."
            ) from None
    return target


def _first_time(container: Any, stream: Any) -> float:
    """Seconds of the first frame on the container's clock."""
    for packet in container.demux(stream):
        if packet.size and packet.is_keyframe:
            time = packet.pts if packet.pts is not None else packet.dts
            return float(time * stream.time_base)
    raise ParameterError("the video has no key frame. Record it again.")


def _copy(container: Any, output: Any, streams: Any, copies: Any, start: float, end: float) -> None:
    ended: set[int] = set()
    for packet in container.demux(streams):
        if not packet.size or packet.pts is None or packet.dts is None:
            continue
        index, base = packet.stream.index, packet.stream.time_base
        if packet.dts * base >= end:
            # nothing that is shown before the end comes later; what came before may be needed to decode it, so that up
            # to the reordering of the codec, frames after the end stay in
            ended.add(index)
            if len(ended) == len(streams):
                break
            continue
        if packet.stream.type == "audio" and packet.pts * base < start:
            continue
        offset = round(start / base)
        packet.pts, packet.dts = packet.pts - offset, packet.dts - offset
        packet.stream = copies[index]
        output.mux(packet)
