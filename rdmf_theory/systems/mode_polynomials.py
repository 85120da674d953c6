"""Which signs make a mode stable? Characteristic polynomial and Hurwitz determinants of `J - mu D`, in mu.

Everything is ring arithmetic, so entries may be algebraic numbers or balls; the classification needs signs only.

Source: Gantmacher, The Theory of Matrices, volume 2, chapter XV (Routh-Hurwitz; Orlando's formula).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rdmf_theory.arithmetic.sturm import Polynomial, add, multiply, scale


def characteristic(jacobian: Sequence[Sequence[Any]], diffusion: Sequence[Any]) -> list[Polynomial]:
    """Coefficients a_1, ..., a_n of `det(x I - J + mu D) = x^n + a_1 x^(n-1) + ... + a_n`, polynomials in mu.

    Faddeev-LeVerrier; for n = 2: a_1 = (D_u + D_v) mu - tr J and a_2 = D_u D_v mu^2 - (D_u g_v + D_v f_u) mu + det J.
    """
    size = len(jacobian)
    zero = 0 * jacobian[0][0]
    matrix = [
        [[entry, zero - diffusion[i]] if i == j else [entry] for j, entry in enumerate(row)]
        for i, row in enumerate(jacobian)
    ]
    coefficients: list[Polynomial] = []
    power = matrix
    for k in range(1, size + 1):
        trace: Polynomial = []
        for i in range(size):
            trace = add(trace, power[i][i])
        coefficient = [entry * (-1) / k for entry in trace]
        coefficients.append(coefficient)
        if k < size:
            shifted = [
                [add(entry, coefficient) if i == j else entry for j, entry in enumerate(row)]
                for i, row in enumerate(power)
            ]
            power = [[_dot(matrix[i], [row[j] for row in shifted]) for j in range(size)] for i in range(size)]
    return coefficients


def hurwitz_determinants(coefficients: Sequence[Polynomial]) -> list[Polynomial]:
    """Leading minors Delta_1, ..., Delta_n of the Hurwitz matrix of `x^n + a_1 x^(n-1) + ... + a_n`.

    All are positive iff every root has a negative real part. With all other minors positive, Delta_n = 0 is a root at
    zero and Delta_(n-1) = 0 a pair on the imaginary axis.
    """
    size = len(coefficients)
    one = [0 * coefficients[0][0] + 1]
    known = [one, *coefficients]

    def entry(i: int, j: int) -> Polynomial:
        index = 2 * (j + 1) - (i + 1)
        return known[index] if 0 <= index <= size else []

    return [_determinant([[entry(i, j) for j in range(k)] for i in range(k)]) for k in range(1, size + 1)]


def _dot(row: Sequence[Polynomial], column: Sequence[Polynomial]) -> Polynomial:
    total: Polynomial = []
    for p, q in zip(row, column, strict=True):
        total = add(total, multiply(p, q))
    return total


def _determinant(matrix: list[list[Polynomial]]) -> Polynomial:
    """Laplace expansion along the first row: few rows, and no divisions in a ring of polynomials."""
    if len(matrix) == 1:
        return matrix[0][0]
    total: Polynomial = []
    for j, entry in enumerate(matrix[0]):
        if not entry:
            continue
        minor = _determinant([[*row[:j], *row[j + 1 :]] for row in matrix[1:]])
        term = multiply(entry, minor)
        total = add(total, term if j % 2 == 0 else scale(term, -1))
    return total
