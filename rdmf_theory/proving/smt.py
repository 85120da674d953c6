"""Do the claims hold for all real numbers? Polynomial inequalities decided by z3 on the functions that run.

A claim is `hypotheses imply conclusion` over the reals, built by calling `formulas.py` on solver terms: z3 must find
the hypotheses satisfiable, their conjunction with the negated conclusion unsatisfiable, and a counterexample to a false
mutant of the conclusion. z3 is a development dependency and is imported on first use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rdmf_theory import formulas

TIMEOUT_MS = 20_000
CLIPS = 3


class Radicals:
    """Stands in for `xp`: a square root becomes a new real, with the facts that define it in `facts`."""

    def __init__(self) -> None:
        self.facts: list[Any] = []

    def sqrt(self, radicand: Any) -> Any:
        """A real `r >= 0` with `r r = radicand`."""
        import z3

        root = z3.FreshReal("root")
        self.facts += [root >= 0, root * root == radicand]
        return root


@dataclass(frozen=True)
class Problem:
    """Solver terms of one claim: `hypotheses` imply `conclusion`; `mutant` is a conclusion that does not follow."""

    hypotheses: list[Any]
    conclusion: Any
    mutant: Any


@dataclass(frozen=True)
class Claim:
    """One inequality for all real numbers.

    Arguments:
        name, words: what it says.
        problem: builds the terms; called with z3 imported.
    """

    name: str
    words: str
    problem: Callable[[], Problem]

    def check(self) -> str | None:
        """None if the claim is proved and its mutant refuted, else what went wrong ("undecided" is not proved)."""
        import z3

        problem = self.problem()
        for facts, expected, meaning in (
            (problem.hypotheses, z3.sat, "the hypotheses are contradictory"),
            ([*problem.hypotheses, z3.Not(problem.conclusion)], z3.unsat, "there is a counterexample"),
            ([*problem.hypotheses, z3.Not(problem.mutant)], z3.sat, "the false mutant was not refuted"),
        ):
            solver = z3.Solver()
            solver.set("timeout", TIMEOUT_MS)
            solver.add(*facts)
            answer = solver.check()
            if answer != expected:
                return "undecided within the time limit" if answer == z3.unknown else meaning
        return None


def _reals(names: str) -> Any:
    import z3

    return z3.Reals(names)


def _mode() -> tuple[Any, list[Any]]:
    """(u, z, eta, a, b) of one mode and step, with 0 < u < 1/2, z >= 1, any step size, any diffusion."""
    u, z, eta, a, b = variables = _reals("u z eta a b")
    return variables, [u > 0, 2 * u < 1, z >= 1, eta > 0, a >= 0, b >= 0]


def _no_rotation() -> Problem:
    mode, facts = _mode()
    determinant = formulas.amplification_determinant(*mode)
    return Problem(facts, determinant < 1, 2 * determinant < 1)


def _positive_determinant() -> Problem:
    mode, facts = _mode()
    return Problem(facts, formulas.amplification_determinant(*mode) > 0, formulas.amplification_trace(*mode) < 1)


def _no_flip() -> Problem:
    mode, facts = _mode()
    trace, determinant = formulas.amplification_trace(*mode), formulas.amplification_determinant(*mode)
    return Problem(facts, 1 + trace + determinant > 0, 1 - trace + determinant > 0)


def _transfer() -> Problem:
    (u, z, eta, a, b), facts = _mode()
    trace = formulas.amplification_trace(u, z, eta, a, b)
    determinant = formulas.amplification_determinant(u, z, eta, a, b)
    j11, j12, j21, j22 = formulas.normalised_jacobian(u, z)
    pde = (eta * j11 - a) * (eta * j22 - b) - eta * eta * j12 * j21
    swapped = (eta * j11 - b) * (eta * j22 - a) - eta * eta * j12 * j21
    grows = 1 - trace + determinant < 0
    return Problem(facts, grows == (pde < 0), grows == (swapped < 0))


def _state() -> tuple[Any, list[Any]]:
    u, z, d = variables = _reals("u z d")
    return variables, [u > 0, 2 * u < 1, z > 1, d > 0]


def _threshold() -> Problem:
    import z3

    (u, z, d), facts = _state()
    xp = Radicals()
    above = d > formulas.turing_threshold(u, z, xp=xp)
    free = formulas.band_discriminant(u, z, d) > 0
    return Problem([*facts, *xp.facts], above == z3.And(d > z, free), above == free)


def _turing_state() -> tuple[Any, list[Any]]:
    (u, z, d), facts = _state()
    return (u, z, d), [*facts, d > z, formulas.band_discriminant(u, z, d) > 0]


def _growth() -> Problem:
    import z3

    state, facts = _turing_state()
    xp = Radicals()
    growth, mode = formulas.largest_growth(*state, xp=xp), formulas.fastest_mode(*state, xp=xp)
    return Problem([*facts, *xp.facts], z3.And(growth > 0, mode > 0), growth > mode)


def _band() -> Problem:
    import z3

    state, facts = _turing_state()
    xp = Radicals()
    low, high = formulas.band(*state, xp=xp)
    return Problem([*facts, *xp.facts], z3.And(low > 0, low < high), 2 * low < high)


def _modulation() -> Problem:
    (u, z, d), facts = _turing_state()
    m, y = _reals("m y")
    xp = Radicals()
    low, high = formulas.gain_interval(u, z, d, xp=xp)
    # the frozen state of modulation m: same F and k, so z' y = z u
    facts += [*xp.facts, m > 0, y > 0, 2 * y < 1, y * (1 - y) * m == u * (1 - u)]
    damped = y < z * u
    return Problem([*facts, m > low, m < high], damped, y < u)


def _laplacian(x: list[Any], i: int) -> Any:
    left = x[i - 1] - x[i] if i else 0
    return left + (x[i + 1] - x[i] if i + 1 < len(x) else 0)


def _linear_bounds() -> Problem:
    """Positivity and u <= 1 of one solve with arbitrary reactions: the linear core, easy for the solver."""
    import z3

    beta, hF = _reals("beta hF")
    reaction, before, after = ([_reals(f"{name}{i}")[0] for i in range(CLIPS)] for name in ("r", "u", "x"))
    facts = [beta >= 0, hF > 0]
    for i in range(CLIPS):
        facts += [reaction[i] >= 0, before[i] >= 0, before[i] <= 1]
        facts.append((1 + hF + reaction[i]) * after[i] - beta * _laplacian(after, i) == before[i] + hF)
    inside = z3.And(*(z3.And(x >= 0, x <= 1) for x in after))
    return Problem(facts, inside, z3.And(*(x <= y for x, y in zip(after, before, strict=True))))


def _well_balanced() -> Problem:
    import z3

    # one clip; what diffusion brings in (flow) is free
    F, k, s, h, D_u, D_v, u, v, flow_u, flow_v = _reals("F k s h D_u D_v u v flow_u flow_v")
    facts = [F > 0, k >= 0, s >= 0, h > 0, D_u >= 0, D_v >= 0]
    step = z3.And(
        (1 + h * (F + s * v * v)) * u - h * D_u * flow_u == u + h * F,
        (1 + h * (F + k)) * v - h * D_v * flow_v == v + h * s * u * v * v,
    )
    f, g = F * (1 - u) - s * u * v * v, s * u * v * v - (F + k) * v
    steady = z3.And(D_u * flow_u + f == 0, D_v * flow_v + g == 0)
    return Problem(facts, step == steady, step == z3.And(D_u * flow_v + f == 0, D_v * flow_u + g == 0))


CLAIMS = (
    Claim("no_rotation", "det G < 1 for every mode and step size, z >= 1", _no_rotation),
    Claim("positive_determinant", "det G > 0 for every mode and step size", _positive_determinant),
    Claim("no_flip", "1 + tr G + det G > 0 for every mode and step size", _no_flip),
    Claim("transfer", "1 - tr G + det G < 0 exactly where det(J - mu D) < 0", _transfer),
    Claim("turing_threshold", "d > d_T exactly where d > z and the band's discriminant is positive", _threshold),
    Claim("largest_growth", "inside the Turing region the largest growth and its mode are positive", _growth),
    Claim("band", "inside the Turing region 0 < m_lo < m_hi", _band),
    Claim("gain_interval", "inside the modulation interval the frozen state is damped", _modulation),
    Claim("bounds", f"one solve of {CLIPS} clips keeps u in [0, 1], any reaction per clip", _linear_bounds),
    Claim(
        "well_balanced",
        "a clip stays fixed exactly where diffusion and reaction balance",
        _well_balanced,
    ),
)
