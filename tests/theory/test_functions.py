"""Reactions with exp, log, tanh, roots, real powers, minimum and maximum: against mpmath and thresholds by hand."""

from __future__ import annotations

import json
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rdmf_model.cli import main
from rdmf_theory.errors import ParameterError
from rdmf_theory.systems.classification import PointClassification, classify_point
from rdmf_theory.systems.equation_parser import parse_reaction
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
