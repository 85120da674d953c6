"""How do stability and Turing conditions follow from the equations of any system? The derivation as rows to read."""

# sympy's annotations of equations and solvers are partial
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from rdmf_theory.errors import ParameterError
from rdmf_theory.kinetics import ReactionSystem
from rdmf_theory.row import Row
from rdmf_theory.systems.state_families import Family, state_families
from rdmf_theory.systems.threshold_formulas import at_samples, closed_forms, neat

GROWTH, MU = sp.Symbol("lambda"), sp.Symbol("mu")


def _eq(left: Any, right: Any) -> Any:
    # an unevaluated equation: sympy must not decide it
    return sp.Eq(left, right, evaluate=False)


def derive_system(
    system: ReactionSystem, values: Mapping[str, Fraction] | None = None, *, states: bool = True
) -> tuple[tuple[Row, ...], str]:
    """Equations, Jacobian and dispersion relation of any system; of two rational species also states and conditions.

    Arguments:
        system: the reactions.
        values: parameters and diffusions to put in, by name; the others stay symbols.
        states: whether to look for states and conditions, the part whose time has no useful bound.
    Returns: the rows, and a note on what has no closed form; empty if nothing is missing.
    """
    at = {
        symbol: sp.Rational(*values[symbol.name].as_integer_ratio())
        for symbol in (*system.parameters, *system.diffusions)
        if values and symbol.name in values
    }
    reactions = [reaction.subs(at) for reaction in system.reactions]
    diffusion = [symbol.subs(at) for symbol in system.diffusions]
    rows = _general_rows(system, reactions, diffusion)
    if not states:
        return tuple(rows), ""
    if len(reactions) != 2 or not system.is_rational:
        return tuple(rows), "states and conditions in closed form want two species with rational reactions"
    try:
        families = state_families(reactions, system.species)
    except ParameterError as error:
        return tuple(rows), str(error)
    for number, family in enumerate(families, start=1):
        suffix = f"_{number}" if len(families) > 1 else ""
        rows.extend(_family_rows(system, reactions, diffusion, family, suffix))
    return tuple(rows), "" if families else "there is no homogeneous steady state"


def _general_rows(system: ReactionSystem, reactions: list[Any], diffusion: list[Any]) -> list[Row]:
    rows = []
    for species, rate, coefficient in zip(system.species, reactions, diffusion, strict=True):
        left, second = sp.Symbol(f"{species}_t"), sp.Symbol(f"{species}_xx")
        rows.append(Row(f"equation_{species}", f"Rate of change of {species}.", _eq(left, coefficient * second + rate)))
    jacobian = sp.Matrix(reactions).jacobian(list(system.species)).applyfunc(sp.factor)
    size = len(reactions)
    J, D, identity = (sp.MatrixSymbol(name, size, size) for name in ("J", "D", "I"))
    rows.append(Row("jacobian", "Jacobian of the reactions at any state.", _eq(J, sp.ImmutableMatrix(jacobian))))
    rows.append(Row("diffusion", "Diffusion matrix.", _eq(D, sp.ImmutableMatrix(sp.diag(*diffusion)))))
    relation = sp.Determinant(GROWTH * identity - J + MU * D)
    rows.append(Row("modes", "Growth rates lambda of the mode mu = wavenumber^2.", _eq(relation, 0)))
    return rows


