"""Scores every candidate moment of a video in one table, and chooses what to answer.

Candidates are all spans of 1 to 16 clips and, for every octave above, eight widths in steps of an eighth of the octave;
they start at every clip. The table has O(T log T) entries. Its scores are the logits of a distribution over where the
moment is, so the answer can be chosen by what it is worth on average: `choose` picks, one by one, the spans that add
most expected overlap.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor, nn

# Up to this width every width is a candidate.
FINE = 16
# What an overlap is worth: nothing below 0.45, all from 0.95 on, as in the mean of recall over IoU 0.5 to 0.95.
WORTH = (0.45, 0.5)
# How many spans may be answered, and how many possible truths they are compared with.
ANSWERS, TRUTHS = 160, 480


@lru_cache(maxsize=64)
def candidate_spans(clips: int) -> Tensor:
    """Candidate spans [first, last) of a video of `clips` clips, int64, shape (P, 2)."""
    widths = list(range(1, min(FINE, clips) + 1))
    octave = FINE
    while octave < clips:
        widths += [octave + step * octave // 8 for step in range(1, 9)]
        octave *= 2
    first = torch.cat([torch.arange(clips - width + 1) for width in widths if width <= clips])
    width = torch.cat([torch.full((clips - width + 1,), width) for width in widths if width <= clips])
    return torch.stack([first, first + width], dim=1)


def interval_iou(a: Tensor, b: Tensor) -> Tensor:
    """IoU of intervals a (..., N, 2) with b (..., M, 2), shape (..., N, M)."""
    inside = torch.minimum(a[..., :, None, 1], b[..., None, :, 1]) - torch.maximum(
        a[..., :, None, 0], b[..., None, :, 0]
    )
    inside = inside.clamp(min=0)
    length = (a[..., 1] - a[..., 0])[..., :, None] + (b[..., 1] - b[..., 0])[..., None, :]
    return inside / (length - inside)


class SpanTable(nn.Module):
    """Logit of each candidate: what speaks for its first clip, its last clip, its inside, its flanks and its length.

    The mean inside and the means of the flanks (half a width to either side) are those of a few learned channels and of
    the standardised saliency; they come from cumulative sums, so an entry costs the same whatever its width.

    Arguments: channels: C of the clips.  hidden: width of the sum a logit is read from.  columns: learned channels.
    """

    def __init__(self, channels: int, hidden: int = 10, columns: int = 8, kernel_size: int = 5) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, channels, kernel_size, padding=kernel_size // 2)
        self.columns = nn.Linear(channels, 2 + columns)
        self.evidence = nn.Linear(columns + 1, 3 * hidden)
        self.shape = nn.Linear(8, hidden)
        self.out = nn.Linear(hidden, 1)

    def forward(self, clips: Tensor, saliency: Tensor, lengths: Tensor, video_mask: Tensor) -> Tensor:
        """Logits (B, P) of `candidate_spans(T)`, -1e4 for those that reach past the video.

        Arguments: clips (B, T, C); saliency (B, T); lengths (B,); video_mask (B, T).
        """
        batch, count = saliency.shape
        spans = candidate_spans(count).to(clips.device)
        first, last = spans[:, 0], spans[:, 1]
        width = (last - first).to(clips.dtype)
        mask = video_mask.to(clips.dtype)
        hidden = nn.functional.gelu(self.conv((clips * mask[..., None]).transpose(1, 2))).transpose(1, 2)
        columns = self.columns(hidden)
        number = lengths[:, None].to(clips.dtype)
        centred = (saliency - (saliency * mask).sum(1, keepdim=True) / number) * mask
        centred = centred / (centred.square().sum(1, keepdim=True) / number + 1e-2).sqrt()
        seen = self.evidence(torch.cat([centred[..., None], columns[..., 2:]], dim=-1)) * mask[..., None]
        total = nn.functional.pad(seen.cumsum(1), (0, 0, 1, 0))
        inside, before, after = total.chunk(3, dim=-1)
        flank = ((last - first) // 2).clamp(min=1)
        low, high = (first - flank).clamp(min=0), (last + flank).clamp(max=count)
        mean = (inside[:, last] - inside[:, first]) / width[:, None]
        flanks = (before[:, first] - before[:, low] + after[:, high] - after[:, last]) / flank[:, None]
        share = width / number
        shape = torch.stack(
            [
                (width.log() / 4).expand(batch, -1),
                share,
                share.square(),
                share.clamp(min=0.01).log(),
                first / number,
                last / number,
                (first == 0).to(clips.dtype).expand(batch, -1),
                (last == lengths[:, None]).to(clips.dtype),
            ],
            dim=-1,
        )
        logits = self.out(nn.functional.gelu(mean + flanks + self.shape(shape))).squeeze(-1)
        logits = logits + columns[..., 0][:, first] + columns[..., 1][:, last - 1]
        return logits.masked_fill(last > lengths[:, None], -1e4)


def coverage(logits: Tensor, clips: int) -> Tensor:
    """Probability that each clip lies in the moment, Σ_p softmax(logits)_p [t in p], (B, T) in [0, 1].

    Arguments: logits (B, P) of `candidate_spans(clips)`. O(P) by sums at the edges of the spans.
    """
    spans = candidate_spans(clips).to(logits.device)
    # in float64: differences of sums of thousands of shares
    share = torch.softmax(logits.double(), dim=1)
    edges = share.new_zeros(len(share), clips + 1)
    edges = edges.index_add(1, spans[:, 0], share).index_add(1, spans[:, 1], -share)
    return edges.cumsum(1)[:, :clips].clamp(0.0, 1.0).to(logits.dtype)


@torch.no_grad()
def choose(logits: Tensor, lengths: Tensor, clips: int, count: int) -> tuple[Tensor, Tensor]:
    """The `count` spans that together are worth most on average, best first.

    Greedy: with p the softmax of the logits and worth q(IoU) = clamp((IoU - 0.45) / 0.5, 0, 1), the next span is the
    one with the largest gain Σ_g p_g max(0, q(IoU(span, g)) - covered_g), where covered_g is what the spans chosen so
    far are worth if g is the truth. The first one maximises the expected worth, which is what R1 measures; as the
    objective is submodular, the list is within 1 - 1/e of the best.

    Arguments: logits (B, P) of `candidate_spans(clips)`; lengths (B,).
    Returns: spans [first, last) in clips (B, count, 2) and their gains (B, count), decreasing.
    """
    spans = candidate_spans(clips).to(logits.device)
    share = torch.softmax(logits.double() if logits.dtype == torch.float64 else logits.float(), dim=1)
    likely = share.argsort(dim=1, descending=True, stable=True)
    answers, truths = likely[:, :ANSWERS], likely[:, :TRUTHS]
    probability = share.gather(1, truths)
    answer, truth = spans[answers].to(share.dtype), spans[truths].to(share.dtype)
    worth = ((interval_iou(answer, truth) - WORTH[0]) / WORTH[1]).clamp(0.0, 1.0)
    covered = torch.zeros_like(probability)
    chosen, gains = [], []
    for _ in range(count):
        gain = ((worth - covered[:, None]).clamp(min=0.0) * probability[:, None]).sum(-1)
        # a tiny preference for likely spans keeps the order definite where nothing is left to gain
        best = (gain + 1e-9 * share.gather(1, answers)).argmax(1)
        rows = torch.arange(len(best), device=best.device)
        chosen.append(answer[rows, best])
        gains.append(gain[rows, best])
        covered = torch.maximum(covered, worth[rows, best])
    found = torch.minimum(torch.stack(chosen, dim=1), lengths[:, None, None].to(share.dtype))
    return found.to(logits.dtype), torch.stack(gains, dim=1).to(logits.dtype)


def span_targets(spans: Tensor, lengths: Tensor, windows: list[Tensor], temperature: float = 0.06) -> Tensor:
    """Where the moment is, as a distribution over candidates (B, P): each window gives equal mass to spans near it.

    A window's share goes to candidates by softmax(IoU / temperature) among those with more than half the best IoU; a
    query without windows has a row of zeros.

    Arguments: spans (P, 2) in clips; lengths (B,) clips; windows: B tensors (n, 2), [start, end] in [0, 1].
    """
    rows = []
    candidates = spans.to(torch.float32)
    for row, window in enumerate(windows):
        length = lengths[row].to(torch.float32)
        if len(window) == 0:
            rows.append(candidates.new_zeros(len(spans)))
            continue
        iou = interval_iou(candidates, window.to(candidates) * length) * (candidates[:, 1:] <= length)
        near = torch.softmax(iou / temperature, dim=0) * (iou > 0.5 * iou.amax(0))
        rows.append((near / near.sum(0)).mean(1))
    return torch.stack(rows)
