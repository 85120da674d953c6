"""Functions in equations: what the parser reads and refuses, and their values on floats, arrays and balls."""

from __future__ import annotations

from typing import Any

import flint
import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rdmf_theory.arithmetic.expressions import compile_expressions
from rdmf_theory.arithmetic.functions import BALLS, INSIDE
from rdmf_theory.errors import ParameterError
from rdmf_theory.systems.equation_parser import parse_expression
from rdmf_theory.systems.text import parse_system

u, v, n = sp.symbols("u v n", real=True)
SYMBOLS = {"u": u, "v": v, "n": n}

# --- what is read -----------------------------------------------------------------------------------------------------

READ = {
    "exp": ("2*exp(-u/v)", 2 * sp.exp(-u / v)),
    "two names of log": ("ln(u) - log(v)", sp.log(u) - sp.log(v)),
    "root": ("sqrt(u + v)", sp.sqrt(u + v)),
    "decimal power": ("u^2.5", u ** sp.Rational(5, 2)),
    "fraction": ("u^(1/3)", u ** sp.Rational(1, 3)),
    "negative power": ("u^-0.5", u ** sp.Rational(-1, 2)),
    "integer in disguise": ("u^(4/2) + u^2.0", 2 * u**2),
    "parameter": ("u^n/(1 + u^n)", u**n / (1 + u**n)),
    "sum of an exponent": ("u^(n - 1)", u ** (n - 1)),
    "minus binds less": ("-u^0.5", -sp.sqrt(u)),
    "nested": ("tanh(u*exp(-v))", sp.tanh(u * sp.exp(-v))),
    "smaller": ("min(u, v)*max(1, u)", sp.Min(u, v) * sp.Max(1, u)),
}


@pytest.mark.parametrize(("text", "expected"), READ.values(), ids=READ)
def test_what_is_read(text: str, expected: sp.Expr) -> None:
    assert parse_expression(text, SYMBOLS) == expected


