"""`classify`: the issue's points, exact boundaries, signs that no rounding can turn."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rdmf_theory.arithmetic.algebraic import square_root
from rdmf_theory.errors import ParameterError
from rdmf_theory.turing import DESCRIPTIONS, classify, classify_array
from tests.strategies import fractions, parameters, random_designs, seeds

POINTS = {
    ("0.055", "0.062"): "turing",
    ("0.04", "0.06"): "saddle-node",
    ("0.03", "0.055"): "unstable",
    ("0.05", "0.063"): "no-state",
    ("0.042", "0.059"): "stable",
}


@pytest.mark.parametrize(("point", "name"), POINTS.items())
def test_points_of_the_contract(point: tuple[str, str], name: str) -> None:
    result = classify(*point, 1, 2, 1)
    assert result.name == name
    assert set(result.conditions) == {"v_rich", "damped", "fed", "turing"}
    assert all(condition.holds for condition in result.conditions.values()) == (name == "turing")


def test_values_of_the_contract() -> None:
    result = classify("0.055", "0.062", 1, 2, 1)
    assert result.u_star == pytest.approx(0.466697, abs=5e-7)
    assert result.z == pytest.approx(1.007261, abs=5e-7)
    assert result.d_T == pytest.approx(1.6783858578733595, rel=1e-14)
    assert result.v_star == pytest.approx(0.117 / 0.46669698348361055, rel=1e-12)


def test_decimal_strings_are_exact_and_floats_are_what_they_store() -> None:
    assert classify("0.04", "0.06", 1, 2, 1).name == "saddle-node"
    assert classify(0.04, 0.06, 1, 2, 1).name == "unstable"
    assert Fraction(0.04) * 1 > 4 * (Fraction(0.04) + Fraction(0.06)) ** 2


def point(u: Fraction, z: Fraction, w: Fraction) -> tuple[Fraction, Fraction, Fraction]:
    """(F, k, s) of a chart point, exactly."""
    return w * z * u, w * (1 - z * u), w / (z * u**2 * (1 - u))


def rational_threshold(t: Fraction) -> tuple[Fraction, Fraction]:
    """(u, d_T/z) with both radicals rational: sqrt(1-2u) = (t^2-1)/2t, sqrt(2-2u) = (t^2+1)/2t, t > 1."""
    p, q = (t**2 - 1) / (2 * t), (t**2 + 1) / (2 * t)
    return (1 - p**2) / 2, (p + q) ** 2


TINY = Fraction(1, 10**60)


@given(fractions(Fraction(1, 50), Fraction(49, 100)), fractions(Fraction(1, 100), 10))
def test_hopf_is_decided_exactly(u: Fraction, w: Fraction) -> None:
    F, k, s = point(u, Fraction(1), w)
    result = classify(F, k, s, 10**6, 1)
    assert result.name == "hopf"
    assert result.conditions["damped"].margin == 0.0
    assert not result.conditions["damped"].holds
    for offset, name in ((TINY, "turing"), (-TINY, "unstable")):
        moved = classify(*point(u, 1 + offset, w), 10**6, 1)
        assert moved.name == name
        assert math.copysign(1, moved.conditions["damped"].margin) == np.sign(offset)
        assert moved.conditions["damped"].margin == pytest.approx(float(offset), rel=1e-12)


@given(
    fractions(Fraction(101, 100), Fraction(12, 5)), fractions(Fraction(101, 100), 2), fractions(Fraction(1, 100), 10)
)
def test_turing_boundary_is_decided_exactly(t: Fraction, z: Fraction, w: Fraction) -> None:
    u, ratio = rational_threshold(t)
    assume(u > 0 and z * u < 1)
    F, k, s = point(u, z, w)
    threshold = z * ratio
    on = classify(F, k, s, 3 * threshold, 3)
    assert (on.name, on.conditions["turing"].margin, on.conditions["turing"].holds) == ("turing-boundary", 0.0, False)
    for offset, name in ((TINY, "turing"), (-TINY, "stable")):
        moved = classify(F, k, s, threshold * (1 + offset), 1)
        assert moved.name == name
        assert moved.conditions["turing"].holds == (offset > 0)
        assert np.sign(moved.conditions["turing"].margin) == np.sign(offset)


@given(fractions(Fraction(1, 100), Fraction(24, 100)))
def test_saddle_node_is_decided_exactly(w: Fraction) -> None:
    F = 4 * w**2
    assume(w > F)
    on = classify(F, w - F, 1, 9, 1)
    assert (on.name, on.u_star, on.conditions["v_rich"].holds) == ("saddle-node", 0.5, False)
    assert classify(F, w - F + TINY, 1, 9, 1).name == "no-state"
    inside = classify(F, w - F - TINY, 1, 9, 1)
    assert inside.conditions["v_rich"].holds
    assert 0 < inside.conditions["v_rich"].margin < 1e-28


def test_no_kill_rate_is_a_boundary() -> None:
    result = classify("0.2", 0, 1, 50, 1)
    assert (result.name, result.conditions["fed"].holds, result.conditions["fed"].margin) == (
        "fed-boundary",
        False,
        0.0,
    )
    assert classify_array(0.2, 0.0, 1, 50, 1).name == "fed-boundary"


def test_equal_diffusion_never_destabilises() -> None:
    assert classify("0.05", "0.06", 1, 1, 1).name in ("stable", "unstable")
    assert not classify("0.055", "0.062", 1, 1, 2).conditions["turing"].holds


@given(parameters())
def test_exact_and_vectorised_agree(p) -> None:
    exact, fast = classify(p.F, p.k, p.s, p.D_u, p.D_v), classify_array(p.F, p.k, p.s, p.D_u, p.D_v)
    assert exact.name == fast.name == "turing"
    for name, condition in exact.conditions.items():
        assert condition.holds == bool(fast.conditions[name].holds)
        assert condition.margin == pytest.approx(float(fast.conditions[name].margin), rel=1e-6, abs=1e-10)


@given(seeds())
@settings(max_examples=15)
def test_vectorised_agrees_all_over_the_plane(seed: int) -> None:
    rng = np.random.default_rng(seed)
    F, k, d = rng.uniform(0.01, 0.2, 60), rng.uniform(0.01, 0.08, 60), 10 ** rng.uniform(-0.3, 1.5, 60)
    fast = classify_array(F, k, 1.0, d, 1.0)
    names = [classify(*values, 1, ratio, 1).name for *values, ratio in zip(F, k, d, strict=True)]
    assert list(fast.name) == names


def test_a_thousand_random_designs_are_turing() -> None:
    p = random_designs(1).parameters()
    assert set(classify_array(p.F, p.k, p.s, p.D_u, p.D_v).name) == {"turing"}


def test_json_ready() -> None:
    data = classify("0.05", "0.063", 1, 2, 1).to_dict()
    assert data["classification"] == "no-state"
    assert data["conditions"]["turing"] == {"holds": False, "margin": None}
    assert data["conditions"]["v_rich"]["margin"] < 0
    assert data["description"] == DESCRIPTIONS["no-state"]


BAD = {
    "negative": (("-1", "0.06", 1, 2, 1), "F must be finite and positive. Got -1"),
    "zero": ((0, "0.06", 1, 2, 1), "F must be"),
    "negative k": (("0.04", "-0.06", 1, 2, 1), "k must be finite and not negative"),
    "not a number": (("abc", "0.06", 1, 2, 1), "F must be a finite number. Got 'abc'"),
    "nan": (("0.04", math.nan, 1, 2, 1), "k must be a finite number"),
    "infinite": (("0.04", "0.06", math.inf, 2, 1), "s must be a finite number"),
    "huge exponent": (("0.04", "0.06", 1, "1e999999999", 1), "D_u must be a finite number"),
    "tiny exponent": (("0.04", "0.06", 1, 2, "1e-999999999"), "D_v must be a finite number"),
    "division by zero": (("1/0", "0.06", 1, 2, 1), "F must be a finite number"),
    "none": ((None, "0.06", 1, 2, 1), "F must be a finite number"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD)
def test_bad_arguments_are_named(arguments: tuple, message: str) -> None:
    with pytest.raises(ParameterError, match=message.replace(".", r"\.")):
        classify(*arguments)


@pytest.mark.parametrize("value", [-1.0, 0.0, np.nan, np.inf])
def test_bad_arrays_are_named(value: float) -> None:
    with pytest.raises(ParameterError, match="D_u must be finite and positive"):
        classify_array(0.05, 0.06, 1, [2.0, value], 1)


@given(fractions(-3, 3), fractions(-3, 3), fractions(0, 5))
def test_sign_and_float_of_a_number_with_a_square_root(a: Fraction, b: Fraction, radicand: Fraction) -> None:
    number = a + b * square_root(radicand)
    value = float(a) + float(b) * math.sqrt(radicand)
    assert number.sign() == (0 if float(number) == 0 else math.copysign(1, float(number)))
    if abs(value) > 1e-12:
        assert float(number) == pytest.approx(value, rel=1e-3 if abs(value) < 1e-9 else 1e-6)


def test_a_square_root_against_its_convergents() -> None:
    # floats cannot: differences of 1e-30 keep their sign and their digits
    p, q = 1, 1
    for _ in range(45):
        p, q = p + 2 * q, p + q
    root = square_root(Fraction(2))
    gap = Fraction(p, q) - root
    assert gap.sign() == -(Fraction(2 * q, p) - root).sign() != 0
    # p^2 - 2 q^2 = +-1, so the gap is +-1/(q^2 (p/q + sqrt 2))
    assert float(gap) == pytest.approx((p * p - 2 * q * q) / (q * q * 2 * math.sqrt(2)), rel=1e-12)


def test_a_negative_number_has_no_square_root() -> None:
    with pytest.raises(ParameterError, match="no real square root"):
        square_root(Fraction(-1))


def test_numbers_of_different_fields_are_refused() -> None:
    with pytest.raises(ParameterError, match="different fields"):
        square_root(Fraction(2)) + square_root(Fraction(3))


@given(st.sampled_from(sorted(DESCRIPTIONS)))
def test_every_classification_is_explained(name: str) -> None:
    assert DESCRIPTIONS[name]
