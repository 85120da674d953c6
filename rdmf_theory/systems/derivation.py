"""How do stability and Turing conditions follow from the equations of any system? The derivation as rows to read."""

# sympy's annotations of equations and solvers are partial
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import sympy as sp

from rdmf_theory.errors import ParameterError
from rdmf_theory.kinetics import ReactionSystem
from rdmf_theory.row import Row
from rdmf_theory.support.time_limit import OutOfTime, processor_limit
from rdmf_theory.systems.free_names import FreeNames, distinct
from rdmf_theory.systems.point import at_exponents
from rdmf_theory.systems.provable_signs import sign_where_positive
from rdmf_theory.systems.state_families import Family, state_families
from rdmf_theory.systems.threshold_formulas import closed_forms, neat, occurs_together, poles_of

# what may go wrong in one formula: it is then left out, and said so
_FAILURES = (ParameterError, ArithmeticError, NotImplementedError, ValueError, sp.polys.polyerrors.BasePolynomialError)


def _eq(left: Any, right: Any) -> Any:
    # an unevaluated equation: sympy must not decide it
    return sp.Eq(left, right, evaluate=False)


def derive_system(
    system: ReactionSystem,
    values: Mapping[str, Fraction] | None = None,
    *,
    states: bool = True,
    seconds: float = math.inf,
) -> tuple[tuple[Row, ...], str]:
    """Equations, Jacobian and dispersion relation of any system; of two rational species also states and conditions.

    Arguments:
        system: the reactions.
        values: parameters and diffusions to put in, by name; the others stay symbols.
        states: whether to look for states and conditions, the part whose time has no useful bound.
        seconds: processor time for the conditions of all states together; what does not end in its share is left out.
    Returns: the rows, and a note on what is missing; empty if nothing is.
    """
    system = at_exponents(system, values or {})
    at = {
        symbol: sp.Rational(*values[symbol.name].as_integer_ratio())
        for symbol in (*system.parameters, *system.diffusions)
        if values and symbol.name in values
    }
    reactions = [reaction.subs(at) for reaction in system.reactions]
    diffusion = [symbol.subs(at) for symbol in system.diffusions]
    names = FreeNames.beside(system)
    rows = _general_rows(system, reactions, diffusion, names, at)
    if not states:
        return _labelled(rows), ""
    if len(reactions) != 2 or not system.is_rational:
        return _labelled(rows), "states and conditions in closed form want two species with rational reactions"
    try:
        families = state_families(reactions, system.species)
    except ParameterError as error:
        return _labelled(rows), str(error)
    if not families:
        return _labelled(rows), "there is no homogeneous steady state"
    missing: list[str] = []
    for number, family in enumerate(families, start=1):
        suffix = f"_{number}" if len(families) > 1 else ""
        derivation = _FamilyRows(system, reactions, diffusion, family, suffix, names)
        try:
            with processor_limit(seconds / len(families)):
                derivation.run()
        except OutOfTime:
            missing.append(f"what comes after {derivation.rows[-1].name} (not within its time; raise --timeout)")
        rows.extend(derivation.rows)
        missing.extend(derivation.missing)
    return _labelled(rows), f"left out: {'; '.join(missing)}" if missing else ""


def _labelled(rows: list[Row]) -> tuple[Row, ...]:
    """The rows with names that differ, since a species or parameter may be called like a row."""
    return tuple(replace(row, name=name) for row, name in zip(rows, distinct([row.name for row in rows]), strict=True))


def _domain(system: ReactionSystem, at: Mapping[Any, Any]) -> list[Row]:
    """Where logarithms, roots and real powers are numbers, if that is a condition."""
    wanted = [requirement.subs(at) for requirement in system.requirements]
    signs = [(sp.Ge if item.closed else sp.Gt)(item.argument, 0) for item in wanted if not item.vacuous]
    where = sp.And(*signs)
    words = "Where the reactions are real numbers, logarithms, roots and real powers as they were written."
    return [] if where in (sp.true, sp.false) else [Row("domain", words, where)]


