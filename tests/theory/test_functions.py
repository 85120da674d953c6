"""Reactions with exp, log, tanh, roots, real powers, minimum and maximum: against mpmath and thresholds by hand."""

from __future__ import annotations

import json
from typing import Any

import flint
import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rdmf_model.cli import main
from rdmf_theory.arithmetic.expressions import compile_expressions
from rdmf_theory.arithmetic.functions import BALLS, INSIDE
from rdmf_theory.errors import ParameterError
from rdmf_theory.systems.classification import PointClassification, classify_point
from rdmf_theory.systems.equation_parser import parse_expression, parse_reaction
from rdmf_theory.systems.homogeneous_states import steady_states_in_box
from rdmf_theory.systems.point import SystemPoint
from rdmf_theory.systems.text import parse_system
from rdmf_theory.systems.thresholds import thresholds

u, v, n = sp.symbols("u v n", real=True)
SYMBOLS = {"u": u, "v": v, "n": n}

SALNIKOV = "A' = mu - kappa*A*exp(T); T' = A*exp(T) - T"
TOGGLE = "u' = a/(1 + v^n) - u; v' = a/(1 + u^n) - v"
IVLEV = "u' = u*(1 - u) - v*(1 - exp(-g*u)); v' = b*v*(1 - exp(-g*u)) - m*v"
HERD = "u' = u*(1 - u) - sqrt(u)*v; v' = sqrt(u)*v - m*v"
NEURAL = "u' = -u + tanh(a*u - b*v); v' = (tanh(c*u) - v)/tau"


def classified(system: str, values: dict[str, Any], box: dict[str, tuple[Any, Any]] | None) -> PointClassification:
    parsed = parse_system(system)
    rates = {str(symbol): 1 for symbol in parsed.diffusions}
    return classify_point(SystemPoint(parsed, rates | values), box)


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


# --- what it says of a point: thresholds by hand ----------------------------------------------------------------------


@given(st.fractions("11/10", 4, max_denominator=30))
@settings(max_examples=12)
def test_salnikov_hopf(theta: Any) -> None:
    """A' = mu - kappa A e^T, T' = A e^T - T: T = mu/kappa, trace T - 1 - kappa e^T, so Hopf at kappa = (T - 1) e^-T."""
    with mpmath.workdps(40):
        t = mpmath.mpf(theta.numerator) / theta.denominator
        kappa = mpmath.nstr((t - 1) * mpmath.exp(-t), 30)
    names = []
    for factor in (1 - sp.Rational(1, 10**9), 1 + sp.Rational(1, 10**9)):
        value = sp.Rational(kappa) * factor
        point = {"kappa": str(value), "mu": str(value * sp.Rational(str(theta)))}
        result = classified(SALNIKOV, point, {"A": ("0.01", 10), "T": (theta - 1, theta + 1)})
        names.append([state.name for state in result.states])
    assert names == [["unstable"], ["stable"]]


def test_salnikov_never_oscillates_above_e_to_minus_two() -> None:
    """The largest value of (T - 1) e^-T is e^-2 at T = 2 (Gray, Kay and Scott 1988)."""
    for kappa, name in (("0.1353352832366126", "unstable"), ("0.1353352832366127", "stable")):
        mu = str(2 * sp.Rational(kappa))
        assert classified(SALNIKOV, {"kappa": kappa, "mu": mu}, {"A": (0, 2), "T": (1, 3)}).name == name


