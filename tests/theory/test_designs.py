"""`PatternDesign` and the layer's step: the bijection, the growth it promises, the modes it lets grow."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings

from rdmf_theory import formulas
from rdmf_theory.chart import Parameters, PatternDesign
from rdmf_theory.dispersion import fastest_wave, growth_rate, unstable_band
from rdmf_theory.errors import ParameterError
from rdmf_theory.layer.step import (
    amplification_matrix,
    clip_eigenvalues,
    clip_laplacian,
    clip_modes,
    frequency_response,
    growing_modes,
    jury_conditions,
    multiplier,
    pattern_gain,
    semi_implicit_step,
)
from rdmf_theory.regions.admissible import COORDINATES
from rdmf_theory.steady_states import jacobian, steady_states
from tests.strategies import designs, random_designs, seeds

STEP_SIZES = (0.25, 1.0, 4.0)


def relative_error(a: PatternDesign, b: PatternDesign) -> float:
    return max(float(np.max(np.abs(getattr(a, n) - getattr(b, n)) / getattr(b, n))) for n in COORDINATES)


@given(designs())
def test_round_trip(design: PatternDesign) -> None:
    assert relative_error(PatternDesign.from_parameters(design.parameters()), design) < 1e-10


@given(seeds())
@settings(max_examples=10)
def test_round_trip_of_a_thousand(seed: int) -> None:
    design = random_designs(seed)
    assert relative_error(PatternDesign.from_parameters(design.parameters()), design) < 1e-10


EXTREMES = {
    "deep": PatternDesign(1e-3, 500.0, 1.5, 10.0, 0.1),
    "at the saddle-node": PatternDesign(0.499, 1.5, 1.5, 10.0, 0.1),
    "at onset": PatternDesign(0.4, 1.5, 1 + 1e-6, 10.0, 0.1),
    "at Hopf": PatternDesign(0.4, 1 + 1e-9, 1.5, 10.0, 0.1),
    "hardly fed": PatternDesign(0.4, 2.5 - 1e-9, 1.5, 10.0, 0.1),
    "huge excess": PatternDesign(0.4, 1.5, 1e5, 10.0, 0.1),
    "two clips": PatternDesign(0.4, 1.5, 1.5, 2.001, 0.1),
    "a million clips": PatternDesign(0.4, 1.5, 1.5, 1e6, 0.1),
    "slow": PatternDesign(0.4, 1.5, 1.5, 10.0, 1e-8),
    "fast": PatternDesign(0.4, 1.5, 1.5, 10.0, 1e8),
}


@pytest.mark.parametrize("design", EXTREMES.values(), ids=EXTREMES)
def test_round_trip_at_the_extremes(design: PatternDesign) -> None:
    assert relative_error(PatternDesign.from_parameters(design.parameters()), design) < 1e-10


def test_scalars_stay_scalars() -> None:
    design = PatternDesign(0.4, 1.5, 1.5, 10.0, 0.1)
    p = design.parameters()
    assert all(type(getattr(p, name)) is float for name in ("F", "k", "s", "D_u", "D_v"))
    assert all(type(getattr(PatternDesign.from_parameters(p), name)) is float for name in COORDINATES)
    assert p.w == pytest.approx(0.1)
    assert p.d == pytest.approx(design.d)


def test_wavelength_is_that_of_the_fastest_wave() -> None:
    p = random_designs(3).parameters()
    mu, rate = fastest_wave(p)
    nearby = mu[:, None] * np.linspace(0.5, 1.5, 401)
    columns = Parameters(*(getattr(p, name)[:, None] for name in ("F", "k", "s", "D_u", "D_v")))
    scanned = growth_rate(columns, nearby)
    assert np.all(scanned.max(axis=1) <= rate * (1 + 1e-9) + 1e-13 * p.w)
    assert np.allclose(scanned[:, 200], rate, rtol=1e-6, atol=1e-12)


def axis_designs(seed: int, count: int) -> list[tuple[PatternDesign, int, int]]:
    """Random designs whose wavelength is exactly that of mode j on an axis of T clips."""
    rng = np.random.default_rng(seed)
    base = random_designs(seed, count)
    result = []
    for index in range(count):
        T = int(rng.integers(8, 48))
        j = int(rng.integers(1, T - 1))
        values = [float(getattr(base, name)[index]) for name in COORDINATES]
        values[3] = 2 * T / j
        result.append((PatternDesign(*values), T, j))
    return result


def simulated_multiplier(design: PatternDesign, T: int, j: int, steps: int = 3) -> float:
    """Growth per step of mode j in the nonlinear layer, started on the dominant eigenvector of G."""
    p = design.parameters()
    u_star, v_star = steady_states(p.F, p.k, p.s).v_rich
    mode = clip_modes(T)[j]
    values, vectors = np.linalg.eig(amplification_matrix(p, clip_eigenvalues(T)[j]))
    vector = np.real(vectors[:, np.argmax(np.abs(values))])
    # 1e-4 for the first order, 1e-4 growth for the last: still linear, far above rounding
    size = 1e-7 * min(u_star, v_star)
    u, v = u_star + size * vector[0] * mode, v_star + size * vector[1] * mode
    for _ in range(steps):
        u, v = semi_implicit_step(u, v, p.s, p)
    amplitude = np.array([(u - u_star) @ mode, (v - v_star) @ mode]) / (mode @ mode)
    return float((amplitude @ vector / size) ** (1 / steps))


def test_simulated_growth_of_a_thousand_fastest_modes() -> None:
    for design, T, j in axis_designs(5, 1000):
        p = design.parameters()
        predicted = float(multiplier(p, clip_eigenvalues(T)[j]))
        assert simulated_multiplier(design, T, j) == pytest.approx(predicted, rel=1e-4)
        assert pattern_gain(design, 7) == pytest.approx(predicted**7, rel=1e-9)


@given(designs(largest_z=2.0, largest_excess=5.0))
@settings(max_examples=25)
def test_any_small_perturbation_ends_up_growing_as_predicted(design: PatternDesign) -> None:
    """No eigenvector is handed in: the ratio of successive amplitudes tends to rho(G)."""
    T, j = 24, 6
    design = PatternDesign(design.u_star, design.z, design.excess, 2 * T / j, min(max(design.rate, 0.2), 2.0))
    p = design.parameters()
    u_star, v_star = steady_states(p.F, p.k, p.s).v_rich
    mode = clip_modes(T)[j]
    u, v = np.full(T, u_star), v_star + 1e-12 * v_star * mode
    previous, ratio = 0.0, 0.0
    for _ in range(400):
        u, v = semi_implicit_step(u, v, p.s, p)
        amplitude = float((v - v_star) @ mode)
        ratio, previous = amplitude / previous if previous else 0.0, amplitude
        if abs(amplitude) > 1e-5 * v_star:
            break
    assert ratio == pytest.approx(float(multiplier(p, clip_eigenvalues(T)[j])), rel=0.01)


@given(seeds())
@settings(max_examples=5)
def test_layer_grows_exactly_the_modes_of_the_pde(seed: int) -> None:
    """1000 designs, all modes: rho(G) > 1 iff max Re eig(J - mu D) > 0, for three step sizes; both by LAPACK."""
    T = int(np.random.default_rng(seed).integers(4, 40))
    p = random_designs(seed, 1000).parameters()
    p = Parameters(*(getattr(p, name)[:, None] for name in ("F", "k", "s", "D_u", "D_v")))
    mu = clip_eigenvalues(T)
    u, v = steady_states(p.F, p.k, p.s).v_rich
    generator = jacobian(p.F, p.k, p.s, u, v)
    zero = np.zeros_like(mu * p.D_u)
    diffusion = np.stack([np.stack([mu * p.D_u, zero], -1), np.stack([zero, mu * p.D_v], -1)], -2)
    rates = np.linalg.eigvals(generator - diffusion).real.max(axis=-1)
    low, high = (bound for bound in unstable_band(p))
    # a mode within rounding of the band's edge may fall on either side
    decided = (np.abs(mu - low) > 1e-9 * low) & (np.abs(mu - high) > 1e-9 * high)
    band = (low < mu) & (mu < high)
    assert np.array_equal(band[decided], (rates > 0)[decided])
    assert np.array_equal(band[decided], (growth_rate(p, mu) > 0)[decided])
    for h in STEP_SIZES:
        radius = np.abs(np.linalg.eigvals(amplification_matrix(p, mu, h))).max(axis=-1)
        assert np.allclose(radius, multiplier(p, mu, h), rtol=1e-7)
        clear = decided & (np.abs(radius - 1) > 1e-12)
        assert np.array_equal(band[clear], (radius > 1)[clear])
        assert np.array_equal(band[decided], growing_modes(p, T, h)[decided])
        jury = jury_conditions(p, mu, h)
        assert np.all(jury["no_flip"] > 0)
        assert np.all(jury["no_rotation"] > 0)


@pytest.mark.parametrize("h", STEP_SIZES)
def test_number_of_growing_directions_of_the_whole_nonlinear_step(h: float) -> None:
    """The 2T x 2T derivative of the step itself (complex step), not of a formula: as many growing as the PDE's band."""
    T, design = 20, PatternDesign(0.42, 1.3, 1.8, 9.0, 0.25)
    p = design.parameters()
    u, v = steady_states(p.F, p.k, p.s).v_rich
    columns = []
    for index in range(2 * T):
        state = np.array([u] * T + [v] * T, dtype=float)
        forward, backward = state.copy(), state.copy()
        forward[index] += 1e-6
        backward[index] -= 1e-6
        ends = [np.concatenate(semi_implicit_step(x[:T], x[T:], p.s, p, h)) for x in (forward, backward)]
        columns.append((ends[0] - ends[1]) / 2e-6)
    grown = np.sum(np.abs(np.linalg.eigvals(np.array(columns).T)) > 1)
    low, high = unstable_band(p)
    mu = clip_eigenvalues(T)
    assert grown == np.sum((low < mu) & (mu < high)) == np.sum(growing_modes(p, T, h)) > 0


