"""Is "positive: yes" true, and has every "no" a witness? Random systems, stepped exactly from random states."""

from __future__ import annotations

import numpy as np
import pytest

from rdmf_theory.schemes.balance import positive
from rdmf_theory.schemes.definition import SCHEMES, SEMI_IMPLICIT
from rdmf_theory.schemes.run import run_exact
from rdmf_theory.systems.text import parse_system

# squares, products of squares and sums of both signs in what each species gains from the other
GAINS = ("(1-v)^2*v", "v*(2-v)^2 + 1", "(v-1)^2", "v^3 - 2*v^2 + v", "1 - v", "v^2 - v + 1", "v*(v-3)", "a*(1-v)^2")


@pytest.mark.parametrize("gain", GAINS)
def test_answers_agree_with_exact_steps(gain: str) -> None:
    system = parse_system(f"u' = {gain} - u; v' = 1/2 - v")
    finding = positive(SEMI_IMPLICIT, system)
    random = np.random.default_rng(3)
    names = [str(symbol) for symbol in (*system.parameters, *system.diffusions)]
    least = 0
    for _ in range(40):
        fields = [[str(x) for x in random.integers(0, 40, 2) / 8] for _ in range(2)]
        values = {name: str(random.integers(1, 9)) for name in names}
        after = run_exact(SEMI_IMPLICIT, fields, values, str(random.integers(1, 20)), system)
        least = min(least, *(x for row in after for x in row))
    if least < 0:
        assert finding.answer == "no"
        assert finding.witness is not None
    if finding.answer == "no":
        assert finding.witness is not None
        w = finding.witness
        again = run_exact(SEMI_IMPLICIT, w["fields"], w["values"], w["h"], system)
        assert min(x for row in again for x in row) < 0
    assert finding.answer == {
        "1 - v": "no",
        "v*(v-3)": "no",
        "v^2 - v + 1": "undecided",
        "v*(2-v)^2 + 1": "undecided",
    }.get(gain, "yes")


@pytest.mark.parametrize("name", SCHEMES)
def test_a_no_of_a_general_system_has_a_witness(name: str) -> None:
    system = parse_system("X' = a - (b + 1)*X + X^2*Y; Y' = b*X - X^2*Y")
    finding = positive(SCHEMES[name], system)
    if finding.answer == "no":
        assert finding.witness is not None
        assert any(x.startswith("-") for row in finding.witness["next"] for x in row)
    else:
        assert finding.answer == ("yes" if name in ("semi-implicit", "lie-split") else "undecided")
