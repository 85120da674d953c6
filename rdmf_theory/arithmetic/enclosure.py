"""Formulas on boxes: rigorous enclosures in ball arithmetic (python-flint), and bisection proofs.

An enclosure is a `flint.arb`: it holds every value that the formula takes on the box, rounding included, and
is read with `mid`, `rad`, `lower`, `upper`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise, product
from typing import Any, TypeAlias

import flint

Range: TypeAlias = tuple[Fraction, Fraction]
Box: TypeAlias = tuple[Range, ...]

# Enough for the sharpest comparison in a certificate, 2^-40, after every cancellation that it tolerates.
PRECISION = 128

_SMALLEST = 2.0**-30


class ArbLibrary:
    """The `xp` of the generated formulas for Arb balls."""

    @property
    def pi(self) -> flint.arb:
        """A ball around pi at the current precision."""
        return flint.arb.pi()

    @staticmethod
    def sqrt(x: flint.arb) -> flint.arb:
        """Square root; not finite (an undecided enclosure) where the ball reaches below 0."""
        return x.sqrt()

    @staticmethod
    def sin(x: flint.arb) -> flint.arb:
        """Sine."""
        return x.sin()


ARB = ArbLibrary()


def ball(low: Fraction | int, high: Fraction | int | None = None) -> flint.arb:
    """The smallest ball at the current precision around a rational number or an interval of two."""
    ends = (Fraction(low), Fraction(low if high is None else high))
    first, last = (flint.arb(flint.fmpq(end.numerator, end.denominator)) for end in ends)
    return first.union(last) if high is not None else first


def enclose(formula: Callable[..., Any], *ranges: tuple[Any, Any], pieces: int = 1) -> Any:
    """All values of a generated formula on a box.

    Arguments:
        formula: a function of `rdmf_theory.formulas`.
        ranges: (low, high) per argument; rational, or floats, which count as the binary numbers they are.
        pieces: cut every range into this many parts and unite the results: tighter, `pieces**n` times the work.
    Returns: an `arb`, or a tuple of them where the formula returns several.
    """
    keywords = {"xp": ARB} if "xp" in inspect.signature(formula).parameters else {}
    cuts = []
    for low, high in ranges:
        a, b = Fraction(low), Fraction(high)
        ends = [a + (b - a) * i / pieces for i in range(pieces + 1)]
        cuts.append([ball(x, y) for x, y in pairwise(ends)])
    with precision(PRECISION):
        values = [formula(*balls, **keywords) for balls in product(*cuts)]
    if isinstance(values[0], tuple):
        return tuple(unite(parts) for parts in zip(*values, strict=True))
    return unite(values)


def unite(balls: Sequence[flint.arb]) -> flint.arb:
    """The smallest ball around several."""
    total = balls[0]
    for item in balls[1:]:
        total = total.union(item)
    return total


class precision:
    """Context: run Arb at a number of bits, and restore the previous setting."""

    def __init__(self, bits: int) -> None:
        self.bits = bits

    def __enter__(self) -> None:
        self.saved, flint.ctx.prec = flint.ctx.prec, self.bits

    def __exit__(self, *_: object) -> None:
        flint.ctx.prec = self.saved


class OpenLeaf(Exception):
    """A bisection ran out of leaves; `box` is where."""

    def __init__(self, box: Box) -> None:
        super().__init__("the claim is open on a part of the box")
        self.box = box


def bisect(box: Box, proved: Callable[[Box], bool], scale: Callable[[Box], Sequence[float]], most: int) -> str:
    """Halve a box until `proved` holds on every part, and describe how.

    Arguments:
        box: ranges of rational numbers.
        proved: whether the claim holds on a part.
        scale: the length per axis over which the claim varies on a part; the relatively widest axis is halved.
        most: largest number of parts.
    Returns: the tree in pre-order, lower half first: "." is a part, a digit halves along that axis.
    Raises: OpenLeaf if `most` parts do not suffice.
    """
    marks: list[str] = []
    stack = [box]
    leaves = 0
    while stack:
        part = stack.pop()
        if proved(part):
            marks.append(".")
            leaves += 1
            continue
        widths = [float(high - low) / unit for (low, high), unit in zip(part, scale(part), strict=True)]
        # on a part this small a true claim with any room is proved: do not search a needle to the last leaf
        if leaves + len(stack) >= most or max(widths) < _SMALLEST:
            raise OpenLeaf(part)
        axis = widths.index(max(widths))
        low, high = part[axis]
        middle = (low + high) / 2
        marks.append(str(axis))
        for half in ((middle, high), (low, middle)):
            stack.append((*part[:axis], half, *part[axis + 1 :]))
    return "".join(marks)
