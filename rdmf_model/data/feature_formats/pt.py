"""PyTorch files (.pt): a tensor, or a dictionary of tensors; nothing else is ever loaded from them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from rdmf_model.data.feature_formats.base import FeatureFile, FeatureFormat, OpenFeatures, check_unpacked_size
from rdmf_theory.errors import DataError


class _Tensors(OpenFeatures):
    def __init__(self, loaded: Any, file: FeatureFile) -> None:
        self._loaded, self._file = loaded, file

    def entries(self) -> list[str]:
        return [str(name) for name in self._loaded] if isinstance(self._loaded, dict) else []

    def array(self, entry: str | None, keys: Sequence[str]) -> np.ndarray | None:
        value = self._loaded
        if entry is not None:
            value = value.get(entry) if isinstance(value, dict) else None
        if isinstance(value, dict):
            # a dictionary of one tensor leaves no doubt which is meant
            name = next((key for key in keys if key in value), next(iter(value)) if len(value) == 1 else None)
            value = value.get(name)
        return None if value is None else self._plain(value)

    def close(self) -> None:
        """Nothing is open: the tensors are in memory."""

    def _plain(self, value: Any) -> np.ndarray:
        import torch

        if not isinstance(value, torch.Tensor):
            raise DataError(
                f"{self._file.path}: must hold tensors. Got a {type(value).__name__}. Save the tensor itself."
            )
        if value.layout != torch.strided or value.is_quantized or value.is_complex():
            raise DataError(
                f"{self._file.path}: must hold a plain tensor of real numbers. Got {value.layout}, {value.dtype}."
            )
        # numpy has no bfloat16
        return (value.float() if value.dtype == torch.bfloat16 else value).contiguous().numpy()


class PtFormat(FeatureFormat):
    """`.pt`, `.pth`, read by `torch.load(weights_only=True)`, whose unpickler knows tensors and containers alone."""

    kind = "pt"
    suffixes = (".pt", ".pth")

    def open(self, file: FeatureFile) -> OpenFeatures:
        import torch

        raw: Any = file.source
        if zipfile.is_zipfile(raw if file.unpacked is None else io.BytesIO(file.unpacked)):
            with zipfile.ZipFile(file.source) as archive:
                check_unpacked_size(archive, file.path)
        try:
            loaded = torch.load(raw, map_location="cpu", weights_only=True)
        except Exception as error:
            # torch's advice, `weights_only=False`, would run the file
            reason = str(error).split("\n")[0][:120]
            raise DataError(
                f"{file.path}: is no PyTorch file of tensors alone ({reason}). Pickled objects run code and are never "
                "loaded. Save the tensor itself by torch.save(tensor, FILE), or by numpy.savez(FILE, features=array)."
            ) from None
        return _Tensors(loaded, file)
