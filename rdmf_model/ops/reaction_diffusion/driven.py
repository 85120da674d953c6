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
from functools import partial, reduce
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rdmf_model.ops.autograd import once_differentiable
from rdmf_model.ops.native.call import NativeCall
from rdmf_model.ops.signature import Signature, mixed_types

from . import _load, reaction_diffusion
from .arguments import check_lengths, check_steps, is_row
from .reference import clip_mask

_HALVES = (torch.float16, torch.bfloat16)
_DRIVEN = Signature("driven_reaction_diffusion", tilt="B T C", lengths="? int64 B")
_READOUT = Signature(
    "driven_readout",
    tilt="B T C",
    video="? B T C",
    activator="C",
    substrate="C",
    pattern="C",
    lengths="? int64 B",
)
DRIVE = Signature("driven_reaction_diffusion", tilt="B T C", rows="10 B C", lengths="? int64 B")
DRIVE_BACKWARD = DRIVE.extended(v="B T C", u="B T C")
READ = Signature("driven_readout", tilt="B T C", rows="13 B C", video="? B T C", lengths="? int64 B")
TRACED = Signature(
    "driven_readout",
    tilt="B T C",
    rows="13 B C",
    video="? B T C",
    lengths="? int64 B",
    u0="? B T C",
    v0="? B T C",
    gain="? B T C",
)
READ_BACKWARD = READ.extended(u="B T C", pattern="B T")


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


class Trace(NamedTuple):
    """What a driven run held on the path that answered, each (B, T, C), 0 in the padding.

    The tilt; the gain s_t and the fields that its steps start from; the fields after the last step.
    """

    tilt: Tensor
    gain: Tensor
    u_0: Tensor
    v_0: Tensor
    u_N: Tensor
    v_N: Tensor


class Start(NamedTuple):
    """Fields to start from in place of what the tilt makes, (B, T, C) each: an experiment on the path that answers."""

    u_0: Tensor
    v_0: Tensor
    gain: Tensor


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
    *,
    trace: list[Trace] | None = None,
    start: Start | None = None,
) -> tuple[Tensor, Tensor]:
    """(activator, substrate) by their definition, with any `gain` (B, T, C) and any operator (u0, v0, gain, rates)."""
    u_star, v_star = drive.u_star[:, None], drive.v_star[:, None]
    v0 = v_star + v_star * drive.share[..., None, :] * tilt
    u0 = u_star.expand_as(v0)
    if start is not None:
        u0, v0, gain = start
    u, v = operator(u0, v0, gain, *rates, lengths)
    if trace is not None:
        valid = torch.ones_like(u) if lengths is None else clip_mask(lengths, u)
        held = (tilt.expand_as(u), gain.expand_as(u), u0.expand_as(u), v0.expand_as(u), u, v)
        trace.append(Trace(*(torch.where(valid > 0, x, 0.0) for x in held)))
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
    lengths = _check(_DRIVEN, {"tilt": tilt, "lengths": lengths}, steps)
    batch, _, channels = tilt.shape
    rows = _rows(_DRIVEN, drive._asdict() | rates._asdict(), batch, channels)
    if tilt.dtype in _HALVES:
        drive, rates = Drive(*(x.float() for x in rows[:6])), Rates(*(x.float() for x in rows[6:]))
        fields = driven_reaction_diffusion(tilt.float(), drive, rates, lengths, steps=steps, backend=backend)
        return fields[0].to(tilt.dtype), fields[1].to(tilt.dtype)
    if not _compiled(backend, tilt, rows):
        drive, rates = Drive(*rows[:6]), Rates(*rows[6:])
        gain = drive.s[:, None] * relative_gain(tilt, drive.log_lo[:, None], drive.log_hi[:, None])
        operator = partial(reaction_diffusion, steps=steps, backend=backend)
        return compose(tilt, drive, rates, lengths, gain, operator)
    return _drive(tilt, torch.stack(rows), lengths, steps)


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
    trace: list[Trace] | None = None,
    start: Start | None = None,
) -> tuple[Tensor, Tensor]:
    """(fused, pattern) of a driven layer, (B, T, C) and (B, T), in the padding the video, or 0, and 0; see the module.

    Arguments:
        readout: (C,) each, of the tilt's dtype.
        video: what the change is added to, (B, T, C); None: nothing.
        tilt, drive, rates, lengths, steps, backend: as in `driven_reaction_diffusion`.
        trace: a list that gets this run's `Trace`; such a run has no gradients, and the same answer to the bit.
        start: fields to start from instead of what the tilt makes; for a run with a trace.
    Raises: ValueError as `reaction_diffusion`.
    """
    tensors = {"tilt": tilt, "video": video, "lengths": lengths, **readout._asdict()}
    lengths = _check(_READOUT, tensors, steps)
    batch, _, channels = tilt.shape
    rows = _rows(_READOUT, drive._asdict() | readout._asdict() | rates._asdict(), batch, channels)
    if start is not None and trace is None:
        raise _READOUT.refuse("start is for a run with a trace. Got trace = None: pass a list.")
    if tilt.dtype in _HALVES:
        parts = (Drive(*(x.float() for x in drive)), Rates(*(x.float() for x in rates)))
        weights = Readout(*(x.float() for x in readout))
        wide = None if video is None else video.float()
        options: dict[str, Any] = {"steps": steps, "backend": backend, "trace": trace, "start": start}
        found = driven_readout(tilt.float(), *parts, weights, wide, lengths, **options)
        return _narrow(found, [*readout, tilt, *([] if video is None else [video])])
    if not _compiled(backend, tilt, rows if video is None else [*rows, video]):
        if trace is None:
            fields = driven_reaction_diffusion(tilt, drive, rates, lengths, steps=steps, backend=backend)
        else:
            wide = Drive(*rows[:6])
            gain = wide.s[:, None] * relative_gain(tilt, wide.log_lo[:, None], wide.log_hi[:, None])
            operator = partial(reaction_diffusion, steps=steps, backend=backend)
            fields = compose(tilt, wide, Rates(*rows[9:]), lengths, gain, operator, trace=trace, start=start)
        return read(*fields, readout, video)
    if trace is not None:
        given = (None, None, None) if start is None else start
        with torch.no_grad():
            fused, pattern, *held = _traced(tilt, torch.stack(rows), video, lengths, steps, *given)
        trace.append(Trace(*held))
        return fused, pattern
    return _read(tilt, torch.stack(rows), video, lengths, steps)