def _general_rows(
    system: ReactionSystem, reactions: list[Any], diffusion: list[Any], names: FreeNames, at: Mapping[Any, Any]
) -> list[Row]:
    rows = []
    taken = {symbol.name for symbol in system.symbols}
    for species, rate, coefficient in zip(system.species, reactions, diffusion, strict=True):
        # a parameter may be called u_t
        time, space = ("_t", "_xx") if not {f"{species}_t", f"{species}_xx"} & taken else ("_dt", "_dxdx")
        left, second = sp.Symbol(f"{species}{time}"), sp.Symbol(f"{species}{space}")
        rows.append(Row(f"equation_{species}", f"Rate of change of {species}.", _eq(left, coefficient * second + rate)))
    rows.extend(_domain(system, at))
    jacobian = sp.Matrix(reactions).jacobian(list(system.species))
    # sympy factors roots into conjugates, which is no shorter
    jacobian = jacobian.applyfunc(sp.factor) if system.is_rational else jacobian
    size = len(reactions)
    J, D, identity = (names.matrix(name, size) for name in ("J", "D", "I"))
    growth, mu = names.symbol("lambda"), names.symbol("mu")
    rows.append(Row("jacobian", "Jacobian of the reactions at any state.", _eq(J, sp.ImmutableMatrix(jacobian))))
    rows.append(Row("diffusion", "Diffusion matrix.", _eq(D, sp.ImmutableMatrix(sp.diag(*diffusion)))))
    relation = sp.Determinant(growth * identity - J + mu * D)
    rows.append(Row("modes", f"Growth rates {growth} of the mode {mu} = wavenumber^2.", _eq(relation, 0)))
    return rows


