"""The Stuart-Landau coefficient predicts the small patterns of the nonlinear system on clips, and their stability."""

from __future__ import annotations

import numpy as np
import pytest

from rdmf_theory import formulas
from rdmf_theory.chart import Parameters
from rdmf_theory.dispersion import growth_rate
from rdmf_theory.formulas import SOFT_ONSET_RATIO
from rdmf_theory.layer.step import clip_laplacian, clip_modes, semi_implicit_step


def half_wave(d: float, z: float, beyond: float, T: int) -> tuple[Parameters, float]:
    """Parameters for s = 1 at distance `beyond` (in u*) from onset, the critical wave being mode 1 of T clips; and
    its growth rate."""
    u = formulas.onset_substrate(z, d) + beyond
    F, k, s = formulas.parameters_from_chart(u, z, z * u * u * (1 - u))
    mu = formulas.mode_eigenvalue(2.0 * T)
    D_v = (F + k) * (d - z) / (2 * d) / mu
    p = Parameters(F, k, s, d * D_v, D_v)
    return p, float(growth_rate(p, mu))


def pattern(p: Parameters, T: int, amplitude: float) -> tuple[np.ndarray, np.ndarray, float]:
    """(u, v, largest growth rate) of the steady pattern that Newton's method finds from `u* + 2 A cos`."""
    u_star = float(formulas.steady_u(p.F, p.k, p.s))
    v_star = p.w / (p.s * u_star)
    mode = clip_modes(T)[1]
    # the critical vector is (1, -(d + z)/4)
    ratio = -(p.d + p.F / (p.w * u_star)) / 4
    state = np.concatenate([u_star + 2 * amplitude * mode, v_star + 2 * amplitude * ratio * mode])
    laplacian = clip_laplacian(T)
    jacobian = np.empty((2 * T, 2 * T))
    for _ in range(30):
        u, v = state[:T], state[T:]
        residual = np.concatenate(
            [
                p.D_u * laplacian @ u - p.s * u * v**2 + p.F * (1 - u),
                p.D_v * laplacian @ v + p.s * u * v**2 - p.w * v,
            ]
        )
        jacobian[:T, :T] = p.D_u * laplacian - np.diag(p.F + p.s * v**2)
        jacobian[:T, T:] = -np.diag(2 * p.s * u * v)
        jacobian[T:, :T] = np.diag(p.s * v**2)
        jacobian[T:, T:] = p.D_v * laplacian + np.diag(2 * p.s * u * v - p.w)
        state = state - np.linalg.solve(jacobian, residual)
    return state[:T], state[T:], float(np.linalg.eigvals(jacobian).real.max())


# on the side of onset where sigma/g > 0 a small pattern exists: stable beyond a soft onset, unstable before a hard one
CASES = {"soft": (6.0, 1.2, 1), "hard": (2.0, 1.2, -1)}


@pytest.mark.parametrize(("d", "z", "side"), CASES.values(), ids=CASES)
def test_amplitude_and_stability_of_the_small_pattern(d: float, z: float, side: int) -> None:
    T = 40
    g = formulas.cubic_coefficient(z, d, 1.0)
    assert (g > 0) == (z / d < SOFT_ONSET_RATIO) == (side > 0)
    errors = []
    for beyond in (4e-5, 1e-5):
        p, sigma = half_wave(d, z, side * beyond, T)
        predicted = np.sqrt(sigma / g)
        u, v, rate = pattern(p, T, predicted)
        mode = clip_modes(T)[1]
        measured = abs((u - u.mean()) @ mode / (mode @ mode) / 2)
        errors.append(abs(measured / predicted - 1))
        assert (rate < 0) == (side > 0)
        # a pattern perturbs with rate -2 sigma: stable after a soft, unstable before a hard onset
        assert rate == pytest.approx(-2 * sigma, rel=0.1)
        # well-balanced: the layer's step leaves the patterned state where it is
        after = semi_implicit_step(u, v, p.s, p, 3.0)
        assert np.allclose(after, (u, v), rtol=1e-11)
    assert errors[1] < 0.02
    assert errors[1] < errors[0] + 0.003


@pytest.mark.parametrize("ratio", [0.05, 0.2, 0.31, 0.32, 0.6, 0.95])
def test_sign_of_the_coefficient(ratio: float) -> None:
    assert (formulas.cubic_coefficient(1.5, 1.5 / ratio, 1.0) > 0) == (ratio < SOFT_ONSET_RATIO)
