"""The layer's step derived symbolically: residual, amplification matrices, response to a modulated gain."""

# sympy's partial annotations know neither mappings in subs nor that a Rational has a numerator
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportReturnType=false

from __future__ import annotations

from functools import cache

import sympy as sp

from rdmf_theory.derive import a, b, chart, eta, rate, u_star
from rdmf_theory.kinetics import GRAY_SCOTT, ReactionSystem
from rdmf_theory.schemes.definition import LAP, SEMI_IMPLICIT

h, u_next, v_next = sp.symbols("h u_next v_next", positive=True)


@cache
def step_residual(system: ReactionSystem = GRAY_SCOTT) -> sp.ImmutableMatrix:
    """Residual of the semi-implicit step without diffusion, in (u, v), (u_next, v_next) and h; zero on a step.

    Diffusion adds `- h D Lap` of the next field to both rows; the update itself is `schemes.definition.SEMI_IMPLICIT`.
    """
    stages = SEMI_IMPLICIT.update(system).stages
    return sp.ImmutableMatrix([stage.residual.subs(LAP(stage.unknown), 0) for stage in stages])


def at_steady_state(matrix: sp.Matrix, system: ReactionSystem) -> sp.Matrix:
    """A derivative of `step_residual` at the v-rich state, in (u*, z, eta)."""
    u, v = system.species
    values = chart(system)
    state = {u: u_star, u_next: u_star, v: values["v"], v_next: values["v"], h: eta / rate}
    in_chart = {parameter: values[str(parameter)] for parameter in system.parameters}
    return matrix.subs(state).subs(in_chart).applyfunc(sp.cancel)


@cache
def amplification(system: ReactionSystem = GRAY_SCOTT) -> tuple[sp.ImmutableMatrix, sp.ImmutableMatrix]:
    """(L, B) with `G = L^-1 B`: linearisation of the step for one mode, in (u*, z, eta, a, b); -Lap acts as mu."""
    residual = step_residual(system)
    implicit = at_steady_state(residual.jacobian([u_next, v_next]), system) + sp.diag(a, b)
    explicit = -at_steady_state(residual.jacobian(list(system.species)), system)
    return sp.ImmutableMatrix(implicit), sp.ImmutableMatrix(explicit)


def response_force(system: ReactionSystem = GRAY_SCOTT) -> sp.Matrix:
    """Effect of a relative change of the gain on one step, `-L^-1 s d(residual)/ds`, a (2, 1) matrix."""
    s = system.parameters[2]
    forcing = -at_steady_state(s * step_residual(system).diff(s), system)
    return (amplification(system)[0].inv() * forcing).applyfunc(sp.factor)


def amplification_matrix() -> sp.Matrix:
    """`G = L^-1 B` of the layer's step for one mode."""
    implicit, explicit = amplification()
    return (implicit.inv() * explicit).applyfunc(sp.factor)
