"""How large must a halo bound be? The recursions of `locality` again: in exact rationals, and with dense solves.

What is given to the recursion (bounds of v over many steps, the factors of one step) is taken as it is; what is made of
it must be no smaller than the exact value, and larger by rounding alone.
"""

from __future__ import annotations

from decimal import Context, Decimal
from fractions import Fraction
from functools import cache
from itertools import product
from types import ModuleType
from typing import Any

import flint
import numpy as np

from rdmf_theory import formulas
from rdmf_theory.arithmetic.enclosure import precision
from rdmf_theory.chart import Parameters, PatternDesign
from rdmf_theory.layer.locality_gains import StepGains, largest_activator

STEPS = 6
ROUNDING = Fraction(1, 10**7)
# with the third, each of the three bounds of v is the least somewhere
DESIGNS = (
    PatternDesign(0.4, 1.2, 1.5, 12.0, 0.2),
    PatternDesign(0.3, 1.6, 2.0, 20 / 3, 0.5),
    PatternDesign(0.1, 3.0, 2.0, 6.0, 1.0),
)
DIGITS = Context(prec=60)


def root(x: Fraction) -> Fraction:
    """The square root to 60 digits."""
    return Fraction(DIGITS.sqrt(DIGITS.divide(Decimal(x.numerator), Decimal(x.denominator))))


def kappa(theta: float) -> Fraction:
    """4 sinh^2(theta/2) of a float, to 60 digits."""
    with precision(220):
        value = 4 * (flint.arb(theta) / 2).sinh() ** 2
        mantissa, exponent = (int(x) for x in value.mid().man_exp())
    return Fraction(mantissa) * Fraction(2) ** exponent


@cache
def case(index: int) -> tuple[Parameters, tuple[float, ...]]:
    """Parameters and the ranges of the inputs: u_hi, v_lo, v_hi, gain_lo, gain_hi."""
    design = DESIGNS[index]
    parameters = design.parameters()
    low, high = formulas.gain_interval(design.u_star, design.z, design.d, xp=np)
    v_star = float(formulas.steady_v(design.u_star, design.z))
    s = float(parameters.s)
    # the third begins with activator everywhere: there the quotient's maximum is at the least q
    share = (0.9, 0.9, 0.1)[index]
    ranges = float(design.u_star), (1 - share) * v_star, (1 + share) * v_star, s * low**0.9, s * high**0.9
    return parameters, tuple(float(x) for x in ranges)


def quotient(a: Fraction, b: Fraction, c: Fraction, low: Fraction, high: Fraction) -> Fraction:
    """Maximum of (a + b q)/(c + q^2) on [low, high]: at an end, or where b q^2 + 2 a q = b c."""
    inside = [(root(a * a + b * b * c) - a) / b] if b else []
    points = [low, high, *(q for q in inside if low <= q <= high)]
    return max((a + b * q) / (c + q * q) for q in points)


def rates(parameters: Parameters) -> tuple[Fraction, Fraction, Fraction, Fraction]:
    return tuple(Fraction(float(x)) for x in (parameters.F, parameters.w, parameters.D_u, parameters.D_v))  # type: ignore[return-value]


def fields_stay_below(locality: ModuleType) -> None:
    for index in range(len(DESIGNS)):
        parameters, ranges = case(index)
        F, w, _, _ = rates(parameters)
        found = locality.field_bounds(parameters, locality.InputRange(*ranges), STEPS)
        u, low, gain_lo = Fraction(ranges[0]), Fraction(ranges[1]), Fraction(ranges[3])
        above = largest_activator(parameters, np.array([ranges[4]]), found.u_hi, np.array([ranges[2]]), STEPS)
        for n in range(STEPS + 1):
            assert u <= Fraction(found.u_hi[n, 0]) <= u * (1 + ROUNDING)
            assert low * (1 - ROUNDING) <= Fraction(found.v_lo[n, 0]) <= low
            assert above[n, 0] < found.v_hi[n, 0] <= above[n, 0] * (1 + float(ROUNDING))
            u, low = (u + F) / (1 + F + gain_lo * low * low), low / (1 + w)


