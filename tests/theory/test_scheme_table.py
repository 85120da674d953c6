"""The table of schemes: its answers, their proofs by a second prover, and their witnesses run on clips."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
import z3

from rdmf_theory import derive
from rdmf_theory.chart import Parameters, PatternDesign
from rdmf_theory.derive import a, b, eta, u_star, z
from rdmf_theory.kinetics import GRAY_SCOTT
from rdmf_theory.layer.step import clip_eigenvalues, clip_modes
from rdmf_theory.schemes.artefacts import artefacts, missed_growth, same_boundary
from rdmf_theory.schemes.balance import Finding, positive, well_balanced
from rdmf_theory.schemes.definition import LAP, SCHEMES, SEMI_IMPLICIT, Scheme, Stage, h
from rdmf_theory.schemes.limits import largest_step, step_limits
from rdmf_theory.schemes.linear import amplification, gray_scott_step, jury, scaled_mode
from rdmf_theory.schemes.run import run_step
from rdmf_theory.schemes.sign_proofs import CHART, find_witness, prove_positive
from rdmf_theory.schemes.table import COLUMNS, Row, row

EVERY = pytest.mark.parametrize("name", SCHEMES)
EXPECTED = {
    "explicit-euler": ("no", "no", "yes", "yes", "no", "no", "yes", "yes"),
    "imex-euler": ("no", "no", "yes", "yes", "no", "no", "yes", "yes"),
    "semi-implicit": ("yes", "yes", "yes", "yes", "no", "no", "no", "no"),
    "lie-split": ("yes", "yes", "no", "no", "no", "yes", "no", "no"),
    "heun": ("no", "no", "one way", "if h*|tr(J - mu D)| < 2", "yes", "no", "no", "yes"),
    "strang": ("no", "no", "no", "no", "yes", "yes", "yes", "yes"),
}


@EVERY
def test_answers(name: str) -> None:
    found = row(SCHEMES[name])
    assert tuple(found.findings[column].answer for column in COLUMNS) == EXPECTED[name]
    assert bool(found.limits) == (
        found.findings["false_growth"].answer == "yes" or found.findings["rotation"].answer == "yes"
    )


def from_witness(witness: dict) -> tuple[Parameters, int, int]:
    """(parameters, clips, mode) whose step h = 1 has the witness' u*, z, eta, a, b."""
    u, z_value, rate, at_a, at_b = (float(Fraction(witness[name])) for name in ("u_star", "z", "eta", "a", "b"))
    # the shortest mode: all others diffuse less, and blow up no sooner
    clips, mode = 6, 5
    eigenvalue = clip_eigenvalues(clips)[mode]
    w = rate
    return (
        Parameters(
            w * z_value * u, w * (1 - z_value * u), w / (z_value * u**2 * (1 - u)), at_a / eigenvalue, at_b / eigenvalue
        ),
        clips,
        mode,
    )


def amplitudes(
    scheme: Scheme, parameters: Parameters, clips: int, mode: int, start: np.ndarray, steps: int
) -> np.ndarray:
    """Amplitude (u, v) of a mode over a nonlinear run from a tiny perturbation of it, shape (steps + 1, 2)."""
    cosine = clip_modes(clips)[mode]
    linear = gray_scott_step(scheme, parameters)
    base = np.array(linear.state, dtype=float)[:, None]
    values = {name: getattr(parameters, name) for name in ("F", "k", "s", "D_u", "D_v")}
    fields = base + 1e-7 * start[:, None] * cosine
    seen = [start]
    for _ in range(steps):
        fields = np.array(run_step(scheme, GRAY_SCOTT, fields, values))
        seen.append((fields - base) @ cosine / (cosine @ cosine) / 1e-7)
    return np.array(seen)


