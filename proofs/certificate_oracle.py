"""Is what a certificate says true? Judged from the definitions in floats, sharing nothing with the checkers.

The oracle proves nothing: it looks for a falsehood, at corners, on faces and inside the claimed sets, with a relative
tolerance of 1e-9. It reads the state, the Jacobian and the layer's linearised step where the checkers read lemmas, and
takes exact areas from `rdmf_theory.regions.area` (boundary integrals) where the checker integrates the chart.
Comparisons of numbers that both stand in the file are exact.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import cache
from itertools import product
from typing import Any

import numpy as np
from mpmath import mp, mpf

from rdmf_theory import formulas
from rdmf_theory.regions.area import Area, bogdanov_takens, fixed_ratio_area, turing_hopf

TOLERANCE = 1e-9
_COORDINATES = ("u_star", "z", "excess", "wavelength", "rate")
_ALL_T = 400


class False_(Exception):
    """The certificate says something false; the message says what."""


def _need(holds: Any, what: str) -> None:
    # NaN and empty answers do not hold
    if not bool(np.all(holds)):
        raise False_(what)


def falsehood(content: dict[str, Any], seed: int = 0) -> str | None:
    """What is false in a certificate's content, or None if nothing was found. A malformed field counts as false."""
    kinds = {"design-box": _design_box, "fixed-ratio-region": _fixed_ratio_region}
    try:
        with np.errstate(all="ignore"):
            kinds[content["kind"]](content, np.random.default_rng(seed))
    except False_ as error:
        return str(error)
    except (KeyError, ValueError, TypeError, ZeroDivisionError, OverflowError, IndexError) as error:
        return f"malformed ({type(error).__name__}: {error})"
    return None


def _design_box(content: dict[str, Any], rng: np.random.Generator) -> None:
    region, emission, proof = content["region"], content["emission"], content["proof"]
    box = [tuple(map(Fraction, content["box"][name])) for name in _COORDINATES]
    for name, (low, high), least, most in zip(_COORDINATES, box, region["lower"], region["upper"], strict=True):
        _need(Fraction(least) <= low <= high <= Fraction(most), f"the box leaves the region in {name}")
    e, e_m, f = (Fraction(emission[n]) for n in ("parameter_error", "gain_error", "modulation_fraction"))
    _need(e >= Fraction(1, 1 << 23) and e_m >= Fraction(1, 1 << 18) and 0 < f < 1, "emission below float32")
    _need(Fraction(emission["step_size"]) == 1, "the layer's step size is 1")
    optional = {"modulation": region["modulation"] is not None, "soft_onset": bool(region["soft_onset"])}
    names = ["v_rich", "damped", "fed", "turing", "mode_on_axis", "wavelength", "gain"]
    _need(content["conditions"] == [*names, *(n for n, asked in optional.items() if asked)], "conditions")
    (T_min, T_max), steps = region["clips"], region["steps"]
    _need(type(T_min) is type(T_max) is type(steps) is int and 2 <= T_min <= T_max and steps >= 1, "clips or steps")

    u, z, r, length, w = _designs(box, rng)
    _need((u > 0) & (u < 0.5) & (z > 1) & (z * u < 1) & (r > 1) & (length > 2) & (w > 0), "no pattern in the box")
    d = r * formulas.turing_threshold(u, z, xp=np)
    signs = rng.choice([-1.0, 0.0, 1.0], (5, u.size), p=[0.45, 0.1, 0.45])
    exact = formulas.parameters_from_design(u, z, r, length, w, xp=np)
    F, k, s, D_u, D_v = (value * (1 + float(e) * sign) for value, sign in zip(exact, signs, strict=True))

    # clip-wise gain: no modulation, both ends of what the layer emits, and of the fixed range if there is one
    m_lo, m_hi = formulas.gain_interval(u, z, d, xp=np)
    ends = [m_lo ** float(f), m_hi ** float(f), *(float(Fraction(m)) for m in region["modulation"] or ())]
    if region["modulation"] is not None:
        _need(Fraction(region["modulation"][0]) <= 1 <= Fraction(region["modulation"][1]), "modulation must hold 1")
    for end in ends:
        for error in (-float(e_m), 0.0, float(e_m)):
            _pattern_state(F, k, s * end * (1 + error), D_u, D_v, f"at gain {np.mean(end):.4g}")
    state = _pattern_state(F, k, s, D_u, D_v, "")

    mu_lo, mu_hi, mu_design = _band(state, D_u, D_v), _band(state, D_u, D_v, 1), 4 * np.sin(np.pi / length) ** 2
    alpha, beta = (float(Fraction(proof["band"][name])) for name in ("alpha", "beta"))
    _need(mu_lo < alpha * mu_design * (1 + TOLERANCE), "band.alpha")
    _need(mu_hi > beta * mu_design * (1 - TOLERANCE), "band.beta")
    low, high = (2 / np.pi * np.arcsin(np.sqrt(np.clip(mu / 4, 0, 1))) for mu in (mu_lo, mu_hi))
    # modes only get denser: past a billion clips floats would not tell them apart
    clips = np.array([float(min(T_max, 10**9)), *range(T_min, min(T_max, T_min + _ALL_T) + 1)])[:, None]
    slack = TOLERANCE * clips
    _need(np.minimum(np.ceil(clips * high + slack) - 1, clips - 1) >= np.floor(clips * low - slack) + 1, "mode_on_axis")

    rho = _multiplier(state, F, k, s, D_u, D_v)
    _need(_between(rho**steps, *region["gain"]), "gain")
    _need(_between(rho, *proof["gain"]["multiplier"]), "gain.multiplier")
    if region["soft_onset"]:
        x = state[1] / formulas.turing_threshold(state[0], state[1], xp=np)
        _need((3 * x < 1) & (np.polyval([23, -124, -6, -72, 27], x) > -TOLERANCE), "soft_onset")