@pytest.mark.parametrize("T", [1, 2, 3, 16])
def test_clip_laplacian(T: int) -> None:
    laplacian, modes = clip_laplacian(T), clip_modes(T)
    assert np.allclose(-laplacian @ modes.T, modes.T * clip_eigenvalues(T), atol=1e-13)
    assert np.allclose(laplacian.sum(axis=1), 0)
    assert clip_eigenvalues(T)[1:] == pytest.approx([formulas.mode_eigenvalue(2 * T / j) for j in range(1, T)])


def test_step_keeps_steady_states_and_bounds() -> None:
    rng = np.random.default_rng(0)
    p = PatternDesign(0.42, 1.3, 1.8, 12.0, 0.25).parameters()
    u, v = (np.full(9, x) for x in steady_states(p.F, p.k, p.s).v_rich)
    after = semi_implicit_step(u, v, p.s, p, 2.0)
    assert np.allclose(after, (u, v), rtol=1e-13)
    for h in STEP_SIZES:
        u, v, gain = rng.random(9), 3 * rng.random(9), p.s * 10 ** rng.uniform(-1, 1, 9)
        for _ in range(20):
            bound = (v.max() + 1 + h * p.F + 2 * h * p.D_u) / (1 + h * p.w)
            mass = max(1.0, np.mean(u + v))
            u, v = semi_implicit_step(u, v, gain, p, h)
            assert u.min() >= 0
            assert u.max() <= 1 + 1e-15
            assert v.min() >= 0
            assert v.max() <= bound * (1 + 1e-14)
            assert np.mean(u + v) <= mass * (1 + 1e-14)


