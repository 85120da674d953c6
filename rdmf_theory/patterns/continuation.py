"""How is a curve of solutions followed? Pseudo-arclength continuation of `G(x, p) = 0`, sparse, with located events.

Source: Keller, Numerical solution of bifurcation and nonlinear eigenvalue problems (1977); Doedel, Keller and
Kernevez, Int. J. Bifurcation and Chaos 1 (1991), 493.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

import numpy as np
import scipy.sparse as sparse
from scipy.interpolate import BarycentricInterpolator
from scipy.optimize import brentq
from scipy.sparse.linalg import SuperLU, splu

from rdmf_theory.errors import ParameterError


class Equations(Protocol):
    """What is continued: residual G, its sparse Jacobian and its derivative by the parameter."""

    def residual(self, x: np.ndarray, p: float) -> np.ndarray: ...
    def jacobian(self, x: np.ndarray, p: float) -> sparse.csc_array: ...
    def parameter_derivative(self, x: np.ndarray, p: float) -> np.ndarray: ...


class NoConvergence(Exception):
    """Newton's method failed: the predictor was too far away."""


@dataclass(frozen=True)
class Scale:
    """Units of arclength: `ds^2 = |dx|^2/(M x^2) + dp^2/p^2` for x in R^M.

    Arguments:
        x, p: a typical size of the state and of the parameter's range, > 0.
    """

    x: float
    p: float

    def weights(self, size: int) -> tuple[float, float]:
        """Factors of `dx . dx` and `dp dp`."""
        return 1 / (size * self.x**2), 1 / self.p**2


@dataclass(frozen=True)
class Solution:
    """A point of a curve with its unit tangent (dx, dp) by arclength."""

    x: np.ndarray
    p: float
    dx: np.ndarray
    dp: float


@dataclass(frozen=True)
class Steps:
    """Step control, in arclength.

    Arguments:
        first, smallest, largest: lengths, 0 < smallest <= first <= largest.
        most: number of steps after which a curve is left.
        tolerance: of Newton's method, on the residual and on the last correction relative to the scale.
    Raises: ParameterError if they do not fit together.
    """

    first: float = 0.01
    smallest: float = 1e-7
    largest: float = 0.04
    most: int = 400
    tolerance: float = 1e-11

    def __post_init__(self) -> None:
        if not 0 < self.smallest <= self.first <= self.largest or self.most < 1:
            raise ParameterError(f"Steps must satisfy 0 < smallest <= first <= largest and most >= 1. Got {self}.")