@given(st.fractions("3/2", 4, max_denominator=20), st.fractions("11/10", 3, max_denominator=20))
@settings(max_examples=10)
def test_salnikov_turing(theta: Any, more: Any) -> None:
    """With s = kappa e^T and c = T - 1 < s: d = D_A/D_T at onset solves d c - s = 2 sqrt(d s)."""
    with mpmath.workdps(40):
        t = mpmath.mpf(theta.numerator) / theta.denominator
        kappa: Any = sp.Rational(mpmath.nstr(more.numerator * (t - 1) * mpmath.exp(-t) / more.denominator, 30))
        s = mpmath.mpf(kappa.p) / kappa.q * mpmath.exp(t)
        ratio = s * (1 + mpmath.sqrt(t)) ** 2 / (t - 1) ** 2
        critical = sp.Rational(mpmath.nstr(ratio, 30))
    point = {"kappa": str(kappa), "mu": str(kappa * sp.Rational(str(theta)))}
    box = {"A": ("0.01", 10), "T": (theta - 1, theta + 1)}
    names = [
        classified(SALNIKOV, point | {"D_A": str(critical * (1 + sign * sp.Rational(1, 10**9)))}, box)
        for sign in (-1, 1)
    ]
    assert [result.name for result in names] == ["stable", "turing"]
    state = names[1].to_dict()["states"][0]
    assert state["threshold"]["ratio"] == "D_A/D_T"
    assert state["threshold"]["critical"] == pytest.approx(float(ratio), rel=1e-12)


@given(st.fractions("3/2", 4, max_denominator=10).filter(lambda x: x.denominator > 1))
@settings(max_examples=8)
def test_toggle_with_any_hill_exponent(hill: Any) -> None:
    """u = v = x, a = x + x^(n+1): the pitchfork is at x^n = 1/(n - 1), a = n (n - 1)^(-1/n - 1)."""
    with mpmath.workdps(40):
        exponent = mpmath.mpf(hill.numerator) / hill.denominator
        critical = exponent * (exponent - 1) ** (-1 / exponent - 1)
        a = sp.Rational(mpmath.nstr(critical, 25))
    box = {"u": ("0.001", 10), "v": ("0.001", 10)}
    counts = []
    for factor in (sp.Rational(99, 100), sp.Rational(101, 100)):
        result = classified(TOGGLE, {"n": str(hill), "a": str(a * factor)}, box)
        counts.append(sorted(state.name for state in result.states))
    assert counts == [["stable"], ["saddle", "stable", "stable"]]


def test_an_exponent_that_is_an_integer_is_exact() -> None:
    """n = 2: no box, exact states; the pitchfork a = 2 is recognised as a boundary, and derived."""
    result = classified(TOGGLE, {"n": 2, "a": 2}, None)
    real = [state for state in result.states if state.state.exact is not None]
    assert len(real) == len(result.states)
    assert result.name == "saddle-node"
    found = thresholds(parse_system(TOGGLE), {"n": 2, "D_u": 1, "D_v": 1}, "a", kinds=("saddle-node",))
    assert [item.value.fraction for item in found] == [-2, 2]
    with pytest.raises(ParameterError, match="rational reactions"):
        thresholds(parse_system(TOGGLE), {"n": "5/2", "D_u": 1, "D_v": 1}, "a")


@given(st.fractions("1/5", 3, max_denominator=10), st.fractions(1, 4, max_denominator=10))
@settings(max_examples=10)
def test_ivlev_predation(m: Any, g: Any) -> None:
    """b = 2m: exp(-g u) = 1/2, u = log(2)/g, v = 2u(1 - u); unstable iff f_u = 1 - 2u - g v/2 > 0."""
    assume(g > 1)
    with mpmath.workdps(30):
        x = mpmath.log(2) / (mpmath.mpf(g.numerator) / g.denominator)
        rate = mpmath.mpf(g.numerator) / g.denominator
        trace = 1 - 2 * x - rate * x * (1 - x)
    assume(abs(trace) > 1e-6)
    box = {"u": ("0.05", "0.95"), "v": ("0.01", 1)}
    (state,) = classified(IVLEV, {"g": str(g), "b": str(2 * m), "m": str(m)}, box).states
    assert state.state.mid[0] == pytest.approx(float(x), rel=1e-13)
    assert state.state.mid[1] == pytest.approx(float(2 * x * (1 - x)), rel=1e-13)
    assert state.name == ("unstable" if trace > 0 else "stable")


def test_herd_behaviour_oscillates_below_one_third() -> None:
    """u = m^2, trace (1 - 3u)/2 (Ajraldi, Pittavino and Venturino 2011): Hopf at u = 1/3."""
    box = {"u": ("0.01", "0.9"), "v": ("0.01", 2)}
    for m, name in (("0.577350269", "unstable"), ("0.577350270", "stable")):
        assert classified(HERD, {"m": m}, box).name == name


