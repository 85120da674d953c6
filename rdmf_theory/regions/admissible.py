"""Which designs are admissible? `AdmissibleRegion`: named conditions with signed margins on a design and a run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from numbers import Integral
from typing import Any

import numpy as np

from rdmf_theory import formulas
from rdmf_theory.chart import PatternDesign
from rdmf_theory.errors import ParameterError
from rdmf_theory.layer.bandwidth import bandwidth
from rdmf_theory.layer.step import pattern_gain
from rdmf_theory.verdict import Condition

FORMAT = "rdmf-admissible-region"
VERSION = 1
COORDINATES = ("u_star", "z", "excess", "wavelength", "rate")
OPTIONAL = ("bandwidth",)
"""Conditions that came after the format: absent from JSON where they are not asked for."""


@dataclass(frozen=True)
class AdmissibleRegion:
    """Conditions on a pattern design and the run it is used in, and the box of designs offered to a head.

    Arguments:
        lower, upper: corners of the design box, order (u_star, z, excess, wavelength, rate).
        clips: (T_min, T_max), the clip counts in use.
        steps: N, layer steps (h = 1).
        gain: [g_min, g_max], allowed gain of the fastest mode over N steps.
        modulation: (m_lo, m_hi) around 1, a fixed range of the clip-wise gain that must stay admissible, or None.
        soft_onset: whether the onset must be supercritical.
        bandwidth: [b_min, b_max], allowed fractional half-power band over N steps (`bandwidth.bandwidth`), or None.
    Raises: ParameterError if a number is not finite, an interval is reversed or outside its domain.
    """

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    clips: tuple[int, int]
    steps: int
    gain: tuple[float, float]
    modulation: tuple[float, float] | None = None
    soft_onset: bool = False
    bandwidth: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        for name in ("lower", "upper", "gain", "modulation", "bandwidth"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, _floats(f"AdmissibleRegion.{name}", value))
        for name, length in (
            ("lower", 5),
            ("upper", 5),
            ("gain", 2),
            ("clips", 2),
            ("modulation", 2),
            ("bandwidth", 2),
        ):
            value = getattr(self, name)
            if value is not None and len(value) != length:
                raise ParameterError(f"AdmissibleRegion.{name} must hold {length} numbers. Got {value!r}.")
        for name, low, high in zip(COORDINATES, self.lower, self.upper, strict=True):
            if not low <= high:
                raise ParameterError(f"AdmissibleRegion.lower must not exceed upper. Got {name} in [{low}, {high}].")
        clips = tuple(self.clips)
        if not all(isinstance(T, Integral) for T in clips) or not 2 <= clips[0] <= clips[1]:
            raise ParameterError(f"AdmissibleRegion.clips must be integers 2 <= T_min <= T_max. Got {clips!r}.")
        object.__setattr__(self, "clips", (int(clips[0]), int(clips[1])))
        if not isinstance(self.steps, Integral) or self.steps < 1:
            raise ParameterError(f"AdmissibleRegion.steps must be an integer >= 1. Got {self.steps!r}.")
        if not 0 < self.gain[0] <= self.gain[1]:
            raise ParameterError(f"AdmissibleRegion.gain must be 0 < g_min <= g_max. Got {self.gain!r}.")
        if self.modulation is not None and not 0 < self.modulation[0] <= 1 <= self.modulation[1]:
            raise ParameterError(f"AdmissibleRegion.modulation must be 0 < m_lo <= 1 <= m_hi. Got {self.modulation!r}.")
        if self.bandwidth is not None and not 0 < self.bandwidth[0] <= self.bandwidth[1]:
            raise ParameterError(f"AdmissibleRegion.bandwidth must be 0 < b_min <= b_max. Got {self.bandwidth!r}.")
        if not isinstance(self.soft_onset, bool):
            raise ParameterError(f"AdmissibleRegion.soft_onset must be True or False. Got {self.soft_onset!r}.")
        # the corners must be designs, so that every point between them is one
        PatternDesign(*self.lower)
        PatternDesign(*self.upper)

    def conditions(self, design: PatternDesign) -> dict[str, Condition]:
        """Every named condition on a design, vectorised over designs whose fields are arrays.

        Returns: name to `Condition(holds, margin)`; margins are dimensionless, positive inside:
            v_rich `1 - 2u*`; damped `z - 1`; fed `1 - z u*`; turing `excess - 1` (all four open);
            mode_on_axis, in modes: how far the best integer mode lies inside the open band, at the worst T;
            wavelength and gain, natural logarithm of the distance to the nearer bound (both closed);
            modulation (if asked for), logarithm of the distance to `gain_interval` (open);
            soft_onset (if asked for) `rho* - z/d_T` (open): the onset met when the excess falls to 1;
            bandwidth (if asked for), natural logarithm of the distance to the nearer bound (closed).
            An undefined margin is NaN on arrays and None on scalars, and does not hold.
        """
        u_star, z, excess, wavelength, rate = np.broadcast_arrays(
            *(np.asarray(getattr(design, name), dtype=float) for name in COORDINATES)
        )
        design = PatternDesign(u_star, z, excess, wavelength, rate)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            d = design.d
            opened = {
                "v_rich": 1 - 2 * u_star,
                "damped": z - 1,
                "fed": 1 - z * u_star,
                "turing": excess - 1,
                "mode_on_axis": mode_margin(design, self.clips),
            }
            closed = {
                "wavelength": _log_margin(wavelength, self.lower[3], self.upper[3]),
                "gain": _log_margin(pattern_gain(design, self.steps), *self.gain),
            }
            if self.modulation is not None:
                m_lo, m_hi = formulas.gain_interval(u_star, z, d, xp=np)
                opened["modulation"] = np.minimum(np.log(self.modulation[0] / m_lo), np.log(m_hi / self.modulation[1]))
            if self.bandwidth is not None:
                closed["bandwidth"] = _log_margin(bandwidth(design, self.steps).fractional, *self.bandwidth)
            if self.soft_onset:
                opened["soft_onset"] = formulas.SOFT_ONSET_RATIO - z / formulas.turing_threshold(u_star, z, xp=np)
        result = {name: _condition(margin > 0, margin) for name, margin in opened.items()}
        result |= {name: _condition(margin >= 0, margin) for name, margin in closed.items()}
        return result

    def contains(self, design: PatternDesign) -> Any:
        """Whether every condition holds: bool, or a boolean array for a design of arrays."""
        holds = np.logical_and.reduce([condition.holds for condition in self.conditions(design).values()])
        return holds if np.ndim(holds) else bool(holds)

    def in_box(self, design: PatternDesign) -> Any:
        """Whether the design lies in the closed box [lower, upper]: bool or boolean array."""
        values = [np.asarray(getattr(design, name), dtype=float) for name in COORDINATES]
        tests = [(low <= x) & (x <= high) for low, x, high in zip(self.lower, values, self.upper, strict=True)]
        inside = np.logical_and.reduce(np.broadcast_arrays(*tests))
        return inside if np.ndim(inside) else bool(inside)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, versioned: `from_dict(to_dict())` is the identity. Optional keys are left out where unset."""
        values = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        values = {name: value for name, value in values.items() if value is not None or name not in OPTIONAL}
        return {"format": FORMAT, "version": VERSION, **values}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> AdmissibleRegion:
        """The region of `to_dict`.

        Raises: ParameterError for another format or version, missing or unknown keys, or an invalid region.
        """
        names = [item.name for item in fields(cls)]
        if data.get("format") != FORMAT or data.get("version") != VERSION:
            got = (data.get("format"), data.get("version"))
            expected = (FORMAT, VERSION)
            raise ParameterError(f"AdmissibleRegion must be {expected}. Got {got}; use the version that wrote it.")
        wrong = sorted((set(data) ^ {"format", "version", *names}) - (set(OPTIONAL) - set(data)))
        if wrong:
            raise ParameterError(f"AdmissibleRegion has missing or unknown keys {wrong}; write it with to_dict().")
        values: dict[str, Any] = {name: data[name] for name in names if name in data}
        try:
            return cls(**values)
        except TypeError as error:
            raise ParameterError(f"AdmissibleRegion holds a value of a wrong type: {error}.") from error


