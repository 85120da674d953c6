"""The Triton kernels as an operator of torch.library: a single node for torch.compile and torch.export.

Fields may be half precision: they are widened on chip, computed in float32 and rounded once on the way out. Triton is
imported on first use. TRITON_INTERPRET=1, set before that, runs the kernels on the CPU, to test them without a GPU.
"""

import importlib.util
import math
import os
from functools import cache
from typing import Any

import torch
from torch import Tensor

from rdmf_model.ops.autograd import once_differentiable

from . import gpu_plan
from .adjoint import adjoint_gradients, reaction_diffusion_adjoint
from .gpu_plan import Plan, plan_call
from .reference import REACTION_LIMIT, clip_mask

VALUES_PER_TILE = 1024
VALUES_PER_WARP = 256


def interpreted() -> bool:
    """Whether Triton's interpreter runs the kernels."""
    return os.environ.get("TRITON_INTERPRET") == "1"


@cache
def missing() -> str | None:
    """Why the kernels cannot run here and what to do about it; None if they can."""
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed; CUDA builds of torch bring it. Without one: pip install triton"
    if not (torch.cuda.is_available() or interpreted()):
        return "torch sees no GPU (the kernels run on one, or slowly on the CPU with TRITON_INTERPRET=1)"
    return None


def reaction_diffusion_gpu(
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
    """As `reference.reaction_diffusion_reference`, on the GPU, once differentiable; fields may be half precision.

    Videos of more than `gpu_plan.LONGEST_TILE` clips are cut into windows, by blocks of steps, with halos that keep the
    cut below rounding; where diffusion is too strong for that, `adjoint` does the work.
    """
    return _forward(u0, v0, gain, F, k, D_u, D_v, lengths, steps, step_size)


@torch.library.custom_op("rdmf::reaction_diffusion_gpu", mutates_args=())
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
    rates = (F, k, D_u, D_v)
    if not steps or not u0.numel():
        mask = clip_mask(lengths, u0)
        return torch.where(mask, u0, 0.0), torch.where(mask, v0, 0.0)
    plan = plan_call(u0.shape[1], steps, step_size, D_u, D_v, backward=False)
    if plan is None:
        u, v = reaction_diffusion_adjoint(
            u0.to(F.dtype), v0.to(F.dtype), gain.to(F.dtype), *rates, lengths, steps, step_size
        )
        return u.to(u0.dtype), v.to(u0.dtype)
    u, v = u0, v0
    for number, count in enumerate(plan.blocks, 1):
        dtype = u0.dtype if number == len(plan.blocks) else F.dtype
        u, v = _advance(u, v, gain, rates, lengths, count, step_size, plan, dtype)
    return u, v


def _advance(
    u0: Tensor,
    v0: Tensor,
    gain: Tensor,
    rates: tuple[Tensor, ...],
    lengths: Tensor | None,
    steps: int,
    step_size: float,
    plan: Plan,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor]:
    """One launch forwards."""
    from . import gpu_kernel

    u, v = (u0.new_empty(u0.shape, dtype=dtype) for _ in range(2))
    options = _options(u0, rates[0].dtype, lengths, steps, step_size)
    kernel: Any = gpu_kernel.forward_kernel
    kernel[(_tiles(u0, plan, options),)](
        u0, v0, gain, *(x.contiguous() for x in rates), lengths, u, v, plan.windows, plan.halo, plan.stride,
        *u0.shape[1:], *u0.stride(), *v0.stride(), *gain.stride(), **options,
    )  # fmt: skip
    return u, v


@torch.library.custom_op("rdmf::reaction_diffusion_gpu_backward", mutates_args=())
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
    rates = (F, k, D_u, D_v)
    if not steps or not u0.numel():
        mask = clip_mask(lengths, u0)
        fields = torch.where(mask, u_bar, 0.0), torch.where(mask, v_bar, 0.0), torch.zeros_like(u0)
        return *fields, *(torch.zeros_like(x) for x in rates)  # type: ignore[return-value]
    plan = plan_call(u0.shape[1], steps, step_size, D_u, D_v, backward=True)
    if plan is None:
        u_bar, v_bar, u0_, v0_, gain_ = (x.to(F.dtype) for x in (u_bar, v_bar, u0, v0, gain))
        gradients = adjoint_gradients(u_bar, v_bar, u0_, v0_, gain_, *rates, lengths, steps, step_size)
        return *(x.to(u0.dtype) for x in gradients[:3]), *gradients[3:]  # type: ignore[return-value]
    starts = [(u0, v0)]
    for count in plan.blocks[:-1]:
        starts.append(_advance(*starts[-1], gain, rates, lengths, count, step_size, plan, F.dtype))
    sums: list[Tensor] = []
    for count in reversed(plan.blocks):
        dtype = F.dtype if starts[1:] else u0.dtype
        u, v = starts.pop()
        u_bar, v_bar, *parts = _retreat(u_bar, v_bar, u, v, gain, rates, lengths, count, step_size, plan, dtype)
        sums = [x + y for x, y in zip(sums, parts, strict=True)] if sums else parts
    return u_bar, v_bar, sums[0].to(u0.dtype), *sums[1:]  # type: ignore[return-value]


def _retreat(
    u_bar: Tensor,
    v_bar: Tensor,
    u0: Tensor,
    v0: Tensor,
    gain: Tensor,
    rates: tuple[Tensor, ...],
    lengths: Tensor | None,
    steps: int,
    step_size: float,
    plan: Plan,
    dtype: torch.dtype,
) -> tuple[Tensor, ...]:
    """One launch backwards: gradients of u0, v0, gain, F, k, D_u and D_v."""
    from . import gpu_kernel

    (batch, clips, channels), inner = u0.shape, rates[0].dtype
    fields = [u0.new_empty(u0.shape, dtype=dtype) for _ in range(2)]
    fields.append(u0.new_empty(u0.shape, dtype=dtype if len(plan.blocks) == 1 else inner))
    partial = [u0.new_empty((batch, plan.windows, channels), dtype=inner) for _ in range(4)]
    options = _options(u0, inner, lengths, steps, step_size)
    options["SEGMENT"] = segment = math.isqrt(steps - 1) + 1
    tiles = _tiles(u0, plan, options)
    programs = min(tiles, _programs(u0.device))
    states = 2 * (-(-steps // segment) + segment + 2)
    scratch = u0.new_empty(programs * states * options["BLOCK_T"] * options["BLOCK_C"], dtype=inner)
    kernel: Any = gpu_kernel.backward_kernel
    kernel[(programs,)](
        u0, v0, gain, *(x.contiguous() for x in rates), lengths, u_bar.contiguous(), v_bar.contiguous(),
        *fields, *partial, scratch, tiles, plan.windows, plan.halo, plan.stride,
        clips, channels, *u0.stride(), *v0.stride(), *gain.stride(), **options,
    )  # fmt: skip
    return *fields, *(x.sum(1) for x in partial)


def _options(u0: Tensor, inner: torch.dtype, lengths: Tensor | None, steps: int, step_size: float) -> dict[str, Any]:
    """What the kernels are compiled for."""
    import triton  # pyright: ignore[reportMissingImports]
    import triton.language as tl  # pyright: ignore[reportMissingImports]

    _, clips, channels = u0.shape
    block_t = max(16, triton.next_power_of_2(min(clips, gpu_plan.LONGEST_TILE)))
    block_c = min(32, triton.next_power_of_2(channels), max(1, VALUES_PER_TILE // block_t))
    return {
        "STEPS": steps,
        "STEP_SIZE": step_size,
        "LIMIT": REACTION_LIMIT[inner],
        "RAGGED": lengths is not None,
        "BLOCK_T": block_t,
        "BLOCK_C": block_c,
        "ACC": tl.float64 if inner == torch.float64 else tl.float32,
        "num_warps": min(16, max(1, block_t * block_c // VALUES_PER_WARP)),
        "num_stages": 1,
    }


def _tiles(u0: Tensor, plan: Plan, options: dict[str, Any]) -> int:
    return u0.shape[0] * plan.windows * -(-u0.shape[2] // options["BLOCK_C"])


def _programs(device: torch.device) -> int:
    """How many programs of the backward kernel share the machine; two in the interpreter, so that each takes tiles."""
    return 2 * torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 2


def _outputs(u0: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
    return u0.new_empty(u0.shape), u0.new_empty(u0.shape)


once_differentiable(_forward, _backward, _outputs, 7, "reaction_diffusion", cotangents=2)