REFUSED = {
    "one argument": ("min(u)", "min has two arguments. Got 1"),
    "three arguments": ("max(u, v, 1)", "max has two arguments. Got 3"),
    "two for one": ("exp(u, v)", "exp has one argument. Got 2"),
    "decimal comma": ("0,5*u", "a comma stands between the two arguments of min and max"),
    "nothing inside": ("exp()", "unexpected ')'"),
    "name alone": ("exp", "undefined symbol 'exp'"),
    "other function": ("erf(u)", "the function erf is not supported; the functions are exp, log, ln, tanh, sqrt, min"),
    "with a remedy": ("abs(u)", "the function abs is not supported; write max(x, -x)"),
    "log of a negative number": ("log(-2)*u", "log of -2 is no real number"),
    "log of zero": ("log(0)", "log of 0 is no real number"),
    "root of a negative number": ("(-8)^(1/3)", "a real power of -8 is no real number"),
    "pole": ("0^-0.5", "a real power of 0 is no real number"),
    "division": ("u/log(1)", "division by zero"),
    "large power": ("u^32.5", "a power must be at most 32. Got 65/2"),
    "tower": ("u^n^2", "a tower of powers"),
    "nesting": ("exp(" * 50 + "u" + ")" * 50, "more than 40 nested parentheses"),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(ParameterError) as error:
        parse_expression(text, SYMBOLS)
    assert message in str(error.value)


def test_a_function_is_no_parameter_and_a_parameter_may_have_its_name() -> None:
    system = parse_system("u' = exp(-a*u) - max(u, log)")
    assert [str(symbol) for symbol in system.parameters] == ["a", "log"]


# --- what it evaluates to ---------------------------------------------------------------------------------------------


def texts() -> st.SearchStrategy[str]:
    """Expressions in u, v and n; arguments of log and powers positive where u, v and n are."""
    atoms = st.sampled_from(["u", "v", "n", "0.7", "2", "3/5"])

    def extend(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        pair = st.tuples(inner, inner)
        return (
            pair.map(lambda p: f"({p[0]} + {p[1]})")
            | pair.map(lambda p: f"({p[0]})*({p[1]})")
            | pair.map(lambda p: f"min({p[0]}, {p[1]} + 0.1)")
            | pair.map(lambda p: f"max({p[0]}, 2*({p[1]}))")
            | inner.map(lambda x: f"exp(-({x}))")
            | inner.map(lambda x: f"log(1 + {x})")
            | inner.map(lambda x: f"sqrt({x})")
            | inner.map(lambda x: f"({x})^2.3")
            | inner.map(lambda x: f"({x})^-n")
            | inner.map(lambda x: f"tanh({x})")
        )

    return st.recursive(atoms, extend, max_leaves=5)


MPMATH = {"exp": mpmath.exp, "log": mpmath.log, "sqrt": mpmath.sqrt, "tanh": mpmath.tanh, "min": min, "max": max}


def by_mpmath(text: str, **at: Any) -> Any:
    """The text as Python evaluates it on mpmath numbers: nothing of the parser, sympy or the compiler."""
    return eval(text.replace("^", "**"), {"__builtins__": {}}, MPMATH | at)


@given(texts(), *(st.fractions("1/5", 3, max_denominator=20) for _ in "uvn"))
@settings(max_examples=60)
def test_balls_and_floats_hold_what_mpmath_computes(text: str, a: Any, b: Any, c: Any) -> None:
    expression = parse_expression(text, SYMBOLS)
    function = compile_expressions([expression, sp.diff(expression, u)], (u, v, n))
    with mpmath.workdps(60):
        at = [mpmath.mpf(x.numerator) / x.denominator for x in (a, b, c)]
        right = mpmath.mpf(by_mpmath(text, u=at[0], v=at[1], n=at[2]))
        step = mpmath.mpf(10) ** -15
        sides = [by_mpmath(text, u=at[0] + sign * step, v=at[1], n=at[2]) for sign in (-1, 1)]
        slope = (sides[1] - sides[0]) / (2 * step)
        # one-sided slopes that differ: a kink, whose slope is between them
        kink = abs(sides[1] - 2 * right + sides[0]) > abs(step) * mpmath.mpf("1e-6")
    assume(abs(right) < 1e50 and abs(slope) < 1e50)
    balls = function(*(flint.arb(flint.fmpq(x.numerator, x.denominator)) for x in (a, b, c)))
    assert abs(flint.arb(mpmath.nstr(right, 40)) - balls[0]) <= 1e-12 * (1 + abs(float(right)))
    if not kink:
        assert abs(flint.arb(mpmath.nstr(slope, 40)) - balls[1]).lower() <= 1e-8 * (1 + abs(float(slope)))
    numbers = function(*map(float, (a, b, c)))
    arrays = function(*(np.full(2, float(x)) for x in (a, b, c)))
    assert float(numbers[0]) == pytest.approx(float(right), rel=1e-9, abs=1e-9)
    assert np.broadcast_to(arrays[0], (2,))[1] == pytest.approx(float(right), rel=1e-9, abs=1e-9)


@given(texts(), st.lists(st.tuples(st.floats(0.2, 3), st.floats(0, 0.5)), min_size=3, max_size=3))
@settings(max_examples=60)
def test_a_ball_holds_every_value_inside(text: str, boxes: Any) -> None:
    function = compile_expressions([parse_expression(text, SYMBOLS)], (u, v, n))
    whole = function(*(flint.arb(low).union(flint.arb(low + width)) for low, width in boxes))[0]
    for share in (0.0, 0.37, 1.0):
        with mpmath.workdps(40):
            value = by_mpmath(text, **{k: mpmath.mpf(b[0] + share * b[1]) for k, b in zip("uvn", boxes, strict=True)})
            number = flint.arb(mpmath.nstr(mpmath.mpf(value), 30))
        assert not whole.is_finite() or (whole + flint.arb(0, 1e-12) * (1 + abs(number))).contains(number)


def test_undefined_certifies_nothing() -> None:
    """Also under minimum and maximum, and on a ball that is undefined on a part only."""
    undefined, edge = flint.arb(-1).log(), flint.arb(0, 1)
    for other in (flint.arb(5), flint.arb(-5)):
        for pair in ((undefined, other), (other, undefined)):
            assert not BALLS.minimum(*pair).is_finite()
            assert not BALLS.maximum(*pair).is_finite()
    assert not BALLS.sqrt(edge).is_finite()
    assert not BALLS.power(edge, flint.arb("2.5")).is_finite()
    # where the caller excludes the rest, the part inside counts
    assert INSIDE.sqrt(edge).contains(1)
    assert INSIDE.sqrt(edge).contains(0)
    assert not INSIDE.sqrt(flint.arb(-1)).is_finite()
    assert INSIDE.power(edge, flint.arb("2.5")).contains(1)
    assert not INSIDE.power(edge, flint.arb("-0.5")).is_finite()
    for kind in (float, lambda x: np.array([x])):
        values = compile_expressions([sp.Max(sp.log(u), 1), sp.sqrt(u), u ** sp.Rational(7, 3)], (u,))(kind(-1.0))
        assert np.all(np.isnan(values))
    assert BALLS.step(edge).contains(0)
    assert BALLS.step(edge).contains(1)