def _floats(name: str, values: Any) -> tuple[float, ...]:
    try:
        numbers = tuple(float(value) for value in values)
    except (TypeError, ValueError, OverflowError) as error:
        raise ParameterError(f"{name} must be a sequence of numbers. Got {values!r}.") from error
    if not all(map(math.isfinite, numbers)):
        raise ParameterError(f"{name} must hold finite numbers. Got {numbers!r}.")
    return numbers


def _log_margin(value: Any, low: float, high: float) -> Any:
    return np.minimum(np.log(value / low), np.log(high / value))


def _condition(holds: Any, margin: Any) -> Condition:
    if np.ndim(margin):
        return Condition(holds, margin)
    number = float(margin)
    return Condition(bool(holds), None if math.isnan(number) else number)


def axis_band(design: PatternDesign) -> tuple[Any, Any]:
    """Open band of growing modes as (j/T low, j/T high): mode j of T clips grows iff `low < j/T < high`.

    `mu = 4 sin^2(j pi/2T)` inverted on the band of `formulas.band`; high is capped at 1, the end of the axis.
    NaN where the design has no band (excess < 1).
    """
    d = design.d
    m_lo, m_hi = formulas.band(design.u_star, design.z, d, xp=np)
    fastest = formulas.fastest_mode(design.u_star, design.z, d, xp=np)
    scale = formulas.mode_eigenvalue(design.wavelength, xp=np) / fastest
    low, high = (2 / np.pi * np.arcsin(np.sqrt(np.minimum(m * scale / 4, 1))) for m in (m_lo, m_hi))
    return low, high