def _check(signature: Signature, tensors: dict[str, Any], steps: int) -> Tensor | None:
    """The lengths as int64. Raises ValueError for what the signature, the steps or the clips do not allow."""
    check_steps(steps, signature)
    tilt, lengths = tensors["tilt"], tensors["lengths"]
    if isinstance(tilt, Tensor) and tilt.ndim == 3:
        tensors["lengths"] = lengths = check_lengths(lengths, tilt.shape[0], tilt.shape[1], tilt.device)
    clips = signature.check(tensors, mixed=isinstance(tilt, Tensor) and mixed_types(tilt.device))["T"]
    if clips < 1:
        raise signature.refuse("tilt must have at least one clip. Got T = 0: leave such videos out.")
    return lengths


def _narrow(found: tuple[Tensor, Tensor], like: list[Tensor]) -> tuple[Tensor, Tensor]:
    """In the promoted type of `like`."""
    dtype = reduce(torch.promote_types, (x.dtype for x in like))
    return found[0].to(dtype), found[1].to(dtype)


def _rows(signature: Signature, rows: dict[str, Any], batch: int, channels: int) -> list[Tensor]:
    """Every row as (B, C). Raises ValueError for one that is not broadcastable to it."""
    for name, x in rows.items():
        if not (isinstance(x, Tensor) and x.is_floating_point() and is_row(x, batch, channels)):
            got = f"{x.dtype} {tuple(x.shape)}" if isinstance(x, Tensor) else "None" if x is None else type(x).__name__
            raise signature.refuse(
                f"{name} must be a floating-point tensor broadcastable to (B, C) = ({batch}, {channels}). Got {got}: "
                "give one value per sample and channel."
            )
    return [x.expand(batch, channels) for x in rows.values()]


def _compiled(backend: str | None, tilt: Tensor, others: list[Tensor]) -> bool:
    """Whether the compiled kernel does the whole of it: one of its types, the same for all."""
    known = tilt.dtype in (torch.float32, torch.float64) and all(x.dtype == tilt.dtype for x in others)
    return known and _load(backend, tilt.device.type) == "cpu"


