"""Compiled: raw numbers to designs inside a box, and designs to what they emit (`native/design.hpp`).

The definitions in torch are `rdmf_model.constraints.DesignConstraint`; the formulas are generated from the same source.
A design has five coordinates, (u_star, z, excess, wavelength, rate).
"""

import ctypes

import torch
from torch import Tensor

from rdmf_model.ops.autograd import once_differentiable
from rdmf_model.ops.exporting import exporting
from rdmf_model.ops.native.library import library
from rdmf_model.ops.reaction_diffusion import _load

# F, k, s, D_u, D_v, v_star, gain_lo, gain_hi
_EMITTED = 8


def compiled(x: Tensor, backend: str | None = None) -> bool:
    """Whether the kernels take x: float32 or float64, where the backend `cpu` of `reaction_diffusion` would run."""
    known = x.dtype in (torch.float32, torch.float64)
    return known and not exporting() and _load(backend, x.device.type) == "cpu"


def box_coordinates(raw: Tensor, lower: Tensor, upper: Tensor, limit: float) -> Tensor:
    """Designs in the box for any raw numbers (..., 5): u_star and z affine in sigmoid(raw), the others geometric.

    Arguments: lower, upper, (5,), of raw's type, lower <= upper, excess > 1; raw is cut to [-limit, limit], NaN is 0.
    """
    return _place(raw, lower, upper, limit)


def emit(coordinates: Tensor) -> Tensor:
    """(F, k, s, D_u, D_v, v_star, gain_lo, gain_hi) of designs (..., 5), shape (8, ...), computed in float64."""
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


def _run(function: str, call: type[ctypes.Structure], tensors: list[Tensor | None], *numbers: float) -> None:
    kept = [None if x is None else x.contiguous() for x in tensors]
    first = kept[0]
    assert first is not None
    filled = call(*(None if x is None else x.data_ptr() for x in kept), first.numel() // 5, *numbers)
    double = first.dtype == torch.float64
    if getattr(library(), function)(ctypes.byref(filled), double, torch.get_num_threads()):
        raise MemoryError(f"{function} found no memory for {first.numel() // 5} designs.")


@torch.library.custom_op("rdmf::box_coordinates", mutates_args=(), device_types="cpu")
def _place(raw: Tensor, lower: Tensor, upper: Tensor, limit: float) -> Tensor:
    coordinates = raw.new_empty(raw.shape)
    _run("rdmf_box", _Box, [raw, lower, upper, None, coordinates, None], limit)
    return coordinates


@torch.library.custom_op("rdmf::box_coordinates_backward", mutates_args=(), device_types="cpu")
def _place_backward(bar: Tensor, raw: Tensor, lower: Tensor, upper: Tensor, limit: float) -> Tensor:
    raw_bar = raw.new_empty(raw.shape)
    _run("rdmf_box", _Box, [raw, lower, upper, bar, None, raw_bar], limit)
    return raw_bar


@torch.library.custom_op("rdmf::emit_designs", mutates_args=(), device_types="cpu")
def _emit(coordinates: Tensor) -> Tensor:
    emitted = coordinates.new_empty(_EMITTED, *coordinates.shape[:-1])
    _run("rdmf_emit", _Emission, [coordinates, emitted, None])
    return emitted


@torch.library.custom_op("rdmf::emit_designs_backward", mutates_args=(), device_types="cpu")
def _emit_backward(bar: Tensor, coordinates: Tensor) -> Tensor:
    coordinates_bar = coordinates.new_empty(coordinates.shape)
    _run("rdmf_emit", _Emission, [coordinates, bar, coordinates_bar])
    return coordinates_bar


once_differentiable(_place, _place_backward, lambda raw, *_: raw.new_empty(raw.shape), 1, "transform")
once_differentiable(_emit, _emit_backward, lambda x: x.new_empty(_EMITTED, *x.shape[:-1]), 1, "transform")