@dataclass(frozen=True)
class Curve:
    """Pseudo-arclength continuation of `equations` in the units of `scale`."""

    equations: Equations
    scale: Scale
    tolerance: float = 1e-11

    def bordered(self, x: np.ndarray, p: float, dx: np.ndarray, dp: float) -> SuperLU:
        """LU of `[[G_x, G_p], [wx dx^T, wp dp]]`: regular at folds, singular at branch points."""
        wx, wp = self.scale.weights(len(x))
        inner = self.equations.jacobian(x, p)
        size, ends = len(x), inner.indptr[1:]
        # each column gets the border's entry at its end; the last column is full
        data = np.concatenate(
            [np.insert(inner.data, ends, wx * dx), self.equations.parameter_derivative(x, p), [wp * dp]]
        )
        indices = np.concatenate([np.insert(inner.indices, ends, size), np.arange(size + 1)])
        starts = np.append(inner.indptr + np.arange(size + 1), len(data))
        matrix = sparse.csc_array((data, indices, starts), shape=(size + 1, size + 1))
        try:
            return splu(matrix)
        except RuntimeError as error:
            raise NoConvergence("the bordered matrix is singular") from error

    def tangent(self, x: np.ndarray, p: float, dx: np.ndarray, dp: float) -> tuple[np.ndarray, float]:
        """Unit tangent at a solution, oriented along (dx, dp)."""
        right = np.zeros(len(x) + 1)
        right[-1] = 1.0
        direction = self.bordered(x, p, dx, dp).solve(right)
        direction /= self.length(direction[:-1], direction[-1])
        return direction[:-1], float(direction[-1])

    def length(self, dx: np.ndarray, dp: float) -> float:
        """Arclength of a small displacement."""
        wx, wp = self.scale.weights(len(dx))
        return float(np.sqrt(wx * (dx @ dx) + wp * dp**2))

    def correct(
        self, x: np.ndarray, p: float, anchor: tuple[np.ndarray, float], normal: tuple[np.ndarray, float], most: int = 8
    ) -> tuple[np.ndarray, float, int]:
        """Newton from (x, p) onto the curve, within the plane through `anchor` that is orthogonal to `normal`.

        Returns: (x, p, number of iterations). Raises: NoConvergence.
        """
        wx, wp = self.scale.weights(len(x))
        before = np.inf
        for iteration in range(1, most + 1):
            residual = self._residual(x, p)
            gap = wx * (normal[0] @ (x - anchor[0])) + wp * normal[1] * (p - anchor[1])
            update = self.bordered(x, p, *normal).solve(-np.append(residual, gap))
            if not np.all(np.isfinite(update)):
                break
            x, p = x + update[:-1], p + float(update[-1])
            size = self.length(update[:-1], float(update[-1]))
            if size > 10 or (iteration > 3 and size > 1e-2):
                break
            # beside a branch point rounding is amplified: there the corrections stop falling before the tolerance
            if size < self.tolerance or (size < 1e-7 and size > before / 4):
                return x, p, iteration
            before = size
        raise NoConvergence(f"no convergence in {most} iterations near p = {p:.6g}")

    def _residual(self, x: np.ndarray, p: float) -> np.ndarray:
        try:
            residual = self.equations.residual(x, p)
        except ParameterError as error:
            # a design outside its chart: the curve leaves the domain, as if Newton had failed
            raise NoConvergence(str(error)) from error
        if not np.all(np.isfinite(residual)):
            raise NoConvergence("the residual is not finite")
        return residual

    def fix(self, x: np.ndarray, p: float, most: int = 12) -> np.ndarray:
        """The solution at a fixed parameter, Newton from x. Raises: NoConvergence."""
        for _ in range(most):
            try:
                update = splu(self.equations.jacobian(x, p)).solve(-self._residual(x, p))
            except RuntimeError as error:
                raise NoConvergence("the Jacobian is singular") from error
            x = x + update
            size = self.length(update, 0.0)
            if not np.isfinite(size) or size > 10:
                break
            if size < self.tolerance:
                return x
        raise NoConvergence(f"no solution found at p = {p:.6g}")

    def start(self, x: np.ndarray, p: float, dx: np.ndarray, dp: float) -> Solution:
        """A solution with its tangent along (dx, dp)."""
        return Solution(x, p, *self.tangent(x, p, dx, dp))

    def step(self, point: Solution, ds: float) -> tuple[Solution, int]:
        """The solution at arclength `ds` from `point`. Raises: NoConvergence."""
        guess = (point.x + ds * point.dx, point.p + ds * point.dp)
        x, p, iterations = self.correct(*guess, guess, (point.dx, point.dp))
        return self.start(x, p, point.dx, point.dp), iterations

    def walk(
        self,
        point: Solution,
        steps: Steps,
        bounds: tuple[float, float],
        accept: Callable[[Solution, Solution], bool] = lambda before, after: True,
    ) -> Iterator[tuple[Solution, float, str | None]]:
        """Follow the curve from `point`.

        Arguments:
            bounds: of the parameter; the last solution lies on the bound that is met.
            accept: asked about every step; False halves it (as long as it is above 64 times the smallest).
        Yields: (solution, arclength from the one before, None or why the curve ends).
        """
        ds = steps.first
        for count in range(1, steps.most + 1):
            while True:
                try:
                    following, iterations = self.step(point, ds)
                    turned = following.dx @ point.dx * self.scale.weights(len(point.x))[0]
                    turned += following.dp * point.dp * self.scale.weights(len(point.x))[1]
                    # tangents more than 20 degrees apart: events could hide between the two
                    if turned < 0.94 and ds > 64 * steps.smallest:
                        raise NoConvergence("the curve turns too fast")
                    if ds <= 64 * steps.smallest or accept(point, following):
                        break
                except NoConvergence:
                    if ds <= steps.smallest:
                        yield point, 0.0, "Newton's method fails"
                        return
                ds = max(ds / 2, steps.smallest)
            low, high = bounds
            if not low <= following.p <= high:
                bound = low if following.p < low else high
                share = self.locate(point, ds, lambda solution, bound=bound: solution.p - bound)
                yield replace(share[0], p=bound), share[1], f"parameter bound {bound:.10g}"
                return
            yield following, ds, "step limit" if count == steps.most else None
            point = following
            ds = min(steps.largest, ds * (1.5 if iterations <= 3 else 1.0 if iterations <= 5 else 0.6))

    def locate(
        self, point: Solution, ds: float, test: Callable[[Solution], float], relative: float = 1e-13
    ) -> tuple[Solution, float]:
        """The zero of a test function between `point` and the solution at arclength `ds`, by Brent's method.

        Returns: the solution there and its arclength from `point`. The test must change sign. Not for branch points.
        """

        def solution(share: float) -> Solution:
            return self.step(point, share * ds)[0] if share else point

        share = _zero(lambda x: test(solution(x)), 0.0, 1.0, max(relative, 1e-15))
        return solution(share), share * ds

    def locate_branch_point(
        self, point: Solution, ds: float, test: Callable[[Solution], float]
    ) -> tuple[Solution, float]:
        """The zero of a branch point's test function, between `point` and the solution at arclength `ds`.

        Newton's method fails at a branch point and loses digits beside it, but the curve itself is smooth: it is
        interpolated from solutions on both sides, first across the whole step and then close by. Too close, Newton's
        method may land on the crossing branch; the residual of the interpolated state tells, and the window is widened.
        """

        def interpolated(low: float, high: float, count: int) -> tuple[float, float, Solution]:
            """(residual, share of the step, solution) of the zero that nodes in [low, high] show."""
            nodes = (low + high) / 2 - (high - low) / 2 * np.cos((np.arange(count) + 0.5) * np.pi / count)
            near = [self.step(point, share * ds)[0] for share in nodes]
            values = BarycentricInterpolator(nodes, np.array([test(solution) for solution in near]))
            share = _zero(values, low, high)
            path = BarycentricInterpolator(nodes, np.array([np.append(item.x, item.p) for item in near]))
            at, slope = path(share), np.asarray(path.derivative(share))
            slope = slope / self.length(slope[:-1], slope[-1])
            found = Solution(at[:-1], float(at[-1]), slope[:-1], float(slope[-1]))
            return float(np.abs(self._residual(found.x, found.p)).max()), share, found

        _, middle, _ = interpolated(0.0, 1.0, 7)
        best: tuple[float, float, Solution] | None = None
        for width in (0.08, 0.15, 0.25, 0.4):
            try:
                # an even number of nodes: none at the point itself
                trial = interpolated(middle - width, middle + width, 10)
            except (NoConvergence, ValueError):
                continue
            best = trial if best is None or trial[0] < best[0] else best
            if best[0] < 1e-13:
                break
        if best is None:
            raise NoConvergence("a branch point could not be located")
        return best[2], best[1] * ds


