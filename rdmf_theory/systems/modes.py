"""Which waves grow at a state, how fast, and how far is the threshold? Numbers in 1/length and 1/time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import flint

from rdmf_theory.arithmetic.algebraic import AlgebraicNumber
from rdmf_theory.arithmetic.enclosure import precision
from rdmf_theory.arithmetic.sturm import Polynomial, Undecided, least_sign
from rdmf_theory.systems.growth import DIGITS, Growth, bands_of, growth_of, rightmost, value_at, zeros_above_zero
from rdmf_theory.systems.mode_polynomials import hurwitz_determinants

BITS = DIGITS


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
        fastest: the mode of largest growth rate, None if no mode has it.
        limit: the growth rate that short waves approach, where some species is immobile; else None.
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
    limit: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready dictionary."""
        return {
            "bands": [list(band) for band in self.bands],
            "fastest": None if self.fastest is None else self.fastest.to_dict(),
            "short_waves": self.limit,
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
        entries = [[_ball(x) for x in row] for row in jacobian]
        rates = [_ball(x) for x in diffusion]
        constants = [[_ball(x) for x in coefficients] for coefficients in polynomials]
        minors = hurwitz_determinants(constants)
        if len(jacobian) == 2:
            return _two_species(jacobian, diffusion, polynomials, (entries, rates, minors, constants))
        return _any_species(entries, growth_of(entries, rates, minors, constants), minors, polynomials)


def _ball(number: Any) -> flint.arb:
    return number.enclose(BITS) if isinstance(number, AlgebraicNumber) else flint.arb(number)


def nearest_float(ball: flint.arb) -> float:
    """The centre as a float with the sign of the ball: what is too small is the least float, what is too large inf."""
    value = float(ball.mid())
    if value == 0 and (ball > 0 or ball < 0):
        return math.copysign(math.ulp(0.0), 1 if ball > 0 else -1)
    return value


_float = nearest_float


def _two_species(jacobian: Any, diffusion: Any, polynomials: Any, balls: tuple[Any, Any, Any, Any]) -> Modes:
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
    entries, rates, minors, constants = balls
    limit = None
    if pair > 0:
        bands = tuple((_float(low), _float(high)) for low, high in bands_of(minors, constants))
        at_rest = _rest(_ball(trace), det, _ball(trace * trace - determinant * 4))
        fastest = _fastest_of_two(fu, gv, cross, rates[0], rates[1], at_rest)
    else:
        growth = growth_of(entries, rates, minors, constants)
        bands, fastest, limit = _as_floats(growth)
    return Modes(margins, bands, fastest, critical_mu, activator, critical_ratio, limit)


def _as_floats(growth: Growth) -> tuple[tuple[tuple[float, float], ...], Wave | None, float | None]:
    bands = tuple((_float(low), _float(high)) for low, high in growth.bands)
    fastest = None
    if growth.mu is not None and growth.rate is not None:
        fastest = Wave(_float(growth.mu), _float(growth.rate.real), abs(float(growth.rate.imag.mid())))
    return bands, fastest, None if growth.limit is None else _float(growth.limit)


def _rest(trace: flint.arb, determinant: flint.arb, discriminant: flint.arb) -> Wave:
    """The rightmost eigenvalue without diffusion, `tr/2 + sqrt(tr^2/4 - det)`, without cancellation."""
    if discriminant > 0:
        root = discriminant.sqrt()
        value = (trace + root) / 2 if trace >= 0 else 2 * determinant / (trace - root)
        return Wave(0.0, _float(value), 0.0)
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


def _any_species(
    jacobian: list[list[flint.arb]], growth: Growth, minors: list[Polynomial], polynomials: Sequence[Polynomial]
) -> Modes:
    """Other than two species; every margin has the sign of the exact decision."""
    size = len(jacobian)
    scale = max((sum((abs(x) for x in row), flint.arb(0)).mid() for row in jacobian), default=flint.arb(0))
    scale = scale if scale > 0 else flint.arb(1)
    determinant = [_ball(x) for x in polynomials[-1]]
    at_rest = determinant[0]
    stable = all(minor[0] > 0 for minor in minors)
    rest = rightmost(jacobian).real / scale
    margins: dict[str, float | None] = {
        "damped": _signed(-rest, 1 if stable else (-1 if _unstable(minors, at_rest) else 0)),
        "determinant": nearest_float(at_rest / scale**size),
        "turing": _turing_margin(determinant, polynomials[-1]) if at_rest > 0 else None,
    }
    bands, fastest, limit = _as_floats(growth)
    return Modes(margins, bands, fastest, None, None, None, limit)


def _unstable(minors: list[Polynomial], at_rest: flint.arb) -> bool:
    """Whether a Hurwitz determinant is negative at mu = 0, so that some eigenvalue grows."""
    return bool(at_rest < 0) or any(bool(minor[0] < 0) for minor in minors)


def _turing_margin(determinant: list[flint.arb], exact: Polynomial) -> float:
    """`-min det(mu D - J)/det(-J)` over mu >= 0, infinite where it falls without bound."""
    while determinant[-1] == 0:
        # an immobile species lowers the degree
        determinant = determinant[:-1]
    if determinant[-1] < 0:
        return math.inf
    slope = [index * value for index, value in enumerate(determinant)][1:]
    values = [value_at(determinant, mu.mid()) for mu in zeros_above_zero(slope)]
    lowest = min([determinant[0], *values], key=lambda value: value.mid())
    try:
        sign = -least_sign(exact)
    except Undecided:
        sign = 0
    return _signed(-lowest / determinant[0], sign)


def _signed(value: flint.arb, sign: int) -> float:
    """A margin with the sign of the exact decision."""
    return 0.0 if sign == 0 else math.copysign(max(abs(float(value.mid())), math.ulp(0.0)), sign)
