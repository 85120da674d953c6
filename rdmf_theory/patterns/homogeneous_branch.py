"""Where do patterns branch off? The homogeneous states along a parameter, and every mode's branch points on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rdmf_theory.errors import ParameterError
from rdmf_theory.patterns.continuation import Curve, NoConvergence, Scale, Solution, Steps
from rdmf_theory.patterns.equations import PatternProblem


@dataclass(frozen=True)
class PrimaryPoint:
    """A branch point of the homogeneous states: mode j is neutral, `det(J - mu_j D) = 0`.

    Arguments:
        mode: j >= 1.
        p: parameter there, to about 1e-13 of the range.
        state: concentrations, shape (n,).
        kernel: null vector of `J - mu_j D`, shape (n,), last entry >= 0, length 1.
        unstable: number of growing modes of the homogeneous state just beside the point, on its calmer side.
    """

    mode: int
    p: float
    state: np.ndarray
    kernel: np.ndarray
    unstable: int


@dataclass(frozen=True)
class HomogeneousBranch:
    """The homogeneous states of a parameter range.

    Arguments:
        p: shape (points,); states: shape (points, n); unstable: eigenvalues with positive real part, all modes
            counted, shape (points,); folds: (p, state) of the saddle-nodes met; points: branch points, by p.
    """

    p: np.ndarray
    states: np.ndarray
    unstable: np.ndarray
    folds: tuple[tuple[float, np.ndarray], ...]
    points: tuple[PrimaryPoint, ...]


def typical_size(states: np.ndarray) -> float:
    """Root mean square of concentrations; 1 for a state at the origin, which has no size of its own."""
    size = float(np.sqrt(np.mean(np.square(states))))
    return size if size > 1e-3 else 1.0


def homogeneous_state(problem: PatternProblem, p: float, guess: np.ndarray) -> np.ndarray:
    """The homogeneous steady state at p that Newton's method finds from a guess, shape (n,).

    Raises: ParameterError if it finds none.
    """
    guess = np.asarray(guess, dtype=float)
    curve = Curve(problem.homogeneous(), Scale(typical_size(guess), 1.0), tolerance=1e-14)
    try:
        return curve.fix(guess, p, most=60)
    except NoConvergence as error:
        raise ParameterError(
            f"no homogeneous state near {guess.tolist()} at {problem.path.name} = {p:.6g}: {error}. Move the range."
        ) from error


def follow_homogeneous(
    problem: PatternProblem, state: np.ndarray, p: float, bounds: tuple[float, float], steps: int = 100
) -> HomogeneousBranch:
    """Follow a homogeneous state through folds both ways to the ends of the range, and locate all branch points.

    Arguments:
        state, p: a homogeneous steady state; bounds: range of the parameter; steps: about so many per direction.
    """
    base = problem.homogeneous()
    scale = Scale(typical_size(state), bounds[1] - bounds[0])
    curve = Curve(base, scale, tolerance=1e-13)
    control = Steps(first=1 / steps, largest=1 / steps, smallest=1e-9, most=4 * steps, tolerance=1e-13)
    n = len(state)
    halves: list[list[Solution]] = []
    folds: list[tuple[float, np.ndarray]] = []
    points: list[PrimaryPoint] = []
    closed = False
    for direction in (-1.0, 1.0):
        try:
            before = curve.start(state, p, np.zeros(n), direction)
        except NoConvergence as error:
            raise ParameterError(f"the homogeneous state at {problem.path.name} = {p:.6g} is degenerate.") from error
        path = [before]
        for after, ds, _ in curve.walk(before, control, bounds):
            if ds == 0:
                break
            if before.dp * after.dp < 0:
                fold, _ = curve.locate(before, ds, lambda solution: solution.dp)
                folds.append((fold.p, fold.x))
            points += _neutral_modes(problem, curve, before, after, ds)
            path.append(after)
            before = after
            if len(path) > 8 and curve.length(after.x - path[0].x, after.p - path[0].p) < 0.6 * ds:
                closed = True
                break
        halves.append(path)
        if closed:
            halves.append(path[:1])
            break
    ordered = halves[0][::-1] + halves[1][1:]
    states = np.array([solution.x for solution in ordered])
    p_values = np.array([solution.p for solution in ordered])
    counts = np.array([unstable_modes(problem, x, q) for x, q in zip(states, p_values, strict=True)])
    # where a closed curve overlaps itself a point is met twice
    points.sort(key=lambda point: (point.mode, point.p))
    kept = [q for i, q in enumerate(points) if i == 0 or not _same(curve, q, points[i - 1])]
    kept.sort(key=lambda point: point.p)
    return HomogeneousBranch(p_values, states, counts, tuple(folds), tuple(kept))


def _same(curve: Curve, a: PrimaryPoint, b: PrimaryPoint) -> bool:
    return a.mode == b.mode and curve.length(a.state - b.state, a.p - b.p) < 1e-8


def _mode_matrices(problem: PatternProblem, state: np.ndarray, p: float) -> np.ndarray:
    """`J - mu_j D` for all modes, shape (N, n, n)."""
    local = problem.mode_matrix(state, p, 0.0)
    diffusion = np.diag(problem.diffusion(problem.path.values(p)))
    return local - problem.axis.eigenvalues[:, None, None] * diffusion


def unstable_modes(problem: PatternProblem, state: np.ndarray, p: float) -> int:
    """Number of eigenvalues with positive real part at a homogeneous state, over all modes."""
    return int(np.sum(np.linalg.eigvals(_mode_matrices(problem, state, p)).real > 0))


def _neutral_modes(
    problem: PatternProblem, curve: Curve, before: Solution, after: Solution, ds: float
) -> list[PrimaryPoint]:
    """Branch points between two homogeneous states: modes whose determinant changes sign."""
    first, last = (np.linalg.det(_mode_matrices(problem, s.x, s.p)) for s in (before, after))
    found = []
    for j in np.nonzero(np.sign(first) != np.sign(last))[0]:
        if j == 0:
            # mode 0 is the fold of the homogeneous states themselves
            continue
        mu = float(problem.axis.eigenvalues[j])
        unit = abs(first[j]) + abs(last[j])

        def determinant(solution: Solution, mu: float = mu, unit: float = unit) -> float:
            return float(np.linalg.det(problem.mode_matrix(solution.x, solution.p, mu))) / unit

        point, _ = curve.locate(before, ds, determinant, relative=1e-15)
        kernel = np.linalg.svd(problem.mode_matrix(point.x, point.p, mu))[2][-1]
        calmer = min(unstable_modes(problem, s.x, s.p) for s in (before, after))
        found.append(PrimaryPoint(int(j), point.p, point.x, kernel * (1 if kernel[-1] >= 0 else -1), calmer))
    return found
