"""Settled runs of the competition: what is proved is true, and nothing changed, too far or unstable passes."""

from __future__ import annotations

import ast
import contextlib
import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from rdmf_theory.certificates import checkers
from rdmf_theory.certificates import competition_checker as checker
from rdmf_theory.certificates.certificate import Certificate
from rdmf_theory.competition.design import CompetitionDesign, ShadowParameters
from rdmf_theory.competition.settled import (
    MOST_STEPS,
    CompetitionRun,
    Outcome,
    prove_settled,
    settled_certificate,
)
from rdmf_theory.competition.shadow import shadow_run, shadow_step
from rdmf_theory.errors import ParameterError
from tests.theory.settled_runs import small
from tests.theory.settled_soundness import Ball, drawn, leaving_runs, leaving_states, stepped


def parameters_of(run: CompetitionRun) -> ShadowParameters:
    return ShadowParameters(run.F, run.w - run.F, 1.0, run.D)


def proof_of(entry: dict) -> tuple[checker.Layer, checker.Pattern, list[Fraction]]:
    layer = checker.Layer(entry)
    state = [Fraction(x, checker.ONE) for x in entry["state"]]
    return layer, checker.Pattern(layer, state, entry["energy"]), state


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("T", [2, 5, 11])
def test_a_proved_pattern_is_where_the_run_goes(seed: int, T: int) -> None:
    run = drawn(seed, T)
    proof = prove_settled(run)
    # what two clips do can take longer than the limit; the pattern is proved all the same
    assert proof.outcome is not Outcome.UNDECIDED, proof.detail
    u, v = float(run.start[0]), run.start[1:]
    for step in range(40_000):
        after = shadow_step(u, v, run.gain, parameters_of(run), run.conductances)
        if step > 50 and abs(after[1] - v).max() == 0:
            break
        u, v = after
    assert proof.pattern is not None
    assert np.abs(v - proof.pattern).max() < 1e-9 * max(v.max(), 1e-3)
    low, high = proof.to_dict()["distance_to_pattern"]
    state = shadow_run(float(run.start[0]), run.start[1:], run.gain, parameters_of(run), run.conductances, run.steps)
    assert low - 1e-9 <= np.abs(state.v[run.steps] - v).max() <= high + 1e-9
    assert np.abs(state.v[run.steps] - run.answered[1:]).max() <= proof.to_dict()["rounding"] + 1e-12


def test_a_long_video() -> None:
    proof = prove_settled(drawn(3, 75, reach=0.5))
    assert proof.outcome is Outcome.SETTLES


@pytest.mark.parametrize("seed", range(4))
def test_the_step_contracts_in_the_ball(seed: int) -> None:
    # lemmas L1 to L3, on random pairs of states up to the very surface of the ellipsoid
    run = drawn(seed, (8, 3, 20, 8)[seed])
    ball = Ball(run, prove_settled(run).entry)
    left, worst = leaving_states(run, ball, 300, seed)
    assert left == 0
    assert worst > 0.5
    assert np.abs(stepped(run, ball.y) - ball.y).max() < 1e-14
    # a smaller factor than the one seen is noticed
    ball.factor = 0.99 * worst
    assert leaving_states(run, ball, 300, seed)[0] > 0


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("bits", [64, 90])
def test_exact_runs_stay_in_the_boxes(seed: int, bits: int) -> None:
    assert leaving_runs(seed, bits) == 0


