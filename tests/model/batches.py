"""Random batches with ragged lengths, and the same batch padded further."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch.nn.functional import pad

from rdmf_model.data.batch import Batch

VIDEO_WIDTH, TEXT_WIDTH = 10, 6


def make_batch(
    lengths: Sequence[int] = (9, 14, 5),
    words: Sequence[int] = (3, 1, 4),
    windows: Sequence[Sequence[tuple[float, float]]] | None = None,
    seed: int = 0,
    clip_length: float = 2.0,
) -> Batch:
    """Normal features, zero-padded; windows in [0, 1], by default one or two per sample; no saliency annotated."""
    generator = torch.Generator().manual_seed(seed)
    size, clips, tokens = len(lengths), max(lengths), max(words)
    if windows is None:
        windows = [[(0.1, 0.45)], [(0.0, 0.2), (0.55, 0.9)], [(0.3, 1.0)]]
        windows = [windows[row % 3] for row in range(size)]
    video_lengths, text_lengths = torch.tensor(lengths), torch.tensor(words)
    clip_valid = torch.arange(clips) < video_lengths[:, None]
    word_valid = torch.arange(tokens) < text_lengths[:, None]
    centre = (torch.arange(clips) + 0.5) / video_lengths[:, None]
    relevance = torch.zeros(size, clips, dtype=torch.bool)
    for row, spans in enumerate(windows):
        for start, end in spans:
            relevance[row] |= (centre[row] >= start) & (centre[row] < end) & clip_valid[row]
    return Batch(
        video=torch.randn(size, clips, VIDEO_WIDTH, generator=generator) * clip_valid[..., None],
        video_lengths=video_lengths,
        text=torch.randn(size, tokens, TEXT_WIDTH, generator=generator) * word_valid[..., None],
        text_lengths=text_lengths,
        windows=[torch.tensor(spans, dtype=torch.float32).reshape(-1, 2) for spans in windows],
        relevance=relevance,
        saliency=torch.full((size, clips), torch.nan),
        extent=video_lengths * clip_length,
        clip_length=clip_length,
        qids=list(range(size)),
        vids=[f"video {row}" for row in range(size)],
        queries=[f"query {row}" for row in range(size)],
    )


def padded(batch: Batch, clips: int, words: int) -> Batch:
    """The same samples with `clips` and `words` more of padding."""
    return replace(
        batch,
        video=pad(batch.video, (0, 0, 0, clips)),
        text=pad(batch.text, (0, 0, 0, words)),
        relevance=pad(batch.relevance, (0, clips)),
        saliency=pad(batch.saliency, (0, clips), value=torch.nan),
    )
