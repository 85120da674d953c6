"""A condition with its margin, and the verdict of a decision."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Condition:
    """A named condition: whether it holds, and a dimensionless margin, positive inside, None where it is undefined.

    On arrays both are arrays (the margin NaN where it is undefined).
    """

    holds: Any
    margin: Any

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready `{"holds": ..., "margin": ...}`."""
        return {"holds": self.holds, "margin": self.margin}


class Verdict(enum.Enum):
    """Outcome of a proof attempt; the value is the explanation. Undecided is an answer, neither an error nor "no"."""

    CERTIFIED = "proved for every point, rounding included"
    REFUTED = "false: the witness is a rational counter-example"
    UNDECIDED = "neither proved nor refuted: split the box, move it from the boundary or allow more leaves"
