"""Which bifurcations lie along one parameter, all of them? State equations and condition as one polynomial system.

Each kind of bifurcation is the vanishing of one polynomial at a state, so that all of its points on a line are the real
zeros of three polynomials in the state and the parameter: none is missed, and none depends on a grid. A singular
Jacobian is a fold where the states turn, or a branch point where two curves of states cross.
"""

# sympy's annotations of polynomials are partial
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from typing import Any

import sympy as sp

from rdmf_theory.arithmetic.algebraic import AlgebraicNumber
from rdmf_theory.arithmetic.enclosure import precision
from rdmf_theory.arithmetic.expressions import compile_expressions
from rdmf_theory.arithmetic.zeros import BITS
from rdmf_theory.bifurcations.equations import DefiningSystem, condition_expression, conditions_of
from rdmf_theory.bifurcations.record import Bifurcation, describe
from rdmf_theory.bifurcations.roots import Root
from rdmf_theory.kinetics import ReactionSystem
from rdmf_theory.support.time_limit import OutOfTime, processor_limit
from rdmf_theory.systems.exact_states import common_zeros
from rdmf_theory.systems.point import SystemPoint

LINE_KINDS = ("saddle-node", "hopf", "turing")
"""What is looked for along a line; a branch point is a saddle-node's equation without a fold."""


@dataclass(frozen=True)
class ExactLine:
    """What algebra found along a line.

    Arguments:
        records: all bifurcations of the kinds in `complete`.
        complete: kinds of which all points on the line are in `records`.
    """

    records: tuple[Bifurcation, ...]
    complete: tuple[str, ...]


def exact_line(
    point: SystemPoint, axis: str, low: Fraction, high: Fraction, *, clips: int | None, seconds: float
) -> ExactLine:
    """All saddle-nodes, branch points, Hopf and Turing points with the axis from `low` to `high`.

    Arguments:
        point: values of everything else; two species, rational reactions.
        axis: a resolved name.
        low, high: ends, both included.
        clips: as in `bifurcations_along`; with clips Turing points of a continuous axis are not looked for.
        seconds: processor time for each kind; one that does not end in it is not in `complete`.
    """
    system = point.system
    free = next(item for item in (*system.parameters, *system.diffusions) if item.name == axis)
    at = {
        item: sp.Rational(*Fraction(point.values[item.name]).as_integer_ratio())
        for item in (*system.parameters, *system.diffusions)
        if item is not free
    }
    unknowns = [*system.species, free]
    given = [reaction.subs(at) for reaction in system.reactions]
    isolating = [_isolating(reaction, system.species) for reaction in given]
    records: list[Bifurcation] = []
    complete = []
    for kind in LINE_KINDS[: 2 if clips is not None else 3]:
        (condition,) = conditions_of(kind)
        expression = sp.cancel(sp.together(condition_expression(system, condition).subs(at)))
        try:
            with processor_limit(seconds):
                zeros = common_zeros([*isolating, expression], unknowns, skip_continua=True) or []
                zeros = [zero for zero in zeros if low <= zero[-1] <= high and _in_domain(system, zero)]
                found = [_record(point, axis, kind, zero, clips) for zero in zeros if _isolated(given, unknowns, zero)]
        except (OutOfTime, RecursionError):
            continue
        complete.append(kind)
        records += [record for record in found if record is not None]
    return ExactLine(tuple(records), tuple(complete))


def _isolating(reaction: Any, species: Sequence[Any]) -> Any:
    """The reaction without factors of the parameter alone: where they vanish, no state is isolated."""
    above, below = sp.fraction(sp.cancel(sp.together(reaction)))
    factors = [factor**power for factor, power in sp.factor_list(above)[1] if factor.has(*species)]
    return sp.Mul(*factors) / below


def _isolated(reactions: list[Any], unknowns: list[Any], zero: Sequence[AlgebraicNumber]) -> bool:
    """Whether states are isolated at this value of the parameter; a singular Jacobian may be that of a continuum."""
    value = zero[-1].fraction
    if value is None:
        return True
    at = {unknowns[-1]: sp.Rational(*value.as_integer_ratio())}
    return common_zeros([reaction.subs(at) for reaction in reactions], unknowns[:-1]) is not None


def _in_domain(system: ReactionSystem, zero: Sequence[AlgebraicNumber]) -> bool:
    return all(x >= 0 for x, species in zip(zero, system.species, strict=False) if species.is_nonnegative)


