"""Homogeneous states: exact algebra, certified boxes and Newton's method must find the same; no state is dropped."""

from __future__ import annotations

from fractions import Fraction

import flint
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import root

from rdmf_theory.arithmetic.algebraic import AlgebraicNumber, roots_of
from rdmf_theory.arithmetic.expressions import compile_expressions
from rdmf_theory.arithmetic.sturm import least_sign, positive_roots
from rdmf_theory.arithmetic.zeros import find_zeros
from rdmf_theory.errors import ParameterError
from rdmf_theory.systems import exact_states
from rdmf_theory.systems.homogeneous_states import steady_states_in_box
from rdmf_theory.systems.point import SystemPoint
from rdmf_theory.systems.text import parse_system


def point(text: str, **values: object) -> SystemPoint:
    system = parse_system(text)
    return SystemPoint(system, {symbol.name: 1 for symbol in system.diffusions} | values)


BOX = [(-3, 3), (-3, 3)]
coefficients = st.integers(-4, 4)


@st.composite
def quadratic_systems(draw: st.DrawFn) -> SystemPoint:
    """Two random polynomials of degree two and three with small integer coefficients."""
    monomials = ["1", "u", "v", "u*v", "u^2", "v^2"]
    lines = []
    for species, extra in (("u", "u^3"), ("v", "v^2*u")):
        terms = [f"({draw(coefficients)})*{monomial}" for monomial in (*monomials, extra)]
        lines.append(f"{species}' = {' + '.join(terms)}")
    return point("; ".join(lines))


