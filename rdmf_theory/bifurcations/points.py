"""Where do bifurcation curves meet or change their nature? Points of codimension two in a window, proved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import flint
import numpy as np

from rdmf_theory.arithmetic.enclosure import precision
from rdmf_theory.arithmetic.zeros import BITS
from rdmf_theory.bifurcations.curve_seeds import Analysis, other_modes
from rdmf_theory.bifurcations.curves import BifurcationCurve
from rdmf_theory.bifurcations.equations import DefiningSystem
from rdmf_theory.bifurcations.record import Bifurcation, describe
from rdmf_theory.bifurcations.roots import Root, find_root

# condition that changes sign along a curve -> the point that it marks
_MARKS = {
    "saddle-node": {"trace": "bogdanov-takens", "fold": "cusp", "spread": "long-wave"},
    "hopf": {"hopf-cubic": "bautin", "band": "turing-hopf"},
    "turing": {"trace": "turing-hopf", "turing-cubic": "turing-degenerate"},
    "turing-mode": {"trace": "turing-hopf"},
}
_LARGEST_DENOMINATOR = 10**9


@dataclass(frozen=True)
class CriticalPoint:
    """A bifurcation of codimension two.

    Arguments:
        record: what and where.
        exact: state and parameters as fractions, where they are rational: then all equations hold exactly.
        other: the second mode at a turing-turing point.
    """

    record: Bifurcation
    exact: tuple[Fraction, ...] | None = None
    other: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready dictionary."""
        result = {k: v for k, v in self.record.to_dict().items() if k not in ("primary",)}
        if self.other is not None:
            result["other_mode"] = self.other
        if self.exact is not None:
            names = [*self.record.state, *self.record.values]
            result["exact"] = dict(zip(names, map(str, self.exact), strict=True))
        return result


def points_on(curves: Sequence[BifurcationCurve], analysis: Analysis) -> list[CriticalPoint]:
    """All points of codimension two on traced curves, each located by Newton's method and proved.

    Bogdanov-Takens, cusp, Bautin, Turing-Hopf, Turing-Turing (two neighbouring modes of the clip axis), the change from
    soft to hard of a Turing curve, and where its wavenumber reaches 0.
    """
    found: list[CriticalPoint] = []
    for curve in curves:
        for end, record in zip(curve.ends, (curve.points[0], curve.points[-1]), strict=True):
            if end == "turing-turing":
                other = int(other_modes(analysis, _unknowns(record), curve.mode).argmin()) + 1
                _add(found, analysis, end, _unknowns(record), curve.mode, other)
            elif end in ("bogdanov-takens", "long-wave"):
                _add(found, analysis, end, _unknowns(record), None, None)
        for condition, kind in _MARKS[curve.kind].items():
            if kind == "turing-hopf" and analysis.clips is not None and curve.kind == "hopf":
                # the arc of the mode finds it, and knows the mode
                continue
            for guess in _sign_changes(curve, condition, analysis):
                _add(found, analysis, kind, guess, curve.mode, None)
    return sorted(found, key=lambda item: (item.record.kind, *item.record.values.values()))


def _unknowns(record: Bifurcation) -> np.ndarray:
    return np.array([*record.state.values(), *record.values.values()])


def _sign_changes(curve: BifurcationCurve, condition: str, analysis: Analysis) -> list[np.ndarray]:
    """Interpolated points at which a condition changes sign along a curve."""
    system = DefiningSystem(analysis.point, analysis.axes, ())
    points = np.array([_unknowns(record) for record in curve.points])
    with np.errstate(all="ignore"):
        values = np.broadcast_to(np.asarray(system.test(condition, list(points.T)), dtype=float), len(points))
    guesses = []
    for i in np.flatnonzero(values[:-1] * values[1:] < 0):
        share = values[i] / (values[i] - values[i + 1])
        guesses.append((1 - share) * points[i] + share * points[i + 1])
    # a sampled point may be the point itself
    guesses.extend(points[i] for i in np.flatnonzero(values == 0))
    return guesses


def _add(
    found: list[CriticalPoint], analysis: Analysis, kind: str, guess: np.ndarray, mode: int | None, other: int | None
) -> None:
    system = analysis.system(kind, mode, other)
    scale = analysis.window.around(guess)
    root = find_root(system, guess, scale)
    if root is None or not root.certified or np.linalg.norm((root.values - guess) / scale) > 0.1:
        return
    if analysis.window.outside(root.values) is not None or not _valid(system, kind, root):
        return
    if other is not None and mode is not None:
        mode, other = min(mode, other), max(mode, other)
    record = describe(system, kind, root, mode, analysis.clips)
    for item in found:
        gap = np.linalg.norm((_unknowns(item.record) - _unknowns(record)) / scale)
        if item.record.kind == kind and gap < 1e-9:
            return
    found.append(CriticalPoint(record, rational(system, root), other))


def _valid(system: DefiningSystem, kind: str, root: Root) -> bool:
    """The inequalities that belong to a point: a real frequency, a real wavenumber."""
    balls = list(root.balls)
    with precision(BITS):
        if kind in ("bautin", "turing-hopf") and not system.test("determinant", balls) > 0:
            return False
        return kind not in ("turing-hopf", "turing-degenerate") or bool(system.test("spread", balls) > 0)


def rational(system: DefiningSystem, root: Root) -> tuple[Fraction, ...] | None:
    """The root as fractions, if there are fractions of moderate size in the enclosures that solve all equations."""
    if system.modes or not root.certified:
        return None
    numbers = []
    for item in root.balls:
        mantissa, exponent = (int(part) for part in item.mid().man_exp())
        centre = Fraction(mantissa) * Fraction(2) ** exponent
        numbers.append(centre.limit_denominator(_LARGEST_DENOMINATOR))
    inside = all(
        item.contains(flint.fmpq(number.numerator, number.denominator))
        for item, number in zip(root.balls, numbers, strict=True)
    )
    if not inside:
        return None
    try:
        return tuple(numbers) if all(value == 0 for value in system.equations(numbers)) else None
    except ZeroDivisionError:
        return None
