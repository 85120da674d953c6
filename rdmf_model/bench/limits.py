"""How near is a case to what the machine can do? Least work counted by hand, limits measured in the same run.

Three limits of which the slowest binds: arithmetic slots (an addition, a multiplication or a fused multiply-add takes
one), divisions, and bytes to and from memory. The slots come from a matrix product, half its flops per second, which is
all fused multiply-adds; the divisions from dividing a tensor that stays in cache; the bytes from copying one that does
not.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, NamedTuple

import torch

from rdmf_model.bench.measure import seconds

if TYPE_CHECKING:
    from rdmf_model.bench.contenders import Shape


class Work(NamedTuple):
    """What has to be done at least: arithmetic slots, divisions, bytes read and written once."""

    slots: float
    divisions: float
    bytes: float


class Limits(NamedTuple):
    """What the machine does per second."""

    slots: float
    divisions: float
    bytes: float


# Per clip, channel and step, counted in block.hpp (sweep_up, sweep_down) and in kernel.cpp's adjoint sweeps.
STEP_SLOTS, STEP_BACK_SLOTS = 20, 34


def core_work(shape: Shape) -> dict[str, Work]:
    """N steps; with backward, their states are recomputed once, and one division belongs to each sweep upwards."""
    field = shape.batch * shape.clips * shape.channels
    points = field * shape.steps
    return {
        # u0, v0, gain in, u, v out; back again: those three and two cotangents in, three cotangents out
        "forward": Work(STEP_SLOTS * points, points, 4 * 5 * field),
        "both": Work((2 * STEP_SLOTS + STEP_BACK_SLOTS) * points, 3 * points, 4 * 13 * field),
    }


def module_work(shape: Shape, heads: int, probes: int = 32) -> dict[str, Work]:
    """The core and the products with the scores; of the fields only clips in and out, and their cotangents."""
    core, field = core_work(shape), shape.batch * shape.clips * shape.channels
    # match with the text, salience, listening: heads, heads + probes, heads + probes columns
    products = field * (3 * heads + 2 * probes)
    return {
        "forward": Work(core["forward"].slots + products, core["forward"].divisions, 4 * 2 * field),
        "both": Work(core["both"].slots + 3 * products, core["both"].divisions, 4 * 5 * field),
    }


def measure_limits(device: str = "cpu") -> Limits:
    """About a second of work. Divisions count as free on a GPU, which has no unit of its own for them."""
    n = 1024 if device == "cpu" else 8192
    a, b = torch.randn(n, n, device=device), torch.randn(n, n, device=device)
    product = _median(lambda: torch.mm(a, b), device)
    large = torch.zeros(2**25 if device == "cpu" else 2**29, device=device)
    copy = torch.empty_like(large)
    streamed = 2 * 4 * large.numel() / _median(lambda: copy.copy_(large), device)
    if device != "cpu":
        return Limits(n**3 / product, float("inf"), streamed)
    x = torch.rand(2**14) + 1.0
    y, quotient = x.clone(), torch.empty_like(x)

    def divide() -> None:
        for _ in range(50):
            torch.div(x, y, out=quotient)

    return Limits(n**3 / product, 50 * x.numel() / _median(divide, device), streamed)


def fraction(work: Work, limits: Limits, milliseconds: float) -> tuple[float, str]:
    """(least possible time / measured time, which limit binds)."""
    least = {name: amount / rate for name, amount, rate in zip(Work._fields, work, limits, strict=True)}
    binds = max(least, key=lambda name: least[name])
    return 1e3 * least[binds] / milliseconds, binds


def _median(case, device: str, repeats: int = 7) -> float:
    case()
    return statistics.median(seconds(case, device) for _ in range(repeats))
