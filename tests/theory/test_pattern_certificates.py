"""Certified patterns: what is proved is true, the layer converges to it, and nothing changed or unstable passes."""

import ast
import copy
import json
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path

import flint
import numpy as np
import pytest

from rdmf_theory.certificates import checkers
from rdmf_theory.certificates import pattern_checker as checker
from rdmf_theory.certificates.certificate import Certificate, digest
from rdmf_theory.certificates.pattern_certificate import PatternProof, pattern_certificate, prove_pattern
from rdmf_theory.chart import PatternDesign
from rdmf_theory.errors import ParameterError
from rdmf_theory.layer.step import semi_implicit_step
from rdmf_theory.patterns.branch_explorer import PatternState
from rdmf_theory.patterns.continuation import Curve, Scale
from rdmf_theory.patterns.enclosure import eigenvalue_discs, enclose_pattern
from rdmf_theory.patterns.equations import (
    PatternProblem,
    clip_axis,
    design_path,
    gray_scott_problem,
    interval_axis,
    parameter_path,
)
from rdmf_theory.patterns.layer_stability import layer_parameters, pattern_multiplier
from rdmf_theory.regions.admissible import DEFAULT_REGION
from rdmf_theory.systems.built_in import load_system


def pattern(design: PatternDesign, T: int, mode: int) -> tuple[PatternProblem, PatternState]:
    """The pattern that the layer's own run reaches from a faint mode, polished by Newton's method."""
    problem = gray_scott_problem(design_path(design, "excess"), clip_axis(T))
    parameters = design.parameters()
    wave = problem.axis.mode(mode)
    u, v = np.full(T, design.u_star), design.z * design.u_star * (1 - design.u_star) * (1 + 0.1 * wave)
    for _ in range(400):
        u, v = semi_implicit_step(u, v, parameters.s, parameters)
    curve = Curve(problem, Scale(1.0, 1.0), 1e-13)
    x = curve.fix(np.stack([u, v], axis=1).ravel(), float(design.excess))
    growth = float(np.linalg.eigvals(problem.jacobian(x, float(design.excess)).toarray()).real.max())
    return problem, PatternState(float(design.excess), x, int(growth > 0), growth)


@cache
def small() -> tuple[PatternProblem, PatternState, PatternProof]:
    problem, state = pattern(PatternDesign(0.3, 1.6, 2.0, 20 / 3, 0.5), 10, 3)
    return problem, state, prove_pattern(problem, state)


def certificate() -> dict:
    return copy.deepcopy(pattern_certificate("gray-scott", [small()[2].entry]).to_dict())


def checked(content: dict) -> str | None:
    """Why the checker refuses a content whose digest fits; None if it accepts it."""
    content["sha256"] = digest(content)
    try:
        checker.check_content(content)
    except checker.Refused as error:
        return str(error)
    return None


def test_a_pattern_of_the_models_region_on_75_clips() -> None:
    design = PatternDesign(0.4, 1.2, 1.5, 12.0, 0.2)
    assert DEFAULT_REGION.in_box(design)
    assert DEFAULT_REGION.contains(design)
    problem, state = pattern(design, 75, 12)
    proof = prove_pattern(problem, state)
    assert proof.holds
    enclosure = enclose_pattern(problem, state.x, state.p)
    assert enclosure is not None
    assert enclosure.stable
    assert enclosure.distance < 1e-12 < enclosure.uniqueness
    # both proofs and the floats agree
    assert enclosure.growth[0] <= state.growth <= enclosure.growth[1] < -proof.to_dict()["decay_rate"]
    parameters = layer_parameters(problem, state.p)
    assert parameters is not None
    u, v = problem.fields(state.x).T
    multiplier = pattern_multiplier(u, v, parameters)
    layer = proof.to_dict()["layer"]
    assert enclosure.multiplier is not None
    assert enclosure.multiplier[0] - 1e-12 <= multiplier <= enclosure.multiplier[1] + 1e-12
    assert multiplier <= layer["factor"] < 1
    # the layer itself, from a pattern that is far from the fixed point, arrives in the ball that the proof states
    centre = np.array([[float(Fraction(x, checker.ONE)) for x in row] for row in proof.entry["state"]])
    run = centre * (1 + 0.2 * np.random.default_rng(5).uniform(-1, 1, centre.shape))
    assert np.linalg.norm(run - centre) > 1e6 * layer["attraction"]
    for _ in range(30000):
        run = np.array(semi_implicit_step(run[0], run[1], parameters.s, parameters))
        if np.linalg.norm(run - centre) < layer["attraction"]:
            break
    assert np.linalg.norm(run - centre) < layer["attraction"]


