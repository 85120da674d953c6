"""The steps once more, in numpy and float64, and how far rounding may carry one of them: what verdicts compare with.

Textbook elimination (Thomas), no code of `rdmf_model.ops`, and complex numbers allowed: with an input moved by i h d,
the imaginary part of the result over h is its derivative along d, exact to rounding (Squire and Trapp 1998). So values
and gradients of any backend are compared with something that shares nothing with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

ROUNDINGS = 16
"""A row of a solve is some ten sums, products and quotients of positive numbers, the reaction four more: each is off by
at most one unit roundoff, and no subtraction amplifies it."""

COMPLEX_STEP = 1e-30


@dataclass(frozen=True)
class Steps:
    """Inputs of a run of steps: fields (B, T, C), rates (B, C), lengths (B,), float64 or complex."""

    u0: np.ndarray
    v0: np.ndarray
    gain: np.ndarray
    F: np.ndarray
    k: np.ndarray
    D_u: np.ndarray
    D_v: np.ndarray
    lengths: np.ndarray
    steps: int


def _solve(row_sum: np.ndarray, coupling: np.ndarray, right: np.ndarray) -> np.ndarray:
    """x of (diag(row_sum) + L_coupling) x = right along the first axis; coupling t joins clips t and t + 1."""
    clips = len(right)
    diagonal = row_sum.astype(np.result_type(row_sum, coupling))
    diagonal[:-1] += coupling
    diagonal[1:] += coupling
    x = right.astype(np.result_type(right, row_sum, coupling))
    for t in range(1, clips):
        factor = coupling[t - 1] / diagonal[t - 1]
        diagonal[t] -= factor * coupling[t - 1]
        x[t] += factor * x[t - 1]
    x[-1] /= diagonal[-1]
    for t in range(clips - 2, -1, -1):
        x[t] = (x[t] + coupling[t] * x[t + 1]) / diagonal[t]
    return x


def run_steps(given: Steps) -> tuple[np.ndarray, np.ndarray]:
    """(u_N, v_N), each (B, T, C), 0 in the padding."""
    clips = given.u0.shape[1]
    valid = (np.arange(clips)[:, None] < given.lengths)[..., None]
    u, v, gain = (np.where(valid, x.swapaxes(0, 1), 0.0) for x in (given.u0, given.v0, given.gain))
    couple_u, couple_v = (np.where(valid[1:], D, 0.0) for D in (given.D_u, given.D_v))
    source, turnover = np.where(valid, given.F, 0.0), np.where(valid, given.F + given.k, 0.0)
    for _ in range(given.steps):
        reaction = gain * v * v
        u = _solve(1 + source + reaction, couple_u, u + source)
        v = _solve(1 + turnover, couple_v, v + reaction * u)
    return np.where(valid, u, 0.0).swapaxes(0, 1), np.where(valid, v, 0.0).swapaxes(0, 1)


def step_error(given: Steps, u: np.ndarray, v: np.ndarray, unit: float) -> tuple[np.ndarray, np.ndarray]:
    """Bounds, per channel (B, 1, C), of what arithmetic of unit roundoff `unit` changes in one step to (u, v).

    Each of ROUNDINGS operations a row changes a positive intermediate by a factor 1 + unit at most, and that is felt
    over the reach of the Green's function, at most 1 + sqrt(D) clips: unit ROUNDINGS (1 + sqrt(D)) max x for
    x = A^-1 b. The error of u enters v through s v^2 u, which (1 + w - D_v Lap)^-1 divides by 1 + w at least.
    """
    reach = {name: (1 + np.sqrt(getattr(given, name)))[:, None] for name in ("D_u", "D_v")}
    error_u = unit * ROUNDINGS * reach["D_u"] * np.abs(u).max(1, keepdims=True)
    through = (given.gain * given.v0**2).max(1, keepdims=True) / (1 + given.F + given.k)[:, None]
    return error_u, unit * ROUNDINGS * reach["D_v"] * np.abs(v).max(1, keepdims=True) + through * error_u


def slope(given: Steps, weight_u: np.ndarray, weight_v: np.ndarray, along: Mapping[str, np.ndarray]) -> float:
    """Derivative of sum(weight_u u_N + weight_v v_N) along directions of some inputs, by name."""
    moved = {name: getattr(given, name) + 1j * COMPLEX_STEP * direction for name, direction in along.items()}
    whole = {name: moved.get(name, getattr(given, name)) for name in given.__dataclass_fields__}
    u, v = run_steps(Steps(**whole))
    return float((weight_u * np.imag(u) + weight_v * np.imag(v)).sum() / COMPLEX_STEP)
