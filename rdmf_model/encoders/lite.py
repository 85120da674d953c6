"""`lite`: the offline default. An ImageNet network and a sentence encoder, aligned without paired training.

EfficientNet-Lite0 gives each frame 1280 channels and the probabilities p of 1000 classes; MiniLM gives each class name
a vector s_c, of mean m. The row sum_c sqrt(p_c) (s_c - m) lies in the space of the sentence vectors: its cosine with a
query minus m says how well the clip fits, although no pair of video and text was ever trained on. The square root
listens to the second and third guess (it is the Hellinger embedding of p); the mean is what all class names share.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from rdmf_model.encoders import look, minilm
from rdmf_model.encoders.base import Encoder, TextFeatures, cosines
from rdmf_model.encoders.class_names import class_names, class_vectors
from rdmf_model.encoders.efficientnet import SIZE, WIDTH, EfficientNet
from rdmf_model.encoders.minilm import MiniLM
from rdmf_model.encoders.weights import sha256_of
from rdmf_model.video.frames import Picture


class LiteEncoder(Encoder):
    """EfficientNet-Lite0 + class names through MiniLM + colour histogram and frame difference.

    Arguments:
        image: other weights of EfficientNet-Lite0 (.pth); None: the registry package's, pinned.
        text: another MiniLM folder; None: the registry package's, pinned.
        names: another JSON list of the class names; None: the registry package's, pinned.
    """

    name: ClassVar[str] = "lite"
    picture = Picture(SIZE, SIZE)

    def __init__(self, image: Path | None = None, text: Path | None = None, names: Path | None = None) -> None:
        self._image_path, self._text_path, self._names_path = image, text, names

    @cached_property
    def _image(self) -> EfficientNet:
        return EfficientNet(self._image_path)

    @cached_property
    def _text(self) -> MiniLM:
        return MiniLM(self._text_path)

    @cached_property
    def _names(self) -> list[str]:
        return class_names(self._names_path)

    @cached_property
    def _vectors(self) -> np.ndarray:
        return class_vectors(self._text, self._names)

    @cached_property
    def _centred(self) -> np.ndarray:
        return self._vectors - self._vectors.mean(0)

    @property
    def kinds(self) -> Mapping[str, int]:
        return {"lite_image": WIDTH, "lite_aligned": minilm.WIDTH, "lite_look": look.WIDTH}

    def encode(self, clips: np.ndarray, previous: np.ndarray | None) -> dict[str, np.ndarray]:
        embedding, probabilities = self._image(clips)
        # row by row: the rounding of a matrix product may depend on the number of rows
        aligned = np.stack([row @ self._centred for row in np.sqrt(probabilities)])
        return {"lite_image": embedding, "lite_aligned": aligned, "lite_look": look.look(clips, previous)}

    def encode_text(self, text: str) -> TextFeatures:
        return self._text.encode(text)

    @property
    def text_width(self) -> int:
        return minilm.WIDTH

    def match(self, features: Mapping[str, np.ndarray], text: TextFeatures) -> np.ndarray:
        return cosines(features["lite_aligned"], text.pooled - self._vectors.mean(0))

    def identity(self) -> dict[str, Any]:
        return {
            "encoder": self.name,
            "image_weights": sha256_of(self._image.path),
            "text": self._text.identity(),
            "class_names": hashlib.sha256(json.dumps(self._names).encode()).hexdigest(),
            "onnxruntime": metadata.version("onnxruntime"),
        }
