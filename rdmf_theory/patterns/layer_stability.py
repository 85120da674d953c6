"""Is a pattern stable for the layer? The derivative of its nonlinear step at a fixed point, and its multiplier.

The step (docs/mathematics.md) solves `A(v) u' = u + h F`, `A_v v' = v + h s u' v^2`. At a fixed point its derivative
is `M = L^-1 B` with the block matrices below, and `I - M = -h L^-1 J`: a pattern has a multiplier 1 iff the equation
has an eigenvalue 0 there.
"""

from __future__ import annotations

import numpy as np

from rdmf_theory.chart import Parameters
from rdmf_theory.layer.step import clip_laplacian
from rdmf_theory.patterns.equations import PatternProblem


def step_matrices(
    u: np.ndarray, v: np.ndarray, parameters: Parameters, h: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """(L, B) with `L dx' = B dx` at a fixed point (u, v), each (2T, 2T), all u first, then all v.

    L = [[I + h (F + s v^2) - h D_u Lap, 0], [-h s v^2, I + h w - h D_v Lap]]
    B = [[I, -2 h s u v], [0, I + 2 h s u v]]
    """
    T, s = len(u), parameters.s
    one, zero, laplacian = np.eye(T), np.zeros((T, T)), clip_laplacian(T)
    upper = np.diag(1 + h * (parameters.F + s * v**2)) - h * parameters.D_u * laplacian
    lower = (1 + h * parameters.w) * one - h * parameters.D_v * laplacian
    coupling = np.diag(2 * h * s * u * v)
    left = np.block([[upper, zero], [np.diag(-h * s * v**2), lower]])
    return left, np.block([[one, -coupling], [zero, one + coupling]])


def pattern_multiplier(u: np.ndarray, v: np.ndarray, parameters: Parameters, h: float = 1.0) -> float:
    """Spectral radius of the step's derivative at a fixed point: below 1 the layer converges to the pattern."""
    left, right = step_matrices(u, v, parameters, h)
    return float(np.abs(np.linalg.eigvals(np.linalg.solve(left, right))).max())


def layer_parameters(problem: PatternProblem, p: float) -> Parameters | None:
    """The layer's parameters, where system and axis are the layer's."""
    if problem.system.name != "gray-scott" or problem.axis.kind != "clips":
        return None
    return Parameters(**problem.at(p))
