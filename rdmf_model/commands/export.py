"""The command `rdmf export`."""

from pathlib import Path
from typing import Annotated

import typer

from rdmf_model.commands.options import Checkpoint, Json, Run, Threads, set_up_device
from rdmf_theory.support.extras import install_hint
from rdmf_theory.support.terminal import console, emit

EPILOG = "Example: rdmf export runs/planted -o model.onnx"


def export(
    run: Run,
    output: Annotated[Path, typer.Option("--output", "-o", help="ONNX file to write.", show_default=False)],
    checkpoint: Checkpoint = "best",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the features that the two are compared on.")] = 0,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Write a trained model as an ONNX file that takes any batch, clips and words, and compare the two in onnxruntime.

    Exit code 1: an output differs by more than 1e-5.
    """
    set_up_device("cpu", threads)
    from rdmf_model.checkpoints.onnx import export_run

    with console.status("exporting the model, a minute or two"):
        result = export_run(run, output, which=checkpoint, seed=seed)

    def render() -> None:
        print(f"{result['output']}: {result['bytes'] / 1e6:.1f} MB, opset {result['opset']}, {result['steps']} steps")
        for check in result["checks"]:
            worst = max(check["difference"].values())
            print(f"clips {check['clips']}, words {check['words']}: within {worst:.1e} of the model")
        if not result["checks"]:
            print(f"not compared: onnxruntime is not installed. {install_hint('onnx')}")

    emit(result, json, render)
    if result["holds"] is False:
        raise typer.Exit(1)
