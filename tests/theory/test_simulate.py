"""Simulated growth is the predicted growth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdmf_theory.chart import PatternDesign
from rdmf_theory.layer.simulate import simulate


@settings(max_examples=25)
@given(
    st.tuples(
        st.floats(0.2, 0.47), st.floats(1.05, 1.8), st.floats(1.3, 4.0), st.floats(5.0, 20.0), st.floats(0.05, 1.0)
    ),
    st.integers(0, 99),
)
def test_measured_multiplier_is_the_spectral_radius(design: tuple[float, ...], seed: int) -> None:
    run = simulate(PatternDesign(*design).parameters(), 60, seed=seed, amplitude=1e-7)
    assert run.predicted > 1
    if run.measured is not None:
        assert run.relative_error < 0.01
    assert 0 <= run.u.min() <= run.u.max() <= 1 + 1e-6
    assert run.v.min() >= 0


def test_the_fastest_mode_has_the_designs_wavelength() -> None:
    run = simulate(PatternDesign(0.4, 1.2, 1.5, 12, 0.2).parameters(), 60)
    assert run.mode == 10
    assert run.measured == pytest.approx(run.predicted, rel=1e-6)
    assert run.to_dict()["wavelength"] == 12


def test_a_stable_point_decays() -> None:
    run = simulate(PatternDesign(0.4, 1.2, 0.6, 12, 0.2).parameters(), 30, 200, amplitude=1e-3)
    assert run.predicted < 1
    assert np.abs(run.v[-1] / run.v_star - 1).max() < 1e-3


def test_a_seed_fixes_the_run() -> None:
    parameters = PatternDesign(0.4, 1.2, 1.5, 12, 0.2).parameters()
    first, again, other = (simulate(parameters, 20, 10, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.v, again.v)
    assert not np.array_equal(first.v, other.v)
