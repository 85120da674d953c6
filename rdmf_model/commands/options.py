"""Options that several commands of a model share."""

from pathlib import Path
from typing import Annotated

import typer

from rdmf_theory.commands.options import Json
from rdmf_theory.errors import ParameterError

__all__ = ["Checkpoint", "Device", "Json", "Run", "Threads", "set_up_device"]

Run = Annotated[Path, typer.Argument(help="Run folder of `rdmf train`, or a checkpoint file.", show_default=False)]
Checkpoint = Annotated[str, typer.Option(help="Which checkpoint of the folder: best or last.")]
Device = Annotated[str, typer.Option(help="cpu or cuda.")]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads of torch.", show_default="torch's choice")]


def set_up_device(device: str, threads: int | None) -> None:
    """Check that the device is there, set the threads. Raises ParameterError for a device that is not."""
    message = f"--device must be cpu, or cuda where torch sees a GPU. Got {device!r}."
    if device not in ("cpu", "cuda"):
        # said before torch is imported, which takes seconds
        raise ParameterError(message)
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise ParameterError(message)
    if threads is not None:
        torch.set_num_threads(threads)
