"""Of what order is a scheme? Its step and the flow of the equation, expanded in h and compared as polynomials.

Two clips with symbolic state, parameters and diffusions: agreement is an identity, disagreement a coefficient that does
not cancel. The series are computed in sympy's sparse polynomial rings, which takes a polynomial system.
"""

# sympy's partial annotations know neither mappings in subs nor ring elements
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportOperatorIssue=false

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from math import factorial
from typing import Any

import sympy as sp
from sympy.polys.rings import ring

from rdmf_theory.errors import ParameterError
from rdmf_theory.kinetics import GRAY_SCOTT, ReactionSystem
from rdmf_theory.schemes.definition import LAP, Scheme, Stage, h

LARGEST_ORDER = 2
CLIPS = 2


def _laplacian(values: list[Any]) -> list[Any]:
    return [values[1] - values[0], values[0] - values[1]]


def _is_polynomial(system: ReactionSystem) -> bool:
    return all(f.is_polynomial(*system.species, *system.parameters) for f in system.reactions)


class _Series:
    """Polynomials in h with polynomial coefficients, h above LARGEST_ORDER + 1 dropped."""

    def __init__(self, system: ReactionSystem) -> None:
        self.state = [[sp.Symbol(f"{x}_{i}_now") for i in range(CLIPS)] for x in system.species]
        self.constants = [*system.parameters, *system.diffusions]
        flat = [x for row in self.state for x in row]
        self.ring, self.h, *generators = ring([h, *flat, *self.constants], sp.QQ)
        self.of = dict(zip([*flat, *self.constants], generators, strict=True)) | {h: self.h}

    def cut(self, element: Any) -> Any:
        return self.ring.from_dict({k: c for k, c in element.items() if k[0] <= LARGEST_ORDER + 1})

    def value(self, expression: Any, at: dict[Any, Any]) -> Any:
        """A polynomial expression with ring elements for its symbols and Laplacians."""
        values = self.of | at
        if expression in values:
            return values[expression]
        if expression.is_Rational:
            return self.ring(sp.QQ(int(expression.p), int(expression.q)))
        parts = [self.value(part, at) for part in (expression.args[:1] if expression.is_Pow else expression.args)]
        if expression.is_Add:
            return sum(parts, self.ring.zero)
        if expression.is_Pow:
            return self._product(parts * int(expression.exp))
        return self._product(parts)

    def _product(self, parts: Iterable[Any]) -> Any:
        result = self.ring.one
        for part in parts:
            result = self.cut(result * part)
        return result

    def coefficients(self, element: Any) -> list[Any]:
        """Coefficients of h^0, h^1, ... as ring elements free of h."""
        return [
            self.ring.from_dict({(0, *k[1:]): c for k, c in element.items() if k[0] == power})
            for power in range(LARGEST_ORDER + 2)
        ]


def _flow(series: _Series, system: ReactionSystem) -> list[list[Any]]:
    """Taylor coefficients of the semi-discrete flow: derivatives along it over factorials."""
    flat = [series.of[x] for row in series.state for x in row]
    rates = []
    for f, D, row in zip(system.reactions, system.diffusions, series.state, strict=True):
        for i, lap in enumerate(_laplacian([series.of[x] for x in row])):
            here = {x: series.of[values[i]] for x, values in zip(system.species, series.state, strict=True)}
            rates.append(series.value(sp.expand(f), here) + series.of[D] * lap)
    derivatives, result = flat, [flat]
    for power in range(1, LARGEST_ORDER + 2):
        derivatives = [
            sum((x.diff(y) * rate for y, rate in zip(flat, rates, strict=True)), series.ring.zero) for x in derivatives
        ]
        result.append([x.mul_ground(sp.QQ(1, factorial(power))) for x in derivatives])
    return result


def _solve(series: _Series, stage: Stage, fields: dict[Any, list[Any]]) -> list[Any]:
    """The stage's unknown on every clip; each pass of the fixed point settles one more power of h."""
    lead = stage.parts()[0].subs(h, 0)
    scale = sp.QQ(int(lead.q), int(lead.p))
    unknown = [series.ring.zero] * CLIPS
    for _ in range(LARGEST_ORDER + 2):
        known = fields | {stage.unknown: unknown}
        laps = {x: _laplacian(rows) for x, rows in known.items()}
        updated = []
        for i in range(CLIPS):
            here = {LAP(x): laps[x][i] for x in known} | {x: rows[i] for x, rows in known.items()}
            residual = series.cut(series.value(stage.residual, here))
            updated.append(unknown[i] - residual.mul_ground(scale))
        unknown = updated
    return unknown


@cache
def order(scheme: Scheme, system: ReactionSystem = GRAY_SCOTT) -> int:
    """Order of a scheme: its step agrees with the flow of the equation up to h^order, and no further.

    Raises: ParameterError for a system that is not polynomial.
    """
    if not _is_polynomial(system):
        raise ParameterError(f"order needs a polynomial system. {system.name} is not one; measure its order instead.")
    series = _Series(system)
    update = scheme.update(system)
    fields: dict[Any, list[Any]] = {
        x: [series.of[value] for value in row] for x, row in zip(system.species, series.state, strict=True)
    }
    for stage in update.stages:
        fields[stage.unknown] = _solve(series, stage, fields)
    step = [series.coefficients(value) for x in update.next_state for value in fields[x]]
    for power, terms in enumerate(_flow(series, system)):
        if any(coefficients[power] != term for coefficients, term in zip(step, terms, strict=True)):
            return power - 1
    raise ArithmeticError(f"{scheme.name} agrees beyond order {LARGEST_ORDER}; raise LARGEST_ORDER")
