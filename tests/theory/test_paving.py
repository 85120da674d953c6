"""Certified pavings: sound on exact rationals, complete, and around the exact area; 2 to 5 parameters."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from rdmf_theory.arithmetic.expressions import compile_expressions
from rdmf_theory.errors import ParameterError
from rdmf_theory.regions.area import fixed_ratio_area
from rdmf_theory.regions.boxes import Boxes, Paving
from rdmf_theory.regions.conditions import (
    GRAY_SCOTT_CONDITIONS,
    Conjunction,
    NamedCondition,
    gray_scott_region,
    library,
)
from rdmf_theory.regions.pave import pave
from rdmf_theory.turing import classify, classify_array
from tests.strategies import seeds

PLANE = gray_scott_region()
KINDS = ("inner", "outer", "boundary")


def points_in(boxes: Boxes, count: int, seed: int, corners: bool = False) -> np.ndarray:
    """Random points of random boxes, or random corners of them."""
    rng = np.random.default_rng(seed)
    i = rng.integers(0, len(boxes), count)
    share = rng.random((count, boxes.lower.shape[1]))
    if corners:
        return np.where(share < 0.5, boxes.lower[i], boxes.upper[i])
    return boxes.lower[i] + share * (boxes.upper[i] - boxes.lower[i])


def as_parameters(free: tuple[str, ...], point: np.ndarray) -> tuple[Fraction, ...]:
    values = {"s": 1.0, "D_u": 2.0, "D_v": 1.0, **dict(zip(free, point.tolist(), strict=True))}
    if "d" in values:
        values["D_u"] = values["d"]
    return tuple(Fraction(values[name]) for name in ("F", "k", "s", "D_u", "D_v"))


CASES = {
    "F, k": (("F", "k"), (0.0, 0.0), (0.1, 0.08), 2e-6),
    "F, k, d": (("F", "k", "d"), (0.01, 0.03, 1.5), (0.1, 0.08, 9.0), 5e-3),
    "F, k, s, d": (("F", "k", "s", "d"), (0.03, 0.04, 0.8, 4.0), (0.06, 0.06, 1.2, 9.0), 3e-4),
    "F, k, s, D_u, D_v": (
        ("F", "k", "s", "D_u", "D_v"),
        (0.03, 0.045, 0.9, 6.0, 0.9),
        (0.045, 0.055, 1.1, 9.0, 1.1),
        5e-6,
    ),
}


@pytest.mark.parametrize(("free", "lower", "upper", "gap"), CASES.values(), ids=CASES)
def test_boxes_hold_what_they_claim_on_exact_rationals(
    free: tuple[str, ...], lower: tuple[float, ...], upper: tuple[float, ...], gap: float
) -> None:
    region = gray_scott_region(free=free)
    paving = pave(region.conditions, lower, upper, gap=gap, max_boxes=150_000)
    assert paving.complete
    assert min(len(getattr(paving, kind)) for kind in KINDS) > 20
    for corners in (False, True):
        for point in points_in(paving.inner, 150, 1, corners):
            assert classify(*as_parameters(free, point)).name == "turing"
        for point in points_in(paving.outer, 150, 2, corners):
            values = as_parameters(free, point)
            if min(values) > 0:
                assert classify(*values).name != "turing"


@pytest.mark.parametrize(("free", "lower", "upper", "gap"), list(CASES.values())[:3], ids=list(CASES)[:3])
def test_boxes_cover_the_box_once(
    free: tuple[str, ...], lower: tuple[float, ...], upper: tuple[float, ...], gap: float
) -> None:
    paving = pave(gray_scott_region(free=free).conditions, lower, upper, gap=20 * gap)
    whole = np.prod(np.subtract(upper, lower))
    assert sum(getattr(paving, kind).volume()[1] for kind in KINDS) == pytest.approx(whole, rel=1e-12)
    points = np.random.default_rng(3).uniform(lower, upper, (2000, len(lower)))
    found = sum(getattr(paving, kind).contains(points).astype(int) for kind in KINDS)
    # random points lie on no face
    assert np.all(found == 1)


@pytest.mark.parametrize(
    ("d", "F_max", "k_max", "gap"),
    [("1.2", "0.08", 0.08, 1e-8), ("2", "0.1", 0.08, 2.6e-6), ("3", "0.2", 0.08, 2e-5), ("6", "0.2", 0.08, 2e-5)],
)
def test_bounds_contain_the_exact_area(d: str, F_max: str, k_max: float, gap: float) -> None:
    area = fixed_ratio_area(d, 1, F_max)
    paving = pave(gray_scott_region({"d": d}).conditions, (0, 0), (float(F_max), k_max), gap=gap)
    low, high = paving.volume
    # the corner 0.1 is cut at the double next to it
    slack = Fraction(1, 10**18)
    assert Fraction(low) <= area.upper + slack
    assert area.lower - slack <= Fraction(high)
    assert 0 < high - low <= paving.gap * (1 + 1e-9) <= gap * (1 + 1e-9)
    assert low > 0.3 * area.mid


def test_the_textbook_area() -> None:
    low, high = pave(PLANE.conditions, (0, 0), (0.1, 0.08), gap=2e-9).volume
    assert low < 1.695974150220721e-05 < high
    assert high - low < 2e-9


def test_refining_narrows_the_bounds() -> None:
    bounds = [pave(PLANE.conditions, (0, 0), (0.1, 0.08), gap=gap).volume for gap in (1e-5, 1e-6, 2e-7)]
    for coarse, fine in pairwise(bounds):
        assert coarse[0] < fine[0] < fine[1] < coarse[1]


def test_tolerance_ends_the_refinement() -> None:
    paving = pave(PLANE.conditions, (0, 0), (0.1, 0.08), tolerance=0.01)
    sides = (paving.boundary.upper - paving.boundary.lower) / [0.1, 0.08]
    assert paving.complete
    assert sides.max() <= 0.01
    assert paving.volume[0] < 1.695974150220721e-05 < paving.volume[1]


def test_a_limit_is_reported_as_incomplete() -> None:
    paving = pave(PLANE.conditions, (0, 0), (0.1, 0.08), gap=1e-9, max_boxes=500)
    assert not paving.complete
    assert paving.evaluations <= 500
    assert paving.volume[0] < 1.695974150220721e-05 < paving.volume[1]


def test_empty_region() -> None:
    paving = pave(gray_scott_region({"d": 1}).conditions, (0.01, 0.01), (0.1, 0.08), gap=1e-9)
    assert len(paving.inner) == 0
    assert paving.volume[0] == 0.0
    assert paving.volume[1] <= 1.1e-9


def test_whole_box() -> None:
    paving = pave(PLANE.conditions, (0.055, 0.06199), (0.0551, 0.062), gap=1e-12)
    assert len(paving.outer) == len(paving.boundary) == 0
    assert paving.volume[0] == pytest.approx(1e-9, rel=1e-9)


@pytest.mark.parametrize(("k", "kind"), [(0.062, "inner"), (0.05, "outer")])
def test_flat_box(k: float, kind: str) -> None:
    paving = pave(PLANE.conditions, (0.055, k), (0.0551, k), tolerance=1e-3)
    assert len(getattr(paving, kind)) > 0
    assert sum(len(getattr(paving, other)) for other in KINDS if other != kind) == 0
    assert paving.volume[1] < 1e-300


def disc(x: object, y: object) -> object:
    return 1 - x**2 - y**2


def test_a_disc_and_a_ring() -> None:
    paving = pave([disc], (-1, -1), (1, 1), gap=1e-2)
    assert paving.volume[0] < np.pi < paving.volume[1]
    ring = pave([disc, lambda x, y: library(x).sqrt(x * x + y * y) - Fraction(1, 2)], (-1, -1), (1, 1), gap=1e-2)
    assert ring.volume[0] < np.pi * 0.75 < ring.volume[1]


@pytest.mark.parametrize("p", [1, 3, 4])
def test_balls(p: int) -> None:
    volume = {1: 2.0, 3: 4 / 3 * np.pi, 4: np.pi**2 / 2}[p]
    gap = {1: 1e-6, 3: 0.05, 4: 0.8}[p]
    low, high = pave([lambda *x: 1 - sum(y**2 for y in x)], [-1] * p, [1] * p, gap=gap).volume
    assert low < volume < high < low + gap


def test_half_spaces_are_measured_exactly() -> None:
    """One plane through a box: the volume bounds are tight without any halving."""
    paving = pave([lambda x, y, z: x + 2 * y - z - Fraction(1, 3)], (0, 0, 0), (1, 1, 1), gap=1e-9)
    # the simplex below the plane in turned coordinates: x + 2 y + z' < 4/3, z' = 1 - z
    below = (Fraction(4, 3) ** 3 - 2 * Fraction(1, 3) ** 3) / 12
    assert paving.volume[0] < 1 - below < paving.volume[1]
    assert paving.evaluations <= 1000


def test_undefined_margins_certify_nothing() -> None:
    """sqrt(x) > -1 holds for x >= 0; for x < 0 it is undefined: neither inner nor outer."""
    paving = pave([lambda x, y: library(x).sqrt(x) + 1 + 0 * y], (-1, 0), (1, 1), tolerance=0.1)
    assert np.all(paving.inner.lower[:, 0] >= 0)
    assert len(paving.outer) == 0
    assert np.all(paving.boundary.lower[:, 0] <= 0)


def test_conditions_without_coordinates() -> None:
    assert len(pave([lambda x, y: 1], (0, 0), (1, 1), gap=0.1).outer) == 0
    assert len(pave([lambda x, y: -1.0, disc], (0, 0), (1, 1), gap=0.1).inner) == 0


def test_another_system_through_compiled_expressions() -> None:
    """Schnakenberg with D_u = 1, D_v = 50 in (a, b): the state is u = a + b, v = b/(a + b)^2."""
    a, b = sp.symbols("a b", positive=True)
    u, v = a + b, b / (a + b) ** 2
    J = sp.Matrix([[-1 + 2 * u * v, u**2], [-2 * u * v, -(u**2)]])
    h = 50 * J[0, 0] + J[1, 1]
    margins = [-J.trace(), J.det(), h, h**2 - 200 * J.det()]
    compiled = [compile_expressions([sp.together(margin)], [a, b]) for margin in margins]
    conditions = [lambda x, y, f=f: f(x, y)[0] for f in compiled]
    paving = pave(conditions, (0.01, 0.05), (0.7, 3.1), gap=0.01)
    points = np.array([[x, y] for x in (0.2, 0.4, 0.6) for y in (1.0, 2.0, 3.0)])
    inside = [tuple(point) for point in points[paving.inner.contains(points)]]
    assert inside == [(0.2, 1.0), (0.2, 2.0)]
    assert paving.outer.contains(points).sum() == 7


ALL_FIVE = ("F", "k", "s", "D_u", "D_v")
WITNESSES = {
    "v_rich": (0.245, 0.018, 1.0, 2.9, 1.0),
    "damped": (0.0148, 0.0424, 1.0, 3.98, 1.0),
    "fed": (0.185, -0.0295, 1.0, 77.93, 1.0),
    "below_cusp": (0.2073, 0.0201, 1.0, 1.14, 1.0),
    "turing": (0.1635, 0.0384, 1.0, 2.28, 1.0),
}
"""For each condition a point at which all others hold."""


@pytest.mark.parametrize("name", WITNESSES)
def test_every_condition_matters(name: str) -> None:
    margins = Conjunction(ALL_FIVE, GRAY_SCOTT_CONDITIONS).margins(*WITNESSES[name])
    assert [other for other, margin in margins.items() if not margin > 0] == [name]


def test_conditions_agree_with_the_classification() -> None:
    rng = np.random.default_rng(5)
    F, k, d = rng.uniform(1e-4, 0.6, 40_000), rng.uniform(1e-5, 0.12, 40_000), rng.uniform(0.3, 9, 40_000)
    s = 10 ** rng.uniform(-0.3, 0.3, 40_000)
    with np.errstate(invalid="ignore"):
        held = Conjunction(ALL_FIVE, GRAY_SCOTT_CONDITIONS).holds(F, k, s, d, 1.0)
    np.testing.assert_array_equal(held, classify_array(F, k, s, d, 1.0).name == "turing")
    assert 0.02 < held.mean() < 0.5


def test_conditions_on_exact_fractions() -> None:
    corner = (Fraction(3087, 65536), Fraction(3969, 65536), 1, 2, 1)
    margins = {c.name: c(*corner) for c in GRAY_SCOTT_CONDITIONS if c.name != "turing"}
    assert margins["damped"] == 0
    assert margins["v_rich"] > 0


BAD: dict[str, tuple[Callable, str]] = {
    "no condition": (lambda: pave([], (0, 0), (1, 1), gap=1), "conditions must hold at least one"),
    "reversed": (lambda: pave([disc], (0, 1), (1, 0), gap=1), "lower must not exceed upper"),
    "not finite": (lambda: pave([disc], (0, 0), (1, np.inf), gap=1), "both finite"),
    "lengths": (lambda: pave([disc], (0, 0), (1, 1, 1), gap=1), "same 1 to 5 entries"),
    "six": (lambda: pave([disc], [0] * 6, [1] * 6, gap=1), "same 1 to 5 entries"),
    "no limit": (lambda: pave([disc], (0, 0), (1, 1)), "gap or tolerance"),
    "gap": (lambda: pave([disc], (0, 0), (1, 1), gap=0.0), "gap must be positive"),
    "names twice": (lambda: Conjunction(("x", "y"), (NamedCondition("a", disc),) * 2), "distinct names"),
    "unknown": (lambda: gray_scott_region({"q": 1}), "free and fixed must be different"),
    "both": (lambda: gray_scott_region({"F": 1}), "free and fixed must be different"),
    "d twice": (lambda: gray_scott_region({"d": 2}, free=("F", "k", "D_u")), "free and fixed must be different"),
    "missing": (lambda: gray_scott_region(free=("F", "d")), "must give"),
    "no number": (lambda: gray_scott_region({"d": "two"}), "must be a finite number"),
}


@pytest.mark.parametrize(("action", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_named(action: Callable, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        action()


def test_summary_is_json_ready() -> None:
    paving = pave([disc], (-1, -1), (1, 1), gap=0.5)
    summary = paving.to_dict()
    assert isinstance(paving, Paving)
    assert summary["volume"][0] < np.pi < summary["volume"][1]
    assert len(summary["inner"][0]) == len(paving.inner)


coefficients = st.integers(-9, 9).map(lambda n: Fraction(n, 3))


@given(
    terms=st.lists(st.tuples(coefficients, st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=5),
    line=st.tuples(coefficients, coefficients, coefficients),
    seed=seeds(),
)
@settings(max_examples=25)
def test_random_conditions_on_exact_rationals(terms: list, line: tuple, seed: int) -> None:
    """A random polynomial, the larger of it and a line, and a quotient: boxes hold what exact rationals say."""

    def polynomial(x: Any, y: Any) -> Any:
        return sum((c * x**i * y**j for c, i, j in terms), start=0 * x)

    def kink(x: Any, y: Any) -> Any:
        other = line[0] * x + line[1] * y + line[2]
        value = polynomial(x, y)
        return max(value, other) if isinstance(value, Fraction) else library(value).maximum(value, other)

    def quotient(x: Any, y: Any) -> Any:
        return (x + line[2]) / (y * y + Fraction(1, 7)) + line[0] * y

    conditions = (kink, quotient)
    paving = pave(conditions, (-2, -1), (1.5, 2), gap=0.05, max_boxes=6000)
    for boxes, inside in ((paving.inner, True), (paving.outer, False)):
        for corners in (False, True) if len(boxes) else ():
            for point in points_in(boxes, 20, seed, corners):
                x, y = (Fraction(value) for value in point.tolist())
                assert all(condition(x, y) > 0 for condition in conditions) == inside
    # the bounds of the volume hold the share of random points, five standard deviations around
    rng = np.random.default_rng(seed)
    points = rng.uniform((-2, -1), (1.5, 2), (500, 2))
    share = np.mean([all(c(*point) > 0 for c in conditions) for point in points])
    spread = 5 * 10.5 * np.sqrt(max(share * (1 - share), 1e-2) / 500)
    assert paving.volume[0] - spread <= 10.5 * share <= paving.volume[1] + spread
