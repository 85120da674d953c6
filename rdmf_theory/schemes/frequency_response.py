"""What does the layer do to a weak input? Response after N steps to a perturbed start and to a modulated parameter.

To first order each mode of the clip axis is filtered by itself: a perturbation of the start by `G^N`, a modulation of a
parameter by `S_N = 1 + G + ... + G^(N-1)` times the effect of the modulation on one step. `S_N` equals
`(1 - G)^-1 (1 - G^N)` where that exists; here both are built by doubling, without a division, so that modes on the edge
of the band, where a multiplier is 1, keep all their digits.
"""

# sympy's partial annotations know neither mappings in subs nor entries of matrices
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false

from __future__ import annotations

from functools import cache
from numbers import Integral
from typing import Any

import numpy as np
import sympy as sp

from rdmf_theory.errors import ParameterError
from rdmf_theory.schemes.definition import SEMI_IMPLICIT, Scheme
from rdmf_theory.schemes.linear import LinearStep, amplification, gain_force


def power_and_sum(G: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """`G^N` and `1 + G + ... + G^(N-1)` for square matrices, shape (..., n, n), in O(log N) products.

    Doubling: `G^(2n) = G^n G^n` and `S_(2n) = S_n + G^n S_n`.
    Raises: ParameterError if steps < 1.
    """
    _require_steps(steps)
    power, total = _scaled_power_and_sum(G, steps)
    return _unscaled(*power), _unscaled(*total)


def _require_steps(steps: int) -> None:
    if not isinstance(steps, Integral) or steps < 1:
        raise ParameterError(f"steps must be an integer >= 1. Got {steps!r}; the layer runs 12.")


_Scaled = tuple[np.ndarray, np.ndarray]


def _scaled_power_and_sum(G: np.ndarray, steps: int) -> tuple[_Scaled, _Scaled]:
    """Both as (matrix, exponent): the value is `matrix 2^exponent`, so that no product of the doubling is too large."""
    identity = np.broadcast_to(np.eye(G.shape[-1]), G.shape)
    power, total = _normal(G, np.zeros(G.shape[:-2], dtype=int)), _normal(identity, np.zeros(G.shape[:-2], dtype=int))
    for digit in bin(int(steps))[3:]:
        total = _plus(total, _times(power, total))
        power = _times(power, power)
        if digit == "1":
            one = _normal(identity, np.zeros(G.shape[:-2], dtype=int))
            step = _normal(G, np.zeros(G.shape[:-2], dtype=int))
            power, total = _times(power, step), _plus(one, _times(step, total))
    return power, total


def _normal(matrix: np.ndarray, exponent: np.ndarray) -> _Scaled:
    """The same value with entries of at most 1."""
    shift = np.frexp(np.abs(matrix).max(axis=(-2, -1)))[1]
    return np.ldexp(matrix, -shift[..., None, None]), exponent + shift


def _times(a: _Scaled, b: _Scaled) -> _Scaled:
    return _normal(a[0] @ b[0], a[1] + b[1])


def _plus(a: _Scaled, b: _Scaled) -> _Scaled:
    top = np.maximum(a[1], b[1])
    parts = [np.ldexp(matrix, (exponent - top)[..., None, None]) for matrix, exponent in (a, b)]
    return _normal(parts[0] + parts[1], top)


def _unscaled(values: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """`values 2^exponent`, infinite with its sign where that is no float."""
    with np.errstate(over="ignore", under="ignore"):
        return np.ldexp(values, exponent.reshape(exponent.shape + (1,) * (values.ndim - exponent.ndim)))


def initial_value_response(step: LinearStep, steps: int, mode: Any) -> np.ndarray:
    """Fields after N steps per unit perturbation of the initial fields, both with the shape of the mode: `G^N`.

    Arguments:
        step: one linearised step.
        steps: N >= 1.
        mode: eigenvalues of minus the clip Laplacian, 1/clip^2.
    Returns: shape (..., n, n); entry [i, j] is the response of species i to species j; infinite where it is no float.
    """
    return power_and_sum(step.matrix(mode), steps)[0]


def gain_response(step: LinearStep, steps: int, mode: Any, parameter: str = "s") -> np.ndarray:
    """Fields after N steps from the steady state per relative modulation of a parameter.

    The parameter is `p (1 + epsilon cos(mode))` in every step, and the result the derivative of the fields' amplitude
    in epsilon: `S_N p f`, with f the derivative of one step in the parameter.

    Returns: shape (..., n); infinite where it is no float.
    Raises: ParameterError for an unknown parameter.
    """
    _require_steps(steps)
    total, exponent = _scaled_power_and_sum(step.matrix(mode), steps)[1]
    relative = np.asarray(step.values.get(parameter, 0.0), dtype=float)
    force = step.force(mode, parameter) * relative[..., None]
    return _unscaled((total @ force[..., None])[..., 0], exponent)


N = sp.Symbol("N", integer=True, positive=True)
g_1, g_2 = sp.symbols("g_1 g_2")
"""The multipliers: eigenvalues of G."""


@cache
def closed_form(scheme: Scheme = SEMI_IMPLICIT) -> tuple[sp.ImmutableMatrix, sp.ImmutableMatrix]:
    """Both responses of Gray-Scott as formulas: `G^N` (2, 2), and the gain response (2, 1).

    By Cayley and Hamilton, with `p_n = (g_1^n - g_2^n)/(g_1 - g_2)` and `q(g) = (1 - g^N)/(1 - g)`,

        G^N = p_N G - g_1 g_2 p_(N-1)
        S_N = (q(g_1) - q(g_2))/(g_1 - g_2) (G - g_2) + q(g_2)

    Returns: expressions in the chart (u*, z, eta, a, b), `N`, `g_1` and `g_2`; where g_1 = g_2 or a multiplier is 1
        they are to be read as limits, and `power_and_sum` evaluates them.
    """
    G, force = sp.Matrix(amplification(scheme)), sp.Matrix(gain_force(scheme))
    one = sp.eye(2)

    def p(n: Any) -> Any:
        return (g_1**n - g_2**n) / (g_1 - g_2)

    def q(g: Any) -> Any:
        return (1 - g**N) / (1 - g)

    power = p(N) * G - g_1 * g_2 * p(N - 1) * one
    total = (q(g_1) - q(g_2)) / (g_1 - g_2) * (G - g_2 * one) + q(g_2) * one
    return sp.ImmutableMatrix(power), sp.ImmutableMatrix(total * force)
