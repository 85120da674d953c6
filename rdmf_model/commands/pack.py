"""`rdmf pack`: one checked folder with all that a user of a trained run needs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rdmf_model.commands.options import Json
from rdmf_theory.support.terminal import emit

EPILOG = "Example: rdmf pack runs/planted -o planted-model; rdmf localize planted-model --features v.npz --text q.npz"


def pack(
    run: Annotated[Path, typer.Argument(help="Run folder of `rdmf train`.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="The new folder.", show_default=False)],
    json: Json = False,
) -> None:
    """Copy weights, configuration, certificate, model card and encoder of a run into one folder, with digests.

    The folder is used like a run. Every command that loads it first compares each file with its SHA-256 in pack.json
    and names one that was changed. Verify first, so that the certificate is in it: `rdmf verify RUN`. Not copied:
    the training's state, its log and its data.
    """
    from rdmf_model.checkpoints.pack import pack_run

    document = pack_run(run, output)
    names = ", ".join(document["files"])
    emit({"folder": str(output), **document}, json, lambda: print(f"{output}: {names}"))
