"""Contrast of each clip against the valid clips around it, `(x_t - mean) / sqrt(var + floor²)`.

With W the 0/1 matrix of the windows (symmetric), n = max(W 1, 1), m = W x / n,
r = (max(W x²/n - m², 0) + floor²)^(-1/2), g the cotangent of the result, a = g r and b = -g (x - m) r³ / 2,
or 0 where the maximum cuts, the cotangent of x is

    a - W((a + 2 b m) / n) + 2 x W(b / n)

so both directions are sums over windows. The compiled kernel (`reaction_diffusion/contrast.hpp`) slides them along.
"""

import ctypes
import math

import torch
from torch import Tensor

from rdmf_model.ops.autograd import once_differentiable
from rdmf_model.ops.exporting import exporting
from rdmf_model.ops.native.call import NativeCall
from rdmf_model.ops.reaction_diffusion import _load
from rdmf_model.ops.signature import Signature, mixed_types

SIGNATURE = Signature("local_contrast", x="B T K", mask="bool B T", offset="? K")
FORWARD = Signature("local_contrast", x="B T K", mask="bool B T", offset="K")
BACKWARD = FORWARD.extended(cotangent="B T K")


def local_contrast(
    x: Tensor,
    mask: Tensor,
    radius: int,
    floor: float = 1e-2,
    offset: Tensor | None = None,
    backend: str | None = None,
) -> Tensor:
    """Standardise each clip against its surroundings: `(x_t - mean) / sqrt(var + floor²)` over valid clips in `radius`.

    Arguments:
        x: shape (B, T, G).
        mask: valid clips, bool (B, T); what lies outside is ignored and returned as 0.
        radius: clips on either side, >= 1.
        offset: added to every clip, valid or not, (G,); None: 0.
        backend: of `reaction_diffusion`; the compiled kernel runs where that one would.

    Linear in T for any radius; sums are kept in float64 so that they do not drift.
    Raises: ValueError for tensors, radius or floor that are not as above.
    """
    mixed = isinstance(x, Tensor) and mixed_types(x.device)
    SIGNATURE.check({"x": x, "mask": mask, "offset": offset}, mixed=mixed)
    _check_numbers(radius, floor)
    radius = min(radius, max(x.shape[1], 1))
    kernel = x.dtype in (torch.float32, torch.float64) and not exporting() and _load(backend, x.device.type) == "cpu"
    if kernel and (offset is None or offset.dtype == x.dtype):
        return _forward(x, x.new_zeros(x.shape[2]) if offset is None else offset, mask, radius, floor)
    contrast = local_contrast_reference(x, mask, radius, floor)
    return contrast if offset is None else contrast + offset


def _check_numbers(radius: int, floor: float) -> None:
    if not isinstance(radius, int) or isinstance(radius, bool) or radius < 1:
        raise SIGNATURE.refuse(f"radius must be an integer >= 1, clips to either side. Got {radius!r}; 75 is usual.")
    if not (math.isfinite(floor) and floor > 0):
        raise SIGNATURE.refuse(f"floor must be finite and positive. Got {floor!r}; 0.01 is usual.")


def local_contrast_reference(x: Tensor, mask: Tensor, radius: int, floor: float) -> Tensor:
    """The definition in torch, any device: window sums are differences of running sums."""
    valid = mask[:, None].double()
    # Clips last: running sums along contiguous memory.
    inside = torch.where(mask[..., None], x, torch.zeros_like(x)).transpose(1, 2).double()
    running = torch.cat([inside, inside.square(), valid], dim=1).cumsum(-1)
    ends = running.new_zeros(*running.shape[:2], radius + 1), running[..., -1:].expand(-1, -1, radius)
    running = torch.cat([ends[0], running, ends[1]], dim=-1)
    sums = running[..., 2 * radius + 1 :] - running[..., : x.shape[1]]
    total, square, count = sums.split([x.shape[-1], x.shape[-1], 1], dim=1)
    count = count.clamp(min=1.0)
    mean = total / count
    variance = (square / count - mean.square()).clamp(min=0.0)
    return ((inside - mean) * valid / (variance + floor**2).sqrt()).to(x.dtype).transpose(1, 2)


class _Call(ctypes.Structure):
    """`Contrast` of scores.hpp."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("x", "valid", "offset", "y_bar", "out", "offset_bar")),
        *((name, ctypes.c_int64) for name in ("batch", "clips", "columns", "radius")),
        ("floor", ctypes.c_double),
    )


def _run(call: NativeCall, radius: int, floor: float) -> None:
    _check_numbers(radius, floor)
    sizes = [call.sizes[axis] for axis in "BTK"]
    pointers = call.pointers("x", "mask", "offset", "cotangent", "out", "offset_bar")
    call.run("rdmf_contrast", _Call(*pointers, *sizes, min(radius, sizes[1]), floor))


@torch.library.custom_op("rdmf::local_contrast", mutates_args=(), device_types="cpu")
def _forward(x: Tensor, offset: Tensor, mask: Tensor, radius: int, floor: float) -> Tensor:
    call = NativeCall(FORWARD, {"x": x, "mask": mask, "offset": offset})
    out = call.new("out", x.shape)
    _run(call, radius, floor)
    return out


@torch.library.custom_op("rdmf::local_contrast_backward", mutates_args=(), device_types="cpu")
def _backward(
    cotangent: Tensor, x: Tensor, offset: Tensor, mask: Tensor, radius: int, floor: float
) -> tuple[Tensor, Tensor]:
    call = NativeCall(BACKWARD, {"cotangent": cotangent, "x": x, "mask": mask, "offset": offset})
    x_bar, offset_bar = call.new("out", x.shape), call.new("offset_bar", offset.shape)
    _run(call, radius, floor)
    return x_bar, offset_bar


once_differentiable(_forward, _backward, lambda x, *_: x.new_empty(x.shape), 2, "local_contrast")