def _between(value: Any, low: str, high: str) -> Any:
    # a multiplier or gain beyond 1e300 is a bound that nothing reaches
    least, most = (float(min(max(Fraction(x), Fraction(-(10**300))), Fraction(10**300))) for x in (low, high))
    return (value >= least - TOLERANCE * abs(least)) & (value <= most + TOLERANCE * abs(most))


def _designs(box: list[Any], rng: np.random.Generator, inside: int = 320) -> np.ndarray:
    """Corners (8 times, for different rounding), points on faces and points inside, shape (5, n)."""
    random = rng.random((inside, 5))
    random[::2] = np.where(random[::2] < 0.3, 0.0, np.where(random[::2] > 0.7, 1.0, random[::2]))
    shares = np.vstack([*[np.array(list(product((0.0, 1.0), repeat=5)))] * 8, random])
    low, high = (np.array([float(ends[i]) for ends in box]) for i in (0, 1))
    return np.clip(low + shares * (high - low), low, high).T


def _pattern_state(F: Any, k: Any, s: Any, D_u: Any, D_v: Any, where: str) -> tuple[Any, ...]:
    """(u, z, Jacobian entries) of the v-rich state, which must be damped, fed and Turing-unstable."""
    w = F + k
    root = np.sqrt(1 - 4 * w**2 / (s * F))
    _need(root > -TOLERANCE, f"v_rich {where}")
    u = (1 - root) / 2
    v, z = w / (s * u), F / (w * u)
    _need(z > 1 - TOLERANCE, f"damped {where}")
    _need(k > 0, f"fed {where}")
    jacobian = (-F - s * v**2, -2 * s * u * v, s * v**2, -w + 2 * s * u * v)
    half, rest = _quadratic(jacobian, D_u, D_v)
    _need((half > 0) & (half**2 > rest * (1 - TOLERANCE)), f"turing {where}")
    return u, z, jacobian


def _quadratic(jacobian: tuple[Any, ...], D_u: Any, D_v: Any) -> tuple[Any, Any]:
    """(b, c) of `det(J - mu D)/(D_u D_v) = mu^2 - 2 b mu + c`."""
    a11, a12, a21, a22 = jacobian
    return (a11 / D_u + a22 / D_v) / 2, (a11 * a22 - a12 * a21) / (D_u * D_v)


def _band(state: tuple[Any, ...], D_u: Any, D_v: Any, side: int = -1) -> Any:
    """Lower (-1) or upper (1) end of the band of growing eigenvalues mu."""
    half, rest = _quadratic(state[2], D_u, D_v)
    upper = half + np.sqrt(np.maximum(half**2 - rest, 0))
    return upper if side > 0 else rest / upper


def _multiplier(state: tuple[Any, ...], F: Any, k: Any, s: Any, D_u: Any, D_v: Any) -> Any:
    """Spectral radius of the layer's linearised step, h = 1, at the mode of largest growth."""
    u, z, _ = state
    w = F + k
    v = w / (s * u)
    mu = w * formulas.fastest_mode(u, z, D_u / D_v, xp=np) / D_v
    implicit = np.zeros((u.size, 2, 2))
    implicit[:, 0, 0], implicit[:, 1, 0] = 1 + F + s * v**2 + mu * D_u, -s * v**2
    implicit[:, 1, 1] = 1 + w + mu * D_v
    explicit = np.zeros_like(implicit)
    explicit[:, 0, 0], explicit[:, 0, 1], explicit[:, 1, 1] = 1, -2 * s * u * v, 1 + 2 * s * u * v
    return np.abs(np.linalg.eigvals(np.linalg.solve(implicit, explicit))).max(axis=1)


@cache
def _area(d: Fraction, s: Fraction, F_max: Fraction | None) -> Area:
    return fixed_ratio_area(d, s, F_max)


