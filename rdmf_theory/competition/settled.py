"""Where does a run of the competition go? Its steady pattern, proved, and the run proved to flow into it.

The proof is in `certificates.competition_checker`: a quadratic form S in which the layer's step contracts around an
approximate steady state, and a run in outward-rounded numbers from the start into that ball. Both are found here in
floats and checked there in exact arithmetic; nothing found here is trusted.
"""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor, log2
from typing import Any

import numpy as np
import scipy.linalg

from rdmf_theory.certificates import competition_checker as checker
from rdmf_theory.certificates.certificate import FORMAT, VERSION, Certificate
from rdmf_theory.competition.conductances import laplacian_rows
from rdmf_theory.errors import ParameterError
from rdmf_theory.verdict import Verdict

KIND = "settled-runs"
MOST_STEPS = 4000
"""Steps after which a run that has not come near its pattern is undecided."""
# Half-widths of the balls that are tried, the widest that works is kept.
_BALLS = [Fraction(1, 1 << i) for i in range(40)]
# Bits of the run in outward-rounded numbers, at most.
_MOST_BITS = 4096


class Outcome(enum.Enum):
    """Outcome of a proof attempt for one run; the value is the explanation."""

    SETTLES = "proved: the pattern exists, is locally unique and stable, and the run flows into it"
    PATTERN = "proved: the pattern exists, is locally unique and stable; whether the run flows into it is undecided"
    UNDECIDED = "undecided: no steady pattern was proved"


@dataclass(frozen=True)
class CompetitionRun:
    """One run as the layer made it; every number counts as the binary number that it is.

    Arguments:
        F, w, D: feed rate, turnover rate, diffusion of the activator, 1/step and clip^2/step.
        gain: s_t >= 0, shape (T,).  conductances: kappa in [0, 1], shape (T - 1,).
        start: (u_0, v_0), shape (T + 1,), >= 0.  answered: (u_N, v_N) as computed, shape (T + 1,).
        steps: N >= 0.
    Raises: ParameterError where shapes or ranges are not these.
    """

    F: float
    w: float
    D: float
    gain: np.ndarray
    conductances: np.ndarray
    start: np.ndarray
    answered: np.ndarray
    steps: int

    def __post_init__(self) -> None:
        T = len(self.gain)
        if T < 2 or not len(self.conductances) + 1 == len(self.start) - 1 == len(self.answered) - 1 == T:
            raise ParameterError(
                "CompetitionRun needs T >= 2 gains, T - 1 conductances and T + 1 numbers (u, v) of each state. Got "
                f"{T}, {len(self.conductances)}, {len(self.start)} and {len(self.answered)}."
            )
        numbers = np.concatenate(
            [[self.F, self.w, self.D], self.gain, self.conductances, self.start, np.abs(self.answered)]
        )
        if not (np.all(np.isfinite(numbers) & (numbers >= 0)) and min(self.F, self.w) > 0 and self.steps >= 0):
            raise ParameterError("CompetitionRun must have finite numbers >= 0, F and w > 0 and steps >= 0.")
        if max(self.conductances) > 1:
            raise ParameterError(f"CompetitionRun.conductances must be in [0, 1]. Got {max(self.conductances)}.")


@dataclass(frozen=True)
class Settled:
    """What was proved of one run.

    Arguments:
        outcome: how far the proof went; detail: why not further.
        entry: the run's part of a certificate, empty if undecided.
        pattern: the steady v that was proved, rounded to float64; None if undecided.
    """

    outcome: Outcome
    entry: dict[str, Any] = field(default_factory=dict)
    detail: str = ""
    pattern: np.ndarray | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready summary with floats."""
        answer: dict[str, Any] = {"outcome": self.outcome.name.lower(), "detail": self.detail}
        if self.entry:
            low, high = (float(Fraction(x)) for x in self.entry["apart"])
            flow = self.entry["flow"]
            answer |= {
                "distance_to_pattern": [low, high],
                "rounding": float(Fraction(self.entry["rounding"])),
                "factor": float(Fraction(self.entry["factor"])),
                "accuracy": float(Fraction(self.entry["distance"])),
                "steps_to_ball": None if flow is None else flow["steps"],
            }
        return answer


class _Float:
    """The step in float64 with its elimination done once."""

    def __init__(self, run: CompetitionRun) -> None:
        self.run, self.T = run, len(run.gain)
        edge = run.D * run.conductances
        bands = np.zeros((2, self.T))
        bands[1] = 1.0 + run.w
        bands[1, :-1] += edge
        bands[1, 1:] += edge
        bands[0, 1:] = -edge
        self.factor = (scipy.linalg.cholesky_banded(bands), False)
        self.matrix = (1.0 + run.w) * np.eye(self.T) - run.D * laplacian_rows(run.conductances)

    def solve(self, right: np.ndarray) -> np.ndarray:
        return scipy.linalg.cho_solve_banded(self.factor, right, check_finite=False)

    def step(self, u: float, v: np.ndarray) -> tuple[float, np.ndarray]:
        reacting = self.run.gain * v * v
        after = (u + self.run.F) / (1.0 + self.run.F + reacting.mean())
        return after, self.solve(v + after * reacting)

    def matrices(self, u: float, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """L and B of the checker's lemma L at (u, v)."""
        run, T = self.run, self.T
        left, right = np.zeros((T + 1, T + 1)), np.zeros((T + 1, T + 1))
        left[0, 0] = T * (1.0 + run.F) + (run.gain * v * v).sum()
        left[1:, 0] = -run.gain * v * v
        left[1:, 1:] = self.matrix
        right[0, 0] = T
        right[0, 1:] = -2.0 * u * run.gain * v
        right[1:, 1:] = np.diag(1.0 + 2.0 * u * run.gain * v)
        return left, right


