"""Branches of patterns: known ends, folds and branch points that are singular, stability, the amplitude equation."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from rdmf_theory import formulas
from rdmf_theory.chart import Parameters, PatternDesign
from rdmf_theory.dispersion import growth_rate
from rdmf_theory.errors import ParameterError
from rdmf_theory.kinetics import GRAY_SCOTT
from rdmf_theory.layer.step import clip_eigenvalues, growing_modes, semi_implicit_step
from rdmf_theory.patterns.branch_explorer import Explorer
from rdmf_theory.patterns.branches import Diagram, explore, summary
from rdmf_theory.patterns.equations import (
    PatternProblem,
    clip_axis,
    design_path,
    gray_scott_problem,
    interval_axis,
    parameter_path,
)
from rdmf_theory.patterns.homogeneous_branch import follow_homogeneous, homogeneous_state
from rdmf_theory.patterns.layer_stability import layer_parameters, pattern_multiplier, step_matrices
from rdmf_theory.systems.built_in import load_system

DESIGN = PatternDesign(0.3, 1.6, 2.0, 20 / 3, 0.5)
BASE = np.array([0.3, 1.6 * 0.3 * 0.7])


@cache
def soft_diagram() -> Diagram:
    """24 clips, two modes whose waves have whole numbers of clips: their branch points are exact."""
    problem = gray_scott_problem(design_path(DESIGN, "excess"), clip_axis(24))
    return explore(problem, BASE, 1.2, (0.9, 3.0), modes=[6, 8], secondary=True)


def test_the_half_wave_branch_joins_both_known_points() -> None:
    # Turing point of d = 2, z = 5/4 and the far end of its half-wave branch
    path = parameter_path(GRAY_SCOTT, {"k": 0.0602906562388, "s": 1, "D_u": 2, "D_v": 1}, "F")
    problem = PatternProblem(GRAY_SCOTT, interval_axis(18.9233881709, 24), path)
    diagram = explore(problem, homogeneous_state(problem, 0.08, np.array([0.4, 0.3])), 0.08, (0.04, 0.1), modes=[1])
    low, high = diagram.homogeneous.points
    assert low.p == pytest.approx(0.0456646092, abs=5e-11)
    assert high.p == pytest.approx(0.0867037056386, abs=5e-13)
    (branch,) = diagram.branches
    assert branch.start == low.p
    assert branch.end_point is high
    assert branch.end.startswith("joined the homogeneous states at 0.0867037056")
    # the branch itself arrives there, without knowing of the dispersion relation
    assert branch.states[-1].p == pytest.approx(high.p, abs=1e-10)
    assert max(state.p for state in branch.states) <= high.p + 1e-10
    # the two ends are neutral
    assert not any(state.unstable == 0 for state in branch.states[1:-1])


def test_more_collocation_points_change_nothing() -> None:
    path = parameter_path(GRAY_SCOTT, {"k": 0.0602906562388, "s": 1, "D_u": 2, "D_v": 1}, "F")
    tops = []
    for points in (16, 32):
        problem = PatternProblem(GRAY_SCOTT, interval_axis(18.9233881709, points), path)
        x = problem.axis.positions
        wave = np.cos(np.pi * x / 18.9233881709)
        guess = np.stack([0.45 - 0.08 * wave, 0.29 + 0.07 * wave], axis=1).ravel()
        homogeneous = follow_homogeneous(problem, homogeneous_state(problem, 0.08, BASE), 0.08, (0.075, 0.085))
        state = Explorer(problem, (0.04, 0.1), homogeneous).curve.fix(guess, 0.07)
        coefficients = problem.fields(state).T @ np.cos(np.outer(np.arange(3), np.pi * x / 18.9233881709)).T / points
        tops.append(coefficients)
    assert np.ptp(tops[0][1][1:]) > 1e-3
    np.testing.assert_allclose(tops[0], tops[1], atol=1e-11)


def test_branch_points_are_where_modes_begin_to_grow() -> None:
    problem = soft_diagram().problem
    points = soft_diagram().homogeneous.points
    assert len(points) > 5
    for point in points:
        mu = clip_eigenvalues(24)[point.mode]
        parameters = layer_parameters(problem, point.p)
        assert parameters is not None
        assert abs(float(growth_rate(parameters, mu))) < 1e-11
        beside = [layer_parameters(problem, point.p + shift) for shift in (-1e-6, 1e-6)]
        assert [bool(growing_modes(q, 24)[point.mode]) for q in beside] == [False, True]
        assert np.abs(problem.mode_matrix(point.state, point.p, mu) @ point.kernel).max() < 1e-11


def test_folds_and_branch_points_are_singular() -> None:
    problem = soft_diagram().problem
    kinds = set()
    for branch in soft_diagram().branches:
        for event in branch.events:
            matrix = problem.jacobian(event.x, event.p).toarray()
            full = np.column_stack([matrix, problem.parameter_derivative(event.x, event.p)])
            values = np.linalg.svd(matrix)[1], np.linalg.svd(full)[1]
            assert np.abs(problem.residual(event.x, event.p)).max() < 1e-9
            kinds.add(event.kind)
            if event.kind == "fold":
                assert values[0][-1] < 1e-8
                assert values[1][-1] > 1e-5
            elif event.kind == "branch point":
                assert values[1][-1] < 1e-7
    assert {"fold", "branch point"} <= kinds


def test_counts_change_only_at_events_and_agree_with_differences() -> None:
    problem = soft_diagram().problem
    for branch in soft_diagram().branches:
        # the last state may be a branch point itself, neutral up to rounding
        changes = sum(a.unstable != b.unstable for a, b in pairwise(branch.states[:-1]))
        assert changes <= len(branch.events)
        for state in branch.states[::6]:
            step = 1e-6
            columns = [
                (problem.residual(state.x + step * e, state.p) - problem.residual(state.x - step * e, state.p))
                / (2 * step)
                for e in np.eye(len(state.x))
            ]
            growth = np.linalg.eigvals(np.stack(columns, axis=1)).real
            if np.abs(growth).min() > 1e-7:
                assert state.unstable == int(np.sum(growth > 0))
            u, v = problem.fields(state.x).T
            parameters = layer_parameters(problem, state.p)
            assert parameters is not None
            if abs(state.growth) > 1e-6:
                assert (pattern_multiplier(u, v, parameters) < 1) == (state.growth < 0)


def test_states_are_fixed_points_of_the_layer_and_its_derivative_is_the_steps() -> None:
    problem = soft_diagram().problem
    state = soft_diagram().branches[0].states[-1]
    u, v = problem.fields(state.x).T
    parameters = layer_parameters(problem, state.p)
    assert parameters is not None
    after = semi_implicit_step(u, v, parameters.s, parameters)
    np.testing.assert_allclose(after, (u, v), atol=1e-11)
    left, right = step_matrices(u, v, parameters)
    direction = np.random.default_rng(0).standard_normal(48) * 1e-6
    ends = [
        np.concatenate(
            semi_implicit_step(u + sign * direction[:24], v + sign * direction[24:], parameters.s, parameters)
        )
        for sign in (1, -1)
    ]
    np.testing.assert_allclose(np.linalg.solve(left, right @ direction), (ends[0] - ends[1]) / 2, atol=1e-12)


def test_a_branch_that_crosses_at_a_branch_point_is_another_one() -> None:
    problem = soft_diagram().problem
    secondary = [branch for branch in soft_diagram().branches if ", branch" in branch.name]
    # one of them leaves mode 8 and returns to it: it is listed once
    assert [branch.name for branch in secondary if branch.end.startswith("joined mode 8 at 1.449")] == [
        "mode 8, branch 2"
    ]
    assert not any(branch.name == "mode 8, branch 3" for branch in secondary)
    for branch in secondary:
        parent = next(b for b in soft_diagram().branches if b.name == branch.name.partition(", branch")[0])
        event = min(parent.events, key=lambda e: abs(e.p - branch.start))
        assert event.p == branch.start
        first, later = branch.states[0], branch.states[min(8, len(branch.states) - 1)]
        assert np.abs(first.x - event.x).max() < 0.2
        assert np.abs(problem.residual(later.x, later.p)).max() < 1e-10
        assert min(np.abs(later.x - state.x).max() for state in parent.states) > 1e-3


def test_where_the_clips_break_a_symmetry_branches_pass_each_other() -> None:
    # waves of 25/9 clips: the shift by one wave is no symmetry of 25 clips, only nearly one
    problem = gray_scott_problem(design_path(DESIGN, "excess"), clip_axis(25))
    diagram = explore(problem, BASE, 1.2, (0.95, 1.4), modes=[9])
    (event,) = diagram.branches[0].events
    assert event.kind == "near branch point"
    assert 1e-10 < np.abs(problem.residual(event.x, event.p)).max() < 1e-7


def test_near_a_soft_onset_the_amplitude_equation_holds() -> None:
    u_star, z, rate = 0.2, 1.1, 0.1
    d_T = float(formulas.turing_threshold(u_star, z, xp=np))
    F, k, s = formulas.parameters_from_chart(u_star, z, rate)
    g = float(formulas.cubic_coefficient(z, d_T, s))
    assert g > 0
    mu = rate * (d_T - z) / (2 * d_T)
    path = parameter_path(GRAY_SCOTT, {"F": F, "k": k, "s": s, "D_v": 1.0}, "D_u")
    problem = PatternProblem(GRAY_SCOTT, interval_axis(np.pi / np.sqrt(mu), 16), path)
    base = np.array([u_star, formulas.steady_v(u_star, z)])
    homogeneous = follow_homogeneous(problem, base, d_T, (0.9 * d_T, 1.1 * d_T), steps=20)
    explorer = Explorer(problem, (0.9 * d_T, 1.1 * d_T), homogeneous)
    shape = problem.axis.mode(1)
    (onset,) = [point for point in homogeneous.points if point.mode == 1]
    assert onset.p == pytest.approx(d_T, rel=1e-12)
    errors = []
    for delta in (1e-2, 1e-3, 1e-4):
        D_u = d_T * (1 + delta)
        sigma = float(growth_rate(Parameters(F, k, s, D_u, 1.0), mu))
        amplitude = 2 * np.sqrt(sigma / g)
        vector = onset.kernel / onset.kernel[0]
        guess = np.tile(base, 16) + amplitude * np.outer(shape, vector).ravel()
        u = problem.fields(explorer.curve.fix(guess, D_u, most=30))[:, 0]
        errors.append(abs(float(u @ shape) / float(shape @ shape)) / amplitude - 1)
    assert abs(errors[0]) < 0.1
    # the next order of the expansion: errors fall with delta
    assert [a / b for a, b in pairwise(errors)] == pytest.approx([10, 10], rel=0.2)


def test_a_branch_of_another_system() -> None:
    system = load_system("schnakenberg")
    path = parameter_path(system, {"a": 0.2, "D_u": 1.0, "D_v": 50.0}, "b")
    problem = PatternProblem(system, interval_axis(30.0, 24), path)
    base = homogeneous_state(problem, 1.0, np.array([1.2, 0.7]))
    diagram = explore(problem, base, 1.0, (0.8, 3.0), most=1)
    (branch,) = diagram.branches
    assert len(branch.states) > 5
    for state in branch.states[::5]:
        assert np.abs(problem.residual(state.x, state.p)).max() < 1e-9


def test_patterns_at_a_value_lie_on_the_branches() -> None:
    found = soft_diagram().patterns_at(2.0)
    assert {branch.name for branch, _ in found} >= {"mode 6", "mode 8"}
    for _, state in found:
        assert state.p == 2.0
        assert np.abs(soft_diagram().problem.residual(state.x, 2.0)).max() < 1e-11
        assert (state.multiplier is None) == (state.unstable > 0)
    answer = summary(soft_diagram())
    assert answer["axis"] == {"kind": "clips", "length": 24.0, "nodes": 24}
    assert [row["name"] for row in answer["branches"]] == [branch.name for branch in soft_diagram().branches]


def test_without_a_branch_point_the_remedy_is_named() -> None:
    problem = soft_diagram().problem
    with pytest.raises(ParameterError, match="widen it"):
        explore(problem, BASE, 0.85, (0.8, 0.9))
    with pytest.raises(ParameterError, match="LO < HI"):
        explore(problem, BASE, 1.5, (0.8, 0.9))
    with pytest.raises(ParameterError, match="modes 3, 24"):
        explore(problem, BASE, 1.05, (1.01, 1.1), modes=[3, 24])


def test_the_opposite_branch_has_its_valley_at_clip_0() -> None:
    problem = soft_diagram().problem
    diagram = explore(problem, BASE, 1.03, (1.0, 1.06), modes=[8], opposite=True)
    high, low = (branch.states[2].x.reshape(-1, 2)[:, 1] for branch in diagram.branches)
    assert [branch.name for branch in diagram.branches] == ["mode 8", "mode 8, opposite"]
    assert high[0] == pytest.approx(high.max())
    assert low[0] == pytest.approx(low.min())
    # half a wave has three clips: the two are shifted copies
    np.testing.assert_allclose(low[3:6], high[:3], atol=1e-9)


def test_a_homogeneous_state_at_the_origin_sets_no_scale() -> None:
    system = load_system("fitzhugh-nagumo")
    values = {name: float(value) for name, value in system.defaults.items()}
    problem = PatternProblem(system, clip_axis(12), parameter_path(system, values, "D_v"))
    diagram = explore(problem, np.zeros(2), 3.0, (2.0, 30.0), most=1)
    (branch,) = diagram.branches
    assert branch.end == "parameter bound 30"
    assert np.ptp(branch.states[-1].x) > 0.5
