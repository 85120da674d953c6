"""The sizes of one problem."""

from __future__ import annotations

from typing import NamedTuple


class Shape(NamedTuple):
    """B videos of T clips with C channels, N steps."""

    batch: int
    clips: int
    channels: int
    steps: int
