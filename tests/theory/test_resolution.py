"""Are patterns on an interval more than artefacts of a grid? Refinement, digits that hold, and warnings otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.fft import dct, idct

from rdmf_model.cli import main
from rdmf_theory.patterns.branches import explore
from rdmf_theory.patterns.equations import PatternProblem, interval_axis, parameter_path
from rdmf_theory.patterns.resolution import Resolution, _matched, cosine_tail, explore_interval
from rdmf_theory.systems.text import parse_system

# Schnakenberg on [0, 1] scaled by G: mode n grows between n^2 pi^2/0.5 and n^2 pi^2/0.2
SYSTEM = parse_system("u' = G*(a - u + u^2*v); v' = G*(b - u^2*v)")
VALUES = {"G": 29.0, "a": 0.1, "b": 0.9, "D_u": 1.0, "D_v": 10.0}
BOUNDS = (60.0, 196.0)


def problem(points: int) -> PatternProblem:
    return PatternProblem(SYSTEM, interval_axis(1.0, points), parameter_path(SYSTEM, VALUES, "G"))


@pytest.fixture(scope="module")
def resolved() -> Resolution:
    return explore_interval(problem(4), np.array([1.0, 0.9]), 70.0, BOUNDS, modes=[2])


def test_two_grids_agree(resolved: Resolution) -> None:
    assert resolved.resolved
    assert len(resolved.grids) >= 2
    assert resolved.tail < 1e-6
    (branch,) = resolved.diagram.branches
    (event,) = branch.events
    assert (branch.start, event.kind) == (pytest.approx(8 * np.pi**2, abs=1e-9), "branch point")
    # a third grid, unlike both
    other = explore(problem(100), np.array([1.0, 0.9]), 70.0, BOUNDS, modes=[2]).branches[0].events[0]
    digits = resolved.digits(0, 0)
    assert digits >= 8
    assert f"{other.p:.{digits - 1}g}" == f"{event.p:.{digits - 1}g}"


def test_events_at_one_place_are_matched_by_identity(resolved: Resolution) -> None:
    """Equal places leave only arrays to compare, which == cannot."""
    (branch,) = resolved.diagram.branches
    (event,) = branch.events
    other = replace(event, x=event.x + 1.0, unstable=(7, 9))
    assert _matched(branch, replace(branch, events=(other, event))) == ((0.0,), 1)


def test_states_solve_the_equation_between_the_points(resolved: Resolution) -> None:
    """The cosine interpolant on a grid five times finer leaves a small residual there: it solves the PDE."""
    coarse = resolved.diagram.problem
    count = coarse.axis.nodes
    fine = replace(coarse, axis=interval_axis(1.0, 5 * count))
    for state in resolved.diagram.branches[0].states[3::8]:
        coefficients: Any = dct(coarse.fields(state.x), axis=0, norm="ortho")
        padded = np.concatenate([coefficients, np.zeros((4 * count, 2))]) * np.sqrt(5)
        x: Any = idct(padded, axis=0, norm="ortho")
        size = np.abs(fine.path.values(state.p)[0])
        assert np.abs(fine.residual(x.ravel(), state.p)).max() < 1e-5 * size
        assert cosine_tail(coarse, state.x) <= resolved.tail


def test_a_coarse_grid_is_refined_or_called_so() -> None:
    """Six points: the first grids disagree; without time for more it is said, with it the answer is the same."""
    hasty = explore_interval(problem(4), np.array([1.0, 0.9]), 70.0, BOUNDS, modes=[2], points=5, seconds=0)
    assert hasty.grids == (5, 8)
    assert not hasty.resolved
    true = 192.4726089
    for row, branch in zip(hasty.errors, hasty.diagram.branches, strict=True):
        for number, (error, event) in enumerate(zip(row, branch.events, strict=True)):
            digits = hasty.digits(0, number)
            assert error is None or digits < 8
            # what is printed holds, up to a unit of the last digit shown
            assert digits == 0 or abs(event.p - true) < 10 ** (3 - digits + 1)


def test_the_command_says_what_it_knows(capsys: pytest.CaptureFixture) -> None:
    arguments = ["branch", "--system", "u' = G*(a - u + u^2*v); v' = G*(b - u^2*v)", "--parameter", "G"]
    arguments += ["--set", "a=0.1", "--set", "b=0.9", "--set", "D_u=1", "--set", "D_v=10", "--set", "G=70"]
    arguments += ["--range", "60:100", "--length", "1", "--modes", "2"]
    assert main([*arguments, "--points", "5", "--timeout", "5"]) == 0
    printed = capsys.readouterr().out
    assert "resolved: special points agree on grids of" in printed or "NOT resolved" in printed
    assert main([*arguments, "--clips", "40"]) == 2
    assert "--length and --clips are two axes" in capsys.readouterr().err.replace("\n", " ")
    assert main(["branch", "--points", "40"]) == 2
    assert "--points is the grid of --length" in capsys.readouterr().err.replace("\n", " ")
