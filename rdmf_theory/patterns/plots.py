"""The bifurcation diagram as a picture: branches, their special points, and profiles of some patterns beside it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from rdmf_theory.patterns.branch_explorer import Branch, PatternState
from rdmf_theory.patterns.branches import Diagram
from rdmf_theory.support.figures import DARK, LIGHT, MIDDLE, STYLE

# Lightness falls from the first to the last, so that neighbours differ on a grey printer too.
COLOURS = (DARK, MIDDLE, "#5b8f5b", "#8a5aa0", "#777777", "#b08d2a")
_UNITS = {
    "F": "1/step",
    "k": "1/step",
    "s": "1/step",
    "rate": "1/step",
    "D_u": "clip²/step",
    "D_v": "clip²/step",
    "wavelength": "clips",
    "excess": "d over its threshold",
}
_MOST_PROFILES = 4
LETTERS = "ABCD"


def observed_species(diagram: Diagram) -> int:
    """Which species the picture shows: the activator, Gray-Scott's last and the others' first."""
    return diagram.problem.species - 1 if diagram.problem.system.name == "gray-scott" else 0


def plot_diagram(diagram: Diagram, at: Sequence[float] = ()) -> Figure:
    """Largest concentration of the activator along every branch; stable solid, unstable dashed.

    Arguments:
        at: parameter values whose patterns are shown as profiles on the right; none: the last state of each branch.
    """
    problem = diagram.problem
    observed = observed_species(diagram)
    species = problem.system.species[observed].name

    def height(state: PatternState) -> float:
        return float(problem.fields(state.x)[:, observed].max())

    shown = _profiles(diagram, at)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 4.2), layout="constrained")
        grid = figure.add_gridspec(max(len(shown), 1), 2, width_ratios=(2.1, 1))
        axis = figure.add_subplot(grid[:, 0])
        base = diagram.homogeneous
        _lines(axis, base.p, base.states[:, observed], base.unstable, "black", 1.0)
        for branch, colour in zip(diagram.branches, _cycle(len(diagram.branches)), strict=True):
            if not branch.states:
                continue
            rows = [(branch.start, _base_height(diagram, branch, observed), branch.states[0].unstable)]
            for before, state in zip((None, *branch.states), branch.states, strict=False):
                # solid meets dashed at the event, not at the next computed state
                if before is not None and (before.unstable == 0) != (state.unstable == 0) and branch.events:
                    ends = (before.p, state.p)
                    event = min(branch.events, key=lambda e, ends=ends: sum(abs(e.p - p) for p in ends))
                    rows.append((event.p, float(problem.fields(event.x)[:, observed].max()), state.unstable))
                rows.append((state.p, height(state), state.unstable))
            p, top, counts = (np.array(column) for column in zip(*rows, strict=True))
            _lines(axis, p, top, counts, colour, 1.7)
            for kind, marker in (("fold", "^"), ("branch point", "o"), ("hopf", "D")):
                events = [event for event in branch.events if event.kind.removeprefix("near ") == kind]
                heights = [float(problem.fields(event.x)[:, observed].max()) for event in events]
                axis.plot(
                    [event.p for event in events], heights, marker, ms=4, mfc=LIGHT, mec=colour, mew=0.8, zorder=4
                )
        points = [q for q in base.points if any(q.mode == branch.mode for branch in diagram.branches)]
        axis.plot(
            [q.p for q in points], [q.state[observed] for q in points], "s", ms=4, mfc="white", mec="black", zorder=5
        )
        lettered = sorted(zip(shown, LETTERS, strict=False), key=lambda item: height(item[0][1]))
        for rank, ((_, state), letter) in enumerate(lettered):
            place = (state.p, height(state))
            axis.plot(*place, "o", ms=3.5, color="black", zorder=6)
            # one above the other, however close the points are
            axis.annotate(
                letter,
                place,
                xytext=(-26 - 3 * rank, 4 + 13 * rank),
                textcoords="offset points",
                bbox={"fc": "white", "ec": "none", "pad": 0.6},
                arrowprops={"arrowstyle": "-", "lw": 0.5, "color": "0.4", "shrinkA": 0, "shrinkB": 2},
            )
        unit = _UNITS.get(problem.path.name, "") if problem.system.name == "gray-scott" else ""
        axis.set_xlabel(f"{problem.path.name}" + (f" ({unit})" if unit else ""))
        axis.set_ylabel(f"largest {species} on the axis")
        axis.set_xlim(*_limits(diagram))
        _name_curves(axis, diagram, height)
        _legend(axis, diagram)
        _profile_axes(figure, grid, diagram, shown, observed)
        where = f"{problem.axis.nodes} clips" if problem.axis.kind == "clips" else f"[0, {problem.axis.length:.6g}]"
        axis.set_title(f"{problem.system.name} on {where}; numbers at the curves: modes")
    return figure


def _cycle(count: int) -> list[str]:
    return [COLOURS[i % len(COLOURS)] for i in range(count)]


def _base_height(diagram: Diagram, branch: Branch, observed: int) -> float:
    """Where a branch begins: on the homogeneous state, or at its own first state for a secondary branch."""
    for point in diagram.homogeneous.points:
        if point.p == branch.start and point.mode == branch.mode:
            return float(point.state[observed])
    return float(diagram.problem.fields(branch.states[0].x)[:, observed].max())


def _lines(axis: Any, p: np.ndarray, y: np.ndarray, unstable: np.ndarray, colour: str, width: float) -> None:
    """A curve in pieces, solid where stable and dashed where not; a piece ends where the other begins."""
    stable = unstable == 0
    cuts = [0, *(np.nonzero(stable[1:] != stable[:-1])[0] + 1), len(p) - 1]
    for first, last in pairwise(cuts):
        solid = stable[first]
        style: dict[str, Any] = {"ls": "-", "lw": width} if solid else {"ls": (0, (3, 2)), "lw": 0.6 * width}
        axis.plot(p[first : last + 1], y[first : last + 1], color=colour, **style)


def _limits(diagram: Diagram) -> tuple[float, float]:
    """The part of the range where something happens, with a margin."""
    values = [state.p for branch in diagram.branches for state in branch.states]
    values += [branch.start for branch in diagram.branches]
    low, high = min(values), max(values)
    margin = 0.06 * (high - low)
    return max(low - margin, diagram.bounds[0]), min(high + margin, diagram.bounds[1])


def _name_curves(axis: Any, diagram: Diagram, height: Any) -> None:
    """The branches' names beside their ends, moved apart where they would overlap."""
    colours = _cycle(len(diagram.branches))
    ends = [(height(b.states[-1]), b, c) for b, c in zip(diagram.branches, colours, strict=True) if b.states]
    edge = [item for item in ends if item[1].end.startswith("parameter bound")]
    inner = [item for item in ends if not item[1].end.startswith("parameter bound")]
    low, high = axis.get_ylim()
    gap, last = 0.045 * (high - low), -np.inf
    left, right = axis.get_xlim()
    box = {"fc": "white", "ec": "none", "pad": 0.6}
    for y, branch, colour in sorted(edge, key=lambda item: item[0]):
        name = branch.name.replace("mode ", "")
        if branch.states[-1].p > (left + right) / 2:
            last = max(y, last + gap)
            axis.annotate(
                name, (right, last), xytext=(4, 0), textcoords="offset points", va="center", ha="left", color=colour
            )
        else:
            # at the left edge the numbers of the axis are in the way
            axis.annotate(name, (left, y), xytext=(4, 7), textcoords="offset points", color=colour, bbox=box)
    for _, branch, colour in inner:
        middle = branch.states[len(branch.states) // 2]
        place = (middle.p, height(middle))
        offset: Any = {"xytext": (0, -14), "textcoords": "offset points", "ha": "center", "bbox": box}
        axis.annotate(branch.name, place, color=colour, **offset)


def _legend(axis: Any, diagram: Diagram) -> None:
    handles = [Line2D([], [], color="0.4", lw=1.7, label="stable")]
    handles.append(Line2D([], [], color="black", lw=1.0, label="homogeneous"))
    handles.append(Line2D([], [], color="0.4", ls=(0, (3, 2)), lw=1.0, label="unstable"))
    kinds = {event.kind.removeprefix("near ") for branch in diagram.branches for event in branch.events}
    if diagram.homogeneous.points:
        handles.append(_marker("s", "white", "onset of a mode"))
    for kind, marker in (("fold", "^"), ("branch point", "o"), ("hopf", "D")):
        if kind in kinds:
            handles.append(_marker(marker, LIGHT, "Hopf point" if kind == "hopf" else kind))
    axis.figure.legend(handles=handles, loc="outside lower center", ncols=7, columnspacing=1.2, handlelength=1.8)


def _marker(marker: str, fill: str, label: str) -> Any:
    return Line2D([], [], ls="", marker=marker, ms=4, mfc=fill, mec="black", label=label)


def _profiles(diagram: Diagram, at: Sequence[float]) -> list[tuple[Branch, PatternState]]:
    """At most four patterns to show: at the wanted parameter values, or the last state of every branch."""
    found = [pair for p in at for pair in diagram.patterns_at(p)]
    if not found:
        for branch in diagram.branches:
            if branch.states:
                # a branch that ends on the homogeneous states is flat there: show its middle
                index = -1 if branch.end_point is None else len(branch.states) // 2
                found.append((branch, branch.states[index]))
    found.sort(key=lambda pair: pair[1].unstable > 0)
    return found[:_MOST_PROFILES]


def _profile_axes(
    figure: Figure, grid: Any, diagram: Diagram, shown: list[tuple[Branch, PatternState]], observed: int
) -> None:
    """One small axis per pattern: all species over the axis."""
    problem = diagram.problem
    x = problem.axis.positions
    first = None
    for row, ((branch, state), letter) in enumerate(zip(shown, LETTERS, strict=False)):
        axis = figure.add_subplot(grid[row, 1], sharex=first, sharey=first)
        first = first or axis
        fields = problem.fields(state.x)
        for i, symbol in enumerate(problem.system.species):
            main = i == observed
            axis.plot(
                x, fields[:, i], color=DARK if main else MIDDLE, ls="-" if main else "--", lw=1.2, label=symbol.name
            )
        verdict = "stable" if state.unstable == 0 else f"{state.unstable} unstable"
        axis.set_title(f"{letter}: {branch.name}, {problem.path.name} {state.p:.4g}, {verdict}", fontsize=7)
        axis.tick_params(labelbottom=row == len(shown) - 1)
        if row == 0:
            axis.legend(loc="upper right", fontsize=7, ncols=2, handlelength=1.5, borderaxespad=0.1)
            top = axis.get_ylim()[1]
            axis.set_ylim(0 if fields.min() >= 0 else None, (1.2 + 0.1 * len(shown)) * top)
        if row == len(shown) - 1:
            axis.set_xlabel("clip t" if problem.axis.kind == "clips" else "position x")
