"""Vectorised intervals contain the truth: exact rationals and python-flint, at every kind of end."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import flint
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdmf_theory.arithmetic.interval_gradients import Gradient
from rdmf_theory.arithmetic.intervals import IntervalArray, outward
from rdmf_theory.errors import ParameterError

# the ends drawn here overflow on purpose
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

LARGEST, SMALLEST = np.finfo(float).max, 5e-324
SPECIAL = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    SMALLEST,
    -SMALLEST,
    2.2250738585072014e-308,
    1e-160,
    LARGEST,
    -LARGEST,
    0.1,
    2.0**52 + 1,
]

ends = st.one_of(st.sampled_from(SPECIAL), st.floats(allow_nan=False, allow_infinity=False), st.floats(-10, 10))
wide_ends = st.one_of(ends, st.sampled_from([math.inf, -math.inf]))
shares = st.sampled_from([Fraction(0), Fraction(1), Fraction(1, 2), Fraction(1, 3), Fraction(1, 10**9)])


@st.composite
def intervals(draw: st.DrawFn, end: st.SearchStrategy[float] = ends) -> tuple[float, float]:
    """(lower, upper), any order drawn; a quarter of them points."""
    a = draw(end)
    b = a if draw(st.integers(0, 3)) == 0 else draw(end)
    low, high = min(a, b), max(a, b)
    # infinity is an end, not a number
    return (-high if low == math.inf else low), (-low if high == -math.inf else high)


def point_of(interval: tuple[float, float], share: Fraction) -> Fraction:
    """An exact point of a bounded interval."""
    low, high = (Fraction(x) for x in interval)
    return low + (high - low) * share


def holds(enclosure: IntervalArray, value: Fraction) -> bool:
    low, high = float(enclosure.lower[0]), float(enclosure.upper[0])
    return (low == -math.inf or Fraction(low) <= value) and (high == math.inf or value <= Fraction(high))


def one(interval: tuple[float, float]) -> IntervalArray:
    return IntervalArray(np.array([interval[0]]), np.array([interval[1]]))


OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y,
    "square": lambda x, y: x**2,
    "cube": lambda x, y: x**3,
    "fifth": lambda x, y: x**5,
    "inverse cube": lambda x, y: y**-3,
    "constant": lambda x, y: 3 * x - Fraction(1, 3) * y + 1,
    "from constant": lambda x, y: 1 - x - 2 / y,
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
@given(x=intervals(), y=intervals(), a=shares, b=shares)
@settings(max_examples=120)
def test_exact_results_lie_inside(operation: Callable, x: Any, y: Any, a: Fraction, b: Fraction) -> None:
    enclosure = operation(one(x), one(y))
    assert not np.isnan(enclosure.ends).any()
    try:
        value = operation(point_of(x, a), point_of(y, b))
    except ZeroDivisionError:
        assert enclosure.lower[0] == -math.inf
        assert enclosure.upper[0] == math.inf
        return
    assert holds(enclosure, value)


@given(x=intervals(wide_ends), y=intervals(wide_ends), a=shares, b=shares)
@settings(max_examples=150)
def test_unbounded_intervals_hold_their_finite_points(x: Any, y: Any, a: Fraction, b: Fraction) -> None:
    finite = [tuple(min(max(end, -LARGEST), LARGEST) for end in interval) for interval in (x, y)]
    points = point_of(finite[0], a), point_of(finite[1], b)
    for name in ("add", "subtract", "multiply", "square", "cube"):
        assert holds(OPERATIONS[name](one(x), one(y)), OPERATIONS[name](*points)), name
    for smaller, pick in ((IntervalArray.minimum, min), (IntervalArray.maximum, max)):
        assert holds(smaller(one(x), one(y)), pick(*points))


@given(x=intervals(), a=shares)
@settings(max_examples=150)
def test_square_roots_against_flint(x: tuple[float, float], a: Fraction) -> None:
    enclosure = one(x).sqrt()
    if x[0] < 0:
        assert (enclosure.lower[0], enclosure.upper[0]) == (-math.inf, math.inf)
        return
    point = point_of(x, a)
    root = flint.arb(flint.fmpq(point.numerator, point.denominator)).sqrt()
    assert enclosure.lower[0] >= 0
    # balls that touch: arb's root is within its radius, the true root in both
    assert flint.arb(float(enclosure.lower[0])) <= root.upper()
    assert flint.arb(float(enclosure.upper[0])) >= root.lower()


@given(x=intervals(st.floats(0.01, 10)), y=intervals(st.floats(0.01, 10)))
@settings(max_examples=60)
def test_a_formula_against_flint_balls(x: tuple[float, float], y: tuple[float, float]) -> None:
    """Both enclose the same range: they overlap, and ours holds the values of flint at the corners."""

    def formula(a: Any, b: Any) -> Any:
        return (a * b**3 - 2 * a) / (1 + a * b) + (a + b).sqrt()

    ours = formula(one(x), one(y))
    for a in x:
        for b in y:
            ball = formula(flint.arb(a), flint.arb(b))
            assert flint.arb(float(ours.lower[0])) <= ball.upper()
            assert flint.arb(float(ours.upper[0])) >= ball.lower()


def test_outward_is_the_next_double() -> None:
    numbers = np.array([*SPECIAL, np.inf, -np.inf, np.nan, 1e300, -1e-300])
    moved = outward(numbers.copy())
    with np.errstate(over="ignore"):
        want = np.where(np.isnan(numbers), np.inf, np.nextafter(numbers, np.inf))
    np.testing.assert_array_equal(moved, want)
    # numpy computes long and short arrays differently
    np.testing.assert_array_equal([outward(np.array([x]))[0] for x in numbers], want)
    np.testing.assert_array_equal(outward(np.tile(numbers, 50)), np.tile(want, 50))
    assert outward(np.array([-SMALLEST]))[0] == 0.0


def test_intervals_are_tight() -> None:
    """Two doubles wide at a point for one operation, whatever the operation."""
    x, y = IntervalArray(np.array([0.1, 7.3])), IntervalArray(np.array([0.7, -3.1]))
    for result, value in ((x + y, x.lower + y.lower), (x * y, x.lower * y.lower), (x.sqrt(), np.sqrt(x.lower))):
        np.testing.assert_array_equal(result.lower, np.nextafter(value, -np.inf))
        np.testing.assert_array_equal(result.upper, np.nextafter(value, np.inf))
    assert IntervalArray(-1.0, 2.0).square().upper < 4.1
    assert IntervalArray(-1.0, 2.0).square().lower == 0.0


@given(x=intervals(st.floats(-3, 3)), y=intervals(st.floats(0.1, 3)), a=shares, b=shares)
@settings(max_examples=80)
def test_gradients_hold_the_derivatives(x: Any, y: Any, a: Fraction, b: Fraction) -> None:
    def formula(u: Any, v: Any) -> Any:
        return (u**3 * v - 2) / (v + u * u) + 3 * u * v - 1 / v

    def exact(u: Fraction, v: Fraction) -> tuple[Fraction, Fraction]:
        top, bottom = u**3 * v - 2, v + u * u
        along_u = (3 * u * u * v * bottom - top * 2 * u) / bottom**2 + 3 * v
        return along_u, (u**3 * bottom - top) / bottom**2 + 3 * u + 1 / v**2

    box = IntervalArray(np.array([[x[0]], [y[0]]]), np.array([[x[1]], [y[1]]]))
    result = formula(*Gradient.coordinates(box))
    u, v = point_of(x, a), point_of(y, b)
    assert holds(result.value, formula(u, v))
    for j, value in enumerate(exact(u, v)):
        assert holds(result.partials[j], value)


def test_gradients_of_roots_and_kinks() -> None:
    box = IntervalArray(np.array([[0.25], [-1.0]]), np.array([[4.0], [1.0]]))
    x, y = Gradient.coordinates(box)
    root = x.sqrt()
    assert root.partials.lower[0, 0] <= 0.25
    assert root.partials.upper[0, 0] >= 1.0
    kink = (x - 3).maximum(y)
    # both branches are met on the box, so both gradients are in the hull
    assert np.all(kink.partials.lower[:, 0] <= 0)
    assert np.all(kink.partials.upper[:, 0] >= 1)
    assert holds(kink.value, Fraction(1))
    clear = x.minimum(y + 9)
    np.testing.assert_array_equal(clear.partials.lower[:, 0], [1.0, 0.0])


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda: IntervalArray(2.0, 1.0), "not exceed upper"),
        (lambda: IntervalArray(np.nan), "must be a number"),
        (lambda: IntervalArray(np.inf, np.inf), "no interval is empty"),
        (lambda: IntervalArray(1.0) ** 0.5, "exponent must be an integer"),
    ],
    ids=["reversed", "nan", "empty", "fractional power"],
)
def test_bad_intervals_are_named(action: Callable, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        action()


def test_huge_integers_are_enclosed() -> None:
    huge = IntervalArray(np.ones(1)) * 10**400
    assert huge.lower[0] > 1e308
    assert huge.upper[0] == math.inf
    assert holds(IntervalArray(np.zeros(1)) + (2**53 + 1), Fraction(2**53 + 1))