CASES = [
    (name, kind)
    for name, answers in EXPECTED.items()
    for kind, answer in zip(COLUMNS, answers, strict=True)
    if answer == "yes" and kind in ("false_growth", "missed_growth", "flip", "rotation")
]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_witnesses_are_what_a_nonlinear_run_shows(name: str, kind: str) -> None:
    """The artefact at the witness, on 6 clips; and that the equation and the semi-implicit step do otherwise there."""
    scheme = SCHEMES[name]
    witness = artefacts(scheme)[kind].witness
    assert witness is not None
    parameters, clips, mode = from_witness(witness)
    multipliers = [complex(*np.atleast_1d(x)) for x in witness["multipliers"]]
    eigenvalue = clip_eigenvalues(clips)[mode]
    values, vectors = np.linalg.eig(gray_scott_step(scheme, parameters).matrix(eigenvalue))
    lead = int(np.argmax(np.abs(values)))
    assert min(abs(values[lead] - x) for x in multipliers) < 1e-9
    start = vectors[:, lead].real
    seen = amplitudes(scheme, parameters, clips, mode, start, 20)
    # the nonlinear run follows G^n
    expected = np.array(
        [np.linalg.matrix_power(gray_scott_step(scheme, parameters).matrix(eigenvalue), n) @ start for n in range(21)]
    )
    np.testing.assert_allclose(seen, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())
    J = float(parameters.w) * np.array(
        [[-Fraction(witness["z"]), -2], [Fraction(witness["z"]) * (1 - Fraction(witness["u_star"])), 1]], dtype=float
    )
    in_equation = np.linalg.eigvals(J - eigenvalue * np.diag([parameters.D_u, parameters.D_v])).real.max()
    ours = float(gray_scott_step(SEMI_IMPLICIT, parameters).multiplier(eigenvalue))
    assert (ours > 1) == (in_equation > 0) == (kind == "missed_growth")
    last = seen[:, np.argmax(np.abs(start))]
    if kind == "missed_growth":
        assert abs(last[-1]) < abs(last[0])
    elif kind == "flip":
        assert np.all(last[1:] * last[:-1] < 0)
        assert abs(last[-1]) > abs(last[0])
    elif kind == "false_growth":
        assert np.all(last[1:] / last[:-1] > 1)
    else:
        # complex multipliers outside the circle: growth without a real one
        assert abs(values[lead].imag) > 0
        assert np.abs(values[lead]) > 1


NAMES = ("u", "z", "eta", "a", "b")
SOLVER = dict(zip(CHART, z3.Reals(" ".join(NAMES)), strict=True))
DOMAIN = [SOLVER[u_star] > 0, 2 * SOLVER[u_star] < 1, SOLVER[z] > 1, SOLVER[eta] > 0, SOLVER[a] > 0, SOLVER[b] > 0]


def to_solver(polynomial: sp.Expr) -> z3.ArithRef:
    total = z3.RealVal(0)
    for powers, coefficient in sp.Poly(sp.expand(polynomial), *CHART).terms():
        term = z3.RealVal(str(coefficient))
        for symbol, power in zip(CHART, powers, strict=True):
            for _ in range(power):
                term = term * SOLVER[symbol]
        total = total + term
    return total


@pytest.mark.parametrize(
    ("name", "condition"),
    [
        ("semi-implicit", "no_flip"),
        ("semi-implicit", "no_rotation"),
        ("lie-split", "no_flip"),
        ("lie-split", "no_rotation"),
    ],
)
def test_proofs_agree_with_an_independent_prover(name: str, condition: str) -> None:
    quantity = jury(SCHEMES[name])[condition]
    assert prove_positive(quantity) == "coefficients"
    top, bottom = (to_solver(x) for x in sp.fraction(sp.together(quantity)))
    solver = z3.Solver()
    solver.set("timeout", 20_000)
    solver.add(*DOMAIN, top * bottom <= 0)
    assert solver.check() == z3.unsat
    solver = z3.Solver()
    solver.add(*DOMAIN)
    assert solver.check() == z3.sat


def test_no_false_growth_of_lie_splitting_agrees_with_an_independent_prover() -> None:
    top, bottom = sp.fraction(sp.cancel(jury(SCHEMES["lie-split"])["no_growth"]))
    _, mode_det = scaled_mode()
    solver = z3.Solver()
    solver.set("timeout", 20_000)
    solver.add(*DOMAIN, to_solver(mode_det) > 0, to_solver(top) * to_solver(bottom) <= 0)
    assert solver.check() == z3.unsat


