"""What does one layer step do to a mode? Clip Laplacian, semi-implicit step, amplification, gain, response."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import solve_banded

from rdmf_theory import formulas
from rdmf_theory.chart import Parameters, PatternDesign
from rdmf_theory.errors import ParameterError
from rdmf_theory.steady_states import v_rich_chart


def _require_count(name: str, value: int, least: int) -> None:
    if int(value) != value or value < least:
        raise ParameterError(f"{name} must be an integer >= {least}. Got {value!r}; pass a whole number.")


def _require_step_size(h: Any) -> None:
    if not np.all(np.isfinite(h) & (np.asarray(h) > 0)):
        raise ParameterError(f"h must be finite and positive. Got {h!r}; the layer uses h = 1.")


def clip_laplacian(T: int) -> np.ndarray:
    """Laplacian of T clips with replicate (Neumann) ends, shape (T, T), 1/clip^2; rows sum to 0.

    Raises: ParameterError if T < 1.
    """
    _require_count("T", T, 1)
    laplacian = np.eye(T, k=1) + np.eye(T, k=-1) - 2 * np.eye(T)
    laplacian[0, 0] += 1
    laplacian[-1, -1] += 1
    return laplacian


def clip_eigenvalues(T: int) -> np.ndarray:
    """Eigenvalues of minus the clip Laplacian, `mu_j = 4 sin^2(j pi/2T)`, j = 0..T-1, shape (T,), 1/clip^2."""
    _require_count("T", T, 1)
    return 4 * np.sin(np.arange(T) * np.pi / (2 * T)) ** 2


def clip_modes(T: int) -> np.ndarray:
    """Eigenvectors of the clip Laplacian, `cos(j pi (t + 1/2)/T)`, shape (T modes, T clips), largest entry <= 1."""
    _require_count("T", T, 1)
    return np.cos(np.outer(np.arange(T), np.arange(T) + 0.5) * np.pi / T)


def amplification_matrix(parameters: Parameters, mu: Any, h: float = 1.0) -> np.ndarray:
    """Amplification matrix `G(mu) = L^-1 B` of one semi-implicit step at the v-rich state.

    Arguments:
        parameters: with a v-rich state; fields broadcast against `mu`.
        mu: eigenvalues of minus the clip Laplacian, 1/clip^2, >= 0.
        h: step size, > 0.
    Returns: shape (..., 2, 2), order (u, v).
    """
    _require_step_size(h)
    u_star, z = v_rich_chart(parameters)
    mu = np.asarray(mu, dtype=float)
    entries = formulas.amplification(u_star, z, h * parameters.w, h * mu * parameters.D_u, h * mu * parameters.D_v)
    flat = np.stack(np.broadcast_arrays(*entries), axis=-1)
    return flat.reshape(*flat.shape[:-1], 2, 2)


def multiplier(parameters: Parameters, mu: Any, h: float = 1.0) -> np.ndarray:
    """Spectral radius of `G(mu)`: the factor by which the mode grows in one step. Shape of `mu` (broadcast)."""
    matrix = amplification_matrix(parameters, mu, h)
    trace = matrix[..., 0, 0] + matrix[..., 1, 1]
    determinant = matrix[..., 0, 0] * matrix[..., 1, 1] - matrix[..., 0, 1] * matrix[..., 1, 0]
    root = np.sqrt((trace**2 / 4 - determinant).astype(complex))
    return np.maximum(np.abs(trace / 2 + root), np.abs(trace / 2 - root))


def jury_conditions(parameters: Parameters, mu: Any, h: float = 1.0) -> dict[str, np.ndarray]:
    """Jury's three quantities of `G(mu)`; the mode decays iff all are positive.

    Returns: `no_growth` = 1 - tr G + det G (negative iff the mode grows), `no_flip` = 1 + tr G + det G and
        `no_rotation` = 1 - det G; the last two are positive for every z >= 1, h > 0 (the transfer theorem).
    """
    _require_step_size(h)
    u_star, z = v_rich_chart(parameters)
    mu = np.asarray(mu, dtype=float)
    arguments = (u_star, z, h * parameters.w, h * mu * parameters.D_u, h * mu * parameters.D_v)
    trace = formulas.amplification_trace(*arguments)
    determinant = formulas.amplification_determinant(*arguments)
    no_growth = formulas.jury_no_growth(*arguments)
    return {"no_growth": no_growth, "no_flip": 1 + trace + determinant, "no_rotation": 1 - determinant}


def growing_modes(parameters: Parameters, T: int, h: float = 1.0) -> np.ndarray:
    """Which of the T modes the layer's step amplifies, boolean, shape (T,): some Jury quantity is negative."""
    conditions = jury_conditions(parameters, clip_eigenvalues(T), h)
    return np.logical_or.reduce([value < 0 for value in conditions.values()])


