"""Cost of the reaction-diffusion core beside eager autograd and beside attention: `python -m benchmarks.layer`.

Forward, forward + backward and peak memory of forward + backward, in one interleaved run on one thread.
"""

import argparse
import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.measure import Case, interleaved_milliseconds, machine, peak_bytes
from rdmf_model.ops.reaction_diffusion import available_backends, cpu, reaction_diffusion

WORDS = 32
# Clips times steps beyond which the loops in Python take too long to wait for.
LARGEST_LOOP = {"reference": 20_000, "adjoint": 100_000}
Contender = Callable[[], tuple[Callable[[], tuple[Tensor, ...]], list[Tensor]]]


def core(batch: int, clips: int, channels: int, steps: int, backend: str) -> Contender:
    """N steps of the operator by one backend."""

    def prepare():
        generator = torch.Generator().manual_seed(0)

        def uniform(low: float, high: float, *shape: int) -> Tensor:
            return (low + (high - low) * torch.rand(shape, generator=generator)).requires_grad_()

        fields, rates = (batch, clips, channels), (batch, channels)
        inputs = [uniform(0.1, 0.9, *fields), uniform(0.0, 0.5, *fields), uniform(0.5, 2.0, *fields)]
        inputs += [uniform(0.02, 0.06, *rates), uniform(0.02, 0.06, *rates)]
        inputs += [uniform(2.0, 20.0, *rates), uniform(0.2, 2.0, *rates)]
        return lambda: reaction_diffusion(*inputs, steps=steps, backend=backend), inputs

    return prepare


def cross_attention(batch: int, clips: int, channels: int, *, projections: bool) -> Contender:
    """Clips attend to 32 words, 8 heads: with projections, residual and layer norm, or the bare attention product."""

    def prepare():
        video = torch.randn(batch, clips, channels, requires_grad=True)
        text = torch.randn(batch, WORDS, channels, requires_grad=True)
        attention, norm = nn.MultiheadAttention(channels, 8, batch_first=True), nn.LayerNorm(channels)
        if projections:
            leaves = [video, text, *attention.parameters(), *norm.parameters()]
            return lambda: (norm(video + attention(video, text, text, need_weights=False)[0]),), leaves

        def bare():
            query, key = (x.unflatten(2, (8, -1)).transpose(1, 2) for x in (video, text))
            return (nn.functional.scaled_dot_product_attention(query, key, key),)

        return bare, [video, text]

    return prepare


def contenders(batch: int, clips: int, channels: int, steps: int) -> dict[str, Contender]:
    """The registry: name in the table -> what is timed. The first one is the unit of the ratios."""
    backends = reversed(available_backends("cpu"))
    backends = [name for name in backends if clips * steps <= LARGEST_LOOP.get(name, math.inf)]
    shape = (batch, clips, channels)
    return {
        **{f"core, {name}": core(*shape, steps, name) for name in backends},
        "cross-attention + LN": cross_attention(*shape, projections=True),
        "bare attention product": cross_attention(*shape, projections=False),
    }


def measure(batch: int, clips: int, channels: int, steps: int, repeats: int) -> list[dict]:
    """One row per contender: milliseconds, ratios to the first contender, peak memory in (B, T, C) fields."""
    forward: dict[str, Case] = {}
    both: dict[str, Case] = {}
    for name, contender in contenders(batch, clips, channels, steps).items():
        run, leaves = contender()
        forward[name] = torch.no_grad()(run)
        cotangents = [torch.randn_like(y) for y in forward[name]()]
        both[name] = partial(_forward_backward, run, leaves, cotangents)
    peaks = {name: peak_bytes(case) for name, case in both.items()}
    times = [interleaved_milliseconds(cases, repeats) for cases in (forward, both)]
    unit = next(iter(forward))
    field = 4 * batch * clips * channels
    return [
        {
            "name": name,
            "forward_ms": times[0][name],
            "forward_ratio": times[0][name] / times[0][unit],
            "both_ms": times[1][name],
            "both_ratio": times[1][name] / times[1][unit],
            "peak_fields": None if peaks[name] is None else peaks[name] / field,
        }
        for name in forward
    ]


def _forward_backward(run: Callable[[], tuple[Tensor, ...]], leaves: list[Tensor], cotangents: list[Tensor]) -> None:
    torch.autograd.grad(run(), leaves, cotangents)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--clips", type=int, nargs="+", default=[75])
    parser.add_argument("--channels", type=int, default=256)
    parser.add_argument("--steps", type=int, nargs="+", default=[12, 32])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, help="also write every figure to this file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    about = machine() | {"kernel": cpu.status()}
    print(", ".join(f"{key}: {value}" for key, value in about.items()))
    report = {"machine": about, "runs": []}
    for clips in options.clips:
        for steps in options.steps:
            rows = measure(options.batch, clips, options.channels, steps, options.repeats)
            shape = {"batch": options.batch, "clips": clips, "channels": options.channels, "steps": steps}
            report["runs"].append(shape | {"rows": rows})
            print(f"\nB = {options.batch}, T = {clips}, C = {options.channels}, N = {steps}\n")
            print(
                "| | forward, ms | ratio | forward + backward, ms | ratio | peak, fields |\n|---|---|---|---|---|---|"
            )
            for row in rows:
                peak = "–" if row["peak_fields"] is None else f"{row['peak_fields']:.1f}"
                print(
                    f"| {row['name']} | {row['forward_ms']:.2f} | {row['forward_ratio']:.2f} "
                    f"| {row['both_ms']:.2f} | {row['both_ratio']:.2f} | {peak} |"
                )
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
