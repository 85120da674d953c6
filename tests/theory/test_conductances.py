"""Diffusion that stops at cuts against dense matrices: solve, spectrum, exact counts, decay, and the two-field step."""

from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from rdmf_theory.chart import Parameters, PatternDesign
from rdmf_theory.competition.conductances import segments, solve_weighted, weighted_laplacian
from rdmf_theory.competition.modes import modes_below, video_modes
from rdmf_theory.competition.two_field import weighted_growth, weighted_step
from rdmf_theory.errors import ParameterError
from rdmf_theory.kinetics import GRAY_SCOTT
from rdmf_theory.layer.step import amplification_matrix, clip_eigenvalues, clip_laplacian, semi_implicit_step
from rdmf_theory.schemes import derive_step

quarters = st.lists(st.integers(0, 4).map(lambda n: Fraction(n, 4)), max_size=8)
conductances = st.lists(st.one_of(st.just(0.0), st.just(1.0), st.floats(1e-3, 1)), min_size=1, max_size=12)
seeds = st.integers(0, 2**32 - 1)


@cache
def symbolic_rows() -> list[Any]:
    """Rows of the step without diffusion, from the symbolic source, as numerical functions."""
    order = (*GRAY_SCOTT.parameters, derive_step.h, derive_step.u_next, derive_step.v_next, *GRAY_SCOTT.species)
    return [sp.lambdify(order, row) for row in derive_step.step_residual()]


def test_without_cuts_it_is_the_clip_laplacian() -> None:
    for T in (1, 2, 7):
        assert np.array_equal(weighted_laplacian(np.ones(T - 1)), clip_laplacian(T))
        assert video_modes(np.ones(T - 1)).mu == pytest.approx(clip_eigenvalues(T), abs=1e-13)


@given(conductances, seeds, st.floats(0, 1e4))
def test_one_elimination_solves_and_obeys_the_maximum_principle(kappa: list[float], seed: int, coupling: float) -> None:
    rng = np.random.default_rng(seed)
    T = len(kappa) + 1
    diagonal, right = 1 + rng.exponential(1, T), rng.exponential(1, T)
    x = solve_weighted(diagonal, coupling, np.array(kappa), right)
    dense = np.diag(diagonal) - coupling * weighted_laplacian(kappa)
    assert x == pytest.approx(np.linalg.solve(dense, right), rel=1e-9)
    assert x.min() >= 0
    assert x.max() <= (right / diagonal).max() * (1 + 1e-12)


@given(conductances)
def test_modes_are_those_of_the_dense_matrix(kappa: list[float]) -> None:
    minus, modes = -weighted_laplacian(kappa), video_modes(kappa)
    assert np.array_equal(minus, minus.T)
    assert minus.sum(axis=1) == pytest.approx(0, abs=1e-14)
    assert modes.mu == pytest.approx(np.linalg.eigvalsh(minus), abs=1e-12)
    assert modes.vectors @ modes.vectors.T == pytest.approx(np.eye(len(kappa) + 1), abs=1e-10)
    assert minus @ modes.vectors.T == pytest.approx(modes.vectors.T * modes.mu, abs=1e-10)
    assert modes.mu.min() >= 0
    assert modes.mu.max() <= 4
    assert modes.vectors[0] == pytest.approx((len(kappa) + 1) ** -0.5)
    assert modes.vectors[1:].sum(axis=1) == pytest.approx(0, abs=1e-9)
    # one zero per segment, exactly
    assert (modes.mu[: len(segments(kappa))] == 0).all()


@given(conductances, seeds)
def test_no_eigenvalue_falls_when_a_conductance_is_raised(kappa: list[float], seed: int) -> None:
    lower = np.array(kappa) * np.random.default_rng(seed).uniform(0, 1, len(kappa))
    assert (video_modes(lower).mu <= video_modes(kappa).mu + 1e-12).all()
    c = min(kappa)
    plain = clip_eigenvalues(len(kappa) + 1)
    assert (c * plain - 1e-12 <= video_modes(kappa).mu).all()
    assert (video_modes(kappa).mu <= plain + 1e-12).all()


@given(quarters, st.integers(0, 20).map(lambda n: Fraction(n, 4)))
def test_exact_count_of_modes(kappa: list[Fraction], threshold: Fraction) -> None:
    mu = np.linalg.eigvalsh(-weighted_laplacian([float(x) for x in kappa]))
    # eigenvalues that are quarters are told from the threshold by 1e-9, others are never closer than that
    expected = int((mu < float(threshold) - 1e-9).sum()), int((abs(mu - float(threshold)) < 1e-9).sum())
    assert modes_below(kappa, threshold) == expected


def test_the_count_sees_an_eigenvalue_that_is_the_threshold() -> None:
    # two clips: 0 and 2 kappa; three clips: 0, 1, 3
    assert modes_below([Fraction(1, 3)], Fraction(2, 3)) == (1, 1)
    assert modes_below([Fraction(1)] * 2, Fraction(1)) == (1, 1)
    assert modes_below([Fraction(1)] * 2, Fraction(1) + Fraction(1, 10**30)) == (2, 0)


