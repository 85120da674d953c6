"""Where is the boundary, solved for one symbol? Closed-form thresholds of states that are rational in the parameters.

With D_u = p^2 and D_v = q^2 the Turing boundary `(D_v f_u + D_u g_v)^2 = 4 D_u D_v det J` splits wherever det J is a
square; each factor of degree one or two in a symbol is solved, for positive symbols. A root is kept iff it is the
boundary in question at some sample of the other symbols: no branch of a square root is claimed that never occurs. A
root that is nowhere real, or at which the state or its Jacobian runs to infinity, is no boundary.
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

# samples of every symbol: some over three decades, where most models are scaled, the others over ten
_NEAR, _FAR = 60, 180


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
    poles = poles_of([*state, *(entry for row in jacobian for entry in row)])
    rows = []
    for kind, equation in (("hopf", trace), ("saddle_node", determinant), ("turing", gap)):
        factors = [factor for factor, _ in sp.factor_list(sp.numer(sp.together(equation)))[1] if factor not in poles]
        for symbol in symbols:
            unknown = roots.get(symbol, symbol) if kind == "turing" else symbol
            found = []
            for factor in factors:
                for value in _roots(factor, unknown):
                    solved = neat((value**2 if unknown is not symbol else value).subs(back))
                    if solved.has(sp.I):
                        # real for no positive symbols
                        continue
                    tested = [*tests[kind], *([symbol] if symbol.is_positive else [])]
                    bounds = [bound.subs(symbol, solved) for bound in map(sp.sympify, domain)]
                    # twice the root gives the size of each, beside which the value at the root may be rounding
                    pairs = [[(x.subs(symbol, solved), x.subs(symbol, 2 * solved)) for x in y] for y in (tested, poles)]
                    if solved not in found and _occurs(solved, pairs[0], bounds, pairs[1]):
                        found.append(solved)
            for number, value in enumerate(found, start=1):
                suffix = f"_{number}" if len(found) > 1 else ""
                words = f"{_WORDS[kind]} boundary solved for {symbol}, all symbols positive."
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


def _occurs(
    value: Any, positive: Sequence[tuple[Any, Any]], nonnegative: Sequence[Any], poles: Sequence[tuple[Any, Any]]
) -> bool:
    """Whether the value is real, the tests positive and no pole near at some sample of positive symbols.

    Arguments:
        value: a root.
        positive, poles: what must be positive, or not vanish: at the root, and elsewhere for its size.
        nonnegative: what must not be negative at the root.
    """
    parts = ([value], nonnegative, *(side for pairs in (positive, poles) for side in zip(*pairs, strict=True)))
    items = [sp.sympify(x) for part in parts for x in part]
    if any(item.has(sp.zoo, sp.nan, sp.oo) for item in items):
        return False
    numbers = at_samples(items)
    root, numbers = numbers[0], numbers[1:]
    bounded, numbers = numbers[: len(nonnegative)], numbers[len(nonnegative) :]
    count = len(positive)
    tested, sizes, numbers = numbers[:count], numbers[count : 2 * count], numbers[2 * count :]
    near, far = numbers[: len(poles)], numbers[len(poles) :]
    real = [abs(number.imag) <= 1e-9 * abs(number) for number in (root, *tested, *bounded)]
    signs = [number.real > 1e-9 * abs(size) for number, size in zip(tested, sizes, strict=True)]
    domain = [number.real >= 0 for number in bounded]
    finite = [abs(number) > 1e-9 * abs(size) for number, size in zip(near, far, strict=True)]
    return bool(np.any(np.all([*real, *signs, *domain, *finite], axis=0)))


def occurs_together(positive: Sequence[Any]) -> bool:
    """Whether real expressions are all positive at some sample of positive symbols: a witness, no search in earnest."""
    items = [sp.sympify(item) for item in positive]
    if any(item.has(sp.zoo, sp.nan, sp.oo) for item in items):
        return False
    return bool(np.any(np.all([number.real > 0 for number in at_samples(items)], axis=0)))


def poles_of(expressions: Sequence[Any]) -> list[Any]:
    """The factors of the denominators of expressions, each once; constants left out."""
    found: list[Any] = []
    for expression in expressions:
        below = sp.denom(sp.together(sp.sympify(expression)))
        found += [factor for factor, _ in sp.factor_list(below)[1] if factor.free_symbols and factor not in found]
    return found


def at_samples(items: Sequence[Any]) -> list[Any]:
    """Values of expressions at fixed samples of their symbols, all positive, as complex arrays; NaN at a pole."""
    symbols = sorted(set().union(*(item.free_symbols for item in items)), key=str)
    imaginary = sp.Dummy("i")
    given = [item.subs(sp.I, imaginary) for item in items]
    random = np.random.default_rng(0)
    size = (len(symbols), _NEAR), (len(symbols), _FAR)
    powers = np.concatenate([random.uniform(-1.5, 1.5, size[0]), random.uniform(-5, 5, size[1])], axis=1)
    values = [*(10**powers).astype(complex), np.full(_NEAR + _FAR, 1j)]
    with np.errstate(all="ignore"):
        found = compile_expressions(given, [*symbols, imaginary])(*values)
    return [np.broadcast_to(np.asarray(x, dtype=complex), (_NEAR + _FAR,)) for x in found]
