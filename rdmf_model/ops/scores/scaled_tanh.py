"""tanh(scale x), scale a number per column: one pass forward, one for both gradients (`squash.hpp`)."""

import ctypes

import torch
from torch import Tensor

from rdmf_model.ops.autograd import once_differentiable
from rdmf_model.ops.exporting import exporting
from rdmf_model.ops.native.library import library
from rdmf_model.ops.reaction_diffusion import _load


def scaled_tanh(x: Tensor, scale: Tensor, backend: str | None = None) -> Tensor:
    """tanh(scale x) for x (..., K) and scale (K,).

    backend: of `reaction_diffusion`; the compiled kernel runs where that one would.
    """
    known = x.dtype in (torch.float32, torch.float64) and scale.dtype == x.dtype
    if known and not exporting() and _load(backend, x.device.type) == "cpu":
        return _forward(x, scale)
    return torch.tanh(scale * x)


class _Call(ctypes.Structure):
    """`Squash` of scores.hpp."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("x", "scale", "y_bar", "out", "scale_bar")),
        *((name, ctypes.c_int64) for name in ("rows", "columns")),
    )


def _run(x: Tensor, scale: Tensor, y_bar: Tensor | None, out: Tensor, scale_bar: Tensor | None) -> None:
    tensors = [None if y is None else y.contiguous() for y in (x, scale, y_bar, out, scale_bar)]
    columns = len(scale)
    call = _Call(*(None if y is None else y.data_ptr() for y in tensors), x.numel() // max(columns, 1), columns)
    if library().rdmf_squash(ctypes.byref(call), x.dtype == torch.float64, torch.get_num_threads()):
        raise MemoryError(f"scaled_tanh found no memory for its sums over {x.numel()} values.")


@torch.library.custom_op("rdmf::scaled_tanh", mutates_args=(), device_types="cpu")
def _forward(x: Tensor, scale: Tensor) -> Tensor:
    y = x.new_empty(x.shape)
    _run(x, scale, None, y, None)
    return y


@torch.library.custom_op("rdmf::scaled_tanh_backward", mutates_args=(), device_types="cpu")
def _backward(y_bar: Tensor, x: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    x_bar, scale_bar = x.new_empty(x.shape), scale.new_empty(scale.shape)
    _run(x, scale, y_bar, x_bar, scale_bar)
    return x_bar, scale_bar


once_differentiable(_forward, _backward, lambda x, _: x.new_empty(x.shape), 2, "scaled_tanh")