@given(conductances, seeds, st.floats(0.01, 10), st.floats(0.01, 100))
def test_conductances_never_lengthen_the_reach(kappa: list[float], seed: int, alpha: float, beta: float) -> None:
    """proofs/WeightedLocality.v, weighted_green_decay, tail_decay: rho per clip, also for the sum of clips behind."""
    T = len(kappa) + 1
    reactions = alpha + np.random.default_rng(seed).exponential(1, T)
    green = np.linalg.inv(np.diag(reactions) - beta * weighted_laplacian(kappa))
    t = alpha / (2 * beta)
    rho = 1 / (1 + t + np.sqrt(t * (2 + t)))
    distance = abs(np.subtract.outer(np.arange(T), np.arange(T)))
    assert (green <= rho**distance / alpha * (1 + 1e-9) + 1e-15).all()
    for j in range(T):
        behind = np.cumsum(green[j:, j][::-1])[::-1]
        assert (behind <= rho ** np.arange(T - j) / alpha * (1 + 1e-9) + 1e-15).all()


def test_the_reach_is_attained() -> None:
    """The bound is not loose: two clips without loss behind them come within the factor 1 - rho^4."""
    alpha, beta = 1.0, 3.0
    t = alpha / (2 * beta)
    rho = 1 / (1 + t + np.sqrt(t * (2 + t)))
    green = np.linalg.inv(alpha * np.eye(2) - beta * weighted_laplacian([1.0]))
    assert green[:, 0].sum() == pytest.approx(1 / alpha)
    assert green[1, 0] * alpha / rho == pytest.approx((1 - rho**2) / (1 - rho**4), rel=1e-9)


@given(conductances, seeds)
def test_the_two_field_step_solves_the_symbolic_rows_and_stays_in_bounds(kappa: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    T = len(kappa) + 1
    F, k, h, D_u, D_v = rng.uniform(0.01, 0.5), rng.uniform(0, 0.3), rng.choice([0.3, 1, 30]), *rng.uniform(0, 50, 2)
    u, v, s = rng.uniform(0, 1, T), rng.exponential(0.5, T), rng.uniform(0, 3, T)
    u_next, v_next = weighted_step(u, v, s, Parameters(F, k, 1.0, D_u, D_v), kappa, h)
    rows = [row(F, k, s, h, u_next, v_next, u, v) for row in symbolic_rows()]
    laplacian = weighted_laplacian(kappa)
    scale = 1 + h * 50
    assert rows[0] == pytest.approx(h * D_u * laplacian @ u_next, abs=1e-12 * scale)
    assert rows[1] == pytest.approx(h * D_v * laplacian @ v_next, abs=1e-12 * scale)
    assert (u_next >= 0).all()
    assert (u_next <= 1 + 1e-12).all()
    assert (v_next >= 0).all()
    assert v_next.max() <= (v.max() + 1 + h * F + 2 * h * D_u) / (1 + h * (F + k)) * (1 + 1e-12)
    assert (u_next + v_next).mean() <= max(1, (u + v).mean()) * (1 + 1e-12)
    plain = Parameters(F, k, 1.0, D_u, D_v)
    uncut = np.stack(weighted_step(u, v, s, plain, np.ones(T - 1), h))
    assert uncut == pytest.approx(np.stack(semi_implicit_step(u, v, s, plain, h)), rel=1e-9)


@given(conductances, st.sampled_from([0.3, 1.0, 30.0]))
def test_every_eigenvector_has_its_own_multiplier(kappa: list[float], h: float) -> None:
    """The linearised step of all clips, as one dense matrix, has exactly the eigenvalues of the G(mu)."""
    parameters = PatternDesign(0.4, 1.2, 1.5, 6.0, 0.3).parameters()
    laplacian, T = weighted_laplacian(kappa), len(kappa) + 1
    implicit, explicit = derive_step.amplification()
    values = {"u_star": 0.4, "z": 1.2, "eta": h * 0.3, "a": 0, "b": 0}
    L, B = (np.array(x.subs({n: values[str(n)] for n in x.free_symbols}), dtype=float) for x in (implicit, explicit))
    diffusion = np.diag([parameters.D_u, parameters.D_v])
    step = np.linalg.solve(np.kron(L, np.eye(T)) - h * np.kron(diffusion, laplacian), np.kron(B, np.eye(T)))
    modes = video_modes(kappa).mu
    expected = np.concatenate([np.linalg.eigvals(amplification_matrix(parameters, mu, h)) for mu in modes])
    assert np.sort(np.abs(np.linalg.eigvals(step))) == pytest.approx(np.sort(np.abs(expected)), abs=1e-7)
    mu, multipliers, grows = weighted_growth(parameters, kappa, h)
    assert mu == pytest.approx(modes)
    assert (grows == (multipliers > 1)).all()


@pytest.mark.parametrize("bad", [[1.1], [-0.1], [np.nan], [[0.5]], 0.5], ids=str)
def test_bad_conductances(bad: object) -> None:
    with pytest.raises(ParameterError, match=r"conductances must be one number in \[0, 1\]"):
        weighted_laplacian(bad)


def test_segments() -> None:
    assert segments([1, 0, 0.5, 0]) == [slice(0, 2), slice(2, 4), slice(4, 5)]
    assert segments([]) == [slice(0, 1)]
