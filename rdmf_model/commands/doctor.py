"""The command `rdmf doctor`."""

import typer

from rdmf_model.commands.options import Json
from rdmf_theory.support.terminal import emit

EPILOG = "Example: rdmf doctor"


def doctor(json: Json = False) -> None:
    """Say what is installed, what works here, and what to do about the rest."""
    from rdmf_model.doctor import examine
    from rdmf_model.doctor import render as render_report

    report = examine()
    emit(report, json, lambda: render_report(report))
    if not report["ok"]:
        raise typer.Exit(1)
