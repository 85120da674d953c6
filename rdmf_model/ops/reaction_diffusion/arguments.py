"""What `reaction_diffusion` accepts: dtypes, shapes and lengths, refused with the rule, the value and the remedy."""

import math
from typing import Any

import torch
from torch import Tensor

from rdmf_model.ops.signature import Signature

SIGNATURE = Signature("reaction_diffusion")


def check_steps(steps: Any, signature: Signature = SIGNATURE) -> None:
    """ValueError unless N is an integer >= 0."""
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 0:
        raise signature.refuse(f"steps must be an integer >= 0. Got {steps!r}; 12 is usual.")


def check_step_size(step_size: Any, signature: Signature = SIGNATURE) -> None:
    """ValueError unless h is finite and positive."""
    if not isinstance(step_size, int | float) or not (math.isfinite(step_size) and step_size > 0):
        raise signature.refuse(f"step_size must be finite and positive. Got {step_size!r}; 1.0 is usual.")


def common_dtype(tensors: dict[str, Tensor]) -> torch.dtype:
    """Promoted dtype of all tensors that are not single numbers; ValueError if one is not floating-point."""
    dtype = None
    device = next((x.device for x in tensors.values() if isinstance(x, Tensor)), None)
    for name, x in tensors.items():
        if not isinstance(x, Tensor):
            got = "None" if x is None else type(x).__name__
            raise ValueError(f"{name} must be a floating-point tensor. Got {got}: pass one.")
        if x.layout != torch.strided:
            raise ValueError(f"{name} must be a dense tensor. Got {x.layout}: convert it with .to_dense().")
        if x.ndim and x.device != device:
            raise ValueError(f"{name} must be where the others are, {device}. Got {x.device}: move it with .to.")
        if not x.is_floating_point():
            raise ValueError(f"{name} must be a floating-point tensor. Got {x.dtype}: convert it with .float().")
        if x.ndim:  # numbers follow the tensors, as everywhere in torch
            dtype = x.dtype if dtype is None else torch.promote_types(dtype, x.dtype)
    if dtype is None:
        raise ValueError("u0, v0 and gain must be broadcastable to (B, T, C). Got scalars only.")
    return dtype


def is_row(x: Tensor, batch: int, channels: int) -> bool:
    """Whether a tensor is broadcastable to (B, C)."""
    # not `n in (1, m)`: torch.compile takes that for false where n is a symbol and m a number
    return x.ndim <= 2 and all(n == 1 or n == m for n, m in zip(x.shape[::-1], (channels, batch), strict=False))


def common_shape(fields: dict[str, Tensor], rates: dict[str, Tensor]) -> tuple[int, int, int]:
    """(B, T, C) that every field broadcasts to; ValueError if there is none or a rate does not fit (B, C)."""
    try:
        shape = torch.broadcast_shapes(*(x.shape for x in fields.values()))
    except RuntimeError:
        shape = torch.Size()
    if len(shape) != 3 or shape[1] < 1:
        got = ", ".join(f"{name} {tuple(x.shape)}" for name, x in fields.items())
        raise ValueError(f"u0, v0 and gain must be broadcastable to one shape (B, T, C) with T >= 1. Got {got}.")
    batch, clips, channels = shape
    for name, x in rates.items():
        if not is_row(x, batch, channels):
            raise ValueError(
                f"{name} must be broadcastable to (B, C) = ({batch}, {channels}), one value per sample and channel, "
                f"without a clip axis. Got shape {tuple(x.shape)}."
            )
    return batch, clips, channels


def check_lengths(lengths: Tensor | None, batch: int, clips: int, device: torch.device) -> Tensor | None:
    """`lengths` as int64 on `device`; ValueError if not (B,) integers in [0, T] (the range only if on the CPU)."""
    if lengths is None:
        return None
    if not isinstance(lengths, Tensor):
        raise ValueError(
            f"lengths must be an integer tensor of shape (B,) = ({batch},). Got {type(lengths).__name__}: "
            "wrap it in torch.tensor."
        )
    if lengths.shape != (batch,) or lengths.is_floating_point() or lengths.dtype == torch.bool:
        raise ValueError(
            f"lengths must be an integer tensor of shape (B,) = ({batch},). Got {lengths.dtype} {tuple(lengths.shape)}."
        )
    if lengths.device.type == "cpu" and batch and not torch.compiler.is_compiling():
        low, high = int(lengths.min()), int(lengths.max())
        if low < 0 or high > clips:
            raise ValueError(f"lengths must lie in [0, T] = [0, {clips}]. Got values from {low} to {high}.")
    return lengths.to(device=device, dtype=torch.int64)
