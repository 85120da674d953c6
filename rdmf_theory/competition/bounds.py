"""What a wrong nonlocal number costs: exchange between chunks that comes late, or competition in a neighbourhood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rdmf_theory.competition.conductances import require_conductances, solve_weighted
from rdmf_theory.competition.design import ShadowParameters
from rdmf_theory.errors import ParameterError


@dataclass(frozen=True)
class ExchangeBound:
    """Bounds of the errors after each step, `u` and `v` of shape (steps + 1,), and the consumption errors allowed for.

    Arguments:
        u: bound of |u - u~| after 0..N steps; v: of |v_t - v~_t| at every clip.
    """

    u: np.ndarray
    v: np.ndarray


def exchange_bound(
    parameters: ShadowParameters, consumption_errors: Any, largest_gain: float, largest_v: Any, h: float = 1.0
) -> ExchangeBound:
    """Errors of a run that uses `c~` in place of `c = <s_t v_t^2>` of its own fields, step by step.

        du' <= (du + h (eps + S 2 V dv)) / (1 + h F)
        dv' <= (dv + h S (V^2 du' + 2 V dv)) / (1 + h w)

    The first line splits |c - c~|: eps is the error of the number that is used against the consumption of the *run that
    uses it*, the rest is what that run's own fields differ by.

    Arguments:
        parameters: scalars.
        consumption_errors: eps of every step, shape (N,), >= 0; 0 where chunks exchange their sums in the step.
        largest_gain: S >= s_t.
        largest_v: V >= v_t of both runs, a number or one per step.
    Raises: ParameterError if an argument is negative or not finite.
    Proof: one step, proofs/WeightedLocality.v, `exchange_error_u`, `exchange_error_v`.
    """
    eps = np.atleast_1d(np.asarray(consumption_errors, dtype=float))
    V = np.broadcast_to(np.asarray(largest_v, dtype=float), eps.shape)
    numbers = np.concatenate([eps, V, [largest_gain]])
    if not np.all(np.isfinite(numbers) & (numbers >= 0)):
        raise ParameterError("consumption_errors, largest_gain and largest_v must be finite and >= 0.")
    du, dv = [0.0], [0.0]
    for error, top in zip(eps, V, strict=True):
        wrong = error + 2 * largest_gain * top * dv[-1]
        du.append(float((du[-1] + h * wrong) / (1 + h * parameters.F)))
        grown = dv[-1] + h * largest_gain * (top**2 * du[-1] + 2 * top * dv[-1])
        dv.append(float(grown / (1 + h * parameters.w)))
    return ExchangeBound(np.array(du), np.array(dv))


def neighbourhood_means(reacting: np.ndarray, radius: int) -> np.ndarray:
    """Mean of `s_t v_t^2` over the clips within `radius` of each clip, shape (T,).

    Arguments: reacting: s_t v_t^2, shape (T,), >= 0; radius: clips to each side, >= 0.
    """
    if int(radius) != radius or radius < 0:
        raise ParameterError(f"radius must be an integer >= 0. Got {radius!r}; it counts clips to each side.")
    T = len(reacting)
    total = np.concatenate([[0.0], np.cumsum(reacting)])
    first, last = np.maximum(np.arange(T) - radius, 0), np.minimum(np.arange(T) + radius + 1, T)
    return (total[last] - total[first]) / (last - first)


def neighbourhood_error(reacting: np.ndarray, radius: int) -> float:
    """Largest |<s v^2> - its mean over the clips within `radius`| of a state: eps of local competition."""
    return float(np.abs(neighbourhood_means(reacting, radius) - reacting.mean()).max())


def neighbourhood_step(
    u: np.ndarray,
    v: np.ndarray,
    gain: Any,
    parameters: ShadowParameters,
    conductances: Any,
    radius: int,
    h: float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """The shadow step with the mean over a neighbourhood in place of the video's: streams, with the error bounded.

        u_t' = (u_t + h F) / (1 + h (F + c_t))          (1 + h w - h D_v Lap_kappa) v' = v + h s_t u_t' v^2

    Arguments: u, v: shape (T,); c_t is `neighbourhood_means` of s_t v_t^2; the rest as `shadow.shadow_step`.
    """
    reacting = np.broadcast_to(np.asarray(gain, dtype=float), np.shape(v)) * v**2
    u_next = (u + h * parameters.F) / (1 + h * (parameters.F + neighbourhood_means(reacting, radius)))
    kappa = require_conductances(conductances)
    return u_next, solve_weighted(1 + h * parameters.w, h * parameters.D_v, kappa, v + h * u_next * reacting)
