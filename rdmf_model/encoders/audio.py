"""`audio`: log-mel statistics of the sound track, clip by clip.

Per clip: mean and standard deviation over time of the logarithmic energy in 40 mel bands, how loud it is, how much of
it is silent, and whether there is a sound track at all. A missing track gives zeros and a zero in the last channel:
missing is not silent.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib import metadata
from typing import Any, ClassVar, Literal

import numpy as np

from rdmf_model.encoders.base import Encoder
from rdmf_theory.errors import ParameterError
from rdmf_theory.support.extras import install_hint

KIND = "audio"
BANDS, WINDOW, HOP = 40, 400, 160
# 80 dB below a full-scale sine: the noise of a quiet room in a good recording
FLOOR = 1e-8
SILENCE = -6.0
WIDTH = 2 * BANDS + 3


def build(argument: str) -> Encoder:
    """The encoder of `audio`."""
    if argument:
        raise ParameterError(f"audio takes no argument. Got {argument!r}.")
    return AudioEncoder()


class AudioEncoder(Encoder):
    """Log-mel statistics at 16 kHz: windows of 25 ms every 10 ms, 40 bands from 50 Hz to 7.6 kHz."""

    name: ClassVar[str] = "audio"
    source: ClassVar[Literal["frames", "sound"]] = "sound"
    sample_rate = 16000

    @property
    def kinds(self) -> Mapping[str, int]:
        return {KIND: WIDTH}

    @cached_property
    def _bands(self) -> np.ndarray:
        """(201, 40): weight of each frequency in each band."""
        try:
            from transformers.audio_utils import mel_filter_bank
        except ImportError:
            raise ParameterError(f"the encoder audio needs transformers. {install_hint('encoders')}") from None
        bank = mel_filter_bank(WINDOW // 2 + 1, BANDS, 50.0, 7600.0, self.sample_rate, norm=None, mel_scale="htk")
        return np.asarray(bank, dtype=np.float64)

    def encode(self, clips: np.ndarray, previous: np.ndarray | None) -> dict[str, np.ndarray]:
        return {KIND: np.stack([self._statistics(clip) for clip in clips])}

    def _statistics(self, samples: np.ndarray) -> np.ndarray:
        """(83,) float32: 40 means and 40 deviations of log10 energy above the floor, in units of ten decibels; loudness
        (the same of the whole spectrum); share of silent windows; 1 for a sound track."""
        if np.isnan(samples).any():
            return np.zeros(WIDTH, dtype=np.float32)
        padded = np.pad(samples.astype(np.float64), (0, max(0, WINDOW - len(samples))))
        windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP] * np.hanning(WINDOW)
        # a sine of amplitude one has power one in its band
        power = np.abs(np.fft.rfft(windows)) ** 2 / (WINDOW / 4) ** 2
        energy = np.log10(power @ self._bands + FLOOR)
        loudness = np.log10(power.sum(1) + FLOOR)
        numbers = [
            *(energy.mean(0) - np.log10(FLOOR)),
            *energy.std(0),
            loudness.mean() - np.log10(FLOOR),
            (loudness < SILENCE).mean(),
            1.0,
        ]
        return np.array(numbers, dtype=np.float32)

    def identity(self) -> dict[str, Any]:
        return {
            "encoder": self.name,
            "sample_rate": self.sample_rate,
            "bands": BANDS,
            "window": WINDOW,
            "hop": HOP,
            "transformers": metadata.version("transformers"),
        }
