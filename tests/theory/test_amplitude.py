"""Cubic coefficients: closed forms, known numbers, and the nonlinear patterns and oscillations that they predict."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rdmf_theory import formulas
from rdmf_theory.bifurcations import amplitude
from rdmf_theory.bifurcations.lines import bifurcations_along
from rdmf_theory.bifurcations.record import Bifurcation
from rdmf_theory.kinetics import GRAY_SCOTT
from rdmf_theory.systems.built_in import BUILT_IN
from rdmf_theory.systems.point import SystemPoint
from tests.strategies import seeds
from tests.theory.small_patterns import clip_pattern, cosine_laplacian, cycle_amplitude, steady_pattern


def gray_scott_at_onset(d: Fraction, z: Fraction) -> tuple[SystemPoint, list[Fraction], Fraction]:
    """Point with s = 1, state and critical mu on the Turing curve, all exact."""
    u = Fraction(1, 2) - (d - z) ** 2 / (8 * d * z)
    w = z * u**2 * (1 - u)
    values = {"F": w * z * u, "k": w * (1 - z * u), "s": 1, "D_u": d, "D_v": 1}
    return SystemPoint(GRAY_SCOTT, values), [u, z * u * (1 - u)], w * (d - z) / (2 * d)


def coefficient(point: SystemPoint, state: list[Fraction], mu: Fraction) -> Fraction:
    jacobian, second, third = (point.multilinear(state, order) for order in (1, 2, 3))
    return amplitude.turing_coefficient(jacobian, second, third, point.exact_diffusion, mu)


def test_gray_scott_is_the_closed_form_exactly() -> None:
    assert coefficient(*gray_scott_at_onset(Fraction(2), Fraction(1))) == Fraction(-655, 96)
    assert float(coefficient(*gray_scott_at_onset(Fraction(4), Fraction(1)))) == pytest.approx(1.22717335391, abs=5e-12)


@given(
    st.fractions(Fraction(11, 10), 9, max_denominator=50),
    st.fractions(Fraction(1, 5), Fraction(9, 10), max_denominator=50),
)
def test_gray_scott_is_the_closed_form(d: Fraction, ratio: Fraction) -> None:
    z = ratio * d
    u = Fraction(1, 2) - (d - z) ** 2 / (8 * d * z)
    assume(u > 0 and z * u < 1)
    point, state, mu = gray_scott_at_onset(d, z)
    assert float(coefficient(point, state, mu)) == pytest.approx(
        formulas.cubic_coefficient(float(z), float(d), 1.0), rel=1e-9
    )


def andronov(jacobian: np.ndarray, second: np.ndarray, third: np.ndarray) -> float:
    """Andronov's focal value sigma, in which an amplitude x = 2 A is displaced by sigma x^3/6 in a period.

    Source: Andronov, Leontovich, Gordon, Maier, Theory of Bifurcations (1971); Perko, Differential Equations and
    Dynamical Systems, section 4.4.
    """
    (a, b), (c, d) = jacobian
    (a20, a11, a02), (b20, b11, b02) = ([t[0, 0] / 2, t[0, 1], t[1, 1] / 2] for t in second)
    (a30, a21, a12, a03), (b30, b21, b12, b03) = (
        [t[0, 0, 0] / 6, t[0, 0, 1] / 2, t[0, 1, 1] / 2, t[1, 1, 1] / 6] for t in third
    )
    del a03, b30
    bracket = (
        a * c * (a11**2 + a11 * b02 + a02 * b11)
        + a * b * (b11**2 + a20 * b11 + a11 * b20)
        + c**2 * (a11 * a02 + 2 * a02 * b02)
        - 2 * a * c * (b02**2 - a20 * a02)
        - 2 * a * b * (a20**2 - b20 * b02)
        - b**2 * (2 * a20 * b20 + b11 * b20)
        + (b * c - 2 * a**2) * (b11 * b02 - a11 * a20)
    )
    cubic = (a**2 + b * c) * (3 * (c * b03 - b * a30) + 2 * a * (a21 + b12) + (c * a12 - b * b21))
    return -3 * np.pi / (2 * b * (a * d - b * c) ** 1.5) * (bracket - cubic)


@given(seeds())
def test_hopf_coefficient_is_andronovs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.uniform(-1, 1), rng.choice([-1, 1]) * rng.uniform(0.5, 2)
    square = rng.uniform(0.2, 2)
    jacobian = np.array([[a, b], [-(a**2 + square) / b, -a]])
    second, third = amplitude.tensors(rng.normal(size=6), rng.normal(size=8))
    g = amplitude.hopf_coefficient(jacobian, second, third)
    omega = np.sqrt(square)
    # an amplitude A grows by -2 pi/omega g A^3 in a period, and the displacement of x = 2 A is sigma x^3/6
    displacement = -3 * np.pi / omega * g
    expected = andronov(jacobian, np.array(second), np.array(third))
    scale = sum(np.abs(np.array(t)).max() ** p for t, p in ((second, 2), (third, 1)))
    assert displacement == pytest.approx(expected, rel=1e-8, abs=1e-8 * scale / square**2)
    l_1 = amplitude.lyapunov_coefficient(jacobian, second, third)
    assert np.sign(l_1) == -np.sign(g)


def onset_of(
    name: str, values: dict[str, object], axis: str, low: str, high: str, kind: str, **kwargs: int
) -> tuple[SystemPoint, Bifurcation]:
    point = SystemPoint.with_defaults(BUILT_IN[name], values)
    (record,) = [r for r in bifurcations_along(point, axis, low, high, **kwargs) if r.kind == kind]
    return point, record


def test_schnakenberg_of_pde2path() -> None:
    _, record = onset_of("schnakenberg", {"a": 0, "D_u": 1, "D_v": 60}, "b", "2", "4", "turing")
    # lambda_c = sqrt(60) sqrt(3 - sqrt(8)): Uecker, Wetzel and Rademacher, pde2path (2014), section 4.2
    assert record.values["b"] == pytest.approx(np.sqrt(60) * np.sqrt(3 - np.sqrt(8)), abs=1e-12)
    assert record.values["b"] == pytest.approx(3.2084844577, abs=5e-11)
    assert record.wavenumber == pytest.approx(0.6435942529, abs=5e-11)
    assert record.onset is not None
    assert record.onset.cubic == pytest.approx(0.0783943823, abs=5e-11)
    assert record.radius is not None
    assert record.radius < 1e-12


TURING = {
    "schnakenberg, soft": ("schnakenberg", {"a": 0, "D_u": 1, "D_v": 60}, "b", "2", "4", -1),
    "brusselator, soft": ("brusselator", {"a": 2, "b": 3, "D_x": 1}, "D_y", "1", "12", 1),
    "gray-scott, hard": ("gray-scott", {"k": "0.0602906562388", "D_u": 2, "D_v": 1}, "F", "0.07", "0.088", -1),
    "lengyel-epstein": ("lengyel-epstein", {}, "b", "0.2", "1", -1),
}


@pytest.mark.parametrize("case", TURING.values(), ids=TURING)
def test_amplitude_of_patterns_on_a_half_wave(case: tuple) -> None:
    """On half a critical wave the relative error of the amplitude is of first order in the distance from onset."""
    name, values, axis, low, high, side = case
    point, record = onset_of(name, values, axis, low, high, "turing")
    assert record.onset is not None
    assert record.wavelength is not None
    laplacian = cosine_laplacian(record.wavelength / 2, 16)
    wave = np.cos((np.arange(16) + 0.5) * np.pi / 16)
    errors = []
    for distance in (4e-4, 1e-4):
        change = side * distance * record.values[axis]
        if np.isnan(record.onset.amplitude(**{axis: change})):
            change = -change
        A = record.onset.amplitude(**{axis: change})
        here = point.replace(**{axis: record.values[axis] + change})
        M = here.jacobian(list(record.state.values())) - record.wavenumber**2 * np.diag(here.diffusion)
        vector = np.array([1, -M[0, 0] / M[0, 1]])
        guess = np.array(list(record.state.values()))[:, None] + 2 * A * np.outer(vector, wave)
        fields, rates = steady_pattern(here, laplacian, guess)
        errors.append(abs(fields[0] @ wave / (wave @ wave) / (2 * A)) - 1)
        # the pattern perturbs with rate -2 sigma: stable after a soft onset, unstable before a hard one
        sigma = record.onset.rates[axis] * change
        assert rates.real[np.abs(rates + 2 * sigma).argmin()] == pytest.approx(-2 * sigma, rel=0.1)
    assert abs(errors[0]) < 0.1
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.15)


@pytest.mark.parametrize("mode", [5, 6, 8], ids=["no coincidence", "half of T", "two thirds of T"])
def test_amplitude_on_clips(mode: int) -> None:
    """On 12 clips: mode 5, mode T/2 without a second harmonic, and mode 2T/3, which is its own second harmonic."""
    T = 12
    mu = 4 * np.sin(mode * np.pi / (2 * T)) ** 2
    # lengths scaled such that the mode is the critical one
    scale = 0.8555996771673522**2 / mu
    values = {"a": 2, "b": 3, "D_x": scale}
    point, record = onset_of("brusselator", values, "D_y", str(5 * scale), str(10 * scale), "turing-mode", clips=T)
    assert record.mode == mode
    assert record.primary
    assert record.onset is not None
    wave = np.cos(np.arange(0.5, T) * np.pi * mode / T)
    errors = []
    for distance in (4e-4, 1e-4):
        change = distance * record.values["D_y"]
        sigma = record.onset.rates["D_y"] * change
        if mode == 8:
            assert record.onset.criticality == "transcritical"
            assert record.onset.quadratic is not None
            A = -sigma / record.onset.quadratic
        else:
            A = record.onset.amplitude(D_y=change)
        here = point.replace(D_y=record.values["D_y"] + change)
        M = here.jacobian(list(record.state.values())) - mu * np.diag(here.diffusion)
        vector = np.array([1, -M[0, 0] / M[0, 1]])
        guess = np.array(list(record.state.values()))[:, None] + 2 * A * np.outer(vector, wave)
        fields, _ = clip_pattern(here, T, guess)
        errors.append(fields[0] @ wave / (wave @ wave) / (2 * A) - 1)
    assert abs(errors[0]) < 0.1
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.2)


def test_amplitude_of_a_limit_cycle() -> None:
    """Brusselator just beyond its Hopf point b = 1 + a^2: the swing of the cycle is 2 A, up to the order of A^2."""
    point, record = onset_of("brusselator", {"a": 1, "D_x": 1, "D_y": 1}, "b", "1", "3", "hopf")
    assert record.values["b"] == 2.0
    assert record.onset is not None
    assert record.onset.criticality == "soft"
    assert record.frequency is not None
    errors = []
    for change in (0.04, 0.01):
        A = record.onset.amplitude(b=change)
        here = point.replace(b=2 + change)
        start = np.array([1 + 2 * A, 2 + change])
        measured = cycle_amplitude(here, start, 4 / (record.onset.rates["b"] * change), 2 * np.pi / record.frequency)
        errors.append(measured / (2 * A) - 1)
    assert abs(errors[0]) < 0.1
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.3)


@pytest.mark.parametrize(("F", "soft"), [("0.008", True), ("0.02", False)])
def test_sign_at_the_hopf_curve_of_gray_scott(F: str, soft: bool) -> None:
    """Left of the Bautin point F = 3/256 the oscillation sets in softly, right of it hard: by direct integration."""
    point, record = onset_of("gray-scott", {"F": F, "D_u": 1, "D_v": 1}, "k", "0.01", "0.06", "hopf")
    assert record.onset is not None
    assert record.onset.criticality == ("soft" if soft else "hard")
    assert record.onset.cubic is not None
    # exactly on the curve a small oscillation decays iff the cubic coefficient is positive
    here = point.replace(**record.values)
    A = 0.01
    assert record.frequency is not None
    period = 2 * np.pi / record.frequency
    state = np.array(list(record.state.values()))
    start = cycle_amplitude(here, state + np.array([2 * A, 0]), 5 * period, period)
    after = cycle_amplitude(here, state + np.array([2 * A, 0]), 45 * period, period)
    predicted = (start / 2) ** -2 + 2 * record.onset.cubic * 40 * period
    assert (after / 2) ** -2 == pytest.approx(predicted, rel=0.02)
    assert (after < start) == soft