def errors_grow_by_the_recursion(locality: ModuleType) -> None:
    least_of_three = set()
    for index in range(len(DESIGNS)):
        parameters, ranges = case(index)
        inputs = locality.InputRange(*ranges)
        F, w, D_u, D_v = rates(parameters)
        bounds, found = locality.field_bounds(parameters, inputs, STEPS), locality.halo_bound(parameters, inputs, STEPS)
        gains = StepGains(parameters, found.theta)
        d, gain_lo, gain_hi = D_u / D_v, Fraction(ranges[3]), Fraction(ranges[4])
        c = max(d * (1 + w) - 1 - F, Fraction(0))
        r, r_lo = root(gain_hi), root(gain_lo)
        steps = []
        for n in range(STEPS):
            most = np.sqrt(inputs.gain_hi) * bounds.v_hi[n]
            steps.append(gains(inputs.gain_hi, most**2, bounds.u_hi[n] + float(F)))
        for row in (0, 5, 10, 15):
            kap = kappa(float(found.theta[row, 0]))
            g_u, g_v = 1 + F - kap * D_u, 1 + w - kap * D_v
            X = Y = Fraction(0)
            for n in range(STEPS):
                U, V, next_V = (Fraction(float(x[0])) for x in (bounds.u_hi[n + 1], bounds.v_hi[n], bounds.v_hi[n + 1]))
                low, high = r_lo * Fraction(float(bounds.v_lo[n, 0])), r * V
                next_X = max(U, quotient(X, 2 * r * U * Y, g_u, low, high))
                from_u, from_v = (Fraction(float(x[row, 0])) if np.isfinite(x[row, 0]) else None for x in steps[n])
                direct = max(next_V, (Y * (1 + 2 * r * U * high) + high**2 * next_X) / g_v)
                carried = d * next_X + max(next_V + d * U, (X + Y + c * next_X) / g_v)
                candidates = [direct, carried]
                if from_u is not None and from_v is not None:
                    candidates.append(next_V + min(d + c / g_v, high**2 / g_v) * U + from_u * X + from_v * Y)
                least_of_three.add(candidates.index(min(candidates)))
                X, Y = next_X, min(candidates)
            for exact, log in ((X, found.log_u), (Y, found.log_v)):
                value = Fraction(float(np.exp(log[row, 0])))
                # the evaluation in floats is covered by a factor of 1 + 1e-9 in each step
                assert exact * (1 + Fraction(1, 2 * 10**9)) <= value <= exact * (1 + ROUNDING)
    assert least_of_three == {0, 1, 2}


def errors_fall_with_the_halo(locality: ModuleType) -> None:
    theta = np.array([[0.5, 0.2], [1.0, 0.1]])
    of_u, of_v = np.array([[3.0, 5.0], [40.0, 7.0]]), np.array([[2.0, 1.0], [9.0, 4.0]])
    found = locality.HaloBound(theta, np.log(of_u), np.log(of_v))
    for halo in (0, 1, 7, 30):
        u, v = found.errors(halo)
        for got, A in ((u, of_u), (v, of_v)):
            exact = [min(2 * A[i, j] * np.exp(-theta[i, j] * (halo + 1)) for i in (0, 1)) for j in (0, 1)]
            assert np.allclose(got, exact, rtol=1e-12)
    for tolerance in (1e-1, 1e-3, 1e-6, 3.0, 100.0):
        for weight_u, weight_v in ((1.0, 1.0), (3.0, 0.5), (0.0, 2.0)):

            def error(halo: int, a: float = weight_u, b: float = weight_v) -> float:
                u, v = found.errors(halo)
                return float(np.sqrt(np.sum((a * u) ** 2 + (b * v) ** 2)))

            between = (error(0) + error(1)) / 2, (error(1) + error(2)) / 2, (error(12) + error(13)) / 2
            for limit in (tolerance, *between):
                halo = found.least_halo(limit, weight_u, weight_v)
                assert error(halo) <= limit
                assert halo == 0 or error(halo - 1) > limit


def quotients_are_at_their_largest(locality: ModuleType) -> None:
    generator = np.random.default_rng(0)
    for _ in range(60):
        a, b, c = generator.uniform(0, 2, 3) + np.array([0, 0, 0.05])
        low, high = sorted(generator.uniform(0, 3, 2))
        got = float(locality._largest_quotient(*(np.array(x) for x in (a, b, c)), low, high))
        q = np.linspace(low, high, 4001)
        assert got >= ((a + b * q) / (c + q * q)).max() * (1 - 1e-12)
        assert got <= ((a + b * q) / (c + q * q)).max() * (1 + 1e-6)


def dense(row_sum: np.ndarray, diffusion: float, right: np.ndarray) -> np.ndarray:
    """(row_sum - diffusion Lap) x = right with reflecting ends, one channel."""
    W = len(right)
    laplacian = np.diff(np.eye(W), axis=0).T @ -np.diff(np.eye(W), axis=0)
    return np.linalg.solve(np.diag(row_sum) - diffusion * laplacian, right)


