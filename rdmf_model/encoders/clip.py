"""`clip`: CLIP or SigLIP of transformers, image and text side, from a local folder or a hub id.

The pixels are scaled and normalised here, from the numbers of `preprocessor_config.json`: no torchvision is needed. A
local folder is never looked up on the hub.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from rdmf_model.encoders.base import Encoder, TextFeatures, check_text, cosines
from rdmf_model.encoders.weights import sha256_of
from rdmf_model.video.frames import Picture
from rdmf_theory.errors import DataError, ParameterError
from rdmf_theory.support.extras import install_hint

KIND = "clip_image"


def build(argument: str) -> Encoder:
    """The encoder of `clip:FOLDER` or `clip:HUB-ID`."""
    if not argument:
        raise ParameterError("clip needs a folder or a hub id, such as clip:models/clip-vit-base-patch32.")
    return ClipEncoder(argument)


class ClipEncoder(Encoder):
    """A dual encoder of images and text.

    Arguments:
        source: folder with config, weights, tokenizer and preprocessor_config.json; or a hub id.
    """

    name: ClassVar[str] = "clip"

    def __init__(self, source: str) -> None:
        self._source = source

    @cached_property
    def _local(self) -> bool:
        return Path(self._source).is_dir()

    def _load(self, kind: str) -> Any:
        try:
            import transformers
        except ImportError:
            raise ParameterError(f"the encoder clip needs transformers. {install_hint('encoders')}") from None
        transformers.logging.set_verbosity_error()
        options: dict[str, Any] = {"local_files_only": self._local, "trust_remote_code": False}
        if kind == "AutoModel":
            # safetensors alone: nothing is unpickled
            options["use_safetensors"] = True
        try:
            return getattr(transformers, kind).from_pretrained(self._source, **options)
        except Exception as error:
            # transformers raises of every kind; its first line names what is missing
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise DataError(f"{self._source}: is no CLIP or SigLIP model of transformers ({reason}).") from None

    @cached_property
    def _model(self) -> Any:
        model = self._load("AutoModel").eval()
        if not hasattr(model, "get_image_features") or not hasattr(model, "get_text_features"):
            raise DataError(
                f"{self._source}: holds {type(model).__name__}, which has no image and text side. Use CLIP."
            )
        return model

    @cached_property
    def _tokenizer(self) -> Any:
        return self._load("AutoTokenizer")

    @cached_property
    def _preparation(self) -> dict[str, Any]:
        if self._local:
            path = Path(self._source) / "preprocessor_config.json"
        else:
            from transformers.utils.hub import cached_file

            path = Path(str(cached_file(self._source, "preprocessor_config.json")))
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            size = found.get("crop_size") or found["size"]
            side = size if isinstance(size, int) else size.get("height") or size["shortest_edge"]
            mean, deviation = (np.array(found[key], dtype=np.float32) for key in ("image_mean", "image_std"))
            if mean.shape != (3,) or deviation.shape != (3,) or not (deviation > 0).all() or not 0 < side <= 4096:
                raise ValueError("image_mean, image_std or size out of range")
            # SigLIP squeezes, CLIP cuts the middle out
            fit = "crop" if found.get("do_center_crop", "crop_size" in found) else "squeeze"
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{path}: does not say how to prepare images ({error}).") from None
        return {"side": int(side), "mean": mean, "deviation": deviation, "fit": fit}

    @property
    def picture(self) -> Picture:  # type: ignore[override]
        """The size that the model was trained on."""
        return Picture(self._preparation["side"], self._preparation["side"], self._preparation["fit"])

    @cached_property
    def _width(self) -> int:
        config = self._model.config
        return int(getattr(config, "projection_dim", None) or config.vision_config.hidden_size)

    @property
    def kinds(self) -> Mapping[str, int]:
        return {KIND: self._width}

    def encode(self, clips: np.ndarray, previous: np.ndarray | None) -> dict[str, np.ndarray]:
        import torch

        pixels = (clips.astype(np.float32) / 255 - self._preparation["mean"]) / self._preparation["deviation"]
        with torch.inference_mode():
            found = self._model.get_image_features(pixel_values=torch.from_numpy(pixels).permute(0, 3, 1, 2))
        rows = _pooled(found).float().numpy()
        # of norm one: only the direction was trained
        return {KIND: rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)}

    @property
    def text_width(self) -> int:
        return self._width

    def encode_text(self, text: str) -> TextFeatures:
        """Tokens in the space of the pooled vector, and the pooled vector of norm one."""
        import torch

        model = self._model
        # SigLIP was trained on sentences of full length, padded
        padding = "max_length" if "siglip" in model.config.model_type else False
        length = model.config.text_config.max_position_embeddings
        encoded = self._tokenizer(
            check_text(text), return_tensors="pt", truncation=True, max_length=length, padding=padding
        )
        inputs = {key: encoded[key] for key in ("input_ids", "attention_mask") if key in encoded}
        with torch.inference_mode():
            hidden = model.text_model(**inputs).last_hidden_state
            project = getattr(model, "text_projection", None) or getattr(model.text_model, "head", None)
            tokens = (hidden if project is None else project(hidden))[0].float().numpy()
            pooled = _pooled(model.get_text_features(**inputs))[0].float().numpy()
        if "attention_mask" in inputs and not padding:
            tokens = tokens[inputs["attention_mask"][0].bool().numpy()]
        return TextFeatures(tokens=tokens, pooled=pooled / max(float(np.linalg.norm(pooled)), 1e-12))

    def match(self, features: Mapping[str, np.ndarray], text: TextFeatures) -> np.ndarray:
        return cosines(features[KIND], text.pooled)

    def identity(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "encoder": self.name,
            "model": self._model.config.model_type,
            "transformers": metadata.version("transformers"),
            "torch": metadata.version("torch"),
        }
        if self._local:
            files = sorted(Path(self._source).glob("*.safetensors"))
            found["weights"] = {path.name: sha256_of(path) for path in files}
        else:
            found["hub"] = self._source
            found["revision"] = getattr(self._model.config, "_commit_hash", None)
        return found


def _pooled(found: Any) -> Any:
    """The projected vectors, which transformers gives bare or as a field, by version."""
    return getattr(found, "pooler_output", found)
