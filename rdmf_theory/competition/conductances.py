"""Diffusion that stops at cuts: the clip Laplacian with a conductance on every edge, its modes and their bounds."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from scipy.linalg import solve_banded

from rdmf_theory.errors import ParameterError


def require_conductances(conductances: Any) -> np.ndarray:
    """`conductances` as a float64 vector, shape (T - 1,), one per edge between neighbouring clips.

    Raises: ParameterError if an entry is outside [0, 1] or not finite, or if the array is not one-dimensional.
    """
    kappa = np.asarray(conductances, dtype=float)
    if kappa.ndim != 1 or not np.all(np.isfinite(kappa) & (kappa >= 0) & (kappa <= 1)):
        raise ParameterError(
            "conductances must be one number in [0, 1] per edge between neighbouring clips, T - 1 for T clips; "
            f"0 is a cut, 1 plain diffusion. Got {conductances!r}."
        )
    return kappa


def weighted_laplacian(conductances: Any) -> np.ndarray:
    """Laplacian of T clips with conductances, shape (T, T), 1/clip^2.

        (Lap x)_t = kappa_t (x_{t+1} - x_t) - kappa_{t-1} (x_t - x_{t-1})

    Symmetric, rows sum to 0, eigenvalues of its negative in [0, 4]; all ones give `clip_laplacian`.

    Arguments:
        conductances: kappa, shape (T - 1,), in [0, 1]; entry t belongs to the edge between clips t and t + 1.
    Raises: ParameterError as `require_conductances`.
    Proof: proofs/Conductances.v, `wlap_diffusion`, `energy_bounds`.
    """
    return laplacian_rows(require_conductances(conductances))


def laplacian_rows(kappa: np.ndarray) -> np.ndarray:
    """`weighted_laplacian` of unchecked entries, symbols included: the one place where its rows are written."""
    T = len(kappa) + 1
    laplacian = np.zeros((T, T), dtype=kappa.dtype)
    for edge, weight in enumerate(kappa):
        left, right = edge, edge + 1
        laplacian[left, right] += weight
        laplacian[left, left] -= weight
        laplacian[right, left] += weight
        laplacian[right, right] -= weight
    return laplacian


def solve_weighted(diagonal: Any, coupling: float, conductances: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve `(diagonal - coupling Lap_kappa) x = right` by one elimination; O(T).

    Arguments:
        diagonal: shape (T,) or scalar, > 0.
        coupling: h D >= 0, clip^2.
        conductances: checked, shape (T - 1,).
        right: shape (T,).
    Proof: proofs/Conductances.v, `weighted_thomas_solves`, `diffusion_nonnegative_solution`.
    """
    edges = coupling * conductances
    bands = np.zeros((3, len(right)))
    bands[1] = diagonal
    bands[1, :-1] += edges
    bands[1, 1:] += edges
    bands[0, 1:] = -edges
    bands[2, :-1] = -edges
    return solve_banded((1, 1), bands, right)


def segments(conductances: Any) -> list[slice]:
    """The maximal runs of clips without a full cut between them, in order; T clips in all."""
    kappa = require_conductances(conductances)
    cuts = [0, *(np.flatnonzero(kappa == 0) + 1).tolist(), len(kappa) + 1]
    return [slice(first, last) for first, last in pairwise(cuts)]
