"""How far does a fused clip move when u and v move, and how far its saliency? Bounds clip by clip.

With g the map from the readout's sum to the fused clip, J its Jacobian at a clip, W the readout, and changes of the
channels' features within D >= 0:

    |change| <= |J| |W| D + 1/2 K r^2,      r = | |W| D |,      K >= |g''| within r of the clip

and never more than slope times r. The readout goes channel by channel, so that |J| |W| is |J W|. All norms are
Euclidean. A normalisation (x - mean)/s, s = sqrt(var + eps), has |n'| <= 1/s, |n''| <= 5/(sqrt(C) s^2), and s changes
by at most r/sqrt(C).
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn

from rdmf_model.fusion.reaction_diffusion import ReactionDiffusionFusion
from rdmf_model.model.heads import SaliencyHead

# largest slope and curvature of gelu
GELU_SLOPE, GELU_CURVATURE = 1.13, 0.8
# `normalize` divides by no less than 1e-12
_SHORTEST = 1e-11


def readout_slope(fusion: ReactionDiffusionFusion) -> float:
    """Lipschitz constant of `fusion.read` from (activator, substrate) to the fused clip, whatever the clip is.

    |W| (|gamma| / sqrt(eps)) (1 + 1.13 |W_2| |W_1| |gamma'| / sqrt(eps')): a normalisation stretches most where its
    input is constant over the channels.
    """
    inner, first, second = _feedforward(fusion)
    block = GELU_SLOPE * _norm(second.weight) * _norm(first.weight)
    stretch = [_largest(norm.weight) / math.sqrt(norm.eps) for norm in (inner, fusion.norm)]
    return _norm(fusion.readout_matrix()) * (1.0 + block * stretch[0]) * stretch[1]


@torch.no_grad()
def fused_change(fusion: ReactionDiffusionFusion, x: Tensor, change: Tensor) -> Tensor:
    """Bound of what happens to the fused clips, (n, C), float64.

    Arguments:
        x: clips plus readout, before the feed-forward block, (n, C).
        change: bounds of the features' changes, activators then substrates, (n, 2C), >= 0.
    """
    x, change = x.double(), change.double()
    inner, first, second = _feedforward(fusion)
    w1, w2 = first.weight.double(), second.weight.double()
    moved = change @ fusion.readout_matrix().double().abs().T
    r = moved.norm(dim=-1)
    # forward, in float64, with the Jacobians of the parts
    normal, s1 = _normalise(inner, x)
    hidden = normal @ w1.T + first.bias.double()
    y = x + nn.functional.gelu(hidden) @ w2.T + second.bias.double()
    slope = 0.5 * (1 + torch.erf(hidden / math.sqrt(2))) + hidden * torch.exp(-hidden.square() / 2) / math.sqrt(
        math.tau
    )
    identity = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    jacobian = identity + (w2 * slope[:, None, :]) @ (w1 @ _normalisation_jacobian(inner, x, identity))
    jacobian = _normalisation_jacobian(fusion.norm, y, jacobian)
    linear = (jacobian.abs() @ moved[..., None]).squeeze(-1)
    # the rest, from the smallest s on the way
    root = math.sqrt(x.shape[1])
    gamma1, gamma2, a1, a2 = (
        _largest(inner.weight),
        _largest(fusion.norm.weight),
        _norm(first.weight),
        _norm(second.weight),
    )
    s1 = (s1 - r / root).clamp(min=math.sqrt(inner.eps))
    block = 1 + GELU_SLOPE * a2 * a1 * gamma1 / s1
    bend = a2 * (GELU_CURVATURE * (a1 * gamma1 / s1).square() + GELU_SLOPE * a1 * 5 * gamma1 / (root * s1.square()))
    s2 = (_normalise(fusion.norm, y)[1] - block * r / root).clamp(min=math.sqrt(fusion.norm.eps))
    curvature = 5 * gamma2 / (root * s2.square()) * block.square() + gamma2 / s2 * bend
    bound = linear + (0.5 * curvature * r.square())[:, None]
    return torch.minimum(bound, (gamma2 / s2 * block * r)[:, None])


@torch.no_grad()
def saliency_change(head: SaliencyHead, clips: Tensor, distance: Tensor) -> Tensor:
    """Bound of what happens to `head(clips, query)`, for any query, where clips move by `distance`; (n,), float64.

        |change| <= |w| r + |alpha| min(2, 2 r / (2 |x| - r))         r = distance, x the clip

    since |x/|x| - y/|y|| <= 2 |x - y| / (|x| + |y|), a cosine is in [-1, 1], and queries enter by their direction.

    Arguments: clips (n, C), before or after they move; distance, Euclidean, (n,) or a scalar, >= 0.
    """
    clips, distance = clips.double(), torch.as_tensor(distance, dtype=torch.float64, device=clips.device)
    length = clips.norm(dim=-1)
    # shorter than this, clips are divided by something else than their length
    known = length - distance > _SHORTEST
    turn = torch.where(known, (2 * distance / torch.where(known, 2 * length - distance, 1.0)).clamp(max=2.0), 2.0)
    weight = float(head.plain.weight.double().norm())
    # where nothing moves, nothing changes, however short the clip
    return torch.where(distance == 0, 0.0, weight * distance + float(head.scale.abs()) * turn)


def _normalise(norm: nn.LayerNorm, x: Tensor) -> tuple[Tensor, Tensor]:
    """The normalisation of x in its own dtype, and s, (n,)."""
    s = (x.var(-1, unbiased=False) + norm.eps).sqrt()
    return (x - x.mean(-1, keepdim=True)) / s[:, None] * norm.weight.double() + norm.bias.double(), s


def _normalisation_jacobian(norm: nn.LayerNorm, x: Tensor, inner: Tensor) -> Tensor:
    """n'(x) times matrices `inner` (..., C, k), for x (n, C): gamma (P - m m^T / C) / s with m = P x / s."""
    s = (x.var(-1, unbiased=False) + norm.eps).sqrt()[:, None, None]
    m = ((x - x.mean(-1, keepdim=True))[..., None]) / s
    projected = inner - inner.mean(-2, keepdim=True)
    return norm.weight.double()[:, None] * (projected - m * (m * projected).mean(-2, keepdim=True)) / s


def _feedforward(fusion: ReactionDiffusionFusion) -> tuple[nn.LayerNorm, nn.Linear, nn.Linear]:
    inner, first, _, _, second = fusion.feedforward.block
    return cast(nn.LayerNorm, inner), cast(nn.Linear, first), cast(nn.Linear, second)


def _norm(weight: Tensor) -> float:
    """Largest singular value."""
    return float(torch.linalg.matrix_norm(weight.detach().double(), 2))


def _largest(weight: Tensor) -> float:
    return float(weight.detach().abs().max())
