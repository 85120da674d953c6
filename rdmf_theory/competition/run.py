"""A run of the layer with cuts from a small perturbation: growth measured beside the prediction, at any mixing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from rdmf_theory import formulas
from rdmf_theory.chart import Parameters
from rdmf_theory.competition.conductances import require_conductances
from rdmf_theory.competition.design import ShadowParameters
from rdmf_theory.competition.growth import shadow_multiplier
from rdmf_theory.competition.modes import video_modes
from rdmf_theory.competition.shadow import shadow_step
from rdmf_theory.competition.two_field import weighted_growth, weighted_step
from rdmf_theory.errors import ParameterError
from rdmf_theory.layer.simulate import measure_multiplier

_MOST_STEPS = 100_000


@dataclass(frozen=True)
class CutSimulation:
    """A run on one video with cuts.

    Arguments:
        u: substrate, shape (steps + 1,) for the shadow system, (steps + 1, T) for two fields.
        v: activator, shape (steps + 1, T).
        u_star, v_star: the base state. h: step size.
        mode: index of the nonuniform mode that grows fastest; mu: its eigenvalue.
        predicted: its multiplier per step; measured: the same from the run, None if the linear stage is too short.
        window: (first, last) step of the linear stage that was measured.
    """

    u: np.ndarray
    v: np.ndarray
    u_star: float
    v_star: float
    h: float
    mode: int
    mu: float
    predicted: float
    measured: float | None
    window: tuple[int, int]

    @property
    def relative_error(self) -> float | None:
        """|measured/predicted - 1| of the multiplier, None where nothing was measured."""
        return None if self.measured is None else abs(self.measured / self.predicted - 1)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready summary; the fields themselves are left out."""
        last = self.v[-1]
        return {
            "clips": self.v.shape[1],
            "steps": self.v.shape[0] - 1,
            "step_size": self.h,
            "base_state": {"u": self.u_star, "v": self.v_star},
            "mode": self.mode,
            "mu": self.mu,
            "multiplier_predicted": self.predicted,
            "multiplier_measured": self.measured,
            "relative_error": self.relative_error,
            "window": list(self.window),
            "final_u": {"min": float(np.min(self.u[-1])), "max": float(np.max(self.u[-1]))},
            "final_v": {"min": float(last.min()), "max": float(last.max())},
            "winner": {"clip": int(last.argmax()), "share": float(last.max() / last.sum())},
        }


def simulate_with_cuts(
    parameters: ShadowParameters | Parameters,
    conductances: Any,
    steps: int | None = None,
    *,
    amplitude: float = 1e-6,
    h: float = 1.0,
    seed: int = 0,
) -> CutSimulation:
    """Run the nonlinear step from the v-rich state with a random relative perturbation.

    Arguments:
        parameters: scalars with a v-rich state; `ShadowParameters` run the shadow step, `Parameters` the two-field one.
        conductances: shape (T - 1,), in [0, 1], T >= 2.
        steps: N >= 1, default: the linear stage and as long again.
        amplitude: relative size of the perturbation, in (0, 0.5]; h: step size; seed: of the perturbation.
    Raises: ParameterError for arguments out of range, or no v-rich state.
    """
    kappa = require_conductances(conductances)
    if len(kappa) < 1:
        raise ParameterError("conductances must have at least one entry; a mode needs two clips.")
    if not 0 < amplitude <= 0.5:
        raise ParameterError(f"amplitude must be in (0, 0.5]. Got {amplitude!r}; 1e-6 shows the linear stage.")
    if steps is not None and not 1 <= steps <= _MOST_STEPS:
        raise ParameterError(f"steps must be in [1, {_MOST_STEPS}]. Got {steps!r}; all fields are kept.")
    F, k, s = parameters.F, parameters.k, parameters.s
    if not formulas.steady_discriminant(F, k, s) > 0:
        raise ParameterError("s F must exceed 4 (F + k)^2 for a v-rich state; raise s or lower k.")
    u_star = float(formulas.steady_u(F, k, s, xp=np))
    v_star = float(parameters.w / (s * u_star))
    modes = video_modes(kappa)
    shadow = isinstance(parameters, ShadowParameters)
    multipliers = shadow_multiplier(parameters, modes.mu, h) if shadow else weighted_growth(parameters, kappa, h)[1]
    # mode 0 is the uniform one
    mode = 1 + int(np.argmax(multipliers[1:]))
    predicted = float(multipliers[mode])
    if steps is None:
        steps = min(2000, max(20, math.ceil(1.6 * math.log(1 / amplitude) / max(abs(math.log(predicted)), 1e-3))))
    generator = np.random.default_rng(seed)
    T = len(kappa) + 1
    us: list[Any] = [u_star if shadow else u_star * (1 + amplitude * generator.standard_normal(T))]
    vs = [v_star * (1 + amplitude * generator.standard_normal(T))]
    for _ in range(steps):
        if isinstance(parameters, ShadowParameters):
            u, v = shadow_step(us[-1], vs[-1], s, parameters, kappa, h)
        else:
            u, v = weighted_step(us[-1], vs[-1], s, parameters, kappa, h)
        us.append(u)
        vs.append(v)
    v = np.stack(vs)
    coefficient = np.abs((v - v_star) @ modes.vectors[mode])
    window, measured = measure_multiplier(coefficient, np.abs(v / v_star - 1).max(axis=1))
    mu = float(modes.mu[mode])
    return CutSimulation(np.stack(us), v, u_star, v_star, h, mode, mu, predicted, measured, window)