def test_frequency_response_is_the_measured_one() -> None:
    design, T, steps, epsilon = PatternDesign(0.42, 1.3, 1.8, 12.0, 0.25), 48, 12, 1e-6
    p = design.parameters()
    u_star, v_star = steady_states(p.F, p.k, p.s).v_rich
    eigenvalues, modes = clip_eigenvalues(T), clip_modes(T)
    predicted = frequency_response(design, steps, eigenvalues)
    for j in (0, 3, 6, 8, 11, 30):
        ends = []
        for sign in (1, -1):
            u, v = np.full(T, u_star), np.full(T, v_star)
            for _ in range(steps):
                u, v = semi_implicit_step(u, v, p.s * (1 + sign * epsilon * modes[j]), p)
            ends.append(np.array([u @ modes[j], v @ modes[j]]) / (modes[j] @ modes[j]))
        assert (ends[0] - ends[1]) / (2 * epsilon) == pytest.approx(predicted[j], rel=1e-6)


def test_frequency_response_equals_the_closed_form() -> None:
    design, steps = PatternDesign(0.42, 1.3, 1.8, 12.0, 0.25), 12
    p = design.parameters()
    mu, eta = 0.3, p.w
    G = amplification_matrix(p, mu)
    L = np.array([[1 + eta * 1.3 + mu * p.D_u, 0], [-eta * 1.3 * (1 - 0.42), 1 + eta + mu * p.D_v]])
    v_star = float(formulas.steady_v(0.42, 1.3))
    force = np.linalg.solve(L, eta * v_star * np.array([-1, 1]))
    closed = np.linalg.solve(np.eye(2) - G, (np.eye(2) - np.linalg.matrix_power(G, steps)) @ force)
    assert frequency_response(design, steps, mu) == pytest.approx(closed, rel=1e-12)


