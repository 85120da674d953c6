"""Is a running video fused like a finished one? In pieces of any size, within the bound that the stream declares."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from hypothesis import strategies as st

from rdmf_model.properties.base import Margins, Property, Scope
from rdmf_model.properties.inputs import ORDINARY, Query, Text, Video, make_batch, seeds
from rdmf_model.properties.model_under_test import ModelUnderTest
from rdmf_model.streaming.streaming import StreamingFusion

STREAM_ROUNDING = 1e-9
"""Float64: the windows' systems are other systems, whose rounding grows with the pattern."""

TOLERANCE = 1e-3
"""Asked of the stream; what it declares (`plan.bound`) may be less, and is what is checked."""


@dataclass(frozen=True)
class Stream:
    """A query whose video arrives in pieces of 1 to `piece` clips."""

    query: Query
    piece: int


def streams(tested: ModelUnderTest) -> st.SearchStrategy[Stream]:
    """Videos shorter and longer than what the stream looks ahead."""
    kinds, scales = st.sampled_from(("data", "smooth")), st.sampled_from(ORDINARY)
    video = st.builds(Video, kinds, st.sampled_from((1, 40, 200, 330, 420)), scales, seeds())
    text = st.builds(Text, st.just("data"), st.integers(1, 6), scales, seeds())
    return st.builds(Stream, st.builds(Query, video, text), st.sampled_from((1, 16, 64, 500)))


@torch.no_grad()
def check_streaming(tested: ModelUnderTest, stream: Stream) -> Margins:
    """Margins of the streamed clips against the offline ones, by the declared bound; every clip exactly once."""
    model, batch = tested.exact, make_batch(tested, [stream.query], dtype=torch.float64)
    video, text = model.video_projection(batch.video), model.text_projection(batch.text)
    pooled = model.pooling(text, batch.word_mask)
    offline = model.fusion(video, text, pooled, batch.clip_mask, batch.word_mask)
    streaming = StreamingFusion(model.fusion, pooled[0], tolerance=TOLERANCE, block=32)  # type: ignore[arg-type]
    generator, outputs, start = torch.Generator().manual_seed(stream.query.video.seed), [], 0
    while start < video.shape[1]:
        size = int(torch.randint(1, stream.piece + 1, (), generator=generator))
        outputs.append(streaming.push(video[0, start : start + size]))
        start += size
    outputs.append(streaming.flush())
    position, in_order = 0, True
    for output in outputs:
        in_order = in_order and (len(output.clips) == 0 or output.start == position)
        position += len(output.clips)
    if not in_order or position != video.shape[1]:
        return {"every_clip_once": -1.0}
    clips = torch.cat([output.clips for output in outputs])
    error = float((clips - offline.clips[0]).abs().max())
    return {"every_clip_once": 0.0, "clips": 1.0 - error / (streaming.plan.bound + STREAM_ROUNDING)}


STREAMED_PROPERTIES: tuple[Property, ...] = (
    Property(
        name="streaming",
        statement="A video that arrives in pieces is fused like the whole one, within the stream's declared bound.",
        latex=r"|\mathrm{stream}(x)_t - \mathrm{fusion}(x)_t| \le \mathrm{bound} \quad \forall t",
        theorem="Locality.window_error, Locality.green_decay",
        strategy=streams,
        check=check_streaming,
        tolerance=f"the stream's own bound, at most {TOLERANCE:g}, and {STREAM_ROUNDING:g} for float64 rounding",
        scope=Scope.LAYER,
        effort=20,
    ),
)