def _fixed_ratio_region(content: dict[str, Any], rng: np.random.Generator) -> None:
    d, s = Fraction(content["d"]), Fraction(content["s"])
    F_max = None if content["F_max"] is None else Fraction(content["F_max"])
    _need(d > 1 and s > 0 and (F_max is None or F_max > 0), "d, s or F_max")
    claimed, points = content["area"], content["points"]
    corner = turing_hopf(d, s)
    given = None if points["turing_hopf"] is None else tuple(map(Fraction, points["turing_hopf"]))
    _need(given == corner, "turing_hopf")
    _need(tuple(map(Fraction, points["bogdanov_takens"])) == bogdanov_takens(s), "bogdanov_takens")
    area = _area(d, s, F_max)
    _need(Fraction(claimed["inner"]) <= area.upper and area.lower <= Fraction(claimed["outer"]), "inner or outer")
    if claimed["enclosure"] is not None:
        low, high = map(Fraction, claimed["enclosure"])
        _need(low <= area.upper and area.lower <= high, "enclosure")
    if claimed["decimal"] is not None:
        unit = Fraction(1, 10 ** len(claimed["decimal"].partition(".")[2]))
        _need(area.lower - unit <= Fraction(claimed["decimal"]) <= area.upper + unit, "decimal")
    if claimed["closed_form"] is not None:
        _closed_form(claimed["closed_form"], area)
    _paving(content["strips"], d, s, F_max, claimed, rng)


def _closed_form(text: str, area: Area) -> None:
    """`R + L ln(d)` has the exact area as its value, to 40 digits."""
    match = re.fullmatch(r"(-?[\d/]+) \+ (-?[\d/]+) ln\(([\d/]+)\)", text)
    if match is None:
        raise False_("closed_form")
    with mp.workdps(60):
        R, L, d = (mpf(x.numerator) / x.denominator for x in map(Fraction, match.groups()))
        exact = mpf(area.lower.numerator) / area.lower.denominator
        _need(d > 0 and abs(R + L * mp.log(d) - exact) < mpf(10) ** -40, "closed_form")


def _paving(strips: list[Any], d: Fraction, s: Fraction, F_max: Fraction | None, claimed: Any, rng: Any) -> None:
    """Inner strips lie in the region, outer ones cover it, and their areas, by quadrature, bracket as claimed."""
    position, sums = Fraction(1), {"inner": 0.0, "outer": 0.0}
    for strip in strips:
        z = tuple(map(Fraction, strip["z"]))
        _need(z[0] == position and z[0] < z[1] <= d, "the strips have a gap")
        position = z[1]
        heights = np.concatenate([[0.0, 1.0], rng.random(20)]) * float(z[1] - z[0]) + float(z[0])
        low = np.maximum(0, 0.5 - (float(d) - heights) ** 2 / (8 * float(d) * heights))
        cap = np.minimum(np.minimum(0.5, 1 / heights), _cap(heights, s, F_max))
        for name in sums:
            a, b = (float(Fraction(x)) for x in strip[name])
            _need(a <= b and (a == b or (a >= 0 and b <= 0.5)), f"{name} strip outside the chart")
            inside = (a == b) | ((low <= a + TOLERANCE) & (b <= cap + TOLERANCE))
            covers = (low >= cap) | ((a <= low + TOLERANCE) & (cap <= b + TOLERANCE))
            _need(inside if name == "inner" else covers, f"{name} strip")
            sums[name] += _measure(float(z[0]), float(z[1]), a, b)
    last = 0.5 - float((d - position) ** 2 / (8 * d * position))
    _need(position == d or (position > 1 and last * float(position) >= 1 - TOLERANCE), "the paving ends early")
    inner, outer = (sums[name] * float(s) ** 2 for name in sums)
    _need(float(Fraction(claimed["inner"])) <= inner * (1 + TOLERANCE), "inner strips have not this area")
    _need(float(Fraction(claimed["outer"])) >= outer * (1 - TOLERANCE), "outer strips have not this area")


def _cap(z: np.ndarray, s: Fraction, F_max: Fraction | None) -> np.ndarray:
    """Largest u <= 1/2 with `s z^2 u^3 (1 - u) <= F_max`, by bisection."""
    low, high = np.zeros_like(z), np.full_like(z, 0.5)
    if F_max is None:
        return high
    for _ in range(60):
        middle = (low + high) / 2
        fits = float(s) * z**2 * middle**3 * (1 - middle) <= float(F_max)
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    return high


def _measure(z_low: float, z_high: float, a: float, b: float) -> float:
    """Area in the (F, k) plane at s = 1: Gauss-Legendre quadrature of `z^2 u^4 (1-u)(1-2u)`, exact for polynomials."""
    nodes, weights = np.polynomial.legendre.leggauss(6)
    u, z = (a + b) / 2 + (b - a) / 2 * nodes, (z_low + z_high) / 2 + (z_high - z_low) / 2 * nodes
    over_u = (b - a) / 2 * np.sum(weights * u**4 * (1 - u) * (1 - 2 * u))
    return float(over_u * (z_high - z_low) / 2 * np.sum(weights * z**2))