@pytest.mark.parametrize(("K", "e"), [("2", "0"), ("7/3", "1/2"), ("50", "3")])
def test_gompertz(K: str, e: str) -> None:
    """u' = r u log(K/u) - e u: u = K exp(-e/r), eigenvalue -r."""
    (state,) = classified("u' = r*u*log(K/u) - e*u", {"r": "1/2", "K": K, "e": e}, {"u": ("0.001", 100)}).states
    right = float(sp.Rational(K) * sp.exp(-2 * sp.Rational(e)))
    assert state.state.mid[0] == pytest.approx(right, rel=1e-14)
    assert float(state.eigenvalues[0].real.mid()) == pytest.approx(-0.5, rel=1e-14)


def test_neural_field_pattern_and_pitchfork() -> None:
    """At (0, 0) the Jacobian is ((a - 1, -b), (c/tau, -1/tau)): everything there is by hand."""
    values = {"a": "3/2", "b": 2, "c": 2, "tau": "1/2", "D_u": 1, "D_v": 150}
    states = classified(NEURAL, values, {"u": ("-1.1", 1), "v": (-1, "1.2")}).states
    zero = min(states, key=lambda state: abs(state.state.mid).max())
    jacobian = np.array([[0.5, -2], [4, -2]])
    right = sorted(np.linalg.eigvals(jacobian), key=lambda x: x.imag)
    assert zero.name == "turing"
    assert [complex(x.mid()) for x in zero.eigenvalues] == pytest.approx(right)
    critical = ((np.sqrt(7) + np.sqrt(8)) / 0.5) ** 2
    assert zero.to_dict(parse_system(NEURAL))["threshold"]["critical"] == pytest.approx(critical, rel=1e-12)
    # one species: 0 alone, then three
    for a, count in (("0.9", 1), ("1.1", 3)):
        assert len(classified("u' = tanh(a*u) - u", {"a": a}, {"u": (-2, "2.1")}).states) == count


@given(
    st.fractions("1/2", 5, max_denominator=8),
    st.fractions("3/2", 5, max_denominator=8),
    st.fractions(0, "1/2", max_denominator=8),
)
@settings(max_examples=12)
def test_every_state_of_a_gene_is_found(a: Any, hill: Any, basal: Any) -> None:
    """u' = basal + a u^n/(1 + u^n) - u, against all sign changes on a dense grid of mpmath numbers."""

    def rate(x: Any) -> Any:
        power = x ** (mpmath.mpf(hill.numerator) / hill.denominator)
        return (mpmath.mpf(basal.numerator) / basal.denominator + a.numerator * power / (1 + power) / a.denominator) - x

    grid = [mpmath.mpf(k) / 256 + mpmath.mpf("0.0123") for k in range(1, 256 * 6)]
    values = [rate(x) for x in grid]
    assume(min(abs(value) for value in values) > 1e-6)
    roots = [
        mpmath.findroot(rate, (grid[i], grid[i + 1]), solver="bisect", tol=1e-24)
        for i in range(len(grid) - 1)
        if values[i] * values[i + 1] < 0
    ]
    system = parse_system("u' = basal + a*u^n/(1 + u^n) - u")
    point = SystemPoint(system, {"a": a, "n": hill, "basal": basal, "D_u": 1})
    states = steady_states_in_box(point, {"u": ("0.0162", "5.98")}, exact=False)
    assert all(state.certified for state in states)
    assert [float(state.mid[0]) for state in states] == pytest.approx([float(root) for root in roots], rel=1e-10)


# --- the rim ----------------------------------------------------------------------------------------------------------


def test_what_algebra_removes_still_counts() -> None:
    """sqrt(u)^2 is u, exp(log(u)) too: a zero at u = -1 is no state, one at u = 1 is."""
    for text in ("sqrt(u)^2 + {}", "exp(log(u)) + {}", "u^n*u^(1 - n) + {}"):
        for shift, count in ((1, 0), (-1, 1)):
            system = parse_system(f"u' = {text.format(shift)}", ["n"] if "n" in text else [])
            point = SystemPoint(system, {"D_u": 1} | ({"n": "1/3"} if "n" in text else {}))
            found = steady_states_in_box(point, {"u": (-2, "2.5")})
            assert [state.certified for state in found] == [True] * count
    _, wanted = parse_reaction("log(u)/log(u) + u^2 + (u*v)^n", SYMBOLS)
    assert [(item.argument, item.strict, item.closed) for item in wanted] == [(u, True, False), (u * v, False, False)]


