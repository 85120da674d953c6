"""Where is the boundary, solved for one symbol? Closed-form thresholds of states that are rational in the parameters.

With D_u = p^2 and D_v = q^2 the Turing boundary `(D_v f_u + D_u g_v)^2 = 4 D_u D_v det J` splits wherever det J is a
square; each factor of degree one or two in a symbol is solved, for positive symbols. A root is kept iff it is the
boundary in question at some sample of the other symbols: no branch of a square root is claimed that never occurs.
"""

# sympy's annotations of equations and solvers are partial
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp

from rdmf_theory.arithmetic.expressions import compile_expressions
from rdmf_theory.row import Row

# twenty symbols, 60 samples of each over three decades
SAMPLES = (10 ** np.random.default_rng(0).uniform(-1.5, 1.5, (20, 60))).astype(complex)


def closed_forms(
    jacobian: Sequence[Sequence[Any]], diffusion: Sequence[Any], state: Sequence[Any], species: Sequence[Any]
) -> list[Row]:
    """Rows `symbol = formula` for the Hopf, saddle-node and Turing boundaries of a state without implicit species.

    Arguments:
        jacobian: (2, 2), rational in the symbols, which are all assumed positive.
        diffusion: (2,), symbols or numbers.
        state: the state's values; species that are concentrations must come out nonnegative.
        species: the species' symbols.
    """
    (f_u, f_v), (g_u, g_v) = jacobian
    D_u, D_v = diffusion
    trace: Any = sp.factor(f_u + g_v)
    determinant: Any = sp.factor(sp.cancel(f_u * g_v - f_v * g_u))
    slope: Any = sp.factor(sp.cancel(D_v * f_u + D_u * g_v))
    symbols: list[Any] = sorted(set().union(*(x.free_symbols for x in (trace, determinant, slope))), key=str)
    roots: dict[Any, Any] = {D: sp.Dummy(f"sqrt_{D}", positive=True) for D in diffusion if isinstance(D, sp.Symbol)}
    squares = {D: root**2 for D, root in roots.items()}
    back = {root: sp.sqrt(D) for D, root in roots.items()}
    gap = sp.together((slope**2 - 4 * D_u * D_v * determinant).subs(squares))
    tests = {"hopf": [determinant], "saddle_node": [], "turing": [determinant, slope, -trace]}
    domain = [value for value, symbol in zip(state, species, strict=True) if symbol.is_nonnegative]
    rows = []
    for kind, equation in (("hopf", trace), ("saddle_node", determinant), ("turing", gap)):
        factors = [factor for factor, _ in sp.factor_list(sp.numer(sp.together(equation)))[1]]
        for symbol in symbols:
            unknown = roots.get(symbol, symbol) if kind == "turing" else symbol
            found = []
            for factor in factors:
                for value in _roots(factor, unknown):
                    solved = neat((value**2 if unknown is not symbol else value).subs(back))
                    positive = [
                        test.subs(symbol, solved) for test in (*tests[kind], *([symbol] if symbol.is_positive else []))
                    ]
                    bounds = [bound.subs(symbol, solved) for bound in map(sp.sympify, domain)]
                    if solved not in found and _occurs(solved, positive, bounds):
                        found.append(solved)
            for number, value in enumerate(found, start=1):
                suffix = f"_{number}" if len(found) > 1 else ""
                words = f"{_WORDS[kind]} boundary solved for {symbol}."
                rows.append(Row(f"{kind}_{symbol}{suffix}", words, sp.Eq(symbol, value, evaluate=False)))
    return rows


_SQUARE = sp.Dummy("square", positive=True)
_WORDS = {"hopf": "Hopf", "saddle_node": "Saddle-node", "turing": "Turing"}


def neat(expression: Any) -> Any:
    """The expression factored, also under its roots, if that makes it shorter."""
    return min((expression, sp.factor(expression), sp.factor(expression, deep=True)), key=sp.count_ops)


def _roots(factor: Any, unknown: Any) -> list[Any]:
    """Roots of a factor that has degree one or two in the unknown or in its square."""
    if not factor.has(unknown):
        return []
    polynomial = sp.Poly(factor, unknown)
    if polynomial.degree() == 1:
        a, b = polynomial.all_coeffs()
        return [sp.factor(-b / a)]
    if polynomial.degree() == 2:
        a, b, c = polynomial.all_coeffs()
        root = sp.sqrt(sp.factor(b**2 - 4 * a * c))
        return [(-b - root) / (2 * a), (-b + root) / (2 * a)]
    if polynomial.degree() == 4 and not any(polynomial.coeff_monomial(unknown**power) for power in (1, 3)):
        squares = _roots(factor.subs(unknown, sp.sqrt(_SQUARE)), _SQUARE)
        return [sign * sp.sqrtdenest(sp.sqrt(square)) for square in squares for sign in (1, -1)]
    return []


def _occurs(value: Any, positive: Sequence[Any], nonnegative: Sequence[Any]) -> bool:
    """Whether the value is real and the tests positive at some sample of positive symbols."""
    items = [sp.sympify(x) for x in (value, *positive, *nonnegative)]
    if any(item.has(sp.zoo, sp.nan, sp.oo) for item in items):
        return False
    numbers = [np.broadcast_to(number, SAMPLES.shape[1:]) for number in at_samples(items)]
    real = np.all([abs(number.imag) <= 1e-9 * (1 + abs(number)) for number in numbers], axis=0)
    tested = [number.real > 1e-9 for number in numbers[1 : 1 + len(positive)]]
    bounded = [number.real >= 0 for number in numbers[1 + len(positive) :]]
    return bool(np.any(np.all([real, *tested, *bounded], axis=0)))


def at_samples(items: Sequence[Any]) -> list[Any]:
    """Values of expressions at fixed samples of their symbols, all positive, as complex arrays; NaN at a pole."""
    symbols = sorted(set().union(*(item.free_symbols for item in items)), key=str)
    with np.errstate(all="ignore"):
        return [np.asarray(x) for x in compile_expressions(items, symbols)(*(SAMPLES[i] for i in range(len(symbols))))]
