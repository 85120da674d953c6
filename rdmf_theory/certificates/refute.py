"""Is some design of a box not admissible? A search in floats, and a proof in ball arithmetic for what it finds."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import flint
import numpy as np

from rdmf_theory import formulas
from rdmf_theory.arithmetic.enclosure import ARB, PRECISION, Box, ball, precision
from rdmf_theory.chart import PatternDesign
from rdmf_theory.regions.admissible import AdmissibleRegion, axis_band

_SAMPLES = 2000


def refute(box: Box, region: AdmissibleRegion, seed: int = 0) -> tuple[str, dict[str, Any]] | None:
    """A design of the box that violates a condition of the region, proved; None if the search finds none.

    Corners, a grid of the faces and random designs are tried in floats; the worst of each condition is then decided in
    ball arithmetic at that exact rational point. None proves nothing.

    Returns: the condition's name and the witness {"design": 5 exact numbers, "clips": T for mode_on_axis}.
    """
    low, high = (np.array([float(ends[i]) for ends in box]) for i in (0, 1))
    corners = np.array(list(product((0.0, 1.0), repeat=5)))
    random = np.random.default_rng(seed).random((_SAMPLES, 5))
    # half of the random points on the faces, where margins are smallest
    random[::2] = np.where(random[::2] < 0.25, 0.0, np.where(random[::2] > 0.75, 1.0, random[::2]))
    points = np.clip(low + np.vstack([corners, random]) * (high - low), low, high)
    # coordinates that no pattern can have would be refused as designs: they are violations of their own
    illegal = (points[:, 0] >= 0.5) | (points[:, 0] <= 0) | (points[:, 1] <= 1) | (points[:, 2] <= 1)
    if illegal.any():
        return _basic(box, points[int(np.argmax(illegal))])
    conditions = region.conditions(PatternDesign(*points.T))
    for name, condition in conditions.items():
        margins = np.where(np.isnan(condition.margin), -np.inf, condition.margin)
        index = int(np.argmin(margins))
        if bool(condition.holds[index]):
            continue
        design = [min(max(Fraction(float(x)), a), b) for x, (a, b) in zip(points[index], box, strict=True)]
        with precision(PRECISION):
            witness = _violates(name, design, region)
        if witness is not None:
            return name, {"design": [str(x) for x in design], **witness}
    return None


def _basic(box: Box, point: np.ndarray) -> tuple[str, dict[str, Any]] | None:
    design = [min(max(Fraction(float(x)), a), b) for x, (a, b) in zip(point, box, strict=True)]
    u_star, z, excess = design[:3]
    names = {"v_rich": not 0 < u_star < Fraction(1, 2), "damped": z <= 1, "turing": excess <= 1}
    name = next((name for name, violated in names.items() if violated), None)
    return None if name is None else (name, {"design": [str(x) for x in design]})


def _violates(name: str, design: list[Fraction], region: AdmissibleRegion) -> dict[str, Any] | None:
    """Whether a condition certainly fails at a rational point; further facts of the witness if it does."""
    if name == "fed":
        return {} if design[1] * design[0] >= 1 else None
    if name == "wavelength":
        inside = Fraction(region.lower[3]) <= design[3] <= Fraction(region.upper[3])
        return None if inside else {}
    u, z_, r, length, eta = (ball(x) for x in design)
    d = r * formulas.turing_threshold(u, z_, xp=ARB)
    fastest = formulas.fastest_mode(u, z_, d, xp=ARB)
    if name == "gain":
        arguments = (u, z_, eta, eta * d * fastest, eta * fastest)
        trace = formulas.amplification_trace(*arguments)
        rho = formulas.larger_eigenvalue(trace, formulas.amplification_determinant(*arguments), xp=ARB)
        gain = rho**region.steps
        outside = gain < ball(Fraction(region.gain[0])) or gain > ball(Fraction(region.gain[1]))
        return {"gain": str(float(gain.mid()))} if outside else None
    if name == "modulation" and region.modulation is not None:
        m_lo, m_hi = formulas.gain_interval(u, z_, d, xp=ARB)
        least, most = (ball(Fraction(m)) for m in region.modulation)
        return {} if m_lo > least or m_hi < most else None
    if name == "soft_onset":
        x = z_ / formulas.turing_threshold(u, z_, xp=ARB)
        return {} if 3 * x > 1 or 23 * x**4 - 124 * x**3 - 6 * x**2 - 72 * x + 27 < 0 else None
    if name == "mode_on_axis":
        scale = formulas.mode_eigenvalue(length, xp=ARB) / fastest
        m_lo, m_hi = formulas.band(u, z_, d, xp=ARB)
        return _no_mode(m_lo * scale, m_hi * scale, design, region)
    return None


def _no_mode(
    mu_lo: flint.arb, mu_hi: flint.arb, design: list[Fraction], region: AdmissibleRegion
) -> dict[str, Any] | None:
    """A clip number at which every mode is certainly outside the band (mu_lo, mu_hi), if there is one."""
    low, high = (float(x) for x in axis_band(PatternDesign(*(float(x) for x in design))))
    for T in range(region.clips[0], region.clips[1] + 1):
        if np.floor(T * low) + 1 < np.ceil(T * high) and T * (high - low) > 1.5:
            # from here on some mode is inside for every T
            return None
        modes = [4 * (flint.arb.pi() * j / (2 * T)).sin() ** 2 for j in range(1, T)]
        if all(mu < mu_lo or mu > mu_hi for mu in modes):
            return {"clips": T}
    return None
