"""What is a point of the shadow system on this video? Named conditions with signed margins, decided exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from rdmf_theory import formulas
from rdmf_theory.arithmetic.rational import Rational, to_fraction
from rdmf_theory.competition.modes import modes_below, video_modes
from rdmf_theory.errors import ParameterError
from rdmf_theory.turing import Classification, classify
from rdmf_theory.verdict import Condition

DESCRIPTIONS = {
    "competing": "the v-rich state is stable to uniform perturbations, and parts of the video grow apart",
    "uniform": "the v-rich state is stable, and no part of the video grows apart from another",
    "boundary": "on a boundary between two of the other answers",
    "unstable": "the v-rich state is unstable to uniform perturbations in the equation",
    "no-state": "there is no v-rich state",
}
"""What every classification means, in words."""


@dataclass(frozen=True)
class ShadowClassification:
    """Answer of `classify_shadow`.

    Arguments:
        name: a key of `DESCRIPTIONS`.
        u_star, v_star, z, reach: state, damping ratio and sqrt(D_v/w), None without a state.
        growing: number of nonuniform modes of the video that grow, exact.
        conditions: v_rich, damped and fed as for the two-field system, `competes`: some nonuniform mode has
            D_v mu < w, margin 1 - D_v mu_1/w with the video's smallest.
    """

    name: str
    u_star: float | None
    v_star: float | None
    z: float | None
    reach: float
    growing: int
    conditions: dict[str, Condition]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready dictionary; the name is under `classification`."""
        return {
            "classification": self.name,
            "description": DESCRIPTIONS[self.name],
            "u_star": self.u_star,
            "v_star": self.v_star,
            "z": self.z,
            "reach": self.reach,
            "growing_modes": self.growing,
            "conditions": {name: condition.to_dict() for name, condition in self.conditions.items()},
        }


def classify_shadow(
    F: Rational, k: Rational, s: Rational, D_v: Rational, conductances: Sequence[Rational]
) -> ShadowClassification:
    """Classify one parameter point on one video; every decision is exact on the rational values of the arguments.

    Arguments:
        F, k, s: feed rate, kill rate (0 allowed), reaction gain, 1/step. Strings are read as exact decimals.
        D_v: diffusion of the activator, clip^2/step, > 0.
        conductances: one per edge between neighbouring clips, in [0, 1].
    Raises: ParameterError naming the argument that is out of range.
    Source: docs/competition.md, "Which modes grow".
    """
    diffusion = to_fraction("D_v", D_v)
    if diffusion <= 0:
        raise ParameterError(f"D_v must be positive. Got {D_v}; without diffusion every clip competes alone.")
    # the state and its first three conditions do not depend on D_u
    state = classify(F, k, s, diffusion, diffusion)
    kappa = [to_fraction("conductances", value) for value in conductances]
    w = to_fraction("F", F) + to_fraction("k", k)
    below, equal = modes_below(kappa, w / diffusion)
    # the uniform field is one of those below: w/D_v > 0
    growing = below - 1
    longest = video_modes([float(value) for value in kappa]).longest
    margin = None if longest is None else float(1 - float(diffusion / w) * longest)
    if margin is not None:
        margin = _signed(margin, 1 if growing else (0 if equal else -1))
    conditions = {name: state.conditions[name] for name in ("v_rich", "damped", "fed")}
    conditions["competes"] = Condition(growing > 0, margin)
    name = _name(conditions, growing, equal, state.name)
    reach = float(diffusion / w) ** 0.5
    return ShadowClassification(name, state.u_star, state.v_star, state.z, reach, growing, conditions)


def classify_cuts(
    F: Rational, k: Rational, s: Rational, D_u: Rational, D_v: Rational, conductances: Sequence[Rational]
) -> tuple[Classification, int, dict[str, Condition]]:
    """A two-field point on a video with cuts: its class, the number of growing nonuniform modes, its conditions.

    `mode_on_axis` is added: some mode of the video lies in the band, margin the largest of
    `-det(J - mu D)/w^2` over its modes, in float64 (the other conditions are decided exactly).

    Arguments: as `turing.classify`, and exact conductances, one per edge.
    """
    result = classify(F, k, s, D_u, D_v)
    conditions = dict(result.conditions)
    if result.u_star is None:
        return result, 0, conditions | {"mode_on_axis": Condition(False, None)}
    kappa = [float(to_fraction("conductances", value)) for value in conductances]
    mu = video_modes(kappa).mu[1:]
    w, diffusion = float(to_fraction("F", F) + to_fraction("k", k)), float(to_fraction("D_v", D_v))
    values = -formulas.mode_determinant(result.u_star, result.z, result.d, diffusion * mu / w)
    growing = int((values > 0).sum())
    margin = float(values.max()) if len(values) else None
    return result, growing, conditions | {"mode_on_axis": Condition(growing > 0, margin)}


def _signed(margin: float, sign: int) -> float:
    """`margin` with the sign of the exact decision."""
    return 0.0 if sign == 0 else sign * max(abs(margin), 5e-324) if margin * sign <= 0 else margin


def _name(conditions: dict[str, Condition], growing: int, equal: int, state: str) -> str:
    if state == "no-state":
        return "no-state"
    v_rich, damped, fed = (conditions[name] for name in ("v_rich", "damped", "fed"))
    if any(condition.margin == 0 for condition in (v_rich, damped, fed)):
        return "boundary"
    if not damped.holds:
        return "unstable"
    if growing:
        return "competing"
    return "boundary" if equal else "uniform"


def uniform_conductances(clips: int) -> list[Fraction]:
    """Conductances of a video without cuts, `clips - 1` ones.

    Raises: ParameterError if clips < 1.
    """
    if int(clips) != clips or clips < 1:
        raise ParameterError(f"clips must be an integer >= 1. Got {clips!r}; pass a whole number.")
    return [Fraction(1)] * (int(clips) - 1)
