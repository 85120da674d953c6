"""Growth rate over the wavenumber at a homogeneous state of any system, and a picture of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rdmf_theory.errors import ParameterError
from rdmf_theory.systems.classification import DESCRIPTIONS, PointClassification, StateClassification
from rdmf_theory.systems.point import SystemPoint

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class DispersionCurve:
    """Growth rate and frequency of the modes at one state.

    Arguments:
        state: the classified state.
        wavenumber: shape (m,), 1/length, from 0.
        growth_rate: `max Re eig(J - q^2 D)`, shape (m,), 1/time.
        frequency: modulus of the imaginary part of that eigenvalue, shape (m,), rad/time.
    """

    state: StateClassification
    wavenumber: np.ndarray
    growth_rate: np.ndarray
    frequency: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready dictionary of the curve."""
        return {
            "wavenumber": self.wavenumber.tolist(),
            "growth_rate": self.growth_rate.tolist(),
            "frequency": self.frequency.tolist(),
        }


def growth_rates(point: SystemPoint, state: Any, mu: Any) -> np.ndarray:
    """Rightmost eigenvalue of `J - mu D`, complex.

    Arguments:
        point: the system with all its values.
        state: the homogeneous state, n floats.
        mu: eigenvalues of minus the Laplacian, >= 0, any shape, 1/length^2.
    Returns: complex array of the shape of `mu`: growth rate and frequency, 1/time.
    Raises: ParameterError if a `mu` is negative or not finite.
    """
    mu = np.asarray(mu, dtype=float)
    if not np.all(np.isfinite(mu) & (mu >= 0)):
        raise ParameterError("mu must be finite and >= 0; it is an eigenvalue of minus the Laplacian.")
    jacobian = point.jacobian([float(x) for x in state])
    values: Any = np.linalg.eigvals(jacobian - mu[..., None, None] * np.diag(point.diffusion))
    # of a complex pair the one with the positive frequency
    order = np.lexsort((values.imag, values.real), axis=-1)
    return np.take_along_axis(values, order[..., -1:], axis=-1)[..., 0]


def dispersion_curve(result: PointClassification, index: int | None = None, points: int = 400) -> DispersionCurve:
    """The curve of one state, over the wavenumbers that matter.

    Arguments:
        result: the classified point.
        index: which state, counted from 0 in the order of `result.states`; None: the first in `DESCRIPTIONS`' order.
        points: number of wavenumbers.
    Raises: ParameterError for a state that is not there, or an undecided box.
    """
    if index is None:
        index = min(range(len(result.states)), key=lambda i: list(DESCRIPTIONS).index(result.states[i].name))
    if not 0 <= index < len(result.states):
        raise ParameterError(f"state must be from 0 to {len(result.states) - 1}. Got {index}.")
    state = result.states[index]
    if not state.state.certified:
        raise ParameterError(f"state {index} is an undecided box: {state.reason}.")
    q = np.linspace(0.0, _reach(result.point, state), points)
    values = growth_rates(result.point, state.state.mid, q**2)
    return DispersionCurve(state, q, np.real(values), np.abs(np.imag(values)))


def _reach(point: SystemPoint, state: StateClassification) -> float:
    """The largest wavenumber to show: past the bands and the critical mode."""
    modes = state.modes
    marks = [] if modes is None else [high for _, high in modes.bands if math.isfinite(high)]
    if modes is not None:
        marks += [2 * x for x in (modes.critical_mu, modes.fastest.mu if modes.fastest else None) if x]
        marks += [4 * low for low, high in modes.bands if math.isinf(high)]
    if not marks:
        rates = point.diffusion[point.diffusion > 0]
        size = float(np.abs(point.jacobian(state.state.mid.tolist())).sum(axis=1).max())
        marks = [size / float(rates.min()) if rates.size and size > 0 else 1.0]
    return 1.4 * math.sqrt(max(marks))


def plot_dispersion_curve(curve: DispersionCurve, title: str) -> Figure:
    """Growth rate over the wavenumber, growing band shaded; below it the frequency, where there is one."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from rdmf_theory.support.figures import DARK, LIGHT, MIDDLE, STYLE

    q, modes = curve.wavenumber, curve.state.modes
    oscillates = bool(np.any(curve.frequency > 0))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.2, 4.4 if oscillates else 3.4), layout="constrained")
        ratios = (2.4, 1) if oscillates else (1,)
        panels = figure.subplots(len(ratios), 1, sharex=True, height_ratios=ratios, squeeze=False)[:, 0]
        axis = panels[0]
        axis.axhline(0.0, color="0.6", lw=0.8)
        for number, (low, high) in enumerate(modes.bands if modes else ()):
            label = "growing modes" if number == 0 else None
            axis.axvspan(math.sqrt(low), min(math.sqrt(high), q[-1]), color=LIGHT, alpha=0.5, lw=0, label=label)
        axis.plot(q, curve.growth_rate, color=DARK, label=r"fastest eigenvalue")
        fastest = modes.fastest if modes else None
        if fastest is not None and fastest.mu > 0:
            axis.plot(
                math.sqrt(fastest.mu), fastest.growth_rate, "o", ms=5, mfc="white", mec=DARK, label="fastest wave"
            )
        top = max(float(curve.growth_rate.max()), 0.0)
        bottom = max(float(curve.growth_rate.min()), -4 * max(top, abs(float(curve.growth_rate[0]))))
        margin = 0.08 * (top - bottom) or 1.0
        axis.set_ylim(bottom - margin, top + margin)
        axis.set_ylabel(r"growth rate $\mathrm{Re}\,\lambda$ (1/time)")
        axis.set_title(title)
        if oscillates:
            panels[1].plot(q, curve.frequency, "--", color=MIDDLE)
            panels[1].set_ylabel(r"$|\mathrm{Im}\,\lambda|$ (rad/time)")
            panels[1].set_ylim(0, 1.15 * float(curve.frequency.max()))
        panels[-1].set_xlim(0, q[-1])
        panels[-1].set_xlabel("wavenumber $q$ (rad/length)")
        figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure
