"""The interface of encoders."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from rdmf_model.video.frames import Picture
from rdmf_theory.errors import ParameterError


@dataclass(frozen=True)
class TextFeatures:
    """A sentence as features, in the layout of the text files.

    tokens: (L, C) float32, one row per token (`last_hidden_state`).  pooled: (C,) float32, the sentence
    (`pooler_output`).
    """

    tokens: np.ndarray
    pooled: np.ndarray

    def __post_init__(self) -> None:
        if self.tokens.ndim != 2 or self.pooled.shape != self.tokens.shape[1:] or not len(self.tokens):
            raise ParameterError(
                "TextFeatures.tokens must have shape (L >= 1, C) and pooled (C,). Got "
                f"{self.tokens.shape} and {self.pooled.shape}."
            )


class Encoder(ABC):
    """Clips to features of one or more kinds, and for encoders with a text side, sentences to features.

    `encode` maps what represents each clip to one row per clip and kind. It must not depend on how the clips are
    grouped into calls beyond what `previous` hands over: an interrupted extraction continues with the next group.

    source: what a clip is represented by: a frame (uint8 RGB as `picture` says) or its sound (float32 mono samples at
        `sample_rate`).
    """

    name: ClassVar[str]
    source: ClassVar[Literal["frames", "sound"]] = "frames"
    picture: Picture = Picture(224, 224)
    sample_rate: int = 16000

    @property
    @abstractmethod
    def kinds(self) -> Mapping[str, int]:
        """Kinds of features and their widths; one feature folder each."""

    @abstractmethod
    def encode(self, clips: np.ndarray, previous: np.ndarray | None) -> dict[str, np.ndarray]:
        """Features of consecutive clips.

        Arguments:
            clips: (n, height, width, 3) uint8, or (n, samples) float32.
            previous: what represents the clip before the first one, None at the start of the video.

        Returns: kind -> (n, width) float32, finite.
        """

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """What the features depend on: weights by sha256, versions, settings. Equal identities, equal features."""

    @property
    def text_width(self) -> int:
        """C of `encode_text`; 0 for an encoder without a text side."""
        return 0

    def encode_text(self, text: str) -> TextFeatures:
        """Tokens and pooled vector of a sentence. Raises ParameterError where there is no text side."""
        raise ParameterError(f"the encoder {self.name} has no text side. Use lite or clip for the query.")

    def match(self, features: Mapping[str, np.ndarray], text: TextFeatures) -> np.ndarray:
        """(T,) float32: how well each clip fits a sentence, without training. Only differences mean something.

        Arguments:
            features: kind -> (T, width), as `encode` gives them.

        Raises: ParameterError where the encoder has no space that clips and sentences share.
        """
        raise ParameterError(f"the encoder {self.name} cannot compare clips with text. Use lite or clip, or a run.")

    @property
    def content_kind(self) -> str:
        """The kind of features that tells one shot from the next: where its rows differ, the content changes."""
        return next(iter(self.kinds))


def cosines(rows: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Cosine of each row with a vector, 0 where either is 0; float32."""
    scale = np.linalg.norm(rows, axis=1) * np.linalg.norm(vector)
    return np.divide(rows @ vector, scale, out=np.zeros(len(rows), dtype=np.float32), where=scale > 0)


def check_text(text: str) -> str:
    """`text` if it holds words. Raises ParameterError otherwise."""
    if not text.strip():
        raise ParameterError("the query is empty. Describe the moment in words, such as 'a man opens a door'.")
    return text
