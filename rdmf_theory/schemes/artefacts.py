"""Does a scheme show what the equation does not? Boundary, false growth, flips, rotations: proved absent, or exhibited.

For Gray-Scott's v-rich state, z > 1, the equation lets a mode grow iff the determinant of J - mu D is negative, and
always without oscillation. Every answer here is a proof over the whole chart and all step sizes, or a rational witness
(u*, z, eta = h w, a = h mu D_u, b = h mu D_v); a claim that is neither stays undecided.
"""

# sympy's partial annotations know neither mappings in subs nor entries of matrices
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportOperatorIssue=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from typing import Any

import sympy as sp

from rdmf_theory import derive
from rdmf_theory.derive import a, b, eta
from rdmf_theory.schemes.balance import Finding
from rdmf_theory.schemes.bias import threshold_shift
from rdmf_theory.schemes.definition import Scheme
from rdmf_theory.schemes.linear import amplification, jury, scaled_mode
from rdmf_theory.schemes.sign_proofs import CHART, find_witness, prove_positive

NAMES = ("false_growth", "missed_growth", "flip", "rotation")
PROOFS = {
    "coefficients": "all coefficients are positive in variables that are positive",
    "squares": "a quadratic in u* whose discriminant is minus a square",
}


def _witness(scheme: Scheme, point: Sequence[Fraction]) -> dict[str, Any]:
    """A chart point with the multipliers that the scheme has there."""
    at = {symbol: sp.Rational(x.numerator, x.denominator) for symbol, x in zip(CHART, point, strict=True)}
    eigenvalues = sp.Matrix(amplification(scheme).subs(at)).eigenvals(multiple=True)
    multipliers = sorted((complex(sp.N(x)) for x in eigenvalues), key=abs, reverse=True)
    names = ("u_star", "z", "eta", "a", "b")
    shown = [x.real if abs(x.imag) < 1e-12 else [x.real, x.imag] for x in multipliers]
    return {**{name: str(x) for name, x in zip(names, point, strict=True)}, "multipliers": shown}


def _decided(scheme: Scheme, proof: str | None, condition: Callable[..., Any], expressions: list[Any]) -> Finding:
    """`no` with the proof, `yes` with a witness of the condition, or undecided."""
    if proof is not None:
        return Finding("no", proof)
    point = find_witness(condition, expressions)
    if point is None:
        return Finding("undecided", "neither a proof nor a witness was found; enlarge the grid of sign_proofs")
    return Finding("yes", "at the witness", _witness(scheme, point))


@cache
def same_boundary(scheme: Scheme) -> Finding:
    """Whether `det(I - G)` has the sign of `h^2 det(J - mu D)`, everywhere: the same modes grow at every step size."""
    quantity, (_, mode_det) = jury(scheme)["no_growth"], scaled_mode()
    top, bottom = sp.fraction(sp.cancel(quantity))
    factor, rest = sp.div(sp.Poly(top, *CHART), sp.Poly(mode_det, *CHART))
    if rest.is_zero:
        ratio = sp.factor(factor.as_expr() / bottom)
        if prove_positive(ratio) is not None:
            return Finding("yes", f"det(I - G) = h^2 det(J - mu D) * {ratio}, a positive factor")
        mode_tr, _ = scaled_mode()
        (on_boundary,) = sp.solve(mode_det, derive.u_star)
        left = sp.factor(ratio.subs(derive.u_star, on_boundary))
        if sp.cancel(left - (1 + mode_tr / 2)) == 0:
            return Finding("if h*|tr(J - mu D)| < 2", "on the boundary det(I - G) = h^2 det(J - mu D) (1 + h tr/2)")
        return Finding("undecided", f"det(I - G) = h^2 det(J - mu D) * {ratio}, a factor of unknown sign")
    shift = threshold_shift(scheme)
    point = find_witness(lambda x, y: (x > 0) & (y < 0) | (x < 0) & (y > 0), [quantity, mode_det])
    if point is None:
        return Finding("undecided", "det(I - G) is no multiple of det(J - mu D), but no witness was found")
    power = "" if shift.power == 1 else f"^{shift.power}"
    reason = f"to leading order d_T moves by ({shift.coefficient}) (h w){power}"
    return Finding("no", reason, _witness(scheme, point))


