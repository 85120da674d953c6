"""What happens at a bifurcation? Wavelength, period, cubic coefficient and rate, enclosed, at a located point."""

# pyright: reportOperatorIssue=false, reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import flint

from rdmf_theory.arithmetic.enclosure import precision
from rdmf_theory.arithmetic.zeros import BITS
from rdmf_theory.bifurcations import amplitude
from rdmf_theory.bifurcations.equations import DefiningSystem, clip_modes
from rdmf_theory.bifurcations.roots import Root


@dataclass(frozen=True)
class Onset:
    """How a pattern or an oscillation of small amplitude A sets in, `A' = sigma A + h A^2 - g |A|^2 A`.

    Arguments:
        criticality: "soft" (supercritical, g > 0), "hard" (subcritical, g < 0), "transcritical" (h != 0, the mode 2T/3
            of T clips), or "undecided" where the enclosure of g holds 0 or the first species takes no part.
        cubic: g, per unit of the first species; None where h decides.
        quadratic: h, None where it vanishes identically.
        rates: d sigma / d parameter along the states, per free parameter.
    """

    criticality: str
    cubic: float | None
    quadratic: float | None
    rates: dict[str, float]

    def amplitude(self, **changes: float) -> float:
        """Predicted amplitude sqrt(sigma/g) for small changes of the free parameters; NaN on the side without one."""
        sigma = sum(self.rates[name] * change for name, change in changes.items())
        if self.cubic is None:
            return math.nan
        return math.sqrt(sigma / self.cubic) if sigma / self.cubic >= 0 else math.nan

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready dictionary."""
        return {
            "criticality": self.criticality,
            "cubic_coefficient": self.cubic,
            "quadratic_coefficient": self.quadratic,
            "rates": self.rates,
        }


@dataclass(frozen=True)
class Bifurcation:
    """A located bifurcation of a homogeneous state.

    Arguments:
        kind: a key of `equations.CURVES` or `equations.POINTS`, or "branch-point" (two curves of states cross).
        values: the free parameters by name.
        state: the homogeneous state by species.
        radius: largest radius of the proved enclosures of all these numbers; None where nothing is proved.
        mode: mode number on the clip axis.
        wavenumber: critical wavenumber q_c, 1/length; on clips `j pi/T`, rad/clip.
        frequency: omega of an oscillation, 1/time.
        onset: the amplitude equation (None at saddle-nodes and points of codimension two).
        primary: whether the state is stable against everything else, so that stability is lost here.
        shape: what the states do at a singular Jacobian, where it is decided exactly: "fold", "transcritical",
            "pitchfork", "inflection" (they go on), "isolated" (a single state), "degenerate".
    """

    kind: str
    values: dict[str, float]
    state: dict[str, float]
    radius: float | None
    mode: int | None = None
    wavenumber: float | None = None
    frequency: float | None = None
    onset: Onset | None = None
    primary: bool = False
    shape: str | None = None

    @property
    def wavelength(self) -> float | None:
        """2 pi/q_c, in length units or clips."""
        return 2 * math.pi / self.wavenumber if self.wavenumber else None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready dictionary; what does not apply is left out."""
        optional = {
            "mode": self.mode,
            "shape": self.shape,
            "wavenumber": self.wavenumber,
            "wavelength": self.wavelength,
            "frequency": self.frequency,
            "period": 2 * math.pi / self.frequency if self.frequency else None,
        }
        result: dict[str, Any] = {"kind": self.kind, "values": self.values, "state": self.state, "radius": self.radius}
        result |= {name: value for name, value in optional.items() if value is not None}
        if self.onset is not None:
            result |= self.onset.to_dict()
        return result | {"primary": self.primary}


def describe(
    system: DefiningSystem, kind: str, root: Root, mode: int | None = None, T: int | None = None
) -> Bifurcation:
    """The record of a located root.

    Arguments:
        system: the defining system that the root solves.
        kind: its name.
        root: where.
        mode, T: mode number and number of clips for "turing-mode"; T alone makes `primary` a statement on T clips.
    """
    names = [symbol.name for symbol in system.point.system.species]
    numbers = root.values
    wavenumber = frequency = onset = None
    with precision(BITS):
        balls = list(root.balls)
        if kind in ("turing", "turing-mode", "turing-hopf", "turing-turing", "turing-degenerate"):
            mu = critical_eigenvalue(system, balls) if mode is None or T is None else clip_modes(T)[mode]
            wavenumber = _root(mu) if mode is None or T is None else math.pi * mode / T
            if kind in ("turing", "turing-mode"):
                onset = _turing_onset(system, balls, mu, mode, T)
        if kind in ("hopf", "turing-hopf", "bautin"):
            frequency = _root(system.test("determinant", balls))
            if kind == "hopf":
                onset = _hopf_onset(system, balls)
        primary = _primary(system, kind, balls, mode, T)
    return Bifurcation(
        kind=kind,
        values=dict(zip(system.axes, map(float, numbers[2:]), strict=True)),
        state=dict(zip(names, map(float, numbers[:2]), strict=True)),
        radius=root.radius if root.certified else None,
        mode=mode,
        wavenumber=wavenumber,
        frequency=frequency,
        onset=onset,
        primary=primary,
    )