def windows_are_enclosed(locality: ModuleType) -> None:
    generator = np.random.default_rng(4)
    # after one step nothing but its own rounding makes a bound larger than the exact value
    for index, steps in product(range(len(DESIGNS)), (1, STEPS)):
        parameters, ranges = case(index)
        bounds = locality.field_bounds(parameters, locality.InputRange(*ranges), steps)
        F, w, D_u, D_v = (float(x) for x in rates(parameters))
        W = 9
        for start, end in ((True, True), (False, True), (True, False), (False, False)):
            share = generator.integers(0, 2, (2, W)).astype(float)
            u = np.full(W, ranges[0])
            v, gain = ranges[1] + share[0] * (ranges[2] - ranges[1]), ranges[3] + share[1] * (ranges[4] - ranges[3])
            found = locality.enclose_window(
                u[:, None], v[:, None], gain[:, None], parameters, bounds, cut_start=start, cut_end=end
            )
            cuts = np.zeros(W)
            cuts[0] += start
            cuts[-1] += end
            u_below = u_above = v_below = v_above = np.zeros(W)
            one = np.ones(W)
            for n in range(steps):
                U, V, next_V = (float(x[0]) for x in (bounds.u_hi[n + 1], bounds.v_hi[n], bounds.v_hi[n + 1]))
                low, high = np.maximum(v - v_below, 0), np.minimum(v + v_above, V)
                next_u = dense(1 + F + gain * v**2, D_u, u + F)
                next_v = dense((1 + w) * one, D_v, v + gain * next_u * v**2)
                # A(low) (upper u - u') = (u + above) - u + gain (v^2 - (v - below)^2) u' + what the neighbour may add
                rise = u_above + gain * (v**2 - (v - v_below) ** 2) * next_u + cuts * D_u * np.maximum(U - next_u, 0)
                fall = u_below + gain * ((v + v_above) ** 2 - v**2) * next_u + cuts * D_u * next_u
                rise = dense(1 + F + gain * low**2 + cuts * D_u, D_u, rise)
                fall = dense(1 + F + gain * high**2 + cuts * D_u, D_u, fall)
                rise, fall = np.minimum(rise, np.maximum(U - next_u, 0)), np.minimum(fall, next_u)
                made = v_above + gain * (next_u * ((v + v_above) ** 2 - v**2) + high**2 * rise)
                lost = v_below + gain * (next_u * (v**2 - (v - v_below) ** 2) + low**2 * fall)
                made = dense((1 + w) * one + cuts * D_v, D_v, made + cuts * D_v * np.maximum(next_V - next_v, 0))
                lost = dense((1 + w) * one + cuts * D_v, D_v, lost + cuts * D_v * next_v)
                v_above, v_below = np.minimum(made, np.maximum(next_V - next_v, 0)), np.minimum(lost, next_v)
                u_above, u_below, u, v = rise, fall, next_u, next_v
            for got, exact in (
                (found.u, u), (found.v, v), (found.u_above, u_above), (found.u_below, u_below),
                (found.v_above, v_above), (found.v_below, v_below),
            ):  # fmt: skip
                assert np.allclose(got[:, 0], exact, rtol=1e-6, atol=1e-13)
            for got, exact in ((found.u_above, u_above), (found.v_above, v_above)):
                assert np.all(got[:, 0] >= exact * (1 + 1e-10))
            assert np.array_equal(found.error_u, np.maximum(found.u_below, found.u_above))
            assert np.array_equal(found.error_v, np.maximum(found.v_below, found.v_above))


def ranges_that_are_none(locality: ModuleType) -> None:
    good: dict[str, Any] = {"u_hi": 0.5, "v_lo": 0.1, "v_hi": 0.3, "gain_lo": 0.2, "gain_hi": 0.4}
    for changes in (
        {"u_hi": 1.0}, {"u_hi": 0.0}, {"v_lo": 0.0}, {"v_lo": 0.3}, {"gain_lo": 0.0}, {"gain_lo": 0.4},
    ):  # fmt: skip
        locality.InputRange(**good | changes)
    for changes in (
        {"u_hi": 1.0000001}, {"u_hi": -1e-9}, {"v_lo": -1e-9}, {"v_lo": 0.3000001}, {"gain_lo": -1e-9},
        {"gain_lo": 0.4000001}, {"v_hi": np.inf}, {"gain_hi": np.nan},
    ):  # fmt: skip
        try:
            locality.InputRange(**good | changes)
        except locality.ParameterError:
            continue
        raise AssertionError(changes)


CHECKS = (
    fields_stay_below,
    errors_grow_by_the_recursion,
    errors_fall_with_the_halo,
    quotients_are_at_their_largest,
    windows_are_enclosed,
    ranges_that_are_none,
)