def _zero(function: Callable[[float], Any], low: float, high: float, relative: float = 1e-14) -> float:
    """Brent's method; ValueError unless the function changes sign."""
    return float(cast(Any, brentq)(lambda x: float(function(x)), low, high, xtol=1e-14, rtol=relative))


@dataclass(frozen=True)
class Determinant:
    """Sign and logarithm of the absolute value of a determinant, from a sparse LU decomposition."""

    sign: float
    logarithm: float

    @classmethod
    def of(cls, lu: SuperLU) -> Determinant:
        """`det A = +- prod diag U`, the sign from both permutations."""
        diagonal = lu.U.diagonal()
        with np.errstate(divide="ignore"):
            size = float(np.sum(np.log(np.abs(diagonal))))
        sign = float(np.prod(np.sign(diagonal))) * _parity(lu.perm_r) * _parity(lu.perm_c)
        return cls(sign, size)

    def over(self, other: Determinant) -> float:
        """The quotient with |other|."""
        return self.sign * float(np.exp(np.clip(self.logarithm - other.logarithm, -700, 700)))


def _parity(permutation: np.ndarray) -> float:
    """Sign of a permutation: -1 to the number of entries less the number of cycles."""
    seen = np.zeros(len(permutation), dtype=bool)
    cycles = 0
    for first in range(len(permutation)):
        if not seen[first]:
            cycles += 1
            at = first
            while not seen[at]:
                seen[at] = True
                at = permutation[at]
    return -1.0 if (len(permutation) - cycles) % 2 else 1.0