def test_the_edge_of_a_domain_is_undecided() -> None:
    """u log u tends to 0 at 0, where it is no number: nothing is said there, and why."""
    states = classified("u' = -u*log(u)", {}, {"u": (-1, 2)}).states
    assert [state.name for state in states] == ["undecided", "stable"]
    assert "undefined on a part of this box" in states[0].reason
    assert abs(states[0].state.mid[0]) < 1e-9


@pytest.mark.parametrize("slope", ["11/10", "2", "50"])
def test_a_kink_has_no_jacobian(slope: str) -> None:
    """At (0, 0) no sign is said, whether the state is proved to be alone there or not."""
    system = "u' = max(u, s*u) - v; v' = u - 2*v"
    (state,) = classified(system, {"s": slope}, {"u": (-1, "1.2"), "v": (-1, "1.3")}).states
    assert state.name == "undecided"
    assert "kink" in state.reason


def test_beside_a_kink_there_is_a_jacobian() -> None:
    # u = 2/3 on the flat side of min(u, 1/2)
    states = classified("u' = 2*min(u, 1/2) - u - v; v' = u - 2*v", {}, {"u": ("0.1", 2), "v": (0, 2)}).states
    assert [state.name for state in states] == ["stable"]
    assert states[0].state.mid.tolist() == pytest.approx([2 / 3, 1 / 3])


def test_maximum_with_an_undefined_argument_is_no_state() -> None:
    """max(log(u), 1) - u - 2 is 0 at u = -1 if the undefined logarithm is passed over."""
    point = SystemPoint(parse_system("u' = max(log(u), 1) - u - 2"), {"D_u": 1})
    assert not steady_states_in_box(point, {"u": (-2, "-0.1")})
    assert not [state for state in steady_states_in_box(point, {"u": (-2, 3)}) if state.certified]


def test_a_double_state_is_undecided() -> None:
    """u = tanh(u) has a triple zero: no ball decides it."""
    (state,) = classified("u' = tanh(u) - u", {}, {"u": (-1, "1.3")}).states
    assert state.name == "undecided"
    assert abs(state.state.mid[0]) < 1e-3


def test_constants_beyond_the_rationals_are_not_exact_algebra() -> None:
    system = parse_system("u' = sqrt(2) - u")
    assert not system.is_rational
    (state,) = classified("u' = 2^0.5 - u", {}, {"u": (0, 2)}).states
    assert state.state.exact is None
    assert state.state.mid[0] == pytest.approx(2**0.5, rel=1e-15)


def test_commands(capsys: pytest.CaptureFixture[str]) -> None:
    values = [part for value in ("kappa=0.1", "mu=0.3", "D_A=20", "D_T=1") for part in ("--set", value)]
    box = ["--box", "A=0.01:1", "--box", "T=1:5"]
    assert main(["check", "--system", SALNIKOV, *values, *box, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["states"][0]["state"]["T"] == pytest.approx(3)
    assert answer["states"][0]["exact"] is None
    assert main(["check", "--system", SALNIKOV, *values]) == 2
    assert "beyond exact algebra: give the box" in capsys.readouterr().err
    assert main(["dispersion", "--system", SALNIKOV, *values, *box, "--json"]) == 0
    capsys.readouterr()
    assert main(["derive", "--system", "u' = log(u)*v; v' = u^n - v", "--set", "n=5/2"]) == 0
    out, err = capsys.readouterr()
    assert "domain: Where the reactions are real numbers" in out
    assert "(u > 0)" in out
    assert "rational" in err
    assert main(["derive", "--system", TOGGLE, "--set", "n=2", "--set", "D_u=1", "--set", "D_v=1"]) == 0
    assert "critical a = 2: saddle-node" in capsys.readouterr().out