def prove_settled(run: CompetitionRun) -> Settled:
    """Try to prove where a run goes: the steady pattern, its stability, and that the run flows into it.

    Arguments: run: as the layer made it.
    Returns: what was proved; each claim was re-checked by `competition_checker` in exact arithmetic.
    """
    floats = _Float(run)
    u, v = float(run.start[0]), np.asarray(run.start[1:], dtype=float)
    path = [(u, v)]
    with np.errstate(all="ignore"):
        for _ in range(MOST_STEPS):
            u, v = floats.step(u, v)
            path.append((u, v))
            if abs(u - path[-2][0]) + np.abs(v - path[-2][1]).max() < 1e-12:
                break
    entry: dict[str, Any] = {
        "F": _text(run.F),
        "w": _text(run.w),
        "D": _text(run.D),
        "gain": [_text(x) for x in run.gain],
        "conductances": [_text(x) for x in run.conductances],
        "start": [_text(x) for x in run.start],
        "steps": int(run.steps),
        "answered": [_text(x) for x in run.answered],
    }
    try:
        layer = checker.Layer(entry)
        state = _refined(layer, floats, path[-1])
        entry["state"] = [round(x * checker.ONE) for x in state]
        u, v = float(state[0]), np.array([float(x) for x in state[1:]])
        entry["energy"] = _energy(floats, u, v)
        proof = checker.Pattern(layer, [Fraction(x, checker.ONE) for x in entry["state"]], entry["energy"])
        ball, (factor, distance, r) = _widest(_BALLS, proof.conclude)
        entry |= {"box": str(ball), "distance": str(_above(distance)), "factor": str(_below_one(factor))}
        flow, why = _flow(floats, path, u, v, proof, float(r))
        entry = _with_flow(entry, layer, proof, r, distance, flow)
        outcome = Outcome.SETTLES if entry["flow"] else Outcome.PATTERN
        detail = "" if entry["flow"] else why or "the boxes of the run get too wide"
        checker.check_run(entry)
    except (checker.Refused, np.linalg.LinAlgError, ArithmeticError, ValueError) as error:
        return Settled(Outcome.UNDECIDED, detail=str(error))
    return Settled(outcome, entry, detail, v)


def _refined(layer: checker.Layer, floats: _Float, end: tuple[float, np.ndarray]) -> list[Fraction]:
    """Newton's method with the exact residual from the end of the run; units of 2^-80."""
    u, v = end
    state = [Fraction(round(Fraction(float(x)) * checker.ONE), checker.ONE) for x in (u, *v)]
    for _ in range(12):
        u, v = float(state[0]), np.array([float(x) for x in state[1:]])
        left, right = floats.matrices(u, v)
        first, rest = layer.residual(state[0], state[1:])
        update = np.linalg.solve(left - right, np.array([float(first), *map(float, rest)]))
        if np.abs(update).max() > 1.0:
            raise checker.Refused("the run is not near a steady state")
        state = [
            x + Fraction(round(Fraction(float(y)) * checker.ONE), checker.ONE)
            for x, y in zip(state, update, strict=True)
        ]
        if np.abs(update).max() < 1e-22:
            break
    return state


def _energy(floats: _Float, u: float, v: np.ndarray) -> dict[str, Any]:
    """S of `k2 L'S L - B'S B = Theta`, with its bounds."""
    left, right = floats.matrices(u, v)
    relative = right @ np.linalg.inv(left)
    multiplier = float(np.abs(np.linalg.eigvals(relative)).max())
    if not multiplier < 1:
        raise checker.Refused(f"the layer leaves the steady state: its multiplier is {multiplier:.6g}")
    k2 = Fraction(round(((1 + multiplier) / 2) ** 2 * 2**40), 2**40)
    # in units in which substrate and activator are of one size
    scale = max(0, round(log2(max(float(v.max()), 1e-3) / max(u, 1e-6))))
    shrink = np.ones(len(left))
    shrink[0] = 2.0**-scale
    inverse = np.linalg.inv(left * shrink)
    S = scipy.linalg.solve_discrete_lyapunov(relative.T / float(k2) ** 0.5, inverse.T @ inverse / float(k2))
    S = (S + S.T) / 2
    scaled = (float(k2) * left.T @ S @ left - right.T @ S @ right) * np.outer(shrink, shrink)
    margin = float(np.linalg.eigvalsh((scaled + scaled.T) / 2)[0]) / 3
    least = float(np.linalg.eigvalsh(S)[0]) / 3
    size = float(np.abs(left).sum(axis=1).max() + np.abs(right).sum(axis=1).max())
    bits = max(
        8, ceil(log2(64 * len(left) * size**2 / _positive(margin))), ceil(log2(64 * len(left) / _positive(least)))
    )
    return {
        "bits": bits,
        "S": [[round(Fraction(float(x)) * (1 << bits)) for x in row[: i + 1]] for i, row in enumerate(S)],
        "least": str(_below(least)),
        "scale": scale,
        "margin": str(_below(margin)),
        "factor_squared": str(k2),
    }


