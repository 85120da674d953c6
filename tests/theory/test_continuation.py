"""Continuation on equations whose curves are known, and on patterns forwards and backwards."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sparse

from rdmf_theory.chart import PatternDesign
from rdmf_theory.errors import ParameterError
from rdmf_theory.kinetics import GRAY_SCOTT
from rdmf_theory.patterns.continuation import Curve, Determinant, NoConvergence, Scale, Steps
from rdmf_theory.patterns.equations import (
    PatternProblem,
    clip_axis,
    design_path,
    gray_scott_problem,
    interval_axis,
    parameter_path,
)

DESIGN = PatternDesign(0.4, 1.2, 1.5, 12.0, 0.2)
POINT = {"F": 0.06, "k": 0.06, "s": 1.0, "D_u": 2.0, "D_v": 1.0}


class Circle:
    """x^2 + p^2 = 1: folds at p = +-1."""

    def residual(self, x: np.ndarray, p: float) -> np.ndarray:
        return x**2 + p**2 - 1

    def jacobian(self, x: np.ndarray, p: float) -> sparse.csc_array:
        return sparse.csc_array(np.diag(2 * x))

    def parameter_derivative(self, x: np.ndarray, p: float) -> np.ndarray:
        return np.full_like(x, 2 * p)


class Pitchfork(Circle):
    """(x - p) (x^2 - p) = 0 in disguise: the branch x = p meets the parabola p = x^2 at 0 and at 1."""

    def residual(self, x: np.ndarray, p: float) -> np.ndarray:
        return (x - p) * (x**2 - p)

    def jacobian(self, x: np.ndarray, p: float) -> sparse.csc_array:
        return sparse.csc_array(np.diag(x**2 - p + 2 * x * (x - p)))

    def parameter_derivative(self, x: np.ndarray, p: float) -> np.ndarray:
        return -(x**2 - p) - (x - p)


def test_a_circle_is_followed_through_both_folds() -> None:
    curve = Curve(Circle(), Scale(1.0, 1.0), 1e-13)
    before = curve.start(np.array([-1.0]), 0.0, np.array([0.0]), 1.0)
    folds, length = [], 0.0
    for after, ds, _ in curve.walk(before, Steps(first=0.05, largest=0.1, most=200), (-2.0, 2.0)):
        assert abs(after.x[0] ** 2 + after.p**2 - 1) < 1e-12
        if before.dp * after.dp < 0:
            folds.append(curve.locate(before, ds, lambda solution: solution.dp)[0])
        length += ds
        before = after
        if length > 6.3:
            break
    assert [fold.p for fold in folds] == pytest.approx([1.0, -1.0], abs=1e-12)
    assert max(abs(fold.x[0]) for fold in folds) < 1e-10


def test_a_branch_point_is_located_where_newton_fails() -> None:
    curve = Curve(Pitchfork(), Scale(1.0, 1.0), 1e-13)
    before = curve.start(np.array([0.41]), 0.41, np.array([1.0]), 1.0)
    found = []

    def test(solution: object) -> Determinant:
        return Determinant.of(curve.bordered(solution.x, solution.p, solution.dx, solution.dp))

    for after, ds, _ in curve.walk(before, Steps(first=0.07, largest=0.07, most=12), (0.0, 1.5)):
        first, last = test(before), test(after)
        if first.sign != last.sign:
            found.append(curve.locate_branch_point(before, ds, lambda s, unit=first: test(s).over(unit))[0])
        before = after
    (point,) = found
    assert point.p == pytest.approx(1.0, abs=1e-9)
    assert point.x[0] == pytest.approx(1.0, abs=1e-9)


def test_determinants_have_sign_and_size() -> None:
    from scipy.sparse.linalg import splu

    generator = np.random.default_rng(3)
    for _ in range(20):
        matrix = generator.standard_normal((7, 7))
        sign, logarithm = np.linalg.slogdet(matrix)
        found = Determinant.of(splu(sparse.csc_array(matrix)))
        assert found.sign == sign
        assert found.logarithm == pytest.approx(logarithm, abs=1e-10)


@pytest.mark.parametrize(
    "problem",
    [
        gray_scott_problem(design_path(DESIGN, "excess"), clip_axis(9)),
        gray_scott_problem(design_path(DESIGN, "z"), clip_axis(6)),
        PatternProblem(GRAY_SCOTT, clip_axis(7), parameter_path(GRAY_SCOTT, POINT, "D_u")),
        PatternProblem(GRAY_SCOTT, interval_axis(11.0, 8), parameter_path(GRAY_SCOTT, POINT, "F")),
    ],
    ids=["excess", "z", "D_u", "F on an interval"],
)
def test_derivatives_are_those_of_finite_differences(problem: PatternProblem) -> None:
    x = np.random.default_rng(1).uniform(0.2, 0.5, 2 * problem.axis.nodes)
    p, step = 1.3 if problem.path.name in ("excess", "z") else 0.07, 1e-5
    columns = [
        (problem.residual(x + step * unit, p) - problem.residual(x - step * unit, p)) / (2 * step)
        for unit in np.eye(len(x))
    ]
    np.testing.assert_allclose(problem.jacobian(x, p).toarray(), np.stack(columns, axis=1), atol=2e-9)
    step = 1e-6
    slope = (problem.residual(x, p + step) - problem.residual(x, p - step)) / (2 * step)
    np.testing.assert_allclose(problem.parameter_derivative(x, p), slope, atol=1e-7, rtol=1e-6)


def test_the_clip_jacobian_is_block_tridiagonal() -> None:
    problem = gray_scott_problem(design_path(DESIGN, "excess"), clip_axis(20))
    matrix = problem.jacobian(np.full(40, 0.3), 1.5)
    rows, columns = matrix.tocoo().coords
    assert np.abs(rows // 2 - columns // 2).max() == 1
    assert matrix.nnz == 4 * 20 + 2 * 2 * 19


def test_cosine_collocation_differentiates_cosines_exactly() -> None:
    axis = interval_axis(5.0, 16)
    for j in (0, 1, 5):
        wave = np.cos(j * np.pi * axis.positions / 5.0)
        np.testing.assert_allclose(axis.laplacian @ wave, -((j * np.pi / 5) ** 2) * wave, atol=1e-11)


def test_a_branch_walked_backwards_is_the_same_branch() -> None:
    problem = gray_scott_problem(design_path(DESIGN, "excess"), clip_axis(25))
    curve = Curve(problem, Scale(0.3, 1.0))
    wave = np.cos(4 * np.pi * (np.arange(25) + 0.5) / 25)
    state = np.stack([0.4 - 0.1 * wave, 0.288 + 0.15 * wave], axis=1).ravel()
    first = curve.start(curve.fix(state, 1.5, most=40), 1.5, np.zeros(50), 1.0)
    assert np.ptp(first.x[1::2]) > 0.1
    steps = Steps(first=0.02, largest=0.02, most=12)
    *_, (last, _, _) = curve.walk(first, steps, (0.0, 9.0))
    back = curve.start(last.x, last.p, -last.dx, -last.dp)
    path = [solution for solution, _, _ in curve.walk(back, replace(steps, most=14), (first.p, 9.0))]
    assert last.p > first.p + 0.1
    assert path[-1].p == first.p
    np.testing.assert_allclose(path[-1].x, first.x, atol=1e-9)


def test_newton_without_a_solution_says_so() -> None:
    curve = Curve(Circle(), Scale(1.0, 1.0))
    with pytest.raises(NoConvergence, match="p = 2"):
        curve.fix(np.array([0.5]), 2.0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Steps(first=0.0), "smallest"),
        (lambda: Steps(most=0), "most"),
        (lambda: clip_axis(1), "clips"),
        (lambda: clip_axis(4096), "clips"),
        (lambda: interval_axis(-1.0), "length"),
        (lambda: interval_axis(5.0, 3), "points"),
        (lambda: design_path(DESIGN, "F"), "u_star, z, excess"),
        (lambda: parameter_path(GRAY_SCOTT, POINT, "q"), "F, k, s"),
        (lambda: parameter_path(GRAY_SCOTT, {"k": 0.06}, "F"), "s, D_u, D_v"),
        (lambda: parameter_path(GRAY_SCOTT, POINT | {"k": float("nan")}, "F"), "finite"),
    ],
)
def test_bad_arguments(call: object, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        call()