def pattern_gain(design: PatternDesign, steps: int, h: float = 1.0) -> Any:
    """Gain of the design's wavelength over `steps` steps, `rho(G(mu))^N` at `D_v mu/w = m` of the fastest mode.

    It depends on (u*, z, excess, h rate) only: the wavelength cancels, because `h mu D_v = eta m`.
    Returns: float or array, > 1 for admissible designs.
    """
    _require_count("steps", steps, 1)
    with np.errstate(over="ignore"):
        return pattern_multiplier(design, h) ** steps


def pattern_multiplier(design: PatternDesign, h: float = 1.0) -> Any:
    """Multiplier of one step at the design's wavelength, `rho(G(mu))`; NaN where it is not real.

    Returns: float or array, > 1 for admissible designs.
    """
    _require_step_size(h)
    mode = formulas.fastest_mode(design.u_star, design.z, design.d, xp=np)
    eta = h * design.rate
    arguments = (design.u_star, design.z, eta, eta * design.d * mode, eta * mode)
    trace = formulas.amplification_trace(*arguments)
    with np.errstate(invalid="ignore"):
        return formulas.larger_eigenvalue(trace, formulas.amplification_determinant(*arguments), xp=np)


def semi_implicit_step(u: np.ndarray, v: np.ndarray, gain: Any, parameters: Parameters, h: float = 1.0) -> Any:
    """One step of the layer, nonlinear, in float64 (docs/mathematics.md, "The step").

        (1 + h (F + s_t v^2) - h D_u Lap) u' = u + h F
        (1 + h w - h D_v Lap) v' = v + h s_t u' v^2

    Arguments:
        u, v: fields, shape (T,); u in [0, 1], v >= 0.
        gain: s_t, the reaction gain per clip, shape (T,) or scalar; pass `parameters.s` for the unmodulated layer.
        parameters: scalars.
    Returns: (u', v'), each (T,).
    """
    _require_step_size(h)
    gain = np.broadcast_to(np.asarray(gain, dtype=float), v.shape)
    u_next = _implicit_solve(h * (parameters.F + gain * v**2), h * parameters.D_u, u + h * parameters.F)
    v_next = _implicit_solve(np.full_like(v, h * parameters.w), h * parameters.D_v, v + h * gain * u_next * v**2)
    return u_next, v_next


def _implicit_solve(reaction: np.ndarray, diffusion: float, right: np.ndarray) -> np.ndarray:
    """Solve `(1 + reaction - diffusion Lap) x = right`, tridiagonal, replicate ends."""
    T = right.shape[0]
    bands = np.full((3, T), -diffusion)
    bands[1] = 1 + reaction + 2 * diffusion
    bands[1, 0] -= diffusion
    bands[1, -1] -= diffusion
    return solve_banded((1, 1), bands, right)


def frequency_response(design: PatternDesign, steps: int, mu: Any, h: float = 1.0) -> np.ndarray:
    """First-order response of the layer to a gain modulation `s_t = s (1 + epsilon cos(mode))`.

        (delta u, delta v)/epsilon = (I - G)^-1 (I - G^N) L^-1 eta v* (-1, 1)

    The sum of G^n, n < N, is accumulated, so a mode exactly on the band's edge (where I - G is singular) is fine.

    Arguments:
        design: scalars.
        steps: N >= 1, from the base state.
        mu: eigenvalue of the mode, 1/clip^2, any shape.
    Returns: shape (..., 2): response of (u, v) per unit of modulation.
    """
    _require_count("steps", steps, 1)
    parameters = design.parameters()
    mu = np.asarray(mu, dtype=float)
    matrix = amplification_matrix(parameters, mu, h)
    force = np.stack(
        np.broadcast_arrays(
            *formulas.response_force(
                design.u_star, design.z, h * design.rate, h * mu * parameters.D_u, h * mu * parameters.D_v
            )
        ),
        axis=-1,
    )[..., None]
    total = np.zeros_like(force)
    for _ in range(steps):
        total = matrix @ total + force
    return total[..., 0]