def test_the_layer_contracts_inside_the_ball_as_proved() -> None:
    problem, state, proof = small()
    layer, parameters = proof.to_dict()["layer"], layer_parameters(problem, state.p)
    assert parameters is not None
    centre = np.array([[float(Fraction(x, checker.ONE)) for x in row] for row in proof.entry["state"]])
    direction = np.random.default_rng(2).standard_normal(centre.shape)
    run = centre + 0.9 * layer["attraction"] * direction / np.linalg.norm(direction)
    steps = 200
    for _ in range(steps):
        run = np.array(semi_implicit_step(run[0], run[1], parameters.s, parameters))
    S = proof.entry["layer"]["energy"]
    # the norms differ by at most the condition of S: the factor wins over it in enough steps
    condition = 10 * np.sqrt(len(S["S"]) * max(map(abs, S["S"][0])) / 2.0 ** S["bits"] / float(Fraction(S["least"])))
    assert np.linalg.norm(run - centre) < max(condition, 10) * layer["factor"] ** steps * layer["attraction"] + 1e-13


def test_the_certificate_holds_alone_and_by_every_way_of_asking(tmp_path: Path) -> None:
    file = tmp_path / "pattern.json"
    proved = pattern_certificate("gray-scott", [small()[2].entry] * 2, subject="a test")
    proved.save(file)
    assert Certificate.load(file) == Certificate(proved.verdict, proved.content)
    assert Certificate.load(file).verify().startswith("2 stable patterns.")
    assert checkers.check(file) == checker.check(file)
    command = [sys.executable, "-I", str(checker.__file__), str(file)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0
    assert "holds: 2 stable patterns" in result.stdout
    file.write_text(file.read_text()[:-200])
    assert subprocess.run(command, capture_output=True, cwd=tmp_path).returncode == 3


def test_the_checker_uses_the_standard_library_only() -> None:
    tree = ast.parse(Path(str(checker.__file__)).read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names <= set(sys.stdlib_module_names)


def scale(*path: str | int, by: str) -> Callable[[dict], None]:
    """A change that multiplies one exact number of a pattern's entry."""

    def change(content: dict) -> None:
        part = content["patterns"][0]
        for key in path[:-1]:
            part = part[key]
        old = part[path[-1]]
        new = Fraction(old) * Fraction(by)
        part[path[-1]] = round(new) if isinstance(old, int) else str(new)

    return change


def put(*path: str | int, value: object) -> Callable[[dict], None]:
    """A change that replaces one value of the certificate."""

    def change(content: dict) -> None:
        part = content
        for key in path[:-1]:
            part = part[key]
        part[path[-1]] = value

    return change


def flatten(content: dict) -> None:
    entry = content["patterns"][0]
    entry["state"] = [[row[0]] * len(row) for row in entry["state"]]


MUTATIONS = {
    "state": scale("state", 1, 4, by="1001/1000"),
    "state, a little": scale("state", 0, 0, by="1000001/1000000"),
    "state, flat": flatten,
    "feed": scale("parameters", "F", by="1000001/1000000"),
    "diffusion": scale("diffusion", 0, by="11/10"),
    "both diffusions, consistently": lambda c: [
        scale("diffusion", 0, by="2")(c),
        scale("parameters", "D_u", by="2")(c),
    ],
    "reaction": scale("reactions", 0, 0, 0, by="101/100"),
    "energy entry": scale("equation", "energy", "P", 5, 5, by="1/2"),
    "energy, negative": scale("equation", "energy", "P", 0, 0, by="-1"),
    "energy bits": scale("equation", "energy", "bits", by="2"),
    "energy least": scale("equation", "energy", "least", by="10"),
    "energy margin": scale("equation", "energy", "decay_margin", by="10"),
    "box": scale("equation", "box", by="1000"),
    "box, narrow": scale("equation", "box", by="1/1000000000000"),
    "distance": scale("equation", "distance", by="1/10"),
    "attraction": scale("equation", "attraction", by="2"),
    "decay rate": scale("equation", "decay_rate", by="2"),
    "layer entry": scale("layer", "energy", "S", 7, 7, by="1/2"),
    "layer least": scale("layer", "energy", "least", by="10"),
    "layer margin": scale("layer", "energy", "margin", by="10"),
    "layer factor squared": scale("layer", "energy", "factor_squared", by="1/2"),
    "layer expands": scale("layer", "energy", "factor_squared", by="2"),
    "layer box": scale("layer", "box", by="1000"),
    "layer distance": scale("layer", "distance", by="1/10"),
    "layer attraction": scale("layer", "attraction", by="2"),
    "layer factor": scale("layer", "factor", by="99/100"),
    "layer factor 1": put("patterns", 0, "layer", "factor", value="1"),
    "claim": put("claim", value="every pattern is stable"),
    "no pattern": put("patterns", value=[]),
    "extra field": put("note", value="trust me"),
    "float": put("patterns", 0, "equation", "distance", value=0.5),
    "huge": put("patterns", 0, "state", 0, 0, value=1 << 400),
    "ragged": put("patterns", 0, "state", 0, value=[1, 2, 3]),
    "exponent": put("patterns", 0, "reactions", 0, 0, 1, value=[1, -2]),
    "truth value": put("patterns", 0, "state", 0, 0, value=True),
    "missing layer box": lambda c: c["patterns"][0]["layer"].pop("box"),
}


@pytest.mark.parametrize("change", MUTATIONS.values(), ids=MUTATIONS)
def test_a_changed_certificate_is_refused(change: Callable[[dict], None]) -> None:
    content = certificate()
    assert checked(content) is None
    change(content)
    assert checked(content) is not None


def test_without_the_layer_the_equation_is_still_proved() -> None:
    content = certificate()
    content["patterns"][0]["layer"] = None
    assert checked(content) is None


def test_a_wrong_digest_or_kind_is_refused() -> None:
    content = certificate()
    content["patterns"][0]["equation"]["distance"] = "1"
    with pytest.raises(checker.Refused, match="sha256"):
        checker.check_content(content)
    for change in ({"version": 2}, {"kind": "design-box"}, {"format": "other"}):
        other = certificate() | change
        other["sha256"] = digest(other)
        with pytest.raises(checker.Unreadable):
            checker.check_content(other)


def test_an_unstable_pattern_is_not_certified() -> None:
    # modes much shorter than the preferred one give patterns that are steady but unstable
    design = PatternDesign(0.3, 1.6, 2.0, 20 / 3, 0.5)
    problem = gray_scott_problem(design_path(design, "excess"), clip_axis(25))
    wave = problem.axis.mode(6)
    guess = np.stack([0.3 - 0.12 * wave, 0.336 + 0.18 * wave], axis=1).ravel()
    x = Curve(problem, Scale(1.0, 1.0), 1e-13).fix(guess, 1.5, most=60)
    growth = float(np.linalg.eigvals(problem.jacobian(x, 1.5).toarray()).real.max())
    assert growth > 1e-4
    assert np.ptp(x[1::2]) > 0.1
    proof = prove_pattern(problem, PatternState(1.5, x, 0, -1.0))
    assert not proof.holds
    assert "unstable" in proof.detail
    enclosure = enclose_pattern(problem, x, 1.5)
    assert enclosure is not None
    assert not enclosure.stable
    assert enclosure.growth[0] <= growth <= enclosure.growth[1]


def test_a_state_that_is_none_and_a_flat_one_are_not_certified() -> None:
    problem, state, _ = small()
    wrong = state.x + 0.2 * np.sin(np.arange(len(state.x)))
    assert enclose_pattern(problem, wrong, state.p) is None
    assert not prove_pattern(problem, PatternState(state.p, wrong, 0, -1.0)).holds
    calm = gray_scott_problem(design_path(PatternDesign(0.3, 1.6, 0.9, 20 / 3, 0.5), "excess"), clip_axis(10))
    flat = np.tile([0.3, 1.6 * 0.3 * 0.7], 10)
    proof = prove_pattern(calm, PatternState(0.9, flat, 0, -1.0))
    assert "homogeneous" in proof.detail


def test_other_systems_and_axes() -> None:
    system = load_system("schnakenberg")
    path = parameter_path(system, {"a": 0.2, "D_u": 1.0, "D_v": 50.0}, "b")
    problem = PatternProblem(system, clip_axis(12), path)
    wave = problem.axis.mode(2)
    guess = np.stack([1.2 + 0.8 * wave, 0.7 - 0.2 * wave], axis=1).ravel()
    x = Curve(problem, Scale(1.0, 1.0), 1e-13).fix(guess, 1.0, most=60)
    values = np.linalg.eigvals(problem.jacobian(x, 1.0).toarray())
    assert np.ptp(x[::2]) > 0.1
    assert values.real.max() < 0
    proof = prove_pattern(problem, PatternState(1.0, x, 0, -1.0))
    assert proof.holds
    assert proof.entry["layer"] is None
    enclosure = enclose_pattern(problem, x, 1.0)
    assert enclosure is not None
    assert enclosure.stable
    assert enclosure.multiplier is None
    rational = load_system("gierer-meinhardt")
    values_of = {name: float(value) for name, value in rational.defaults.items()}
    other = PatternProblem(rational, clip_axis(8), parameter_path(rational, values_of, "b"))
    with pytest.raises(ParameterError, match="polynomial"):
        prove_pattern(other, PatternState(1.0, np.ones(16), 0, -1.0))
    with pytest.raises(ParameterError, match="--clips"):
        prove_pattern(PatternProblem(system, interval_axis(9.0, 8), path), PatternState(1.0, np.ones(16), 0, -1.0))
    with pytest.raises(ParameterError, match="proved"):
        pattern_certificate("gray-scott", [])


def test_definiteness_is_decided_soundly() -> None:
    generator = np.random.default_rng(7)
    unit = 2.0**40
    accepted = refused = 0
    for _ in range(60):
        size = int(generator.integers(1, 9))
        factor = generator.standard_normal((size, size))
        matrix = factor @ factor.T + generator.uniform(-0.3, 0.3) * np.eye(size)
        rows = [[round(float(x) * unit) for x in row] for row in (matrix + matrix.T) / 2]
        exact = np.linalg.eigvalsh(np.array(rows, dtype=float) / unit)[0]
        bound = abs(float(generator.normal(0, 0.1))) + 1e-6
        try:
            checker.at_least(rows, round(bound * unit), "M")
        except checker.Refused:
            # the test asks for twice the bound, to have room for its own rounding
            assert exact < 2 * bound * (1 + 1e-6)
            refused += 1
        else:
            assert exact >= bound
            accepted += 1
    assert min(accepted, refused) > 5
    with pytest.raises(checker.Refused):
        checker.at_least([[1, 2], [2, 1]], 0, "M")


def test_discs_hold_the_eigenvalues() -> None:
    generator = np.random.default_rng(4)
    matrix = generator.standard_normal((12, 12))
    discs = eigenvalue_discs(flint.arb_mat(matrix.tolist()))
    for value in flint.acb_mat(flint.arb_mat(matrix.tolist())).eig():
        inside = [
            abs(complex(value.mid()) - complex(float(re.mid()), float(im.mid()))) <= float(rad.abs_upper()) + 1e-12
            for re, im, rad in discs
        ]
        assert any(inside)
    assert max(float(rad.abs_upper()) for *_, rad in discs) < 1e-10


def test_what_moves_the_substrate_at_a_clip_may_come_from_its_neighbours() -> None:
    # no activator at the first clip, and a substrate that is steady for this activator
    T, s, F, D_u, d = 6, 100.0, 1.0, 50.0, 1e-3
    v = np.array([0.0] + [0.1] * (T - 1))
    laplacian = np.diff(np.eye(T), axis=0).T @ -np.diff(np.eye(T), axis=0)
    u = np.linalg.solve((F + s * v**2) * np.eye(T) - D_u * laplacian, np.full(T, F))
    moved = np.array([v[0], *(v[1:] - d)])
    after = np.linalg.solve((1 + F + s * moved**2) * np.eye(T) - D_u * laplacian, u + d + F)
    clips = [(Fraction(x), Fraction(y)) for x, y in zip(u, v, strict=True)]
    bound = checker.substrate_moves(clips, Fraction(s), Fraction(d), Fraction(1, 10**12))
    assert abs(after - u).max() <= bound
    # what the first clip has of its own is three times too little
    assert abs(after - u)[0] > 3 * checker.substrate_moves(clips[:1], Fraction(s), Fraction(d), Fraction(1, 10**12))


def test_squares_and_roots_are_rounded_outward() -> None:
    for x in (Fraction(2), Fraction(1, 3), Fraction(10) ** 30, Fraction(1, 10**40), Fraction(0)):
        assert checker.root(x, up=False) ** 2 <= x <= checker.root(x, up=True) ** 2


def test_the_file_is_one_line_of_json(tmp_path: Path) -> None:
    file = tmp_path / "p.json"
    pattern_certificate("gray-scott", [small()[2].entry]).save(file)
    assert json.loads(file.read_text())["kind"] == "patterns"
