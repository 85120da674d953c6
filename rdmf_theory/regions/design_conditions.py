"""The conditions of an `AdmissibleRegion` as formulas in the five design coordinates, for pavings and exports.

The wavelength fixes D_v so that the fastest mode has `mu D_v = w m` whatever its length: the gain of N steps depends on
u_star, z, excess and rate only, and every condition is algebraic but two: `mode_on_axis` compares integers with the
band at every clip count (`certificates.certify` proves it for boxes), and `bandwidth` is the root of an equation.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from rdmf_theory import formulas
from rdmf_theory.regions.admissible import COORDINATES, AdmissibleRegion
from rdmf_theory.regions.conditions import Conjunction, NamedCondition, library

Margin = Callable[[Any, Any, Any, Any, Any], Any]


def fastest_multiplier(u_star: Any, z: Any, excess: Any, rate: Any) -> Any:
    """Multiplier per layer step (h = 1) of the design's fastest mode: the larger eigenvalue of its amplification.

    Written as `1 + 2 P/(Q + sqrt(Q^2 + 4 P))` with `-P = 1 - tr G + det G`, `Q = 2 - tr G`. With l the largest growth
    over the rate and eta = rate, `P det L = eta^2 l (l + z - 1 + (1 + d) m)`; l and m in terms of `A = d_T/z` and
    `sqrt(excess)`, since `d = excess d_T`: little cancels, so that enclosures on boxes stay narrow.
    """
    xp = library(u_star + z + excess + rate)
    A = (xp.sqrt(1 - 2 * u_star) + xp.sqrt(2 - 2 * u_star)) ** 2
    root = xp.sqrt(excess)
    q = 1 / (z * root)
    growth = (1 - 1 / root) * (1 - (1 - q) / (root * A - q))
    m = (1 + 1 / A) / (2 * root) - (1 + growth / z) / (excess * A)
    d_m = z * root * (A + 1) / 2 - z - growth
    a, b = rate * d_m, rate * m
    implicit = (1 + rate * z + a) * (1 + rate + b)
    product = rate**2 * growth * (growth + (z - 1) + m + d_m)
    P = product / implicit
    Q = (rate * (z - 1) + a + b + (rate * z + a) * (rate + b) - product) / implicit
    return 1 + 2 * P / (Q + xp.sqrt(Q**2 + 4 * P))


def _modulation(end: int, bound: Fraction) -> Margin:
    def margin(u_star: Any, z: Any, excess: Any, wavelength: Any, rate: Any) -> Any:
        xp = library(u_star + z + excess)
        d = excess * formulas.turing_threshold(u_star, z, xp=xp)
        ends = formulas.gain_interval(u_star, z, d, xp=xp)
        return bound - ends[0] if end == 0 else ends[1] - bound

    return margin


def _soft_onset(u_star: Any, z: Any, excess: Any, wavelength: Any, rate: Any) -> Any:
    x = z / formulas.turing_threshold(u_star, z, xp=library(u_star + z))
    polynomial = 23 * x**4 - 124 * x**3 - 6 * x**2 - 72 * x + 27
    return library(polynomial).minimum(polynomial, 1 - 3 * x)


def design_region(region: AdmissibleRegion) -> Conjunction:
    """The algebraic conditions of a region: v_rich, damped, fed, turing, wavelength, gain, modulation, soft_onset.

    Margins are polynomials or roots, not the logarithms of `AdmissibleRegion.conditions`, but have their signs;
    `mode_on_axis` and `bandwidth` are left out. Two-sided conditions come as NAME_low and NAME_high.
    """
    g_min, g_max = (Fraction(g) for g in region.gain)
    short, long = Fraction(region.lower[3]), Fraction(region.upper[3])
    steps = region.steps
    conditions = [
        NamedCondition("v_rich", lambda u, z, r, length, w: 1 - 2 * u, "u* < 1/2"),
        NamedCondition("damped", lambda u, z, r, length, w: z - 1, "stable without diffusion"),
        NamedCondition("fed", lambda u, z, r, length, w: 1 - z * u, "the kill rate is positive"),
        NamedCondition("turing", lambda u, z, r, length, w: r - 1, "unstable with diffusion"),
        NamedCondition("wavelength_low", lambda u, z, r, length, w: length - short, "not too short"),
        NamedCondition("wavelength_high", lambda u, z, r, length, w: long - length, "not too long"),
        NamedCondition(
            "gain_low",
            lambda u, z, r, length, w: fastest_multiplier(u, z, r, w) ** steps - g_min,
            f"the fastest mode gains at least g_min over {steps} steps",
        ),
        NamedCondition(
            "gain_high",
            lambda u, z, r, length, w: g_max - fastest_multiplier(u, z, r, w) ** steps,
            f"the fastest mode gains at most g_max over {steps} steps",
        ),
    ]
    if region.modulation is not None:
        low, high = (Fraction(m) for m in region.modulation)
        conditions += [
            NamedCondition(
                "modulation_low", _modulation(0, low), "the smallest gain keeps every frozen state admissible"
            ),
            NamedCondition("modulation_high", _modulation(1, high), "so does the largest"),
        ]
    if region.soft_onset:
        conditions.append(NamedCondition("soft_onset", _soft_onset, "the onset is supercritical"))
    return Conjunction(COORDINATES, tuple(conditions))
