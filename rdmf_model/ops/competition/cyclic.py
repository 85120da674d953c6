"""Solves all clips at once: the same steps with cyclic reduction, log2(T) vector passes instead of a loop over clips.

The matrix of the activator, `diag(a) + L_e` with row sums a > 0 and couplings e >= 0, is the same in every step of a
run, so it is reduced once. Every pass eliminates the neighbours at distance 2^j; row sums and couplings of the reduced
matrix are sums, products and quotients of positive numbers, so positive right sides give positive solutions in floating
point too. The matrix is symmetric: the adjoint of a solve is a solve with the same factors.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from rdmf_model.ops.reaction_diffusion.reference import REACTION_LIMIT, clip_mask

Factors = tuple[list[tuple[int, Tensor, Tensor]], Tensor]


def reduce(row_sum: Tensor, coupling: Tensor) -> Factors:
    """Factors of `diag(row_sum) + L_coupling` for `solve`.

    Arguments: row_sum (B, T, K), > 0; coupling (B, T - 1, K), >= 0, between a clip and the next one.
    """
    clips = row_sum.shape[1]
    before, after = pad(coupling, (0, 0, 1, 0)), pad(coupling, (0, 0, 0, 1))
    levels: list[tuple[int, Tensor, Tensor]] = []
    distance = 1
    while distance < clips:
        pivot = row_sum + before + after
        # nothing lies beyond the ends: any positive pivot does there, its couplings are 0
        beyond = (0, 0, distance, distance)
        padded, sums = pad(pivot, beyond, value=1.0), pad(row_sum, beyond)
        left, right = before / padded[:, :clips], after / padded[:, 2 * distance :]
        levels.append((distance, left, right))
        row_sum = row_sum + left * sums[:, :clips] + right * sums[:, 2 * distance :]
        before, after = left * pad(before, beyond)[:, :clips], right * pad(after, beyond)[:, 2 * distance :]
        distance *= 2
    return levels, 1.0 / (row_sum + before + after)


def solve(factors: Factors, right_side: Tensor) -> Tensor:
    """Solution of the reduced system, shape of `right_side` (B, T, K)."""
    levels, inverse = factors
    x = right_side
    for distance, left, right in levels:
        beyond = pad(x, (0, 0, distance, distance))
        x = x + left * beyond[:, : x.shape[1]] + right * beyond[:, 2 * distance :]
    return x * inverse


class WeightedSolve(torch.autograd.Function):
    """x = (diag(row_sum) + L_coupling)^-1 b with its adjoint: one more solve, and products of neighbours' differences.

    With y = (...)^-1 of the cotangent: db = y, d row_sum = -y x, d coupling = -(y_{t+1} - y_t)(x_{t+1} - x_t).
    """

    @staticmethod
    def forward(ctx: Any, right_side: Tensor, row_sum: Tensor, coupling: Tensor, factors: Factors) -> Tensor:
        x = solve(factors, right_side)
        ctx.factors = factors
        ctx.save_for_backward(x)
        return x

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:  # type: ignore[override]
        (x,) = ctx.saved_tensors
        y = solve(ctx.factors, cotangent)
        return y, -y * x, -(y[:, 1:] - y[:, :-1]) * (x[:, 1:] - x[:, :-1]), None


def weighted_solve(right_side: Tensor, row_sum: Tensor, coupling: Tensor) -> Tensor:
    """Solution x (B, T, K) of (diag(row_sum) + L_coupling) x = right_side, differentiable once.

    Arguments: row_sum > 0 and coupling >= 0, broadcastable to (B, T, K) and (B, T - 1, K).
    """
    row_sum, coupling = row_sum.expand_as(right_side), coupling.expand_as(right_side[:, 1:])
    with torch.no_grad():
        factors = reduce(row_sum, coupling)
    return WeightedSolve.apply(right_side, row_sum, coupling, factors)  # type: ignore[no-any-return]


def competition_cyclic(
    u0: Tensor,
    v0: Tensor,
    gain: Tensor,
    F: Tensor,
    w: Tensor,
    D: Tensor,
    kappa: Tensor,
    lengths: Tensor | None,
    steps: int,
    step_size: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """As `reference.competition_reference`, arguments and results alike."""
    valid = clip_mask(lengths, v0)
    v, gain = torch.where(valid, v0, 0.0), torch.where(valid, gain, 0.0)
    count = valid.sum(1).to(v.dtype)
    coupling = torch.where(valid[:, 1:], step_size * D[:, None] * kappa, 0.0).expand_as(v[:, 1:])
    diagonal = torch.where(valid, 1.0 + step_size * w[:, None], 1.0).expand_as(v)
    with torch.no_grad():
        factors = reduce(diagonal, coupling)
    limit = REACTION_LIMIT[v.dtype]
    u = u0
    for _ in range(steps):
        square = (gain * v).clamp(max=limit) * v.clamp(max=limit)
        u = (u + step_size * F) / (1.0 + step_size * (F + square.sum(1) / count))
        v = WeightedSolve.apply(v + step_size * u[:, None] * square, diagonal, coupling, factors)
    return u, v
