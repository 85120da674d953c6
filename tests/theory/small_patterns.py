"""Full nonlinear steady patterns and limit cycles, to hold predicted amplitudes against."""

from __future__ import annotations

import numpy as np
from scipy.integrate import solve_ivp

from rdmf_theory.layer.step import clip_laplacian
from rdmf_theory.systems.point import SystemPoint


def cosine_laplacian(length: float, nodes: int) -> np.ndarray:
    """Spectral Laplacian on (0, length) with Neumann ends at the nodes (i + 1/2) length/nodes, dense."""
    j, x = np.arange(nodes), (np.arange(nodes) + 0.5) * np.pi / nodes
    modes = np.cos(np.outer(j, x))
    weights = np.where(j == 0, 1.0, 2.0) / nodes
    return -(modes.T * (weights * (j * np.pi / length) ** 2)) @ modes


def steady_pattern(point: SystemPoint, laplacian: np.ndarray, guess: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Newton's method on the full problem: fields (2, n), and the eigenvalues of the dense Jacobian there."""
    n = len(laplacian)
    D = point.diffusion
    fields = guess.copy()
    for _ in range(40):
        residual = point.reaction(list(fields)) + D[:, None] * (fields @ laplacian.T)
        local = point.jacobian(list(fields))
        blocks = [[np.diag(local[i, j]) + (D[i] * laplacian if i == j else 0) for j in (0, 1)] for i in (0, 1)]
        jacobian = np.block(blocks)
        step = np.linalg.solve(jacobian, -residual.ravel()).reshape(2, n)
        fields = fields + step
        if np.abs(step).max() < 1e-13:
            break
    return fields, np.linalg.eigvals(jacobian)


def clip_pattern(point: SystemPoint, T: int, guess: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`steady_pattern` on T clips."""
    return steady_pattern(point, clip_laplacian(T), guess)


def cycle_amplitude(point: SystemPoint, start: np.ndarray, time: float, period: float) -> float:
    """Half the swing of the first species over one period after a long time."""
    run = solve_ivp(lambda _, x: point.reaction(list(x)), (0, time), start, rtol=1e-10, atol=1e-12, method="DOP853")
    last = solve_ivp(
        lambda _, x: point.reaction(list(x)),
        (0, 1.05 * period),
        run.y[:, -1],
        rtol=1e-10,
        atol=1e-12,
        method="DOP853",
        max_step=period / 400,
    )
    return float(np.ptp(last.y[0]) / 2)
