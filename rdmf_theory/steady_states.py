"""Where are the homogeneous steady states? Trivial state, saddle and v-rich state of a parameter point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rdmf_theory import formulas
from rdmf_theory.chart import Parameters
from rdmf_theory.errors import ParameterError


@dataclass(frozen=True)
class SteadyStates:
    """The homogeneous steady states (u, v); NaN where they do not exist. At the saddle-node the last two coincide.

    Arguments:
        trivial: (1, 0), linearly stable at every wavenumber.
        saddle: u > 1/2.
        v_rich: u* < 1/2, the base state of patterns.
    """

    trivial: tuple[Any, Any]
    saddle: tuple[Any, Any]
    v_rich: tuple[Any, Any]


def steady_states(F: Any, k: Any, s: Any) -> SteadyStates:
    """Steady states of Gray-Scott: `u (1 - u) = w^2/(s F)`, `v = w/(s u)`, w = F + k; they exist iff s F >= 4 w^2.

    Arguments: floats or arrays that broadcast, F, s > 0, k >= 0.
    Raises: ParameterError if one is not finite or has the wrong sign.
    """
    # diffusion plays no part in homogeneous states
    parameters = Parameters(F, k, s, 1.0, 1.0)
    rate = np.asarray(parameters.w, dtype=float)
    with np.errstate(invalid="ignore"):
        root = np.sqrt(np.asarray(formulas.steady_discriminant(F, k, s), dtype=float))
        low = formulas.steady_u(F, k, s, xp=np)
    high = (1 + root) / 2

    def state(u: Any) -> tuple[Any, Any]:
        v = rate / (s * u)
        return (u, v) if np.ndim(v) else (float(u), float(v))

    return SteadyStates(trivial=(1.0, 0.0), saddle=state(high), v_rich=state(low))


def jacobian(F: Any, k: Any, s: Any, u: Any, v: Any) -> np.ndarray:
    """Jacobian of the reactions at a state, `[[-F - s v^2, -2 s u v], [s v^2, 2 s u v - F - k]]`.

    Arguments: floats or arrays that broadcast. Returns: shape (..., 2, 2), 1/step, order (u, v).
    """
    entries = formulas.reaction_jacobian(F, k, s, u, v)
    flat = np.stack(np.broadcast_arrays(*(np.asarray(entry, dtype=float) for entry in entries)), axis=-1)
    return flat.reshape(*flat.shape[:-1], 2, 2)


def v_rich_chart(parameters: Parameters) -> tuple[Any, Any]:
    """(u*, z) of the v-rich state; ParameterError if there is none."""
    if not np.all(formulas.steady_discriminant(parameters.F, parameters.k, parameters.s) >= 0):
        raise ParameterError("Parameters.s must satisfy s F >= 4 (F + k)^2 for a v-rich state; raise s or lower k.")
    u_star = formulas.steady_u(parameters.F, parameters.k, parameters.s, xp=np)
    return u_star, parameters.F / (parameters.w * u_star)
