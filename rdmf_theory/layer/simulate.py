"""What does the layer do from a small perturbation? The nonlinear step, and growth measured beside the prediction."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from rdmf_theory.chart import Parameters
from rdmf_theory.errors import ParameterError
from rdmf_theory.layer.step import clip_eigenvalues, clip_modes, multiplier, semi_implicit_step
from rdmf_theory.steady_states import v_rich_chart

# Relative deviation from the base state below which the dynamics counts as linear.
_LINEAR = 1e-3
SETTLED = 1e-6
"""Relative change per step below which a run counts as settled."""
_MOST_STEPS = 100_000


@dataclass(frozen=True)
class Simulation:
    """A run of the layer's step on one video of T clips.

    Arguments:
        u, v: fields, shape (steps + 1, T).
        u_star, v_star: the base state.
        h: step size.
        mode: j of the clip mode with the largest predicted multiplier; its wavelength is 2T/j clips.
        amplitude: |coefficient| of that mode in v - v*, shape (steps + 1,).
        predicted: its multiplier per step, the spectral radius of G(mu_j).
        measured: the same from the run, by a line through log amplitude over `window`; None if that is too short.
        window: (first, last) step of the linear stage that was measured.
        drift: largest change of u or v in the last step, over its size; of a pattern that grows, over its deviation
            from the base state.
    """

    u: np.ndarray
    v: np.ndarray
    u_star: float
    v_star: float
    h: float
    mode: int
    amplitude: np.ndarray
    predicted: float
    measured: float | None
    window: tuple[int, int]
    drift: float

    @property
    def settled(self) -> bool:
        """Whether the last step changed nothing that is seen: neither a pattern in the making nor an oscillation."""
        return self.drift < SETTLED

    @property
    def relative_error(self) -> float | None:
        """|measured/predicted - 1| of the multiplier, None where nothing was measured."""
        return None if self.measured is None else abs(self.measured / self.predicted - 1)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready summary; the fields themselves are left out."""
        steps, clips = self.v.shape[0] - 1, self.v.shape[1]
        return {
            "clips": clips,
            "steps": steps,
            "step_size": self.h,
            "base_state": {"u": self.u_star, "v": self.v_star},
            "mode": self.mode,
            "wavelength": 2 * clips / self.mode if self.mode else None,
            "multiplier_predicted": self.predicted,
            "multiplier_measured": self.measured,
            "relative_error": self.relative_error,
            "growth_rate_predicted": math.log(self.predicted) / self.h,
            "growth_rate_measured": None if self.measured is None else math.log(self.measured) / self.h,
            "window": list(self.window),
            "drift": self.drift,
            "settled": self.settled,
            "final_v": {"min": float(self.v[-1].min()), "max": float(self.v[-1].max())},
        }


def simulate(
    parameters: Parameters,
    clips: int,
    steps: int | None = None,
    *,
    amplitude: float = 1e-6,
    h: float = 1.0,
    seed: int = 0,
) -> Simulation:
    """Run the layer's nonlinear step from the v-rich state with a random relative perturbation.

    Arguments:
        parameters: scalars with a v-rich state.
        clips: T >= 2; steps: N >= 1, default: until the pattern has saturated.
        amplitude: relative size of the initial perturbation, in (0, 0.5].
        h: step size; seed: of the perturbation.
    Returns: `Simulation`.
    Raises: ParameterError for arguments out of range, or no v-rich state.
    """
    if int(clips) != clips or clips < 2:
        raise ParameterError(f"clips must be an integer >= 2. Got {clips!r}; a mode needs two clips.")
    if not 0 < amplitude <= 0.5:
        raise ParameterError(f"amplitude must be in (0, 0.5]. Got {amplitude!r}; 1e-6 shows the linear stage.")
    if steps is not None and not 1 <= steps <= _MOST_STEPS:
        raise ParameterError(f"steps must be in [1, {_MOST_STEPS}]. Got {steps!r}; all fields are kept.")
    u_star, z = (float(x) for x in v_rich_chart(parameters))
    v_star = z * u_star * (1 - u_star)
    multipliers = multiplier(parameters, clip_eigenvalues(clips), h)
    mode = int(np.argmax(multipliers))
    predicted = float(multipliers[mode])
    if steps is None:
        # the linear stage takes log(1/amplitude)/log(multiplier) steps; the pattern then settles for as long
        steps = min(2000, max(20, math.ceil(1.6 * math.log(1 / amplitude) / max(abs(math.log(predicted)), 1e-3))))
    generator = np.random.default_rng(seed)
    u, v = np.empty((2, steps + 1, clips))
    u[0] = u_star * (1 + amplitude * generator.standard_normal(clips))
    v[0] = v_star * (1 + amplitude * generator.standard_normal(clips))
    for n in range(steps):
        u[n + 1], v[n + 1] = semi_implicit_step(u[n], v[n], parameters.s, parameters, h)
    shape = clip_modes(clips)[mode]
    coefficient = np.abs((v - v_star) @ shape) / (shape @ shape)
    window, measured = measure_multiplier(coefficient, np.abs(v / v_star - 1).max(axis=1))
    drift = 0.0
    for field, base in ((u, u_star), (v, v_star)):
        change, size = np.abs(field[-1] - field[-2]).max(), np.abs(field[-1]).max()
        if predicted > 1:
            # a small pattern that still grows changes the fields by little
            size = min(size, np.abs(field[-1] - base).max())
        drift = max(drift, float(change / size) if size > 0 else 0.0)
    return Simulation(u, v, u_star, v_star, h, mode, coefficient, predicted, measured, window, drift)


def measure_multiplier(coefficient: np.ndarray, deviation: np.ndarray) -> tuple[tuple[int, int], float | None]:
    """Multiplier per step by least squares over the second half of the linear stage, when transients are gone."""
    # below 1e-12 the coefficient is rounding noise of the fields
    linear = (deviation < _LINEAR) & (coefficient > 1e-12)
    last = len(linear) if linear.all() else int(np.argmin(linear))
    first = last // 2
    window = (first, max(first, last - 1))
    if last - first < 4:
        return window, None
    slope = np.polyfit(np.arange(first, last), np.log(coefficient[first:last]), 1)[0]
    return window, float(np.exp(slope))