@cache
def false_growth(scheme: Scheme) -> Finding:
    """Whether a mode that decays in the equation can have exactly one real multiplier above 1: a false Turing mode."""
    quantity, (_, mode_det) = jury(scheme)["no_growth"], scaled_mode()
    proof = None
    if same_boundary(scheme).answer == "yes":
        proof = "det(I - G) > 0 wherever det(J - mu D) > 0"
    else:
        top, bottom = sp.fraction(sp.cancel(quantity))
        if prove_positive(bottom) and prove_positive(top - mode_det):
            proof = "det(I - G) times a positive factor exceeds h^2 det(J - mu D)"
    return _decided(scheme, proof, lambda x, y: (x < 0) & (y > 0), [quantity, mode_det])


@cache
def missed_growth(scheme: Scheme) -> Finding:
    """Whether a mode that grows in the equation can decay in the scheme."""
    _, mode_det = scaled_mode()
    proof = None
    if same_boundary(scheme).answer == "yes":
        proof = "det(I - G) < 0 wherever det(J - mu D) < 0"
    elif runge_kutta_order(scheme) is not None:
        proof = "G = 1 + A + A^2/2 + ..., A = h (J - mu D): a positive eigenvalue of A gives a multiplier above 1"
    return _decided(
        scheme,
        proof,
        lambda growth, flip, rotation, y: (growth > 0) & (flip > 0) & (rotation > 0) & (y < 0),
        [*jury(scheme).values(), mode_det],
    )


def runge_kutta_order(scheme: Scheme) -> int | None:
    """p if `G = sum of A^k/k!, k <= p`, with `A = h (J - mu D)`; None if G is no such polynomial of A."""
    A = eta * sp.Matrix(derive.jacobian()) - sp.diag(a, b)
    total, term = sp.eye(2), sp.eye(2)
    for p in (1, 2):
        term = term * A / p
        total += term
        if (sp.Matrix(amplification(scheme)) - total).applyfunc(sp.cancel).is_zero_matrix:
            return p
    return None


@cache
def flip(scheme: Scheme) -> Finding:
    """Whether a mode that decays in the equation can have a multiplier below -1 (period doubling)."""
    quantity, (_, mode_det) = jury(scheme)["no_flip"], scaled_mode()
    proof = prove_positive(quantity)
    reason = None if proof is None else f"1 + tr G + det G >= 0: {PROOFS[proof]}"
    return _decided(scheme, reason, lambda x, y: (x < 0) & (y > 0), [quantity, mode_det])


@cache
def rotation(scheme: Scheme) -> Finding:
    """Whether a mode that decays in the equation can have complex multipliers outside the circle (Neimark-Sacker).

    Without rotation, false growth and flips no multiplier leaves the circle; two real ones above 1 imply det G > 1.
    """
    quantity, (_, mode_det) = jury(scheme)["no_rotation"], scaled_mode()
    proof = prove_positive(quantity)
    reason = None if proof is None else f"det G < 1: {PROOFS[proof]}"
    trace = amplification(scheme).trace()
    discriminant = trace**2 - 4 * (1 - quantity)
    return _decided(
        scheme, reason, lambda x, y, disc: (x < 0) & (y > 0) & (disc < 0), [quantity, mode_det, discriminant]
    )


def artefacts(scheme: Scheme) -> dict[str, Finding]:
    """All four kinds by name: answer `no` is a proof of absence, `yes` comes with a witness."""
    kinds = (false_growth, missed_growth, flip, rotation)
    return {name: kind(scheme) for name, kind in zip(NAMES, kinds, strict=True)}
