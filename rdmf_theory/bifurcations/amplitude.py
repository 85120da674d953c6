"""How large do small patterns and oscillations grow? Cubic coefficients of any two-species system at onset.

Both amplitude equations are `A' = sigma A - g |A|^2 A`, and the scale of A is that of the first species: the state is
`u* + A exp(i q x) + c.c.` at a Turing and `u* + A exp(i omega t) + c.c.` at a Hopf bifurcation, so the critical vector
has 1 as its first entry. g > 0 is a soft (supercritical) onset, and the predicted amplitude is `sqrt(sigma/g)`.

The formulas are written once, in `+ - * /`: they evaluate on floats, fractions and `flint.arb` balls, and on
numbers that carry their gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rdmf_theory.errors import ParameterError

Vector = Sequence[Any]
Matrix = Sequence[Sequence[Any]]


def bilinear(tensor: Any, x: Vector, y: Vector) -> list[Any]:
    """Second derivatives applied to two vectors, `B(x, y)_i = sum_jk T_ijk x_j y_k`."""
    return [sum(x[j] * y[k] * row[j][k] for j in range(2) for k in range(2)) for row in tensor]


def trilinear(tensor: Any, x: Vector, y: Vector, z: Vector) -> list[Any]:
    """Third derivatives applied to three vectors, `C(x, y, z)`."""
    return [
        sum(x[j] * y[k] * z[m] * row[j][k][m] for j in range(2) for k in range(2) for m in range(2)) for row in tensor
    ]


def solve(matrix: Matrix, right: Vector) -> list[Any]:
    """Solution of a 2 x 2 linear system by Cramer's rule."""
    (a, b), (c, d) = matrix
    determinant = a * d - b * c
    return [(d * right[0] - b * right[1]) / determinant, (a * right[1] - c * right[0]) / determinant]


def mode_matrix(jacobian: Matrix, diffusion: Vector, mu: Any) -> list[list[Any]]:
    """`J - mu diag(D)`."""
    (a, b), (c, d) = jacobian
    return [[a - mu * diffusion[0], b], [c, d - mu * diffusion[1]]]


def critical_vectors(singular: Matrix) -> tuple[list[Any], list[Any], Any]:
    """(p, p*, p* . p) of a singular matrix M: `M p = 0` with p = (1, ...), and `p* M = 0` with p* = (..., 1)."""
    (a, b), (_, d) = singular
    return [1, -a / b], [-d / b, 1], -(a + d) / b


def turing_coefficient(
    jacobian: Matrix, second: Any, third: Any, diffusion: Vector, mu: Any, mu_2: Any = None, *, harmonic: bool = True
) -> Any:
    """Stuart-Landau coefficient g of a roll at the Turing onset.

        J a_0 = -B(p, p),   (J - mu_2 D) a_2 = -B(p, p)/2,
        g = -p* . (B(p, a_0) + B(p, a_2) + C(p, p, p)/2) / (p* . p)

    Arguments:
        jacobian, second, third: derivatives of the reactions at the steady state, first index the reaction.
        diffusion: (D_u, D_v).
        mu: eigenvalue of minus the Laplacian of the critical mode; `J - mu D` is singular.
        mu_2: eigenvalue of the mode of half the wavelength, by default 4 mu (a continuous axis).
        harmonic: False where the axis cannot show the second harmonic (the mode T/2 of T clips, on which cos^2 = 1/2
            at every clip): then a_2 is absent and the cubic term counts 1/3 instead of 1/2.
    Source: Cross and Hohenberg, Rev. Mod. Phys. 65 (1993), section IV; the same expansion as `onset`.
    """
    p, adjoint, product = critical_vectors(mode_matrix(jacobian, diffusion, mu))
    force = bilinear(second, p, p)
    mean = solve(jacobian, [-x for x in force])
    cubic = trilinear(third, p, p, p)
    total = [x + y / (2 if harmonic else 3) for x, y in zip(bilinear(second, p, mean), cubic, strict=True)]
    if harmonic:
        short = solve(mode_matrix(jacobian, diffusion, 4 * mu if mu_2 is None else mu_2), [-x / 2 for x in force])
        total = [x + y for x, y in zip(total, bilinear(second, p, short), strict=True)]
    return -(adjoint[0] * total[0] + adjoint[1] * total[1]) / product


def resonant_coefficient(jacobian: Matrix, second: Any, diffusion: Vector, mu: Any) -> Any:
    """Quadratic coefficient h of `A' = sigma A + h A^2` where the second harmonic of a clip mode is the mode itself.

    On T clips mode 2T/3 has `cos^2 = (1 - cos)/2` at every clip, so h = -p* . B(p, p)/2 / (p* . p): the onset is
    transcritical, and no cubic term decides it.
    """
    p, adjoint, product = critical_vectors(mode_matrix(jacobian, diffusion, mu))
    force = bilinear(second, p, p)
    return -(adjoint[0] * force[0] + adjoint[1] * force[1]) / (2 * product)