def _family_rows(
    system: ReactionSystem, reactions: list[Any], diffusion: list[Any], family: Family, suffix: str
) -> list[Row]:
    u, v = system.species
    D_u, D_v = diffusion
    jacobian = [[family.at(sp.diff(reaction, species)) for species in (u, v)] for reaction in reactions]
    (f_u, f_v), (g_u, g_v) = jacobian
    trace = _shorter(f_u + g_v, family)
    determinant = _shorter(f_u * g_v - f_v * g_u, family)
    slope = _shorter(D_v * f_u + D_u * g_v, family)
    rows = _state_rows(family, suffix)

    def add(name: str, words: str, formula: Any) -> None:
        rows.append(Row(f"{name}{suffix}", words, formula))

    tr, det, c, e, h = sp.symbols("tr det c e h")
    add("jacobian_state", "Jacobian at the state.", _eq(sp.MatrixSymbol("J", 2, 2), sp.ImmutableMatrix(jacobian)))
    add("trace", "Trace of the Jacobian; stable without diffusion needs tr < 0.", _eq(tr, trace))
    add("determinant", "Determinant; stable without diffusion needs det > 0.", _eq(det, determinant))
    add("slope", "Growth of det(mu D - J) downwards from mu = 0: Turing instability needs c > 0.", _eq(c, slope))
    mode = D_u * D_v * MU**2 - c * MU + det
    add("mode_determinant", "det(mu D - J): a mode grows where it is negative, given tr < 0.", _eq(h, mode))
    add("dispersion", "Dispersion relation of one mode.", _eq(GROWTH**2 - (tr - (D_u + D_v) * MU) * GROWTH + h, 0))
    if not trace.is_nonzero:
        add("hopf", "Hopf boundary, where det > 0.", _eq(_numerator(trace), 0))
    if not determinant.is_nonzero:
        add("saddle_node", "A zero eigenvalue, where states meet.", _eq(_numerator(determinant), 0))
    if slope.is_negative or not (_may_be_positive(f_u) or _may_be_positive(g_v)):
        add("no_turing", "No species activates itself: never Turing-unstable.", sp.Lt(c, 0, evaluate=False))
        return rows
    gap = _shorter(slope**2 - 4 * D_u * D_v * determinant, family)
    add("turing", "Turing-unstable iff tr < 0, det > 0, c > 0 and e = c^2 - 4 D_u D_v det > 0.", _eq(e, gap))
    positive = {symbol: sp.Symbol(symbol.name, positive=True) for symbol in system.parameters}
    critical = sp.sqrt((determinant / (D_u * D_v)).subs(positive))
    add("critical_mu", "The mode that goes first: its wavenumber squared.", _eq(sp.Symbol("mu_c"), critical))
    for own, name, ratio in ((f_u, u, D_v / D_u), (g_v, v, D_u / D_v)):
        if _may_be_positive(own):
            words = f"Critical ratio of diffusions where {name} activates itself and the other species does not."
            value = _ratio(*(x.subs(positive) for x in (determinant, f_v * g_u, own)))
            add(f"critical_ratio_{name}", words, _eq(ratio, value))
    if family.is_closed:
        entries = [[entry.subs(positive) for entry in row] for row in jacobian]
        state = [value.subs(positive) for value in family.values]
        for row in closed_forms(entries, diffusion, state, family.species):
            add(row.name, row.words, row.formula)
    return rows


def _shorter(expression: Any, family: Family) -> Any:
    """The expression as it is built, or at the state in its shortest form."""
    return min((expression, family.at(expression)), key=sp.count_ops)


def _state_rows(family: Family, suffix: str) -> list[Row]:
    rows = []
    unknown = family.species[family.unknown]
    if not family.is_closed:
        polynomial = sp.collect(sp.expand(family.polynomial), unknown)
        rows.append(Row(f"state_{unknown}{suffix}", f"Homogeneous states: {unknown} is a root of", _eq(polynomial, 0)))
    for species, value in zip(family.species, family.values, strict=True):
        if value != species:
            rows.append(Row(f"state_{species}{suffix}", f"Homogeneous state: {species}.", _eq(species, value)))
    return rows


def _may_be_positive(expression: Any) -> bool:
    """False if an entry is negative at every sample of positive symbols: its species never activates itself."""
    (values,) = at_samples([sp.sympify(expression)])
    return bool(np.any(values.real > 0))


def _numerator(expression: Any) -> Any:
    if sp.count_ops(expression) > 60:
        # factoring this would take long and read worse
        return expression
    return sp.factor(sp.numer(sp.together(expression)))


def _ratio(determinant: Any, cross: Any, own: Any) -> Any:
    """`(sqrt det + sqrt(-f_v g_u))^2 / f_u^2`."""
    if sp.count_ops(determinant) > 60:
        return ((sp.sqrt(determinant) + sp.sqrt(-cross)) / own) ** 2
    return neat(((sp.sqrt(sp.factor(determinant)) + sp.sqrt(sp.factor(-cross))) / own) ** 2)
