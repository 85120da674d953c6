"""Are a scheme's fixed points the steady states, and do its fields stay positive? Decided on the stages themselves."""

# sympy's partial annotations know neither mappings in subs nor entries of matrices
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import sympy as sp

from rdmf_theory.kinetics import GRAY_SCOTT, ReactionSystem
from rdmf_theory.schemes.definition import LAP, Scheme, Stage, h
from rdmf_theory.schemes.run import run_exact

# Two clips in exact balance: steady for these parameters, and not uniform.
PATTERNED = {
    "fields": (("3/5", "2/5"), ("1/5", "2/5")),
    "values": {"F": "11/125", "k": "22/375", "s": "1", "D_u": "7/125", "D_v": "2/75"},
}
# No activator, and hF = 2: every substrate is fixed under a second-order explicit step of u' = F (1 - u).
SPURIOUS = {"fields": (("1/2",), ("0",)), "values": {"F": "2", "k": "1", "s": "1", "D_u": "1", "D_v": "1"}}
# Two uniform states from which explicit reactions leave the positive quadrant; the second one is for Heun's average.
NEGATIVE = (
    {"fields": (("1",), ("10",)), "values": {"F": "1/10", "k": "1/10", "s": "1", "D_u": "1", "D_v": "1"}},
    {"fields": (("1",), ("2",)), "values": {"F": "1/10", "k": "1/10", "s": "1", "D_u": "1", "D_v": "1"}},
)


@dataclass(frozen=True)
class Finding:
    """An answer with its reason.

    Arguments:
        answer: "yes", "no", "one way" (steady states are fixed, but so are others) or "undecided".
        reason: the proof in words, or what the witness shows.
        witness: exact numbers of a counter-example, or None.
    """

    answer: str
    reason: str
    witness: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"answer": self.answer, "reason": self.reason, "witness": self.witness}


@cache
def well_balanced(scheme: Scheme, system: ReactionSystem = GRAY_SCOTT) -> Finding:
    """Whether the fixed points on T clips are the steady states of the semi-discrete system, patterned ones too.

    The residuals are taken where every stage equals the old state, Laplacians included. Without stages inside the step,
    residuals equal to `-h (f + D Lap)` prove both directions.
    """
    update = scheme.update(system)
    n = len(system.species)
    same = {x: system.species[i % n] for i, x in enumerate(update.unknowns)}
    residuals = []
    for stage in update.stages:
        laps = {LAP(x): LAP(same[x]) for x in same}
        residuals.append(sp.expand(stage.residual.subs(laps).subs(same, simultaneous=True)))
    rates = [f + D * LAP(x) for f, D, x in zip(system.reactions, system.diffusions, system.species, strict=True)]
    if not update.inner and all(_vanishes(r + h * f) for r, f in zip(residuals, rates, strict=True)):
        return Finding("yes", "at a fixed point the residuals are -h (f + D Lap): zero exactly at steady states")
    steady = {LAP(x): -f / D for x, f, D in zip(system.species, system.reactions, system.diffusions, strict=True)}
    if all(_vanishes(r.subs(steady)) for r in residuals):
        witness = _spurious(scheme) if system is GRAY_SCOTT else None
        reason = "steady states are fixed points; the converse fails" if witness else "steady states are fixed points"
        return Finding("one way", reason, witness)
    witness = _moved(scheme) if system is GRAY_SCOTT else None
    return Finding("no", "a patterned steady state is not a fixed point", witness)


def _vanishes(expression: Any) -> bool:
    return sp.cancel(sp.together(expression)) == 0


def _exact(scheme: Scheme, example: Any) -> tuple[list[list[Any]], list[list[Any]], list[Any]]:
    """(state, next state, rates of the equation) of a Gray-Scott example, exactly."""
    state = [[sp.Rational(x) for x in row] for row in example["fields"]]
    after = run_exact(scheme, example["fields"], example["values"])
    at = {p: sp.Rational(example["values"][str(p)]) for p in (*GRAY_SCOTT.parameters, *GRAY_SCOTT.diffusions)}
    rates = []
    for f, D, row in zip(GRAY_SCOTT.reactions, GRAY_SCOTT.diffusions, state, strict=True):
        for i, own in enumerate(row):
            here = dict(zip(GRAY_SCOTT.species, (values[i] for values in state), strict=True))
            rates.append((f.subs(here) + D * (sum(row) - len(row) * own)).subs(at))
    return state, after, rates


def _moved(scheme: Scheme) -> dict[str, Any] | None:
    """The patterned steady state and where the scheme takes it, if it moves."""
    state, after, rates = _exact(scheme, PATTERNED)
    if any(rates) or state == after:
        return None
    return {**PATTERNED, "h": "1", "next": [[str(x) for x in row] for row in after]}


def _spurious(scheme: Scheme) -> dict[str, Any] | None:
    """A fixed point of the scheme that is no steady state."""
    state, after, rates = _exact(scheme, SPURIOUS)
    return {**SPURIOUS, "h": "1", "rates": [str(x) for x in rates]} if state == after and any(rates) else None


