"""The command `rdmf demo`. The program itself, which the demo runs step by step, comes as the context's object."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from rdmf_model.commands.options import Json
from rdmf_theory.support.terminal import emit

EPILOG = "Example: rdmf demo demo-output"


def demo(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="New or empty folder.")] = Path("demo-output"),
    force: Annotated[bool, typer.Option("--force", help="Replace the folder of an earlier demo.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of data and training.")] = 0,
    epochs: Annotated[int, typer.Option(help="Epochs of the training.")] = 15,
    json: Json = False,
) -> None:
    """Run the whole line on embedded data and leave pictures and a report: derive, certify, train, verify, localize.

    Takes about a minute on one core, and needs neither data nor network.
    """
    from rdmf_model.demo.demo import DemoStopped
    from rdmf_model.demo.demo import demo as run_demo

    try:
        result = run_demo(folder, context.obj, seed=seed, epochs=epochs, force=force)
    except DemoStopped as stop:
        print(f"rdmf: {stop}", file=sys.stderr)
        raise typer.Exit(stop.code) from None
    word = "everything holds" if result["holds"] else "a property is violated"
    emit(result, json, lambda: print(f"{word}, {result['seconds']:.0f} s: {result['report']}"))
    if not result["holds"]:
        raise typer.Exit(1)
