"""The operator on a GPU: time, memory and agreement of the Triton kernels beside eager torch and attention.

`python -m benchmarks.gpu --json FILE`. Medians of interleaved rounds by CUDA events, after warm-up; a case that
the time limit cuts off is missing from the file, not guessed.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.measure import machine
from rdmf_model.ops.reaction_diffusion import gpu, gpu_plan, reaction_diffusion

DEVICE = "cuda"
WORDS = 32
SHAPES = [(32, 75, 256, 12), (32, 75, 256, 32), (8, 1024, 256, 12), (1, 8192, 256, 12), (1, 65536, 256, 12)]
# Clips times steps beyond which a loop in Python takes too long to wait for.
LARGEST_LOOP = {"reference": 3_000, "adjoint": 15_000}
TILES = [(512, 128), (1024, 128), (2048, 128), (512, 256), (2048, 256)]
Case = Callable[[], tuple[Tensor, ...]]


def core(
    shape: tuple[int, int, int, int], backend: str, dtype: torch.dtype = torch.float32
) -> tuple[Case, list[Tensor]]:
    """N steps of the operator; inputs of an admissible design's magnitude."""
    batch, clips, channels, steps = shape
    generator = torch.Generator(DEVICE).manual_seed(0)

    def uniform(low: float, high: float, *size: int) -> Tensor:
        values = low + (high - low) * torch.rand(size, generator=generator, device=DEVICE)
        return values.to(dtype).requires_grad_()

    fields, rates = (batch, clips, channels), (batch, channels)
    inputs = [uniform(0.1, 0.9, *fields), uniform(0.0, 0.5, *fields), uniform(0.5, 2.0, *fields)]
    inputs += [uniform(0.02, 0.06, *rates), uniform(0.02, 0.06, *rates)]
    inputs += [uniform(2.0, 20.0, *rates), uniform(0.2, 2.0, *rates)]
    return lambda: reaction_diffusion(*inputs, steps=steps, backend=backend), inputs


def cross_attention(shape: tuple[int, int, int, int]) -> tuple[Case, list[Tensor]]:
    """Clips attend to 32 words, 8 heads, projections, residual and layer norm, float32."""
    batch, clips, channels, _ = shape
    video = torch.randn(batch, clips, channels, device=DEVICE, requires_grad=True)
    text = torch.randn(batch, WORDS, channels, device=DEVICE, requires_grad=True)
    attention, norm = nn.MultiheadAttention(channels, 8, batch_first=True).to(DEVICE), nn.LayerNorm(channels).to(DEVICE)
    leaves = [video, text, *attention.parameters(), *norm.parameters()]
    return lambda: (norm(video + attention(video, text, text, need_weights=False)[0]),), leaves


def self_attention(shape: tuple[int, int, int, int]) -> tuple[Case, list[Tensor]]:
    """The bare product of self-attention over the clips in bfloat16, 8 heads: FlashAttention, without projections."""
    batch, clips, channels, _ = shape
    x = torch.randn(batch, 8, clips, channels // 8, device=DEVICE, dtype=torch.bfloat16, requires_grad=True)
    return lambda: (nn.functional.scaled_dot_product_attention(x, x, x),), [x]


def contenders(shape: tuple[int, int, int, int]) -> dict[str, tuple[Case, list[Tensor]]]:
    """Name -> case and its leaves; the first is the unit of the ratios."""
    _, clips, _, steps = shape
    loops = {name: core(shape, name) for name, largest in LARGEST_LOOP.items() if clips * steps <= largest}
    return {
        "core, triton": core(shape, "triton"),
        "core, triton, bfloat16": core(shape, "triton", torch.bfloat16),
        **{f"core, {name}": case for name, case in loops.items()},
        "cross-attention + LN": cross_attention(shape),
        "bare self-attention, bfloat16": self_attention(shape),
    }


def milliseconds(case: Callable[[], object]) -> float:
    """One run of `case` between two CUDA events."""
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    case()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end)