def test_prover_refuses_what_is_false_and_what_it_cannot_prove() -> None:
    assert prove_positive(1 - 2 * u_star) == "coefficients"
    assert prove_positive(z - 1) == "coefficients"
    assert prove_positive((u_star - a) ** 2 + b**2) == "squares"
    assert prove_positive(1 - eta) is None
    assert prove_positive(z - sp.Rational(101, 100)) is None
    # positive, but neither by coefficients nor a quadratic in u*: not proved is not "positive"
    assert prove_positive(eta**2 - eta + 1) is None
    assert prove_positive(1 / (eta**2 - eta + 1)) is None
    # a discriminant that is plus a square is no proof
    assert prove_positive((u_star - 2 * a) * (u_star - 3 * a)) is None
    assert find_witness(lambda x: x < 0, [1 - 2 * u_star]) is None
    point = find_witness(lambda x: x < 0, [1 - eta])
    assert point is not None
    assert point[2] > 1
    # a pole is no witness: at z = 3/2 of the grid the second factor is infinite, elsewhere the first one is positive
    assert find_witness(lambda x: x < 0, [(z - sp.Rational(3, 2)) ** 2 / (z - sp.Rational(3, 2)) ** 4]) is None


def mutant(system=GRAY_SCOTT, **changes: bool) -> Scheme:
    """A step like the layer's with one thing wrong."""

    def build(system) -> list[Stage]:
        stages = SEMI_IMPLICIT.build(system)
        u = system.species[0]
        first, second = (stage.residual for stage in stages)
        if changes.get("feed"):
            # the feed at twice the rate: a consistent-looking step with other fixed points
            first = first - h * system.parameters[0]
        if changes.get("half_implicit"):
            # diffusion of u taken half from the old state (Crank-Nicolson)
            after = stages[0].unknown
            first = first + h * system.diffusions[0] * (LAP(after) - LAP(u)) / 2
        if changes.get("explicit_loss"):
            first = first.subs(stages[0].unknown, u) + stages[0].unknown - u
        return [Stage(stages[0].unknown, first), Stage(stages[1].unknown, second)]

    return Scheme("mutant", "A step with one thing wrong.", build)


def test_mutants_are_told_apart() -> None:
    assert well_balanced(mutant(feed=True)).answer == "no"
    half = mutant(half_implicit=True)
    assert well_balanced(half).answer == "yes"
    assert positive(half).answer == "no"
    assert "h*(D_u) <= 1" in positive(half).reason
    assert same_boundary(half).answer == "yes"
    explicit = mutant(explicit_loss=True)
    assert positive(explicit).answer == "no"


def test_positivity_conditions_are_sufficient_and_exceeded_at_the_witness() -> None:
    rng = np.random.default_rng(5)
    for name in ("explicit-euler", "imex-euler", "heun", "strang"):
        for _ in range(40):
            T = int(rng.integers(2, 9))
            u, v = rng.uniform(0, 1, T) * (rng.random(T) < 0.8), rng.uniform(0, 1.5, T) * (rng.random(T) < 0.8)
            F, k, s, D_u, D_v = rng.uniform(0.05, 1, 5)
            # Heun's condition is on its own middle state, which is at most v + h s u v^2 plus what diffuses in
            largest = 2.0 * (v.max() + 1)
            step = 0.99 / max(F + s * largest**2 + 2 * D_u, F + k + 2 * D_v)
            after = run_step(SCHEMES[name], GRAY_SCOTT, (u, v), {"F": F, "k": k, "s": s, "D_u": D_u, "D_v": D_v}, step)
            assert min(x.min() for x in after) >= 0
        witness = positive(SCHEMES[name]).witness
        assert witness is not None
        assert any(Fraction(x) < 0 for field in witness["next"] for x in field)


