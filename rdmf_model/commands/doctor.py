"""The command `rdmf doctor`."""

import typer

from rdmf_model.commands.options import Json
from rdmf_theory.support.terminal import emit

EPILOG = "Example: rdmf doctor"


def doctor(context: typer.Context, json: Json = False) -> None:
    """Say which commands work here, which do not and why, and what to do about it."""
    from rdmf_model.doctor import examine
    from rdmf_model.doctor import render as render_report

    report = examine(context.find_root().command.commands)  # type: ignore[attr-defined]
    emit(report, json, lambda: render_report(report))
    if not report["ok"]:
        raise typer.Exit(1)
