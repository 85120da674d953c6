"""Is every sentence of `rdmf derive` true? Its rows against dense random samples, for models of other people.

A row "no Turing instability" is an inequality: it must hold at every sample in its stated range. A boundary solved for
a symbol must have a finite state there, with the eigenvalues that it claims.
"""

# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import sympy as sp

from rdmf_theory.systems.derivation import derive_system
from rdmf_theory.systems.free_names import FreeNames, distinct
from rdmf_theory.systems.provable_signs import sign_where_positive
from rdmf_theory.systems.text import parse_system

MODELS = {
    # Sel'kov 1968, with decay of u
    "selkov": "u' = -u + a*v + u^2*v; v' = b - a*v - u^2*v",
    "rosenzweig-macarthur": "u' = u*(1-u/K) - u*v/(1+u); v' = v*(c*u/(1+u) - m)",
    "lotka-volterra": "u' = a*u - b*u*v; v' = c*u*v - d*v",
    "epidemic": "S' = b - k*S*I - d*S; I' = k*S*I - (g+d)*I",
    "fitzhugh-nagumo": "u' = u - u^3 - v; v' = e*(u - g*v)",
    # the state runs to infinity at a = b
    "bacteria": "u' = b - u - u*v/(1+u^2); v' = a - u*v/(1+u^2)",
    "toggle": "u' = a/(1+v^2) - u; v' = a/(1+u^2) - v",
    "far-threshold": "u' = (a/1000 - 1)*u - v; v' = b*u - 2*v",
    "far-threshold-reversed": "u' = -3*u + b*v; v' = -u + (a/5000 - 2)*v",
    "linear": "u' = a*u + b*v; v' = c*u + d*v",
    "decay-chain": "u' = -k*u; v' = k*u - v",
    "pole": "u' = a*u^2/v - u; v' = u^2 - b*v",
}


@cache
def rows_of(name: str) -> dict[str, Any]:
    rows, note = derive_system(parse_system(MODELS[name]))
    assert note == ""
    assert len({row.name for row in rows}) == len(rows)
    return {row.name: row for row in rows}


def _number(expression: sp.Expr, values: dict[str, Any]) -> Any:
    """Sixty digits, so that no cancellation counts as a difference."""
    return expression.subs({symbol: sp.Float(values[symbol.name], 80) for symbol in expression.free_symbols}).evalf(60)


def _at(expression: sp.Expr, values: dict[str, Any]) -> complex:
    return complex(_number(expression, values))


@pytest.mark.parametrize("name", MODELS)
def test_no_formula_is_complex_or_infinite(name: str) -> None:
    for row in rows_of(name).values():
        assert not row.formula.has(sp.I, sp.zoo, sp.nan, sp.oo), row.text()


@pytest.mark.parametrize("name", MODELS)
def test_never_is_true_at_every_sample(name: str) -> None:
    rows, random = rows_of(name), np.random.default_rng(1)
    for label, row in rows.items():
        if not label.startswith("no_turing"):
            continue
        suffix = label.removeprefix("no_turing")
        source = {"det": "determinant", "tr": "trace", "c": "slope"}[str(row.formula.lhs)]
        value = rows[source + suffix].formula.rhs
        symbols = sorted(value.free_symbols, key=str)
        if not symbols:
            assert row.formula.func(value, 0) == True  # noqa: E712 (a sympy relation)
            continue
        size = (len(symbols), 20_000)
        sample = 10 ** random.uniform(-4, 4, size)
        if "positive there is no" not in row.words:
            assert "never Turing-unstable" in row.words
            signs = random.choice([-1.0, 1.0], size)
            # a diffusion is positive by its meaning
            signs[[i for i, symbol in enumerate(symbols) if symbol.is_positive]] = 1.0
            sample *= signs
        with np.errstate(all="ignore"):
            numbers = sp.lambdify(symbols, value, "numpy")(*sample)
        tolerance = 1e-9 * np.nanmax(np.abs(numbers))
        good = numbers <= tolerance if isinstance(row.formula, sp.LessThan) else numbers >= -tolerance
        assert np.all(good | ~np.isfinite(numbers)), row.text()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("far-threshold", {"a": 2000.0, "b": 3.0, "D_u": 1.0, "D_v": 50.0}),
        ("far-threshold-reversed", {"a": 15000.0, "b": 5.0, "D_u": 50.0, "D_v": 1.0}),
        ("linear", {"a": 1.0, "b": -1.0, "c": 3.0, "d": -2.0, "D_u": 1.0, "D_v": 50.0}),
    ],
)
def test_a_turing_point_is_never_ruled_out(name: str, values: dict[str, float]) -> None:
    """Points with J = [[1, -1], [3, -2]] up to signs, tr = -1, det = 1: Turing-unstable at the ratio 50 by hand."""
    rows = rows_of(name)
    assert "turing" in rows
    assert not any("never Turing-unstable" in row.words for row in rows.values())
    sides = {key: _at(rows[key].formula.rhs, values).real for key in ("trace", "determinant", "slope", "turing")}
    assert sides["trace"] < 0 < min(sides["determinant"], sides["slope"], sides["turing"])


