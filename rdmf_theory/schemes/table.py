"""Which scheme? One row per scheme, every cell proved, refuted by an exact witness, or marked undecided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rdmf_theory.schemes import artefacts as scheme_artefacts
from rdmf_theory.schemes.balance import Finding, positive, well_balanced
from rdmf_theory.schemes.bias import growth_bias, threshold_shift
from rdmf_theory.schemes.definition import SCHEMES, Scheme
from rdmf_theory.schemes.limits import step_limits
from rdmf_theory.schemes.order import order

COLUMNS = (
    "unconditional",
    "positive",
    "well_balanced",
    "same_boundary",
    "false_growth",
    "missed_growth",
    "flip",
    "rotation",
)


@dataclass(frozen=True)
class Row:
    """Everything that is known about one scheme for Gray-Scott at its v-rich state, z > 1.

    Arguments:
        scheme: the scheme.
        findings: one per name in `COLUMNS`.
        order: of consistency with the semi-discrete equation.
        bias_power: n of the leading error `c (h w)^n` of the growth rates; the coefficient is in `bias`.
        bias: c as text, in u_star, z, alpha = mu D_u/w, beta = mu D_v/w and growth = growth rate/w.
        shift_power: n of the leading shift of the Turing threshold, 0 if it does not move.
        limits: what bounds the step, per Jury condition; empty if nothing does.
    """

    scheme: Scheme
    findings: dict[str, Finding]
    order: int
    bias_power: int
    bias: str
    shift_power: int
    limits: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "scheme": self.scheme.name,
            "words": self.scheme.words,
            **{name: finding.to_dict() for name, finding in self.findings.items()},
            "order": self.order,
            "bias": {"power": self.bias_power, "coefficient": self.bias},
            "threshold_shift_power": self.shift_power,
            "step_limits": self.limits,
        }


def row(scheme: Scheme) -> Row:
    """The row of a scheme; takes up to a few seconds of algebra."""
    found = scheme_artefacts.artefacts(scheme)
    stays_positive = positive(scheme)
    bad = [name for name in ("false_growth", "flip", "rotation") if found[name].answer != "no"]
    if stays_positive.answer != "yes":
        bad.insert(0, "positive")
    unconditional = Finding("no", f"fails: {', '.join(bad)}") if bad else Finding("yes", "positive, no artefact")
    findings = {
        "unconditional": unconditional,
        "positive": stays_positive,
        "well_balanced": well_balanced(scheme),
        "same_boundary": scheme_artefacts.same_boundary(scheme),
        **found,
    }
    bias, shift = growth_bias(scheme), threshold_shift(scheme)
    return Row(
        scheme,
        {name: findings[name] for name in COLUMNS},
        order(scheme),
        bias.power,
        str(bias.coefficient),
        shift.power,
        {limit.condition: limit.text() for limit in step_limits(scheme)},
    )


def table() -> list[Row]:
    """One row per scheme, in the order of `SCHEMES`."""
    return [row(scheme) for scheme in SCHEMES.values()]
