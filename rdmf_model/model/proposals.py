"""Where do the moment queries come from? From the runs of a pattern above its levels.

A pattern (B, T), or a saliency curve, is cut at several levels between its smallest and largest value. Every maximal
run of clips above a level is a candidate moment, and so is the span that each clip votes for; they are ranked by how
far they rise above what surrounds them and thinned by non-maximum suppression. Selection has no gradient: the decoder
that refines the spans does.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rdmf_model.ops.exporting import exporting

LEVELS = 8


def runs_above(curve: Tensor, valid: Tensor, level: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Maximal runs of valid clips with `curve >= level`.

    Arguments:
        curve: shape (B, T).
        valid: bool, shape (B, T).
        level: shape (B, K), the levels to cut at.

    Returns: `is_start` (B, K, T) bool; `first` and `last` (B, K, T) int64, for each clip of a run the run's first clip
        and one past its last, meaningless outside runs.
    """
    above = (curve[:, None, :] >= level[:, :, None]) & valid[:, None, :]
    index = torch.arange(curve.shape[1], device=curve.device).expand_as(above)
    before = torch.nn.functional.pad(above[..., :-1], (1, 0))
    after = torch.nn.functional.pad(above[..., 1:], (0, 1))
    is_start, is_end = above & ~before, above & ~after
    first = running_maximum(torch.where(is_start, index, -1))
    clips = curve.shape[1]
    last = 1 - running_maximum(torch.where(is_end, -index, -clips).flip(-1)).flip(-1)
    return is_start, first, last


def running_maximum(x: Tensor) -> Tensor:
    """Largest of all entries up to each along the last axis, shape of `x`."""
    if not exporting():
        return x.cummax(-1).values
    # cummax has no counterpart in ONNX, a scan has
    from torch._higher_order_ops.scan import scan

    def larger(so_far: Tensor, entry: Tensor) -> tuple[Tensor, Tensor]:
        largest = torch.maximum(so_far, entry)
        return largest, largest.clone()

    rows = x.movedim(-1, 0)
    return scan(larger, rows[0].clone(), rows)[1].movedim(0, -1)


def run_contrast(curve: Tensor, lengths: Tensor, first: Tensor, last: Tensor) -> Tensor:
    """Mean of the curve inside [first, last) minus its mean on flanks of the same length, shape of `first`.

    Flanks are cut at the ends of the video; a run that fills the whole video is compared with nothing and scores 0.
    """
    total = torch.nn.functional.pad(curve.cumsum(-1), (1, 0))

    def sum_between(low: Tensor, high: Tensor) -> Tensor:
        flat = total.gather(1, high.flatten(1)) - total.gather(1, low.flatten(1))
        return flat.view_as(low)

    width = last - first
    outer_low = (first - width).clamp(min=0)
    outer_high = torch.minimum(last + width, lengths.view(-1, *[1] * (first.dim() - 1)))
    inside = sum_between(first, last)
    flanks = sum_between(outer_low, outer_high) - inside
    flank_width = (outer_high - outer_low - width).clamp(min=0)
    contrast = inside / width.clamp(min=1) - flanks / flank_width.clamp(min=1)
    return torch.where(flank_width > 0, contrast, torch.zeros_like(contrast))


@torch.no_grad()
def propose_spans(
    curve: Tensor, lengths: Tensor, count: int, votes: Tensor | None = None, levels: int = LEVELS, overlap: float = 0.7
) -> Tensor:
    """The `count` best candidates of each curve as spans (centre, width) in [0, 1], shape (B, count, 2).

    Arguments:
        curve: pattern or saliency, shape (B, T); clips past `lengths` are ignored, whatever they hold.
        lengths: valid clips, shape (B,), >= 1.
        count: number of spans, >= 1.
        votes: further candidates, [start, end] in [0, 1] of the span each clip claims, shape (B, T, 2).
        levels: how many levels between the curve's minimum and maximum.
        overlap: a candidate whose IoU with a better one exceeds this is dropped, in (0, 1).

    Where a curve has fewer distinct candidates than `count`, the remaining spans are the whole video.
    """
    clips = curve.shape[1]
    valid = torch.arange(clips, device=curve.device) < lengths[:, None]
    curve = torch.where(valid, curve, torch.zeros_like(curve))
    # half precision is widened, float64 stays
    curve = curve if curve.dtype == torch.float64 else curve.float()
    low = curve.masked_fill(~valid, torch.inf).amin(1, keepdim=True)
    high = curve.masked_fill(~valid, -torch.inf).amax(1, keepdim=True)
    fraction = (torch.arange(levels, device=curve.device, dtype=curve.dtype) + 0.5) / levels
    is_start, first, last = runs_above(curve, valid, low + (high - low) * fraction)
    candidate, first, last = is_start.flatten(1), first.flatten(1), last.flatten(1)
    if votes is not None:
        edges = (votes * lengths[:, None, None]).round().long()
        begin = torch.minimum(edges[..., 0], lengths[:, None] - 1)
        candidate = torch.cat([candidate, valid], 1)
        first = torch.cat([first, begin], 1)
        last = torch.cat([last, torch.maximum(edges[..., 1], begin + 1)], 1)
    first, last = torch.where(candidate, first, 0), torch.where(candidate, last, 0)
    score = run_contrast(curve, lengths, first, last).masked_fill(~candidate, -torch.inf)
    return best_spans(score, first.to(curve.dtype), last.to(curve.dtype), lengths.to(curve.dtype), count, overlap)


def best_spans(score: Tensor, first: Tensor, last: Tensor, extent: Tensor, count: int, overlap: float) -> Tensor:
    """Greedy non-maximum suppression of scored intervals [first, last).

    Arguments:
        score: shape (B, N); -inf marks what is no candidate.
        first, last: in clips, shape (B, N) each.
        extent: valid clips, shape (B,).
        count, overlap: as in `propose_spans`.

    Returns: (centre, width) in [0, 1], best first, shape (B, count, 2); the whole video where candidates run out.
    """
    spans = torch.empty(score.shape[0], count, 2, dtype=first.dtype, device=first.device)
    for slot in range(count):
        best_score, best = score.max(1, keepdim=True)
        exhausted = best_score.isinf()
        chosen_first = torch.where(exhausted, torch.zeros_like(best_score), first.gather(1, best))
        chosen_last = torch.where(exhausted, extent[:, None], last.gather(1, best))
        spans[:, slot, 0] = ((chosen_first + chosen_last) / 2).squeeze(1) / extent
        spans[:, slot, 1] = (chosen_last - chosen_first).squeeze(1) / extent
        intersection = (torch.minimum(last, chosen_last) - torch.maximum(first, chosen_first)).clamp(min=0)
        union = (last - first) + (chosen_last - chosen_first) - intersection
        score = score.masked_fill(intersection > overlap * union, -torch.inf).scatter(1, best, -torch.inf)
    return spans