def test_steady_states() -> None:
    states = steady_states(0.055, 0.062, 1.0)
    for u, v in (states.trivial, states.saddle, states.v_rich):
        assert -u * v**2 + 0.055 * (1 - u) == pytest.approx(0, abs=1e-16)
        assert u * v**2 - 0.117 * v == pytest.approx(0, abs=1e-16)
    assert states.v_rich[0] < 0.5 < states.saddle[0]
    assert np.linalg.det(jacobian(0.055, 0.062, 1.0, *states.saddle)) < 0
    assert math.isnan(steady_states(0.05, 0.063, 1.0).v_rich[0])


def test_growth_rate_of_given_states() -> None:
    p = Parameters(0.055, 0.062, 1.0, 2.0, 1.0)
    mu = np.array([0.0, 0.1, 3.0])
    assert growth_rate(p, mu, (1.0, 0.0)) == pytest.approx(np.maximum(-0.055 - 2 * mu, -0.117 - mu))
    assert growth_rate(p, 0.0, steady_states(0.055, 0.062, 1.0).saddle) > 0


BAD = {
    "u_star": (lambda: PatternDesign(0.6, 1.5, 1.5, 10.0, 0.1), r"PatternDesign.u_star must be in \(0, 1/2\]. Got 0.6"),
    "wavelength": (lambda: PatternDesign(0.4, 1.5, 1.5, 1.9, 0.1), "PatternDesign.wavelength"),
    "nan": (lambda: PatternDesign(0.4, np.array([1.5, np.nan]), 1.5, 10.0, 0.1), "PatternDesign.z"),
    "unfed": (lambda: PatternDesign(0.4, 3.0, 1.5, 10.0, 0.1).parameters(), "Parameters.k"),
    "negative": (lambda: Parameters(-1.0, 0.06, 1.0, 2.0, 1.0), "Parameters.F must be finite and positive. Got -1.0"),
    "no state": (lambda: PatternDesign.from_parameters(Parameters(0.05, 0.063, 1.0, 2.0, 1.0)), "v-rich state"),
    "no state, step": (lambda: growing_modes(Parameters(0.05, 0.063, 1.0, 2.0, 1.0), 8), "v-rich state"),
    "equal diffusion": (
        lambda: PatternDesign.from_parameters(Parameters(0.055, 0.062, 1.0, 1.0, 1.0)),
        "larger than D_v",
    ),
    "short": (lambda: PatternDesign.from_parameters(Parameters(0.055, 0.062, 1.0, 2e-3, 1e-3)), "Parameters.D_v"),
    "T": (lambda: clip_eigenvalues(0), "T must be an integer >= 1. Got 0"),
    "h": (lambda: multiplier(Parameters(0.055, 0.062, 1.0, 2.0, 1.0), 0.1, -1.0), "h must be finite and positive"),
    "steps": (lambda: pattern_gain(PatternDesign(0.4, 1.5, 1.5, 10.0, 0.1), 0), "steps must be"),
    "mu": (lambda: growth_rate(Parameters(0.055, 0.062, 1.0, 2.0, 1.0), [-0.1]), "mu must be finite"),
}


@pytest.mark.parametrize(("call", "message"), BAD.values(), ids=BAD)
def test_bad_arguments_are_named(call, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        call()


def test_growth_rate_keeps_its_digits_at_large_diffusion() -> None:
    """Half the trace and the root nearly cancel when D_u mu is large; 50-digit arithmetic is the truth."""
    p = Parameters(0.055, 0.062, 1.0, 4e6, 2.0)
    with mpmath.workdps(50):
        F, k, D_u, D_v = (mpmath.mpf(x) for x in (0.055, 0.062, 4e6, 2.0))
        w = F + k
        v = 2 * w / (1 - mpmath.sqrt(1 - 4 * w**2 / F))
        for mu in (1e-3, 0.05, 0.3):
            a, c = -F - v**2 - D_u * mpmath.mpf(mu), w - D_v * mpmath.mpf(mu)
            truth = (a + c + mpmath.sqrt((a - c) ** 2 - 8 * w * v**2)) / 2
            assert float(growth_rate(p, mu)) == pytest.approx(float(truth), rel=1e-13)
