"""Do any of a million random texts leave the region? Pushed through the model's text side and its constraint in chunks.

A sample instead of a search: no shrinking, no favourites. A text counts as inside only where the float32 design of
every channel lies in the box, and the parameters emitted for it, checked alone in float64, are v-rich, damped, fed and
Turing-unstable.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from rdmf_model.constraints.base import Design
from rdmf_model.properties import ModelUnderTest
from rdmf_theory.errors import ParameterError

CHUNK = 256
WORDS = 2
SCALES = (1.0, 0.1, 3.0, 30.0, 1e3, 1e10, 1e30)
"""Texts are the training texts' mean plus normal numbers of their spread, times one of these."""


@dataclass(frozen=True)
class RandomTextsResult:
    """How many random texts were tried, how many had a channel outside, and the least margin met."""

    texts: int
    designs: int
    outside: int
    worst: float
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether none left the region."""
        return self.outside == 0

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {**asdict(self), "verdict": "holds" if self.holds else "violated"}


def stability_margin(design: Design) -> Tensor:
    """Least relative margin of v_rich, damped, fed and turing, from the emitted parameters alone."""
    F, k, s, D_u, D_v = (x.double() for x in (design.F, design.k, design.s, design.D_u, design.D_v))
    w = F + k
    square = 1 - 4 * w * w / (s * F)
    root = square.clamp(min=0).sqrt()
    u = (1 - root) / 2
    z = F / (w * u)
    # (sqrt(1 - 2u) + sqrt(2 - 2u))^2 with 1 - 2u = root
    threshold = z * (root.sqrt() + (1 + root).sqrt()).square()
    margins = (square, z - 1, k / w, D_u / (D_v * threshold) - 1)
    least = margins[0]
    for margin in margins[1:]:
        least = torch.minimum(least, margin)
    return least


@torch.no_grad()
def push_texts(
    tested: ModelUnderTest, texts: int, seed: int = 0, progress: Callable[[int], None] | None = None
) -> RandomTextsResult:
    """Send random texts through the model's text side and its constraint.

    Arguments:
        texts: how many, >= 1.  seed: of the random numbers.
        progress: called with the number of texts of each finished chunk.
    Raises: ParameterError for a number out of range, or a model without the layer.
    """
    if texts < 1:
        raise ParameterError(f"texts must be >= 1. Got {texts}; leave --texts out for none.")
    layer, projection = tested.region_layer, tested.model.text_projection
    region = layer.constraint.region
    lower, upper = (torch.tensor(bound, dtype=torch.float64) for bound in (region.lower, region.upper))
    # the box in float32: comparing there is exact once its ends are rounded inward
    low, high = (x.float() for x in (lower, upper))
    low = torch.where(low.double() < lower, torch.nextafter(low, torch.full_like(low, torch.inf)), low)
    high = torch.where(high.double() > upper, torch.nextafter(high, torch.full_like(high, -torch.inf)), high)
    generator = torch.Generator().manual_seed(seed)
    scales = torch.tensor(SCALES)
    done, outside, designs, worst = 0, 0, 0, torch.tensor(torch.inf, dtype=torch.float64)
    started = time.perf_counter()
    while done < texts:
        count = min(CHUNK, texts - done)
        noise = torch.randn(count, WORDS, tested.text_width, generator=generator)
        scale = scales[torch.randint(len(scales), (count, 1, 1), generator=generator)]
        text = (projection.mean + projection.std * scale * noise).clamp(-3e38, 3e38)
        query = tested.model.pooling(projection(text), torch.ones(count, WORDS, dtype=torch.bool))
        design = layer.design(query)
        coordinates = design.coordinates()
        inside = ((coordinates >= low) & (coordinates <= high)).all(-1)
        margin = stability_margin(design)
        # NaN is outside
        outside += int((~(inside & (margin > 0)).all(-1)).sum())
        worst = torch.minimum(worst, margin.amin())
        designs += margin.numel()
        done += count
        if progress is not None:
            progress(count)
    return RandomTextsResult(texts, designs, outside, float(worst), time.perf_counter() - started)
