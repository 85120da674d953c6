"""Compiled: raw numbers to designs inside a box, and designs to what they emit (`native/design.hpp`).

The definitions in torch are `rdmf_model.constraints.constraint.DesignConstraint`; the formulas are generated from the
same source. A design has five coordinates, (u_star, z, excess, wavelength, rate).
"""

import ctypes
import math

import torch
from torch import Tensor

from rdmf_model.ops.autograd import once_differentiable
from rdmf_model.ops.exporting import exporting
from rdmf_model.ops.native.call import NativeCall
from rdmf_model.ops.reaction_diffusion import _load
from rdmf_model.ops.signature import Signature

# F, k, s, D_u, D_v, v_star, gain_lo, gain_hi
_EMITTED = 8

BOX = Signature("box_coordinates", raw="... 5", lower="5", upper="5")
EMIT = Signature("emit_designs", coordinates="... 5")
_BOX_BACKWARD = BOX.extended(bar="... 5")
_EMIT_BACKWARD = Signature("emit_designs", bar=f"{_EMITTED} ...", coordinates="... 5")


def compiled(x: Tensor, backend: str | None = None) -> bool:
    """Whether the kernels take x: float32 or float64, where the backend `cpu` of `reaction_diffusion` would run."""
    known = x.dtype in (torch.float32, torch.float64)
    return known and not exporting() and _load(backend, x.device.type) == "cpu"


def box_coordinates(raw: Tensor, lower: Tensor, upper: Tensor, limit: float) -> Tensor:
    """Designs in the box for any raw numbers (..., 5): u_star and z affine in sigmoid(raw), the others geometric.

    Arguments: lower, upper, (5,), of raw's type, lower <= upper, excess > 1; raw is cut to [-limit, limit], NaN is 0.
    """
    BOX.check({"raw": raw, "lower": lower, "upper": upper})
    _check_limit(limit)
    return _place(raw, lower, upper, limit)


def _check_limit(limit: float) -> None:
    if not (math.isfinite(limit) and limit > 0):
        raise BOX.refuse(f"limit must be finite and positive. Got {limit!r}; 88.0 is usual.")


def emit(coordinates: Tensor) -> Tensor:
    """(F, k, s, D_u, D_v, v_star, gain_lo, gain_hi) of designs (..., 5), shape (8, ...), computed in float64."""
    EMIT.check({"coordinates": coordinates})
    return _emit(coordinates)


class _Box(ctypes.Structure):
    """`Box` of native/scores.hpp."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("raw", "lower", "upper", "coordinates_bar", "coordinates", "raw_bar")),
        ("designs", ctypes.c_int64),
        ("limit", ctypes.c_double),
    )


class _Emission(ctypes.Structure):
    """`Emission` of native/scores.hpp."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("coordinates", "emitted", "coordinates_bar")),
        ("designs", ctypes.c_int64),
    )


def _box(call: NativeCall, raw: Tensor, limit: float) -> None:
    _check_limit(limit)
    pointers = call.pointers("raw", "lower", "upper", "bar", "coordinates", "raw_bar")
    call.run("rdmf_box", _Box(*pointers, raw.numel() // 5, limit))


@torch.library.custom_op("rdmf::box_coordinates", mutates_args=(), device_types="cpu")
def _place(raw: Tensor, lower: Tensor, upper: Tensor, limit: float) -> Tensor:
    call = NativeCall(BOX, {"raw": raw, "lower": lower, "upper": upper})
    coordinates = call.new("coordinates", raw.shape)
    _box(call, raw, limit)
    return coordinates


@torch.library.custom_op("rdmf::box_coordinates_backward", mutates_args=(), device_types="cpu")
def _place_backward(bar: Tensor, raw: Tensor, lower: Tensor, upper: Tensor, limit: float) -> Tensor:
    call = NativeCall(_BOX_BACKWARD, {"bar": bar, "raw": raw, "lower": lower, "upper": upper})
    raw_bar = call.new("raw_bar", raw.shape)
    _box(call, raw, limit)
    return raw_bar


@torch.library.custom_op("rdmf::emit_designs", mutates_args=(), device_types="cpu")
def _emit(coordinates: Tensor) -> Tensor:
    call = NativeCall(EMIT, {"coordinates": coordinates})
    emitted = call.new("emitted", (_EMITTED, *coordinates.shape[:-1]))
    pointers = call.pointers("coordinates", "emitted", "coordinates_bar")
    call.run("rdmf_emit", _Emission(*pointers, coordinates.numel() // 5))
    return emitted


@torch.library.custom_op("rdmf::emit_designs_backward", mutates_args=(), device_types="cpu")
def _emit_backward(bar: Tensor, coordinates: Tensor) -> Tensor:
    call = NativeCall(_EMIT_BACKWARD, {"bar": bar, "coordinates": coordinates})
    coordinates_bar = call.new("coordinates_bar", coordinates.shape)
    pointers = call.pointers("coordinates", "bar", "coordinates_bar")
    call.run("rdmf_emit", _Emission(*pointers, coordinates.numel() // 5))
    return coordinates_bar


once_differentiable(_place, _place_backward, lambda raw, *_: raw.new_empty(raw.shape), 1, "transform")
once_differentiable(_emit, _emit_backward, lambda x: x.new_empty(_EMITTED, *x.shape[:-1]), 1, "transform")