@pytest.mark.parametrize("name", MODELS)
def test_solved_boundaries_are_boundaries(name: str) -> None:
    """At samples of the other symbols the state is finite, and trace, determinant or discriminant vanish."""
    rows, random = rows_of(name), np.random.default_rng(2)
    vanishing = {"hopf": "trace", "saddle_node": "determinant", "turing": "turing"}
    for row in rows.values():
        if "boundary solved for" not in row.words:
            continue
        kind = next(kind for kind in vanishing if row.name.startswith(kind))
        symbol = str(row.formula.lhs)
        families = [label.removeprefix("jacobian_state") for label in rows if label.startswith("jacobian_state")]
        suffix = next(
            (end for end in families if end and row.name.endswith(end)), families[0] if "" in families else ""
        )
        names = {s.name for other in rows.values() for s in other.formula.free_symbols}
        seen = 0
        for trial in range(600):
            values = dict(
                zip(
                    sorted(names),
                    10 ** random.uniform(*((-1.5, 1.5) if trial % 2 else (-5, 5)), len(names)),
                    strict=True,
                )
            )
            value = _at(row.formula.rhs, values)
            if abs(value.imag) > 1e-12 * abs(value) or value.real <= 0:
                continue
            values[symbol] = sp.re(_number(row.formula.rhs, values))
            states = [rows[label] for label in rows if label.startswith("state_") and label.endswith(suffix)]
            assert all(np.isfinite(_at(item.formula.rhs, values)) for item in states), row.text()
            test = rows[vanishing[kind] + suffix].formula.rhs
            assert abs(_at(test, values)) < 1e-25, (row.text(), values)
            seen += 1
            if seen == 3:
                break
        assert seen, row.text()


def test_state_at_infinity_is_no_saddle_node() -> None:
    """u = b - a and v = a (1 + u^2)/u: at a = b the determinant falls to 0 while v grows beyond all bounds."""
    assert not [label for label in rows_of("bacteria") if label.startswith("saddle_node")]


def test_selkov_by_hand() -> None:
    """u = b, v = b/(a + b^2); trace zero iff b^4 + (2a - 1) b^2 + a + a^2 = 0: for a = 0.08 b^2 = 0.12, 0.72."""
    rows = rows_of("selkov")
    a, b = (sp.Symbol(name, real=True) for name in "ab")
    assert rows["state_u"].formula.rhs == b
    assert sp.simplify(rows["state_v"].formula.rhs - b / (a + b**2)) == 0
    condition = b**4 + (2 * a - 1) * b**2 + a + a**2
    assert sp.expand(rows["hopf"].formula.lhs + condition) == 0
    found = sorted(_at(rows[f"hopf_b_{i}"].formula.rhs, {"a": 0.08}).real for i in (1, 2))
    assert found == pytest.approx([np.sqrt(0.12), np.sqrt(0.72)], rel=1e-12)


def test_names_of_the_user_stay_the_users() -> None:
    """Every letter of the derivation is taken: none of its rows defines one of the user's symbols by accident."""
    text = "u' = mu*u - lambda*v - c*u^3 + I; v' = e*u - det*v + tr*J + h*D + mu_c*u"
    system = parse_system(text)
    own = {symbol.name for symbol in system.symbols}
    for row in derive_system(system)[0]:
        left = {symbol.name for symbol in row.formula.lhs.free_symbols}
        if row.name.split("_")[0] in ("trace", "determinant", "slope", "mode", "critical"):
            assert not left & own or left <= {"D_u", "D_v"}, row.text()
        if row.name.startswith(("jacobian", "diffusion")):
            assert row.formula.lhs.name not in own
    names = FreeNames(frozenset({"c", "slope0", "slope01"}))
    assert (names.name("c"), names.name("e")) == ("slope02", "e")
    assert distinct(["a", "b", "a", "a__2", "a"]) == ["a", "b", "a__2", "a__2__2", "a__3"]


def test_signs_are_proved_or_not_said() -> None:
    a, b = sp.symbols("a b", real=True)
    k = sp.Symbol("k", positive=True)
    assert sign_where_positive(-a / (a + b**2)) == (True, False)
    assert sign_where_positive(-a / (1 + b**2), assumed=True) == (False, False)
    assert sign_where_positive(-k * (1 + a**2) / (1 + b**2), assumed=True) == (True, False)
    assert sign_where_positive(a - b) == (False, False)
    assert sign_where_positive(sp.Integer(0)) == (True, True)
