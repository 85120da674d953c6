"""The command `rdmf serve`."""

from pathlib import Path
from typing import Annotated

import typer

from rdmf_theory.errors import ParameterError
from rdmf_theory.support.terminal import console

EPILOG = "Example: rdmf serve runs/mine --port 7860"


def serve(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[RUN]...", help="Runs to answer by, beside zero-shot.", show_default=False),
    ] = None,
    encoder: Annotated[str, typer.Option(metavar="NAME[:ARGUMENT]", help="Encoder of videos and sentences.")] = "lite",
    clip_length: Annotated[
        float | None, typer.Option(help="Seconds per clip.", show_default="the training's, else 2")
    ] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port.", show_default="free, from 7860")] = None,
    largest: Annotated[int, typer.Option(min=1, help="Largest upload, MiB.")] = 2048,
    browser: Annotated[bool, typer.Option("--browser", help="Open the page.")] = False,
) -> None:
    """Serve a page on this machine: drop a video, type a sentence, jump to the moment.

    The page is for this machine alone (127.0.0.1). Several runs are compared on one timeline each.
    """
    import numpy as np

    from rdmf_model.encoders.registry import load_encoder
    from rdmf_model.moments.search import clip_length_of_run, kinds_of_run
    from rdmf_model.web.app import build
    from rdmf_model.web.app import serve as run_server

    chosen = load_encoder(encoder)
    named = {path.resolve().name: path for path in runs or []}
    if len(named) < len(runs or []):
        raise ParameterError("two runs have the same name. Rename one of them.")
    lengths = set()
    for path in named.values():
        kinds_of_run(path, chosen)
        lengths.add(clip_length_of_run(path))
    if clip_length is None and len(lengths) > 1:
        raise ParameterError(f"the runs have clips of {sorted(lengths)} s. Give --clip-length, or one run.")
    page = build(chosen, clip_length or next(iter(lengths), 2.0), named)
    # the weights are read before the first visitor comes
    chosen.encode_text("ready")
    chosen.encode(np.zeros((1, chosen.picture.height, chosen.picture.width, 3), dtype=np.uint8), None)
    address = run_server(page, port, largest, block=False, open_browser=browser)
    console.print(f"{address}  (this machine only; Ctrl-C ends it)", highlight=False, soft_wrap=True)
    page.block_thread()
