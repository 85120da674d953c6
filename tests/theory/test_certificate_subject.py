"""Is a certificate about this checkpoint? Stale, foreign and narrowed ones are told apart."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from rdmf_theory.certificates.checkers import CHECKERS, Unreadable, checker_of
from rdmf_theory.certificates.subject import Checkpoint, mismatch
from tests.theory.certificates import SMALL, box_content, region_content

TRAINED = Checkpoint(
    sha256="12" * 32,
    region=SMALL.to_dict(),
    bounds={"lower": SMALL.lower, "upper": SMALL.upper, "modulation_fraction": (0.5,)},
    constraint="hard",
)


def about(checkpoint: Checkpoint) -> dict[str, Any]:
    """A certificate about a checkpoint, its box just that of its constraint."""
    content = box_content()
    pairs = zip(content["box"], SMALL.lower, SMALL.upper, strict=True)
    content["box"] = {name: [str(Fraction(low)), str(Fraction(high))] for name, low, high in pairs}
    content["emission"]["modulation_fraction"] = "1/2"
    return content | {"subject": f"sha256:{checkpoint.sha256}"}


def test_a_fitting_certificate_is_about_its_checkpoint() -> None:
    content = about(TRAINED)
    assert mismatch(content, TRAINED) is None
    # names count, the order of a file's fields does not
    shuffled = content | {"box": dict(reversed(content["box"].items()))}
    assert mismatch(shuffled, TRAINED) is None
    exchanged = content["box"] | {"u_star": content["box"]["rate"], "rate": content["box"]["u_star"]}
    assert mismatch(content | {"box": exchanged}, TRAINED) is not None


def moved(name: str, index: int, by: float) -> Checkpoint:
    """The checkpoint with one number of its constraint moved."""
    values = list(TRAINED.bounds[name])
    values[index] += by
    return replace(TRAINED, bounds={**TRAINED.bounds, name: tuple(values)})


@pytest.mark.parametrize("index", range(5))
def test_the_box_is_that_of_the_constraint_to_the_last_bit(index: int) -> None:
    content = about(TRAINED)
    assert mismatch(content, moved("lower", index, 2.0**-40)) is None
    assert mismatch(content, moved("upper", index, -(2.0**-40))) is None
    assert "its box or region" in str(mismatch(content, moved("lower", index, -(2.0**-40))))
    assert "its box or region" in str(mismatch(content, moved("upper", index, 2.0**-40)))


def test_what_is_wrong_is_said() -> None:
    content, region = about(TRAINED), SMALL.to_dict()
    bare = {name: value for name, value in TRAINED.bounds.items() if name != "upper"}
    cases = [
        (content, replace(TRAINED, sha256="34" * 32), "stale: same region, other weights"),
        (content, replace(moved("upper", 0, 0.01), sha256="34" * 32), "foreign: another model"),
        (content, replace(TRAINED, region=region | {"clips": [12, 301]}), "foreign"),
        (content, replace(TRAINED, region=region | {"steps": 13}), "foreign"),
        (content, replace(TRAINED, region=region | {"soft_onset": True}), "foreign"),
        (content, replace(TRAINED, region=region | {"gain": [1.0, 2.0]}), "foreign"),
        (content, replace(TRAINED, region=region | {"modulation": None}), "foreign"),
        (content, replace(TRAINED, region=region | {"bandwidth": 0.5}), "foreign"),
        (content, replace(TRAINED, region=None), "foreign"),
        (content, replace(TRAINED, bounds=bare), "foreign"),
        (content, replace(TRAINED, constraint="none"), "trained with constraint 'none'"),
        (content, replace(TRAINED, constraint="bounded"), "trained with constraint 'bounded'"),
        (region_content(), TRAINED, "foreign: it is about a fixed-ratio-region"),
        (content | {"box": content["box"] | {"u_star": ["37/100", "1/2"]}}, TRAINED, "foreign: its box"),
        (content | {"emission": content["emission"] | {"modulation_fraction": "1/3"}}, TRAINED, "foreign: its box"),
        (content, moved("modulation_fraction", 0, 2.0**-40), "foreign: its box"),
    ]
    for certificate, checkpoint, reason in cases:
        assert reason in str(mismatch(certificate, checkpoint)), reason


def test_every_kind_has_its_checker() -> None:
    for kind in CHECKERS:
        assert checker_of({"kind": kind}).check_content
    with pytest.raises(Unreadable, match="its field kind is None"):
        checker_of([])
