"""What a video answered to a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rdmf_model.evaluation.localize import Localization

ZERO_SHOT = (
    "zero-shot: no trained run was given; windows come from the encoder's text-video similarity through diffusion that "
    "stops at cuts and a reaction-diffusion selection over the whole video"
)


@dataclass(frozen=True)
class Answer:
    """Windows and curves for one sentence on one video.

    query: the sentence.  video: the file.  found: windows, saliency and pattern.  method: how, in words.
    """

    query: str
    video: Path
    found: Localization
    method: str

    @property
    def windows(self) -> list[tuple[float, float, float]]:
        """(start, end, score), seconds, best first; scores in [0, 1] compare windows of one answer, not answers."""
        return self.found.windows

    def to_dict(self) -> dict[str, Any]:
        """For `--json`, with the field's names for predictions."""
        return {"query": self.query, "vid": self.video.stem, "method": self.method, **self.found.to_dict()}
