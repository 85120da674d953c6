"""Random states and runs against the enclosures of settled runs: none may leave.

    python -m tests.theory.settled_soundness 100000

draws runs of the layer, proves where they go, and draws states in the ellipsoids that the proofs speak of: after a step
each must be inside again, and each pair nearer by the proved factor. Every hundredth draw is a run of the step in exact
rationals, which must stay in the boxes of the checker. Exit code 1 where one leaves.
"""

from __future__ import annotations

import sys
from fractions import Fraction
from typing import Any

import numpy as np

from rdmf_theory.certificates import competition_checker as checker
from rdmf_theory.competition.design import CompetitionDesign, ShadowParameters
from rdmf_theory.competition.settled import CompetitionRun, Outcome, prove_settled
from rdmf_theory.competition.shadow import shadow_run

# Of float64 in the norms that are compared, relative.
ROUNDING = 1e-9


def drawn(seed: int, T: int = 8, steps: int = 8, reach: float = 1.0) -> CompetitionRun:
    """A run of the layer from a random drive, every number a float32 as the layer has them."""
    generator = np.random.default_rng(seed)
    point = CompetitionDesign(0.38, 1.5, reach, 0.2).parameters()
    tilt = generator.normal(size=T)
    single = np.float32
    F, w, D = (float(single(x)) for x in (point.F, point.w, point.D_v))
    gain = single(point.s * np.exp(0.05 * tilt)).astype(float)
    kappa = single(generator.uniform(0.05, 1.0, T - 1)).astype(float)
    v0 = single(point.w / (point.s * 0.38) * np.exp(0.8 * tilt)).astype(float)
    found = shadow_run(0.375, v0, gain, ShadowParameters(F, w - F, 1.0, D), kappa, max(steps, 1))
    answered = np.append(single(found.u[steps]), single(found.v[steps])).astype(float)
    return CompetitionRun(F, w, D, gain, kappa, np.append(0.375, v0), answered, steps)


def operator(run: CompetitionRun) -> np.ndarray:
    """A of the step, dense, (T, T)."""
    T = len(run.gain)
    A = (1 + run.w) * np.eye(T)
    for t, edge in enumerate(run.D * run.conductances):
        A[t : t + 2, t : t + 2] += edge * np.array([[1, -1], [-1, 1]])
    return A


def stepped(run: CompetitionRun, states: np.ndarray) -> np.ndarray:
    """The step of states (..., T + 1), negative numbers allowed."""
    reacting = run.gain * states[..., 1:] ** 2
    u = (states[..., :1] + run.F) / (1 + run.F + reacting.mean(-1, keepdims=True))
    v = np.linalg.solve(operator(run), (states[..., 1:] + u * reacting)[..., None])[..., 0]
    return np.concatenate([u, v], axis=-1)


class Ball:
    """The ellipsoid of a proof: its root, so that N(z) = |root z|, centre y, radius r and factor c, as floats."""

    def __init__(self, run: CompetitionRun, entry: dict[str, Any]) -> None:
        state = [Fraction(x, checker.ONE) for x in entry["state"]]
        self.proof = checker.Pattern(checker.Layer(entry), state, entry["energy"])
        factor, _, r = self.proof.conclude(Fraction(entry["box"]))
        self.y, self.factor, self.r = np.array([float(x) for x in state]), float(factor), float(r)
        T, energy, v = len(run.gain), entry["energy"], self.y[1:]
        S = np.zeros((T + 1, T + 1))
        for i, row in enumerate(energy["S"]):
            S[i, : i + 1] = S[: i + 1, i] = [float(Fraction(x, 1 << energy["bits"])) for x in row]
        L = np.zeros((T + 1, T + 1))
        L[0, 0], L[1:, 0] = T * (1 + run.F) + (run.gain * v * v).sum(), -run.gain * v * v
        L[1:, 1:] = operator(run)
        self.S, self.root = S, np.linalg.cholesky(S).T @ L

    def draw(self, generator: np.random.Generator, count: int) -> np.ndarray:
        """States in the ellipsoid, half of them on its surface, (count, T + 1)."""
        directions = generator.normal(size=(count, len(self.y)))
        lengths = np.where(generator.random(count) < 0.5, 1.0, generator.random(count))
        directions *= (self.r * lengths / np.linalg.norm(directions, axis=1))[:, None]
        return self.y + np.linalg.solve(self.root, directions.T).T

    def norm(self, z: np.ndarray) -> np.ndarray:
        """N of differences of states (..., T + 1)."""
        return np.linalg.norm(z @ self.root.T, axis=-1)


