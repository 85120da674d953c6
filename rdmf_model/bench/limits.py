"""How near is a case to what the machine can do? Least work counted by hand, limits measured in the same rounds.

Three limits of which the slowest binds: arithmetic slots (an addition, a multiplication or a fused multiply-add takes
one), divisions, and bytes to and from memory. The slots come from a matrix product, half its flops per second, which is
all fused multiply-adds; the divisions from dividing a tensor that stays in cache; the bytes from copying one that does
not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import torch

from rdmf_model.bench.measure import Case

if TYPE_CHECKING:
    from rdmf_model.bench.shape import Shape


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


# Per clip, channel and step, counted in ops/native/block.hpp (sweep_up, sweep_down) and adjoint.hpp.
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


# Of the cases below: side of the product's matrices, values copied, values divided and how often.
_SIDE = {"cpu": 1024, "cuda": 8192}
_COPIED = {"cpu": 2**25, "cuda": 2**29}
_DIVIDED, _TIMES = 2**14, 50


def limit_cases(device: str = "cpu") -> dict[str, Case]:
    """What measures the limits; to be run in turn with what is judged by them. Ten to a hundred milliseconds each.

    Divisions count as free on a GPU, which has no unit of its own for them.
    """
    side = _SIDE[device]
    a, b, product = (torch.randn(side, side, device=device) for _ in range(3))
    large = torch.zeros(_COPIED[device], device=device)
    copy = torch.empty_like(large)
    cases: dict[str, Case] = {
        "limit: slots": lambda: torch.mm(a, b, out=product),
        "limit: bytes": lambda: copy.copy_(large),
    }
    if device != "cpu":
        return cases
    x = torch.rand(_DIVIDED) + 1.0
    y, quotient = x.clone(), torch.empty_like(x)

    def divide() -> None:
        for _ in range(_TIMES):
            torch.div(x, y, out=quotient)

    return cases | {"limit: divisions": divide}


def limits_from(milliseconds: Mapping[str, float], device: str = "cpu") -> Limits:
    """The limits that the times of `limit_cases` stand for."""
    per_second = {name: 1e3 / value for name, value in milliseconds.items()}
    divisions = _TIMES * _DIVIDED * per_second["limit: divisions"] if device == "cpu" else float("inf")
    return Limits(
        _SIDE[device] ** 3 * per_second["limit: slots"],
        divisions,
        2 * 4 * _COPIED[device] * per_second["limit: bytes"],
    )


def fraction(work: Work, limits: Limits, milliseconds: float) -> tuple[float, str]:
    """(least possible time / measured time, which limit binds)."""
    least = {name: amount / rate for name, amount, rate in zip(Work._fields, work, limits, strict=True)}
    binds = max(least, key=lambda name: least[name])
    return 1e3 * least[binds] / milliseconds, binds
