"""Commands of a model's life: train, evaluate, localize, doctor; `verify` is in `verify_cli`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from rdmf_model import verify_cli
from rdmf_theory.errors import ParameterError
from rdmf_theory.support.terminal import console, emit

Run = Annotated[Path, typer.Argument(help="Run folder of `rdmf train`, or a checkpoint file.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Checkpoint = Annotated[str, typer.Option(help="Which checkpoint of the folder: best or last.")]
Device = Annotated[str, typer.Option(help="cpu or cuda.")]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads of torch.", show_default="torch's choice")]
HEADLINES = ("MR-full-R1@0.5", "MR-full-R1@0.7", "MR-full-mAP", "HL-min-VeryGood-mAP", "HL-min-VeryGood-Hit1")


PANEL = "Models: train, measure, verify, use"
"""Heading of `rdmf --help`."""


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    for command, epilog in (
        (train, "Example: rdmf train configs/planted.toml -o run --epochs 2"),
        (evaluate, "Example: rdmf evaluate run -o predictions.jsonl"),
        (verify_cli.verify, verify_cli.EPILOG),
        (localize, "Example: rdmf localize run --features video.npz --text query.npz --plot timeline.png"),
    ):
        app.command(epilog=epilog, rich_help_panel=PANEL)(command)
    app.command(epilog="Example: rdmf doctor")(doctor)


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


def evaluate(
    run: Annotated[Path | None, typer.Argument(help="Run folder or checkpoint file.", show_default=False)] = None,
    split: Annotated[str, typer.Option(help="train, val or test, as the run's configuration names them.")] = "val",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Predictions of the run, jsonl.")] = None,
    predictions: Annotated[Path | None, typer.Option(help="Instead of a run: prediction jsonl.")] = None,
    ground_truth: Annotated[Path | None, typer.Option(help="Annotation jsonl for --predictions.")] = None,
    clip_length: Annotated[float, typer.Option(help="Seconds per annotated clip, for --predictions.", min=0.01)] = 2.0,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="data.KEY=VALUE", help="Where the data lies now. Repeatable.")
    ] = None,
    checkpoint: Checkpoint = "best",
    batch_size: Annotated[int | None, typer.Option(min=1, show_default="the training's")] = None,
    device: Device = "cpu",
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Metrics of a run on a split, or of a prediction file: R1, mAP, mIoU of moments, mAP and HIT@1 of highlights."""
    from rdmf_model.evaluation.files import evaluate_files, print_metrics

    files = [path for path in (predictions, ground_truth) if path is not None]
    if (run is None) == (not files) or len(files) == 1:
        raise ParameterError("evaluate needs a run, or --predictions and --ground-truth. Give one of the two.")
    if predictions is not None and ground_truth is not None:
        metrics = evaluate_files(predictions, ground_truth, clip_length)
    else:
        from rdmf_model.evaluation.run import evaluate_run

        set_up_device(device, threads)
        options: dict[str, Any] = {"output": output, "overrides": settings or [], "batch_size": batch_size}
        metrics = evaluate_run(run or Path(), split, which=checkpoint, device=device, **options)

    def render() -> None:
        if metrics:
            print_metrics(metrics)
        else:
            print("the split has no windows or scores to compare with")

    emit(metrics, json, render)


def localize(
    run: Run,
    features: Annotated[
        list[Path], typer.Option(help="Features of the video; one option per kind, in training order.")
    ],
    text: Annotated[Path, typer.Option(help="Features of the query.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The answer as a JSON file.", show_default=False)
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Timeline picture, .png, .pdf or .svg.", show_default=False)] = None,
    title: Annotated[str, typer.Option(help="Title of the picture, such as the query.")] = "",
    top: Annotated[int, typer.Option(min=1, help="Windows to show.")] = 5,
    clip_length: Annotated[float | None, typer.Option(help="Seconds per clip.", show_default="the training's")] = None,
    block: Annotated[
        int | None, typer.Option(min=0, help="Clips per window; 0: none.", show_default="2048 above 4096 clips")
    ] = None,
    checkpoint: Checkpoint = "best",
    device: Device = "cpu",
    json: Json = False,
) -> None:
    """Find the moments of one video that one query describes.

    A long video is read and fused in windows: same answer, bounded memory if its features are .npy files.
    """
    from rdmf_model.evaluation.localize import localize as run_localization
    from rdmf_model.evaluation.timeline import draw_timeline
    from rdmf_model.streaming.report import clip_progress
    from rdmf_theory.support.files import write_atomically

    set_up_device(device, None)
    with clip_progress("fusing") as progress:
        options: dict[str, Any] = {"which": checkpoint, "device": device, "block": block, "progress": progress}
        result = run_localization(run, features, text, clip_length=clip_length, **options)
    if output is not None:
        import json as codec

        if not output.absolute().parent.is_dir():
            raise ParameterError(f"--output must lie in a folder that exists. Got {output}.")
        write_atomically(output, codec.dumps(result.to_dict(), indent=2, allow_nan=False).encode())
    if plot is not None:
        draw_timeline(result, plot, title=title, top=top)
        console.print(f"timeline: {plot}", highlight=False, soft_wrap=True)

    def render() -> None:
        for start, end, score in result.windows[:top]:
            print(f"{start:8.2f} to {end:8.2f} s  score {score:.3f}")

    emit(result.to_dict(), json, render)


def doctor(json: Json = False) -> None:
    """Say what is installed, what works here, and what to do about the rest."""
    from rdmf_model.doctor import examine
    from rdmf_model.doctor import render as render_report

    report = examine()
    emit(report, json, lambda: render_report(report))
    if not report["ok"]:
        raise typer.Exit(1)


def set_up_device(device: str, threads: int | None) -> None:
    """Check that the device is there, set the threads. Raises ParameterError for a device that is not."""
    import torch

    if device not in ("cpu", "cuda") or (device == "cuda" and not torch.cuda.is_available()):
        raise ParameterError(f"--device must be cpu, or cuda where torch sees a GPU. Got {device!r}.")
    if threads is not None:
        torch.set_num_threads(threads)
