"""The shadow step in float64, the reference of every other implementation, and runs of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rdmf_theory.competition.conductances import require_conductances, solve_weighted
from rdmf_theory.competition.design import ShadowParameters
from rdmf_theory.errors import ParameterError


def shadow_step(
    u: float, v: np.ndarray, gain: Any, parameters: ShadowParameters, conductances: Any, h: float = 1.0
) -> tuple[float, np.ndarray]:
    """One step of the layer with global competition, nonlinear, float64.

        u' = (u + h F) / (1 + h (F + <s_t v^2>))          (1 + h w - h D_v Lap_kappa) v' = v + h s_t u' v^2

    Arguments:
        u: substrate of the video, in [0, 1].
        v: activator per clip, shape (T,), >= 0; only clips that count.
        gain: s_t, shape (T,) or scalar, >= 0; pass `parameters.s` for the unmodulated layer.
        parameters: scalars.
        conductances: shape (T - 1,), in [0, 1].
        h: step size, > 0.
    Returns: (u', v').
    Raises: ParameterError for shapes or values out of range.
    Proof: proofs/Shadow.v, `shadow_u_iff`, `shadow_exists`, `shadow_run_bounds`.
    """
    v = np.asarray(v, dtype=float)
    kappa = require_conductances(conductances)
    if v.ndim != 1 or len(v) != len(kappa) + 1:
        raise ParameterError(f"conductances must have T - 1 entries for T = {v.size} clips. Got {len(kappa)}.")
    gain = np.broadcast_to(np.asarray(gain, dtype=float), v.shape)
    if not (0 <= u <= 1 and np.all(v >= 0) and np.all(np.isfinite(v))):
        raise ParameterError("u must be in [0, 1] and v finite and >= 0; start from the homogeneous state.")
    if not (np.all(np.isfinite(gain)) and np.all(gain >= 0)):
        raise ParameterError("gain must be finite and >= 0 at every clip; it is a rate.")
    if not (np.isfinite(h) and h > 0):
        raise ParameterError(f"h must be finite and positive. Got {h!r}; the layer uses h = 1.")
    reacting = gain * v**2
    u_next = (u + h * parameters.F) / (1 + h * (parameters.F + float(reacting.mean())))
    right = v + h * u_next * reacting
    return float(u_next), solve_weighted(1 + h * parameters.w, h * parameters.D_v, kappa, right)


@dataclass(frozen=True)
class ShadowRun:
    """A run: `u` of shape (steps + 1,), `v` of shape (steps + 1, T)."""

    u: np.ndarray
    v: np.ndarray


def shadow_run(
    u: float, v: Any, gain: Any, parameters: ShadowParameters, conductances: Any, steps: int, h: float = 1.0
) -> ShadowRun:
    """`steps` shadow steps with the same gains; arguments as `shadow_step`."""
    if int(steps) != steps or steps < 1:
        raise ParameterError(f"steps must be an integer >= 1. Got {steps!r}; the layer takes 12 to 32.")
    us, vs = [float(u)], [np.asarray(v, dtype=float)]
    for _ in range(int(steps)):
        u_next, v_next = shadow_step(us[-1], vs[-1], gain, parameters, conductances, h)
        us.append(u_next)
        vs.append(v_next)
    return ShadowRun(np.array(us), np.stack(vs))
