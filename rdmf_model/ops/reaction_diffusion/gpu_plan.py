"""How is a call cut into launches and windows for the GPU? Short videos are one tile; long ones overlap by halos.

A row of the solution of (a + e L) x = b, a >= 1, feels what lies n clips away by rho^n at most. So if a window ends
`halo_clips` beyond its rows, its end costs them less than one rounding per step; each step, and each step back, takes
as many rows off either side.
"""

import math
from typing import NamedTuple, Self

import torch
from torch import Tensor

# Longest video of one tile; longer ones are cut into windows of this many clips with their halos.
LONGEST_TILE = 2048
# A halo makes what lies beyond it count less than the rounding of one operation.
HALO_WEIGHT = {torch.float32: 2.0**-26, torch.float64: 2.0**-55}


class Plan(NamedTuple):
    """How a call is cut: blocks of steps, one launch each; windows, written clips per window, halo on either side."""

    blocks: tuple[int, ...]
    windows: int
    stride: int
    halo: int

    @classmethod
    def of(cls, clips: int, steps: int, halo_per_step: int) -> Self | None:
        """None where not even one step fits; `halo_per_step`, clips, is looked at for long videos only."""
        if clips <= LONGEST_TILE:
            return cls((steps,), 1, clips, 0)
        # As many steps at once as leave half of the tile to be written; one, if that is too many.
        at_once = max(1, min(steps, LONGEST_TILE // (4 * halo_per_step)))
        launches = -(-steps // at_once)
        blocks = tuple((steps * (n + 1)) // launches - (steps * n) // launches for n in range(launches))
        halo = max(blocks) * halo_per_step
        stride = LONGEST_TILE - 2 * halo
        if stride < LONGEST_TILE // 8:
            return None
        return cls(blocks, -(-clips // stride), stride, halo)


def plan_call(clips: int, steps: int, step_size: float, D_u: Tensor, D_v: Tensor, *, backward: bool) -> Plan | None:
    """The plan of a call; for long videos this waits for the GPU: the halo depends on the largest diffusion."""
    if clips <= LONGEST_TILE or not D_u.numel():
        return Plan.of(clips, steps, 0) if clips <= LONGEST_TILE else None
    coupling = step_size * float(torch.maximum(D_u.max(), D_v.max()))
    halo = halo_clips(coupling, HALO_WEIGHT[D_u.dtype])
    # Back, a step needs the states of `halo` clips around it, which need as many again.
    return Plan.of(clips, steps, (2 if backward else 1) * halo)


def halo_clips(coupling: float, weight: float) -> int:
    """Least distance n with rho^n <= weight, where rho = 1 + x - sqrt((1 + x)^2 - 1), x = 1 / (2 coupling).

    rho bounds, clip by clip, how a solution of (a + e L) x = b, a >= 1, e <= coupling, falls off beside its source.
    A multiple of 16; a coupling that is not finite counts as unbounded.
    """
    if not math.isfinite(coupling):
        return LONGEST_TILE
    x = 0.5 / max(coupling, 1e-30)
    # log rho = -arccosh(1 + x), by log1p since x may be tiny
    rate = math.log1p(x + math.sqrt(x * (x + 2.0)))
    return min(LONGEST_TILE, 16 * math.ceil(-math.log(weight) / rate / 16))
