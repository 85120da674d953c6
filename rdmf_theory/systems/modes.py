"""Which waves grow at a state, how fast, and how far is the threshold? Numbers in 1/length and 1/time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import flint
import numpy as np

from rdmf_theory.arithmetic.algebraic import AlgebraicNumber
from rdmf_theory.arithmetic.enclosure import precision
from rdmf_theory.arithmetic.sturm import Polynomial

BITS = 256


@dataclass(frozen=True)
class Wave:
    """A mode: eigenvalue mu of minus the Laplacian, 1/length^2; growth rate and angular frequency, 1/time."""

    mu: float
    growth_rate: float
    frequency: float

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, with wavenumber sqrt(mu) and wavelength."""
        wavenumber = math.sqrt(self.mu)
        return {
            "mu": self.mu,
            "wavenumber": wavenumber,
            "wavelength": 2 * math.pi / wavenumber if wavenumber else None,
            "growth_rate": self.growth_rate,
            "frequency": self.frequency,
        }


@dataclass(frozen=True)
class Modes:
    """What the modes of a state do.

    Arguments:
        margins: signed, dimensionless, positive inside; None where undefined. For two species
            damped `-tr J/(|f_u| + |g_v|)`, determinant `det J/(|f_u g_v| + |f_v g_u|)` and turing
            `(D_u g_v + D_v f_u)/(2 sqrt(D_u D_v det J)) - 1`; for others damped `-max Re eig J/|J|`, determinant and
            turing `-min det(mu D - J)/|det J|` over mu > 0.
        bands: intervals of mu in which modes grow; an end may be infinite.
        fastest: the mode of largest growth rate, None if there is no largest.
        critical_mu: `sqrt(det J/(D_u D_v))`, the mode that goes first at the threshold; two species.
        activator: index of the species that activates itself while the other does not; None without one.
        critical_ratio: diffusion of the other species over the activator's at the threshold; two species.
    """

    margins: dict[str, float | None]
    bands: tuple[tuple[float, float], ...]
    fastest: Wave | None
    critical_mu: float | None
    activator: int | None
    critical_ratio: float | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready dictionary."""
        return {
            "bands": [list(band) for band in self.bands],
            "fastest": None if self.fastest is None else self.fastest.to_dict(),
            "critical_mu": self.critical_mu,
            "critical_wavenumber": None if self.critical_mu is None else math.sqrt(self.critical_mu),
        }


def modes_of(jacobian: Sequence[Sequence[Any]], diffusion: Sequence[Any], polynomials: Sequence[Polynomial]) -> Modes:
    """The modes of a state.

    Arguments:
        jacobian: (n, n) algebraic numbers or balls, 1/time.
        diffusion: n of them, length^2/time, >= 0.
        polynomials: `mode_polynomials.characteristic` of both.
    """
    with precision(BITS):
        if len(jacobian) == 2:
            return _two_species(jacobian, diffusion, polynomials)
    return _any_species(jacobian, diffusion)


def _ball(number: Any) -> flint.arb:
    return number.enclose(BITS) if isinstance(number, AlgebraicNumber) else flint.arb(number)


def _float(ball: flint.arb) -> float:
    return float(ball.mid())


def _two_species(jacobian: Any, diffusion: Any, polynomials: Any) -> Modes:
    (f_u, f_v), (g_u, g_v) = jacobian
    D_u, D_v = diffusion
    trace, determinant = f_u + g_v, polynomials[1][0]
    slope = D_u * g_v + D_v * f_u
    product = D_u * D_v
    discriminant = _ball(slope * slope - product * determinant * 4)
    cross = _ball(f_v * g_u)
    fu, gv, det, push, pair = (_ball(x) for x in (f_u, g_v, determinant, slope, product))
    span, area = abs(fu) + abs(gv), abs(fu * gv) + abs(cross)
    margins: dict[str, float | None] = {
        "damped": _float(_ball(-trace) / span) if span > 0 else 0.0,
        "determinant": _float(det / area) if area > 0 else 0.0,
        "turing": None,
    }
    critical_mu = critical_ratio = activator = None
    if det > 0 and pair > 0:
        root = 2 * (pair * det).sqrt()
        # the numerator is exact, so its sign is that of the decision
        margins["turing"] = _float(discriminant / (root * (push + root)) if push > 0 else push / root - 1)
        critical_mu = _float((det / pair).sqrt())
    elif det > 0:
        margins["turing"] = math.inf if push > 0 else -math.inf
    if det > 0 and cross < 0 and (fu > 0) != (gv > 0):
        activator = 0 if fu > 0 else 1
        own = fu if activator == 0 else gv
        critical_ratio = _float(((det.sqrt() + (-cross).sqrt()) / own) ** 2)
    ends = _two_species_ends(push, det, pair, discriminant, _ball(trace), _ball(D_u + D_v))
    matrix = np.array([[_float(fu), _float(_ball(f_v))], [_float(_ball(g_u)), _float(gv)]])
    rates = np.array([_float(_ball(D_u)), _float(_ball(D_v))])
    bands = _bands(matrix, rates, ends)
    fastest = None
    if not any(math.isinf(high) for _, high in bands):
        at_rest = _rest(_ball(trace), _ball(trace * trace - determinant * 4))
        fastest = _fastest_of_two(fu, gv, cross, _ball(D_u), _ball(D_v), at_rest)
    return Modes(margins, bands, fastest, critical_mu, activator, critical_ratio)


def _two_species_ends(push: Any, det: Any, pair: Any, discriminant: Any, trace: Any, total: Any) -> list[float]:
    """Positive mu at which det(mu D - J) or the trace vanish, by the quadratic formula without cancellation."""
    ends = []
    if pair > 0 and discriminant > 0:
        half = (push + discriminant.sqrt()) / 2 if push > 0 else (push - discriminant.sqrt()) / 2
        ends = [_float(half / pair)] + ([_float(det / half)] if not half.contains(0) else [])
    elif not pair > 0 and not push.contains(0):
        ends = [_float(det / push)]
    if total > 0:
        ends.append(_float(trace / total))
    return sorted(end for end in ends if end > 0)


def _bands(matrix: np.ndarray, rates: np.ndarray, ends: Sequence[float]) -> tuple[tuple[float, float], ...]:
    """Intervals between `ends` in which the largest growth rate is positive, neighbours joined."""
    cuts = [0.0, *sorted(set(ends)), math.inf]
    bands: list[tuple[float, float]] = []
    for low, high in pairwise(cuts):
        inside = (low + high) / 2 if high < math.inf else 2 * low + 1
        if _growth(matrix, rates, inside).real > 0:
            if bands and bands[-1][1] == low:
                low = bands.pop()[0]
            bands.append((low, high))
    return tuple(bands)


def _growth(matrix: np.ndarray, rates: np.ndarray, mu: float) -> complex:
    values = np.linalg.eigvals(matrix - mu * np.diag(rates))
    return complex(max(values, key=lambda value: (value.real, value.imag)))


def _wave(matrix: np.ndarray, rates: np.ndarray, mu: float) -> Wave:
    value = _growth(matrix, rates, mu)
    return Wave(mu, value.real, abs(value.imag))


def _rest(trace: flint.arb, discriminant: flint.arb) -> Wave:
    """The rightmost eigenvalue without diffusion, `tr/2 + sqrt(tr^2/4 - det)`."""
    if discriminant > 0:
        return Wave(0.0, _float((trace + discriminant.sqrt()) / 2), 0.0)
    return Wave(0.0, _float(trace / 2), _float(abs(discriminant).sqrt() / 2))


def _fastest_of_two(
    fu: flint.arb, gv: flint.arb, cross: flint.arb, du: flint.arb, dv: flint.arb, at_rest: Wave
) -> Wave:
    """The mode of largest growth rate in closed form.

    With x = (j11 - j22)/2 the upper branch is `tr/2 + sqrt(x^2 + f_v g_u)`, and it is stationary in mu where
    `x^2 = -f_v g_u (D_u + D_v)^2/(4 D_u D_v)` and x has the sign of D_v - D_u; that needs f_v g_u < 0.
    """
    difference = du - dv
    if not (cross < 0 and du > 0 and dv > 0) or difference.contains(0):
        return at_rest
    x = (du + dv) * (-cross).sqrt() / (2 * (du * dv).sqrt()) * (-1 if difference > 0 else 1)
    mu = (fu - gv - 2 * x) / difference
    if not mu > 0:
        return at_rest
    growth = _float((fu + gv - mu * (du + dv)) / 2 + (x * x + cross).sqrt())
    return Wave(_float(mu), growth, 0.0) if growth >= at_rest.growth_rate else at_rest


def _any_species(jacobian: Any, diffusion: Any) -> Modes:
    """Other than two species: signs are exact elsewhere, these are floats."""
    matrix = np.array([[_float(_ball(x)) for x in row] for row in jacobian])
    rates = np.array([_float(_ball(x)) for x in diffusion])
    determinant, hurwitz = _float_polynomials(matrix, rates)
    scale = float(np.abs(matrix).sum(axis=1).max()) or 1.0
    at_rest = float(np.polynomial.polynomial.polyval(0.0, determinant))
    turning = [0.0, *_positive_roots(np.polynomial.polynomial.polyder(determinant))]
    lowest = min(float(np.polynomial.polynomial.polyval(mu, determinant)) for mu in turning)
    margins: dict[str, float | None] = {
        "damped": -_growth(matrix, rates, 0.0).real / scale,
        "determinant": at_rest / scale ** len(rates),
        "turing": -lowest / at_rest if at_rest > 0 else None,
    }
    bands = _bands(matrix, rates, [*_positive_roots(determinant), *_positive_roots(hurwitz)])
    unbounded = any(math.isinf(high) for _, high in bands)
    fastest = None if unbounded else _fastest_numerically(matrix, rates, scale)
    return Modes(margins, bands, fastest, None, None, None)


def _float_polynomials(matrix: np.ndarray, rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`det(mu D - J)` and the last but one Hurwitz determinant as coefficients in mu, lowest first."""
    from rdmf_theory.systems.mode_polynomials import characteristic, hurwitz_determinants

    with precision(BITS):
        rows = [[flint.arb(float(x)) for x in row] for row in matrix]
        polynomials = characteristic(rows, [flint.arb(float(x)) for x in rates])
        minors = hurwitz_determinants(polynomials)
        chosen = (polynomials[-1], minors[-2] if len(minors) > 1 else polynomials[-1])
        return tuple(np.array([_float(c) for c in polynomial]) for polynomial in chosen)  # type: ignore[return-value]


def _positive_roots(coefficients: np.ndarray) -> list[float]:
    trimmed = np.trim_zeros(coefficients, "b")
    if len(trimmed) < 2:
        return []
    roots = np.polynomial.polynomial.polyroots(trimmed)
    return sorted(float(root.real) for root in roots if abs(root.imag) <= 1e-9 * abs(root) and root.real > 0)


def _fastest_numerically(matrix: np.ndarray, rates: np.ndarray, scale: float) -> Wave:
    from scipy.optimize import minimize_scalar

    # beyond this every eigenvalue of J - mu D is left of those of J
    largest = 4 * scale / float(rates[rates > 0].min()) if np.any(rates > 0) else 1.0
    grid = np.concatenate([[0.0], np.geomspace(largest * 1e-6, largest, 2000)])
    growth = np.array([_growth(matrix, rates, mu).real for mu in grid])
    peak = int(np.argmax(growth))
    if peak == 0:
        return _wave(matrix, rates, 0.0)
    low, high = grid[peak - 1], grid[min(peak + 1, len(grid) - 1)]
    found: Any = minimize_scalar(lambda mu: -_growth(matrix, rates, mu).real, bounds=(low, high), method="bounded")
    return _wave(matrix, rates, float(found.x))
