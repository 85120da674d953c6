"""How do the formulas follow? Symbolic derivation of chart, dispersion relation, Turing condition and layer step.

Everything starts from `kinetics.GRAY_SCOTT`; nothing in here is typed in twice. `codegen` turns the results into
`formulas.py`, the tests prove every row of the table from these functions.
"""

# sympy's partial annotations know neither mappings in subs nor that a Rational has a numerator
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportReturnType=false

from __future__ import annotations

from functools import cache

import sympy as sp

from rdmf_theory.kinetics import GRAY_SCOTT, ReactionSystem

# chart coordinates, and the scale-free variables of one mode: m = D_v mu / w, eta = h w, a = h mu D_u, b = h mu D_v
u_star, z, rate, d, m, eta, a, b, c, y = sp.symbols("u_star z rate d m eta a b c y", positive=True)
growth = sp.Symbol("growth", real=True)


@cache
def chart(system: ReactionSystem = GRAY_SCOTT) -> dict[str, sp.Expr]:
    """Parameters and activator as functions of the chart (u*, z, w): solves f = g = 0, f_u = -z g_v, F + k = w.

    Returns: expressions "F", "k", "s", "v" in `u_star`, `z`, `rate`.
    """
    u, v = system.species
    F, k, s = system.parameters
    J = system.jacobian()
    f, g = system.reactions
    # g / v removes the trivial state v = 0
    equations = [f, sp.cancel(g / v), J[0, 0] + z * J[1, 1], F + k - rate]
    equations = [sp.numer(sp.together(equation.subs(u, u_star))) for equation in equations]
    (solution,) = sp.solve(equations, [F, k, s, v], dict=True)
    return {str(symbol): sp.factor(solution[symbol]) for symbol in (F, k, s, v)}


@cache
def state_equation(system: ReactionSystem = GRAY_SCOTT) -> sp.Expr:
    """Polynomial in u whose roots are the non-trivial steady substrates: `s F u (1 - u) - w^2`."""
    _, v = system.species
    f, g = system.reactions
    (steady_v,) = sp.solve(sp.cancel(g / v), v)
    return sp.expand(sp.numer(sp.together(f.subs(v, steady_v))))


@cache
def jacobian(system: ReactionSystem = GRAY_SCOTT) -> sp.ImmutableMatrix:
    """`J / w` at the v-rich state, in the chart."""
    u, v = system.species
    values = chart(system)
    at_state = {u: u_star, v: values["v"], **{p: values[str(p)] for p in system.parameters}}
    return sp.ImmutableMatrix(system.jacobian().subs(at_state).applyfunc(lambda x: sp.cancel(x / rate)))


def mode_matrix() -> sp.Matrix:
    """`(J - mu diag(D_u, D_v)) / w` of one mode, with `m = D_v mu / w` and `d = D_u / D_v`."""
    return sp.Matrix(jacobian()) - sp.diag(d * m, m)


def mode_trace() -> sp.Expr:
    """Trace of `mode_matrix`."""
    return sp.expand(mode_matrix().trace())


def mode_determinant() -> sp.Expr:
    """Determinant of `mode_matrix`; the mode grows (given z > 1) iff it is negative."""
    return sp.expand(mode_matrix().det())


def band_discriminant() -> sp.Expr:
    """Discriminant of `mode_determinant` in m; a band exists iff it is positive and d > z."""
    return sp.expand(sp.discriminant(mode_determinant(), m))


@cache
def turing_threshold() -> sp.Expr:
    """Threshold d_T(u*, z): the larger root of `band_discriminant` in d (the smaller one has d < z, no band)."""
    roots = sp.solve(band_discriminant(), d)
    return max(roots, key=lambda root: float(root.subs({u_star: 0.25, z: 1.5})))


@cache
def largest_growth() -> tuple[sp.Expr, sp.Expr]:
    """(largest growth rate / w, its m): stationary point of the upper branch of the dispersion relation.

    On `growth^2 - tr growth + det = 0`, d growth/d m = 0 gives m linearly in growth; inserting it leaves a
    quadratic whose smaller root is the upper branch (it vanishes at d = d_T).
    """
    characteristic = growth**2 - mode_trace() * growth + mode_determinant()
    (stationary,) = sp.solve(sp.diff(characteristic, m), m)
    roots = sp.solve(sp.numer(sp.together(characteristic.subs(m, stationary))), growth)
    sample = {u_star: sp.Rational(2, 5), z: sp.Rational(3, 2), d: 9}
    value = min(roots, key=lambda root: float(root.subs(sample)))
    return value, stationary.subs(growth, value)


@cache
def frozen_state_threshold() -> sp.Expr:
    """Substrate y at which a frozen state with `z' y = c` and ratio d sits exactly at the Turing threshold.

    `band_discriminant` with u* = y, z = c/y is a quadratic in y; its larger root has d > z'.
    """
    polynomial = sp.numer(sp.together(band_discriminant().subs({u_star: y, z: c / y}, simultaneous=True)))
    roots = sp.solve(polynomial, y)
    return max(roots, key=lambda root: float(root.subs({c: sp.Rational(3, 5), d: 9})))
