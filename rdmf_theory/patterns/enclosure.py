"""Where exactly is this pattern, and its eigenvalues? Krawczyk's test and enclosed eigenvalues in ball arithmetic.

Works for every system whose reactions `compile_expressions` can evaluate on balls. The same claims by another method,
without ball arithmetic and for everybody to re-check, are in `pattern_certificate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import flint
import numpy as np
import sympy as sp

from rdmf_theory.arithmetic.enclosure import ball, precision
from rdmf_theory.arithmetic.expressions import compile_expressions
from rdmf_theory.patterns.equations import PatternProblem
from rdmf_theory.patterns.layer_stability import layer_parameters

BITS = 128
_RADII = [10.0**-i for i in range(3, 15)]


@dataclass(frozen=True)
class Enclosure:
    """A proved pattern. All numbers are bounds.

    Arguments:
        distance: the steady state is within this of the computed one, in every entry.
        uniqueness: it is the only one whose entries are all within this of the computed ones.
        growth: (low, high) around the largest real part of the eigenvalues of the equation, 1/time.
        multiplier: (low, high) around the spectral radius of the layer's step; None where there is no layer.
    """

    distance: float
    uniqueness: float
    growth: tuple[float, float]
    multiplier: tuple[float, float] | None

    @property
    def stable(self) -> bool:
        """Whether stability is proved, in the equation and in the layer."""
        return self.growth[1] < 0 and (self.multiplier is None or self.multiplier[1] < 1)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        layer = None if self.multiplier is None else list(self.multiplier)
        return {
            "distance": self.distance,
            "uniqueness": self.uniqueness,
            "growth_rate": list(self.growth),
            "layer_multiplier": layer,
        }


def enclose_pattern(problem: PatternProblem, x: np.ndarray, p: float) -> Enclosure | None:
    """Prove that a steady state lies near `x`, and enclose its eigenvalues; None if the test does not succeed.

    Krawczyk's operator `K(X) = x - C G(x) + (I - C G'(X)) (X - x)`, C an approximate inverse of G'(x): if it maps the
    box X strictly into itself, X holds exactly one zero of G, and it lies in K(X).

    Arguments:
        problem: on a clip axis; its parameters at p count as the binary numbers that they are.
        x: a computed steady state, shape (n N,).
    Source: Krawczyk, Computing 4 (1969); Neumaier, Interval methods for systems of equations (1990), 5.1.
    """
    with precision(BITS):
        equations = _Balls(problem, p)
        centre = [flint.arb(float(value)) for value in x]
        try:
            inverse = np.linalg.inv(problem.jacobian(x, p).toarray())
        except np.linalg.LinAlgError:
            return None
        C = flint.arb_mat(inverse.tolist())
        shift = C * flint.arb_mat([[value] for value in equations.residual(centre)])
        size = len(centre)

        def image(radius: float) -> list[float] | None:
            """Bounds of |K(X) - x| per entry, or None where the box is not mapped into itself."""
            unit = flint.arb(0, radius)
            jacobian = equations.jacobian([value + unit for value in centre])
            defect = _identity(size) - C * jacobian
            bounds = []
            for i in range(size):
                row = sum((abs(defect[i, j]) for j in range(size)), flint.arb(0))
                bound = float((abs(shift[i, 0]) + row * radius).abs_upper())
                if not bound * (1 + 1e-9) < radius:
                    return None
                bounds.append(bound)
            return bounds

        uniqueness = next((radius for radius in _RADII if image(radius) is not None), None)
        if uniqueness is None:
            return None
        # from the other end: the smallest box that is mapped into itself; the last one tried is known to be
        tightest = next(bounds for radius in reversed(_RADII) if (bounds := image(radius)) is not None)
        # a hair more than the bound, which was rounded to a float
        distance = max(tightest) * (1 + 1e-9)
        near = [value + flint.arb(0, distance) for value in centre]
        discs = eigenvalue_discs(equations.jacobian(near))
        growth = _largest([(re, rad) for re, _, rad in discs])
        multiplier = None
        if layer_parameters(problem, p) is not None:
            left, right = equations.step(near)
            moduli = [((re * re + im * im).sqrt(), rad) for re, im, rad in eigenvalue_discs(left.solve(right))]
            multiplier = _largest(moduli)
        return Enclosure(distance, uniqueness, growth, multiplier)


def eigenvalue_discs(matrix: flint.arb_mat) -> list[tuple[flint.arb, flint.arb, flint.arb]]:
    """Discs (Re, Im, radius) that together hold all eigenvalues of every matrix in a ball matrix.

    With approximate eigenvectors W and Y = W^-1 approximately, `W^-1 A W = (Y W)^-1 (Y A W)`; Gershgorin's discs of
    T = Y A W are widened by `e/(1 - e) |T|`, e = |I - Y W| in the row-sum norm.
    """
    size = matrix.nrows()
    middle = np.array([[float(matrix[i, j].mid()) for j in range(size)] for i in range(size)])
    vectors = np.linalg.eig(middle)[1].astype(complex)
    W, Y = (_complex(array) for array in (vectors, np.linalg.inv(vectors)))
    T, one = Y * (flint.acb_mat(matrix) * W), _identity(size)
    defect = flint.acb_mat(one) - Y * W
    rows = [[abs(T[i, j]) for j in range(size)] for i in range(size)]
    norm = _above(sum(row, flint.arb(0)) for row in rows)
    error = _above(sum((abs(defect[i, j]) for j in range(size)), flint.arb(0)) for i in range(size))
    if not error < 1:
        return [(flint.arb(0), flint.arb(0), flint.arb("inf"))]
    widened = error / (1 - error) * norm
    discs = []
    for i, row in enumerate(rows):
        radius = sum(row[:i] + row[i + 1 :], widened)
        discs.append((T[i, i].real, T[i, i].imag, radius))
    return discs


def _largest(discs: list[tuple[flint.arb, flint.arb]]) -> tuple[float, float]:
    """Bounds of the largest of the quantities `centre +- radius`, rounded outward.

    The upper bound is rigorous for all eigenvalues. The lower one belongs to the rightmost disc, which holds an
    eigenvalue if it touches no other.
    """
    tops = [float((centre + radius).upper()) for centre, radius in discs]
    first = int(np.argmax(tops))
    centre, radius = discs[first]
    return float(np.nextafter(float((centre - radius).lower()), -np.inf)), float(np.nextafter(tops[first], np.inf))


def _above(values: Any) -> flint.arb:
    """The largest of several balls' upper ends."""
    total = flint.arb(0)
    for value in values:
        total = total.max(value.upper())
    return total


def _identity(size: int) -> flint.arb_mat:
    return flint.arb_mat([[int(i == j) for j in range(size)] for i in range(size)])


def _complex(array: np.ndarray) -> flint.acb_mat:
    return flint.acb_mat([[flint.acb(float(z.real), float(z.imag)) for z in row] for row in array])


class _Balls:
    """Residual, Jacobian and layer step of a problem on balls, unknowns in the order of `PatternProblem`."""

    def __init__(self, problem: PatternProblem, p: float) -> None:
        self.problem = problem
        self.values = {name: ball(Fraction(value)) for name, value in problem.at(p).items()}
        system = problem.system
        symbols = [*system.species, *system.parameters]
        matrix = sp.Matrix(list(system.reactions))
        self.reactions = compile_expressions(list(system.reactions), symbols)
        self.derivatives = compile_expressions(list(matrix.jacobian(list(system.species))), symbols)
        self.parameters = [self.values[str(symbol)] for symbol in system.parameters]
        self.diffusion = [self.values[str(symbol)] for symbol in system.diffusions]

    def residual(self, state: list[flint.arb]) -> list[flint.arb]:
        """`D Lap x + R(x)`."""
        n, T = self.problem.species, self.problem.axis.nodes
        rows = []
        for t in range(T):
            reaction = self.reactions(*state[n * t : n * t + n], *self.parameters)
            for a in range(n):
                here, left, right = (state[n * i + a] for i in (t, max(t - 1, 0), min(t + 1, T - 1)))
                rows.append(reaction[a] + self.diffusion[a] * (left + right - 2 * here))
        return rows

    def jacobian(self, state: list[flint.arb]) -> flint.arb_mat:
        """Derivative of the residual."""
        n, T = self.problem.species, self.problem.axis.nodes
        rows = [[flint.arb(0)] * (n * T) for _ in range(n * T)]
        for t in range(T):
            local = self.derivatives(*state[n * t : n * t + n], *self.parameters)
            for a in range(n):
                for b in range(n):
                    rows[n * t + a][n * t + b] += local[n * a + b]
                for other in (max(t - 1, 0), min(t + 1, T - 1)):
                    rows[n * t + a][n * other + a] += self.diffusion[a]
                    rows[n * t + a][n * t + a] -= self.diffusion[a]
        return flint.arb_mat(rows)

    def step(self, state: list[flint.arb]) -> tuple[flint.arb_mat, flint.arb_mat]:
        """(L, B) of the layer's step at a fixed point, h = 1, see `layer_stability`."""
        T = self.problem.axis.nodes
        left = [[flint.arb(0)] * (2 * T) for _ in range(2 * T)]
        right = [[flint.arb(0)] * (2 * T) for _ in range(2 * T)]
        F, k, s, *diffusion = (self.values[name] for name in ("F", "k", "s", "D_u", "D_v"))
        for t in range(T):
            u, v = state[2 * t : 2 * t + 2]
            left[2 * t][2 * t] += 1 + F + s * v**2
            left[2 * t + 1][2 * t + 1] += 1 + F + k
            left[2 * t + 1][2 * t] -= s * v**2
            for a, D in enumerate(diffusion):
                for other in (max(t - 1, 0), min(t + 1, T - 1)):
                    left[2 * t + a][2 * other + a] -= D
                    left[2 * t + a][2 * t + a] += D
                right[2 * t + a][2 * t + a] += 1
            right[2 * t][2 * t + 1] -= 2 * s * u * v
            right[2 * t + 1][2 * t + 1] += 2 * s * u * v
        return flint.arb_mat(left), flint.arb_mat(right)
