"""How selective is the layer? The half-power band of a design: the wavelengths that N steps favour.

Definition. Let `rho(l)` be the multiplier (spectral radius of G) of wavelength l in the semi-implicit step, and l* the
design's wavelength. The half-power band is the largest interval of wavelengths around l* on which
`rho(l)^N >= rho(l*)^N / sqrt 2`. Wavelengths end at 2 clips, where the clip axis ends, and at infinity, the mean.

With `g = rho(l*) / 2^(1/(2N))`, a multiplier is at least g exactly where `det(g L - B) <= 0` (a real one exceeds g) or
`det G >= g^2` (both do); `det(g L + B)` is always positive. The first is a quadratic in m = D_v mu/w, the second holds
below the root of another one: the band is in closed form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rdmf_theory import formulas
from rdmf_theory.chart import PatternDesign
from rdmf_theory.errors import ParameterError
from rdmf_theory.layer.step import pattern_multiplier


@dataclass(frozen=True)
class Bandwidth:
    """The half-power band of a design, floats or arrays.

    Arguments:
        shortest: least wavelength of the band, clips, >= 2.
        longest: greatest wavelength, clips; inf if the band reaches the mean.
        fractional: `l* (1/shortest - 1/longest)`, the band's width in wavenumbers over the design's, > 0, finite.
    """

    shortest: Any
    longest: Any
    fractional: Any

    @property
    def octaves(self) -> Any:
        """`log2(longest/shortest)`; inf if the band reaches the mean."""
        return np.log2(self.longest / self.shortest)


def half_power_quadratic(u_star: Any, z: Any, d: Any, eta: Any, g: Any) -> tuple[Any, Any, Any]:
    """Coefficients (c2, c1, c0) of `det(g L - B)` in m = D_v mu/w: negative where a real multiplier exceeds g."""
    first = g - 1 + g * eta * z
    second = g - 1 + g * eta - 2 * eta
    return g**2 * eta**2 * d, g * eta * (first + d * second), first * second + 2 * g * eta**2 * z * (1 - u_star)


def rotation_quadratic(z: Any, d: Any, eta: Any, g: Any) -> tuple[Any, Any, Any]:
    """Coefficients (c2, c1, c0) of `det L - det B/g^2` in m: negative where det G > g^2."""
    return eta**2 * d, eta * (1 + eta * z + d * (1 + eta)), (1 + eta * z) * (1 + eta) - (1 + 2 * eta) / g**2


def bandwidth(design: PatternDesign, steps: int, h: float = 1.0) -> Bandwidth:
    """Half-power band of a design over N steps (definition above), vectorised over designs of arrays.

    Arguments:
        design: admissible; far below the threshold, where the design's mode has no real multiplier, the result is NaN.
        steps: N >= 1.
        h: step size, > 0.
    Raises: ParameterError for a bad number of steps or step size.
    """
    if steps < 1 or steps != int(steps):
        raise ParameterError(f"steps must be an integer >= 1. Got {steps!r}; the layer runs 12.")
    multiplier = pattern_multiplier(design, h)
    u_star, z, d, eta = design.u_star, design.z, design.d, h * design.rate
    with np.errstate(invalid="ignore", divide="ignore"):
        # the gain rho^N itself may be no float
        g = multiplier * 2.0 ** (-0.5 / steps)
        c2, c1, c0 = half_power_quadratic(u_star, z, d, eta, g)
        root = np.sqrt(c1**2 - 4 * c2 * c0)
        # the root that adds, and the other one from the product of both: neither cancels
        top = np.where(c1 <= 0, (root - c1) / (2 * c2), -2 * c0 / (c1 + root))
        low = np.where(c1 <= 0, 2 * c0 / (root - c1), -(c1 + root) / (2 * c2))
        r2, r1, r0 = rotation_quadratic(z, d, eta, g)
        rotating = -2 * r0 / (r1 + np.sqrt(r1**2 - 4 * r2 * r0))
        # rotating modes fill [0, rotating]; where that meets the growing band, the band reaches the mean
        joined = (rotating >= low) & (rotating >= 0)
        top = np.where(joined, np.maximum(top, rotating), top)
        low = np.where(joined | (low <= 0), 0.0, low)
        fastest = formulas.fastest_mode(u_star, z, d, xp=np)
        scale = formulas.mode_eigenvalue(design.wavelength, xp=np) / fastest
        longest, shortest = (np.pi / np.arcsin(np.sqrt(np.minimum(m * scale / 4, 1.0))) for m in (low, top))
        undefined = ~(np.isfinite(multiplier) & np.isfinite(top))
        parts = [np.where(undefined, np.nan, x) for x in (shortest, longest)]
        parts.append(design.wavelength * (1 / parts[0] - 1 / parts[1]))
    return Bandwidth(*(x if np.ndim(x) else float(x) for x in parts))
