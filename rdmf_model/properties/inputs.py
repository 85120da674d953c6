"""Which inputs are tried? Texts, videos and states as small descriptions that print, replay and shrink.

A description holds a seed instead of numbers: it is short to read, and `tensor` builds the same numbers again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from hypothesis import strategies as st
from torch import Tensor

from rdmf_model.data.batch import Batch
from rdmf_model.properties.model_under_test import Draw, ModelUnderTest, Source

TEXT_KINDS = ("data", "constant", "sparse", "adversarial")
VIDEO_KINDS = ("data", "smooth", "constant", "spikes")
ORDINARY = (1.0, 0.1, 3.0)
# 0 gives the mean of the training texts, or zeros; 1e30 leaves float32 a few decades on the way through the projection.
EXTREME = (1.0, 0.0, 30.0, 1e-30, 1e3, 1e10, 1e30)

_LARGEST = 3e38


@dataclass(frozen=True)
class Text:
    """A text as features (words, Ct), times `scale`: "run" is one of the run's own, if at hand; "data" is normal with
    the training texts' mean and spread; "constant" and "sparse" hold `scale` everywhere or once; "adversarial"
    pushes one coordinate of one channel's design to its bound."""

    kind: str = "data"
    words: int = 1
    scale: float = 1.0
    seed: int = 0

    def tensor(self, tested: ModelUnderTest) -> Tensor:
        """The features, float32, finite."""
        generator = torch.Generator().manual_seed(self.seed)
        shape, projection = (self.words, tested.text_width), tested.model.text_projection
        match self.kind:
            case "run" if tested.embeddings:
                text = self.scale * tested.embeddings[self.seed % len(tested.embeddings)]
            case "constant":
                text = torch.full(shape, self.scale)
            case "sparse":
                text = torch.zeros(shape)
                text.view(-1)[int(torch.randint(text.numel(), (), generator=generator))] = self.scale
            case "adversarial":
                direction = _steepest(tested, int(torch.randint(1 << 30, (), generator=generator)))
                text = projection.mean + self.scale * direction.expand(shape)
            case _:
                text = projection.mean + self.scale * projection.std * torch.randn(shape, generator=generator)
        return text.clamp(-_LARGEST, _LARGEST)


def _steepest(tested: ModelUnderTest, number: int) -> Tensor:
    """The direction of text features, largest entry 1, that moves one design coordinate of one channel most."""
    text = tested.model.text_projection.mean.detach().clone().requires_grad_()
    if not tested.has_region:
        return torch.ones_like(text)
    with torch.enable_grad():
        coordinates = tested.region_layer.design(tested.query(text[None])).coordinates().flatten()
        (direction,) = torch.autograd.grad(coordinates[number % coordinates.numel()], text)
    # a head that ignores the text has no such direction: any other will do
    direction = direction if bool(direction.any()) else torch.ones_like(text)
    return (1 - 2 * (number % 2)) * direction / direction.abs().max()


@dataclass(frozen=True)
class Video:
    """A video as features (clips, Cv): "data" and "smooth" (a random walk) have the training videos' mean and spread,
    times `scale`; "constant" holds `scale`; "spikes" is zero but for every seventh clip."""

    kind: str = "data"
    clips: int = 8
    scale: float = 1.0
    seed: int = 0

    def tensor(self, tested: ModelUnderTest) -> Tensor:
        """The features, float32, finite."""
        generator = torch.Generator().manual_seed(self.seed)
        shape, projection = (self.clips, tested.video_width), tested.model.video_projection
        noise = torch.randn(shape, generator=generator)
        match self.kind:
            case "constant":
                video = torch.full(shape, self.scale)
            case "spikes":
                video = torch.zeros(shape)
                video[self.seed % 7 :: 7] = self.scale * noise[self.seed % 7 :: 7]
            case "smooth":
                walk = noise.cumsum(0) / torch.arange(1, self.clips + 1)[:, None].sqrt()
                video = projection.mean + self.scale * projection.std * walk
            case _:
                video = projection.mean + self.scale * projection.std * noise
        return video.clamp(-_LARGEST, _LARGEST)


