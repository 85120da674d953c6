"""Where do smooth equations vanish in a box? All zeros, each proved to exist alone, by bisection and Krawczyk's test.

Complete: every part of the box is either excluded (an enclosure of the equations misses 0), or covered by a region in
which exactly one zero is proved, or handed back as undecided.

Source: Krawczyk, Computing 4 (1969); Neumaier, Interval Methods for Systems of Equations (1990), chapter 5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import flint
import numpy as np

from rdmf_theory.arithmetic.enclosure import ball, precision

Ranges: TypeAlias = tuple[tuple[Fraction, Fraction], ...]
Balls: TypeAlias = list[flint.arb]

BITS = 128
_INFLATION = Fraction(1, 8)
# cuts off the centre, so that no zero at a round number falls on a cut
_CUT = Fraction(31, 64)


@dataclass(frozen=True)
class Zero:
    """A zero that is proved to exist and to be the only one in `region`; `box` encloses it tightly."""

    box: tuple[flint.arb, ...]
    region: Ranges


@dataclass(frozen=True)
class Search:
    """Result of `find_zeros`: the zeros, and the parts of the box about which nothing could be proved."""

    zeros: tuple[Zero, ...]
    undecided: tuple[Ranges, ...]


def find_zeros(
    function: Callable[[Balls], Balls],
    jacobian: Callable[[Balls], list[Balls]],
    box: Ranges,
    *,
    smallest: float = 2.0**-40,
    most: int = 20_000,
    excluded: Callable[[Balls], bool] = lambda balls: False,
) -> Search:
    """All zeros of `function` in a box.

    Arguments:
        function: the equations on balls; an enclosure that is not finite counts as "anything".
        jacobian: their derivatives on balls, rows per equation.
        box: (low, high) per variable, rational and finite.
        smallest: a part whose relative widths are all below this is undecided.
        most: largest number of parts looked at; what is left then is undecided.
        excluded: whether the equations are undefined on a whole part, which then holds no zero.
    """
    spans = [high - low for low, high in box]
    zeros: list[Zero] = []
    undecided: list[Ranges] = []
    stack: list[Ranges] = [box]
    looked = 0
    with precision(BITS):
        while stack:
            part = stack.pop()
            if any(_inside(part, zero.region) for zero in zeros):
                continue
            looked += 1
            if looked > most:
                undecided.extend((part, *stack))
                break
            if excluded([ball(low, high) for low, high in part]) or _excluded(function, jacobian, part):
                continue
            if _moved_away(function, jacobian, part):
                continue
            zero = prove_zero(function, jacobian, part)
            if zero is not None:
                if not any(_same(zero, other) for other in zeros):
                    zeros.append(zero)
                continue
            widths = [
                float((high - low) / span) if span else 0.0 for (low, high), span in zip(part, spans, strict=True)
            ]
            if max(widths) < smallest:
                undecided.append(part)
                continue
            axis = widths.index(max(widths))
            low, high = part[axis]
            cut = low + (high - low) * _CUT
            for half in ((cut, high), (low, cut)):
                stack.append((*part[:axis], half, *part[axis + 1 :]))
        # a proved zero may sit in the inflated region only, outside the box that was asked for
        found = tuple(zero for zero in zeros if _meets(zero.box, box))
        return Search(found, _clusters(undecided))


def prove_zero(
    function: Callable[[Balls], Balls], jacobian: Callable[[Balls], list[Balls]], part: Ranges
) -> Zero | None:
    """Krawczyk's test on a slightly larger region: a proved, refined zero, or None.

    With m the centre and Y an approximate inverse of the Jacobian there, K(X) = m - Y f(m) + (I - Y f'(X)) (X - m);
    K(X) in the interior of X proves one and only one zero in X, and the zero lies in K(X).
    """
    region = tuple((low - (high - low) * _INFLATION, high + (high - low) * _INFLATION) for low, high in part)
    box = [ball(low, high) for low, high in region]
    image = _krawczyk(function, jacobian, box)
    if image is None or not all(outer.contains_interior(inner) for outer, inner in zip(box, image, strict=True)):
        return None
    for _ in range(60):
        following = _krawczyk(function, jacobian, image)
        if following is None:
            break
        sharper = [
            old.intersection(new) if old.overlaps(new) else old for old, new in zip(image, following, strict=True)
        ]
        # slow at first on a large region, then quadratic: the end is where no ball becomes a tenth smaller
        slow = all(new.rad() > 0.9 * old.rad() for old, new in zip(image, sharper, strict=True))
        image = sharper
        if slow:
            break
    # the balls may reach a little beyond the rational region: only what K proved counts
    return Zero(tuple(image), region)


def _krawczyk(function: Any, jacobian: Any, box: Balls) -> Balls | None:
    size = len(box)
    slopes = jacobian(box)
    middle = [item.mid() for item in box]
    values = function(middle)
    if not all(entry.is_finite() for row in (*slopes, values) for entry in row):
        return None
    approximate = np.array([[float(entry.mid()) for entry in row] for row in slopes])
    try:
        inverse = np.linalg.inv(approximate)
    except np.linalg.LinAlgError:
        return None
    if not np.all(np.isfinite(inverse)):
        return None
    Y = flint.arb_mat([[flint.arb(float(entry)) for entry in row] for row in inverse])
    identity = flint.arb_mat([[int(i == j) for j in range(size)] for i in range(size)])
    offset = flint.arb_mat([[item - centre] for item, centre in zip(box, middle, strict=True)])
    moved = (identity - Y * flint.arb_mat(slopes)) * offset - Y * flint.arb_mat([[value] for value in values])
    return [centre + moved[i, 0] for i, centre in enumerate(middle)]


def _excluded(function: Any, jacobian: Any, part: Ranges) -> bool:
    """Whether an enclosure of the equations misses 0: the plain one, then the mean value form."""
    box = [ball(low, high) for low, high in part]
    values = function(box)
    if any(value.is_finite() and not value.contains(0) for value in values):
        return True
    middle = [item.mid() for item in box]
    centre, slopes = function(middle), jacobian(box)
    for value, row in zip(centre, slopes, strict=True):
        total = value
        for slope, item, mid in zip(row, box, middle, strict=True):
            total += slope * (item - mid)
        if total.is_finite() and not total.contains(0):
            return True
    return False


def _moved_away(function: Any, jacobian: Any, part: Ranges) -> bool:
    """Whether Krawczyk's operator leaves a part: a zero in X lies in K(X), so there is none if the two do not meet.

    This is the mean value form with the equations preconditioned, which tells nearly tangent curves apart.
    """
    box = [ball(low, high) for low, high in part]
    image = _krawczyk(function, jacobian, box)
    return image is not None and any(not new.overlaps(old) for new, old in zip(image, box, strict=True))


def _inside(part: Ranges, region: Ranges) -> bool:
    return all(a <= low and high <= b for (low, high), (a, b) in zip(part, region, strict=True))


def _meets(box: Sequence[flint.arb], ranges: Ranges) -> bool:
    return all(item.overlaps(ball(low, high)) for item, (low, high) in zip(box, ranges, strict=True))


def _same(zero: Zero, other: Zero) -> bool:
    """Whether two proved zeros are one: the enclosures meet, and one lies where the other is unique."""
    if not all(a.overlaps(b) for a, b in zip(zero.box, other.box, strict=True)):
        return False
    return any(
        all(ball(low, high).contains(item) for item, (low, high) in zip(first.box, second.region, strict=True))
        for first, second in ((zero, other), (other, zero))
    )


def _clusters(parts: Sequence[Ranges]) -> tuple[Ranges, ...]:
    """Hulls of groups of parts that touch: what is reported as undecided is few boxes, not thousands."""
    hulls: list[Ranges] = []
    for part in parts:
        merged = part
        again = True
        while again:
            again = False
            for hull in hulls:
                if all(a <= high and low <= b for (low, high), (a, b) in zip(merged, hull, strict=True)):
                    hulls.remove(hull)
                    merged = tuple((min(a, c), max(b, d)) for (a, b), (c, d) in zip(merged, hull, strict=True))
                    again = True
                    break
        hulls.append(merged)
    return tuple(hulls)