def test_positive_definite_means_that() -> None:
    generator = np.random.default_rng(1)
    for size, bits in ((3, 70), (6, 400)):
        basis = np.linalg.qr(generator.normal(size=(size, size)))[0]
        for least, holds in ((1e-3, True), (-1e-3, False), (2e-4, False)):
            values = np.append(least, generator.uniform(1, 2, size - 1))
            matrix = (basis * values) @ basis.T
            exact = [[int(Fraction(float(x)) * (1 << bits)) for x in row] for row in (matrix + matrix.T) / 2]
            with contextlib.nullcontext() if holds else pytest.raises(checker.Refused):
                checker.at_least(exact, (1 << bits) // 4000, "m")


def test_a_singular_matrix_is_not_positive() -> None:
    # too near to singular for the floats of the hint: the exact remainder has to notice it
    generator = np.random.default_rng(2)
    passed = 0
    for _ in range(200):
        basis = [[int(x) for x in row] for row in generator.integers(-(1 << 60), 1 << 60, (3, 2))]
        matrix = [[sum(a * b for a, b in zip(x, y, strict=True)) - (x is y) for y in basis] for x in basis]
        with pytest.raises(checker.Refused):
            checker.at_least(matrix, 1, "m")
        passed += np.linalg.eigvalsh(np.array(matrix, dtype=float))[0] > 0
    # in floats some of them look positive
    assert passed > 10


def test_the_bounds_of_lemma_L2_computed_again() -> None:
    run, settled = small()
    _, proof, state = proof_of(settled.entry)
    energy, T = settled.entry["energy"], len(run.gain)
    S = np.array(
        [[float(Fraction(x, 1 << energy["bits"])) for x in row] + [0.0] * (T - i) for i, row in enumerate(energy["S"])]
    )
    S = S + np.tril(S, -1).T
    u, v, s = float(state[0]), np.array([float(x) for x in state[1:]]), run.gain
    scale = 2.0 ** energy["scale"]
    k2 = float(Fraction(energy["factor_squared"]))
    q = float(Fraction(energy["margin"])) / k2
    p_u, p_v = S[0, 0] ** 0.5, np.abs(S[1:, 1:]).sum(1).max() ** 0.5
    generator = np.random.default_rng(3)
    for d in (2.0**-6, 2.0**-8, 2.0**-12):
        consumed, norm, top = (s * v * v).sum(), np.linalg.norm(s * v), (s * v).max()
        m, n = 2 * norm * d + s.max() * d * d, 2 * top * d + s.max() * d * d
        G_u = T * run.F * (1 - u) - u * consumed
        g = (T * d / scale + abs(G_u) + u * m) / max(T * (1 + run.F), T * (1 + run.F) + consumed - m)
        e_L = (p_u * m + p_v * n) / (scale * q**0.5)
        more = s.max() * (u + g) * d
        e_B = 2 * (p_u * (norm * g + more) + p_v * (top * g + more)) / q**0.5
        assert e_L < 1
        expected = (k2**0.5 + e_B) / (1 - e_L)
        if expected < 1:
            factor, _, r = proof.conclude(Fraction(d))
            assert float(factor) == pytest.approx(expected, rel=1e-9)
            assert float(r) == pytest.approx(d * q**0.5, rel=1e-9)
        else:
            with pytest.raises(checker.Refused, match="varies too much"):
                proof.conclude(Fraction(d))
        # and each of them is a bound: of random states that far away
        for _ in range(200):
            z = generator.normal(size=T)
            w = v + d * generator.choice([1.0, 0.3]) * z / np.linalg.norm(z)
            du = d / scale * generator.choice([-1.0, 1.0])
            after = stepped(run, np.append(u + du, w))[0]
            assert abs(s @ (w * w - v * v)) <= m * (1 + 1e-9)
            assert np.linalg.norm(s * (w * w - v * v)) <= n * (1 + 1e-9)
            assert abs(after - u) <= g * (1 + 1e-9)
            assert np.linalg.norm(s * (after * w - u * v)) <= (norm * g + more) * (1 + 1e-9)
            assert np.abs(s * (after * w - u * v)).max() <= (top * g + more) * (1 + 1e-9)


def test_an_unstable_state_is_undecided() -> None:
    # all clips alike from the uniform state: a steady state, from which a long video parts
    point = CompetitionDesign(0.4, 1.5, 1.0, 0.2).parameters()
    T = 8
    start = np.append(0.4, np.full(T, point.w / (point.s * 0.4)))
    run = CompetitionRun(point.F, point.w, point.D_v, np.full(T, point.s), np.ones(T - 1), start, start, 8)
    proof = prove_settled(run)
    assert proof.outcome is Outcome.UNDECIDED
    assert "leaves the steady state" in proof.detail
    assert proof.entry == {}


def test_a_run_that_dies_out_is_proved_too() -> None:
    run = drawn(0)
    faint = CompetitionRun(run.F, run.w, run.D, run.gain, run.conductances, run.start * 1e-3, run.answered, 8)
    proof = prove_settled(faint)
    assert proof.outcome is Outcome.SETTLES
    assert proof.pattern is not None
    assert np.abs(proof.pattern).max() < 1e-12


@pytest.mark.parametrize(
    "change",
    [
        {"gain": np.ones(1)},
        {"conductances": np.full(7, 2.0)},
        {"start": np.full(9, np.nan)},
        {"start": -np.ones(9)},
        {"F": 0.0},
        {"steps": -1},
        {"answered": np.ones(3)},
    ],
    ids=str,
)
def test_runs_that_are_none(change: dict) -> None:
    fields = {name: getattr(small()[0], name) for name in CompetitionRun.__dataclass_fields__}
    with pytest.raises(ParameterError, match="CompetitionRun"):
        CompetitionRun(**(fields | change))


def test_an_answer_on_the_longest_video_fits_into_one_certificate() -> None:
    scores = 8
    assert scores * checker.MOST_CLIPS**3 <= checker.MOST_WORK
    assert scores * checker.MOST_CLIPS * MOST_STEPS <= checker.MOST_STEPS


def test_a_video_beyond_the_limit_is_undecided() -> None:
    T = checker.MOST_CLIPS + 1
    run = CompetitionRun(0.1, 0.2, 0.1, np.zeros(T), np.ones(T - 1), np.zeros(T + 1), np.zeros(T + 1), 0)
    proof = prove_settled(run)
    assert proof.outcome is Outcome.UNDECIDED
    assert "clips are 2 to 640" in proof.detail


def test_a_certificate_needs_a_proof() -> None:
    with pytest.raises(ParameterError, match="nothing was proved"):
        settled_certificate([{}])


def test_the_checker_stands_alone(tmp_path: Path) -> None:
    source = Path(str(checker.__file__)).read_text()
    assert len(source.splitlines()) <= 400
    imports = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Import | ast.ImportFrom)]
    names = {(n.module if isinstance(n, ast.ImportFrom) else n.names[0].name).split(".")[0] for n in imports}
    assert names <= set(sys.stdlib_module_names)
    file = tmp_path / "run.json"
    found = settled_certificate([small()[1].entry], "a test")
    assert isinstance(found, Certificate)
    found.save(file)
    assert checkers.check(file).startswith("1 settled run. run 1: state 8 is ")
    for text, code in ((file.read_text(), 0), (json.dumps(json.loads(file.read_text()) | {"claim": ""}), 1), ("{", 3)):
        file.write_text(text)
        run = subprocess.run([sys.executable, "-I", str(checker.__file__), str(file)], capture_output=True, text=True)
        assert run.returncode == code, run.stderr
