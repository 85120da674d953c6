"""Which patterns are there? Bifurcation diagrams: branches of patterned steady states from the homogeneous ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rdmf_theory.errors import ParameterError
from rdmf_theory.patterns.branch_explorer import FLAT, Branch, Explorer, PatternState
from rdmf_theory.patterns.continuation import NoConvergence, Steps
from rdmf_theory.patterns.equations import PatternProblem
from rdmf_theory.patterns.homogeneous_branch import HomogeneousBranch, PrimaryPoint, follow_homogeneous


@dataclass(frozen=True)
class Diagram:
    """All that was found: one curve of homogeneous states, `through` a state (in words), and branches that leave it."""

    problem: PatternProblem
    bounds: tuple[float, float]
    homogeneous: HomogeneousBranch
    branches: tuple[Branch, ...] = field(default=())
    through: str = ""

    def patterns_at(self, p: float) -> list[tuple[Branch, PatternState]]:
        """Every pattern found at a parameter value: one where a branch crosses it, copies left out."""
        explorer = Explorer(self.problem, self.bounds, self.homogeneous)
        found: list[tuple[Branch, PatternState]] = []
        for branch in self.branches:
            for before, after in zip(branch.states, branch.states[1:], strict=False):
                if not min(before.p, after.p) <= p <= max(before.p, after.p) or before.p == after.p:
                    continue
                share = (p - before.p) / (after.p - before.p)
                try:
                    x = explorer.curve.fix(before.x + share * (after.x - before.x), p)
                except NoConvergence:
                    continue
                if explorer.flatness(x) > FLAT and not any(explorer.same(x, other.x) for _, other in found):
                    found.append((branch, explorer.judge(x, p, layer=True)))
        return found


def explore(
    problem: PatternProblem,
    state: np.ndarray,
    p: float,
    bounds: tuple[float, float],
    *,
    modes: Sequence[int] | None = None,
    most: int = 4,
    opposite: bool = False,
    secondary: bool = False,
    steps: Steps | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> Diagram:
    """The bifurcation diagram of a problem on a parameter range.

    Arguments:
        state, p: a homogeneous steady state to begin with; only the curve of homogeneous states through it is followed,
            not those that cross it; bounds: (low, high) of the parameter, containing p.
        modes: follow the branches of these modes; None: of the `most` branch points where the homogeneous states have
            the fewest growing modes.
        opposite: also follow the branch of the opposite sign (v low at node 0) for even modes; for odd ones it is
            the mirror image.
        secondary: also follow the branches that cross at the branch points found on them.
        progress: called with the branch's name at every step.
    Raises: ParameterError if the range is empty or no mode branches off.
    """
    if not bounds[0] <= p <= bounds[1] or not bounds[0] < bounds[1]:
        raise ParameterError(f"--range must be LO:HI with LO < HI around the start. Got {bounds}, start {p:.6g}.")
    homogeneous = follow_homogeneous(problem, state, p, bounds)
    points = choose_points(homogeneous, modes, most)
    if not points:
        wanted = "no mode" if modes is None else f"none of the modes {', '.join(map(str, modes))}"
        raise ParameterError(
            f"--range: {wanted} branches off the curve of homogeneous states {through(problem, state, p)} for "
            f"{problem.path.name} in [{bounds[0]:.6g}, {bounds[1]:.6g}]; widen it, take another state (--state), "
            "or ask rdmf dispersion which modes grow."
        )
    explorer = Explorer(problem, bounds, homogeneous, steps, progress)
    branches: list[Branch] = []
    ends: list[PrimaryPoint] = []
    for point in points:
        if any(point is end for end in ends):
            # some branch arrived here: it is this branch
            continue
        for sign in (1, -1) if opposite and point.mode % 2 == 0 else (1,):
            try:
                branch = explorer.leave_homogeneous(point, sign)
            except NoConvergence as error:
                start = f"could not leave the homogeneous states: {error}"
                branch = Branch(f"mode {point.mode}", point.mode, point.p, (), (), start)
            branches.append(branch)
            if branch.end_point is not None:
                ends.append(branch.end_point)
    if secondary:
        branches += _secondary(explorer, branches)
    return Diagram(problem, bounds, homogeneous, tuple(branches), through(problem, state, p))


def through(problem: PatternProblem, state: np.ndarray, p: float) -> str:
    """Which curve of homogeneous states was followed, in words: one point of it."""
    where = ", ".join(f"{name} = {x:.6g}" for name, x in zip(problem.system.species, state, strict=True))
    return f"through {where} at {problem.path.name} = {p:.6g}"


def choose_points(homogeneous: HomogeneousBranch, modes: Sequence[int] | None, most: int) -> list[PrimaryPoint]:
    """The branch points to start from: of the given modes, or the `most` with the fewest growing modes."""
    if modes is not None:
        return [point for point in homogeneous.points if point.mode in modes]
    return sorted(homogeneous.points, key=lambda point: (point.unstable, point.p))[:most]


def _secondary(explorer: Explorer, branches: Iterable[Branch]) -> list[Branch]:
    found: list[Branch] = []
    for branch in branches:
        events = [event for event in branch.events if event.crosses]
        for number, event in enumerate(events, start=1):
            ends = [other.states[-1] for other in found if other.end.startswith("joined")]
            # a branch found from its other end is not new
            if not any(abs(end.p - event.p) < 1e-7 and explorer.same(end.x, event.x) for end in ends):
                found += explorer.leave_branch(branch, event, str(number))
    return found


def summary(diagram: Diagram) -> dict[str, Any]:
    """JSON-ready description of a diagram, without the states themselves."""
    problem = diagram.problem

    def row(state: PatternState) -> dict[str, Any]:
        top = problem.fields(state.x)[:, -1]
        return {
            "parameter": state.p,
            "max": float(top.max()),
            "min": float(top.min()),
            "unstable": state.unstable,
            "growth_rate": state.growth,
        }

    return {
        "system": problem.system.name,
        "axis": {"kind": problem.axis.kind, "length": problem.axis.length, "nodes": problem.axis.nodes},
        "parameter": problem.path.name,
        "range": list(diagram.bounds),
        "branch_points": [
            {"mode": q.mode, "parameter": q.p, "state": q.state.tolist()} for q in diagram.homogeneous.points
        ],
        "homogeneous_curve": diagram.through,
        "homogeneous_folds": [p for p, _ in diagram.homogeneous.folds],
        "branches": [
            {
                "name": branch.name,
                "mode": branch.mode,
                "start": branch.start,
                "end": branch.end,
                "end_parameter": None if branch.end_point is None else branch.end_point.p,
                "events": [
                    {"kind": event.kind, "parameter": event.p, "unstable": list(event.unstable)}
                    for event in branch.events
                ],
                "states": [row(state) for state in branch.states],
            }
            for branch in diagram.branches
        ],
    }


def with_profiles(diagram: Diagram) -> dict[str, Any]:
    """`summary` with every state's concentrations, shape (N, n)."""
    answer = summary(diagram)
    for rows, branch in zip(answer["branches"], diagram.branches, strict=True):
        for row, state in zip(rows["states"], branch.states, strict=True):
            row["concentrations"] = diagram.problem.fields(state.x).tolist()
    return answer
