"""Does this pattern exist, is it stable, and does the layer converge to it? A certificate by energies, with its proof.

The proof is in `pattern_checker`: a quadratic form P that falls along the equation, and one, S, that the layer's step
contracts. Both are found here in floats and checked there in exact arithmetic.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor, inf, log2, nextafter
from typing import Any

import numpy as np
import scipy.linalg
import sympy as sp

from rdmf_theory.certificates import pattern_checker as checker
from rdmf_theory.certificates.certificate import FORMAT, VERSION, Certificate
from rdmf_theory.errors import ParameterError
from rdmf_theory.patterns.branch_explorer import PatternState
from rdmf_theory.patterns.equations import PatternProblem
from rdmf_theory.patterns.layer_stability import layer_parameters, step_matrices
from rdmf_theory.verdict import Verdict

KIND = "patterns"
# Half-widths of the boxes that are tried, the widest that works is kept: it sets the region of attraction.
_BOXES = [Fraction(1, 1 << i) for i in range(4, 36)]


class Outcome(enum.Enum):
    """Outcome of a proof attempt for one pattern; the value is the explanation."""

    CERTIFIED = "proved: existence, local uniqueness, stability"
    UNDECIDED = "not proved: the pattern is unstable or nearly so, or the state is no steady state"


@dataclass(frozen=True)
class PatternProof:
    """What was proved of one pattern.

    Arguments:
        outcome: certified or undecided; detail: why undecided.
        entry: the pattern's part of the certificate, empty unless certified.
    """

    outcome: Outcome
    entry: dict[str, Any] = field(default_factory=dict)
    detail: str = ""

    @property
    def holds(self) -> bool:
        """Whether the pattern is proved."""
        return self.outcome is Outcome.CERTIFIED

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready summary with floats, without the matrices."""
        if not self.holds:
            return {"outcome": "undecided", "detail": self.detail}
        equation, layer = self.entry["equation"], self.entry["layer"]
        numbers: dict[str, Any] = {name: _float(name, equation) for name in ("distance", "attraction", "decay_rate")}
        if layer is not None:
            numbers["layer"] = {name: _float(name, layer) for name in ("distance", "attraction", "factor")}
        return {"outcome": "certified", **numbers}


def prove_pattern(problem: PatternProblem, state: PatternState) -> PatternProof:
    """Try to prove that a pattern exists near a computed state, is locally unique, and is stable.

    Arguments:
        problem: polynomial reactions on a clip axis; its parameters count as the binary numbers that they are.
        state: a steady state in floats, at parameter `state.p`.
    Returns: the proof. For Gray-Scott it includes the layer's step: every run that begins in a stated ball
        converges to the pattern.
    Raises: ParameterError for reactions that are no polynomials, or another axis.
    """
    if problem.axis.kind != "clips":
        raise ParameterError("--certify needs --clips: the proof is about T clips, not about the interval.")
    values = {name: Fraction(value) for name, value in problem.at(state.p).items()}
    diffusion = [values[str(symbol)] for symbol in problem.system.diffusions]
    fields = problem.fields(state.x).T
    entry: dict[str, Any] = {
        "parameters": {name: str(value) for name, value in values.items()},
        "reactions": polynomial_terms(problem, values),
        "diffusion": [str(x) for x in diffusion],
        "state": [[round(Fraction(float(x)) * checker.ONE) for x in row] for row in fields],
        "layer": None,
    }
    try:
        order = np.arange(state.x.size).reshape(-1, problem.species).T.ravel()
        jacobian = problem.jacobian(state.x, state.p).toarray()[np.ix_(order, order)]
        pattern = _refined(entry, jacobian)
        entry["equation"] = _equation(pattern, jacobian)
        parameters = layer_parameters(problem, state.p)
        if parameters is not None:
            entry["layer"] = _layer(pattern, entry, step_matrices(fields[0], fields[1], parameters))
        checker.check_pattern(entry, problem.system.name)
    except (checker.Refused, np.linalg.LinAlgError, ArithmeticError) as error:
        return PatternProof(Outcome.UNDECIDED, detail=str(error))
    return PatternProof(Outcome.CERTIFIED, entry)


def _refined(entry: dict[str, Any], jacobian: np.ndarray) -> checker.Pattern:
    """Two Newton steps with the exact residual: the state becomes accurate to its last bit, 2^-64."""
    factors = scipy.linalg.lu_factor(jacobian)
    pattern = checker.Pattern(entry)
    for _ in range(2):
        residual = np.array([float(x) for x in pattern.residuals])
        update = iter(scipy.linalg.lu_solve(factors, -residual))
        entry["state"] = [[x + round(float(next(update)) * checker.ONE) for x in row] for row in entry["state"]]
        pattern = checker.Pattern(entry)
    return pattern


def polynomial_terms(problem: PatternProblem, values: dict[str, Fraction]) -> list[Any]:
    """The reactions as [coefficient, exponents] with exact coefficients. ParameterError unless polynomial."""
    system = problem.system
    numbers: Any = {p: sp.Rational(*values[str(p)].as_integer_ratio()) for p in system.parameters}
    rows = []
    for reaction in system.reactions:
        try:
            terms = sp.Poly(sp.expand(_tree(reaction).subs(numbers)), *system.species).terms()
        except sp.PolynomialError as error:
            raise ParameterError(
                f"--certify needs polynomial reactions. {system.name} has {reaction}; its patterns stay uncertified."
            ) from error
        rows.append([[str(Fraction(int(c.p), int(c.q))), [int(i) for i in powers]] for powers, c in terms if c != 0])
    return rows


def _tree(expression: Any) -> Any:
    # sympy's annotations do not know what subs takes
    return sp.sympify(expression)


