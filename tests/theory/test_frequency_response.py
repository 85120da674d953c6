"""The layer as a filter: closed form, exact sums at the edge of the band, and the nonlinear layer as epsilon falls."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

from rdmf_theory.chart import PatternDesign
from rdmf_theory.derive import a, b, eta, u_star, z
from rdmf_theory.dispersion import unstable_band
from rdmf_theory.errors import ParameterError
from rdmf_theory.kinetics import GRAY_SCOTT
from rdmf_theory.layer.step import clip_eigenvalues, clip_modes, frequency_response
from rdmf_theory.schemes.definition import SCHEMES, SEMI_IMPLICIT
from rdmf_theory.schemes.frequency_response import (
    N,
    closed_form,
    g_1,
    g_2,
    gain_response,
    initial_value_response,
    power_and_sum,
)
from rdmf_theory.schemes.linear import LinearStep, amplification, gain_force, gray_scott_step
from rdmf_theory.schemes.run import run_step
from rdmf_theory.systems.built_in import BUILT_IN

DESIGN = PatternDesign(0.4, 1.3, 1.5, 12.0, 0.2)
PARAMETERS = DESIGN.parameters()
VALUES = {name: float(getattr(PARAMETERS, name)) for name in ("F", "k", "s", "D_u", "D_v")}
STEPS = (1, 2, 3, 4, 12, 31, 32)


def exact_power_and_sum(G: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """The same in rationals, one step after the other."""
    matrix = [[Fraction(float(x)) for x in row] for row in G]

    def product(x: list, y: list) -> list:
        return [[sum(x[i][k] * y[k][j] for k in range(2)) for j in range(2)] for i in range(2)]

    power = [[Fraction(int(i == j)) for j in range(2)] for i in range(2)]
    total = [[Fraction(0)] * 2 for _ in range(2)]
    for _ in range(steps):
        total = [[x + y for x, y in zip(*rows, strict=True)] for rows in zip(total, power, strict=True)]
        power = product(power, matrix)
    return np.array(power, dtype=float), np.array(total, dtype=float)


def edge_of_the_band() -> float:
    """The mode whose multiplier is 1."""
    return float(unstable_band(PARAMETERS)[1])


@pytest.mark.parametrize("steps", STEPS)
def test_sums_are_exact_also_at_the_edge_and_for_defective_matrices(steps: int) -> None:
    step = gray_scott_step(SEMI_IMPLICIT, PARAMETERS)
    edge = edge_of_the_band()
    assert abs(float(step.multiplier(edge)) - 1) < 1e-13
    matrices = [step.matrix(mu) for mu in (0.0, 0.1, edge, edge * (1 + 1e-9), 3.9)]
    matrices += [np.array([[1.0, 1.0], [0.0, 1.0]]), np.eye(2), np.zeros((2, 2))]
    for G in matrices:
        exact = exact_power_and_sum(G, steps)
        for got, expected in zip(power_and_sum(G, steps), exact, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14)
    stacked = power_and_sum(np.array(matrices), steps)
    np.testing.assert_allclose(stacked[1][2], power_and_sum(matrices[2], steps)[1], rtol=1e-15)


def test_dividing_loses_digits_at_the_edge() -> None:
    """Why the sum is not computed as (1 - G)^-1 (1 - G^N)."""
    G = gray_scott_step(SEMI_IMPLICIT, PARAMETERS).matrix(edge_of_the_band() * (1 + 1e-12))
    exact = exact_power_and_sum(G, 12)[1]
    divided = np.linalg.solve(np.eye(2) - G, np.eye(2) - np.linalg.matrix_power(G, 12))
    assert np.abs(divided - exact).max() > 1e-6
    assert np.abs(power_and_sum(G, 12)[1] - exact).max() < 1e-13


@pytest.mark.parametrize("name", ["semi-implicit", "lie-split", "heun"])
def test_closed_form_is_the_sum(name: str) -> None:
    power, response = closed_form(SCHEMES[name])
    point = {
        u_star: sp.Rational(2, 5),
        z: sp.Rational(13, 10),
        eta: sp.Rational(1, 5),
        a: sp.Rational(1, 3),
        b: sp.Rational(1, 30),
    }
    G = sp.Matrix(amplification(SCHEMES[name]).subs(point))
    force = sp.Matrix(gain_force(SCHEMES[name]).subs(point))
    trace, determinant = G.trace(), G.det()
    assert trace**2 != 4 * determinant
    root = sp.sqrt(trace**2 - 4 * determinant)
    multipliers = {g_1: (trace + root) / 2, g_2: (trace - root) / 2}
    total, expected_power = sp.zeros(2, 2), sp.eye(2)
    for steps in range(1, 7):
        total += expected_power
        expected_power = expected_power * G
        at = {N: steps, **multipliers}
        # exact: the square root must cancel
        assert (power.subs(point).subs(at) - expected_power).applyfunc(sp.radsimp).applyfunc(sp.expand) == sp.zeros(
            2, 2
        )
        difference = response.subs(point).subs(at) - total * force
        assert difference.applyfunc(sp.radsimp).applyfunc(sp.expand) == sp.zeros(2, 1)


def test_gain_response_is_the_one_of_the_layer() -> None:
    mu = clip_eigenvalues(75)
    step = gray_scott_step(SEMI_IMPLICIT, PARAMETERS)
    for steps in (1, 12, 32):
        ours, layer = gain_response(step, steps, mu), frequency_response(DESIGN, steps, mu)
        np.testing.assert_allclose(ours, layer, rtol=1e-11, atol=1e-14)


def nonlinear(name: str, forcing: str, j: int, epsilon: float, steps: int, h: float, T: int = 32) -> np.ndarray:
    """(fields - steady state)/epsilon after a run of the nonlinear layer."""
    step = gray_scott_step(SCHEMES[name], PARAMETERS, h)
    cosine = clip_modes(T)[j]
    base = np.array(step.state, dtype=float)[:, None] * np.ones(T)
    values, fields = dict(VALUES), base.copy()
    if forcing == "gain":
        values["s"] = VALUES["s"] * (1 + epsilon * cosine)
    else:
        fields["uv".index(forcing)] += epsilon * cosine
    for _ in range(steps):
        fields = np.array(run_step(SCHEMES[name], GRAY_SCOTT, fields, values, h))
    return (fields - base) / epsilon


@pytest.mark.parametrize("name", SCHEMES)
@pytest.mark.parametrize("forcing", ["gain", "u", "v"])
def test_nonlinear_layer_approaches_the_response(name: str, forcing: str) -> None:
    h, T = (1.0 if name in ("semi-implicit", "lie-split") else 0.3), 32
    step = gray_scott_step(SCHEMES[name], PARAMETERS, h)
    for j, steps in ((2, 4), (5, 12), (16, 7)):
        mu = clip_eigenvalues(T)[j]
        if forcing == "gain":
            predicted = gain_response(step, steps, mu)
        else:
            predicted = initial_value_response(step, steps, mu)[:, "uv".index(forcing)]
        field = predicted[:, None] * clip_modes(T)[j]
        errors = [
            np.abs(nonlinear(name, forcing, j, epsilon, steps, h) - field).max() / np.abs(field).max()
            for epsilon in (2e-4, 1e-4, 5e-5)
        ]
        # linear in epsilon, and the extrapolation to epsilon = 0 agrees to second order
        assert errors[0] / errors[1] == pytest.approx(2, rel=0.02)
        assert errors[1] / errors[2] == pytest.approx(2, rel=0.01)
        ends = [nonlinear(name, forcing, j, epsilon, steps, h) for epsilon in (1e-4, 5e-5)]
        extrapolated = np.abs(2 * ends[1] - ends[0] - field).max() / np.abs(field).max()
        assert extrapolated < 0.02 * errors[1]


def test_response_of_another_system() -> None:
    system = BUILT_IN["schnakenberg"]
    values = {name: float(value) for name, value in system.defaults.items()}
    state = (values["a"] + values["b"], values["b"] / (values["a"] + values["b"]) ** 2)
    T, j, steps, h = 16, 3, 6, 0.4
    step = LinearStep(SEMI_IMPLICIT, system, values, state, h)
    predicted = gain_response(step, steps, clip_eigenvalues(T)[j], "b")
    cosine = clip_modes(T)[j]
    errors = []
    for epsilon in (1e-3, 5e-4):
        fields = tuple(np.full(T, x) for x in state)
        for _ in range(steps):
            fields = run_step(SEMI_IMPLICIT, system, fields, values | {"b": values["b"] * (1 + epsilon * cosine)}, h)
        got = (np.array(fields) - np.array(state)[:, None]) / epsilon
        errors.append(np.abs(got - predicted[:, None] * cosine).max() / np.abs(predicted).max())
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.01)
    assert errors[1] < 1e-2


def test_the_layer_favours_the_design_s_wavelength() -> None:
    wavelengths = np.geomspace(4, 60, 400)
    mu = 4 * np.sin(np.pi / wavelengths) ** 2
    step = gray_scott_step(SEMI_IMPLICIT, PARAMETERS)
    peak = wavelengths[np.argmax(np.abs(gain_response(step, 32, mu)[:, 1]))]
    assert abs(np.log(peak / DESIGN.wavelength)) < 0.1


@pytest.mark.parametrize("steps", [0, -3, 1.5])
def test_bad_steps(steps: float) -> None:
    with pytest.raises(ParameterError, match="steps must be an integer >= 1"):
        power_and_sum(np.eye(2), steps)  # type: ignore[arg-type]


def test_unknown_parameter() -> None:
    with pytest.raises(ParameterError, match="must be one of F, k, s"):
        gain_response(gray_scott_step(SEMI_IMPLICIT, PARAMETERS), 4, 0.1, "gain")
