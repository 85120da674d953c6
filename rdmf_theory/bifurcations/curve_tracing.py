"""How is a curve followed? Predictor and corrector with a guard, for one equation less than unknowns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import flint
import numpy as np

from rdmf_theory.arithmetic.enclosure import precision
from rdmf_theory.arithmetic.zeros import BITS
from rdmf_theory.bifurcations.equations import DefiningSystem
from rdmf_theory.bifurcations.roots import Root, float_system, newton, prove_root

# relative to the window: the longest and shortest step, and the largest turn from one step to the next
_LONGEST, _SHORTEST, _TURN = 0.02, 1e-7, 0.97
_MOST = 3000
# so many steps in which the parameters hardly move end a curve: its state runs off to infinity
_STALLED, _MOTION = 100, 1e-4

Guard = Callable[[np.ndarray], float]


@dataclass(frozen=True)
class Window:
    """The ranges of the two free parameters, and a typical size of every unknown (u, v, x, y)."""

    low: np.ndarray
    high: np.ndarray
    scale: np.ndarray

    def around(self, x: np.ndarray) -> np.ndarray:
        """Sizes of the unknowns near x: a large state counts relative to itself."""
        return np.array([*np.maximum(self.scale[:2], np.abs(x[:2])), *self.scale[2:]])

    def outside(self, x: np.ndarray) -> int | None:
        """Index of the unknown that has left the window, or None."""
        for index in (0, 1):
            if not self.low[index] <= x[2 + index] <= self.high[index]:
                return 2 + index
        return None


@dataclass(frozen=True)
class Traced:
    """A traced piece: points (n, 4) in order, whether it closes, and why each end is one.

    Ends: "window" (exactly on its edge), "guard" (the guard has become negative after the last point), "domain" (a
    concentration would become negative), "singular" (no step succeeds), "closed", "long" (too many points).
    """

    points: np.ndarray
    ends: tuple[str, str]

    @property
    def closed(self) -> bool:
        """Whether the curve returns to its start."""
        return self.ends[0] == "closed"

    def near(self, x: np.ndarray, window: Window, tolerance: float) -> bool:
        """Whether a point lies on the polygon through the traced points."""
        scale = window.around(x)
        points, target = self.points / scale, x / scale
        if len(points) == 1:
            return bool(np.linalg.norm(points[0] - target) < tolerance)
        start, along = points[:-1], np.diff(points, axis=0)
        length = np.maximum((along**2).sum(axis=1), 1e-300)
        share = np.clip(((target - start) * along).sum(axis=1) / length, 0, 1)
        return bool(np.linalg.norm(start + share[:, None] * along - target, axis=1).min() < tolerance)


def trace(system: DefiningSystem, start: np.ndarray, window: Window, guard: Guard | None = None) -> Traced:
    """The curve through `start` in both directions, until it leaves the window or its guard.

    Arguments:
        system: three equations in the unknowns (u, v, x, y).
        start: a point on the curve inside the window.
        guard: positive along the wanted piece.
    """
    first = _follow(system, start, window, guard, 1)
    if first[1] == "closed":
        return Traced(np.array(first[0]), ("closed", "closed"))
    second = _follow(system, start, window, guard, -1)
    return Traced(np.array([*reversed(second[0]), *first[0][1:]]), (second[1], first[1]))


def _tangent(jacobian: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Unit null vector of the scaled Jacobian."""
    slopes = jacobian * scale
    rows = np.linalg.norm(slopes, axis=1, keepdims=True)
    return np.linalg.svd(slopes / np.where(rows == 0, 1, rows))[2][-1]


def _follow(
    system: DefiningSystem, start: np.ndarray, window: Window, guard: Guard | None, sign: int
) -> tuple[list[np.ndarray], str]:
    function, jacobian = float_system(system)
    x, step = np.array(start, dtype=float), _LONGEST / 4
    scale = window.around(x)
    direction = sign * _orient(_tangent(jacobian(x), scale))
    points = [x]
    concentrations = [i for i, symbol in enumerate(system.point.system.species) if symbol.is_nonnegative]
    while len(points) < _MOST:
        found = newton(function, jacobian, x + step * direction * scale, scale, most=8)
        good = found is not None and np.linalg.norm((found - x) / scale) < 2 * step
        if good:
            slopes = jacobian(found)
            good = bool(np.isfinite(slopes).all())
        if good:
            following = _tangent(slopes, scale)
            following = following if following @ direction > 0 else -following
            good = following @ direction > _TURN
        if not good:
            step /= 2
            if step < _SHORTEST:
                return points, "singular"
            continue
        assert found is not None
        left = window.outside(found)
        if left is not None:
            edge = window.low[left - 2] if found[left] < window.low[left - 2] else window.high[left - 2]
            on_edge = _on_edge(system, x, found, left, edge, window)
            if on_edge is not None and window.outside(on_edge) is None:
                return [*points, on_edge], "window"
            step /= 2
            if step < _SHORTEST:
                return points, "window"
            continue
        if any(found[i] < 0 for i in concentrations):
            return points, "domain"
        if guard is not None and not guard(found) > 0:
            return points, "guard"
        points.append(found)
        gap = np.linalg.norm((found - start) / scale)
        if len(points) > 6 and gap < step and (start - found) / scale @ following > -1e-9:
            return [*points, np.array(start, dtype=float)], "closed"
        if len(points) > _STALLED and np.abs((found - points[-_STALLED])[2:] / scale[2:]).max() < _MOTION:
            return points[:-_STALLED], "singular"
        resized = window.around(found)
        direction = following * scale / resized
        direction /= np.linalg.norm(direction)
        x, scale, step = found, resized, min(1.4 * step, _LONGEST)
    return points, "long"


def _orient(vector: np.ndarray) -> np.ndarray:
    """One of the two signs, the same for the same curve."""
    return vector if vector[np.abs(vector).argmax()] > 0 else -vector


def _on_edge(
    system: DefiningSystem, before: np.ndarray, after: np.ndarray, index: int, edge: float, window: Window
) -> np.ndarray | None:
    """The point between two others at which one unknown has the value `edge`."""
    function, jacobian = float_system(system)
    row = np.zeros((1, 4))
    row[0, index] = 1
    share = (edge - before[index]) / (after[index] - before[index])
    found = newton(
        lambda x: np.append(function(x), x[index] - edge),
        lambda x: np.vstack((jacobian(x), row)),
        before + share * (after - before),
        window.around(before),
    )
    if found is None or np.linalg.norm((found - before) / window.around(before)) > 2 * _LONGEST:
        return None
    found[index] = edge
    return found


def prove_point(system: DefiningSystem, x: np.ndarray, window: Window) -> Root:
    """Enclosure of the curve's point in the hyperplane through x that is normal to the curve.

    A point on an edge of the window is enclosed on that edge.
    """
    _, jacobian = float_system(system)
    scale = window.around(x)
    normal = _tangent(jacobian(x), scale) / scale
    for index in (0, 1):
        if x[2 + index] in (window.low[index], window.high[index]):
            normal = np.eye(4)[2 + index]
    with precision(BITS):
        weights = [flint.arb(float(item)) for item in normal]
        centre = [flint.arb(float(item)) for item in x]

    def function(balls: list[Any]) -> list[Any]:
        plane = sum((w * (ball - c) for w, ball, c in zip(weights, balls, centre, strict=True)), flint.arb(0))
        return [*system.equations(balls), plane]

    def slopes(balls: list[Any]) -> list[list[Any]]:
        return [*system.jacobian(balls), weights]

    return prove_root(function, slopes, x, scale)
