"""tanh(scale x), scale a number per column: one pass forward, one for both gradients (`squash.hpp`)."""

import ctypes

import torch
from torch import Tensor

from rdmf_model.ops.autograd import once_differentiable
from rdmf_model.ops.exporting import exporting
from rdmf_model.ops.native.call import NativeCall
from rdmf_model.ops.reaction_diffusion import _load
from rdmf_model.ops.signature import Signature, mixed_types

SIGNATURE = Signature("scaled_tanh", x="... K", scale="K")
BACKWARD = SIGNATURE.extended(y_bar="... K")


def scaled_tanh(x: Tensor, scale: Tensor, backend: str | None = None) -> Tensor:
    """tanh(scale x) for x (..., K) and scale (K,).

    backend: of `reaction_diffusion`; the compiled kernel runs where that one would.
    Raises: ValueError for tensors of other shapes or types.
    """
    SIGNATURE.check({"x": x, "scale": scale}, mixed=isinstance(x, Tensor) and mixed_types(x.device))
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


def _run(call: NativeCall, x: Tensor) -> None:
    columns = call.sizes["K"]
    pointers = call.pointers("x", "scale", "y_bar", "out", "scale_bar")
    call.run("rdmf_squash", _Call(*pointers, x.numel() // max(columns, 1), columns))


@torch.library.custom_op("rdmf::scaled_tanh", mutates_args=(), device_types="cpu")
def _forward(x: Tensor, scale: Tensor) -> Tensor:
    call = NativeCall(SIGNATURE, {"x": x, "scale": scale})
    y = call.new("out", x.shape)
    _run(call, x)
    return y


@torch.library.custom_op("rdmf::scaled_tanh_backward", mutates_args=(), device_types="cpu")
def _backward(y_bar: Tensor, x: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    call = NativeCall(BACKWARD, {"y_bar": y_bar, "x": x, "scale": scale})
    x_bar, scale_bar = call.new("out", x.shape), call.new("scale_bar", scale.shape)
    _run(call, x)
    return x_bar, scale_bar


once_differentiable(_forward, _backward, lambda x, _: x.new_empty(x.shape), 2, "scaled_tanh")
