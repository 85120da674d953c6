"""Which wavenumbers grow, and how fast? The dispersion relation of the PDE (of the step: `layer.step`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from rdmf_theory import formulas
from rdmf_theory.chart import Parameters
from rdmf_theory.errors import ParameterError
from rdmf_theory.steady_states import jacobian, v_rich_chart


def growth_rate(parameters: Parameters, mu: Any, state: tuple[Any, Any] | None = None) -> np.ndarray:
    """Growth rate of each spatial mode, `max Re eig(J - mu D)`.

    Arguments:
        parameters: fields broadcast against `mu`.
        mu: eigenvalues of minus the Laplacian (q^2 on a line, `clip_eigenvalues` on clips), 1/clip^2, >= 0.
        state: (u, v), default the v-rich state.
    Returns: shape of `mu` (broadcast), 1/step; positive entries are unstable modes.
    Raises: ParameterError if any `mu` is negative or not finite, or there is no v-rich state.
    Source: Murray, Mathematical Biology II, section 2.3.
    """
    mu = np.asarray(mu, dtype=float)
    if not np.all(np.isfinite(mu) & (mu >= 0)):
        raise ParameterError("mu must be finite and >= 0; it is an eigenvalue of minus the Laplacian.")
    F, k, s = parameters.F, parameters.k, parameters.s
    if state is None:
        u, _ = v_rich_chart(parameters)
        state = (u, parameters.w / (s * u))
    matrix = jacobian(F, k, s, *state)
    j11 = matrix[..., 0, 0] - mu * parameters.D_u
    j22 = matrix[..., 1, 1] - mu * parameters.D_v
    half_trace = (j11 + j22) / 2
    product = matrix[..., 0, 1] * matrix[..., 1, 0]
    # ((j11 - j22)/2)^2 + j12 j21 is tr^2/4 - det without its cancellation
    discriminant = ((j11 - j22) / 2) ** 2 + product
    root = np.sqrt(np.maximum(discriminant, 0))
    slow = half_trace + root
    # det/(other root) keeps the digits of a small rate under a large diffusion
    determinant = j11 * j22 - product
    other = half_trace - root
    return np.where((discriminant > 0) & (half_trace < 0), determinant / np.where(other == 0, -1, other), slow)


def unstable_band(parameters: Parameters) -> tuple[Any, Any]:
    """Open band (mu_lo, mu_hi) of growing modes at a damped v-rich state, 1/clip^2; NaN where there is none.

    `D_u D_v mu^2 - w (D_u - z D_v) mu + w^2 z (1 - 2 u*) < 0`.
    """
    u_star, z = v_rich_chart(parameters)
    with np.errstate(invalid="ignore"):
        m_lo, m_hi = formulas.band(u_star, z, np.asarray(parameters.d, dtype=float), xp=np)
    # with d < z the roots are negative: no mode grows
    scale = np.where((m_hi > 0) & (m_lo >= 0), parameters.w / parameters.D_v, np.nan)
    low, high = m_lo * scale, m_hi * scale
    return (low, high) if np.ndim(low) else (float(low), float(high))


def fastest_wave(parameters: Parameters) -> tuple[Any, Any]:
    """(mu, growth rate) of the fastest mode on a continuous axis, 1/clip^2 and 1/step: `lambda_max` of the chart.

    Raises: ParameterError if d <= 1, where the growth rate has no maximum at mu > 0.
    """
    if not np.all(np.asarray(parameters.d) > 1):
        raise ParameterError(f"Parameters.D_u must exceed D_v for a fastest mode. Got d = {parameters.d!r}; raise D_u.")
    u_star, z = v_rich_chart(parameters)
    d = np.asarray(parameters.d, dtype=float)
    mu = parameters.w * formulas.fastest_mode(u_star, z, d, xp=np) / parameters.D_v
    rate = parameters.w * formulas.largest_growth(u_star, z, d, xp=np)
    return (mu, rate) if np.ndim(mu) else (float(mu), float(rate))
