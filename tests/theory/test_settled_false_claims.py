"""Certificates of settled runs: what is false is refused, and for its reason; what is weaker than the truth is not."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

import pytest

from rdmf_theory.certificates import competition_checker as checker
from rdmf_theory.certificates.certificate import digest
from tests.theory.settled_runs import certificate, checked


def shift(name: str, factor: Fraction) -> Callable[[dict], object]:
    return lambda entry: entry.update({name: str(Fraction(entry[name]) * factor)})


def energy(name: str, value: Callable[[dict], object]) -> Callable[[dict], object]:
    return lambda entry: entry["energy"].update({name: value(entry["energy"])})


def listed(name: str, index: int, factor: Fraction) -> Callable[[dict], object]:
    def change(entry: dict) -> None:
        entry[name][index] = str(Fraction(entry[name][index]) * factor)

    return change


def nudged(index: int, amount: int) -> Callable[[dict], object]:
    def change(entry: dict) -> None:
        entry["state"][index] += amount

    return change


def matrix_entry(i: int, j: int, factor: float) -> Callable[[dict], object]:
    def change(entry: dict) -> None:
        entry["energy"]["S"][i][j] = int(entry["energy"]["S"][i][j] * factor)

    return change


LESS, MORE = Fraction(255, 256), Fraction(257, 256)
FALSE_CLAIMS: dict[str, Callable[[dict], object]] = {
    **{f"{name} less": shift(name, Fraction(1, 2)) for name in ("distance", "rounding", "factor")},
    **{
        f"{name} is {x}": (lambda e, n=name, x=x: e.update({n: x}))
        for name in ("distance", "rounding")
        for x in ("0", "-1")
    },
    **{f"factor is {x}": (lambda e, x=x: e.update(factor=x)) for x in ("0", "1", "2", "-1", "1/2")},
    **{
        f"{name} a bit {word}": shift(name, by)
        for name in ("F", "w", "D")
        for word, by in (("less", LESS), ("more", MORE))
    },
    **{f"{name} negative": shift(name, Fraction(-1)) for name in ("F", "w", "D")},
    **{f"F is {x}": (lambda e, x=x: e.update(F=x)) for x in ("0", "1/3", "nan", "0.1", "1e-1", "")},
    "gain of a clip": listed("gain", 3, MORE),
    "gain negative": listed("gain", 3, Fraction(-1)),
    "a conductance": listed("conductances", 2, LESS),
    "a conductance above one": lambda e: e["conductances"].__setitem__(2, "3/2"),
    "a conductance below zero": lambda e: e["conductances"].__setitem__(2, "-1/2"),
    "a cut where there is none": lambda e: e["conductances"].__setitem__(3, "0"),
    "start below zero": listed("start", 1, Fraction(-1)),
    "another start": lambda e: e.update(start=["1"] + ["0"] * (len(e["start"]) - 1)),
    "another winner": lambda e: e.update(start=[e["start"][0], *reversed(e["start"][1:])]),
    "another answer": listed("answered", 4, Fraction(1001, 1000)),
    "another substrate": listed("answered", 0, Fraction(1001, 1000)),
    "answer of one step less": lambda e: e.update(steps=e["steps"] - 1),
    "answer of one step more": lambda e: e.update(steps=e["steps"] + 1),
    "steps negative": lambda e: e.update(steps=-1),
    "steps true": lambda e: e.update(steps=True),
    "steps without end": lambda e: e.update(steps=1 << 40),
    "nearer to the pattern": lambda e: e["apart"].__setitem__(1, e["apart"][0]),
    "farther from the pattern": lambda e: e["apart"].__setitem__(0, e["apart"][1]),
    "at the pattern": lambda e: e.update(apart=["0", "0"]),
    "state off": nudged(2, 1 << 60),
    "substrate off": nudged(0, 1 << 60),
    "state off a little": nudged(1, 1 << 40),
    "trivial state": lambda e: e.update(state=[checker.ONE] + [0] * (len(e["state"]) - 1)),
    "state mirrored": lambda e: e.update(state=[e["state"][0], *reversed(e["state"][1:])]),
    "a clip less": lambda e: e["state"].pop(),
    "state of text": lambda e: e["state"].__setitem__(0, "1"),
    "ball ten times as wide": shift("box", Fraction(16)),
    "ball without width": lambda e: e.update(box="0"),
    "ball of negative width": shift("box", Fraction(-1)),
    "factor of one": energy("factor_squared", lambda e: "1"),
    "factor of the matrix too small": energy("factor_squared", lambda e: "1/16"),
    "factor negative": energy("factor_squared", lambda e: "-1/2"),
    "margin larger": energy("margin", lambda e: str(Fraction(e["margin"]) * 8)),
    "margin negative": energy("margin", lambda e: str(-Fraction(e["margin"]))),
    "least larger": energy("least", lambda e: str(Fraction(e["least"]) * 8)),
    "least zero": energy("least", lambda e: "0"),
    "matrix negated": energy("S", lambda e: [[-x for x in row] for row in e["S"]]),
    "matrix of zeros": energy("S", lambda e: [[0 for x in row] for row in e["S"]]),
    "matrix cut": energy("S", lambda e: e["S"][:-1]),
    "matrix not triangular": energy("S", lambda e: [[*row, 0] for row in e["S"]]),
    "an entry of the matrix negated": matrix_entry(3, 3, -1.0),
    "an entry of the matrix away": matrix_entry(4, 4, 0.0),
    "a neighbour in the matrix": matrix_entry(0, 0, 1e-4),
    "scale larger": energy("scale", lambda e: e["scale"] + 4),
    "scale negative": energy("scale", lambda e: -1),
    "coarser units": energy("bits", lambda e: e["bits"] - 4),
    "finer units": energy("bits", lambda e: e["bits"] + 4),
    "flow sooner": lambda e: e["flow"].update(steps=e["steps"]),
    "flow before the answer": lambda e: e["flow"].update(steps=e["steps"] - 1),
    "flow in too few bits": lambda e: e["flow"].update(bits=64),
    "flow in no bits": lambda e: e["flow"].update(bits=0),
    "flow without end": lambda e: e["flow"].update(steps=1 << 40),
    "flow without steps": lambda e: e.update(flow={}),
    "a field more": lambda e: e.update(note="x"),
    "a field less": lambda e: e.pop("rounding"),
}
# each by the check that is there for it, with everything else as loose as it may be
REASONS: dict[str, tuple[Callable[[dict], object], str]] = {
    "a conductance above one": (FALSE_CLAIMS["a conductance above one"], "conductances in 0 to 1"),
    "a conductance below zero": (FALSE_CLAIMS["a conductance below zero"], "conductances in 0 to 1"),
    "gain negative": (FALSE_CLAIMS["gain negative"], "gains are >= 0"),
    "start below zero": (FALSE_CLAIMS["start below zero"], "start is not negative"),
    "state off": (nudged(1, 1 << 70), "not accurate enough"),
    "ball twice as wide": (shift("box", Fraction(2)), "varies too much|contracts less"),
    "ball a bit wider": (shift("box", Fraction(9, 8)), "contracts less"),
}


@pytest.mark.parametrize(("change", "reason"), REASONS.values(), ids=REASONS)
def test_a_false_claim_is_refused_for_its_reason(change: Callable[[dict], object], reason: str) -> None:
    content = certificate()
    entry = content["runs"][0]
    entry |= {"distance": "1000", "rounding": "1000", "apart": ["-1000", "1000"], "flow": None}
    assert checked(content) is None
    change(entry)
    assert re.search(reason, str(checked(content)))


# what is still true after the change: the units of S enter all bounds alike, and a smaller margin is kept
TRUE_CLAIMS: dict[str, Callable[[dict], object]] = {
    "farther than it is": shift("distance", Fraction(2)),
    "a looser answer": shift("rounding", Fraction(2)),
    "no word on where it goes": lambda e: e.update(flow=None),
    "more bits": lambda e: e["flow"].update(bits=2 * e["flow"]["bits"]),
    "later": lambda e: e["flow"].update(steps=e["flow"]["steps"] + 5, bits=2 * e["flow"]["bits"]),
}


@pytest.mark.parametrize("change", FALSE_CLAIMS.values(), ids=FALSE_CLAIMS)
def test_a_false_claim_is_refused(change: Callable[[dict], object]) -> None:
    content = certificate()
    change(content["runs"][0])
    assert checked(content) is not None


@pytest.mark.parametrize("change", TRUE_CLAIMS.values(), ids=TRUE_CLAIMS)
def test_a_weaker_claim_is_accepted(change: Callable[[dict], object]) -> None:
    content = certificate()
    change(content["runs"][0])
    assert checked(content) is None


@pytest.mark.parametrize("name", ["sha256", "claim", "subject", "kind", "version", "runs"])
def test_the_envelope_is_checked(name: str) -> None:
    content = certificate()
    content[name] = {"runs": [], "version": 2}.get(name, "other\nline")
    if name != "sha256":
        content["sha256"] = digest(content)
    with pytest.raises((checker.Refused, checker.Unreadable)):
        checker.check_content(content)


def test_there_are_fifty_false_claims() -> None:
    assert len(FALSE_CLAIMS) >= 50
