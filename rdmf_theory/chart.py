"""Which coordinates? `PatternDesign` (meaningful, learnable) and `Parameters` (F, k, s, D_u, D_v), both ways."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np

from rdmf_theory import formulas
from rdmf_theory.errors import ParameterError

Real: TypeAlias = Any
"""A float or a numpy array of floats; the fields of one object broadcast against each other."""


def _require(owner: str, name: str, value: Real, holds: Any, rule: str, remedy: str) -> None:
    # NaN fails every comparison, so it is reported by whichever rule meets it first
    wrong = ~np.asarray(holds, dtype=bool)
    if wrong.any():
        shown = float(np.broadcast_to(np.asarray(value, dtype=float), wrong.shape)[wrong][0])
        raise ParameterError(f"{owner}.{name} must be {rule}. Got {shown!r}; {remedy}.")


@dataclass(frozen=True)
class Parameters:
    """Parameters of the system on the clip axis.

    Arguments:
        F, k: feed and kill rate, 1/step, > 0 (k = 0, the edge of the admissible set, is accepted).
        s: reaction gain, 1/step, > 0.
        D_u, D_v: diffusion coefficients, clip^2/step, > 0.
    Raises: ParameterError if one is not finite or has the wrong sign.
    """

    F: Real
    k: Real
    s: Real
    D_u: Real
    D_v: Real

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            numbers = np.asarray(value, dtype=float)
            sign, rule = (numbers > 0, "finite and positive")
            if item.name == "k":
                sign, rule = (numbers >= 0, "finite and not negative")
            _require("Parameters", item.name, value, sign & np.isfinite(numbers), rule, "all rates are positive")

    @property
    def w(self) -> Real:
        """Turnover rate `w = F + k`, 1/step."""
        return self.F + self.k

    @property
    def d(self) -> Real:
        """Diffusion ratio `d = D_u/D_v`."""
        return self.D_u / self.D_v


@dataclass(frozen=True)
class PatternDesign:
    """A v-rich state and its fastest pattern, in the coordinates that the text's head emits.

    Arguments:
        u_star: steady substrate, in (0, 1/2]; admissible below 1/2.
        z: damping ratio `F/(w u*)`, > 0; admissible for 1 < z < 1/u*.
        excess: `r = d/d_T(u*, z)`, > 0; admissible above 1.
        wavelength: of the fastest mode in clips, >= 2.
        rate: turnover rate `w = F + k`, 1/step, > 0.
    Raises: ParameterError outside these domains. Admissibility itself is judged by `rdmf_theory.AdmissibleRegion`,
        with a margin for every condition, so a design that is not admissible can be represented.
    """

    u_star: Real
    z: Real
    excess: Real
    wavelength: Real
    rate: Real

    def __post_init__(self) -> None:
        u, wavelength = np.asarray(self.u_star, dtype=float), np.asarray(self.wavelength, dtype=float)
        _require("PatternDesign", "u_star", u, (u > 0) & (u <= 0.5), "in (0, 1/2]", "v-rich states have u* < 1/2")
        _require(
            "PatternDesign",
            "wavelength",
            wavelength,
            (wavelength >= 2) & np.isfinite(wavelength),
            "at least 2 clips and finite",
            "no mode of the clip axis is shorter",
        )
        for name in ("z", "excess", "rate"):
            value = np.asarray(getattr(self, name), dtype=float)
            holds = (value > 0) & np.isfinite(value)
            _require("PatternDesign", name, value, holds, "finite and positive", "admissible: 1 < z < 1/u*, excess > 1")

    @property
    def d(self) -> Real:
        """Diffusion ratio `d = excess d_T(u*, z)`."""
        return self.excess * formulas.turing_threshold(self.u_star, self.z, xp=np)

    def parameters(self) -> Parameters:
        """The parameters of this design, `formulas.parameters_from_design`.

        Raises: ParameterError where the design has none (z u* > 1: negative k; excess so low that D_v <= 0).
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            values = formulas.parameters_from_design(
                self.u_star, self.z, self.excess, self.wavelength, self.rate, xp=np
            )
        return Parameters(*(value if np.ndim(value) else float(value) for value in values))

    @classmethod
    def from_parameters(cls, parameters: Parameters) -> PatternDesign:
        """The design of a Turing-unstable parameter point; inverse of `parameters()` to 1e-10 relative.

        Raises: ParameterError if there is no v-rich state, no finite fastest mode (d <= 1 or growth at mu = 0 only),
            or the fastest mode is too short for the clip axis (mu > 4).
        """
        F, k, s = parameters.F, parameters.k, parameters.s
        # 1 - 2 u* is this root: kept, because 1 - 2*u would cancel near the saddle-node
        discriminant = np.asarray(formulas.steady_discriminant(F, k, s))
        rule = "large enough for a v-rich state, s F >= 4 (F + k)^2"
        _require("Parameters", "s", s, discriminant >= 0, rule, "raise s or lower k")
        root = np.sqrt(discriminant)
        u_star = formulas.steady_u(F, k, s, xp=np)
        z = F / (parameters.w * u_star)
        excess = parameters.d / (z * (np.sqrt(root) + np.sqrt(1 + root)) ** 2)
        _require("Parameters", "D_u", parameters.D_u, parameters.d > 1, "larger than D_v", "raise D_u")
        mode = formulas.fastest_mode(u_star, z, parameters.d, xp=np)
        mu = parameters.w * mode / parameters.D_v
        _require("Parameters", "D_u", parameters.D_u, mode > 0, "large enough for a fastest mode", "raise D_u")
        # a design of 2 clips may come back as mu = 4 plus rounding
        long_enough = mu <= 4 * (1 + 1e-9)
        _require("Parameters", "D_v", parameters.D_v, long_enough, "large enough for 2 clips/wave", "raise it")
        wavelength = np.pi / np.arcsin(np.sqrt(np.minimum(mu, 4)) / 2)
        values = (u_star, z, excess, wavelength, parameters.w)
        return cls(*(value if np.ndim(value) else float(value) for value in values))
