"""Fast-tier claims about conductances and the shadow system: identities on what runs, inequalities by z3."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from rdmf_theory import formulas
from rdmf_theory.competition import derivation
from rdmf_theory.competition.conductances import laplacian_rows
from rdmf_theory.derive import b, d, eta, m, u_star, z
from rdmf_theory.proving.identities import Identity
from rdmf_theory.proving.smt import Claim, Problem
from rdmf_theory.schemes import derive_step


def _multiplier(factor: int = 1) -> list[Any]:
    implicit, explicit = derive_step.amplification()
    return [formulas.shadow_multiplier(eta, factor * b) * implicit[1, 1] - explicit[1, 1]]


def _mixing(inverse: bool = True) -> list[Any]:
    mixed = formulas.mixed_mode_determinant(u_star, z, 1 / d if inverse else d, m)
    shadow = formulas.mixed_mode_determinant(u_star, z, 0, m)
    return [d * mixed - formulas.mode_determinant(u_star, z, d, m), shadow - m * (m - 1)]


def _laplacian(sign: int = 1) -> list[Any]:
    kappa, x = np.array(sp.symbols("kappa0:4")), np.array(sp.symbols("x0:5"))
    rows = laplacian_rows(kappa)
    energy = sum(weight * (right - sign * left) ** 2 for weight, left, right in zip(kappa, x, x[1:], strict=False))
    asymmetry = (rows - rows.T).ravel()
    return [*rows.sum(axis=1), *(entry for entry in asymmetry if entry != 0), sp.expand(x @ rows @ x + energy)]


def _substrate(share: int = 1) -> list[Any]:
    u, h, F = sp.symbols("u h F", positive=True)
    return [derivation.shadow_substrate() * (1 + h * (F + share * derivation.mean_sv2)) - (u + h * F)]


def _response(steps: int = 3) -> list[Any]:
    at_mode = {b: eta * m}
    r, force = derivation.shadow_multiplier().subs(at_mode), derivation.shadow_force().subs(at_mode)
    return [sum(force * r**n for n in range(steps)) - derivation.shadow_response().subs(derivation.N, 3)]


IDENTITIES = (
    Identity(
        "shadow_multiplier",
        "the multiplier of a mode of the shadow system is the quotient of the activator's rows",
        lambda _: _multiplier(),
        lambda _: _multiplier(2),
    ),
    Identity(
        "mixing",
        "one growth condition for all D_u: mode_determinant over d, and m (m - 1) at mixing 0",
        lambda _: _mixing(),
        lambda _: _mixing(inverse=False),
    ),
    Identity(
        "weighted_laplacian",
        "rows sum to 0, symmetric, and x Lap x is minus the energy",
        lambda _: _laplacian(),
        lambda _: _laplacian(-1),
    ),
    Identity(
        "shadow_substrate",
        "u' (1 + h (F + <s v^2>)) = u + h F",
        lambda _: _substrate(),
        lambda _: _substrate(2),
    ),
    Identity(
        "shadow_response",
        "the response to a modulated gain is the geometric sum of its steps",
        lambda _: _response(),
        lambda _: _response(4),
    ),
)


def _reals(names: str) -> Any:
    import z3

    return z3.Reals(names)


def _growth() -> Problem:
    step, diffused = _reals("eta b")
    grows = formulas.shadow_multiplier(step, diffused) > 1
    return Problem([step > 0, diffused >= 0], grows == (diffused < step), grows == (diffused <= step))


def _uniform() -> Problem:
    import z3

    u, damping, step = _reals("u z eta")
    mode = (u, damping, step, 0, 0)
    trace, determinant = formulas.amplification_trace(*mode), formulas.amplification_determinant(*mode)
    decays = z3.And(determinant < 1, 1 - trace + determinant > 0, 1 + trace + determinant > 0)
    facts = [u > 0, 2 * u < 1, damping > 0, step > 0]
    return Problem(facts, decays == (formulas.uniform_margin(damping, step) > 0), decays == (damping > 1))


def _leads() -> Problem:
    stronger, weaker, after, step, w = _reals("a_i a_j u h w")
    facts = [weaker > 0, stronger > weaker, after > 0, step > 0, w > 0]

    def advanced(match: Any) -> Any:
        return match * (1 + step * after * match) / (1 + step * w)

    grows = advanced(stronger) * weaker > advanced(weaker) * stronger
    return Problem(facts, grows, advanced(stronger) > stronger)


def _substrate_bounds() -> Problem:
    import z3

    F, step, before, after, consumed = _reals("F h u x c")
    facts = [F > 0, step > 0, before >= 0, before <= 1, consumed >= 0]
    facts.append((1 + step * (F + consumed)) * after == before + step * F)
    return Problem(facts, z3.And(after > 0, after <= 1), after <= before)


def _mass() -> Problem:
    F, k, h, u, v, x, y, reacted, M = _reals("F k h u v x y r M")
    facts = [F > 0, k >= 0, h > 0, y >= 0, M >= 1, u + v <= M, u >= 0, v >= 0]
    facts += [(1 + h * F) * x + h * reacted == u + h * F, (1 + h * (F + k)) * y == v + h * reacted]
    return Problem(facts, x + y <= M, x + y <= u + v)


def _band() -> Problem:
    u, damping, mixing, mode = _reals("u z mixing m")
    facts = [u > 0, 2 * u < 1, damping > 1, mixing >= 0, mode > 0]
    facts.append(formulas.mixed_mode_determinant(u, damping, mixing, mode) < 0)
    return Problem(facts, mode < 1, 2 * mode < 1)


CLAIMS = (
    Claim("shadow_growth", "a mode of the shadow system grows exactly where b < eta, D_v mu < w", _growth),
    Claim("shadow_uniform", "the uniform mode of the layer decays exactly where z (1 + h w) > 1", _uniform),
    Claim("selection", "without diffusion every lead grows in every step, at every step size", _leads),
    Claim("shadow_substrate_bounds", "0 < u' <= 1 for the substrate of a video", _substrate_bounds),
    Claim("shadow_mass", "u + <v> never exceeds max(1, its value before)", _mass),
    Claim("mixing_band", "at any mixing only modes with D_v mu < w grow", _band),
)
