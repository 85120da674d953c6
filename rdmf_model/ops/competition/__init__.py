"""Runs N competition steps: one substrate number per video, an activator per clip, diffusion that stops at cuts.

`competition` is the operator; README.md derives the step and its properties, `reference.py` is the truth in tests.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rdmf_model.ops.competition.cyclic import competition_cyclic, weighted_solve
from rdmf_model.ops.competition.reference import competition_reference
from rdmf_model.ops.exporting import exporting

BACKENDS = {"reference": competition_reference, "cyclic": competition_cyclic}


def competition(
    u0: Tensor,
    v0: Tensor,
    gain: Tensor,
    F: Tensor,
    w: Tensor,
    D: Tensor,
    kappa: Tensor,
    lengths: Tensor | None = None,
    *,
    steps: int,
    step_size: float = 1.0,
    backend: str | None = None,
) -> tuple[Tensor, Tensor]:
    """N steps of local activation and global inhibition from (u0, v0); arguments as `competition_reference`.

    Arguments: backend: "cyclic" (default), or "reference", which can be differentiated twice; the reference runs in
        exported programs, whose T may vary.
    Returns: u_N (B, K) in [0, 1], v_N (B, T, K) >= 0 and 0 in the padding.
    Raises: ValueError for shapes that do not fit, mixed or unsupported dtypes, steps < 0, or a step size that is not
        positive and finite.
    """
    if v0.dim() != 3 or gain.shape != v0.shape:
        raise ValueError(f"v0 and gain must have one shape (B, T, K). Got {tuple(v0.shape)}, {tuple(gain.shape)}.")
    batch, clips, channels = v0.shape
    for name, x in {"u0": u0, "F": F, "w": w, "D": D}.items():
        if x.shape != (batch, channels):
            raise ValueError(f"{name} must have shape (B, K) = {(batch, channels)}. Got {tuple(x.shape)}.")
    if kappa.shape not in ((batch, clips - 1, 1), (batch, clips - 1, channels)):
        raise ValueError(
            f"kappa must have shape (B, T - 1, 1 or K) = {(batch, clips - 1, channels)}. Got {tuple(kappa.shape)}."
        )
    dtypes = {x.dtype for x in (u0, v0, gain, F, w, D, kappa)}
    if len(dtypes) > 1 or not dtypes <= {torch.float32, torch.float64}:
        raise ValueError(f"competition needs one dtype, float32 or float64. Got {sorted(map(str, dtypes))}.")
    if steps < 0 or not (step_size > 0 and math.isfinite(step_size)):
        raise ValueError(f"steps must be >= 0 and step_size positive. Got {steps} and {step_size}.")
    name = backend or ("reference" if exporting() else "cyclic")
    if name not in BACKENDS:
        raise ValueError(f"backend must be one of {', '.join(BACKENDS)}. Got {backend!r}.")
    return BACKENDS[name](u0, v0, gain, F, w, D, kappa, lengths, steps, step_size)


__all__ = ["BACKENDS", "competition", "competition_cyclic", "competition_reference", "weighted_solve"]