@given(quadratic_systems(), st.integers(0, 2**32 - 1))
@settings(max_examples=4)
def test_every_newton_state_is_enclosed(system: SystemPoint, seed: int) -> None:
    """Newton's method from random starts finds no state in the box that the exact list lacks."""
    states = steady_states_in_box(system, BOX)
    if not all(state.exact for state in states):
        # a continuum: the search covers it with undecided boxes
        assert not all(state.certified for state in states)
        return
    mids = [state.mid for state in states]
    rng = np.random.default_rng(seed)
    for start in rng.uniform(-3, 3, (10, 2)):
        found = root(lambda x: np.asarray(system.reaction(x)), start, tol=1e-13)
        regular = found.success and abs(np.linalg.det(system.jacobian(found.x))) > 1e-6
        if regular and np.all(abs(found.x) < 2.999) and np.abs(system.reaction(found.x)).max() < 1e-10:
            assert any(np.allclose(found.x, mid, atol=1e-7) for mid in mids), (found.x, mids)
    for state in states:
        if state.certified and state.exact:
            # the state is a zero, exactly
            assert all(not value for value in system.reaction(state.exact))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("u' = u^3 - u + v/3; v' = v^5 - v + u/7", 9),
        ("u' = u^2 - 2; v' = v^2 - 3", 4),
        ("u' = u*(u^2 + v^2 - 1); v' = v*(u^2 + v^2 - 2)", 5),
        ("u' = 1/u - u*v; v' = u^2 - v/(1 + u)", 1),
        ("u' = u^2 + 1; v' = v", 0),
    ],
)
def test_boxes_and_exact_algebra_find_the_same(text: str, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    system = point(text)
    exact = steady_states_in_box(system, BOX)
    assert len(exact) == expected
    monkeypatch.setattr(exact_states, "MOST_SPECIES", 0)
    searched = steady_states_in_box(system, BOX)
    assert all(state.certified for state in searched)
    assert len(searched) == expected
    for one, other in zip(exact, searched, strict=True):
        assert other.exact is None
        assert all(a.overlaps(b) for a, b in zip(one.box, other.box, strict=True))
        assert other.rad.max() < 1e-25


def test_a_double_state_is_exact_or_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    """At a saddle-node no interval test can decide: exact algebra does, and the search reports the box."""
    system = point("u' = (u - 1/3)^2*(v + 2); v' = v - u")
    states = steady_states_in_box(system, BOX)
    assert [tuple(x.fraction for x in state.exact or ()) for state in states] == [
        (Fraction(-2), Fraction(-2)),
        (Fraction(1, 3), Fraction(1, 3)),
    ]
    monkeypatch.setattr(exact_states, "MOST_SPECIES", 0)
    searched = steady_states_in_box(system, BOX)
    assert [state.certified for state in searched] == [True, False]
    assert "ask for a smaller one" in searched[1].reason
    assert all(item.contains(flint.fmpq(1, 3)) for item in searched[1].box)


def test_states_on_the_edge_of_the_box_count() -> None:
    system = point("u' = u*(1 - u); v' = v - u")
    assert len(steady_states_in_box(system, [(0, 1), (0, 1)])) == 2
    assert len(steady_states_in_box(system, {"u": ("1/1000", 1), "v": (0, 1)})) == 1


def test_a_state_of_several_factors_is_listed_once() -> None:
    """(0, 0) is a zero of three of the four choices of one factor from each reaction."""
    states = steady_states_in_box(point("u' = u*(u - v); v' = v*(u + v - 2)"))
    assert [state.mid.tolist() for state in states] == [[0, 0], [0, 2], [1, 1]]


def test_three_species() -> None:
    system = point("u' = s*(v - u); v' = u*(r - w) - v; w' = u*v - b*w", s=10, r=28, b="8/3")
    states = steady_states_in_box(system)
    assert len(states) == 3
    assert states[2].mid == pytest.approx([np.sqrt(72), np.sqrt(72), 27], rel=1e-15)
    assert states[2].exact is not None
    assert states[2].exact[0] ** 2 == 72


def test_functions_are_searched() -> None:
    """A system with exp, from Python: no exact algebra, certified boxes all the same."""
    from rdmf_theory.kinetics import ReactionSystem

    u, a, D = sp.Symbol("u", real=True), sp.Symbol("a", real=True), sp.Symbol("D_u", positive=True)
    system = ReactionSystem("exp", (u,), (a,), (a - u * sp.exp(-u),), (D,), "test")
    at = SystemPoint(system, {"a": "0.2", "D_u": 1})
    states = steady_states_in_box(at, [(0, 5)])
    assert [float(x.mid[0]) for x in states] == pytest.approx([0.25917110181907376, 2.5426413577735265], rel=1e-14)
    with pytest.raises(ParameterError, match="give the box to search"):
        steady_states_in_box(at)


def test_search_reports_what_it_could_not_look_at() -> None:
    def function(x: list[flint.arb]) -> list[flint.arb]:
        return [x[0] ** 2 - 2]

    search = find_zeros(function, lambda x: [[2 * x[0]]], ((Fraction(-2), Fraction(2)),), most=1)
    assert search.zeros == ()
    assert search.undecided


def test_a_zero_on_a_cut_is_found_once() -> None:
    """The first cut of [0, 64] is at 31, so both halves prove that zero."""
    search = find_zeros(
        lambda x: [(x[0] - 31) * (x[0] - 50)], lambda x: [[2 * x[0] - 81]], ((Fraction(0), Fraction(64)),)
    )
    assert sorted(round(float(zero.box[0].mid())) for zero in search.zeros) == [31, 50]
    assert not search.undecided


def test_bad_boxes() -> None:
    system = point("u' = 1 - u; v' = u - v")
    for box, message in (
        ({"u": (0, 1)}, "for u, v"),
        ({"u": (0, 1), "w": (0, 1)}, "for u, v"),
        ([(0, 1)], "Got 1 ranges"),
        ([(1, 0), (0, 1)], "must have low <= high"),
        ([("x", 1), (0, 1)], "must be a finite number"),
    ):
        with pytest.raises(ParameterError, match=message):
            steady_states_in_box(system, box)


@given(st.lists(st.integers(-9, 9), min_size=2, max_size=6))
@settings(max_examples=12)
def test_real_roots_and_signs_against_sympy(integers: list[int]) -> None:
    x = sp.Symbol("x")
    polynomial = sp.Poly(list(reversed(integers)), x)
    if polynomial.degree() < 1:
        return
    found = roots_of(flint.fmpq_poly(integers))
    expected = sorted(float(sp.re(r)) for r in polynomial.sqf_part().nroots(n=20) if abs(sp.im(r)) < 1e-15)
    assert len(expected) == polynomial.sqf_part().count_roots()
    assert [float(r) for r in found] == pytest.approx(expected, rel=1e-12, abs=1e-12)
    for number in found:
        value = AlgebraicNumber.from_rational(0)
        for coefficient in reversed(integers):
            value = value * number + coefficient
        assert value == 0
        assert (value + Fraction(1, 10**60)).sign() == 1
        assert number.sign() == (float(number) > 0) - (float(number) < 0)
        if number:
            assert number * (1 / number) == 1
    exact = [AlgebraicNumber.from_rational(c) for c in integers]
    while not exact[-1]:
        exact.pop()
    assert positive_roots(exact) == sum(r > 0 for r in expected)
    if integers[0] > 0:
        lowest = min([polynomial.eval(t) for t in np.linspace(0.01, 40, 400)])
        assert least_sign(exact) <= (1 if lowest > 0 else -1 if lowest < 0 else 0)


def test_compiled_expressions_on_every_kind_of_number() -> None:
    u, v = sp.symbols("u v")
    trees = [u**3 / 3 - sp.Rational(2, 7) * v / (1 + u**2) ** 2, sp.Integer(4), 1 / u**4, u * v - 1]
    function = compile_expressions(trees, (u, v))
    expected = [tree.subs({u: sp.Rational(1, 2), v: 3}) for tree in trees]
    assert function(Fraction(1, 2), 3) == [Fraction(int(x.p), int(x.q)) for x in expected]
    assert function(0.5, 3.0) == pytest.approx([float(x) for x in expected])
    arrays = function(np.full(4, 0.5), np.full(4, 3.0))
    assert arrays[0] == pytest.approx(np.full(4, float(expected[0])))
    assert all(
        ball.contains(flint.fmpq(int(x.p), int(x.q)))
        for ball, x in zip(function(flint.arb(0.5), flint.arb(3)), expected, strict=True)
    )
    assert function(*(AlgebraicNumber.from_rational(*q) for q in ((1, 2), (3, 1))))[0] == Fraction(
        int(expected[0].p), int(expected[0].q)
    )
    with pytest.raises(ParameterError, match="undefined symbol"):
        compile_expressions([u * sp.Symbol("w")], (u, v))
    with pytest.raises(ParameterError, match="cannot be compiled"):
        compile_expressions([sp.gamma(u)], (u,))
    with pytest.raises(ParameterError, match="no exact rational value"):
        compile_expressions([sp.exp(u)], (u,))(1)
