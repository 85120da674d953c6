"""A layer's whole reaction in one operator: from the tilt of every clip to what the steps made of it.

    gain = s exp(t log_hi) for t = tilt >= 0, s exp(|t| log_lo) below,  |t| cut to 1
    u_0 = u*,  v_0 = v* (1 + share tilt),  N steps of `reaction_diffusion`
    activator = p(v_N / v* - 1),  p(x) = x / (1 + |x| / 2),  substrate = u_N / u* - 1

and, with weights a, b, p per channel, what a layer reads out of them (`driven_readout`):

    fused = video + a activator + b substrate,  pattern = sum over channels of p activator

`compose` and `read` are the definitions, for any backend; where the compiled kernel runs, start and readout are part of
its pass over the clips (../native/steps.hpp, `Drive`), so that only arguments and results are read or written.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rdmf_model.ops.autograd import once_differentiable

from . import _load, reaction_diffusion
from .arguments import check_lengths


class Drive(NamedTuple):
    """What turns a tilt into a start and a gain, each broadcastable to (B, C).

    u_star, v_star: the base state, > 0.  s: reaction gain, > 0.  log_lo, log_hi: logarithms of the relative gain at
    tilt -1 and 1, log_lo <= 0 <= log_hi.  share: relative size of the start's perturbation, in [0, 1).
    """

    u_star: Tensor
    v_star: Tensor
    s: Tensor
    log_lo: Tensor
    log_hi: Tensor
    share: Tensor


class Rates(NamedTuple):
    """Feed and kill rate, 1/time, and diffusion of u and v, clip^2/time, each broadcastable to (B, C), > 0."""

    F: Tensor
    k: Tensor
    D_u: Tensor
    D_v: Tensor


class Readout(NamedTuple):
    """Weights of activator, substrate and pattern, each (C,)."""

    activator: Tensor
    substrate: Tensor
    pattern: Tensor


def relative_gain(tilt: Tensor, log_lo: Tensor, log_hi: Tensor) -> Tensor:
    """`exp(t log_hi)` for t >= 0, `exp(|t| log_lo)` below, t the tilt cut to [-1, 1], NaN counting as 0.

    |t| <= 1 and products round monotonically, so the logarithm is between log_lo and log_hi.
    """
    cut = torch.nan_to_num(tilt, nan=0.0).clamp(-1.0, 1.0)
    return torch.exp(cut * torch.where(cut >= 0, log_hi, -log_lo))


def compose(
    tilt: Tensor,
    drive: Drive,
    rates: Rates,
    lengths: Tensor | None,
    gain: Tensor,
    operator: Callable[..., tuple[Tensor, Tensor]],
) -> tuple[Tensor, Tensor]:
    """(activator, substrate) by their definition, with any `gain` (B, T, C) and any operator (u0, v0, gain, rates)."""
    u_star, v_star = drive.u_star[:, None], drive.v_star[:, None]
    v0 = v_star + v_star * drive.share[..., None, :] * tilt
    u, v = operator(u_star.expand_as(v0), v0, gain, *rates, lengths)
    change = v / v_star - 1.0
    activator, substrate = change / (1.0 + 0.5 * change.abs()), u / u_star - 1.0
    if lengths is None:
        return activator, substrate
    valid = torch.arange(tilt.shape[1], device=tilt.device) < lengths[:, None]
    return torch.where(valid[..., None], activator, 0.0), torch.where(valid[..., None], substrate, 0.0)


def read(activator: Tensor, substrate: Tensor, readout: Readout, video: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """(fused, pattern), shapes (B, T, C) and (B, T), by their definition; without a video what would be added to it."""
    change = torch.addcmul(readout.activator * activator, readout.substrate, substrate)
    return change if video is None else video + change, activator @ readout.pattern


def driven_reaction_diffusion(
    tilt: Tensor,
    drive: Drive,
    rates: Rates,
    lengths: Tensor | None = None,
    *,
    steps: int,
    backend: str | None = None,
) -> tuple[Tensor, Tensor]:
    """(activator, substrate) of a driven layer, each (B, T, C), 0 in the padding; see the module.

    Arguments:
        tilt: (B, T, C), float32 or float64 for the fused kernel, T >= 1.
        drive, rates: (B, C) each, of the tilt's dtype.
        lengths, steps, backend: as in `reaction_diffusion`.
    Raises: ValueError as `reaction_diffusion`.
    """
    batch, clips, channels = tilt.shape
    rows = [x.expand(batch, channels) for x in (*drive, *rates)]
    if not _compiled(backend, tilt, rows):
        drive, rates = Drive(*rows[:6]), Rates(*rows[6:])
        gain = drive.s[:, None] * relative_gain(tilt, drive.log_lo[:, None], drive.log_hi[:, None])
        operator = partial(reaction_diffusion, steps=steps, backend=backend)
        return compose(tilt, drive, rates, lengths, gain, operator)
    return _drive(tilt, torch.stack(rows), check_lengths(lengths, batch, clips, tilt.device), steps)


def driven_readout(
    tilt: Tensor,
    drive: Drive,
    rates: Rates,
    readout: Readout,
    video: Tensor | None = None,
    lengths: Tensor | None = None,
    *,
    steps: int,
    backend: str | None = None,
) -> tuple[Tensor, Tensor]:
    """(fused, pattern) of a driven layer, (B, T, C) and (B, T), in the padding the video, or 0, and 0; see the module.

    Arguments:
        readout: (C,) each, of the tilt's dtype.
        video: what the change is added to, (B, T, C); None: nothing.
        tilt, drive, rates, lengths, steps, backend: as in `driven_reaction_diffusion`.
    Raises: ValueError as `reaction_diffusion`.
    """
    batch, clips, channels = tilt.shape
    rows = [x.expand(batch, channels) for x in (*drive, *readout, *rates)]
    if not _compiled(backend, tilt, rows if video is None else [*rows, video]):
        fields = driven_reaction_diffusion(tilt, drive, rates, lengths, steps=steps, backend=backend)
        return read(*fields, readout, video)
    return _read(tilt, torch.stack(rows), video, check_lengths(lengths, batch, clips, tilt.device), steps)


def _compiled(backend: str | None, tilt: Tensor, others: list[Tensor]) -> bool:
    """Whether the compiled kernel does the whole of it: one of its types, the same for all."""
    known = tilt.dtype in (torch.float32, torch.float64) and all(x.dtype == tilt.dtype for x in others)
    return known and _load(backend, tilt.device.type) == "cpu"


@torch.library.custom_op("rdmf::driven_reaction_diffusion", mutates_args=(), device_types="cpu")
def _drive(tilt: Tensor, rows: Tensor, lengths: Tensor | None, steps: int) -> tuple[Tensor, Tensor]:
    from .cpu import run

    activator, substrate = _fields(tilt)
    views = {"tilt": tilt, "u": substrate, "v": activator}
    run(views, {"drive": rows[:6], "rates": rows[6:]}, lengths, steps, 1.0)
    return activator, substrate


@torch.library.custom_op("rdmf::driven_reaction_diffusion_backward", mutates_args=(), device_types="cpu")
def _drive_backward(
    activator_bar: Tensor, substrate_bar: Tensor, tilt: Tensor, rows: Tensor, lengths: Tensor | None, steps: int
) -> tuple[Tensor, Tensor]:
    from .cpu import run

    tilt_bar, bars = tilt.new_empty(tilt.shape), rows.new_empty(rows.shape)
    views = {"tilt": tilt, "u": substrate_bar, "v": activator_bar, "tilt_bar": tilt_bar}
    table = {"drive": rows[:6], "rates": rows[6:], "drive_gradients": bars[:6], "rate_gradients": bars[6:]}
    run(views, table, lengths, steps, 1.0)
    return tilt_bar, bars


def _fields(tilt: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
    return tilt.new_empty(tilt.shape), tilt.new_empty(tilt.shape)


once_differentiable(_drive, _drive_backward, _fields, 2, "driven_reaction_diffusion", cotangents=2)


@torch.library.custom_op("rdmf::driven_readout", mutates_args=(), device_types="cpu")
def _read(
    tilt: Tensor, rows: Tensor, video: Tensor | None, lengths: Tensor | None, steps: int
) -> tuple[Tensor, Tensor]:
    from .cpu import blocks, run

    fused = tilt.new_empty(tilt.shape)
    parts = tilt.new_empty(*tilt.shape[:2], blocks(tilt.shape[2], tilt.dtype))
    views = {"tilt": tilt, "u": fused} | ({} if video is None else {"video": video})
    run(views, {"drive": rows[:9], "rates": rows[9:]}, lengths, steps, 1.0, parts)
    return fused, parts.sum(-1)


@torch.library.custom_op("rdmf::driven_readout_backward", mutates_args=(), device_types="cpu")
def _read_backward(
    fused_bar: Tensor,
    pattern_bar: Tensor,
    tilt: Tensor,
    rows: Tensor,
    video: Tensor | None,
    lengths: Tensor | None,
    steps: int,
) -> tuple[Tensor, Tensor]:
    from .cpu import run

    tilt_bar, bars = tilt.new_empty(tilt.shape), rows.new_empty(rows.shape)
    views = {"tilt": tilt, "u": fused_bar, "tilt_bar": tilt_bar}
    table = {"drive": rows[:9], "rates": rows[9:], "drive_gradients": bars[:9], "rate_gradients": bars[9:]}
    run(views, table, lengths, steps, 1.0, pattern_bar)
    return tilt_bar, bars


def _fused_and_pattern(tilt: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
    return tilt.new_empty(tilt.shape), tilt.new_empty(tilt.shape[:2])


once_differentiable(_read, _read_backward, _fused_and_pattern, 2, "driven_readout", cotangents=2, added=2)
