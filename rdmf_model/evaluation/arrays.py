"""Ragged arrays and percentages that the metrics share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def padded(rows: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """N arrays (n, k) → (N, most, k) zero-padded and (N, most) bool, True on what was there."""
    padded = np.zeros((len(rows), max(map(len, rows)), rows[0].shape[1]))
    real = np.zeros(padded.shape[:2], dtype=bool)
    for index, row in enumerate(rows):
        padded[index, : len(row)] = row
        real[index, : len(row)] = True
    return padded, real


def percent(share: float) -> float:
    # through the decimal text, as the reference; round() differs in some ties
    return float(f"{100 * share:.2f}")
