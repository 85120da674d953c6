"""One voice of the program: errors as JSON, pipes, ranges, states, shared options, and help on a narrow terminal."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import typer.main

from rdmf_model.cli import app, main
from tests.test_imports import PROGRAM, loaded_modules

COMMANDS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
BRUSSELATOR = ["--system", "brusselator", "--set", "a=2", "--set", "b=3", "--set", "D_x=1"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["train", "--nonsense"], 2),
        (["check", "--F", "-1", "--k", "0.06", "--D-u", "2", "--D-v", "1"], 2),
        (["evaluate"], 2),
        (["certify", "absent.json"], 3),
        (["verify", "absent"], 3),
    ],
    ids=lambda x: x[0] if isinstance(x, list) else str(x),
)
def test_an_error_is_one_json_object_too(arguments, code, capsys) -> None:
    assert main([*arguments, "--json"]) == code
    out, err = capsys.readouterr()
    answer = json.loads(out)
    assert answer["exit"] == code
    assert answer["error"]
    assert err
    assert main(arguments) == code
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("arguments", ["derive", "--help", "check --F 0.055 --k 0.062 --D-u 2 --D-v 1"])
def test_a_reader_that_leaves_is_no_violation(arguments) -> None:
    # the reading end is closed before the program writes, so even a short answer meets a broken pipe
    command = [str(PROGRAM), *arguments.split()]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    assert process.wait(60) == 141


def test_a_full_pipe_that_closes_is_no_violation() -> None:
    line = f"'{PROGRAM}' region --d 2 --s 1 --json | head -c 1 > {os.devnull}; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert done.stdout.strip() in ("0", "141")


def test_ranges_have_one_syntax_and_the_older_ones_a_hint(capsys) -> None:
    answers = []
    for axis in ("D_y=1:12", "D_y:1:12"):
        assert main(["region", *BRUSSELATOR, "--x", axis, "--json"]) == 0
        out, err = capsys.readouterr()
        answers.append(json.loads(out))
        assert ("hint: write --x D_y=1:12" in err) == (axis == "D_y:1:12")
    assert answers[0] == answers[1]
    assert main(["region", *BRUSSELATOR, "--x", "D_y=1"]) == 2
    assert "--x must be NAME=LOW:HIGH" in capsys.readouterr().err


def test_branch_takes_the_name_in_the_range_or_apart(capsys) -> None:
    common = ["branch", "--clips", "30", "--modes", "5", "--json"]
    answers = []
    for words in (["--range", "excess=0.9:1.2"], ["--parameter", "excess", "--range", "0.9:1.2"]):
        assert main([*common, *words]) == 0
        answers.append(json.loads(capsys.readouterr().out))
    first, second = (answer["branches"][0] for answer in answers)
    assert (first["name"], first["end"]) == (second["name"], second["end"])
    assert first["start"] == pytest.approx(second["start"])
    assert main([*common, "--parameter", "rate", "--range", "excess=0.9:1.2"]) == 2
    assert "must name the same" in capsys.readouterr().err


def test_states_are_counted_from_one(capsys) -> None:
    point = ["dispersion", "--system", "gray-scott", "--set", "F=0.055", "--set", "k=0.062", "--set", "s=1"]
    point += ["--set", "D_u=2", "--set", "D_v=1", "--json"]
    states = []
    for state in (1, 2, 3):
        assert main([*point, "--state", str(state)]) == 0
        states.append(json.loads(capsys.readouterr().out)["state"])
    assert len({json.dumps(state) for state in states}) == 3
    for state in ("0", "4"):
        assert main([*point, "--state", state]) == 2
        assert "--state must be from 1 to 3" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["train", "evaluate", "verify", "localize", "stream", "export", "bench"])
def test_every_model_command_sets_threads(command) -> None:
    options = {name for p in typer.main.get_command(app).commands[command].params for name in p.opts}  # type: ignore[attr-defined]
    assert "--threads" in options
    assert "--json" in options


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_wraps_at_80_columns(command) -> None:
    environment = os.environ | {"COLUMNS": "80", "TERM": "dumb", "NO_COLOR": "1"}
    words = [sys.executable, "-m", "rdmf_model.cli", *([command] if command else []), "--help"]
    text = subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text, "an option or a value is cut"
    options = re.findall(r"(--[a-z][\w-]*)", text)
    assert options


@pytest.mark.parametrize(
    "arguments", [["train", "--nonsense"], ["evaluate"], ["localize", "run", "--device", "gpu"], ["stream"]]
)
def test_a_usage_error_does_not_import_torch(arguments) -> None:
    code = (
        "import sys; from rdmf_model.cli import main; sys.stdout = sys.stderr; "
        f"assert main({arguments!r}) == 2; sys.stdout = sys.__stdout__"
    )
    assert "torch" not in loaded_modules(code)


def test_the_shell_can_complete_commands() -> None:
    variables = os.environ | {"_RDMF_COMPLETE": "complete_bash", "COMP_WORDS": "rdmf ver", "COMP_CWORD": "1"}
    done = subprocess.run([str(PROGRAM)], env=variables, capture_output=True, text=True, check=False)
    assert "verify" in done.stdout


def test_the_version_is_that_of_the_package(capsys) -> None:
    assert main(["--version"]) == 0
    import rdmf_theory

    assert capsys.readouterr().out == f"rdmf {rdmf_theory.__version__}\n"
    assert Path(rdmf_theory.__file__).with_name("py.typed").exists()


@pytest.mark.parametrize(
    "allocate",
    [
        lambda: torch.empty(2**46, dtype=torch.uint8),
        lambda: np.empty(2**46, dtype=np.uint8),
    ],
    ids=["torch", "numpy"],
)
def test_too_little_memory_is_one_line(allocate, monkeypatch, capsys) -> None:
    monkeypatch.setattr("rdmf_model.cli.app", lambda **_: allocate())
    assert main(["train", "--json"]) == 3
    out, err = capsys.readouterr()
    assert "too little memory" in json.loads(out)["error"]
    assert "train.batch_size" in err
    assert len(err.splitlines()) == 1


def test_another_runtime_error_is_not_about_memory(monkeypatch) -> None:
    def fail(**_: object) -> None:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr("rdmf_model.cli.app", fail)
    with pytest.raises(RuntimeError, match="shapes"):
        main(["train"])