def leaving_states(run: CompetitionRun, ball: Ball, count: int, seed: int) -> tuple[int, float]:
    """(states or pairs of `count` that leave or do not contract, the largest contraction factor seen)."""
    generator = np.random.default_rng(seed)
    first, second = ball.draw(generator, count), ball.draw(generator, count)
    after, other = stepped(run, first), stepped(run, second)
    ratio = ball.norm(after - other) / ball.norm(first - second)
    outside = ball.norm(after - ball.y) > ball.r * (1 + ROUNDING)
    return int((outside | (ratio > ball.factor * (1 + ROUNDING))).sum()), float(ratio.max())


def exact_step(layer: checker.Layer, u: Fraction, v: list[Fraction]) -> tuple[Fraction, list[Fraction]]:
    """One step in exact rationals, by Gauss's elimination of the dense matrix."""
    T = layer.clips
    u = T * (u + layer.F) / (T * (1 + layer.F) + layer.consumption(v))
    rows = [[Fraction(0)] * T + [x + s * u * x * x] for s, x in zip(layer.gain, v, strict=True)]
    for t in range(T):
        rows[t][t] += 1 + layer.w
    for t, edge in enumerate(layer.edge):
        for i, j in ((t, t + 1), (t + 1, t)):
            rows[i][i] += edge
            rows[i][j] -= edge
    for i in range(T):
        rows[i] = [x / rows[i][i] for x in rows[i]]
        for k in range(T):
            if k != i:
                rows[k] = [a - rows[k][i] * b for a, b in zip(rows[k], rows[i], strict=True)]
    return u, [row[T] for row in rows]


def leaving_runs(seed: int, bits: int, steps: int = 3) -> int:
    """Numbers of an exact run of four clips that leave the boxes in `steps` steps."""
    run = drawn(seed, 4, steps=steps, reach=2.0)
    numbers = {"F": run.F, "w": run.w, "D": run.D, "gain": run.gain, "conductances": run.conductances}
    texts = {k: [str(Fraction(x)) for x in v] if np.ndim(v) else str(Fraction(v)) for k, v in numbers.items()}
    layer = checker.Layer(texts)
    # cut to the boxes' unit: what is compared is the arithmetic, from one start
    grid = 1 << 40
    layer.edge = [Fraction(round(x * grid), grid) for x in layer.edge]
    u, *v = (Fraction(round(Fraction(x) * grid), grid) for x in run.start)
    boxes, outside = checker.Run(layer, [u, *v], bits), 0
    for _ in range(steps):
        boxes.step()
        u, v = exact_step(layer, u, v)
        for low, x, high in zip((boxes.u[0], *boxes.v[0]), (u, *v), (boxes.u[1], *boxes.v[1]), strict=True):
            outside += not Fraction(low, 1 << bits) <= x <= Fraction(high, 1 << bits)
    return outside


def main(count: int) -> int:
    """Draw `count` states in pairs, over 20 runs, and a hundredth as many exact runs; the number that left."""
    left = 0
    for seed in range(20):
        run = drawn(seed, (3, 8, 20, 75)[seed % 4])
        proof = prove_settled(run)
        if proof.outcome is Outcome.UNDECIDED:
            print(f"run {seed}: undecided: {proof.detail}")
            continue
        ball = Ball(run, proof.entry)
        bad, worst = leaving_states(run, ball, count // 20, seed)
        print(f"run {seed}: {len(run.gain)} clips, factor {worst:.5f} seen, {ball.factor:.5f} proved, {bad} left")
        left += bad
    exact = sum(leaving_runs(seed, 64) for seed in range(count // 100))
    print(f"{count // 20 * 20} pairs of states, {count // 100} exact runs: {left + exact} left")
    return left + exact


if __name__ == "__main__":
    sys.exit(1 if main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000) else 0)
