"""The program explains itself: every command by examples, under a heading, and in the tables of the documentation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from rdmf_model.cli import app, main

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def one_line(text: str) -> str:
    """Text without the line breaks of a terminal."""
    return " ".join(text.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_help_teaches_by_example(name: str, capsys: pytest.CaptureFixture) -> None:
    assert main([name, "--help"]) == 0
    _, *examples = re.split("Examples?:", one_line(capsys.readouterr().out))
    assert examples
    assert all(example.strip().startswith(f"rdmf {name}") for example in examples)
    takes_system = any("--system" in parameter.opts for parameter in COMMANDS[name].params)
    assert takes_system == any(" --system " in example for example in examples)


def test_commands_are_grouped(capsys: pytest.CaptureFixture) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    headings = re.findall(r"─ ([A-Z][^─]*) ─", text)
    assert headings == [
        "Options",
        "Commands",
        "Theory: points and regions",
        "Theory: the layer and its patterns",
        "Theory: proofs and certificates",
        "Models: train, measure, verify, use",
    ]


@pytest.mark.parametrize("page", ["README.md", "docs/usage.md"])
def test_tables_name_every_command(page: str) -> None:
    rows = [line for line in (ROOT / page).read_text().splitlines() if line.startswith("|")]
    named = set(re.findall(r"`(?:rdmf )?([a-z-]+)[ A-Z]*`", "\n".join(rows)))
    assert set(COMMANDS) <= named