@dataclass(frozen=True)
class _Number:
    """`real + i omega imaginary` with `omega^2 = square`: complex arithmetic on any kind of number, and no root."""

    real: Any
    imaginary: Any
    square: Any

    def _of(self, other: Any) -> _Number:
        return other if isinstance(other, _Number) else _Number(other, 0, self.square)

    def __add__(self, other: Any) -> _Number:
        y = self._of(other)
        return _Number(self.real + y.real, self.imaginary + y.imaginary, self.square)

    __radd__ = __add__

    def __mul__(self, other: Any) -> _Number:
        y = self._of(other)
        real = self.real * y.real - self.square * self.imaginary * y.imaginary
        return _Number(real, self.real * y.imaginary + self.imaginary * y.real, self.square)

    __rmul__ = __mul__

    def __neg__(self) -> _Number:
        return self * -1

    def __sub__(self, other: Any) -> _Number:
        return self + self._of(other) * -1

    def __truediv__(self, real: Any) -> _Number:
        return _Number(self.real / real, self.imaginary / real, self.square)

    def conjugate(self) -> _Number:
        return _Number(self.real, -self.imaginary, self.square)


def hopf_coefficient(jacobian: Matrix, second: Any, third: Any) -> Any:
    """Stuart-Landau coefficient g = -Re c_1 of a homogeneous oscillation at a Hopf point; soft iff g > 0.

        c_1 = <p, C(q, q, q~)/2 - B(q, J^-1 B(q, q~)) + B(q~, (2 i omega - J)^-1 B(q, q))/2>,   <p, q> = 1

    with `J q = i omega q`, q = (1, ...), trace 0 and determinant omega^2 > 0.

    Arguments: derivatives of the reactions at the steady state, first index the reaction.
    Returns: g for an amplitude A of the first species, whose oscillation is `2 A cos(omega t)`. Kuznetsov's first
        Lyapunov coefficient is `lyapunov_coefficient`.
    Source: Kuznetsov, Elements of Applied Bifurcation Theory, section 3.5 (his l_1 = Re c_1/omega).
    """
    (a, b), (c, d) = jacobian
    square = a * d - b * c
    one, frequency = _Number(1, 0, square), _Number(0, 1, square)
    q = [one, (frequency - a) / b]
    conjugate = [x.conjugate() for x in q]
    adjoint = [one * c, frequency - a]
    product = adjoint[0] * q[0] + adjoint[1] * q[1]
    between, double = bilinear(second, q, conjugate), bilinear(second, q, q)
    mean = [(between[0] * d - between[1] * b) / square, (between[1] * a - between[0] * c) / square]
    # det(2 i omega - J) = -3 omega^2
    shifted = [(frequency * 2 - d) * double[0] + double[1] * b, double[0] * c + (frequency * 2 - a) * double[1]]
    harmonic = [x / (-3 * square) for x in shifted]
    parts = zip(
        trilinear(third, q, q, conjugate), bilinear(second, q, mean), bilinear(second, conjugate, harmonic), strict=True
    )
    total = [x / 2 - y + z / 2 for x, y, z in parts]
    numerator = (adjoint[0] * total[0] + adjoint[1] * total[1]) * product.conjugate()
    return -numerator.real / (product * product.conjugate()).real


def tensors(second: Vector, third: Vector) -> tuple[Any, Any]:
    """Symmetric derivative tensors from (f_uu, f_uv, f_vv, g_uu, ...) and (f_uuu, f_uuv, f_uvv, f_vvv, g_uuu, ...)."""
    twos = [[[x[j + k] for k in range(2)] for j in range(2)] for x in (second[:3], second[3:])]
    threes = [[[[x[j + k + m] for m in range(2)] for k in range(2)] for j in range(2)] for x in (third[:4], third[4:])]
    return twos, threes


def lyapunov_coefficient(jacobian: Matrix, second: Any, third: Any) -> float:
    """Kuznetsov's first Lyapunov coefficient `l_1 = Re c_1/omega` with <q, q> = <p, q> = 1; soft onset iff l_1 < 0."""
    (a, b), (c, d) = jacobian
    squared = float(a * d - b * c)
    if squared <= 0:
        raise ParameterError(f"jacobian must have a positive determinant at a Hopf point. Got {squared}.")
    # with q = (1, (i omega - a)/b) the square norm is 1 + (omega^2 + a^2)/b^2, and c_1 scales with it
    norm = 1 + (squared + float(a) ** 2) / float(b) ** 2
    return -float(hopf_coefficient(jacobian, second, third)) / norm / squared**0.5
