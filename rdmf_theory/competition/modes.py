"""Modes of a video with cuts: eigenvalues and eigenvectors of minus the weighted Laplacian, floats and exact counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.linalg import eigh_tridiagonal

from rdmf_theory.competition.conductances import require_conductances
from rdmf_theory.errors import ParameterError


@dataclass(frozen=True)
class VideoModes:
    """Eigenpairs of minus the weighted Laplacian of one video.

    Arguments:
        mu: eigenvalues in increasing order, shape (T,), 1/clip^2, in [0, 4]; exactly 0 once per segment.
        vectors: orthonormal modes, shape (T modes, T clips); the first is uniform, all others have mean 0.
    """

    mu: np.ndarray
    vectors: np.ndarray

    @property
    def longest(self) -> float | None:
        """Smallest eigenvalue of a nonuniform mode, 0 if a cut separates parts; None for one clip."""
        return float(self.mu[1]) if len(self.mu) > 1 else None


def video_modes(conductances: Any) -> VideoModes:
    """All modes of T clips with conductances, segment by segment.

    Arguments:
        conductances: shape (T - 1,), in [0, 1].
    Raises: ParameterError as `require_conductances`.
    Proof: the spectrum, proofs/Conductances.v, `eigenvalue_bounds`, `eigenvalue_simple`, `eigenvalues_between`.
    """
    kappa = require_conductances(conductances)
    T = len(kappa) + 1
    diagonal = np.zeros(T)
    diagonal[:-1] += kappa
    diagonal[1:] += kappa
    cuts = [0, *(np.flatnonzero(kappa == 0) + 1).tolist(), T]
    mu, vectors = [], np.zeros((T, T))
    for first, last in pairwise(cuts):
        values, shapes = eigh_tridiagonal(diagonal[first:last], -kappa[first : last - 1])
        # the constant field of a segment is a mode with eigenvalue 0, exactly
        values[0], shapes[:, 0] = 0.0, (last - first) ** -0.5
        vectors[first:last, len(mu) : len(mu) + last - first] = shapes
        mu.extend(np.clip(values, 0, 4))
    order = np.argsort(mu, kind="stable")
    values, shapes = np.asarray(mu)[order], vectors.T[order]
    # among the modes with eigenvalue 0 the uniform field comes first, the others have mean 0: parts against each other
    still = len(cuts) - 1
    basis = np.column_stack([np.full(T, T**-0.5), shapes[: still - 1].T])
    rotated, sign = np.linalg.qr(basis)
    shapes[:still] = (rotated * np.sign(np.diag(sign))).T
    return VideoModes(values, shapes)


def modes_below(conductances: Sequence[Fraction], threshold: Fraction) -> tuple[int, int]:
    """(number of eigenvalues below `threshold`, number equal to it): Sturm's count, exact in rationals.

    Between cuts the matrix is a Jacobi matrix; its leading minors of `-Lap - threshold` change sign once for every
    eigenvalue below the threshold, and the last one vanishes iff the threshold is an eigenvalue.

    Arguments:
        conductances: exact, shape (T - 1,), in [0, 1].
        threshold: exact, 1/clip^2.
    Raises: ParameterError if a conductance is outside [0, 1].
    """
    if any(not 0 <= kappa <= 1 for kappa in conductances):
        raise ParameterError(
            f"conductances must be in [0, 1]. Got {[str(kappa) for kappa in conductances]}; 0 is a cut."
        )
    kappa = [Fraction(0), *conductances, Fraction(0)]
    below = equal = 0
    before, minor, positive = Fraction(0), Fraction(1), True
    for left, right in pairwise(kappa):
        if left == 0:
            # a new segment: its minors start at 1
            before, minor, positive = Fraction(0), Fraction(1), True
        before, minor = minor, (left + right - threshold) * minor - left**2 * before
        # beside a vanishing minor its neighbours have opposite signs: zeros can be passed over
        if minor != 0:
            below += (minor > 0) != positive
            positive = minor > 0
        equal += right == 0 and minor == 0
        # only signs matter: scale to keep the numbers short
        scale = max(abs(before), abs(minor))
        before, minor = before / scale, minor / scale
    return below, equal
