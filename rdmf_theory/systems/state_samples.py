"""Which homogeneous states does a system have at many parameter values? Algebraic elimination, vectorised in floats.

One species is eliminated symbolically, once per system; the roots of the polynomial that is left are eigenvalues of
companion matrices, for all parameter values at once. Every state of a rational system is found this way, up to
rounding at double states. `homogeneous_states` is the certified counterpart at one parameter point.
"""

# sympy's partial annotations know neither the factors of a polynomial nor arithmetic of Basic
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportOperatorIssue=false

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import sympy as sp

from rdmf_theory.arithmetic.expressions import compile_expressions
from rdmf_theory.errors import ParameterError
from rdmf_theory.kinetics import ReactionSystem

_REAL = 1e-6
_SAME = 1e-7


@dataclass(frozen=True)
class _Elimination:
    """One factor of each reaction, reduced to a polynomial in the species `kept` (0 or 1).

    `coefficients` gives the polynomial, highest power first; `others` gives, for the value of the kept species, the
    coefficients of a polynomial in the other one.
    """

    kept: int
    coefficients: Callable[..., list[Any]]
    others: Callable[..., list[Any]]


@cache
def eliminations(system: ReactionSystem) -> tuple[_Elimination, ...]:
    """Every pair of factors of two rational reactions, with one species eliminated."""
    if len(system.species) != 2:
        raise ParameterError(
            f"system {system.name!r} must have two species for a search of its bifurcations. "
            f"Got {len(system.species)}; rdmf check and rdmf dispersion take any number."
        )
    if not system.is_rational:
        raise ParameterError(
            f"system {system.name!r} must have rational reactions for a search of its bifurcations. "
            "Got a function such as exp, or a real power; add --box NAME=LOW:HIGH for each species to rdmf region --x."
        )
    factors = []
    for reaction in system.reactions:
        numerator = sp.numer(sp.together(reaction))
        factors.append([item for item, _ in sp.factor_list(numerator, *system.species)[1]])
    return tuple(item for pair in product(*factors) for item in _eliminate(system, *pair))


def _eliminate(system: ReactionSystem, first: Any, second: Any) -> list[_Elimination]:
    options = []
    for kept, gone in ((0, 1), (1, 0)):
        x, y = system.species[kept], system.species[gone]
        for one, other in ((first, second), (second, first)):
            degree = sp.degree(one, y) if one.has(y) else 0
            if degree == 0:
                continue
            if degree == 1:
                slope, rest = sp.Poly(one, y).all_coeffs()
                polynomial = sp.numer(sp.together(other.subs(y, -rest / slope)))
            else:
                polynomial = sp.resultant(one, other, y) if other.has(y) else other
            polynomial = sp.expand(polynomial)
            if polynomial.has(x):
                options.append((degree, sp.degree(polynomial, x), kept, polynomial, one))
    if not options:
        return []
    _, _, kept, polynomial, one = min(options, key=lambda option: option[:2])
    x, y = system.species[kept], system.species[1 - kept]
    return [
        _Elimination(
            kept,
            compile_expressions(sp.Poly(polynomial, x).all_coeffs(), system.parameters),
            compile_expressions(sp.Poly(one, y).all_coeffs(), (x, *system.parameters)),
        )
    ]


@cache
def _reactions(system: ReactionSystem) -> tuple[Callable[..., list[Any]], Callable[..., list[Any]]]:
    symbols = (*system.species, *system.parameters)
    return compile_expressions(system.reactions, symbols), compile_expressions(list(system.jacobian()), symbols)


def sample_states(system: ReactionSystem, values: Mapping[str, Any]) -> np.ndarray:
    """All homogeneous states at many parameter values.

    Arguments:
        system: two species, rational reactions.
        values: one float or array of one common shape (P,) per kinetic parameter; other names are ignored.
    Returns: shape (P, S, 2), states sorted by the first species, NaN where there are fewer than S. Species that are
        concentrations (assumed nonnegative) are >= 0.
    """
    arrays = [np.asarray(values[symbol.name], dtype=float) for symbol in system.parameters]
    count = max((array.size for array in arrays), default=1)
    arrays = [np.broadcast_to(array.ravel(), (count,)) for array in arrays]
    with np.errstate(all="ignore"):
        candidates = [_candidates(item, arrays, count) for item in eliminations(system)]
        if not candidates:
            return np.empty((count, 0, 2))
        states = _polish(system, np.concatenate(candidates, axis=1), arrays)
        return _sorted(system, states)


