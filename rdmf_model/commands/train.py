"""The command `rdmf train`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from rdmf_model.commands.options import Json, Threads
from rdmf_theory.errors import ParameterError
from rdmf_theory.support.terminal import emit

HEADLINES = (
    "MR-full-R1@0.5",
    "MR-full-R1@0.7",
    "MR-full-mAP",
    "HL-min-VeryGood-mAP",
    "HL-min-VeryGood-Hit1",
    "HL-top5-mAP",
    "HL-mAP",
    "NM-AUROC",
)

EPILOG = "Example: rdmf train configs/planted.toml -o run --epochs 2"


def train(
    config: Annotated[Path | None, typer.Argument(help="TOML configuration.", show_default=False)] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Run folder.", show_default="runs/NAME")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in the output folder.")] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override, such as train.epochs=3. Repeatable."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="train.seed", show_default=False)] = None,
    epochs: Annotated[int | None, typer.Option(help="train.epochs", show_default=False)] = None,
    fusion: Annotated[str | None, typer.Option(help="model.fusion", show_default=False)] = None,
    constraint: Annotated[
        str | None,
        typer.Option(
            metavar="hard|none|penalty", help="Ablation: let designs leave the region.", show_default="model.constraint"
        ),
    ] = None,
    wavelength: Annotated[
        str | None,
        typer.Option(metavar="auto|MIN,MAX", help="Wavelengths in clips; auto: from the windows.", show_default=False),
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda.", show_default=False)] = None,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Train a model under its admissible region. Several processes: torchrun or accelerate launch."""
    from rdmf_model.config.config import load_config
    from rdmf_model.training.train import train as run_training

    flags = {
        "train.seed": seed,
        "train.epochs": epochs,
        "model.fusion": fusion,
        "model.constraint": constraint,
        "train.device": device,
        "train.threads": threads,
    }
    overrides = [*(settings or []), *(f"{key}={value}" for key, value in flags.items() if value is not None)]
    if wavelength is not None:
        overrides.append(f"model.region.wavelength={parse_wavelength(wavelength)}")
    if config is None and overrides:
        raise ParameterError(f"{overrides[0]} needs the configuration that it overrides. Give CONFIG too.")
    if config is None and output is None:
        raise ParameterError(
            "CONFIG or, with --resume, --output is needed. Give a TOML file such as configs/planted.toml."
        )
    loaded = None if config is None else load_config(config, overrides)
    result = run_training(loaded, output or Path("runs") / (config or Path()).stem, resume=resume)

    def render() -> None:
        if result.resumed_finished:
            print(f"{result.run} is finished already: {result.epochs} epochs. Nothing to resume.")
        print(
            f"best epoch {result.best_epoch} of {result.epochs}, {result.parameters} parameters, "
            f"{result.seconds:.0f} s: {result.run}"
        )
        print_headlines(result.metrics)

    import os

    if int(os.environ.get("RANK", "0")) == 0:
        emit(result.to_dict(), json, render)


def parse_wavelength(text: str) -> str:
    """ "auto" or "MIN,MAX" as a TOML value. Raises ParameterError for anything else."""
    if text == "auto":
        return '"auto"'
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise ParameterError(f"--wavelength must be auto or MIN,MAX in clips, such as 6,36. Got {text!r}.") from None
    return f"[{low!r}, {high!r}]"


def print_headlines(metrics: dict[str, Any]) -> None:
    """Print the headline metrics that there are."""
    for name in HEADLINES:
        if name in metrics:
            print(f"{name:<22} {metrics[name]:6.2f}")