def mode_margin(design: PatternDesign, clips: tuple[int, int]) -> Any:
    """How far some integer mode lies inside the unstable band, in modes, at the worst T of [T_min, T_max].

    For T clips the candidates are j = 1..T-1 and the margin is `max_j min(j - T low, T high - j)`; the integer
    nearest to the middle of the band attains it. All T are visited until none can lower the margin any more.
    """
    low, high = axis_band(design)
    margin = np.full(np.shape(low), np.inf)
    half, middle = (high - low) / 2, (high + low) / 2
    for T in range(clips[0], clips[1] + 1):
        mode = np.clip(np.rint(T * middle), 1, T - 1)
        margin = np.minimum(margin, T * half - np.abs(mode - T * middle))
        # once the middle is at least half a mode from both ends, |mode - T middle| <= 1/2 for every larger T
        inside = (T * middle >= 0.5) & (T * (1 - middle) >= 0.5)
        if np.all(np.isnan(margin) | (inside & (T * half - 0.5 >= margin))):
            break
    return margin


def least_clips(lower: tuple[float, ...], upper: tuple[float, ...], limit: int = 512, points: int = 9) -> int:
    """Smallest T_min for which every design of a box has a growing mode at all T in [T_min, limit], on a grid.

    A proposal for `AdmissibleRegion.clips`, computed on `points`^4 designs (the rate does not matter); the
    certificate of the box is the proof. Raises: ParameterError if no T_min <= limit works.
    """
    axes = [np.linspace(a, b, points) for a, b in zip(lower[:4], upper[:4], strict=True)]
    grid = [axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")]
    low, high = axis_band(PatternDesign(*grid, rate=1.0))
    middle, half = (high + low) / 2, (high - low) / 2
    for T in range(limit, 1, -1):
        mode = np.clip(np.rint(T * middle), 1, T - 1)
        if not np.all(T * half - np.abs(mode - T * middle) > 0):
            if limit == T:
                break
            return T + 1
    else:
        return 2
    raise ParameterError(f"least_clips.limit must be larger. Got {limit}; shorten the wavelengths or raise the excess.")


DEFAULT_REGION = AdmissibleRegion(
    lower=(0.30, 1.05, 1.1, 6.0, 0.05),
    upper=(0.49, 1.8, 4.0, 36.0, 1.0),
    clips=(32, 2048),
    steps=12,
    gain=(1.01, 9.0),
)
"""Every design of this box is admissible (a test scans it, a certificate proves it): gains span 1.0116 to 8.57, and
T_min = 32 is just above the 29 clips at which a design of wavelength 36 can fall between two modes."""