@cache
def positive(scheme: Scheme, system: ReactionSystem = GRAY_SCOTT) -> Finding:
    """Whether non-negative fields stay non-negative for every step size, all parameters positive, any T.

    In each stage `(c + h loss - h D Lap) x = right side` the matrix is an M-matrix if c > 0 and loss, D >= 0, so x >= 0
    follows from a right side >= 0. With `Lap y = neighbours - 2 y` the right side is a sum of terms in non-negative
    quantities: no negative term proves it, nor do factors that are squares or have no negative term. If all negative
    terms carry the same field y, then `h (...) <= 1` is sufficient, and it is given as the reason. "No" has a witness;
    without one, and without a proof, the answer is "undecided".
    """
    conditions: list[str] = []
    open_stages = []
    for stage in scheme.update(system).stages:
        found = _positivity_condition(stage)
        if found is None:
            open_stages.append(stage)
        else:
            conditions += found
    if not open_stages and not conditions:
        return Finding("yes", "M-matrices on the left, only positive terms on the right")
    witness = _leaves_quadrant(scheme) if system is GRAY_SCOTT else _negative_step(scheme, system)
    if open_stages:
        name = open_stages[0].unknown
        if witness is not None:
            return Finding("no", f"a term of {name} is negative where its own field is zero", witness)
        return Finding("undecided", f"not proved: the terms of {name} have both signs, and no witness was found")
    sufficient = "positive if " + " and ".join(dict.fromkeys(conditions))
    return Finding("no" if witness is not None or system is GRAY_SCOTT else "undecided", sufficient, witness)


def _positivity_condition(stage: Stage) -> list[str] | None:
    """Conditions under which the stage keeps its field non-negative; None if no step size does."""
    diagonal, spread, right = stage.parts()
    if not (_terms_are(diagonal, positive=True) and _terms_are(spread, positive=False)):
        return None
    neighbours = {}
    for lap in right.atoms(LAP):
        neighbours[lap] = sp.Symbol(f"neighbours_{lap.args[0]}", nonnegative=True) - 2 * lap.args[0]
    terms = sp.Add.make_args(sp.expand(right.subs(neighbours)))
    negative = [term for term in terms if not _terms_are(term, positive=True)]
    if not negative or all(_is_not_negative(part) for part in _powers_of_h(sp.Add(*terms))):
        return []
    for y in (term for term in terms if term.is_Symbol):
        rest = [sp.cancel(-term / y) for term in negative]
        if all(
            _terms_are(x, positive=True) and sp.degree(sp.numer(-t), y) >= 1
            for x, t in zip(rest, negative, strict=True)
        ):
            loss = sp.factor_terms(sp.expand(sp.Add(*rest) / h))
            return [f"h*({loss}) <= 1"]
    return None


def _powers_of_h(expression: Any) -> list[Any]:
    """The coefficients of a right side in the step size; the expression itself if it is no polynomial in it."""
    expression = sp.expand(expression)
    return sp.Poly(expression, h).all_coeffs() if expression.is_polynomial(h) else [expression]


def _is_not_negative(expression: Any) -> bool:
    """Whether an expression is proved to be >= 0 for positive symbols: each factor is an even power or has one sign."""
    constant, factors, *_ = sp.factor_list(sp.numer(sp.together(expression)))
    below = sp.denom(sp.together(expression))
    sign = int(sp.sign(constant)) * (1 if _terms_are(below, positive=True) else 0)
    for factor, power in factors:
        if power % 2 == 0 or _terms_are(factor, positive=True):
            continue
        if not _terms_are(factor, positive=False):
            return False
        sign = -sign
    return sign > 0 or expression == 0


def _negative_step(scheme: Scheme, system: ReactionSystem, trials: int = 60) -> dict[str, Any] | None:
    """A non-negative uniform state, positive parameters and a step size with a negative next state, exact; or None."""
    random = np.random.default_rng(0)
    for _ in range(trials):
        fields = [[str(random.choice(["0", "1/10", "1/2", "1", "2", "5"]))] for _ in system.species]
        names = [str(symbol) for symbol in (*system.parameters, *system.diffusions)]
        values = {name: str(random.choice(["1/10", "1/2", "1", "3"])) for name in names}
        size = str(random.choice(["1/10", "1", "10"]))
        try:
            after = run_exact(scheme, fields, values, size, system)
        except (ZeroDivisionError, ValueError):
            continue
        if all(x.is_Rational for row in after for x in row) and any(x < 0 for row in after for x in row):
            return {"fields": fields, "values": values, "h": size, "next": [[str(x) for x in row] for row in after]}
    return None


def _terms_are(expression: Any, *, positive: bool) -> bool:
    """Whether every term of the expanded expression is >= 0 (or <= 0) when all its symbols are positive."""
    expression = sp.expand(expression)
    expression = expression.xreplace({symbol: sp.Dummy(positive=True) for symbol in expression.free_symbols})
    terms = sp.Add.make_args(expression)
    return all(bool(term.is_nonnegative if positive else term.is_nonpositive) for term in terms)


def _leaves_quadrant(scheme: Scheme) -> dict[str, Any] | None:
    for example in NEGATIVE:
        _, after, _ = _exact(scheme, example)
        if any(x < 0 for row in after for x in row):
            return {**example, "h": "1", "next": [[str(x) for x in row] for row in after]}
    return None