@dataclass(frozen=True)
class Query:
    """One video with one text."""

    video: Video
    text: Text


def seeds() -> st.SearchStrategy[int]:
    """Seeds of generators."""
    return st.integers(0, 2**31 - 1)


def texts(
    tested: ModelUnderTest, kinds: Sequence[str] = TEXT_KINDS, scales: Sequence[float] = EXTREME
) -> st.SearchStrategy[Text]:
    """Texts of 1 to 12 words; where the run's own are at hand, they are tried too."""
    kinds = [*kinds, "run"] if tested.embeddings else kinds
    return st.builds(Text, st.sampled_from(kinds), st.integers(1, 12), st.sampled_from(scales), seeds())


def sources(tested: ModelUnderTest) -> st.SearchStrategy[Source]:
    """What chooses designs: texts for a model, draws from its region for an operator of one's own."""
    if tested.own_layer:
        return st.builds(Draw, st.sampled_from((1.0, 0.0, 30.0)), seeds())
    return texts(tested)


def clip_counts(tested: ModelUnderTest, least: int = 1, most: int = 96) -> st.SearchStrategy[int]:
    """Numbers of clips from `least` to the region's largest, or `most`, for the sake of time."""
    return st.integers(least, max(least, min(tested.clips[1], most)))


def region_clip_counts(tested: ModelUnderTest, spread: int = 64) -> st.SearchStrategy[int]:
    """Numbers of clips in the region's range, the `spread` smallest of them: longer videos have more modes to grow."""
    low, high = tested.clips
    return st.integers(low, min(high, low + spread))


def videos(
    tested: ModelUnderTest, kinds: Sequence[str] = VIDEO_KINDS, scales: Sequence[float] = EXTREME
) -> st.SearchStrategy[Video]:
    """Videos of any length in use."""
    return st.builds(Video, st.sampled_from(kinds), clip_counts(tested), st.sampled_from(scales), seeds())


def queries(tested: ModelUnderTest, *, ordinary: bool = False, largest: float = 1e30) -> st.SearchStrategy[Query]:
    """Videos with texts; `ordinary` ones have no two clips alike, so that no choice between proposals is a tie."""
    if ordinary:
        pair = (videos(tested, ("data", "smooth"), ORDINARY), texts(tested, ("data",), ORDINARY))
    else:
        scales = [scale for scale in EXTREME if scale <= largest]
        pair = (videos(tested, scales=scales), texts(tested, scales=scales))
    return st.builds(Query, *pair)


def make_batch(
    tested: ModelUnderTest,
    queries: Sequence[Query],
    *,
    dtype: torch.dtype = torch.float32,
    extra_clips: int = 0,
    extra_words: int = 0,
    padding: float = 0.0,
) -> Batch:
    """The queries as one batch, with `extra_clips` and `extra_words` of further padding that holds `padding`."""
    video = [query.video.tensor(tested).to(dtype) for query in queries]
    text = [query.text.tensor(tested).to(dtype) for query in queries]
    padded_video, lengths = _pad(video, extra_clips, padding)
    padded_text, words = _pad(text, extra_words, padding)
    count, clips = padded_video.shape[:2]
    return Batch(
        video=padded_video,
        video_lengths=lengths,
        text=padded_text,
        text_lengths=words,
        windows=[torch.zeros(0, 2)] * count,
        relevance=torch.zeros(count, clips, dtype=torch.bool),
        saliency=torch.full((count, clips), torch.nan),
        extent=lengths.to(dtype),
        clip_length=1.0,
        qids=list(range(count)),
        vids=[f"video {row}" for row in range(count)],
        queries=[f"query {row}" for row in range(count)],
    )


def _pad(sequences: Sequence[Tensor], extra: int, value: float) -> tuple[Tensor, Tensor]:
    """(B, longest + extra, C) and the lengths (B,)."""
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    width = sequences[0].shape[1]
    padded = sequences[0].new_full((len(sequences), int(lengths.max()) + extra, width), value)
    for row, sequence in enumerate(sequences):
        padded[row, : len(sequence)] = sequence
    return padded, lengths
