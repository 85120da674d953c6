"""The Triton kernels on a GPU: agreement with float64, launch plans, and other tile sizes.

`python -m benchmarks.gpu --json FILE`; what they cost beside their competitors is `rdmf bench --device cuda`. What the
time limit cuts off is missing from the file, not guessed.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch

from rdmf_model.bench.contenders import core
from rdmf_model.bench.measure import Case, machine, seconds
from rdmf_model.bench.shape import Shape
from rdmf_model.ops.reaction_diffusion import gpu, gpu_plan, reaction_diffusion

DEVICE = "cuda"
SHAPES = [
    Shape(32, 75, 256, 12),
    Shape(32, 75, 256, 32),
    Shape(8, 1024, 256, 12),
    Shape(1, 8192, 256, 12),
    Shape(1, 65536, 256, 12),
]
TILES = [(512, 128), (1024, 128), (2048, 128), (512, 256), (2048, 256)]


def milliseconds(case: Case) -> float:
    """Median of 30 runs by CUDA events."""
    case()
    return 1e3 * statistics.median(seconds(case, DEVICE) for _ in range(30))


def agreement(shape: Shape) -> float:
    """Largest difference of the kernels from float64 `adjoint`, outputs and gradients, relative to each tensor."""
    results = []
    for backend, dtype in (("triton", torch.float32), ("adjoint", torch.float64)):
        _, inputs = core(shape, DEVICE, backend)
        leaves = [x.detach().to(dtype).requires_grad_() for x in inputs]
        outputs = reaction_diffusion(*leaves, steps=shape.steps, backend=backend)
        # random cotangents: with constant ones the gradient of D_u is a sum that all but cancels
        generator = torch.Generator().manual_seed(1)
        cotangents = [torch.randn(y.shape, generator=generator).to(y) for y in outputs]
        gradients = torch.autograd.grad(outputs, leaves, cotangents)
        results.append([x.detach() for x in (*outputs, *gradients)])
    return max(float((x - y).abs().max() / y.abs().max()) for x, y in zip(*results, strict=True))


def tune(shape: Shape) -> list[dict[str, Any]]:
    """The kernels with other tiles: values per tile and per warp."""
    usual, rows = (gpu.VALUES_PER_TILE, gpu.VALUES_PER_WARP), []
    for tile, warp in (usual, *TILES):
        gpu.VALUES_PER_TILE, gpu.VALUES_PER_WARP = tile, warp
        run, leaves = core(shape, DEVICE, "triton")
        forward = torch.no_grad()(run)
        cotangents = [torch.ones_like(y) for y in forward()]
        torch.autograd.grad(run(), leaves, cotangents)
        rows.append(
            {
                "values_per_tile": tile,
                "values_per_warp": warp,
                "forward_ms": milliseconds(forward),
                "both_ms": milliseconds(lambda r=run, x=leaves, c=cotangents: torch.autograd.grad(r(), x, c)),
            }
        )
    gpu.VALUES_PER_TILE, gpu.VALUES_PER_WARP = usual
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, required=True, help="file for every figure")
    parser.add_argument("--seconds", type=float, default=150.0, help="no new case is begun after this")
    options = parser.parse_args()
    begun = time.monotonic()
    about = machine(DEVICE)
    report: dict[str, Any] = {
        "machine": about,
        "command": " ".join(sys.argv),
        "agreement": {},
        "plans": [],
        "tiles": [],
    }

    def late() -> bool:
        return time.monotonic() - begun > options.seconds

    def save() -> None:
        options.json.write_text(json.dumps(report, indent=1) + "\n")

    for shape in (Shape(4, 75, 256, 12), Shape(1, 3000, 64, 4)):
        report["agreement"][str(shape)] = agreement(shape)
    save()
    for shape in SHAPES:
        largest = [torch.full((1, 1), diffusion, device=DEVICE) for diffusion in (20.0, 2.0)]
        plan = gpu_plan.plan_call(shape.clips, shape.steps, 1.0, *largest, backward=False)
        report["plans"].append(shape._asdict() | {"plan": str(plan)})
        print(f"{shape}: {plan}")
    save()
    for shape in SHAPES[:1] + SHAPES[-1:]:
        if late():
            break
        report["tiles"] += [shape._asdict() | row for row in tune(shape)]
        save()
    for row in report["tiles"]:
        print(row)
    worst = max(report["agreement"].values())
    print(f"\nagreement with float64: {worst:.1e}")
    if worst > 1e-5:
        sys.exit(1)


if __name__ == "__main__":
    main()