def _equation(pattern: checker.Pattern, jacobian: np.ndarray) -> dict[str, Any]:
    """The energy P of `J'P + P J = -I`, and the widest box in which it falls."""
    size = len(jacobian)
    if np.linalg.eigvals(jacobian).real.max() >= 0:
        raise checker.Refused("the pattern is unstable: an eigenvalue has a positive real part")
    P = scipy.linalg.solve_continuous_lyapunov(jacobian.T, -np.eye(size))
    # rounding P moves J'P + PJ by at most 2 |J| per row sum of the error: keep it below 1/64
    bits = max(8, ceil(log2(128 * size * float(np.abs(jacobian).sum(axis=1).max()))))
    least = _below(float(np.linalg.eigvalsh(P)[0]) / 3)
    energy = {"bits": bits, "P": _triangle(P, bits), "least": str(least), "decay_margin": "1/3"}
    proof = checker.Energy(pattern, energy)
    box, (distance, attraction, rate) = _widest(lambda d: proof.conclude(pattern, d))
    return {
        "energy": energy,
        "box": str(box),
        "distance": str(_above(distance)),
        "attraction": str(_below(attraction)),
        "decay_rate": str(_below(rate)),
    }


def _layer(pattern: checker.Pattern, entry: dict[str, Any], matrices: tuple[np.ndarray, np.ndarray]) -> dict[str, Any]:
    """The energy S with `k2 L'S L - B'S B = k2 L'L`, and the widest box in which the step contracts it."""
    left, right = matrices
    inverse = np.linalg.inv(left)
    step = inverse @ right
    multiplier = float(np.abs(np.linalg.eigvals(step)).max())
    if multiplier >= 1:
        raise checker.Refused(f"the layer leaves the pattern: its multiplier is {multiplier:.6g}")
    k2 = Fraction(round(((1 + multiplier) / 2) ** 2 * 2**40), 2**40)
    # in the variable L z the step is B L^-1: Q solves its Stein equation with right side I
    Q = scipy.linalg.solve_discrete_lyapunov((right @ inverse).T / float(k2) ** 0.5, np.eye(len(left)))
    least = _below(float(np.linalg.eigvalsh(Q)[0]) / 3)
    gap = float(k2) * left.T @ Q @ left - right.T @ Q @ right
    margin = _below(float(np.linalg.eigvalsh((gap + gap.T) / 2)[0]) / 3)
    size = float(np.abs(left).sum(axis=1).max() + np.abs(right).sum(axis=1).max())
    bits = max(8, ceil(log2(64 * len(left) * size**2 / float(margin))))
    energy = {
        "bits": bits,
        "S": _triangle(Q, bits),
        "least": str(least),
        "margin": str(margin),
        "factor_squared": str(k2),
    }
    proof = checker.Layer(pattern, energy, entry["parameters"])
    box, (factor, distance, attraction) = _widest(lambda d: proof.conclude(pattern, d))
    return {
        "energy": energy,
        "box": str(box),
        "distance": str(_above(distance)),
        "attraction": str(_below(attraction)),
        "factor": str(_above(factor)),
    }


def _widest(conclude: Any) -> tuple[Fraction, Any]:
    """The widest box of `_BOXES` in which the conclusion holds, halved once more for its margins."""
    low, high = 0, len(_BOXES)
    reason: Exception | None = None
    # a box inside one that works may fail only where the state is too inaccurate for it: bisect for the widest
    while low < high:
        middle = (low + high) // 2
        try:
            conclude(_BOXES[middle])
        except checker.Refused as error:
            low, reason = middle + 1, error
        else:
            high = middle
    if low == len(_BOXES):
        raise checker.Refused(str(reason))
    # at half the width the rates are not those of the brink
    return _BOXES[low] / 2, conclude(_BOXES[low] / 2)


def _triangle(matrix: np.ndarray, bits: int) -> list[list[int]]:
    scaled = np.ldexp((matrix + matrix.T) / 2, bits)
    return [[round(float(x)) for x in row[: i + 1]] for i, row in enumerate(scaled)]


def _above(x: Any) -> Fraction:
    """A number of few digits at or above x > 0."""
    return _rounded(x, ceil)


def _below(x: Any) -> Fraction:
    """A number of few digits at or below x > 0."""
    return _rounded(x, floor)


def _rounded(x: Any, rounding: Any) -> Fraction:
    x = Fraction(x)
    if x <= 0:
        raise checker.Refused("a bound of the proof is not positive")
    shift = 40 - (x.numerator.bit_length() - x.denominator.bit_length())
    unit = Fraction(2) ** shift
    return Fraction(rounding(x * unit)) / unit


def _float(name: str, bounds: dict[str, Any]) -> float:
    """A proved bound as a float, rounded so that it is still proved: distances and factors up, the others down."""
    exact = Fraction(bounds[name])
    nearest, upward = float(exact), name in ("distance", "factor")
    if (nearest < exact) if upward else (nearest > exact):
        return nextafter(nearest, inf if upward else 0.0)
    return nearest


def pattern_certificate(system: str, entries: Sequence[dict[str, Any]], subject: str | None = None) -> Certificate:
    """Proved patterns as a certificate of kind `patterns`: `save` it, `verify` it, or run `rdmf certify` on the file.

    Arguments:
        system: name of the system; entries: of the proofs that hold, at least one; subject: free text.
    Raises: ParameterError if there is no entry.
    """
    if not entries or not all(entries):
        raise ParameterError("pattern_certificate.entries must be proved patterns. Got none: nothing was proved.")
    content = {
        "format": FORMAT,
        "version": VERSION,
        "kind": KIND,
        "claim": checker.CLAIM,
        "system": system,
        "subject": subject,
        "patterns": list(entries),
    }
    return Certificate(Verdict.CERTIFIED, content, detail=f"{len(entries)} stable patterns")
