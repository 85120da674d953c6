"""A region as SMT-LIB 2 text: real arithmetic that z3, cvc5 and others read.

The conditions' own formulas run on `Term`s, which write themselves down. Square roots become new constants r with
`r >= 0` and `r r = radicand`; numbers are exact rationals.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from rdmf_theory.errors import ParameterError
from rdmf_theory.regions.admissible import AdmissibleRegion
from rdmf_theory.regions.conditions import Conjunction
from rdmf_theory.regions.export import as_conjunction


class Term:
    """An SMT-LIB term of sort Real, and what its named constants stand for."""

    __array_ufunc__ = None

    def __init__(self, text: str, constants: dict[tuple[str, str], str]) -> None:
        self.text = text
        self.constants = constants

    def _join(self, operator: str, *others: Any) -> Term:
        texts = [self.text, *(_text(other) for other in others)]
        return Term(f"({operator} {' '.join(texts)})", self.constants)

    def __add__(self, other: Any) -> Term:
        return self._join("+", other)

    def __radd__(self, other: Any) -> Term:
        return Term(_text(other), self.constants)._join("+", self)

    def __sub__(self, other: Any) -> Term:
        return self._join("-", other)

    def __rsub__(self, other: Any) -> Term:
        return Term(_text(other), self.constants)._join("-", self)

    def __neg__(self) -> Term:
        return self._join("-")

    def __mul__(self, other: Any) -> Term:
        return self._join("*", other)

    def __rmul__(self, other: Any) -> Term:
        return Term(_text(other), self.constants)._join("*", self)

    def __truediv__(self, other: Any) -> Term:
        return self._join("/", other)

    def __rtruediv__(self, other: Any) -> Term:
        return Term(_text(other), self.constants)._join("/", self)

    def __pow__(self, exponent: int) -> Term:
        if exponent < 1:
            raise ParameterError(f"exponent must be a positive integer. Got {exponent}; divide instead.")
        if exponent == 1:
            return self
        base = self if len(self.text) < 40 or exponent == 2 else self.named("let")
        return base._join("*", *[base] * (exponent - 1))

    def named(self, kind: str) -> Term:
        """A constant that stands for this term ("let") or for its root ("root"); one for each different term."""
        name = self.constants.setdefault((kind, self.text), f"{kind}_{len(self.constants)}")
        return Term(name, self.constants)

    def __abs__(self) -> Term:
        return self.maximum(-self)

    def sqrt(self) -> Term:
        """A constant r with r >= 0 and r r = this term; one for each different radicand."""
        return self.named("root")

    def minimum(self, other: Any) -> Term:
        """The smaller one."""
        return Term(f"(ite (<= {self.text} {_text(other)}) {self.text} {_text(other)})", self.constants)

    def maximum(self, other: Any) -> Term:
        """The larger one."""
        return Term(f"(ite (>= {self.text} {_text(other)}) {self.text} {_text(other)})", self.constants)


def _text(value: Any) -> str:
    if isinstance(value, Term):
        return value.text
    number = Fraction(value)
    top, bottom = abs(number.numerator), number.denominator
    text = f"{top}.0" if bottom == 1 else f"(/ {top}.0 {bottom}.0)"
    return f"(- {text})" if number < 0 else text


def smt_text(
    region: AdmissibleRegion | Conjunction,
    box: Mapping[str, tuple[Any, Any]] | None = None,
    *,
    claim: str | None = None,
) -> str:
    """SMT-LIB 2 text whose models are the points of the region, every condition named.

    Arguments:
        region: an `AdmissibleRegion` (all conditions but `mode_on_axis`, its box included) or a `Conjunction`.
        box: closed intervals of coordinates, exact rationals, as further assertions.
        claim: an SMT-LIB formula over the coordinates; its negation is asserted, so `unsat` proves it on the region.
    Raises: ParameterError if `box` names no coordinate of the region.
    """
    conjunction = as_conjunction(region)
    intervals = dict(box or {})
    unknown = sorted(set(intervals) - set(conjunction.coordinates))
    if unknown:
        raise ParameterError(f"box must name coordinates of {conjunction.coordinates}. Got {unknown}.")
    if isinstance(region, AdmissibleRegion):
        for name, low, high in zip(conjunction.coordinates, region.lower, region.upper, strict=True):
            intervals.setdefault(name, (low, high))
    constants: dict[tuple[str, str], str] = {}
    margins = conjunction.margins(*(Term(name, constants) for name in conjunction.coordinates))
    words = {condition.name: condition.words for condition in conjunction.conditions}
    lines = ["; written by rdmf: a point is in the region iff every assertion holds", "(set-logic QF_NRA)"]
    if isinstance(region, AdmissibleRegion):
        lines.append("; mode_on_axis (a growing mode at every clip count) is not algebraic and not included")
        if region.bandwidth is not None:
            lines.append("; bandwidth is not algebraic and not included")
    lines += [f"(declare-const {name} Real)" for name in (*conjunction.coordinates, *constants.values())]
    for name, (low, high) in intervals.items():
        lines.append(f"(assert (and (<= {_text(low)} {name}) (<= {name} {_text(high)})))")
    for (kind, text), name in constants.items():
        root = f"(and (>= {name} 0.0) (= (* {name} {name}) {text}))"
        lines.append(f"(assert {root if kind == 'root' else f'(= {name} {text})'})")
    for name, margin in margins.items():
        lines.append(f"; {words[name] or name}\n(assert (! (> {_text(margin)} 0.0) :named {name}))")
    if claim is not None:
        lines.append(f"; unsat proves the claim on the whole region\n(assert (not {claim}))")
    return "\n".join([*lines, "(check-sat)", ""])
