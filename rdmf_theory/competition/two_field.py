"""The two-field layer with conductances: its step in float64 and the multipliers of its modes."""

from __future__ import annotations

from typing import Any

import numpy as np

from rdmf_theory.chart import Parameters
from rdmf_theory.competition.conductances import require_conductances, solve_weighted
from rdmf_theory.competition.modes import video_modes
from rdmf_theory.errors import ParameterError
from rdmf_theory.layer.step import jury_conditions, multiplier


def weighted_step(
    u: np.ndarray, v: np.ndarray, gain: Any, parameters: Parameters, conductances: Any, h: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """One step of the two-field layer, `layer.step.semi_implicit_step` with cuts; all conductances 1 gives that step.

    Arguments:
        u, v: fields, shape (T,); u in [0, 1], v >= 0.
        gain: s_t, shape (T,) or scalar, >= 0.
        parameters: scalars.
        conductances: shape (T - 1,), in [0, 1].
    Returns: (u', v').
    Raises: ParameterError if the shapes do not fit.
    Proof: proofs/WeightedStep.v, `wstep_exists`, `wstep_admissible`, `wstep_mean_bound`.
    """
    kappa = require_conductances(conductances)
    if np.shape(u) != np.shape(v) or np.shape(v) != (len(kappa) + 1,):
        raise ParameterError(f"u and v must have {len(kappa) + 1} clips. Got {np.shape(u)} and {np.shape(v)}.")
    gain = np.broadcast_to(np.asarray(gain, dtype=float), np.shape(v))
    u_next = solve_weighted(1 + h * (parameters.F + gain * v**2), h * parameters.D_u, kappa, u + h * parameters.F)
    right = v + h * gain * u_next * v**2
    return u_next, solve_weighted(1 + h * parameters.w, h * parameters.D_v, kappa, right)


def weighted_growth(parameters: Parameters, conductances: Any, h: float = 1.0) -> tuple[np.ndarray, ...]:
    """(mu, multiplier, grows) of every mode of a video with cuts, each of shape (T,).

    `grows` follows Jury's conditions, hence det(J - mu D) < 0.  Proof: proofs/WeightedModes.v, `weighted_transfer`.
    """
    mu = video_modes(conductances).mu
    conditions = jury_conditions(parameters, mu, h)
    grows = np.logical_or.reduce([value < 0 for value in conditions.values()])
    return mu, multiplier(parameters, mu, h), grows
