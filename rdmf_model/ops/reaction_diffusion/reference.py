"""The truth that every backend is tested against: the semi-implicit reaction-diffusion step as a plain loop.

One step, with L minus the clip Laplacian with reflecting ends (derivation in README.md):

    (1 + h (F + s v_n^2) + h D_u L) u_{n+1} = u_n + h F
    (1 + h (F + k)       + h D_v L) v_{n+1} = v_n + h s v_n^2 u_{n+1}

Imports no kernel. Differentiable by autograd, twice if wanted; slow: a loop over clips inside a loop over steps.
"""

import torch
from torch import Tensor

from rdmf_model.ops.exporting import exporting

# s v and v are cut here before they are multiplied, so that s v^2 is finite for any input; below it the step is exact.
REACTION_LIMIT = {torch.float32: 1e15, torch.float64: 1e150}


def reaction_diffusion_reference(
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
    """N semi-implicit steps from (u0, v0), differentiable by autograd.

    Arguments:
        u0, v0, gain: (B, T, C), all of one dtype, float32 or float64; gain is s_t of the equations, >= 0.
        F, k, D_u, D_v: (B, C), > 0 (rates in 1/time, diffusions in clip^2/time).
        lengths: (B,) int64 valid clips of each sample, or None if all T are valid.
        steps: N >= 0.
        step_size: h > 0.
    Returns: (u_N, v_N), each (B, T, C); 0 in the padding.
    """
    clips = u0.shape[1]
    valid = clip_mask(lengths, u0)
    u, v, gain = (torch.where(valid, x, 0.0) for x in (u0, v0, gain))
    feed, turnover = step_size * F[:, None], step_size * (F + k)[:, None]
    coupled = valid[:, 1:]  # clip t feels clip t + 1 only where the latter is valid
    coupling_u = torch.where(coupled, step_size * D_u[:, None], 0.0).expand(-1, -1, u.shape[2])
    coupling_v = torch.where(coupled, step_size * D_v[:, None], 0.0).expand(-1, -1, u.shape[2])
    diagonal_v = torch.where(valid, 1.0 + turnover, 1.0).expand_as(u)
    source = torch.where(valid, feed, 0.0)
    limit = REACTION_LIMIT[u.dtype]
    for _ in range(steps):
        reaction = step_size * (gain * v).clamp(max=limit) * v.clamp(max=limit)
        u = solve_tridiagonal(1.0 + source + reaction, coupling_u, u + source, clips)
        v = solve_tridiagonal(diagonal_v, coupling_v, v + reaction * u, clips)
    return u, v


def clip_mask(lengths: Tensor | None, like: Tensor) -> Tensor:
    """True where a clip is valid, shape (B, T, 1) for `like` of shape (B, T, C)."""
    batch, clips, _ = like.shape
    if lengths is None:
        return torch.ones(batch, clips, 1, dtype=torch.bool, device=like.device)
    return torch.arange(clips, device=like.device)[None, :, None] < lengths[:, None, None]


def solve_tridiagonal(row_sum: Tensor, coupling: Tensor, right: Tensor, clips: int) -> Tensor:
    """Solution x of (diag(row_sum) + L_coupling) x = right along the clip axis, without a subtraction.

    L_coupling x at clip t is e_t (x_t - x_{t+1}) + e_{t-1} (x_t - x_{t-1}), with e = coupling, nothing beyond the ends.
    The pivots are r_t + e_t with r_t = a_t + e_{t-1} r_{t-1} / (r_{t-1} + e_{t-1}): sums, products and quotients of
    positive numbers only. So a positive right side gives a positive solution in floating point too, each entry with a
    small relative error, however large the coupling is.

    Arguments: row_sum a (B, T, C), > 0; coupling e (B, T - 1, C), >= 0; right (B, T, C); clips T.
    Returns: (B, T, C).
    """
    if exporting():
        return _solve_by_scan(row_sum, coupling, right)
    a, e, b = row_sum.unbind(1), coupling.unbind(1), right.unbind(1)
    remainder, y = a[0], b[0]
    inverse_pivots, factors, ys = [], [], []
    for t in range(clips - 1):
        inverse_pivot = 1.0 / (remainder + e[t])
        factor = e[t] * inverse_pivot
        inverse_pivots.append(inverse_pivot)
        factors.append(factor)
        ys.append(y)
        remainder = a[t + 1] + factor * remainder
        y = b[t + 1] + factor * y
    x = [y / remainder]
    for t in reversed(range(clips - 1)):
        x.append(ys[t] * inverse_pivots[t] + factors[t] * x[-1])
    return torch.stack(x[::-1], dim=1)


def _solve_by_scan(row_sum: Tensor, coupling: Tensor, right: Tensor) -> Tensor:
    """`solve_tridiagonal` with its loops over clips as scan operators, so that T may vary in an exported program."""
    from torch._higher_order_ops.scan import scan

    def eliminate(carry: tuple[Tensor, ...], row: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        (remainder, y), (a, b, e) = carry, row
        factor = e / (remainder + e)
        remainder, y = a + factor * remainder, b + factor * y
        return (remainder, y), (remainder.clone(), y.clone())

    def substitute(later: Tensor, row: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        remainder, y, e = row
        x = (y + e * later) / (remainder + e)
        return x, x.clone()

    a, b, e = (x.transpose(0, 1) for x in (row_sum, right, coupling))
    end = torch.zeros_like(b[:1])
    # no coupling before the first clip: its row starts from anything positive
    _, rows = scan(eliminate, (torch.ones_like(b[0]), torch.zeros_like(b[0])), (a, b, torch.cat((end, e))))
    _, x = scan(substitute, torch.zeros_like(b[0]), (*rows, torch.cat((e, end))), reverse=True)
    return x.transpose(0, 1)