@torch.library.custom_op("rdmf::driven_reaction_diffusion", mutates_args=(), device_types="cpu")
def _drive(tilt: Tensor, rows: Tensor, lengths: Tensor | None, steps: int) -> tuple[Tensor, Tensor]:
    from .cpu import run

    call = NativeCall(DRIVE, {"tilt": tilt, "rows": rows, "lengths": lengths})
    activator, substrate = call.new("v", tilt.shape), call.new("u", tilt.shape)
    run(call, lengths, steps, driven=6)
    return activator, substrate


@torch.library.custom_op("rdmf::driven_reaction_diffusion_backward", mutates_args=(), device_types="cpu")
def _drive_backward(
    activator_bar: Tensor, substrate_bar: Tensor, tilt: Tensor, rows: Tensor, lengths: Tensor | None, steps: int
) -> tuple[Tensor, Tensor]:
    from .cpu import run

    tensors = {"v": activator_bar, "u": substrate_bar, "tilt": tilt, "rows": rows, "lengths": lengths}
    call = NativeCall(DRIVE_BACKWARD, tensors)
    tilt_bar, bars = call.new("tilt_bar", tilt.shape), call.new("row_bars", rows.shape)
    run(call, lengths, steps, backward=True, driven=6)
    return tilt_bar, bars


def _fields(tilt: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
    return tilt.new_empty(tilt.shape), tilt.new_empty(tilt.shape)


once_differentiable(_drive, _drive_backward, _fields, 2, "driven_reaction_diffusion", cotangents=2)


@torch.library.custom_op("rdmf::driven_readout", mutates_args=(), device_types="cpu")
def _read(
    tilt: Tensor, rows: Tensor, video: Tensor | None, lengths: Tensor | None, steps: int
) -> tuple[Tensor, Tensor]:
    from .cpu import blocks, run

    call = NativeCall(READ, {"tilt": tilt, "rows": rows, "video": video, "lengths": lengths})
    fused = call.new("u", tilt.shape)
    parts = call.new("pattern", (*tilt.shape[:2], blocks(tilt.shape[2], tilt.dtype)))
    run(call, lengths, steps, driven=9)
    return fused, parts.sum(-1)


@torch.library.custom_op("rdmf::driven_trace", mutates_args=(), device_types="cpu")
def _traced(
    tilt: Tensor,
    rows: Tensor,
    video: Tensor | None,
    lengths: Tensor | None,
    steps: int,
    u_0: Tensor | None,
    v_0: Tensor | None,
    gain: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """`_read` by the same kernel, which writes down besides what its registers hold."""
    from .cpu import TRACE, blocks, run

    given = {"u0": u_0, "v0": v_0, "gain": gain}
    if len({x is None for x in given.values()}) > 1:
        raise TRACED.refuse("u_0, v_0 and gain start the steps together. Got some of them: pass all three or none.")
    call = NativeCall(TRACED, {"tilt": tilt, "rows": rows, "video": video, "lengths": lengths, **given})
    fused = call.new("u", tilt.shape)
    parts = call.new("pattern", (*tilt.shape[:2], blocks(tilt.shape[2], tilt.dtype)))
    held = [call.new(name, tilt.shape) for name in TRACE]
    run(call, lengths, steps, driven=9)
    return fused, parts.sum(-1), *held  # type: ignore[return-value]


@_traced.register_fake
def _(tilt: Tensor, *_: Any) -> tuple[Tensor, ...]:
    return tilt.new_empty(tilt.shape), tilt.new_empty(tilt.shape[:2]), *(tilt.new_empty(tilt.shape) for _ in range(6))


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

    # the video is added at the end: its values do not matter here, and the kernel does not see it
    tensors = {"u": fused_bar, "pattern": pattern_bar, "tilt": tilt, "rows": rows, "lengths": lengths}
    READ_BACKWARD.check(tensors | {"video": video})
    call = NativeCall(READ_BACKWARD, tensors)
    tilt_bar, bars = call.new("tilt_bar", tilt.shape), call.new("row_bars", rows.shape)
    run(call, lengths, steps, backward=True, driven=9)
    return tilt_bar, bars


def _fused_and_pattern(tilt: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
    return tilt.new_empty(tilt.shape), tilt.new_empty(tilt.shape[:2])


once_differentiable(_read, _read_backward, _fused_and_pattern, 2, "driven_readout", cotangents=2, added=2)
