"""The step with a hand-written adjoint: gradients by two more tridiagonal solves per step, O(sqrt N) stored states.

With q = h s v^2, M_u u+ = u + h F, M_v v+ = v + q u+ (both matrices symmetric) and cotangents U of u+, V of v+:

    M_v y = V        M_u x = U + q y        u: x      v: y + Q dq/dv      s: Q dq/ds      with Q = u+ (y - x)
    F: h sum(x (1 - u+)) + w      k: w = -h sum(y v+)      D_u: -h x^T L u+      D_v: -h y^T L v+

The states of every K-th step, K ~ sqrt N, are kept; the backward pass recomputes the K steps of one segment at a time.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .folded import Factors, FoldedAxis
from .reference import REACTION_LIMIT


def reaction_diffusion_adjoint(
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
    """As `reference.reaction_diffusion_reference`, once differentiable, in a fraction of its time and memory."""
    return _ReactionDiffusion.apply(u0, v0, gain, F, k, D_u, D_v, lengths, steps, step_size)  # type: ignore[return-value]


class _Problem(NamedTuple):
    """What all steps share, in folded layout."""

    axis: FoldedAxis
    gain: Tensor
    source: Tensor
    coupling_u: Tensor
    factors_v: Factors
    step_size: float

    @staticmethod
    def of(
        gain: Tensor, F: Tensor, k: Tensor, D_u: Tensor, D_v: Tensor, lengths: Tensor | None, step_size: float
    ) -> "_Problem":
        axis = FoldedAxis.of(gain, lengths)
        folded = axis.fold(gain)
        source = axis.inside(step_size * F)
        row_sum = (1.0 + axis.inside(step_size * (F + k))).expand_as(folded).clone()
        factors = Factors.of(row_sum, axis.coupling(step_size * D_v))
        return _Problem(axis, folded, source, axis.coupling(step_size * D_u), factors, step_size)

    def reaction(self, v: Tensor) -> Tensor:
        """q = h s v^2, cut where it would overflow, exactly as in the reference."""
        limit = REACTION_LIMIT[v.dtype]
        return (self.gain * v).clamp_(max=limit).mul_(v.clamp(max=limit)).mul_(self.step_size)

    def factors_u(self, reaction: Tensor) -> Factors:
        return Factors.of((1.0 + self.source) + reaction, self.coupling_u)

    def step(self, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        reaction = self.reaction(v)
        u = self.factors_u(reaction).solve(u + self.source)
        return u, self.factors_v.solve(reaction.mul_(u).add_(v))


class _Cotangents:
    """Cotangents of the state and of every parameter, carried backwards step by step."""

    def __init__(self, problem: _Problem, u: Tensor, v: Tensor) -> None:
        self.problem, self.u, self.v = problem, u, v
        self.gain = torch.zeros_like(u)
        self.F, self.k, self.D_u, self.D_v = (torch.zeros_like(u[0, 0]) for _ in range(4))

    def step_back(self, v: Tensor, u_next: Tensor, v_next: Tensor) -> None:
        """From the cotangents of (u+, v+) to those of (u, v); `v` is the state before the step."""
        problem, h, limit = self.problem, self.problem.step_size, REACTION_LIMIT[v.dtype]
        reaction = problem.reaction(v)
        y = problem.factors_v.solve(self.v)
        x = problem.factors_u(reaction).solve(self.u.addcmul_(reaction, y))
        through_reaction = (y - x).mul_(u_next).mul_(h)
        gain_v, cut = problem.gain * v, v.clamp(max=limit)
        by_gain = torch.where(gain_v <= limit, cut, 0.0)
        by_v = torch.where(v <= limit, gain_v.clamp(max=limit), 0.0).add_(problem.gain * by_gain)
        self.gain.add_(by_gain.mul_(through_reaction).mul_(v))  # in this order: by_gain v could overflow
        turnover = h * (y * v_next).sum((0, 1))
        self.F += h * torch.addcmul(x, x, u_next, value=-1.0).sum((0, 1)) - turnover
        self.k -= turnover
        self.D_u -= h * problem.axis.edge_product(x, u_next)
        self.D_v -= h * problem.axis.edge_product(y, v_next)
        self.u, self.v = x, by_v.mul_(through_reaction).add_(y)


def _segment(steps: int) -> int:
    """Steps between two kept states."""
    return max(1, math.isqrt(steps))


def _advance(problem: _Problem, u: Tensor, v: Tensor, steps: int, keep: bool) -> tuple[Tensor, Tensor, list[Tensor]]:
    """The state after `steps` steps, folded, and the states to keep on the way: u, v of each segment's start."""
    kept: list[Tensor] = []
    for n in range(steps):
        if keep and n % _segment(steps) == 0:
            kept += [u, v]
        u, v = problem.step(u, v)
    return u, v, kept


def _retreat(problem: _Problem, kept: Sequence[Tensor], steps: int, u_bar: Tensor, v_bar: Tensor) -> tuple[Tensor, ...]:
    """Gradients of u0, v0, gain, F, k, D_u, D_v from the kept states and the outputs' cotangents (B, T, C)."""
    carried = _Cotangents(problem, problem.axis.fold(u_bar), problem.axis.fold(v_bar))
    segment = _segment(steps)
    starts = list(zip(range(0, steps, segment), kept[::2], kept[1::2], strict=True))
    for start, u, v in reversed(starts):
        states = [(u, v)]
        for _ in range(start, min(start + segment, steps)):
            states.append(problem.step(*states[-1]))
        while len(states) > 1:
            u_next, v_next = states.pop()
            carried.step_back(states[-1][1], u_next, v_next)
    fields = (problem.axis.unfold(x) for x in (carried.u, carried.v, carried.gain))
    return *fields, carried.F, carried.k, carried.D_u, carried.D_v


def adjoint_gradients(
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
) -> tuple[Tensor, ...]:
    """Gradients of u0, v0, gain, F, k, D_u and D_v for the outputs' cotangents; needs no autograd."""
    problem = _Problem.of(gain, F, k, D_u, D_v, lengths, step_size)
    *_, kept = _advance(problem, problem.axis.fold(u0), problem.axis.fold(v0), steps, keep=True)
    return _retreat(problem, kept, steps, u_bar, v_bar)


class _ReactionDiffusion(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> tuple[Tensor, Tensor]:
        u0, v0, gain, F, k, D_u, D_v, lengths, steps, step_size = arguments
        problem = _Problem.of(gain, F, k, D_u, D_v, lengths, step_size)
        ctx.steps, ctx.step_size = steps, step_size
        start = problem.axis.fold(u0), problem.axis.fold(v0)
        u, v, kept = _advance(problem, *start, steps, keep=any(ctx.needs_input_grad))
        ctx.save_for_backward(gain, F, k, D_u, D_v, lengths, *kept)
        return problem.axis.unfold(u), problem.axis.unfold(v)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise RuntimeError(
                "reaction_diffusion cannot be differentiated twice by this backend (create_graph=True). "
                "Pass backend='reference' for second derivatives."
            )
        gain, F, k, D_u, D_v, lengths, *kept = ctx.saved_tensors
        problem = _Problem.of(gain, F, k, D_u, D_v, lengths, ctx.step_size)
        u_bar, v_bar = cotangents
        return *_retreat(problem, kept, ctx.steps, u_bar, v_bar), None, None, None
