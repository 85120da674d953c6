"""No computation of the command line lasts longer than its --timeout, and what is missing is said."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from rdmf_model.cli import main
from rdmf_theory.errors import DataError, ParameterError
from rdmf_theory.support.time_limit import TimeLimit, within

THOMAS = str(Path(__file__).resolve().parents[2] / "examples" / "systems" / "thomas.toml")
FIXED = ("--set", "b=100", "--set", "alpha=1.5", "--set", "rho=13", "--set", "K=0.05")
DIFFUSION = ("--set", "D_u=1", "--set", "D_v=40")
# three cubics: 27 complex states, seconds for a Groebner basis
CUBICS = "; ".join(
    f"{x}' = 1 - 4*{x} + (u - {i}*v^3 + u*v*w - {i + 2}*w^3 + u^3*{2 * i + 1}/7 + v*w^2*{i}/5 - u^2*w)/50"
    for i, x in enumerate("uvw", start=1)
)
RATES = ("--set", "D_u=1", "--set", "D_v=1", "--set", "D_w=1")


def double(number: int) -> int:
    """Stands for a computation."""
    return 2 * number


def stuck_in_compiled_code(_: int) -> int:
    """One call of C that no signal handler of Python would interrupt."""
    return len(str(7 ** (10**9)))


def fails(kind: type[Exception]) -> None:
    """Stands for a computation that refuses its input."""
    raise kind("data.toml: a remedy")


def test_an_answer_passes_through() -> None:
    assert within(20, "a number", double, 21) == 42


@pytest.mark.parametrize("error", [ParameterError, DataError])
def test_an_error_passes_through(error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^data.toml: a remedy$") as caught:
        within(20, "a number", fails, error)
    assert type(caught.value) is error


def test_the_bound_holds_in_compiled_code() -> None:
    start = time.monotonic()
    with pytest.raises(
        TimeLimit, match=r"^a huge power did not end within 0.3 s; raise --timeout, or take a smaller one\.$"
    ):
        within(0.3, "a huge power", stuck_in_compiled_code, 0, remedy="take a smaller one")
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_a_bound_that_is_none_is_refused(seconds: float) -> None:
    with pytest.raises(ParameterError, match="--timeout must be a finite number of seconds above 0"):
        within(seconds, "a number", double, 1)


def test_derive_says_what_it_did_not_decide(capsys: pytest.CaptureFixture) -> None:
    start = time.monotonic()
    assert main(["derive", "--system", THOMAS, *FIXED, *DIFFUSION, "--timeout", "0.05", "--json"]) == 0
    assert time.monotonic() - start < 20
    printed = capsys.readouterr()
    answer = json.loads(printed.out)
    assert answer["undecided"] == ["saddle-node", "hopf", "turing"]
    assert answer["thresholds"] == []
    assert [row["name"] for row in answer["rows"]][-1] == "modes"
    assert "states in closed form did not end within 0.05 s; raise --timeout" in printed.err
    assert f"rdmf region --system {THOMAS} --set b=100 --set alpha=3/2" in printed.err
    assert "--x a=LOW:HIGH" in printed.err


def test_derive_leaves_nothing_undecided_in_time(capsys: pytest.CaptureFixture) -> None:
    arguments = ["--set", "a=0", "--set", "D_u=1", "--set", "D_v=60"]
    assert main(["derive", "--system", "schnakenberg", *arguments, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["undecided"] == []
    assert "turing" in {item["kind"] for item in answer["thresholds"]}


@pytest.mark.parametrize("command", ["check", "dispersion"])
def test_exact_algebra_is_bounded(command: str, capsys: pytest.CaptureFixture) -> None:
    start = time.monotonic()
    assert main([command, "--system", CUBICS, *RATES, "--timeout", "0.05"]) == 2
    assert time.monotonic() - start < 20
    message = capsys.readouterr().err
    assert "exact algebra did not end within 0.05 s; raise --timeout, or give a box" in message


def test_a_box_is_searched_where_exact_algebra_is_late(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the process inherits this
    monkeypatch.setattr("rdmf_theory.systems.exact_states.exact_states", lambda _: time.sleep(60))
    box = [f"--box={x}=0:1" for x in "uvw"]
    assert main(["check", "--system", CUBICS, *RATES, *box, "--timeout", "3", "--json"]) == 1
    states = json.loads(capsys.readouterr().out)["states"]
    assert [state["certified"] for state in states] == [True]
    assert states[0]["exact"] is None


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["schemes", "--system", THOMAS, "--scheme", "heun"], "exact algebra"),
        (["branch", "--system", THOMAS, "--parameter", "a", "--range", "100:200"], "exact algebra"),
        (["region", "--system", THOMAS, "--x", "a:100:200"], "the elimination of a species"),
    ],
    ids=["schemes", "branch", "region"],
)
def test_other_commands_are_bounded(arguments: list[str], what: str, capsys: pytest.CaptureFixture) -> None:
    assert main([*arguments, "--timeout", "0.001"]) == 2
    assert f"{what} did not end within 0.001 s; raise --timeout, or " in capsys.readouterr().err


def divide(x: int) -> float:
    return 1 / x


def run_out(_: int) -> None:
    raise MemoryError


def test_what_the_child_raises_is_named():
    with pytest.raises(ParameterError, match=r"The quotient failed with ZeroDivisionError: .*report it"):
        within(30, "The quotient", divide, 0)
    with pytest.raises(ParameterError, match="The quotient failed with memory ran out"):
        within(30, "The quotient", run_out, 0)
