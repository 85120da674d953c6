"""What the shadow step does to a mode: multiplier, gain over N steps, response to a modulated gain."""

from __future__ import annotations

from typing import Any

import numpy as np

from rdmf_theory import formulas
from rdmf_theory.competition.design import CompetitionDesign, ShadowParameters
from rdmf_theory.errors import ParameterError


def shadow_multiplier(parameters: ShadowParameters, mu: Any, h: float = 1.0) -> np.ndarray:
    """Factor of one step on a mode mu > 0, `(1 + 2 h w)/(1 + h w + h mu D_v)`; shape of `mu`.

    Proof: proofs/ShadowModes.v, `shadow_mode_multiplier`.
    """
    mu = np.asarray(mu, dtype=float)
    return np.asarray(formulas.shadow_multiplier(h * parameters.w, h * mu * parameters.D_v))


def competition_gain(design: CompetitionDesign, mu: Any, steps: int, h: float = 1.0) -> np.ndarray:
    """Factor of N steps on a mode mu > 0: the multiplier to the power N, at any mixing.

    At mixing 0 it is `((1 + 2 eta)/(1 + eta + eta reach^2 mu))^N`; else the spectral radius of G at
    `a = eta reach^2 mu/mixing`, which tends to it as mixing falls.

    Arguments: design of scalars; mu > 0, any shape; steps >= 1; h > 0.
    """
    if int(steps) != steps or steps < 1:
        raise ParameterError(f"steps must be an integer >= 1. Got {steps!r}; the layer takes 12 to 32.")
    eta = h * design.rate
    b = eta * np.square(design.reach) * np.asarray(mu, dtype=float)
    if design.mixing == 0:
        return np.asarray(formulas.shadow_multiplier(eta, b)) ** steps
    arguments = (design.u_star, design.z, eta, b / design.mixing, b)
    trace, determinant = formulas.amplification_trace(*arguments), formulas.amplification_determinant(*arguments)
    root = np.sqrt((trace**2 / 4 - determinant).astype(complex))
    return np.maximum(np.abs(trace / 2 + root), np.abs(trace / 2 - root)) ** steps


def gain_response(design: CompetitionDesign, mu: Any, steps: int, h: float = 1.0) -> np.ndarray:
    """Relative activator `delta v/v*` of a mode mu > 0 after N steps, per unit of gain modulation, to first order.

        s_t = s (1 + epsilon phi_t):   delta v/(epsilon v*) = (r^N - 1)/(1 - reach^2 mu) phi

    with r the multiplier: a low-pass filter, the longest wave most. Summed, so `reach^2 mu = 1` is no exception.

    Arguments: design with mixing 0, scalars; mu > 0, any shape; steps >= 1.
    Raises: ParameterError for mixing > 0; there `layer.step.frequency_response` holds, at the same mu.
    """
    if design.mixing != 0:
        raise ParameterError(f"gain_response needs mixing = 0. Got {design.mixing}; use layer.step.frequency_response.")
    eta = h * design.rate
    b = eta * np.square(design.reach) * np.asarray(mu, dtype=float)
    r = np.asarray(formulas.shadow_multiplier(eta, b))
    total = np.zeros_like(r)
    for _ in range(steps):
        total = r * total + eta / (1 + eta + b)
    return total


def relative_gain_floor(design: CompetitionDesign) -> Any:
    """Smallest uniform relative gain m = s_t/s at which the video still has a damped v-rich state; below 1.

    The state of gain m s has `y (1 - y) = u* (1 - u*)/m` and `z' = z u*/y`: damped and v-rich iff `y < min(1/2, z u*)`.
    Competition needs no upper end: the two-field layer's (its Turing threshold) is gone. If a share q of the clips
    holds all activator, the same formula holds with m/q for m: concentration keeps every condition.

    Proof: proofs/ModulatedGain.v, `frozen_parameters`.
    """
    # the lower end of the two-field interval does not depend on d
    c, u = design.z * design.u_star, design.u_star
    y_max = np.minimum(0.5, c)
    return u * (1 - u) / (y_max * (1 - y_max))