class _FamilyRows:
    """The rows of one family of states, in `rows`; what could not be derived, in words, in `missing`."""

    def __init__(
        self,
        system: ReactionSystem,
        reactions: list[Any],
        diffusion: list[Any],
        family: Family,
        suffix: str,
        names: FreeNames,
    ) -> None:
        self.system, self.reactions, self.diffusion = system, reactions, diffusion
        self.family, self.suffix, self.names = family, suffix, names
        self.rows = _state_rows(family, suffix)
        self.missing: list[str] = []

    def add(self, name: str, words: str, formula: Any) -> None:
        """One row; a formula that is real nowhere, or infinite, is none."""
        if formula.has(sp.I, sp.zoo, sp.nan, sp.oo):
            return
        self.rows.append(Row(f"{name}{self.suffix}", words, formula))

    def run(self) -> None:
        """Derive all rows."""
        family, names, species = self.family, self.names, self.system.species
        D_u, D_v = self.diffusion
        jacobian = [[family.at(sp.diff(reaction, x)) for x in species] for reaction in self.reactions]
        (f_u, f_v), (g_u, g_v) = jacobian
        trace = _shorter(f_u + g_v, family)
        determinant = _shorter(f_u * g_v - f_v * g_u, family)
        slope = _shorter(D_v * f_u + D_u * g_v, family)
        tr, det, c, h = (names.symbol(name) for name in ("tr", "det", "c", "h"))
        J, growth, mu = names.matrix("J", 2), names.symbol("lambda"), names.symbol("mu")
        add = self.add
        add("jacobian_state", "Jacobian at the state.", _eq(J, sp.ImmutableMatrix(jacobian)))
        add("trace", f"Trace of the Jacobian; stable without diffusion needs {tr} < 0.", _eq(tr, trace))
        add("determinant", f"Determinant; stable without diffusion needs {det} > 0.", _eq(det, determinant))
        falls = f"Growth of det({mu} D - J) downwards from {mu} = 0: Turing instability needs {c} > 0."
        add("slope", falls, _eq(c, slope))
        mode = D_u * D_v * mu**2 - c * mu + det
        grows = f"det({mu} D - J): a mode grows where it is negative, given {tr} < 0."
        add("mode_determinant", grows, _eq(h, mode))
        add("dispersion", "Dispersion relation of one mode.", _eq(growth**2 - (tr - (D_u + D_v) * mu) * growth + h, 0))
        poles = poles_of([*family.values, *(entry for row in jacobian for entry in row)])
        if not sign_where_positive(determinant, assumed=True)[0] and not _decided(trace):
            self.boundary("hopf", f"Hopf boundary, where {det} > 0.", trace, poles)
        if not _decided(determinant):
            self.boundary("saddle_node", "A zero eigenvalue, where states meet.", determinant, poles)
        never, where = self.never(f_u, g_v, trace, determinant, slope)
        if never is not None:
            add("no_turing", where, never)
        if never is None or not where.endswith(_NEVER):
            self.turing(jacobian, trace, determinant, slope)

    def never(self, f_u: Any, g_v: Any, trace: Any, determinant: Any, slope: Any) -> tuple[Any, str]:
        """Why the state cannot be Turing-unstable, as an inequality and in words; (None, "") if that is not proved."""
        tr, det, c = (self.names.symbol(name) for name in ("tr", "det", "c"))
        for assumed in (True, False):
            where = (
                _NEVER if assumed else "where all parameters and species are positive there is no Turing instability."
            )
            if sign_where_positive(determinant, assumed=assumed)[0]:
                return sp.Le(det, 0, evaluate=False), f"A saddle, or on its boundary: {where}"
            if sign_where_positive(trace, assumed=assumed)[1]:
                return sp.Ge(tr, 0, evaluate=False), f"Unstable without diffusion, or on the boundary: {where}"
            entries = [sign_where_positive(entry, assumed=assumed)[0] for entry in (f_u, g_v)]
            if sign_where_positive(slope, assumed=assumed)[0] or all(entries):
                return sp.Le(c, 0, evaluate=False), f"No species activates itself enough: {where}"
        return None, ""

    def boundary(self, name: str, words: str, expression: Any, poles: list[Any]) -> None:
        """The row of an expression that vanishes on a boundary, without what makes the state infinite."""
        numerator = _numerator(expression, poles)
        if numerator.free_symbols:
            self.add(name, words, _eq(numerator, 0))

    def turing(self, jacobian: list[list[Any]], trace: Any, determinant: Any, slope: Any) -> None:
        """The rows of diffusion-driven instability."""
        (f_u, f_v), (g_u, g_v) = jacobian
        family, names, (u, v), (D_u, D_v) = self.family, self.names, self.system.species, self.diffusion
        tr, det, c, e = (names.symbol(name) for name in ("tr", "det", "c", "e"))
        if D_u * D_v == 0:
            words = f"Turing-unstable iff {tr} < 0, {det} > 0 and {c} > 0; then all short waves grow."
            self.add("turing", words, sp.Gt(c, 0, evaluate=False))
            return
        gap = _shorter(slope**2 - 4 * D_u * D_v * determinant, family)
        product = " ".join(map(str, self.system.diffusions))
        words = f"Turing-unstable iff {tr} < 0, {det} > 0, {c} > 0 and {e} = {c}^2 - 4 {product} {det} > 0."
        self.add("turing", words, _eq(e, gap))
        positive = {symbol: sp.Symbol(symbol.name, positive=True) for symbol in self.system.parameters}
        critical = sp.sqrt((determinant / (D_u * D_v)).subs(positive))
        self.add(
            "critical_mu", "The mode that goes first: its wavenumber squared.", _eq(names.symbol("mu_c"), critical)
        )
        for own, other, name, ratio in ((f_u, g_v, u, D_v / D_u), (g_v, f_u, v, D_u / D_v)):
            if not occurs_together([determinant, own, -other, -f_v * g_u, -trace]):
                continue
            words = f"Critical ratio of diffusions where {name} activates itself and the other species does not."
            value = _ratio(*(x.subs(positive) for x in (determinant, f_v * g_u, own)))
            self.add(f"critical_ratio_{name}", words, _eq(ratio, value))
        if family.is_closed:
            entries = [[entry.subs(positive) for entry in row] for row in jacobian]
            state = [value.subs(positive) for value in family.values]
            try:
                found = closed_forms(entries, self.diffusion, state, family.species)
            except _FAILURES as error:
                self.missing.append(f"thresholds of state{self.suffix or ''} solved for one symbol ({error})")
                return
            for row in found:
                self.add(row.name, row.words, row.formula)


_NEVER = "never Turing-unstable."


def _decided(expression: Any) -> bool:
    """Whether an expression is proved to have one sign under the assumptions on its symbols."""
    expression = sp.sympify(expression)
    return bool(expression.is_nonzero) or True in sign_where_positive(expression, assumed=True)


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


def _numerator(expression: Any, poles: list[Any]) -> Any:
    """The numerator without the factors `poles`: where one vanishes the state is infinite, and no boundary is there."""
    if sp.count_ops(expression) > 60:
        # factoring this would take long and read worse
        return expression
    constant, factors, *_ = sp.factor_list(sp.numer(sp.together(expression)))
    return sp.Mul(constant, *(factor**power for factor, power in factors if factor not in poles))


def _ratio(determinant: Any, cross: Any, own: Any) -> Any:
    """`(sqrt det + sqrt(-f_v g_u))^2 / f_u^2`."""
    if sp.count_ops(determinant) > 60:
        return ((sp.sqrt(determinant) + sp.sqrt(-cross)) / own) ** 2
    return neat(((sp.sqrt(sp.factor(determinant)) + sp.sqrt(sp.factor(-cross))) / own) ** 2)