def _record(
    point: SystemPoint, axis: str, kind: str, zero: Sequence[AlgebraicNumber], clips: int | None
) -> Bifurcation | None:
    """The record of one zero, None if the state there lacks what the kind needs besides its equation."""
    system = DefiningSystem(point, (axis,), conditions_of(kind))
    unknowns = list(zero)
    determinant, trace, spread = (_exact(system, name, unknowns) for name in ("determinant", "trace", "spread"))
    D_u, D_v = _arguments(system, unknowns)[-2:]
    product = D_u * D_v
    if kind == "hopf" and not determinant > 0:
        return None
    if kind == "turing" and not (spread > 0 and product > 0):
        return None
    shape = _shape(system, unknowns) if kind == "saddle-node" else None
    name = kind if shape in (None, "fold") else ("cusp" if shape == "inflection" else "branch-point")
    with precision(BITS):
        balls = tuple(number.enclose(2 * BITS) for number in zero)
    record = describe(system, name, Root(balls, True), None, clips)
    record = replace(record, shape=shape)
    if clips is not None:
        # modes of the clips: the enclosures of `describe` decide
        return record
    decay = not spread > 0 or (kind == "hopf" and not spread * spread - product * determinant * 4 > 0)
    stable = {"saddle-node": trace < 0 and decay, "hopf": decay, "turing": trace <= 0}[kind]
    return replace(record, primary=bool(stable) and shape != "inflection")


def _exact(system: DefiningSystem, condition: str, unknowns: list[AlgebraicNumber]) -> AlgebraicNumber:
    return _compiled(system.point.system, condition)(*_arguments(system, unknowns))[0]


def _arguments(system: DefiningSystem, unknowns: list[AlgebraicNumber]) -> list[AlgebraicNumber]:
    """Exact values of species, parameters and diffusions."""
    reactions, (axis,) = system.point.system, system.axes
    rest = [
        unknowns[2]
        if item.name == axis
        else AlgebraicNumber.from_rational(*Fraction(system.point.values[item.name]).as_integer_ratio())
        for item in (*reactions.parameters, *reactions.diffusions)
    ]
    return [*unknowns[:2], *rest]


@cache
def _compiled(system: ReactionSystem, condition: str) -> Any:
    return compile_expressions([condition_expression(system, condition)], system.symbols)


@cache
def _second_order(system: ReactionSystem, axis: str) -> Any:
    """Per reaction: f_u, f_v, f_x, f_uu, f_uv, f_vv, f_ux, f_vx, f_xx."""
    u, v = system.species
    x = next(item for item in (*system.parameters, *system.diffusions) if item.name == axis)
    orders = ((u,), (v,), (x,), (u, u), (u, v), (v, v), (u, x), (v, x), (x, x))
    return compile_expressions([sp.diff(f, *by) for f in system.reactions for by in orders], system.symbols)


def _shape(system: DefiningSystem, unknowns: list[AlgebraicNumber]) -> str:
    """What the curve of states does at a singular Jacobian.

    With null vectors q of J and w of its transpose the states turn unless `w f_x = 0`: a "fold" if `w f_uu q q != 0`,
    else an "inflection". Otherwise their tangents s q + t (p, 1), J p = -f_x, solve a quadratic form: two real ones
    cross, "transcritical" or, where one of them is q itself, "pitchfork"; none is an "isolated" state; a form of rank
    one, or J = 0, is "degenerate".

    Source: Keller, Numerical solution of bifurcation and nonlinear eigenvalue problems (1977), algebraic bifurcation
    equation.
    """
    flat = _second_order(system.point.system, system.axes[0])(*_arguments(system, unknowns))
    zero = AlgebraicNumber.from_rational(0)
    flat = [item + zero for item in flat]
    (f, g) = flat[:9], flat[9:]
    rows = [row[:2] for row in (f, g)]
    row = next((row for row in rows if row[0] or row[1]), None)
    if row is None:
        return "degenerate"
    q = (-row[1], row[0])
    # a left null vector of the rank-one matrix: it annihilates the column that does not vanish
    column = next((f[i], g[i]) for i in (0, 1) if f[i] or g[i])
    w = (-column[1], column[0])

    def form(a: Sequence[Any], b: Sequence[Any]) -> AlgebraicNumber:
        return sum(
            (
                weight * (item[3] * a[0] * b[0] + item[4] * (a[0] * b[1] + a[1] * b[0]) + item[5] * a[1] * b[1])
                for weight, item in zip(w, (f, g), strict=True)
            ),
            zero,
        )

    quadratic = form(q, q)
    if w[0] * f[2] + w[1] * g[2]:
        return "fold" if quadratic else "inflection"
    own = f if row is rows[0] else g
    size = row[0] * row[0] + row[1] * row[1]
    p = tuple(-own[2] * entry / size for entry in row)
    mixed = form(q, p) + sum((x * (i[6] * q[0] + i[7] * q[1]) for x, i in zip(w, (f, g), strict=True)), zero)
    slopes = sum((x * ((i[6] * p[0] + i[7] * p[1]) * 2 + i[8]) for x, i in zip(w, (f, g), strict=True)), zero)
    last = form(p, p) + slopes
    discriminant = mixed * mixed - quadratic * last
    if not discriminant:
        return "degenerate"
    if discriminant < 0:
        return "isolated"
    return "transcritical" if quadratic else "pitchfork"
