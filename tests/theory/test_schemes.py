"""Schemes as symbolic updates: what they derive equals independent formulas, loops and measurements."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from scipy.optimize import root

from rdmf_theory import derive
from rdmf_theory.chart import Parameters, PatternDesign
from rdmf_theory.errors import ParameterError
from rdmf_theory.kinetics import GRAY_SCOTT, ReactionSystem
from rdmf_theory.layer.step import clip_eigenvalues, clip_laplacian, clip_modes, semi_implicit_step
from rdmf_theory.schemes import derive_step
from rdmf_theory.schemes.bias import bias_number, growth_bias, measured_threshold, threshold_shift
from rdmf_theory.schemes.definition import LAP, SCHEMES, SEMI_IMPLICIT, Stage, h, mu, scheme_named, split_loss
from rdmf_theory.schemes.linear import LinearStep, amplification, gain_force, gray_scott_step, linearise
from rdmf_theory.schemes.order import order
from rdmf_theory.schemes.run import run_exact, run_step
from rdmf_theory.systems.built_in import BUILT_IN

DESIGN = PatternDesign(0.4, 1.3, 1.5, 12.0, 0.2)
NAMES = ("F", "k", "s", "D_u", "D_v")
EVERY = pytest.mark.parametrize("name", SCHEMES)
# a guess near one homogeneous state of each built-in system at its default values
GUESSES = {
    "gray-scott": (0.3, 0.4),
    "schnakenberg": (1.2, 0.7),
    "brusselator": (2.0, 1.5),
    "gierer-meinhardt": (1.1, 1.2),
    "fitzhugh-nagumo": (0.1, 0.1),
    "lengyel-epstein": (2.0, 5.0),
}


def values_of(parameters: Parameters) -> dict[str, float]:
    return {name: float(getattr(parameters, name)) for name in NAMES}


def default_state(system: ReactionSystem) -> tuple[dict[str, float], tuple[float, ...]]:
    """Values and one homogeneous state; Gray-Scott at a design, since its defaults have no v-rich state at z > 1."""
    if system is GRAY_SCOTT:
        parameters = DESIGN.parameters()
        u = DESIGN.u_star
        return values_of(parameters), (u, DESIGN.z * u * (1 - u))
    values = {name: float(value) for name, value in system.defaults.items()}
    rates = sp.lambdify((*system.species, *system.parameters), list(system.reactions), "math")
    numbers = [values[str(p)] for p in system.parameters]
    found = root(lambda x: rates(*x, *numbers), GUESSES[system.name], tol=1e-14)
    # at this tolerance the solver may stop for want of progress: the residual decides
    assert np.abs(rates(*found.x, *numbers)).max() < 1e-12
    return values, tuple(found.x)


def test_semi_implicit_is_the_layer_s_step() -> None:
    u, v = GRAY_SCOTT.species
    F, k, s = GRAY_SCOTT.parameters
    D_u, D_v = GRAY_SCOTT.diffusions
    first, second = SEMI_IMPLICIT.update().stages
    x, y = first.unknown, second.unknown
    # as published in docs/mathematics.md, "The step"
    expected = [
        (1 + h * (F + s * v**2)) * x - h * D_u * LAP(x) - u - h * F,
        (1 + h * (F + k)) * y - h * D_v * LAP(y) - v - h * s * x * v**2,
    ]
    for stage, equation in zip((first, second), expected, strict=True):
        assert sp.expand(stage.residual - equation) == 0
    eta, z, u_star, a, b = derive.eta, derive.z, derive.u_star, derive.a, derive.b
    L = sp.Matrix([[1 + eta * z + a, 0], [-eta * z * (1 - u_star), 1 + eta + b]])
    B = sp.Matrix([[1, -2 * eta], [0, 1 + 2 * eta]])
    for G in (derive_step.amplification_matrix(), sp.Matrix(amplification(SEMI_IMPLICIT))):
        assert (L * G - B).applyfunc(sp.cancel) == sp.zeros(2, 2)
    pushed = eta * z * u_star * (1 - u_star) * sp.Matrix([-1, 1])
    for force in (derive_step.response_force(), sp.Matrix(gain_force(SEMI_IMPLICIT))):
        assert (L * force - pushed).applyfunc(sp.cancel) == sp.zeros(2, 1)


def test_losses_are_the_negative_terms_with_their_own_species() -> None:
    u, v = GRAY_SCOTT.species
    F, k, s = GRAY_SCOTT.parameters
    assert split_loss(GRAY_SCOTT) == [(F, F + s * v**2), (s * u * v**2, F + k)]
    for system in BUILT_IN.values():
        for species, reaction, (production, loss) in zip(
            system.species, system.reactions, split_loss(system), strict=True
        ):
            assert sp.cancel(production - loss * species - reaction) == 0
    # -v in the equation of u is a loss of v only: it cannot be implicit in u
    fitzhugh = BUILT_IN["fitzhugh-nagumo"]
    assert -fitzhugh.species[1] in sp.Add.make_args(split_loss(fitzhugh)[0][0])


def loop(name: str, u: np.ndarray, v: np.ndarray, p: Parameters, step: float) -> list[np.ndarray]:
    """One step written out by hand, dense matrices."""
    laplacian, one = clip_laplacian(u.size), np.eye(u.size)

    def reaction(u: np.ndarray, v: np.ndarray) -> list[np.ndarray]:
        return [-p.s * u * v**2 + p.F * (1 - u), p.s * u * v**2 - p.w * v]

    def rates(u: np.ndarray, v: np.ndarray) -> list[np.ndarray]:
        f, g = reaction(u, v)
        return [f + p.D_u * laplacian @ u, g + p.D_v * laplacian @ v]

    def heun(function, u: np.ndarray, v: np.ndarray) -> list[np.ndarray]:
        first = function(u, v)
        second = function(u + step * first[0], v + step * first[1])
        return [x + step / 2 * (a + b) for x, a, b in zip((u, v), first, second, strict=True)]

    def diffuse(x: np.ndarray, D: float, share: float) -> np.ndarray:
        return np.linalg.solve(one - share * step * D * laplacian, x)

    if name == "explicit-euler":
        return [x + step * r for x, r in zip((u, v), rates(u, v), strict=True)]
    if name == "imex-euler":
        f, g = reaction(u, v)
        return [diffuse(u + step * f, p.D_u, 1), diffuse(v + step * g, p.D_v, 1)]
    if name == "heun":
        return heun(rates, u, v)
    if name == "lie-split":
        after = (u + step * p.F) / (1 + step * (p.F + p.s * v**2))
        return [diffuse(after, p.D_u, 1), diffuse((v + step * p.s * after * v**2) / (1 + step * p.w), p.D_v, 1)]
    if name == "strang":
        quarter = [one + step / 4 * D * laplacian for D in (p.D_u, p.D_v)]
        u, v = diffuse(quarter[0] @ u, p.D_u, 0.25), diffuse(quarter[1] @ v, p.D_v, 0.25)
        u, v = heun(reaction, u, v)
        return [diffuse(quarter[0] @ u, p.D_u, 0.25), diffuse(quarter[1] @ v, p.D_v, 0.25)]
    return list(semi_implicit_step(u, v, p.s, p, step))


@EVERY
def test_compiled_step_equals_a_loop(name: str) -> None:
    rng = np.random.default_rng(3)
    fields = [rng.uniform(0.1, 0.9, 17), rng.uniform(0.0, 0.5, 17)]
    parameters = DESIGN.parameters()
    for step in (0.3, 1.0):
        got = run_step(SCHEMES[name], GRAY_SCOTT, fields, values_of(parameters), step)
        for x, y in zip(got, loop(name, *fields, parameters, step), strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-13)


@EVERY
def test_exact_step_equals_the_compiled_one(name: str) -> None:
    texts = {"F": "1/25", "k": "3/50", "s": "1", "D_u": "2/7", "D_v": "1/9"}
    fields = (("3/5", "2/5"), ("1/5", "2/5"))
    exact = run_exact(SCHEMES[name], fields, texts, "2/3")
    numbers = {key: float(Fraction(text)) for key, text in texts.items()}
    got = run_step(
        SCHEMES[name], GRAY_SCOTT, [np.array([float(Fraction(x)) for x in row]) for row in fields], numbers, 2 / 3
    )
    np.testing.assert_allclose(np.array(got), np.array(exact, dtype=float), rtol=1e-14)


def test_clipwise_parameters_are_taken_clip_by_clip() -> None:
    parameters = DESIGN.parameters()
    gain = parameters.s * np.linspace(0.8, 1.2, 9)
    rng = np.random.default_rng(0)
    u, v = rng.uniform(0.2, 0.8, 9), rng.uniform(0.1, 0.4, 9)
    got = run_step(SEMI_IMPLICIT, GRAY_SCOTT, (u, v), values_of(parameters) | {"s": gain})
    np.testing.assert_allclose(got, semi_implicit_step(u, v, gain, parameters), rtol=1e-13)


@EVERY
@pytest.mark.parametrize("system", BUILT_IN.values(), ids=lambda system: system.name)
def test_measured_multipliers_are_the_predicted_ones(name: str, system: ReactionSystem) -> None:
    scheme = SCHEMES[name]
    values, state = default_state(system)
    T, step = 12, 0.05
    predicted = LinearStep(scheme, system, values, state, step)
    for j in (0, 1, 5, T - 1):
        cosine = clip_modes(T)[j]
        norm = cosine @ cosine
        columns = []
        for i in range(2):
            ends = []
            for sign in (1, -1):
                fields = [np.full(T, x) for x in state]
                fields[i] = fields[i] + sign * 1e-5 * cosine
                ends.append(np.array(run_step(scheme, system, fields, values, step)))
            columns.append((ends[0] - ends[1]) @ cosine / (2e-5 * norm))
        measured = np.array(columns).T
        G = predicted.matrix(clip_eigenvalues(T)[j])
        np.testing.assert_allclose(measured, G, atol=1e-7 * np.abs(G).max())
        radius = np.abs(np.linalg.eigvals(measured)).max()
        assert radius == pytest.approx(float(predicted.multiplier(clip_eigenvalues(T)[j])), rel=1e-6)


@pytest.mark.parametrize("system", BUILT_IN.values(), ids=lambda system: system.name)
@pytest.mark.parametrize("name", ["explicit-euler", "imex-euler", "semi-implicit"])
def test_transfer_for_every_system(name: str, system: ReactionSystem) -> None:
    """L - B = -h (J - mu D) without using that the state is steady, and L is triangular: one sign for both."""
    linear = linearise(SCHEMES[name], system)
    mode = system.jacobian() - mu * sp.diag(*system.diffusions)
    difference = sp.Matrix(linear.implicit) - sp.Matrix(linear.explicit) + h * mode
    assert difference.applyfunc(lambda x: sp.cancel(sp.together(x))) == sp.zeros(2, 2)
    assert linear.implicit.is_lower


def test_no_such_identity_for_splitting() -> None:
    linear = linearise(SCHEMES["lie-split"])
    assert linear.implicit.shape == (4, 4)
    G = amplification(SCHEMES["lie-split"])
    A = derive.eta * sp.Matrix(derive.jacobian()) - sp.diag(derive.a, derive.b)
    ratio = sp.cancel((sp.eye(2) - sp.Matrix(G)).det() / A.det())
    # the determinant of the mode stays in the denominator
    assert sp.rem(sp.denom(ratio), sp.numer(sp.together(A.det())), derive.u_star) == 0


@pytest.mark.parametrize(("name", "expected"), list(zip(SCHEMES, (1, 1, 1, 1, 2, 2), strict=True)))
def test_order_derived_and_measured(name: str, expected: int) -> None:
    scheme = SCHEMES[name]
    assert order(scheme) == expected
    assert order(scheme, BUILT_IN["schnakenberg"]) == expected
    parameters = PatternDesign(0.4, 1.3, 1.5, 4.0, 0.2).parameters()
    rng = np.random.default_rng(1)
    start = [rng.uniform(0.3, 0.6, 5), rng.uniform(0.2, 0.4, 5)]

    def end(steps: int) -> np.ndarray:
        fields = tuple(start)
        for _ in range(steps):
            fields = run_step(scheme, GRAY_SCOTT, fields, values_of(parameters), 1.0 / steps)
        return np.array(fields)

    ends = [end(steps) for steps in (40, 80, 160)]
    measured = np.log2(np.abs(ends[0] - ends[1]).max() / np.abs(ends[1] - ends[2]).max())
    assert measured == pytest.approx(expected, abs=0.05)


def test_order_refuses_what_it_cannot_expand() -> None:
    with pytest.raises(ParameterError, match="polynomial"):
        order(SEMI_IMPLICIT, BUILT_IN["gierer-meinhardt"])


@EVERY
def test_bias_is_the_error_of_small_steps(name: str) -> None:
    scheme, parameters = SCHEMES[name], DESIGN.parameters()
    bias = growth_bias(scheme)
    mode = np.array([0.02, 0.1, 0.27, 0.9])
    w, errors = parameters.w, []
    J = w * np.array([[-DESIGN.z, -2.0], [DESIGN.z * (1 - DESIGN.u_star), 1.0]])
    A = J - mode[:, None, None] * np.diag([parameters.D_u, parameters.D_v])
    growth = np.linalg.eigvals(A)
    growth = growth[np.arange(4), np.argmax(growth.real, axis=1)].astype(complex)
    arguments = (DESIGN.u_star, DESIGN.z, mode * parameters.D_u / w, mode * parameters.D_v / w, growth / w)
    # second-order errors of smaller steps drown in rounding
    for step in (4e-3, 2e-3) if bias.power == 1 else (0.1, 0.05):
        multipliers = np.linalg.eigvals(gray_scott_step(scheme, parameters, step).matrix(mode)).astype(complex)
        rates = np.log(multipliers) / step
        nearest = rates[np.arange(4), np.argmin(np.abs(rates - growth[:, None]), axis=1)]
        predicted = w * bias_number(scheme, *arguments) * (step * w) ** bias.power
        errors.append(np.abs((nearest - growth) / predicted - 1))
    assert bias.power == order(scheme)
    assert np.all(errors[1] < 0.02)
    assert np.all(errors[1] < 0.6 * errors[0] + 1e-4)


@EVERY
def test_turing_threshold_of_the_scheme(name: str) -> None:
    scheme, u, z = SCHEMES[name], 0.4, 1.3
    shift = threshold_shift(scheme)
    assert shift.power == {"lie-split": 1, "strang": 2}.get(name, 0)
    exact = float(DESIGN.d / DESIGN.excess)
    if not shift.power:
        assert measured_threshold(scheme, u, z, 0.1) == pytest.approx(exact, rel=1e-9)
        return
    at = {derive.d: exact, derive.z: z}
    predicted = float(shift.coefficient.subs(at))
    errors = [(measured_threshold(scheme, u, z, e) - exact) / e**shift.power / predicted - 1 for e in (0.02, 0.01)]
    assert abs(errors[1]) < 0.01
    assert abs(errors[1]) < 0.7 * abs(errors[0])


X = sp.Symbol("x_next", positive=True)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        pytest.param(lambda: scheme_named("rk4"), "must be one of explicit-euler", id="unknown scheme"),
        pytest.param(lambda: Stage(X, X**2 - 1), "must be linear", id="stage not linear"),
        pytest.param(lambda: Stage(X, X * LAP(X) - 1), "must be linear", id="Laplacian times unknown"),
        pytest.param(
            lambda: gray_scott_step(SEMI_IMPLICIT, DESIGN.parameters(), -1.0), "h must be finite", id="negative step"
        ),
        pytest.param(
            lambda: LinearStep(SEMI_IMPLICIT, GRAY_SCOTT, {"F": 0.1}, (0.4, 0.3)), "Missing", id="missing parameter"
        ),
        pytest.param(
            lambda: LinearStep(SEMI_IMPLICIT, GRAY_SCOTT, values_of(DESIGN.parameters()), (0.5, 0.5)),
            "must be a steady state",
            id="not steady",
        ),
        pytest.param(
            lambda: gray_scott_step(SEMI_IMPLICIT, DESIGN.parameters()).force(0.1, "D_u"), "one of F", id="no force"
        ),
        pytest.param(
            lambda: run_step(SEMI_IMPLICIT, GRAY_SCOTT, [np.ones(3)], values_of(DESIGN.parameters())),
            "must hold 2 arrays",
            id="one field",
        ),
        pytest.param(
            lambda: run_step(SEMI_IMPLICIT, GRAY_SCOTT, [np.ones(3)] * 2, {"F": 1}), "Missing", id="no values"
        ),
        pytest.param(
            lambda: run_step(SEMI_IMPLICIT, GRAY_SCOTT, [np.ones(3)] * 2, values_of(DESIGN.parameters()), 0.0),
            "h must be finite",
            id="step zero",
        ),
    ],
)
def test_bad_arguments(call, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        call()
