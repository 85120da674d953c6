"""The compiled CPU kernel as an operator of torch.library: a single node for torch.compile and torch.export.

Forward and adjoint keep one block of channels, with all its clips, in cache across all steps; memory does not grow with
the number of steps.
"""

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from rdmf_model.ops.autograd import once_differentiable
from rdmf_model.ops.native.library import library, missing

from .reference import REACTION_LIMIT

__all__ = ["missing", "reaction_diffusion_cpu"]


class _View(ctypes.Structure):
    _fields_ = (("data", ctypes.c_void_p), ("batch_stride", ctypes.c_int64), ("clip_stride", ctypes.c_int64))


class _Call(ctypes.Structure):
    """`Call` of ../native/steps.hpp."""

    _fields_ = (
        *((name, _View) for name in ("u0", "v0", "gain", "u", "v", "u0_bar", "v0_bar", "gain_bar")),
        *((name, _View) for name in ("tilt", "tilt_bar", "video")),
        ("pattern", ctypes.c_void_p),
        ("rates", ctypes.c_void_p * 4),
        ("rate_gradients", ctypes.c_void_p * 4),
        ("drive", ctypes.c_void_p * 9),
        ("drive_gradients", ctypes.c_void_p * 9),
        ("lengths", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in ("batch", "clips", "channels", "steps")),
        *((name, ctypes.c_double) for name in ("step_size", "reaction_limit")),
    )


def reaction_diffusion_cpu(
    u0: Tensor,
    v0: Tensor,
    gain: Tensor,
    F: Tensor,
    k: Tensor,
    D_u: Tensor,
    D_v: Tensor,
    lengths: Tensor | None,
    steps: int,
    step_size: float,
) -> tuple[Tensor, Tensor]:
    """As `reference.reaction_diffusion_reference`, on the CPU, once differentiable, with torch.get_num_threads()."""
    return _forward(u0, v0, gain, F, k, D_u, D_v, lengths, steps, step_size)


@torch.library.custom_op("rdmf::reaction_diffusion", mutates_args=(), device_types="cpu")
def _forward(
    u0: Tensor,
    v0: Tensor,
    gain: Tensor,
    F: Tensor,
    k: Tensor,
    D_u: Tensor,
    D_v: Tensor,
    lengths: Tensor | None,
    steps: int,
    step_size: float,
) -> tuple[Tensor, Tensor]:
    u, v = u0.new_empty(u0.shape), u0.new_empty(u0.shape)
    run({"u0": u0, "v0": v0, "gain": gain, "u": u, "v": v}, {"rates": (F, k, D_u, D_v)}, lengths, steps, step_size)
    return u, v


@torch.library.custom_op("rdmf::reaction_diffusion_backward", mutates_args=(), device_types="cpu")
def _backward(
    u_bar: Tensor,
    v_bar: Tensor,
    u0: Tensor,
    v0: Tensor,
    gain: Tensor,
    F: Tensor,
    k: Tensor,
    D_u: Tensor,
    D_v: Tensor,
    lengths: Tensor | None,
    steps: int,
    step_size: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    fields = [u0.new_empty(u0.shape) for _ in range(3)]
    rates = [F.new_empty(F.shape) for _ in range(4)]
    views = {"u0": u0, "v0": v0, "gain": gain, "u": u_bar, "v": v_bar}
    views |= zip(("u0_bar", "v0_bar", "gain_bar"), fields, strict=True)
    run(views, {"rates": (F, k, D_u, D_v), "rate_gradients": rates}, lengths, steps, step_size)
    return (*fields, *rates)  # type: ignore[return-value]


def blocks(channels: int, dtype: torch.dtype) -> int:
    """How many blocks the kernel makes of the channels."""
    return -(-channels // library().rdmf_lanes(dtype == torch.float64))


def run(
    views: dict[str, Tensor],
    rows: Mapping[str, Sequence[Tensor] | Tensor],
    lengths: Tensor | None,
    steps: int,
    step_size: float,
    pattern: Tensor | None = None,
) -> None:
    """One call of the kernel: `views` (B, T, C), `rows` of (B, C) and `pattern` by their names in ../native/steps.hpp;
    backward iff a cotangent of an input is among the views."""
    batch, clips, channels = views["u"].shape
    dtype = views["u"].dtype
    call = _Call(
        batch=batch,
        clips=clips,
        channels=channels,
        steps=steps,
        step_size=step_size,
        reaction_limit=REACTION_LIMIT[dtype],
    )
    alive: list[Tensor] = []  # contiguous copies must outlive the call
    for name, x in views.items():
        x = x if x.stride(2) == 1 or channels == 1 else x.contiguous()
        alive.append(x)
        setattr(call, name, _View(x.data_ptr(), x.stride(0), x.stride(1)))
    for name, tensors in rows.items():
        for j, x in enumerate(tensors):
            alive.append(x.contiguous())
            getattr(call, name)[j] = alive[-1].data_ptr()
    if pattern is not None:
        alive.append(pattern.contiguous())
        call.pattern = alive[-1].data_ptr()
    if lengths is not None:
        alive.append(lengths.contiguous())
        call.lengths = alive[-1].data_ptr()
    backward = "u0_bar" in views or "tilt_bar" in views
    if library().rdmf_run(ctypes.byref(call), dtype == torch.float64, backward, torch.get_num_threads()):
        raise MemoryError(f"reaction_diffusion found no memory for its scratch space at T = {clips}, N = {steps}.")


def _outputs(u0: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
    return u0.new_empty(u0.shape), u0.new_empty(u0.shape)


once_differentiable(_forward, _backward, _outputs, 7, "reaction_diffusion", cotangents=2)
