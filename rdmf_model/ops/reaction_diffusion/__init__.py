"""`reaction_diffusion`: N steps of the text-modulated Gray-Scott system along the clip axis, by the best backend.

Backends are registered by name and imported on first use; `reference.py` is the truth that each is tested against.
"""

import importlib
import os
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from .arguments import check_lengths, check_step_size, check_steps, common_dtype, common_shape

Backend = Callable[
    [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor | None, int, float], tuple[Tensor, Tensor]
]


class BackendEntry(NamedTuple):
    """Where a backend lives. `probe`, where given, names a function that returns why it cannot run here, or None.

    `halves`: it widens half-precision fields itself, so they are handed over as they are.
    """

    module: str
    function: str
    probe: str | None = None
    devices: tuple[str, ...] | None = None
    halves: bool = False


# Best last.
_BACKENDS: dict[str, BackendEntry] = {
    "reference": BackendEntry("reference", "reaction_diffusion_reference"),
    "adjoint": BackendEntry("adjoint", "reaction_diffusion_adjoint"),
    "triton": BackendEntry(
        "gpu",
        "reaction_diffusion_gpu",
        probe="missing",
        devices=("cuda", "cpu") if os.environ.get("TRITON_INTERPRET") == "1" else ("cuda",),
        halves=True,
    ),
    "cpu": BackendEntry("cpu", "reaction_diffusion_cpu", probe="missing", devices=("cpu",)),
}
_loaded: dict[str, Backend] = {}


def available_backends(device: torch.device | str | None = None) -> list[str]:
    """Names of the backends that run here (on `device`, if one is given), the best last."""
    kind = None if device is None else torch.device(device).type
    return [
        name
        for name, entry in _BACKENDS.items()
        if (kind is None or entry.devices is None or kind in entry.devices) and _missing(entry) is None
    ]


def missing_backends() -> dict[str, str]:
    """Backends that cannot run here, each with the reason and the remedy."""
    reasons = {name: _missing(entry) for name, entry in _BACKENDS.items()}
    return {name: reason for name, reason in reasons.items() if reason is not None}


def reaction_diffusion(
    u0: Tensor,
    v0: Tensor,
    gain: Tensor,
    F: Tensor | float,
    k: Tensor | float,
    D_u: Tensor | float,
    D_v: Tensor | float,
    lengths: Tensor | None = None,
    *,
    steps: int,
    step_size: float = 1.0,
    backend: str | None = None,
) -> tuple[Tensor, Tensor]:
    """N semi-implicit steps of u' = D_u lap u - s u v^2 + F (1 - u), v' = D_v lap v + s u v^2 - (F + k) v along clips.

    Positive, bounded and well-balanced for every step size (README.md). Each sample reflects at its first and at its
    last valid clip; the padding after it is never read, comes out as 0 and receives gradient 0, even if it holds NaN.

    Arguments:
        u0, v0, gain: broadcastable to (B, T, C), T >= 1; u0 in [0, 1], v0 >= 0; gain is s_t = s m_t, >= 0.
        F, k, D_u, D_v: broadcastable to (B, C), > 0: feed and kill rate (1/time), diffusion of u and v (clip^2/time).
        lengths: (B,) integers in [0, T], valid clips of each sample; None: all T.
        steps: N >= 0.
        step_size: h > 0, finite.
        backend: a name of `available_backends()`; None: the best for this device.
    Returns: (u_N, v_N), each (B, T, C), in the promoted dtype of the tensors; half precisions are computed in float32.
    Raises: ValueError if a shape, dtype, length, number or name is not as above. The values in the tensors are not
        inspected (on a GPU that would wait for it): `rdmf_model.constraints.constraint` emits admissible ones only.
    """
    check_steps(steps)
    check_step_size(step_size)
    fields = {"u0": u0, "v0": v0, "gain": gain}
    numbers = {"F": F, "k": k, "D_u": D_u, "D_v": D_v}
    device = getattr(u0, "device", None)
    rates = {
        name: x if x is None or isinstance(x, Tensor) else torch.as_tensor(x, device=device)
        for name, x in numbers.items()
    }
    dtype = common_dtype(fields | rates)
    batch, clips, channels = common_shape(fields, rates)
    lengths = check_lengths(lengths, batch, clips, u0.device)
    name = _load(backend, u0.device.type)
    inner = torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype
    outer = dtype if _BACKENDS[name].halves else inner
    u0, v0, gain = (x.to(outer).expand(batch, clips, channels) for x in fields.values())
    F, k, D_u, D_v = (x.to(inner).expand(batch, channels) for x in rates.values())
    u, v = _loaded[name](u0, v0, gain, F, k, D_u, D_v, lengths, steps, float(step_size))
    return u.to(dtype), v.to(dtype)


@torch.compiler.assume_constant_result  # torch.compile cannot trace an import
def _load(name: str | None, device: str) -> str:
    """Name of the backend to use, which is imported into `_loaded`."""
    names = available_backends(device)
    if name is not None and name not in names:
        known = "not available here" if name in _BACKENDS else "unknown"
        raise ValueError(f"backend must be one of {names} on {device}. Got {name!r}, which is {known}.")
    name = name or names[-1]
    if name not in _loaded:
        _loaded[name] = getattr(_module(_BACKENDS[name]), _BACKENDS[name].function)
    return name


def _missing(entry: BackendEntry) -> str | None:
    return None if entry.probe is None else getattr(_module(entry), entry.probe)()


def _module(entry: BackendEntry):
    return importlib.import_module(f"{__name__}.{entry.module}")


__all__ = ["available_backends", "missing_backends", "reaction_diffusion"]
