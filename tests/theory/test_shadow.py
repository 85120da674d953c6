"""The shadow system: derivation, step, modes, conditions and response, each against an independent computation."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdmf_theory import formulas
from rdmf_theory.chart import Parameters
from rdmf_theory.competition.conditions import classify_cuts, classify_shadow, uniform_conductances
from rdmf_theory.competition.conductances import weighted_laplacian
from rdmf_theory.competition.design import CompetitionDesign, ShadowParameters
from rdmf_theory.competition.growth import (
    competition_gain,
    gain_response,
    relative_gain_floor,
    shadow_multiplier,
)
from rdmf_theory.competition.modes import video_modes
from rdmf_theory.competition.run import simulate_with_cuts
from rdmf_theory.competition.shadow import shadow_run, shadow_step
from rdmf_theory.competition.two_field import weighted_step
from rdmf_theory.errors import ParameterError
from rdmf_theory.turing import classify

seeds = st.integers(0, 2**32 - 1)
conductances = st.lists(st.one_of(st.just(0.0), st.just(1.0), st.floats(1e-3, 1)), min_size=1, max_size=10)
designs = st.builds(
    lambda u, t, reach, rate: CompetitionDesign(u, 1 + t * (1 / u - 1), reach, rate),
    st.floats(0.1, 0.45),
    st.floats(0.05, 0.9),
    st.floats(0.2, 8),
    st.floats(0.05, 1),
)


def jacobian(design: CompetitionDesign, kappa: list[float], h: float) -> np.ndarray:
    """Derivative of one shadow step at the v-rich state, (1 + T, 1 + T), by central differences."""
    parameters, T = design.parameters(), len(kappa) + 1
    state = np.array([design.u_star] + [formulas.steady_v(design.u_star, design.z)] * T)

    def after(x: np.ndarray) -> np.ndarray:
        u, v = shadow_step(x[0], x[1:], parameters.s, parameters, kappa, h)
        return np.concatenate([[u], v])

    assert after(state) == pytest.approx(state, rel=1e-12)
    e = 1e-5
    columns = [(after(state + e * d) - after(state - e * d)) / (2 * e) for d in np.eye(T + 1)]
    return np.array(columns).T


@given(conductances, seeds)
def test_bounds_hold_for_any_gains(kappa: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    T = len(kappa) + 1
    parameters = ShadowParameters(rng.uniform(0.01, 0.5), rng.uniform(0, 0.3), 1.0, rng.choice([0.0, 0.5, 40]))
    h, u, v = rng.choice([0.3, 1, 30]), rng.uniform(0, 1), rng.exponential(0.5, T)
    mass = max(1, u + v.mean())
    for _ in range(5):
        largest = v.max()
        u, v = shadow_step(u, v, rng.exponential(2, T), parameters, kappa, h)
        assert 0 < u <= 1
        assert v.min() >= 0
        assert u + v.mean() <= mass * (1 + 1e-12)
        assert v.max() <= (largest + T * (1 + h * parameters.F)) / (1 + h * parameters.w) * (1 + 1e-12)


@given(designs, conductances, st.sampled_from([0.3, 1.0, 10.0]))
def test_the_step_has_exactly_the_predicted_multipliers(
    design: CompetitionDesign, kappa: list[float], h: float
) -> None:
    """Spectrum of the differentiated step: G(0) for the uniform part, (1 + 2 eta)/(1 + eta + h mu D_v) for the rest."""
    parameters = design.parameters()
    uniform = np.array(formulas.amplification(design.u_star, design.z, h * design.rate, 0, 0)).reshape(2, 2)
    rest = shadow_multiplier(parameters, video_modes(kappa).mu[1:], h)
    expected = np.concatenate([np.linalg.eigvals(uniform), rest])
    found = np.linalg.eigvals(jacobian(design, kappa, h))
    assert np.sort(np.abs(found)) == pytest.approx(np.sort(np.abs(expected)), abs=2e-5)


def test_the_uniform_mode_of_the_layer_is_damped_more_than_that_of_the_equation() -> None:
    """z = 0.9: unstable in the equation, stable in the layer at h w = 0.2, as z (1 + h w) > 1; not at h w = 0.1."""
    for eta, stable in ((0.2, True), (0.1, False)):
        matrix = np.array(formulas.amplification(0.3, 0.9, eta, 0, 0)).reshape(2, 2)
        assert bool(abs(np.linalg.eigvals(matrix)).max() < 1) is stable
        assert (formulas.uniform_margin(0.9, eta) > 0) is stable


@given(seeds)
def test_it_is_the_limit_of_fast_mixing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    T = int(rng.integers(2, 9))
    kappa, s, v = rng.uniform(0.2, 1, T - 1), rng.uniform(0, 2, T), rng.uniform(0, 1, T)
    F, k, D_v, u, h = 0.1, 0.1, 0.7, float(rng.uniform(0, 1)), 1.0
    phi = (s * v**2).max()
    expected_u, expected_v = shadow_step(u, v, s, ShadowParameters(F, k, 1.0, D_v), kappa, h)
    for D_u in (1e2, 1e4, 1e6):
        found_u, found_v = weighted_step(np.full(T, u), v, s, Parameters(F, k, 1.0, D_u, D_v), kappa, h)
        bound = T**2 * (1 + h * F + h * phi) / (kappa.min() * h * D_u)
        assert abs(found_u - expected_u).max() <= bound
        assert abs(found_v - expected_v).max() <= h * phi * bound / (1 + h * (F + k)) + 1e-15


@given(designs, conductances)
def test_conditions_are_exact_and_agree_with_the_modes(design: CompetitionDesign, kappa: list[float]) -> None:
    p = design.parameters()
    answer = classify_shadow(p.F, p.k, p.s, p.D_v, kappa)
    mu = video_modes(kappa).mu[1:]
    away = abs(design.reach**2 * mu - 1) > 1e-9
    assert answer.growing >= int((design.reach**2 * mu[away] < 1).sum())
    assert answer.growing <= int((design.reach**2 * mu[away] < 1).sum() + (~away).sum())
    assert answer.conditions["competes"].holds == (answer.growing > 0)
    margin = answer.conditions["competes"].margin
    assert margin is not None
    assert (margin > 0) == (answer.growing > 0)
    if away.all():
        assert answer.name == ("competing" if answer.growing else "uniform")
        assert margin == pytest.approx(1 - design.reach**2 * mu[0], abs=1e-9)


@pytest.mark.parametrize(
    ("point", "kappa", "name"),
    [
        (("0.02", "0.03", "1", "0.05"), ["1", "1"], "boundary"),  # w/D_v = 1 is an eigenvalue of three clips, mu_1
        (("0.02", "0.03", "1", "0.0499"), ["1", "1"], "competing"),
        (("0.02", "0.03", "1", "0.0501"), ["1", "1"], "uniform"),
        (("0.02", "0.03", "1", "5"), ["1", "0"], "competing"),
        (("1/16", "1/16", "1", "1"), ["1"], "boundary"),
        (("0.001", "0.04", "1", "1"), ["1"], "no-state"),
        (("0.03", "0.055", "1", "1"), ["1"], "unstable"),
    ],
)
def test_classification(point: tuple[str, ...], kappa: list[str], name: str) -> None:
    F, k, s, D_v = point
    answer = classify_shadow(F, k, s, D_v, kappa)
    assert answer.name == name
    if name == "boundary" and len(kappa) == 2:
        assert answer.conditions["competes"].margin == 0
        assert answer.growing == 0


def test_the_unstable_example_is_unstable_in_the_two_field_system_too() -> None:
    assert classify("0.03", "0.055", "1", "1", "1").name == "unstable"


def test_a_two_field_point_on_a_video_with_cuts() -> None:
    point = ("0.055", "0.062", "1", "2", "1")
    answer, growing, conditions = classify_cuts(*point, ["1"] * 74)
    assert answer.name == "turing"
    assert growing > 0
    assert conditions["mode_on_axis"].holds
    _, growing, conditions = classify_cuts(*point, ["1"])
    assert (growing, conditions["mode_on_axis"].holds) == (0, False)


@given(designs, st.floats(1e-2, 3.9), st.integers(1, 12))
def test_finite_mixing_tends_to_global_competition(design: CompetitionDesign, mu: float, steps: int) -> None:
    limit = competition_gain(design, mu, steps)
    close = CompetitionDesign(design.u_star, design.z, design.reach, design.rate, 1e-9)
    assert competition_gain(close, mu, steps) == pytest.approx(limit, rel=1e-3)
    m = design.reach**2 * mu
    if abs(m - 1) > 1e-3:
        grows = formulas.mixed_mode_determinant(design.u_star, design.z, 1e-9, m) < 0
        assert grows == (m < 1) or m * abs(1 - m) < 1e-7


def test_the_design_is_a_bijection() -> None:
    design = CompetitionDesign(0.3, 1.7, 5.0, 0.25)
    back = CompetitionDesign.from_parameters(design.parameters())
    for name in ("u_star", "z", "reach", "rate"):
        assert getattr(back, name) == pytest.approx(getattr(design, name), rel=1e-12)
    assert design.D_u == np.inf
    mixed = CompetitionDesign(0.3, 1.7, 5.0, 0.25, 0.5 * design.largest_mixing)
    assert mixed.D_u == pytest.approx(0.25 * 25 / mixed.mixing)
    # at the largest mixing the band closes: the determinant has a double root in m
    z, mixing = 1.7, float(design.largest_mixing)
    half = (1 - mixing * z) / 2
    assert formulas.mixed_mode_determinant(0.3, z, mixing, half) == pytest.approx(0, abs=1e-12)


@given(designs, conductances, st.integers(1, 12))
def test_response_to_a_weakly_modulated_gain(design: CompetitionDesign, kappa: list[float], steps: int) -> None:
    """Central differences of N nonlinear steps against the closed form, for the longest mode of the video."""
    parameters, modes = design.parameters(), video_modes(kappa)
    shape, v_star = modes.vectors[1], formulas.steady_v(design.u_star, design.z)
    T, e = len(kappa) + 1, 1e-5

    def after(sign: int) -> np.ndarray:
        gain = parameters.s * (1 + sign * e * shape)
        return shadow_run(design.u_star, np.full(T, v_star), gain, parameters, kappa, steps).v[-1]

    found = (after(1) - after(-1)) @ shape / (2 * e * v_star)
    expected = float(gain_response(design, modes.mu[1], steps))
    assert found == pytest.approx(expected, rel=1e-3, abs=1e-6)
    r, m = float(shadow_multiplier(parameters, modes.mu[1])), design.reach**2 * modes.mu[1]
    if abs(1 - m) > 1e-3:
        assert expected == pytest.approx((r**steps - 1) / (1 - m), rel=1e-6)


def test_floor_of_the_relative_gain() -> None:
    for u_star, z in ((0.3, 1.5), (0.2, 3.0), (0.45, 1.1)):
        design = CompetitionDesign(u_star, z, 4.0, 0.2)
        p, floor = design.parameters(), relative_gain_floor(design)
        assert floor == pytest.approx(formulas.gain_interval(u_star, z, 50.0)[0])
        for factor, name in ((1.001, "competing"), (0.999, None)):
            answer = classify_shadow(p.F, p.k, p.s * floor * factor, p.D_v, uniform_conductances(75))
            assert (answer.name == name) if name else answer.name in ("unstable", "no-state")


@pytest.mark.parametrize("kappa", [[1.0] * 19, [1.0] * 9 + [0.0] + [1.0] * 9, [1.0, 0.2] * 8], ids=str)
def test_a_run_grows_as_predicted(kappa: list[float]) -> None:
    for parameters in (
        CompetitionDesign(0.4, 1.2, 3.0, 0.2).parameters(),
        Parameters(0.055, 0.062, 1.0, 20.0, 0.5),
    ):
        run = simulate_with_cuts(parameters, kappa, seed=3)
        assert run.measured is not None
        assert run.predicted > 1
        assert run.relative_error is not None
        assert run.relative_error < 1e-4


def test_energy_decides_growth_without_eigenvectors() -> None:
    """proofs/ShadowModes.v, shadow_nonuniform_grows_iff: the best field of mean 0 is the longest mode."""
    kappa = [1.0, 0.3, 0.05, 1.0, 0.7]
    minus, modes = -weighted_laplacian(kappa), video_modes(kappa)
    x = modes.vectors[1]
    assert x @ minus @ x == pytest.approx(modes.longest)
    rng = np.random.default_rng(0)
    for _ in range(200):
        y = rng.standard_normal(6)
        y -= y.mean()
        assert y @ minus @ y >= modes.longest * (y @ y) * (1 - 1e-12)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((1.1, [0.1, 0.1], 1.0, [1.0]), "u must be in"),
        ((0.5, [0.1, -0.1], 1.0, [1.0]), "v finite and >= 0"),
        ((0.5, [0.1, 0.1], -1.0, [1.0]), "gain must be finite"),
        ((0.5, [0.1, 0.1], 1.0, [1.0, 1.0]), "T - 1 entries"),
    ],
)
def test_bad_arguments_of_a_step(arguments: tuple, words: str) -> None:
    u, v, gain, kappa = arguments
    with pytest.raises(ParameterError, match=words):
        shadow_step(u, np.array(v), gain, ShadowParameters(0.1, 0.1, 1.0, 1.0), kappa)


@pytest.mark.parametrize(
    ("name", "value"), [("u_star", 0.5), ("z", 0.0), ("reach", -1.0), ("rate", np.nan), ("mixing", -0.1)]
)
def test_bad_designs(name: str, value: float) -> None:
    good = {"u_star": 0.3, "z": 1.5, "reach": 4.0, "rate": 0.2, "mixing": 0.0}
    with pytest.raises(ParameterError, match=f"CompetitionDesign.{name} must be"):
        CompetitionDesign(**(good | {name: value}))


def test_exact_fractions_are_accepted() -> None:
    assert classify_shadow("0.02", "0.03", "1", "0.5", [Fraction(1)] * 74).growing == 7
