"""The program itself: exit codes, start-up time, no heavy imports on the way to the help."""

import subprocess
import sys

import pytest
import typer

from rdmf_model import cli
from rdmf_theory.errors import DataError, ParameterError


@pytest.mark.parametrize(
    ("error", "code", "shown"),
    [
        pytest.param(ParameterError("x must be 1. Got 2."), 2, "rdmf: x must be 1. Got 2.\n", id="usage"),
        pytest.param(DataError("a.jsonl:3: bad"), 3, "rdmf: a.jsonl:3: bad\n", id="data"),
        pytest.param(typer.Exit(1), 1, "", id="violated"),
        pytest.param(KeyboardInterrupt(), 130, None, id="interrupted"),
    ],
)
def test_errors_become_exit_codes(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, shown: str | None
) -> None:
    app = typer.Typer(pretty_exceptions_enable=False)

    @app.command()
    def fail() -> None:
        raise error

    monkeypatch.setattr(cli, "app", app)
    assert cli.main([]) == code
    if shown is not None:
        assert capsys.readouterr().err == shown


def test_other_errors_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    app = typer.Typer(pretty_exceptions_enable=False)

    @app.command()
    def fail() -> None:
        raise RuntimeError("a defect of the program")

    monkeypatch.setattr(cli, "app", app)
    with pytest.raises(RuntimeError, match="a defect"):
        cli.main([])


def test_version_and_help(capsys: pytest.CaptureFixture) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("rdmf ")
    assert cli.main(["--help"]) == 0
    assert "Exit codes: 0 holds, 1 violated, 2 usage, 3 bad data" in capsys.readouterr().out


def test_the_program_starts_without_heavy_imports() -> None:
    code = (
        "import sys; from rdmf_model.cli import main; main(['--help']);"
        "heavy = {'torch', 'sympy', 'matplotlib', 'flint', 'scipy', 'accelerate'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_the_installed_program_reports_a_violation() -> None:
    arguments = ["check", "--F", "0.04", "--k", "0.06", "--s", "1", "--D-u", "2", "--D-v", "1", "--json"]
    command = [sys.executable, "-m", "rdmf_model.cli", *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert '"classification": "saddle-node"' in run.stdout
    assert run.stderr == ""
