"""How is a branch of patterns walked? Its states judged, its events located, its end named, and how one leaves it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rdmf_theory.patterns.continuation import Curve, Determinant, NoConvergence, Scale, Solution, Steps
from rdmf_theory.patterns.equations import PatternProblem
from rdmf_theory.patterns.homogeneous_branch import HomogeneousBranch, PrimaryPoint, typical_size
from rdmf_theory.patterns.layer_stability import layer_parameters, pattern_multiplier

# Relative deviation from a homogeneous state below which a branch point is on the homogeneous branch.
FLAT = 1e-3

# Residual of the interpolated curve where it crosses another one exactly; a broken symmetry leaves a gap and more.
MEETING = 1e-10


@dataclass(frozen=True)
class PatternState:
    """A patterned steady state.

    Arguments:
        p: the varied parameter; x: the state, shape (n N,).
        unstable: number of eigenvalues of the linearised equation with positive real part.
        growth: largest real part, 1/time.
        multiplier: spectral radius of the layer's step there; None where it was not asked for, of unstable states, and
            where system or axis are not the layer's.
    """

    p: float
    x: np.ndarray
    unstable: int
    growth: float
    multiplier: float | None = None


@dataclass(frozen=True)
class Event:
    """A special point of a branch.

    Arguments:
        kind: "fold", "branch point", "hopf"; "near branch point" where two branches pass each other so closely that the
            walk crosses the gap (a symmetry that the clip axis breaks slightly), its place is then approximate;
            "unresolved" where events could not be told apart.
        unstable: numbers of unstable eigenvalues before and after.
    """

    kind: str
    p: float
    x: np.ndarray
    unstable: tuple[int, int]
    solution: Solution

    @property
    def crosses(self) -> bool:
        """Whether another branch passes here, exactly or nearly."""
        return self.kind.endswith("branch point")


@dataclass(frozen=True)
class Branch:
    """A branch of patterns.

    Arguments:
        name: "mode 6" for a branch from the homogeneous states, "mode 6, branch 1" for one from a branch point on it.
        mode: j of the mode that it left with; start: parameter where it left; states, events: in order.
        end: why it ends; end_point: the branch point of the homogeneous states that it joined, if it did.
    """

    name: str
    mode: int
    start: float
    states: tuple[PatternState, ...]
    events: tuple[Event, ...]
    end: str
    end_point: PrimaryPoint | None = None


def _unstable(eigenvalues: np.ndarray) -> int:
    return int(np.sum(np.real(eigenvalues) > 0))


class Explorer:
    """Follows branches of one problem from the branch points of its homogeneous states."""

    def __init__(
        self,
        problem: PatternProblem,
        bounds: tuple[float, float],
        homogeneous: HomogeneousBranch,
        steps: Steps | None = None,
        progress: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.problem, self.bounds, self.homogeneous = problem, bounds, homogeneous
        self.steps = steps or Steps()
        self.progress = progress
        self.curve = Curve(
            problem, Scale(typical_size(homogeneous.states), bounds[1] - bounds[0]), self.steps.tolerance
        )
        self.known: list[tuple[str, Event]] = []

    def flatness(self, x: np.ndarray) -> float:
        """Relative deviation from the mean: 0 for a homogeneous state."""
        fields = self.problem.fields(x)
        return float(np.sqrt(np.mean((fields - fields.mean(axis=0)) ** 2))) / self.curve.scale.x

    def same(self, x: np.ndarray, y: np.ndarray, tolerance: float = 1e-5) -> bool:
        """Whether two states are equal, or mirror images: the axis has no preferred direction."""
        mirrored = self.problem.fields(y)[::-1].ravel()
        return min(self.curve.length(x - y, 0.0), self.curve.length(x - mirrored, 0.0)) < tolerance

    def eigenvalues(self, x: np.ndarray, p: float) -> np.ndarray:
        """Eigenvalues of the linearised equation, largest real part first."""
        values = np.linalg.eigvals(self.problem.jacobian(x, p).toarray())
        return values[np.argsort(-np.real(values))]

    def judge(self, x: np.ndarray, p: float, *, layer: bool = False) -> PatternState:
        """A solution with its stability in the equation and, if wanted and if it is stable there, in the layer."""
        values = self.eigenvalues(x, p)
        parameters = layer_parameters(self.problem, p)
        multiplier = None
        if layer and parameters is not None and values[0].real < 0:
            u, v = self.problem.fields(x).T
            multiplier = pattern_multiplier(u, v, parameters)
        return PatternState(p, x, _unstable(values), float(values[0].real), multiplier)

    def leave_homogeneous(self, point: PrimaryPoint, sign: int = 1) -> Branch:
        """The branch of patterns that leaves a branch point of the homogeneous states, with v high at node 0 for +1.

        Raises: NoConvergence if Newton's method fails right at the start.
        """
        shape = np.outer(self.problem.axis.mode(point.mode), sign * point.kernel).ravel()
        centre = np.tile(point.state, self.problem.axis.nodes)
        name = f"mode {point.mode}" + ("" if sign > 0 else ", opposite")
        return self._follow(name, point.mode, point.p, self._switch(centre, point.p, shape, 0.0))

    def leave_branch(self, branch: Branch, event: Event, label: str) -> list[Branch]:
        """The branches that cross another one at a located branch point, mirror images left out."""
        solution = event.solution
        matrix = self.problem.jacobian(solution.x, solution.p).toarray()
        column = self.problem.parameter_derivative(solution.x, solution.p)[:, None]
        wx, wp = self.curve.scale.weights(len(solution.x))
        # in arclength units the tangent is orthogonal to the direction that is looked for
        units = np.append(np.full(len(solution.x), 1 / np.sqrt(wx)), 1 / np.sqrt(wp))
        kernel = np.linalg.svd(np.hstack([matrix, column]) * units)[2][-2:]
        tangent = np.append(solution.dx, solution.dp) / units
        overlap = kernel @ (tangent / np.linalg.norm(tangent))
        other = (kernel.T @ np.array([-overlap[1], overlap[0]])) * units
        found: list[Branch] = []
        firsts: list[Solution] = []
        for sign in (1.0, -1.0):
            try:
                first = self._switch(solution.x, solution.p, sign * other[:-1], sign * float(other[-1]))
            except NoConvergence:
                continue
            if any(abs(q.p - first.p) < 1e-7 * self.curve.scale.p and self.same(q.x, first.x) for q in firsts):
                continue
            firsts.append(first)
            name = f"{branch.name}, branch {label}" + ("" if len(firsts) == 1 else " opposite")
            found.append(self._follow(name, branch.mode, event.p, first))
        return found

    def _switch(self, x: np.ndarray, p: float, dx: np.ndarray, dp: float) -> Solution:
        """The solution beside a branch point at a small distance along a direction."""
        size = self.curve.length(dx, dp)
        dx, dp = dx / size, dp / size
        for distance in (self.steps.first, 4 * self.steps.first, self.steps.first / 5):
            anchor = (x + distance * dx, p + distance * dp)
            try:
                found, q, _ = self.curve.correct(*anchor, anchor, (dx, dp), most=15)
                return self.curve.start(found, q, found - x, q - p)
            except NoConvergence:
                continue
        raise NoConvergence(f"no branch found from the branch point at {p:.6g}")

    def _follow(self, name: str, mode: int, start: float, first: Solution) -> Branch:
        """Walk along a branch: judge every state, locate every event, stop where it ends."""
        before, state = first, self.judge(first.x, first.p)
        states, events = [state], []
        judged = {id(first): state}
        end, end_point = "step limit", None

        def accept(last: Solution, following: Solution) -> bool:
            judged[id(following)] = self.judge(following.x, following.p)
            counts = sorted((judged[id(last)].unstable, judged[id(following)].unstable))
            if counts[1] - counts[0] < 2:
                return True
            # two real eigenvalues that cross in one step: look closer; a complex pair crosses as one
            return counts[1] - counts[0] == 2 and self._is_pair(following, counts[0])

        for after, ds, reason in self.curve.walk(first, self.steps, self.bounds, accept):
            self.progress(name)
            if ds == 0:
                end = reason or end
                break
            last, state = state, judged.get(id(after)) or self.judge(after.x, after.p)
            judged = {id(after): state}
            found = self._events(before, after, ds, (last.unstable, state.unstable))
            flat = next((event for event in found if event.crosses and self._is_flat(event)), None)
            if flat is not None:
                end_point = self._nearest(flat)
                where = flat.p if end_point is None else end_point.p
                joined = "" if end_point is None else f", mode {end_point.mode}"
                end = f"joined the homogeneous states at {where:.12g}{joined}"
                states.append(self.judge(flat.x, flat.p))
                break
            met = next((pair for event in found for pair in self.known if self._same_event(event, pair[1])), None)
            if met is not None:
                end = f"joined {met[0]} at {met[1].p:.10g}"
                states.append(self.judge(met[1].x, met[1].p))
                break
            events += found
            states.append(state)
            if reason is not None:
                end = reason
                break
            if len(states) > 12 and self.curve.length(after.x - first.x, after.p - first.p) < 0.6 * ds:
                end = "closed: back at its start"
                break
            before = after
        self.known += [(name, event) for event in events if event.crosses]
        return Branch(name, mode, start, tuple(states), tuple(events), end, end_point)

    def _is_flat(self, event: Event) -> bool:
        return self.flatness(event.x) < FLAT

    def _same_event(self, event: Event, other: Event) -> bool:
        near = abs(event.p - other.p) < 1e-5 * self.curve.scale.p
        return event.crosses and near and self.same(event.x, other.x, 1e-3)

    def _nearest(self, event: Event) -> PrimaryPoint | None:
        """The branch point of the homogeneous states where a branch arrived."""
        near = [q for q in self.homogeneous.points if abs(q.p - event.p) < 1e-4 * self.curve.scale.p]
        shape = self.problem.fields(event.solution.dx)[:, -1]
        weight = [abs(float(self.problem.axis.mode(q.mode) @ shape)) for q in near]
        return near[int(np.argmax(weight))] if near else None

    def _events(
        self, before: Solution, after: Solution, ds: float, unstable: tuple[int, int], halvings: int = 4
    ) -> list[Event]:
        """Folds, branch points and Hopf points between two solutions, in order."""
        try:
            return self._locate_events(before, after, ds, unstable)
        except (NoConvergence, ValueError):
            # two events in one step hide each other: look at both halves of it
            if not halvings:
                return [Event("unresolved", after.p, after.x, unstable, after)]
        try:
            middle = self.curve.step(before, ds / 2)[0]
            # the halves lie along different tangents: the second one is measured anew
            rest = self.curve.length(after.x - middle.x, after.p - middle.p)
            end = self.curve.step(middle, rest)[0]
        except NoConvergence:
            return [Event("unresolved", after.p, after.x, unstable, after)]
        count = _unstable(self.eigenvalues(middle.x, middle.p))
        first = self._events(before, middle, ds / 2, (unstable[0], count), halvings - 1)
        return first + self._events(middle, end, rest, (count, unstable[1]), halvings - 1)

    def _locate_events(self, before: Solution, after: Solution, ds: float, unstable: tuple[int, int]) -> list[Event]:
        found: list[tuple[float, Event]] = []

        def add(kind: str, place: tuple[Solution, float]) -> None:
            found.append((place[1], Event(kind, place[0].p, place[0].x, unstable, place[0])))

        folds = before.dp * after.dp < 0
        first, last = (self._bordered(solution) for solution in (before, after))
        if first.sign != last.sign:
            place = self.curve.locate_branch_point(before, ds, lambda solution: self._bordered(solution).over(first))
            meets = float(np.abs(self.problem.residual(place[0].x, place[0].p)).max()) < MEETING
            add("branch point" if meets else "near branch point", place)
            # where a symmetric pair of branches leaves (a pitchfork) the parameter turns at the very same point
            folds = folds and abs(place[0].dp) > 1e-5 * self.curve.scale.p
        if folds:
            add("fold", self.curve.locate(before, ds, lambda solution: solution.dp))
        if not found and abs(unstable[0] - unstable[1]) >= 2 and self._is_pair(after, min(unstable)):

            def pair(solution: Solution) -> float:
                rank = min(unstable)
                return float(np.real(self.eigenvalues(solution.x, solution.p)[rank : rank + 2]).sum())

            add("hopf", self.curve.locate(before, ds, pair))
        return [event for _, event in sorted(found, key=lambda pair: pair[0])]

    def _is_pair(self, solution: Solution, rank: int) -> bool:
        """Whether eigenvalue number `rank` by real part is complex."""
        return bool(abs(self.eigenvalues(solution.x, solution.p)[rank].imag) > 0)

    def _bordered(self, solution: Solution) -> Determinant:
        """Determinant of the matrix bordered by the tangent: changes sign at simple branch points, not at folds."""
        return Determinant.of(self.curve.bordered(solution.x, solution.p, solution.dx, solution.dp))