def _root(square: flint.arb) -> float:
    """Square root of a number that is positive along a curve, and 0 at its end."""
    return 0.0 if square.contains(0) else float(square.sqrt().mid())


def critical_eigenvalue(system: DefiningSystem, balls: list[flint.arb]) -> flint.arb:
    """`mu_c = (D_v J11 + D_u J22)/(2 D_u D_v)`, the double root of det(J - mu D) on the Turing curve."""
    D_u, D_v = system.diffusion(balls)
    return system.test("spread", balls) / (2 * D_u * D_v)


def _criticality(g: Any) -> str:
    if g > 0:
        return "soft"
    return "hard" if g < 0 else "undecided"


def _onset(g: Any, rates: dict[str, float]) -> Onset:
    value = float(g.mid())
    return Onset(_criticality(g), value if math.isfinite(value) else None, None, rates)


def _turing_onset(
    system: DefiningSystem, balls: list[flint.arb], mu: flint.arb, mode: int | None, T: int | None
) -> Onset:
    jacobian, second, third, diffusion = system.derivatives(balls)
    trace = jacobian[0][0] + jacobian[1][1] - mu * (diffusion[0] + diffusion[1])
    # the vanishing eigenvalue of a 2 x 2 matrix changes at the rate (d det)/(trace)
    slopes = along_states(system.with_conditions("mode", modes=(mu,)), balls)
    rates = {name: float((slope / trace).mid()) for name, slope in zip(system.axes, slopes, strict=True)}
    if mode is None or T is None:
        return _onset(amplitude.turing_coefficient(jacobian, second, third, diffusion, mu), rates)
    if 3 * mode == 2 * T:
        h = amplitude.resonant_coefficient(jacobian, second, diffusion, mu)
        return Onset("transcritical" if not h.contains(0) else "undecided", None, float(h.mid()), rates)
    mu_2 = 4 * flint.arb.sin_pi_fmpq(flint.fmpq(mode, T)) ** 2
    g = amplitude.turing_coefficient(jacobian, second, third, diffusion, mu, mu_2, harmonic=2 * mode != T)
    return _onset(g, rates)


def _hopf_onset(system: DefiningSystem, balls: list[flint.arb]) -> Onset:
    jacobian, second, third, _ = system.derivatives(balls)
    slopes = along_states(system.with_conditions("trace"), balls)
    rates = {name: float((slope / 2).mid()) for name, slope in zip(system.axes, slopes, strict=True)}
    return _onset(amplitude.hopf_coefficient(jacobian, second, third), rates)


def along_states(system: DefiningSystem, balls: list[Any]) -> list[Any]:
    """Derivatives of the only condition by each axis while the state follows: `c_x - c_u J^-1 f_x`."""
    f, g, condition = system.jacobian(balls)
    slopes = []
    for position in range(2, len(balls)):
        followed = amplitude.solve([f[:2], g[:2]], [-f[position], -g[position]])
        slopes.append(condition[position] + condition[0] * followed[0] + condition[1] * followed[1])
    return slopes


def _primary(system: DefiningSystem, kind: str, balls: list[flint.arb], mode: int | None, T: int | None) -> bool:
    determinant, trace = system.test("determinant", balls), system.test("trace", balls)
    spread = system.test("spread", balls)
    D_u, D_v = system.diffusion(balls)
    if T is not None:
        others = (mu for j, mu in enumerate(clip_modes(T)) if j not in (0, mode))
        patterns_decay = all(bool(determinant - spread * mu + D_u * D_v * mu**2 > 0) for mu in others)
    else:
        # the power of a ball around 0 is not finite, the product is
        patterns_decay = bool(spread <= 0) or bool(spread * spread - 4 * D_u * D_v * determinant < 0)
    if kind in ("saddle-node", "branch-point"):
        return bool(trace < 0) and patterns_decay
    if kind == "hopf":
        return bool(determinant > 0) and patterns_decay
    if kind == "turing":
        return bool(trace < 0)
    if kind == "turing-mode":
        return bool(trace < 0) and bool(determinant > 0) and patterns_decay
    return False
