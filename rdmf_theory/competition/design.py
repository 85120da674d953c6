"""Coordinates of a competing layer that a network can learn: state, reach, rate, and how far the substrate mixes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from rdmf_theory import formulas
from rdmf_theory.errors import ParameterError

REMEDIES = {
    "u_star": "in (0, 1/2); v-rich states have u* < 1/2",
    "z": "finite and positive; the state is damped for z > 1",
    "reach": "finite and >= 0; modes with reach^2 mu < 1 grow",
    "rate": "finite and positive; it is F + k",
    "mixing": "finite and >= 0; 0 is one substrate per video",
}


@dataclass(frozen=True)
class CompetitionDesign:
    """A v-rich state with its competition. Floats or arrays that broadcast.

    Arguments:
        u_star: steady substrate, in (0, 1/2).
        z: damping ratio `F/(w u*)`, > 0; admissible for 1 < z < 1/u*.
        reach: `sqrt(D_v/w)`, clips, >= 0: how far the activator spreads while it turns over once. A mode mu > 0 of the
            shadow system grows iff `reach^2 mu < 1`.
        rate: turnover rate w = F + k, 1/step, > 0.
        mixing: `D_v/D_u`, >= 0; 0 is global competition (the shadow system), `1/d_T(u*, z)` the Turing threshold.
    Raises: ParameterError outside these domains.
    """

    u_star: Any
    z: Any
    reach: Any
    rate: Any
    mixing: Any = 0.0

    def __post_init__(self) -> None:
        for item in fields(self):
            value = np.asarray(getattr(self, item.name), dtype=float)
            holds = (value >= 0) if item.name in ("reach", "mixing") else (value > 0)
            if item.name == "u_star":
                holds = holds & (value < 0.5)
            if not np.all(holds & np.isfinite(value)):
                raise ParameterError(f"CompetitionDesign.{item.name} must be {REMEDIES[item.name]}. Got {value!s}.")

    def parameters(self) -> ShadowParameters:
        """`F, k, s` of the chart and `D_v = w reach^2`.

        Raises: ParameterError where k would be negative, z u* > 1.
        """
        F, k, s = formulas.parameters_from_chart(self.u_star, self.z, self.rate)
        return ShadowParameters(F, k, s, self.rate * np.square(self.reach))

    @property
    def D_u(self) -> Any:
        """Diffusion of the substrate, clip^2/step, `D_v/mixing`; infinity for global competition."""
        with np.errstate(divide="ignore", invalid="ignore"):
            D_u = np.divide(self.rate * np.square(self.reach), np.asarray(self.mixing, dtype=float))
        return np.where(np.asarray(self.mixing) == 0, np.inf, D_u)[()]

    @property
    def largest_mixing(self) -> Any:
        """Mixing at which the band of growing modes closes, `1/d_T(u*, z)`."""
        return 1 / formulas.turing_threshold(self.u_star, self.z, xp=np)

    @classmethod
    def from_parameters(cls, parameters: ShadowParameters) -> CompetitionDesign:
        """The design with global competition of parameters with a v-rich state; inverse of `parameters()`.

        Raises: ParameterError if there is no v-rich state.
        """
        F, k, s = parameters.F, parameters.k, parameters.s
        if not np.all(np.asarray(formulas.steady_discriminant(F, k, s)) > 0):
            raise ParameterError("s F must exceed 4 (F + k)^2 for a v-rich state; raise s or lower k.")
        u_star, w = formulas.steady_u(F, k, s, xp=np), parameters.w
        return cls(u_star, F / (w * u_star), np.sqrt(parameters.D_v / w), w)


@dataclass(frozen=True)
class ShadowParameters:
    """Parameters of the shadow system.

    Arguments:
        F, k, s: feed rate, kill rate, reaction gain, 1/step; F, s > 0, k >= 0.
        D_v: diffusion of the activator, clip^2/step, >= 0.
    Raises: ParameterError if one is not finite or has the wrong sign.
    """

    F: Any
    k: Any
    s: Any
    D_v: Any

    def __post_init__(self) -> None:
        for item in fields(self):
            value = np.asarray(getattr(self, item.name), dtype=float)
            zero = item.name in ("k", "D_v")
            if not np.all(np.isfinite(value) & ((value >= 0) if zero else (value > 0))):
                rule = "finite and not negative" if zero else "finite and positive"
                raise ParameterError(f"ShadowParameters.{item.name} must be {rule}. Got {value!s}; all are rates.")

    @property
    def w(self) -> Any:
        """Turnover rate `w = F + k`, 1/step."""
        return self.F + self.k
