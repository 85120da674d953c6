"""Does the pattern set in softly? Amplitude (Stuart-Landau) equation at the Turing onset, derived symbolically.

At onset d = d_T, `A_tau = sigma A - g |A|^2 A` for a roll `A exp(i q x) + c.c.`; g > 0 is a soft (supercritical)
onset. At d = d_T the substrate is `u* = 1 - (d + z)^2/(8 d z)`, so everything is rational in (d, z).
"""

# sympy's partial annotations know neither mappings in subs nor that a Rational has a numerator
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportReturnType=false

from __future__ import annotations

from functools import cache

import sympy as sp

from rdmf_theory import derive
from rdmf_theory.kinetics import GRAY_SCOTT

d, z = derive.d, derive.z
r = sp.Symbol("r", positive=True)


@cache
def onset_substrate() -> sp.Expr:
    """u* at onset, `1/2 - (d - z)^2/(8 d z)`: the root of the band's discriminant in u*."""
    (value,) = sp.solve(derive.band_discriminant(), derive.u_star)
    return sp.factor(value)


@cache
def _unit_gain_reaction() -> tuple[list[sp.Expr], list[sp.Symbol], sp.Expr]:
    """Reactions at onset for s = 1 in deviations (U, V) from the v-rich state; and the rate w there."""
    u, v = GRAY_SCOTT.species
    s = GRAY_SCOTT.parameters[2]
    values = derive.chart()
    (rate,) = sp.solve(values["s"] - 1, derive.rate)
    at_onset = {derive.rate: rate}
    substrate = {derive.u_star: onset_substrate()}
    U, V = sp.symbols("U V", real=True)
    state = {u: derive.u_star + U, v: values["v"] + V}
    numbers = {p: values[str(p)] for p in GRAY_SCOTT.parameters if p is not s} | {s: sp.Integer(1)}
    shifted = [f.subs(state, simultaneous=True).subs(numbers) for f in GRAY_SCOTT.reactions]
    reactions = [f.subs(at_onset).subs(substrate) for f in shifted]
    return reactions, [U, V], sp.cancel(rate.subs(substrate))


@cache
def derive_cubic_coefficient() -> sp.Expr:
    """The Stuart-Landau coefficient g(d, z) for s = 1, by weakly nonlinear expansion; rational in (d, z).

    With critical mode vector p and adjoint p* of `M = J - mu_c D` (M p = 0, p* M = 0), quadratic form Q and cubic
    form C of the reactions: the second-order fields solve `J a_0 = -2 Q(p, p)` (mean) and
    `(J - 4 mu_c D) a_2 = -Q(p, p)` (second harmonic), and
    `g = -p* . (2 Q(p, a_0) + 2 Q(p, a_2) + 3 C(p, p, p)) / (p* . p)`. The scale of A is fixed by `p_u = 1`:
    A is the amplitude of the substrate.

    Source: Cross and Hohenberg, Rev. Mod. Phys. 65 (1993), section IV; Murray, Mathematical Biology II, 2.4.
    """
    reactions, symbols, rate = _unit_gain_reaction()
    at_zero = dict.fromkeys(symbols, 0)

    def taylor(order: int, *vectors: sp.Matrix) -> sp.Matrix:
        # symmetric form of the given order: sum of partial derivatives times vector entries, over order!
        rows = []
        for reaction in reactions:
            total = sp.Integer(0)
            for index in range(2**order):
                picks = [(index >> position) & 1 for position in range(order)]
                derivative = sp.diff(reaction, *(symbols[pick] for pick in picks)).subs(at_zero)
                product = sp.Integer(1)
                for vector, pick in zip(vectors, picks, strict=True):
                    product *= vector[pick]
                total += derivative * product
            rows.append(sp.cancel(total / sp.factorial(order)))
        return sp.Matrix(rows)

    jacobian = sp.Matrix(reactions).jacobian(symbols).subs(at_zero).applyfunc(sp.cancel)
    # critical mode: double root of the mode determinant, m_c = (d - z)/(2 d); in units of w / D_v with D_v = 1
    m_critical = (d - z) / (2 * d)
    diffusion = rate * m_critical * sp.diag(d, 1)
    singular = (jacobian - diffusion).applyfunc(sp.cancel)
    p = sp.Matrix([1, sp.cancel(-singular[0, 0] / singular[0, 1])])
    adjoint = sp.Matrix([sp.cancel(-singular[1, 0] / singular[0, 0]), 1])
    quadratic = taylor(2, p, p)
    mean = (jacobian.inv() * (-2 * quadratic)).applyfunc(sp.cancel)
    harmonic = ((jacobian - 4 * diffusion).applyfunc(sp.cancel).inv() * (-quadratic)).applyfunc(sp.cancel)
    cubic = 2 * taylor(2, p, mean) + 2 * taylor(2, p, harmonic) + 3 * taylor(3, p, p, p)
    return sp.factor(sp.cancel(-(adjoint.T * cubic)[0] / (adjoint.T * p)[0]))


def soft_onset_polynomial() -> sp.Expr:
    """Polynomial in r = z/d whose sign is the sign of g: `23 r^4 - 124 r^3 - 6 r^2 - 72 r + 27`."""
    numerator = sp.numer(sp.together(derive_cubic_coefficient().subs(z, r * d)))
    factors = [factor for factor, _ in sp.factor_list(numerator)[1] if sp.degree(factor, r) == 4]
    (polynomial,) = factors
    return sp.expand(polynomial * sp.sign(polynomial.subs(r, 0)))


def soft_onset_ratio(digits: int = 30) -> sp.Float:
    """rho*, the root of `soft_onset_polynomial` in (0, 1), to `digits` digits: soft onset iff z/d_T < rho*."""
    (root,) = [x for x in sp.Poly(soft_onset_polynomial(), r).real_roots() if 0 < float(x) < 1]
    return sp.N(root, digits)
