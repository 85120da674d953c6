"""Where may a bifurcation hide? States and their stability at many parameter values, and sign changes between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rdmf_theory.bifurcations.equations import DefiningSystem, float_modes
from rdmf_theory.systems.point import SystemPoint
from rdmf_theory.systems.state_samples import sample_states


@dataclass(frozen=True)
class Samples:
    """All homogeneous states at P parameter values, with what decides their stability.

    Arguments:
        states: shape (P, S, 2), NaN where there are fewer than S.
        determinant, trace: of J, shape (P, S).
        spread: `D_v J11 + D_u J22`, shape (P, S).
        product: `D_u D_v`, shape (P, 1).
    """

    states: np.ndarray
    determinant: np.ndarray
    trace: np.ndarray
    spread: np.ndarray
    product: np.ndarray

    @property
    def band(self) -> np.ndarray:
        """Discriminant of det(J - mu D) in mu, shape (P, S)."""
        return self.spread**2 - 4 * self.product * self.determinant

    def modes(self, T: int) -> np.ndarray:
        """`det(J - mu_j D)` of the modes j = 1..T-1 of T clips, shape (P, S, T - 1)."""
        mu = float_modes(T)[1:]
        return self.determinant[..., None] - self.spread[..., None] * mu + self.product[..., None] * np.square(mu)

    @property
    def scale(self) -> np.ndarray:
        """A typical size of each species, shape (2,)."""
        if not np.isfinite(self.states).any():
            return np.ones(2)
        # states may reach infinity on an edge of a window, and trivial states are 0
        sizes = np.abs(self.states.reshape(-1, 2))
        present = [column[column > 0] for column in sizes.T]
        return np.array([float(np.median(column)) if column.size else 0.0 for column in present]) + 1e-3


def sample(point: SystemPoint, axes: tuple[str, ...], values: Mapping[str, np.ndarray]) -> Samples:
    """Samples at `values` of the axes, arrays of one shape (P,), everything else as in `point`."""
    system = point.system
    count = max(len(array) for array in values.values())
    states = sample_states(system, {**{k: float(v) for k, v in point.values.items()}, **values})
    states = np.broadcast_to(states, (count, *states.shape[1:]))
    defining = DefiningSystem(point, axes, ())
    unknowns: list[Any] = [states[..., 0], states[..., 1], *(np.asarray(values[name])[:, None] for name in axes)]
    with np.errstate(all="ignore"):
        tests = [
            np.broadcast_to(np.asarray(defining.test(name, unknowns), dtype=float), states.shape[:2])
            for name in ("determinant", "trace", "spread")
        ]
        D_u, D_v = (np.broadcast_to(np.asarray(item, dtype=float), (count, 1)) for item in defining.diffusion(unknowns))
    tests = [np.where(np.isnan(states[..., 0]), np.nan, item) for item in tests]
    return Samples(states, *tests, product=D_u * D_v)


def matches(first: np.ndarray, second: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Which state of one sample continues which of another: mutually nearest ones.

    Arguments: states, each (E, S, 2).
    Returns: shape (E, S), index into the second sample, or -1.
    """
    if not first.shape[1]:
        return np.empty(first.shape[:2], dtype=int)
    gap = np.linalg.norm((first[:, :, None] - second[:, None]) / scale, axis=-1)
    gap = np.where(np.isnan(gap), np.inf, gap)
    forward, backward = gap.argmin(axis=2), gap.argmin(axis=1)
    back = np.take_along_axis(backward, forward, axis=1)
    mutual = back == np.arange(first.shape[1])
    finite = np.isfinite(np.take_along_axis(gap, forward[..., None], axis=2)[..., 0])
    return np.where(mutual & finite, forward, -1)
