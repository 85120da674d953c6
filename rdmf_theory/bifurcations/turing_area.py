"""How large is the Turing region of a system in a window? Certified bounds of its area by paving.

The conditions must be explicit in the parameters: they are for Gray-Scott, and wherever the homogeneous state is one
rational function of the parameters (Schnakenberg, Brusselator, Gierer-Meinhardt, Lengyel-Epstein).
"""

# sympy's partial annotations know neither the entries of a matrix nor arithmetic of Basic
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportOperatorIssue=false

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from rdmf_theory.arithmetic.expressions import compile_expressions
from rdmf_theory.bifurcations.equations import condition_expression
from rdmf_theory.kinetics import GRAY_SCOTT, ReactionSystem
from rdmf_theory.regions.conditions import Conjunction, NamedCondition, gray_scott_region
from rdmf_theory.regions.pave import Paving, pave
from rdmf_theory.systems.point import SystemPoint

RELATIVE_GAP = 1e-3
"""The bounds of an area are at most this part of the window apart, or of the area itself where that is reached."""


def explicit_state(system: ReactionSystem) -> dict[Any, Any] | None:
    """The homogeneous state as rational functions of the parameters, if there is exactly one; otherwise None."""
    if not system.is_rational:
        return None
    numerators, denominators = zip(*(sp.fraction(sp.together(f)) for f in system.reactions), strict=True)
    kept, gone = system.species
    for x, y in ((kept, gone), (gone, kept)):
        resultant = sp.resultant(*numerators, y)
        # a factor without parameters, such as 1 + u^2, is a pole or a number and never a root of them
        factors = [factor for factor, _ in sp.factor_list(resultant, x)[1] if factor.free_symbols != {x}]
        if any(sp.degree(factor, x) > 1 for factor in factors):
            return None
    found = sp.solve(numerators, list(system.species), dict=True)
    # a common zero of the numerators at which a reaction has a pole is no state
    solutions = [item for item in found if all(sp.cancel(part.subs(item)) != 0 for part in denominators)]
    if len(solutions) != 1 or len(solutions[0]) != len(system.species):
        return None
    (state,) = solutions
    rational = all(value.is_rational_function(*system.parameters) for value in state.values())
    return state if rational else None


def turing_conditions(point: SystemPoint, axes: tuple[str, str]) -> Conjunction | None:
    """Conditions on two free parameters under which the state is stable without and unstable with diffusion.

    Returns: None where they are not known as formulas in the parameters alone.
    """
    system = point.system
    if system is GRAY_SCOTT:
        fixed = {name: value for name, value in point.exact.items() if name not in axes}
        return gray_scott_region(fixed, axes)
    state = explicit_state(system)
    if state is None:
        return None
    free = {s.name: s for s in (*system.parameters, *system.diffusions)}
    values = {free[n]: _rational(v) for n, v in point.exact.items() if n not in axes}
    named = {
        "damped": (-condition_expression(system, "trace"), "stable without diffusion: tr J < 0"),
        "no_saddle": (condition_expression(system, "determinant"), "stable without diffusion: det J > 0"),
        "spread": (condition_expression(system, "spread"), "the critical wavenumber is real: D_v J11 + D_u J22 > 0"),
        "turing": (condition_expression(system, "band"), "unstable with diffusion"),
    }
    named |= {
        f"{symbol.name}_positive": (symbol, "a concentration is positive")
        for symbol in system.species
        if symbol.is_nonnegative
    }
    conditions = []
    for name, (expression, words) in named.items():
        formula = sp.cancel(sp.together(expression.subs(state).subs(values)))
        if not formula.free_symbols:
            if formula > 0:
                continue
            formula = sp.Integer(-1) + 0 * free[axes[0]]
        conditions.append(NamedCondition(name, _margin(formula, [free[name] for name in axes]), words))
    return Conjunction(axes, tuple(conditions))


def _margin(formula: Any, symbols: list[Any]) -> Callable[..., Any]:
    compiled = compile_expressions([formula], symbols)

    def margin(*coordinates: Any) -> Any:
        (value,) = compiled(*coordinates)
        return value

    return margin


def _rational(value: Fraction) -> Any:
    return sp.Rational(value.numerator, value.denominator)


def turing_area(point: SystemPoint, axes: tuple[str, str], low: np.ndarray, high: np.ndarray) -> Paving | None:
    """Certified paving of the Turing region in a window; None where its conditions are not explicit.

    Arguments:
        point: values of everything else.
        axes: the two free parameters, with ends `low` and `high`.
    """
    conditions = turing_conditions(point, axes)
    if conditions is None:
        return None
    window = float(np.prod(high - low))
    paving = pave(conditions.conditions, tuple(low), tuple(high), gap=RELATIVE_GAP * window)
    least, most = paving.volume
    if most - least > RELATIVE_GAP * most > 0:
        # a thin region in a wide window: once more, relative to the region
        finer = pave(conditions.conditions, tuple(low), tuple(high), gap=max(20 * RELATIVE_GAP * most, 1e-6 * window))
        return finer if finer.volume[1] - finer.volume[0] < most - least else paving
    return paving
