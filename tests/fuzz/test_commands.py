"""Whatever the arguments, no command shows a traceback: the exit status is 0, 1, 2 or 3."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st

from rdmf_model.cli import app, main
from tests.fuzz.readers import READERS
from tests.properties.tiny import write_run

# they start training, searches, compilers, servers or minutes of work, and are tried with arguments that stop them
COSTLY = {"demo", "prove", "bench", "doctor", "branch", "verify", "serve", "extract"}
NUMBERS = [
    "0",
    "1",
    "-1",
    "0.04",
    "1/25",
    "nan",
    "inf",
    "1e-400",
    "1e400",
    "1/0",
    "",
    "x",
    "--",
    "0.06",
    "2",
    "65",
    "7",
]
WORDS = [
    "F",
    "k",
    "u",
    "gray-scott",
    "brusselator",
    "F=0.04",
    "F:0:1",
    "=",
    "a=b",
    "auto",
    "6,36",
    "6,",
    "cpu",
    "cuda",
    "best",
]
WORDS += ["u' = a - u", "json", "latex", "ü", "none", "hard", "x" * 300]


def commands() -> dict[str, list[str]]:
    """{command: its long options}."""
    group = typer.main.get_command(app)
    found = {}
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        options = [option for item in command.params for option in item.opts if option.startswith("--")]
        found[name] = [option for option in options if option not in ("--help", "--version")]
    return found


COMMANDS = commands()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of every kind, and the working folder of the search."""
    folder = tmp_path_factory.mktemp("commands")
    write_run(folder / "run")
    for number, reader in enumerate(READERS):
        (folder / f"{number}{reader.suffix}").write_bytes(reader.accepted())
    (folder / "bad.json").write_bytes(b"\xff")
    return folder


def run(arguments: list[str]) -> tuple[int, str]:
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        return main(arguments), said.getvalue()


def test_every_command_is_tried() -> None:
    assert {"derive", "check", "region", "certify", "dispersion", "simulate", "train", "evaluate", "verify"} <= set(
        COMMANDS
    )
    assert set(COMMANDS) >= COSTLY


@pytest.mark.parametrize("name", COMMANDS)
def test_any_arguments(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    files = [*sorted(path.name for path in folder.iterdir()), "absent", "absent/out.json", ".", "/"]
    value = st.sampled_from([*NUMBERS, *WORDS, *files]) | st.text(
        st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=5
    )
    option = st.tuples(st.sampled_from(COMMANDS[name] or ["--json"]), value).map(list)
    lone = st.sampled_from(COMMANDS[name] or ["--json"]).map(lambda word: [word])

    @settings(max_examples=2 if name in COSTLY else 5)
    @given(st.lists(option | lone | value.map(lambda word: [word]), max_size=5))
    def search(parts: list[list[str]]) -> None:
        arguments = [name, *(word for part in parts for word in part)]
        if name in COSTLY or (name == "train" and "toml" in " ".join(arguments)):
            arguments.append("--no-such-option")
        before = set(folder.iterdir())
        status, said = run(arguments)
        assert status in (0, 1, 2, 3), arguments
        assert "Traceback" not in said
        for path in set(folder.iterdir()) - before:
            # what a command wrote must not stand in the way of the next
            if path.is_file():
                path.unlink()

    search()
