"""Fusion of a video that is still running: clips go in, fused clips come out, a fixed number of clips later.

The video is handled in blocks of fixed size. A block is fused as soon as the clips it needs are there: contrast radius
and halo to each side (`streaming.halo`). Its window is the same however the clips arrived, so the output has the
same bits for any chunking, and differs from the offline layer's by the plan's bound and by rounding. The first and the
last clip of the video are its real, reflecting ends. What is kept does not grow with the video.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from rdmf_model.constraints.base import Design
from rdmf_model.fusion.base import FusionOutput
from rdmf_model.fusion.reaction_diffusion import ReactionDiffusionFusion, reaction_diffusion_layer
from rdmf_model.model.heads import SaliencyHead
from rdmf_model.model.moment_model import MomentModel
from rdmf_model.streaming.halo import LayerRange, WindowPlan, certify_block, layer_range, plan_windows
from rdmf_model.streaming.readout_bound import saliency_change
from rdmf_theory.errors import ParameterError


class StreamOutput(NamedTuple):
    """Finished clips `start .. start + n - 1` of the video; n may be 0.

    clips: fused, (n, C).  pattern: (n,).  saliency: (n,), None for a bare fusion layer.
    """

    start: int
    clips: Tensor
    pattern: Tensor
    saliency: Tensor | None


class StreamingFusion:
    """A fusion layer, or a whole model up to its saliency, on a stream of clips, for one text.

    Arguments:
        layer: `ReactionDiffusionFusion`, or a `MomentModel` around one; in evaluation mode.
        text: the pooled query (C,) for a fusion layer; the words' features (L, C_text) for a model.
        tolerance: what the windows may change in a fused channel, > 0; decides the halo.
        halo: clips of halo instead of the certified ones; `plan.bound` then says what they are worth.
        block: clips per block, >= 1. Larger blocks cost less per clip and come later.
        certify: also bound every block from its own clips (`bound`), at 50 to 65 times the cost.

    Attributes:
        plan: radius, halo and the bound that holds for any video.
        latency: clips after which a clip is out at the latest: `lookahead + block - 1`, lookahead being radius + halo
            rounded up to blocks.
        bound: with `certify`, the largest |offline - streamed| of the blocks so far, certified, usually far below
            `plan.bound`; otherwise `plan.bound`.
        saliency_bound: the same for the saliency, known as its clips come out.
    Raises: ParameterError for another layer or argument than described.
    """

    def __init__(
        self,
        layer: ReactionDiffusionFusion | MomentModel,
        text: Tensor,
        *,
        tolerance: float = 1e-6,
        halo: int | None = None,
        block: int = 64,
        certify: bool = False,
    ) -> None:
        if int(block) != block or block < 1:
            raise ParameterError(f"block must be an integer >= 1. Got {block!r}.")
        fusion = reaction_diffusion_layer(layer.fusion if isinstance(layer, MomentModel) else layer)
        self._fusion, self._block, self._certify = fusion, int(block), certify
        weight = fusion.salience.weight
        self._like = weight.new_empty(0)
        self._project: Callable[[Tensor], Tensor] = lambda x: x
        self._saliency: SaliencyHead | None = None
        self._width = fusion.channels
        self._query = self._pool(layer, text.to(weight))
        self.plan: WindowPlan = plan_windows(fusion, self._query[0], tolerance, halo)
        with torch.no_grad():
            self._design: Design = fusion.design(self._query).map(lambda x: x[:, None])
        self._range: LayerRange = layer_range(fusion, self._design.map(lambda x: x[0, 0]))
        self._lookahead = -(-self.plan.reach // self._block)
        self._certified = self._certified_saliency = 0.0
        self._pending: list[Tensor] = []
        # clips from `_first` on that later blocks need: projected, and their match with the text
        self._video = self._like.new_empty(1, 0, fusion.channels)
        self._match = self._like.new_empty(1, 0, fusion.salience.out_features)
        self._first = self._received = self._emitted = 0
        self._closed = False

    def _pool(self, layer: ReactionDiffusionFusion | MomentModel, text: Tensor) -> Tensor:
        """The query (1, C); for a model also what projects clips and what scores them."""
        if not isinstance(layer, MomentModel):
            if text.shape != (self._width,):
                raise ParameterError(f"text must be the pooled query ({self._width},). Got {tuple(text.shape)}.")
            return text[None]
        width = layer.text_projection.linear.in_features
        if text.dim() != 2 or text.shape[0] < 1 or text.shape[1] != width:
            raise ParameterError(f"text must be words (L, {width}), L >= 1. Got shape {tuple(text.shape)}.")
        self._project, self._saliency = layer.video_projection, layer.saliency
        self._width = layer.video_projection.linear.in_features
        with torch.no_grad():
            return layer.pooling(
                layer.text_projection(text[None]), torch.ones(1, len(text), dtype=torch.bool, device=text.device)
            )

    @property
    def latency(self) -> int:
        """Clips that may have to follow a clip until it is out."""
        return (self._lookahead + 1) * self._block - 1

    @property
    def bound(self) -> float:
        """Certified |offline - streamed| of fused clips and pattern so far, in exact arithmetic."""
        return self._certified if self._certify else self.plan.bound

    @property
    def saliency_bound(self) -> float | None:
        """Certified |offline - streamed| of the saliency of the clips so far, in exact arithmetic; None for a layer.

        A cosine turns fastest where a clip is short, so no useful number is known before the clips are.
        """
        return None if self._saliency is None else self._certified_saliency

    @property
    def query(self) -> Tensor:
        """The pooled text, (1, C)."""
        return self._query

    def state_bytes(self) -> int:
        """Bytes that are kept between calls; bounded whatever the length of the video."""
        return sum(x.numel() * x.element_size() for x in (*self._pending, self._video, self._match))

    @torch.no_grad()
    def push(self, clips: Tensor) -> StreamOutput:
        """Take the next clips, return those that are finished.

        Arguments: clips (n, C), n >= 0: projected ones for a fusion layer, features for a model.
        Raises: ParameterError for another shape, for NaN or infinity (nothing is taken then), or after `flush`.
        """
        self._check(clips)
        # copied: the caller may reuse the memory
        self._pending.append(clips.to(self._like, copy=True))
        waiting = sum(len(part) for part in self._pending)
        if waiting < self._block:
            return self._join([])
        joined = torch.cat(self._pending)
        whole = waiting - waiting % self._block
        outputs = []
        for start in range(0, whole, self._block):
            self._absorb(joined[start : start + self._block])
            while self._received >= self._emitted + (self._lookahead + 1) * self._block:
                outputs.append(self._fuse(self._emitted + self._block, None))
        self._pending = [joined[whole:].clone()]
        return self._join(outputs)

    @torch.no_grad()
    def flush(self) -> StreamOutput:
        """The video is over: fuse what is left, up to its last clip, which is a reflecting end. Nothing may follow."""
        if self._closed:
            raise ParameterError("The stream was flushed already. Make a new StreamingFusion for another video.")
        self._closed = True
        rest = torch.cat(self._pending) if self._pending else self._like.new_empty(0, self._width)
        self._pending = []
        if len(rest):
            self._absorb(rest)
        outputs = []
        while self._emitted < self._received:
            outputs.append(self._fuse(min(self._emitted + self._block, self._received), self._received))
        self._video, self._match = self._video[:, :0].clone(), self._match[:, :0].clone()
        return self._join(outputs)

    def _check(self, clips: Tensor) -> None:
        if self._closed:
            raise ParameterError("The stream was flushed. Make a new StreamingFusion for another video.")
        if clips.dim() != 2 or clips.shape[1] != self._width or not clips.dtype.is_floating_point:
            raise ParameterError(
                f"clips must be floating-point of shape (n, {self._width}). Got {clips.dtype} {tuple(clips.shape)}."
            )
        bad = ~torch.isfinite(clips).all(1)
        if bool(bad.any()):
            first = self._received + sum(len(part) for part in self._pending) + int(bad.nonzero()[0])
            raise ParameterError(f"clips must be finite. Clip {first} of the stream is not; drop or repeat its frame.")

    def _absorb(self, rows: Tensor) -> None:
        """Project and match one block. Its shape never depends on the chunking, so neither do its bits."""
        video = self._project(rows[None])
        self._video = torch.cat([self._video, video], dim=1)
        self._match = torch.cat([self._match, self._fusion.match(video, self._query)], dim=1)
        self._received += len(rows)

    def _fuse(self, stop: int, total: int | None) -> StreamOutput:
        """Fuse clips `_emitted .. stop - 1`; `total`: clips of the video once it is over."""
        fusion, plan, start = self._fusion, self.plan, self._emitted
        last = self._received if total is None else total
        # contrast over radius + halo, steps over the part of it whose contrast is exact
        low, high = max(0, start - plan.reach), min(last, stop + plan.reach)
        cut_start, cut_end = start - plan.halo, stop + plan.halo
        inner_low, inner_high = max(0, cut_start), min(last, cut_end)
        match = self._match[:, low - self._first : high - self._first]
        mask = torch.ones(match.shape[:2], dtype=torch.bool, device=match.device)
        score = fusion.contrast(match, mask)[:, inner_low - low : inner_high - low]
        kept = slice(start - inner_low, stop - inner_low)
        activator, substrate = fusion.react(self._design, score, None)
        video = self._video[:, start - self._first : stop - self._first]
        clips, pattern = fusion.read(video, activator[:, kept], substrate[:, kept])
        # the largest so far, NaN counting as larger: clips too large for their type are not certified
        moved = pattern_moved = torch.full_like(pattern[0], plan.bound, dtype=torch.float64)
        if self._certify:
            ends = {"cut_start": inner_low > 0, "cut_end": total is None or inner_high < total}
            found = certify_block(fusion, self._design, score, video, kept, layer=self._range, **ends)
            self._certified = float(np.maximum(self._certified, found.largest))
            moved, pattern_moved = found.clips.norm(dim=-1), found.pattern
        saliency = None
        if self._saliency is not None:
            saliency = self._saliency(clips, self._query)[0] + pattern[0]
            change = saliency_change(self._saliency, clips[0], moved) + pattern_moved
            self._certified_saliency = float(np.maximum(self._certified_saliency, float(change.max())))
        self._emitted = stop
        oldest = max(0, stop - plan.reach)
        # a copy, so that the memory of what is dropped is freed
        self._video, self._match = (x[:, oldest - self._first :].clone() for x in (self._video, self._match))
        self._first = oldest
        return StreamOutput(start, clips[0], pattern[0], saliency)

    def _join(self, outputs: list[StreamOutput]) -> StreamOutput:
        if not outputs:
            empty = self._like.new_empty(0)
            nothing = self._like.new_empty(0, self._fusion.channels)
            return StreamOutput(self._emitted, nothing, empty, None if self._saliency is None else empty)
        saliency = [output.saliency for output in outputs if output.saliency is not None]
        return StreamOutput(
            outputs[0].start,
            torch.cat([output.clips for output in outputs]),
            torch.cat([output.pattern for output in outputs]),
            torch.cat(saliency) if saliency else None,
        )


def windowed_fusion(
    fusion: ReactionDiffusionFusion,
    video: Tensor,
    query: Tensor,
    *,
    tolerance: float = 1e-6,
    halo: int | None = None,
    block: int = 2048,
    progress: Callable[[int], object] = lambda clips: None,
) -> tuple[FusionOutput, WindowPlan]:
    """The fusion layer on one long video, in windows: beyond input and output, memory does not grow with its length.

    Arguments:
        video: projected clips, (T, C), T >= 1.  query: pooled text, (C,).
        tolerance, halo, block: as in `StreamingFusion`.
        progress: called with the number of clips that were finished.
    Returns: fused clips (T, C) and pattern (T,), and the plan with the certified bound.
    """
    stream = StreamingFusion(fusion, query, tolerance=tolerance, halo=halo, block=block)
    clips, pattern = video.new_empty(video.shape), video.new_empty(len(video))

    def keep(output: StreamOutput) -> None:
        part = slice(output.start, output.start + len(output.clips))
        clips[part], pattern[part] = output.clips, output.pattern
        progress(len(output.clips))

    for start in range(0, len(video), block):
        keep(stream.push(video[start : start + block]))
    keep(stream.flush())
    return FusionOutput(clips, pattern), stream.plan
