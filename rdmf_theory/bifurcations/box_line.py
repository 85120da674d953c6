"""Which bifurcations lie in a box of states along one parameter? All of them, proved, for reactions of any functions.

State and parameter are unknowns of one system: the reactions, and the condition of a kind. Bisection and Krawczyk's
test find all its zeros (`arithmetic.zeros`), so that nothing is sampled: what is listed is proved, what is not
excluded is said. Exact algebra (`exact_line`) needs no box, but rational reactions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import flint

from rdmf_theory.arithmetic.enclosure import ball, precision
from rdmf_theory.arithmetic.rational import Rational, to_fraction
from rdmf_theory.arithmetic.zeros import BITS, Ranges, find_zeros
from rdmf_theory.bifurcations.equations import DefiningSystem, conditions_of, require_two_species
from rdmf_theory.bifurcations.record import Bifurcation, describe
from rdmf_theory.bifurcations.roots import Root
from rdmf_theory.systems.homogeneous_states import box_ranges
from rdmf_theory.systems.point import SystemPoint, admissible, at_exponents, resolve_name

KINDS = ("saddle-node", "hopf", "turing")
# what must be positive beside the condition that vanishes
_BESIDE = {"hopf": "determinant", "turing": "spread"}


@dataclass(frozen=True)
class BoxLine:
    """The bifurcations of states in a box along one parameter.

    Arguments:
        records: those that are proved, sorted by the parameter.
        complete: kinds of which none is missing.
        notes: where a kind is undecided, in words.
    """

    records: tuple[Bifurcation, ...]
    complete: tuple[str, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: how it was searched."""
        return {"complete": list(self.complete), "samples": 0, "notes": list(self.notes)}


def line_in_box(
    point: SystemPoint,
    axis: str,
    low: Rational,
    high: Rational,
    box: Mapping[str, tuple[Rational, Rational]],
    *,
    most: int = 20_000,
) -> BoxLine:
    """All saddle-node, Hopf and Turing bifurcations of states in a box along one parameter or diffusion.

    Arguments:
        point: all other values; two species.
        axis: name of the parameter that varies from `low` to `high`.
        box: (low, high) by species.
        most: largest number of parts that are looked at for each kind.
    Raises: ParameterError for a bad axis or box, or another number of species.
    """
    require_two_species(point.system)
    name = resolve_name(point.system, axis)
    ends = to_fraction(name, low), to_fraction(name, high)
    system = at_exponents(point.system, {key: value for key, value in point.values.items() if key != name})
    point = SystemPoint(system, point.values)
    ranges = (*box_ranges(point, box), ends)
    records: list[Bifurcation] = []
    complete, notes = [], []
    # no diffusion moves the states or their stability without it
    diffuses = name in {symbol.name for symbol in system.diffusions}
    for kind in KINDS:
        if diffuses and kind != "turing":
            complete.append(kind)
            continue
        found, open_parts = _zeros(point, name, kind, ranges, most)
        records += found
        if open_parts:
            notes += [_note(kind, part, name, point) for part in open_parts]
        else:
            complete.append(kind)
    ordered = sorted(records, key=lambda record: record.values[name])
    return BoxLine(tuple(ordered), tuple(complete), tuple(notes))


def _zeros(
    point: SystemPoint, name: str, kind: str, ranges: Ranges, most: int
) -> tuple[list[Bifurcation], list[tuple[flint.arb, ...]]]:
    """The proved bifurcations of a kind, and the boxes where it is undecided."""
    defining = DefiningSystem(point, (name,), conditions_of(kind))
    system = point.system

    def defined(unknowns: Any) -> bool | None:
        values = [unknowns[2] if symbol.name == name else _ball(point, symbol) for symbol in system.parameters]
        # on the edge of a domain there is one side only, and no bifurcation
        return admissible(system, unknowns[:2], values, interior=True)

    def excluded(unknowns: list[flint.arb]) -> bool:
        beside = _BESIDE.get(kind)
        return defined(unknowns) is False or (beside is not None and bool(defining.test(beside, unknowns) < 0))

    search = find_zeros(defining.equations, defining.jacobian, ranges, most=most, excluded=excluded)
    records, undecided = [], []
    with precision(BITS):
        undecided += [tuple(ball(low, high) for low, high in part) for part in search.undecided]
        for zero in search.zeros:
            unknowns = list(zero.box)
            if excluded(unknowns):
                continue
            beside = _BESIDE.get(kind)
            # a point on an end of the range counts, one that may lie outside the domain does not
            if defined(unknowns) is None or (beside is not None and not defining.test(beside, unknowns) > 0):
                undecided.append(zero.box)
                continue
            records.append(describe(defining, kind, Root(zero.box, True)))
    return records, undecided


def _ball(point: SystemPoint, symbol: Any) -> flint.arb:
    return ball(Fraction(point.values[symbol.name]))


def _note(kind: str, part: tuple[flint.arb, ...], name: str, point: SystemPoint) -> str:
    names = (*(symbol.name for symbol in point.system.species), name)
    where = ", ".join(f"{key} in [{_end(x.lower())}, {_end(x.upper())}]" for key, x in zip(names, part, strict=True))
    return (
        f"{kind}: undecided for {where}: a singular point (a pitchfork, a transcritical or double one), the edge of a "
        "domain, a kink, or too large a box"
    )


def _end(number: flint.arb) -> str:
    return f"{float(number.mid()):.9g}"
