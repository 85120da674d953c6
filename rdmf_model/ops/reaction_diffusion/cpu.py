"""The compiled CPU kernel as an operator of torch.library: a single node for torch.compile and torch.export.

Forward and adjoint keep one block of channels, with all its clips, in cache across all steps; memory does not grow with
the number of steps.
"""

import ctypes
from typing import Any

import torch
from torch import Tensor

from rdmf_model.ops.autograd import once_differentiable
from rdmf_model.ops.native.call import NativeCall, View
from rdmf_model.ops.native.library import library, missing
from rdmf_model.ops.signature import Signature

from .arguments import check_step_size, check_steps
from .reference import REACTION_LIMIT

__all__ = ["missing", "reaction_diffusion_cpu"]

TRACE = ("trace_tilt", "trace_gain", "trace_u_0", "trace_v_0", "trace_u_N", "trace_v_N")
_RATES = ("F", "k", "D_u", "D_v")
_VIEWS = ("u0", "v0", "gain", "u", "v", "u0_bar", "v0_bar", "gain_bar", "tilt", "tilt_bar", "video")
FORWARD = Signature(
    "reaction_diffusion",
    **dict.fromkeys(("u0", "v0", "gain"), "B T C"),
    **dict.fromkeys(_RATES, "B C"),
    lengths="? int64 B",
)
BACKWARD = FORWARD.extended(u="B T C", v="B T C")


class _Call(ctypes.Structure):
    """`Call` of ../native/steps.hpp."""

    _fields_ = (
        *((name, View) for name in _VIEWS),
        ("pattern", ctypes.c_void_p),
        ("rates", ctypes.c_void_p * 4),
        ("rate_gradients", ctypes.c_void_p * 4),
        ("drive", ctypes.c_void_p * 9),
        ("drive_gradients", ctypes.c_void_p * 9),
        ("lengths", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in ("batch", "clips", "channels", "steps")),
        *((name, ctypes.c_double) for name in ("step_size", "reaction_limit")),
        ("trace", View * 6),
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
    tensors = {"u0": u0, "v0": v0, "gain": gain, "F": F, "k": k, "D_u": D_u, "D_v": D_v, "lengths": lengths}
    call = NativeCall(FORWARD, tensors)
    u, v = call.new("u", u0.shape), call.new("v", u0.shape)
    run(call, lengths, steps, step_size)
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
    fields = {"u0": u0, "v0": v0, "gain": gain}
    rates = {"F": F, "k": k, "D_u": D_u, "D_v": D_v}
    call = NativeCall(BACKWARD, {"u": u_bar, "v": v_bar, **fields, **rates, "lengths": lengths})
    bars = tuple(call.new(f"{name}_bar", x.shape) for name, x in (fields | rates).items())
    run(call, lengths, steps, step_size, backward=True)
    return bars  # type: ignore[return-value]


def blocks(channels: int, dtype: torch.dtype) -> int:
    """How many blocks the kernel makes of the channels."""
    return -(-channels // library().rdmf_lanes(dtype == torch.float64))


def run(
    call: NativeCall,
    lengths: Tensor | None,
    steps: int,
    step_size: float = 1.0,
    *,
    backward: bool = False,
    driven: int = 0,
) -> None:
    """Run the kernel on a call's tensors, by their names in ../native/steps.hpp.

    Arguments:
        lengths: the call's, or None.  steps, step_size: as in `reaction_diffusion`.
        backward: whether it writes cotangents of the inputs.
        driven: how many of the rows in `rows` (and `row_bars`) drive it; the rest are the rates. 0: there are no rows.
    Raises: ValueError for steps, a step size or lengths out of range, or without clips.
    """
    refuse = call.signature.refuse
    check_steps(steps, call.signature)
    check_step_size(step_size, call.signature)
    batch, clips, channels = (call.sizes[axis] for axis in "BTC")
    if clips < 1:
        raise refuse(f"there must be at least one clip. Got T = {clips}: leave such videos out.")
    if lengths is not None and batch:
        low, high = (int(x) for x in lengths.aminmax())
        if low < 0 or high > clips:
            raise refuse(f"lengths must lie in [0, T] = [0, {clips}]. Got values from {low} to {high}.")
    filled = _Call(
        *(call.view(name) for name in _VIEWS),
        pattern=call.pointer("pattern"),
        lengths=call.pointer("lengths"),
        batch=batch,
        clips=clips,
        channels=channels,
        steps=steps,
        step_size=step_size,
        reaction_limit=REACTION_LIMIT[torch.float64 if call.double else torch.float32],
    )
    rows, bars = call.rows("rows"), call.rows("row_bars")
    tables = {
        "drive": rows[:driven],
        "rates": rows[driven:] or call.pointers(*_RATES),
        "drive_gradients": bars[:driven],
        "rate_gradients": bars[driven:] or call.pointers(*(f"{name}_bar" for name in _RATES)),
    }
    for table, addresses in tables.items():
        for j, address in enumerate(addresses):
            getattr(filled, table)[j] = address
    for j, name in enumerate(TRACE):
        filled.trace[j] = call.view(name)
    call.run("rdmf_run", filled, backward)


def _outputs(u0: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
    return u0.new_empty(u0.shape), u0.new_empty(u0.shape)


once_differentiable(_forward, _backward, _outputs, 7, "reaction_diffusion", cotangents=2)
