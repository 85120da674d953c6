"""The shadow system, derived from the layer's own symbolic step: rows, multiplier, condition, response."""

# sympy's partial annotations know neither mappings in subs nor that a Rational has a numerator
# pyright: reportOptionalMemberAccess=false, reportOperatorIssue=false
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportReturnType=false

from __future__ import annotations

from functools import cache

import sympy as sp

from rdmf_theory import derive
from rdmf_theory.derive import a, b, d, eta, m
from rdmf_theory.kinetics import GRAY_SCOTT
from rdmf_theory.row import Row
from rdmf_theory.schemes import derive_step
from rdmf_theory.schemes.derive_step import u_next

mixing = sp.Symbol("mixing", positive=True)
mean_sv2 = sp.Symbol("mean_sv2", positive=True)
N = sp.Symbol("N", positive=True, integer=True)


@cache
def shadow_substrate() -> sp.Expr:
    """`u'` of one shadow step: the mean over the clips of the substrate's row, `u'` the same everywhere.

    The row is affine in `s v^2`, so its mean is the row at `<s v^2>`; diffusion sums to 0 and drops out.
    """
    s, (u, v) = GRAY_SCOTT.parameters[2], GRAY_SCOTT.species
    row = sp.expand(derive_step.step_residual()[0])
    consumed = row.coeff(s * v**2)
    affine = sp.expand(row - consumed * s * v**2)
    if affine.has(s) or affine.has(v) or consumed.has(v) or consumed.has(u):
        raise ValueError(f"The substrate's row is not affine in s v^2: {row}.")
    (solution,) = sp.solve(affine + consumed * mean_sv2, u_next)
    return sp.simplify(solution)


@cache
def shadow_multiplier() -> sp.Expr:
    """Factor of one step on a mode `mu > 0`, in eta and b: what is left of `G` as `a = h mu D_u` tends to infinity."""
    implicit, explicit = derive_step.amplification()
    limits = derive_step.amplification_matrix().applyfunc(lambda entry: sp.limit(entry, a, sp.oo))
    multiplier = sp.cancel(explicit[1, 1] / implicit[1, 1])
    if sp.cancel(limits.trace() - multiplier) != 0 or sp.cancel(limits.det()) != 0:
        raise ValueError(f"The limit of G is {limits}, not {multiplier}.")
    return multiplier


@cache
def mixed_mode_determinant() -> sp.Expr:
    """`mode_determinant / d` with `mixing = 1/d = D_v/D_u`; negative iff the mode grows (z > 1), also at mixing = 0."""
    return sp.expand(derive.mode_determinant().subs(d, 1 / mixing) * mixing)


@cache
def shadow_rate() -> sp.Expr:
    """Growth rate of a mode `mu > 0` in the equation, in units of w, as a function of `m = D_v mu/w`."""
    return sp.expand(derive.mode_matrix()[1, 1])


@cache
def shadow_force() -> sp.Expr:
    """Relative change `delta v/v*` of a mode `mu > 0` in one step per unit of gain modulation, in eta and b."""
    s, residual = GRAY_SCOTT.parameters[2], derive_step.step_residual()[1]
    implicit, _ = derive_step.amplification()
    forcing = derive_step.at_steady_state(sp.Matrix([-s * residual.diff(s)]), GRAY_SCOTT)[0]
    return sp.cancel(forcing / derive.chart()["v"] / implicit[1, 1])


@cache
def shadow_response() -> sp.Expr:
    """`delta v/v*` after N steps per unit of gain modulation at `b = eta m`: the geometric sum of `shadow_force`."""
    r = shadow_multiplier().subs(b, eta * m)
    return sp.factor(sp.cancel(shadow_force().subs(b, eta * m) / (r - 1))) * (r**N - 1)


@cache
def uniform_stability() -> tuple[sp.Expr, sp.Expr]:
    """(equation, layer): the uniform mode is stable iff this is positive, given 0 < u* < 1/2."""
    equation = sp.expand(-derive.mode_trace().subs(m, 0))
    implicit, explicit = derive_step.amplification()
    still = {a: 0, b: 0}
    layer = sp.factor(sp.expand(implicit.subs(still).det() - explicit.subs(still).det()))
    return equation, sp.cancel(layer / eta)


def derivation() -> tuple[Row, ...]:
    """All rows of the shadow system, in the order of docs/competition.md."""
    names = {name: sp.Symbol(name) for name in ("multiplier", "rate", "response", "u_next")}
    equation, layer = uniform_stability()
    return (
        Row("substrate", "Substrate after a step, one number per video.", sp.Eq(names["u_next"], shadow_substrate())),
        Row(
            "activator",
            "Row of the activator without diffusion; it gets - h D_v Lap_kappa v_next. Zero on a step.",
            sp.Eq(derive_step.step_residual()[1], 0, evaluate=False),
        ),
        Row("rate", "Growth rate over w of a mode mu > 0, m = D_v mu/w.", sp.Eq(names["rate"], shadow_rate())),
        Row("grows", "A mode mu > 0 grows iff this holds.", shadow_rate() > 0),
        Row(
            "multiplier",
            "Factor of one step on a mode mu > 0, b = h mu D_v.",
            sp.Eq(names["multiplier"], shadow_multiplier()),
        ),
        Row("uniform_equation", "The uniform mode of the equation is stable iff this holds.", equation > 0),
        Row("uniform_layer", "The uniform mode of the layer is stable iff this holds.", layer > 0),
        Row("mixed", "At finite D_u, mixing = D_v/D_u: a mode grows iff this holds.", mixed_mode_determinant() < 0),
        Row(
            "response",
            "Relative activator of a mode mu > 0 after N steps per unit of gain modulation.",
            sp.Eq(names["response"], shadow_response()),
        ),
    )