def _flow(
    floats: _Float, path: list[Any], u: float, v: np.ndarray, proof: checker.Pattern, r: float
) -> tuple[int | None, str]:
    """Steps until the run is well inside the ball, a forecast in floats; None and why where it is not seen to enter."""
    steps = floats.run.steps

    def inside(du: float, dv: np.ndarray) -> bool:
        reach = proof.reach(Fraction(float(du)), [Fraction(float(x)) for x in dv])
        return float(reach) <= 0.5 * r

    low, high = steps, len(path) - 1
    if high < low or not inside(abs(path[high][0] - u), np.abs(path[high][1] - v)):
        return None, f"after {high} steps the run is not yet in the ball in which it is proved to settle"
    while low < high:
        middle = (low + high) // 2
        if inside(abs(path[middle][0] - u), np.abs(path[middle][1] - v)):
            high = middle
        else:
            low = middle + 1

    return high, ""


def _with_flow(
    entry: dict[str, Any],
    layer: checker.Layer,
    proof: checker.Pattern,
    r: Fraction,
    distance: Fraction,
    flow: int | None,
) -> dict[str, Any]:
    """The entry with what is claimed of the run, from the run in outward-rounded numbers."""
    start = [Fraction(x) for x in entry["start"]]
    state = [Fraction(x, checker.ONE) for x in entry["state"]]
    answered = [Fraction(x) for x in entry["answered"]]
    found = None
    bits = 128
    while flow is not None and found is None and bits <= _MOST_BITS:
        boxes, taken = checker.Run(layer, start, bits), 0
        with contextlib.suppress(checker.Refused):
            while taken < flow:
                boxes.step()
                taken += 1
        if taken == flow:
            u, *v = boxes.away(state)[1]
            if proof.reach(u, v) <= r:
                found = {"bits": bits, "steps": flow}
        # a box widens by about as many bits in every step
        bits = max(bits + 64, ceil(1.1 * bits * flow / max(taken, 1)) + 64)
    boxes = _boxes(layer, start, found["bits"] if found else 256, entry["steps"])
    least, most = boxes.away(state)
    low = max(least[1:]) - distance
    return entry | {
        "rounding": str(_above(max(boxes.away(answered)[1]))),
        "apart": [str(_below(low) if low > 0 else low), str(_above(max(most[1:]) + distance))],
        "flow": found,
    }


def _boxes(layer: checker.Layer, start: list[Fraction], bits: int, steps: int) -> checker.Run:
    boxes = checker.Run(layer, start, bits)
    for _ in range(steps):
        boxes.step()
    return boxes


def _widest(balls: Sequence[Fraction], conclude: Any) -> tuple[Fraction, Any]:
    """The widest ball in which the conclusion holds."""
    reason = None
    for ball in balls:
        try:
            return ball, conclude(ball)
        except checker.Refused as error:
            reason = error
    raise checker.Refused(str(reason))


def _positive(x: float) -> float:
    if not x > 0:
        raise checker.Refused("a bound of the proof is not positive")
    return x


def _text(x: Any) -> str:
    return str(Fraction(float(x)))


def _above(x: Any) -> Fraction:
    """A number of few digits at or above x >= 0."""
    return _rounded(Fraction(x), ceil)


def _below(x: Any) -> Fraction:
    """A number of few digits at or below x > 0."""
    return _rounded(Fraction(x), floor)


def _below_one(x: Fraction) -> Fraction:
    """A number of few digits in [x, 1) for x < 1."""
    return 1 - _below(1 - x)


def _rounded(x: Fraction, rounding: Any) -> Fraction:
    if x == 0:
        return x
    unit = Fraction(2) ** (40 - (x.numerator.bit_length() - x.denominator.bit_length()))
    return Fraction(rounding(x * unit)) / unit


def settled_certificate(entries: Sequence[dict[str, Any]], subject: str | None = None) -> Certificate:
    """Proved runs as a certificate of kind `settled-runs`: `save` it, `verify` it, or run `rdmf certify` on the file.

    Arguments: entries: of the runs that were proved, at least one; subject: free text.
    Raises: ParameterError if there is no entry.
    """
    if not entries or not all(entries):
        raise ParameterError("settled_certificate.entries must be proved runs. Got none: nothing was proved.")
    content = {
        "format": FORMAT,
        "version": VERSION,
        "kind": KIND,
        "claim": checker.CLAIM,
        "subject": subject,
        "runs": list(entries),
    }
    return Certificate(Verdict.CERTIFIED, content, detail=f"{len(entries)} settled runs")