def measure(shape: tuple[int, int, int, int], rounds: int) -> list[dict[str, Any]]:
    """One row per contender."""
    cases: dict[str, dict[str, Callable[[], object]]] = {}
    peaks: dict[str, float] = {}
    field = 4 * shape[0] * shape[1] * shape[2]
    for name, (run, leaves) in contenders(shape).items():
        forward = torch.no_grad()(run)
        cotangents = [torch.randn_like(y) for y in forward()]

        def both(run: Case = run, leaves: list[Tensor] = leaves, cotangents: list[Tensor] = cotangents) -> object:
            return torch.autograd.grad(run(), leaves, cotangents)

        both()
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        both()
        torch.cuda.synchronize()
        peaks[name] = (torch.cuda.max_memory_allocated() - before) / field
        cases[name] = {"forward": forward, "both": both}
    times: dict[str, dict[str, list[float]]] = {name: {"forward": [], "both": []} for name in cases}
    for _ in range(rounds):
        for name, kinds in cases.items():
            for kind, case in kinds.items():
                if len(times[name][kind]) < 3 or sum(times[name][kind]) < 2000:
                    times[name][kind].append(milliseconds(case))
    median = {
        name: {kind: statistics.median(values) for kind, values in kinds.items()} for name, kinds in times.items()
    }
    unit = median[next(iter(median))]
    return [
        {
            "name": name,
            "forward_ms": value["forward"],
            "forward_ratio": value["forward"] / unit["forward"],
            "both_ms": value["both"],
            "both_ratio": value["both"] / unit["both"],
            "peak_fields": peaks[name],
        }
        for name, value in median.items()
    ]


def agreement(shape: tuple[int, int, int, int]) -> float:
    """Largest difference of the kernels from float64 `adjoint`, outputs and gradients, relative to each tensor."""
    results = []
    for backend, dtype in (("triton", torch.float32), ("adjoint", torch.float64)):
        _, inputs = core(shape, backend)
        leaves = [x.detach().to(dtype).requires_grad_() for x in inputs]
        outputs = reaction_diffusion(*leaves, steps=shape[3], backend=backend)
        # random cotangents: with constant ones the gradient of D_u is a sum that all but cancels
        generator = torch.Generator().manual_seed(1)
        cotangents = [torch.randn(y.shape, generator=generator).to(y) for y in outputs]
        gradients = torch.autograd.grad(outputs, leaves, cotangents)
        results.append([x.detach() for x in (*outputs, *gradients)])
    return max(float((x - y).abs().max() / y.abs().max()) for x, y in zip(*results, strict=True))


def tune(shape: tuple[int, int, int, int]) -> list[dict[str, Any]]:
    """The kernels with other tiles: values per tile and per warp."""
    usual, rows = (gpu.VALUES_PER_TILE, gpu.VALUES_PER_WARP), []
    for tile, warp in (usual, *TILES):
        gpu.VALUES_PER_TILE, gpu.VALUES_PER_WARP = tile, warp
        run, leaves = core(shape, "triton")
        forward = torch.no_grad()(run)
        cotangents = [torch.ones_like(y) for y in forward()]
        torch.autograd.grad(run(), leaves, cotangents)
        rows.append(
            {
                "values_per_tile": tile,
                "values_per_warp": warp,
                "forward_ms": statistics.median(milliseconds(forward) for _ in range(30)),
                "both_ms": statistics.median(
                    milliseconds(lambda r=run, x=leaves, c=cotangents: torch.autograd.grad(r(), x, c))
                    for _ in range(30)
                ),
            }
        )
    gpu.VALUES_PER_TILE, gpu.VALUES_PER_WARP = usual
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, required=True, help="file for every figure")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=150.0, help="no new case is begun after this")
    options = parser.parse_args()
    begun = time.monotonic()
    device = torch.cuda.get_device_properties(0)
    about = machine() | {"gpu": device.name, "multiprocessors": device.multi_processor_count}
    report: dict[str, Any] = {"machine": about, "command": " ".join(sys.argv), "agreement": {}, "runs": [], "tiles": []}

    def late() -> bool:
        return time.monotonic() - begun > options.seconds

    def save() -> None:
        options.json.write_text(json.dumps(report, indent=1) + "\n")

    for shape in ((4, 75, 256, 12), (1, 3000, 64, 4)):
        report["agreement"][str(shape)] = agreement(shape)
    save()
    for shape in SHAPES:
        if late():
            break
        rows = measure(shape, options.rounds)
        batch, clips, channels, steps = shape
        plan = gpu_plan.plan_call(
            clips, steps, 1.0, torch.full((1, 1), 20.0, device=DEVICE), torch.full((1, 1), 2.0, device=DEVICE),
            backward=False,
        )  # fmt: skip
        described = {"batch": batch, "clips": clips, "channels": channels, "steps": steps, "plan": str(plan)}
        report["runs"].append(described | {"rows": rows})
        save()
        print(f"\nB = {batch}, T = {clips}, C = {channels}, N = {steps}: {plan}")
        for row in rows:
            print(", ".join(f"{key} {value:.3g}" if isinstance(value, float) else value for key, value in row.items()))
    if not late():
        report["tiles"] = tune(SHAPES[0])
        for row in report["tiles"]:
            print(row)
    save()
    worst = max(report["agreement"].values())
    print(f"\nagreement with float64: {worst:.1e}")
    if worst > 1e-5:
        sys.exit(1)


if __name__ == "__main__":
    main()
