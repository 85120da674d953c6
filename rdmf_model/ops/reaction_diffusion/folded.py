"""Tridiagonal solves for many lanes in eager torch, from both ends of the clip axis at once.

Python pays per call, not per number, so the clip axis is folded in the middle: row j holds clips j and T' - 1 - j, with
T' = T, or T + 1 with one padded clip if T is odd. Both halves are eliminated inwards together, which halves the number
of calls, and meet in a 2 x 2 system. Shapes: (m, 2, B, C) with m = T' / 2. README.md derives the recurrences.
"""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True)
class FoldedAxis:
    """The clip axis of one call: how to fold it and which folded clips and edges are valid (None: all of them)."""

    clips: int
    valid: Tensor | None
    coupled: Tensor | None

    @classmethod
    def of(cls, like: Tensor, lengths: Tensor | None) -> Self:
        """For fields of shape (B, T, C) like `like`. Masks are (m, 2, B, 1); `coupled` is that of the edge inwards."""
        batch, clips, _ = like.shape
        half = (clips + 1) // 2
        if lengths is None and clips % 2 == 0:
            return cls(clips, None, None)
        end = torch.full((batch,), clips, device=like.device) if lengths is None else lengths
        left = torch.arange(half, device=like.device)
        right = 2 * half - 1 - left
        first_of_edge = torch.stack((left, right - 1), dim=1)[:, :, None, None]  # its second clip is one further on
        clip = torch.stack((left, right), dim=1)[:, :, None, None]
        return cls(clips, clip < end[:, None], first_of_edge + 1 < end[:, None])

    def fold(self, field: Tensor) -> Tensor:
        """(B, T, C) to (m, 2, B, C), 0 in the padding whatever stood there."""
        batch, clips, channels = field.shape
        half = (clips + 1) // 2
        folded = field.new_zeros(half, 2, batch, channels)
        by_clip = field.transpose(0, 1)
        folded[:, 0] = by_clip[:half]
        folded[2 * half - clips :, 1] = by_clip[half:].flip(0)
        return folded if self.valid is None else torch.where(self.valid, folded, 0.0)

    def unfold(self, folded: Tensor) -> Tensor:
        """(m, 2, B, C) to (B, T, C)."""
        by_clip = torch.cat((folded[:, 0], folded[:, 1].flip(0)))[: self.clips]
        return by_clip.transpose(0, 1).contiguous()

    def coupling(self, weight: Tensor) -> Tensor:
        """Coupling (m, 2, B, C) of the edges, `weight` (B, C) where both clips are valid and 0 elsewhere."""
        shape = ((self.clips + 1) // 2, 2, *weight.shape)
        return weight.expand(shape) if self.coupled is None else torch.where(self.coupled, weight, 0.0)

    def inside(self, rate: Tensor) -> Tensor:
        """`rate` (B, C) at valid clips and 0 in the padding, broadcastable to (m, 2, B, C)."""
        return rate if self.valid is None else torch.where(self.valid, rate, 0.0)

    def edge_product(self, x: Tensor, y: Tensor) -> Tensor:
        """x^T L y summed over clips, shape (B, C): the sum over valid edges of the product of both differences."""
        products = (x[1:] - x[:-1]) * (y[1:] - y[:-1])
        middle = (x[-1, 0] - x[-1, 1]) * (y[-1, 0] - y[-1, 1])
        if self.coupled is not None:
            products = torch.where(self.coupled[:-1], products, 0.0)
            middle = torch.where(self.coupled[-1, 0], middle, 0.0)
        return products.sum((0, 1)) + middle


@dataclass(frozen=True)
class Factors:
    """Elimination of diag(a) + L_e: `ratio` c = e / p inwards and `scale` 1 / p, the middle row's pivot at the end."""

    ratio: Tensor
    scale: Tensor

    @classmethod
    def of(cls, row_sum: Tensor, coupling: Tensor) -> Self:
        """Eliminates; `row_sum` a (m, 2, B, C), > 0, is overwritten; `coupling` e (m, 2, B, C), >= 0."""
        ratio = torch.empty_like(row_sum)
        pivot = torch.empty_like(row_sum[0])
        a, e, c = row_sum.unbind(0), coupling.unbind(0), ratio.unbind(0)
        for j in range(len(a) - 1):
            torch.add(a[j], e[j], out=pivot)
            torch.div(e[j], pivot, out=c[j])
            a[j + 1].addcmul_(c[j], a[j])
        torch.div(e[-1], a[-1] + e[-1], out=c[-1])
        a[-1].add_((c[-1] * a[-1]).flip(0))
        row_sum[:-1].add_(coupling[:-1])
        return cls(ratio, row_sum.reciprocal_())

    def solve(self, right: Tensor) -> Tensor:
        """Overwrites `right` (m, 2, B, C) with the solution and returns it."""
        c, y = self.ratio.unbind(0), right.unbind(0)
        for j in range(len(y) - 1):
            y[j + 1].addcmul_(c[j], y[j])
        y[-1].add_((c[-1] * y[-1]).flip(0))
        right.mul_(self.scale)
        for j in reversed(range(len(y) - 1)):
            y[j].addcmul_(c[j], y[j + 1])
        return right
