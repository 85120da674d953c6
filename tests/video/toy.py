"""A plug-in encoder without weights, for tests of everything around the encoders."""

from __future__ import annotations

import os
import time
from typing import ClassVar

import numpy as np

from rdmf_model.encoders.base import Encoder, TextFeatures
from rdmf_model.encoders.registry import encoder_names, register
from rdmf_model.video.frames import Picture

TOY = "toy"


class ToyEncoder(Encoder):
    """Mean colour of a frame, and how it changed since the clip before. Text: the words red, green, blue.

    The environment variable TOY_DELAY makes it slow: seconds per clip.
    """

    name: ClassVar[str] = "toy"
    picture = Picture(16, 16)
    kinds = {"toy": 6}  # noqa: RUF012
    text_width = 3

    def encode(self, clips, previous):
        time.sleep(float(os.environ.get("TOY_DELAY", "0")) * len(clips))
        means = clips.astype(np.float32).mean((1, 2)) / 255
        first = means[:1] if previous is None else previous.astype(np.float32).mean((0, 1))[None] / 255
        return {"toy": np.concatenate([means, np.diff(np.concatenate([first, means]), axis=0)], axis=1)}

    def encode_text(self, text):
        tokens = np.array([[float(word == name) for name in ("red", "green", "blue")] for word in text.lower().split()])
        return TextFeatures(tokens.astype(np.float32), tokens.sum(0).astype(np.float32))

    def match(self, features, text):
        return features["toy"][:, :3] @ text.pooled

    def identity(self):
        return {"encoder": "toy"}


if TOY not in encoder_names():
    register(TOY, lambda argument: ToyEncoder())
