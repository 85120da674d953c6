"""Where exactly do a bifurcation's equations vanish? Newton's method in floats, then a proof in ball arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import flint
import numpy as np

from rdmf_theory.arithmetic.enclosure import precision
from rdmf_theory.arithmetic.zeros import BITS, prove_zero
from rdmf_theory.bifurcations.equations import DefiningSystem

TOLERANCE = 1e-12
_WIDTHS = (1e-8, 1e-10, 1e-12)


@dataclass(frozen=True)
class Root:
    """A solution of a defining system.

    Arguments:
        balls: one enclosure per unknown; exactly one solution is in them if `certified`.
        certified: whether Krawczyk's test proved that; otherwise the centres are what Newton's method left.
    """

    balls: tuple[flint.arb, ...]
    certified: bool

    @property
    def values(self) -> np.ndarray:
        """Centres as floats, (u, v, axes...)."""
        return np.array([float(item.mid()) for item in self.balls])

    @property
    def radius(self) -> float:
        """Largest radius of an enclosure (0 says nothing where the root is not certified)."""
        return max(float(item.rad()) for item in self.balls)


def newton(
    function: Callable[[np.ndarray], np.ndarray],
    jacobian: Callable[[np.ndarray], np.ndarray],
    guess: np.ndarray,
    scale: np.ndarray,
    most: int = 30,
) -> np.ndarray | None:
    """A zero near `guess`, or None; steps are measured against `scale`, one typical size per unknown.

    More unknowns than equations are allowed: then each step is the shortest one.
    """
    x = np.array(guess, dtype=float)
    best = np.inf
    for _ in range(most):
        with np.errstate(all="ignore"):
            residual, slopes = function(x), jacobian(x) * scale
        if not (np.isfinite(residual).all() and np.isfinite(slopes).all()):
            return None
        rows = np.linalg.norm(slopes, axis=1)
        rows[rows == 0] = 1
        step = np.linalg.lstsq(slopes / rows[:, None], -residual / rows, rcond=1e-14)[0]
        size = float(np.abs(step).max())
        if size > 10:
            return None
        x = x + step * scale
        if size < 1e-14 or (size < 1e-11 and size >= best / 2):
            return x
        best = min(best, size)
    return None


def float_system(system: DefiningSystem) -> tuple[Any, Any]:
    """Equations and Jacobian of a defining system as functions of float arrays; division by zero gives NaN."""

    def guarded(function: Callable[[Sequence[float]], Any], width: int | None) -> Callable[[np.ndarray], np.ndarray]:
        def evaluate(x: np.ndarray) -> np.ndarray:
            try:
                return np.array(function([float(item) for item in x]), dtype=float)
            except (ZeroDivisionError, OverflowError):
                return np.full((system.size,) if width is None else (system.size, width), np.nan)

        return evaluate

    return guarded(system.equations, None), guarded(system.jacobian, 2 + len(system.axes))


def prove_root(
    function: Callable[[list[flint.arb]], list[flint.arb]],
    jacobian: Callable[[list[flint.arb]], list[list[flint.arb]]],
    guess: np.ndarray,
    scale: np.ndarray,
) -> Root:
    """The root near a good guess, enclosed by Krawczyk's test where that succeeds."""
    with precision(BITS):
        for width in _WIDTHS:
            part = tuple(
                (Fraction(float(x)) - Fraction(float(width * s)), Fraction(float(x)) + Fraction(float(width * s)))
                for x, s in zip(guess, scale, strict=True)
            )
            try:
                zero = prove_zero(function, jacobian, part)
            except ZeroDivisionError:
                zero = None
            if zero is not None:
                return Root(zero.box, True)
        return Root(tuple(flint.arb(float(x)) for x in guess), False)


def find_root(system: DefiningSystem, guess: np.ndarray, scale: np.ndarray) -> Root | None:
    """The solution of a square defining system near `guess`: Newton's method, then a proof; None if it diverges."""
    found = newton(*float_system(system), guess, scale)
    return None if found is None else prove_root(system.equations, system.jacobian, found, scale)
