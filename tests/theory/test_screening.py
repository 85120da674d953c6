"""Screening agrees with the classification, point by point, and refuses what that refuses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdmf_theory.errors import ParameterError
from rdmf_theory.regions import screening
from rdmf_theory.regions.screening import screen
from rdmf_theory.turing import classify, classify_array
from tests.strategies import seeds


def points(seed: int, n: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    F, k = 10 ** rng.uniform(-4, -0.5, n), 10 ** rng.uniform(-4, -1, n)
    return F, k, 10 ** rng.uniform(-1, 1, n), 10 ** rng.uniform(-1, 2, n), 10 ** rng.uniform(-1, 1, n)


@given(seed=seeds(), n=st.sampled_from([1, 2, 63, 8191, 8192, 8193, 20_000]))
@settings(max_examples=20)
def test_margins_and_answers_are_those_of_the_classification(seed: int, n: int) -> None:
    values = points(seed, n)
    ours, truth = screen(*values), classify_array(*values)
    np.testing.assert_array_equal(ours.turing_unstable, truth.name == "turing")
    for name, condition in ours.conditions().items():
        want = truth.conditions[name].margin
        np.testing.assert_allclose(condition.margin, want, rtol=1e-8, atol=1e-12, err_msg=name)
        np.testing.assert_array_equal(np.isnan(condition.margin), np.isnan(want))


def test_exact_classification_of_a_sample() -> None:
    values = points(3, 300)
    ours = screen(*values)
    for i, point in enumerate(zip(*values, strict=True)):
        assert ours.turing_unstable[i] == (classify(*map(float, point)).name == "turing")


def test_numbers_broadcast() -> None:
    F = np.linspace(0.01, 0.1, 20_000)
    ours = screen(F, 0.06, D_u=np.array(3.0))
    np.testing.assert_array_equal(ours.turing_unstable, classify_array(F, 0.06, 1.0, 3.0, 1.0).name == "turing")
    assert screen(0.055, 0.062).turing_unstable.tolist() == [True]
    assert 0 < ours.turing_unstable.mean() < 1


def test_memory_is_that_of_the_results() -> None:
    """No temporary grows with n: beyond the five result arrays only a block's worth is allocated."""
    import tracemalloc

    values = points(0, 1_000_000)
    tracemalloc.start()
    result = screen(*values)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    results = 4 * result.v_rich.nbytes + result.turing_unstable.nbytes
    assert peak < results + 20 * 8 * screening.BLOCK


BAD = {
    "negative": ({"F": np.array([0.1, -0.1])}, "F must be finite and positive. Got -0.1"),
    "negative k": ({"k": -1e-9}, "k must be finite and not negative"),
    "nan": ({"s": np.array([1.0, np.nan])}, "s must be finite and positive. Got nan"),
    "infinite": ({"D_u": np.inf}, "D_u must be finite"),
    "zero": ({"D_v": 0.0}, "D_v must be finite and positive"),
    "lengths": ({"s": np.ones(3)}, "arrays .n,. of one length"),
    "two axes": ({"s": np.ones((2, 2))}, "arrays .n,. of one length"),
}


@pytest.mark.parametrize(("values", "message"), BAD.values(), ids=BAD)
def test_bad_arguments_are_named(values: dict, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        screen(**{"F": np.array([0.05, 0.06]), "k": 0.06, **values})


def test_a_bad_value_in_a_late_block_is_found() -> None:
    F = np.full(30_000, 0.05)
    F[29_999] = 0.0
    with pytest.raises(ParameterError, match="F must be"):
        screen(F, 0.06)
