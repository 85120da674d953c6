"""Defines the competition step as a plain loop: the truth that every backend is tested against.

One substrate number u per video and channel, an activator v_t per clip, conductances kappa between clips:

    u_{n+1} = (u_n + h F) / (1 + h (F + <s_t v_n^2>))
    (1 + h w + h D L_kappa) v_{n+1} = v_n + h s_t u_{n+1} v_n^2

<.> is the mean over the video's clips, L_kappa minus the weighted clip Laplacian; derivation in README.md. Imports no
kernel. Differentiable by autograd, twice if wanted; slow: a loop over clips inside a loop over steps.
"""

import torch
from torch import Tensor

from rdmf_model.ops.reaction_diffusion.reference import REACTION_LIMIT, clip_mask, solve_tridiagonal


def competition_reference(
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
    """N steps from (u0, v0).

    Arguments:
        u0: (B, K), in [0, 1]; v0, gain: (B, T, K), >= 0; gain is s_t of the equations.
        F, w, D: (B, K), > 0: feed rate, turnover rate F + k (1/time), diffusion of the activator (clip^2/time).
        kappa: (B, T - 1, 1) or (B, T - 1, K), in [0, 1]: conductance between a clip and the next one.
        lengths: (B,) int64 valid clips of each sample, or None if all T are valid.
        steps: N >= 0.  step_size: h > 0.
    Returns: u_N (B, K) and v_N (B, T, K), the latter 0 in the padding.
    """
    valid = clip_mask(lengths, v0)
    v, gain = torch.where(valid, v0, 0.0), torch.where(valid, gain, 0.0)
    count = valid.sum(1).to(v.dtype)
    coupling = torch.where(valid[:, 1:], step_size * D[:, None] * kappa, 0.0)
    diagonal = torch.where(valid, 1.0 + step_size * w[:, None], 1.0).expand_as(v)
    limit = REACTION_LIMIT[v.dtype]
    u = u0
    for _ in range(steps):
        square = (gain * v).clamp(max=limit) * v.clamp(max=limit)
        u = (u + step_size * F) / (1.0 + step_size * (F + square.sum(1) / count))
        v = solve_tridiagonal(diagonal, coupling, v + step_size * u[:, None] * square, v.shape[1])
    return u, v