def test_steady_pattern_moves_under_splitting_and_rests_under_ours() -> None:
    fields = (np.array([0.6, 0.4]), np.array([0.2, 0.4]))
    values = {"F": 11 / 125, "k": 22 / 375, "s": 1.0, "D_u": 7 / 125, "D_v": 2 / 75}
    for name in SCHEMES:
        after = run_step(SCHEMES[name], GRAY_SCOTT, fields, values)
        distance = max(np.abs(x - y).max() for x, y in zip(after, fields, strict=True))
        assert (distance < 1e-15) == (name not in ("lie-split", "strang")), name


@EVERY
def test_largest_step_is_where_a_multiplier_leaves_the_circle(name: str) -> None:
    parameters, T = PatternDesign(0.4, 1.3, 1.5, 12.0, 0.2).parameters(), 24
    scheme = SCHEMES[name]
    limit = largest_step(scheme, parameters, T)
    if name in ("semi-implicit", "lie-split"):
        assert limit == np.inf
        assert step_limits(scheme) == ()
        return
    mu = clip_eigenvalues(T)
    w, design = parameters.w, PatternDesign(0.4, 1.3, 1.5, 12.0, 0.2)
    J = w * np.array([[-design.z, -2.0], [design.z * (1 - design.u_star), 1.0]])
    decays = np.linalg.eigvals(J - mu[:, None, None] * np.diag([parameters.D_u, parameters.D_v])).real.max(axis=1) < 0
    for share in np.linspace(0.05, 0.999, 12):
        assert np.all(gray_scott_step(scheme, parameters, share * limit).multiplier(mu)[decays] < 1)
    assert np.any(gray_scott_step(scheme, parameters, 1.001 * limit).multiplier(mu)[decays] > 1)


def test_closed_forms_of_the_limits() -> None:
    design = PatternDesign(0.4, 1.3, 1.5, 12.0, 0.2)
    parameters = design.parameters()
    w, mode = parameters.w, 1.7
    J = w * np.array([[-design.z, -2.0], [design.z * (1 - design.u_star), 1.0]])
    eigenvalues = np.linalg.eigvals(J - mode * np.diag([parameters.D_u, parameters.D_v]))
    # explicit Euler flips at h = 2/|lambda|
    (limit,) = (x for x in step_limits(SCHEMES["explicit-euler"]) if x.condition == "no_flip")
    trace, determinant = eigenvalues.sum().real / w, eigenvalues.prod().real / w**2
    symbols = {str(x): x for x in limit.root.free_symbols}
    value = float(limit.root.subs({symbols["tr"]: trace, symbols["det"]: determinant}))
    assert value / w == pytest.approx(2 / np.abs(eigenvalues).max(), rel=1e-12)
    # and rotates, mean mode, at h w = (z - 1)/(z (1 - 2 u*)); so does IMEX Euler, whatever the diffusion
    (imex,) = (x for x in step_limits(SCHEMES["imex-euler"]) if x.condition == "no_rotation")
    at_mean = sp.cancel(imex.root.subs({x: 0 for x in imex.root.free_symbols if str(x) in ("alpha", "beta")}))
    assert sp.cancel(at_mean - (z - 1) / (z * (1 - 2 * u_star))) == 0


def test_row_is_ready_for_json() -> None:
    found = row(SCHEMES["heun"])
    assert isinstance(found, Row)
    data = found.to_dict()
    assert data["scheme"] == "heun"
    assert data["well_balanced"]["witness"]["values"]["F"] == "2"
    assert set(COLUMNS) <= set(data)
    assert Finding("yes", "x").to_dict() == {"answer": "yes", "reason": "x", "witness": None}


def test_missed_growth_has_a_proof_for_runge_kutta() -> None:
    assert "positive eigenvalue" in missed_growth(SCHEMES["heun"]).reason
    A = derive.eta * sp.Matrix(derive.jacobian()) - sp.diag(a, b)
    difference = sp.Matrix(amplification(SCHEMES["heun"])) - sp.eye(2) - A - A * A / 2
    assert difference.applyfunc(sp.cancel) == sp.zeros(2, 2)
