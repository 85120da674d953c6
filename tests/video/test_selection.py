"""The selection: its theorems on random videos, and moments that were planted."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdmf_model.moments.selection import Selection, compete, conductances, find_windows, select, solve_diffusion
from rdmf_theory.errors import ParameterError
from rdmf_theory.formulas import parameters_from_chart, steady_v


def videos(seed: int, clips: int, shots: int) -> tuple[np.ndarray, np.ndarray]:
    """Features of shots that differ, and the number of each clip's shot."""
    rng = np.random.default_rng(seed)
    shot = np.sort(rng.integers(0, shots, clips))
    return rng.normal(size=(shots, 32))[shot] + 0.1 * rng.normal(size=(clips, 32)), shot


def dense(kappa: np.ndarray) -> np.ndarray:
    """Delta_kappa as a matrix, edge by edge."""
    matrix = np.zeros((len(kappa) + 1,) * 2)
    for edge, weight in enumerate(kappa):
        matrix[np.ix_([edge, edge + 1], [edge, edge + 1])] += weight * np.array([[-1, 1], [1, -1]])
    return matrix


@given(st.integers(0, 10**6), st.integers(1, 40), st.floats(0.1, 5), st.floats(0, 200))
def test_the_solve_is_the_inverse(seed, clips, alpha, beta):
    rng = np.random.default_rng(seed)
    kappa, right = rng.uniform(0.001, 1, clips - 1), rng.uniform(0, 3, clips)
    found = solve_diffusion(kappa, alpha, beta, right)
    np.testing.assert_allclose((alpha * np.eye(clips) - beta * dense(kappa)) @ found, right, atol=1e-9)
    # M-matrix with row sums alpha: positive, and nothing leaves the range of the right side
    assert found.min() >= right.min() / alpha - 1e-9
    assert found.max() <= right.max() / alpha + 1e-9
    assert found.mean() == pytest.approx(right.mean() / alpha, abs=1e-9)


def test_conductance_is_one_within_a_shot_and_small_across_a_cut():
    features, shot = videos(0, 60, 5)
    kappa = conductances(features, 5.0)
    inside = shot[1:] == shot[:-1]
    assert kappa[inside].min() > 0.7
    assert kappa[~inside].max() < 0.05
    # the size and the common part of features are nobody's cut
    np.testing.assert_allclose(conductances(3 * features + 7, 5.0), kappa, rtol=1e-9)
    np.testing.assert_array_equal(conductances(np.ones((4, 3)), 5.0), 1)
    assert conductances(np.ones((1, 3)), 5.0).shape == (0,)


@given(st.integers(0, 10**6), st.integers(2, 40))
def test_a_uniform_video_stays_at_its_uniform_state(seed, clips):
    kappa = np.random.default_rng(seed).uniform(0.001, 1, clips - 1)
    np.testing.assert_allclose(compete(np.zeros(clips), kappa, Selection()), 0, atol=1e-12)


@given(st.integers(0, 10**6), st.integers(2, 30), st.sampled_from([0.0, 5.0, 96.0]))
def test_a_mode_grows_by_its_multiplier(seed, clips, diffusion):
    """Linearised: (1 + 2 eta) / (1 + eta + D mu), so it grows iff D mu < w."""
    settings = Selection(diffusion=diffusion, steps=1)
    kappa = np.random.default_rng(seed).uniform(0.01, 1, clips - 1)
    values, vectors = np.linalg.eigh(-dense(kappa))
    F, _, s = parameters_from_chart(settings.u_star, settings.z, settings.rate)
    uniform, size = steady_v(settings.u_star, settings.z), 1e-6
    for mu, mode in zip(values[1:], vectors.T[1:], strict=True):
        v = uniform * (1 + size * mode)
        u = (settings.u_star + F) / (1 + F + s * np.mean(v * v))
        after = solve_diffusion(kappa, 1 + settings.rate, settings.diffusion, v + s * u * v * v) / uniform - 1
        multiplier = (1 + 2 * settings.rate) / (1 + settings.rate + diffusion * mu)
        assert after @ mode / size == pytest.approx(multiplier, rel=1e-4)
        assert (multiplier > 1) == (diffusion * mu < settings.rate)


@given(st.integers(0, 10**6), st.integers(2, 40), st.floats(0, 2))
def test_without_diffusion_the_ranking_is_kept_and_leads_grow(seed, clips, tilt):
    scores = np.sort(np.random.default_rng(seed).normal(size=clips).clip(-3, 3))[::-1]
    kappa = np.zeros(clips - 1)
    before = 1 + compete(scores, kappa, Selection(diffusion=0.0, steps=0, tilt=tilt))
    after = 1 + compete(scores, kappa, Selection(diffusion=0.0, steps=5, tilt=tilt))
    assert (np.diff(after) <= 1e-12).all()
    # ratios to the best clip: none of the others gains on it
    assert (after / after[0] <= before / before[0] + 1e-12).all()


def test_the_shot_that_matches_wins_though_single_clips_match_better():
    for seed in range(20):
        features, shot = videos(seed, 60, 6)
        lengths = np.bincount(shot, minlength=6)
        target = int(np.argmax(np.where(lengths < 30, lengths, 0)))
        rng = np.random.default_rng(seed + 100)
        scores = 0.25 * rng.normal(size=60) + 0.6 * (shot == target)
        # one clip elsewhere that matches better than any
        scores[rng.choice(np.flatnonzero(shot != target))] = 1.3
        pattern = select(scores, features)
        start, end, score = find_windows(pattern, np.arange(61.0))[0]
        inside = np.flatnonzero(shot == target)
        assert (start, end, score) == (inside[0], inside[-1] + 1, 1.0), seed


def test_a_video_of_equal_clips_gives_one_window_for_all_of_it():
    for clips in (1, 2, 50):
        pattern = select(np.full(clips, 0.3), np.ones((clips, 8)))
        assert find_windows(pattern, np.arange(clips + 1.0)) == [(0.0, clips, 1.0)]


@given(st.integers(0, 10**6), st.integers(1, 80), st.integers(1, 12))
def test_windows_are_disjoint_sorted_and_inside(seed, clips, top):
    pattern = np.random.default_rng(seed).normal(size=clips)
    windows = find_windows(pattern, np.arange(clips + 1.0) * 2, top)
    assert 1 <= len(windows) <= top
    scores = [score for *_, score in windows]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == 1.0
    assert min(scores) >= 0
    covered = sorted((start, end) for start, end, _ in windows)
    assert all(0 <= start < end <= 2 * clips for start, end in covered)
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(covered))


@pytest.mark.parametrize(
    "values",
    [
        {"sharpness": 0},
        {"u_star": 0.5},
        {"z": 1.0},
        {"z": 4.0},
        {"rate": float("nan")},
        {"diffusion": -1},
        {"steps": -1},
    ],
    ids=str,
)
def test_impossible_settings_are_refused(values):
    with pytest.raises(ParameterError, match=f"Selection.{next(iter(values))} must be"):
        Selection(**values)