def _candidates(item: _Elimination, arrays: list[np.ndarray], count: int) -> np.ndarray:
    coefficients = np.array([np.broadcast_to(entry, (count,)) for entry in item.coefficients(*arrays)], dtype=float).T
    kept = _roots(coefficients)
    degree = kept.shape[1]
    spread = [np.broadcast_to(array[:, None], kept.shape) for array in arrays]
    others = [np.broadcast_to(entry, kept.shape) for entry in item.others(kept, *spread)]
    gone = _roots(np.stack(others, axis=-1).reshape(count * degree, -1)).reshape(count, degree, -1)
    both = np.broadcast_to(kept[:, :, None], gone.shape)
    return np.stack((both, gone) if item.kept == 0 else (gone, both), axis=-1).reshape(count, -1, 2)


def _roots(coefficients: np.ndarray) -> np.ndarray:
    """Real roots of polynomials, rows of coefficients from the highest power; NaN where there is none."""
    count, length = coefficients.shape
    degree = length - 1
    result = np.full((count, max(degree, 1)), np.nan)
    size = np.abs(coefficients).max(axis=1)
    finite = np.isfinite(coefficients).all(axis=1) & (size > 0)
    full = finite & (np.abs(coefficients[:, 0]) > 1e-13 * size)
    if degree == 1:
        result[full, 0] = -coefficients[full, 1] / coefficients[full, 0]
        return result
    companion = np.zeros((int(full.sum()), degree, degree))
    companion[:, np.arange(1, degree), np.arange(degree - 1)] = 1
    companion[:, 0, :] = -coefficients[full, 1:] / coefficients[full, :1]
    found = np.linalg.eigvals(companion) if degree else np.empty((0, 0))
    result[full] = np.where(np.abs(found.imag) <= _REAL * (1 + np.abs(found)), found.real, np.nan)
    for row in np.flatnonzero(finite & ~full):
        # a leading coefficient that vanishes has sent a root to infinity
        shorter = np.trim_zeros(np.where(np.abs(coefficients[row]) > 1e-13 * size[row], coefficients[row], 0), "f")
        real = [root.real for root in np.roots(shorter) if abs(root.imag) <= _REAL * (1 + abs(root))]
        result[row, : len(real)] = real
    return result


def _polish(system: ReactionSystem, states: np.ndarray, arrays: list[np.ndarray]) -> np.ndarray:
    """Newton's method on every candidate; what does not converge nearby was no state."""
    reactions, jacobian = _reactions(system)
    parameters = [np.broadcast_to(array[:, None], states.shape[:2]) for array in arrays]
    u, v = states[..., 0], states[..., 1]
    moved = np.zeros(u.shape)
    step = np.zeros(u.shape)
    for _ in range(6):
        f, g = reactions(u, v, *parameters)
        a, b, c, d = jacobian(u, v, *parameters)
        determinant = a * d - b * c
        du, dv = (b * g - d * f) / determinant, (c * f - a * g) / determinant
        # at an exact double state the determinant vanishes with the reactions
        exact = (np.abs(f) == 0) & (np.abs(g) == 0)
        du, dv = np.where(exact, 0, du), np.where(exact, 0, dv)
        u, v = u + du, v + dv
        step = np.hypot(du, dv)
        moved = moved + step
    scale = 1e-12 + np.hypot(u, v)
    good = np.isfinite(u) & np.isfinite(v) & (step < 1e-8 * scale) & (moved < 1e-2 * scale)
    return np.where(good[..., None], np.stack((u, v), axis=-1), np.nan)


def _sorted(system: ReactionSystem, states: np.ndarray) -> np.ndarray:
    """States without repetitions and negative concentrations, sorted, NaN last."""
    scale = 1e-12 + np.hypot(states[..., 0], states[..., 1])
    outside = np.zeros(states.shape[:2], dtype=bool)
    for index, symbol in enumerate(system.species):
        if symbol.is_nonnegative:
            outside |= states[..., index] < -1e-12 * scale
    states = np.where(outside[..., None], np.nan, states)
    order = np.lexsort((states[..., 1], states[..., 0]), axis=-1)
    states = np.take_along_axis(states, order[..., None], axis=1)
    for later in range(1, states.shape[1]):
        gap = np.linalg.norm(states[:, later : later + 1] - states[:, :later], axis=-1)
        size = np.hypot(states[:, later, 0], states[:, later, 1])
        repeated = (gap < _SAME * (1e-12 + size)[:, None]).any(axis=1)
        states[repeated, later] = np.nan
    order = np.argsort(np.isnan(states[..., 0]), axis=1, kind="stable")
    states = np.take_along_axis(states, order[..., None], axis=1)
    most = int((~np.isnan(states[..., 0])).sum(axis=1).max(initial=0))
    return states[:, :most]
