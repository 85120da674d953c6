"""The command `rdmf evaluate`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from rdmf_model.commands.options import Checkpoint, Device, Json, Threads, set_up_device
from rdmf_theory.errors import ParameterError
from rdmf_theory.support.terminal import emit

EPILOG = "Examples: rdmf evaluate run -o predictions.jsonl; rdmf evaluate run --split test --data other"


def evaluate(
    run: Annotated[Path | None, typer.Argument(help="Run folder or checkpoint file.", show_default=False)] = None,
    split: Annotated[str, typer.Option(help="train, val or test, as the run's configuration names them.")] = "val",
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Another folder of the training's layout: SPLIT.jsonl and features.", show_default=False
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Predictions of the run, jsonl.")] = None,
    predictions: Annotated[Path | None, typer.Option(help="Instead of a run: prediction jsonl.")] = None,
    ground_truth: Annotated[Path | None, typer.Option(help="Annotation jsonl for --predictions.")] = None,
    clip_length: Annotated[float, typer.Option(help="Seconds per annotated clip, for --predictions.", min=0.01)] = 2.0,
    no_moment_threshold: Annotated[
        float | None,
        typer.Option(help='Answer "no moment" below this score.', min=0.0, max=1.0, show_default="the validation's"),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="data.KEY=VALUE", help="Where the data lies now. Repeatable.")
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Draw the first right and the first wrong answer.", show_default=False),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND", help="As if no video had this kind of features. Repeatable.", show_default=False),
    ] = None,
    checkpoint: Checkpoint = "best",
    batch_size: Annotated[int | None, typer.Option(min=1, show_default="the training's")] = None,
    device: Device = "cpu",
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Metrics of a run on a split, or of a prediction file; the labels of the set decide which tables there are.

    Windows: R1, R5, mAP, mIoU. Saliency scores: mAP, HIT@1. Labels per clip: top-5 mAP (TVSum), mAP (YouTube
    Highlights).
    Queries that match nothing: AUROC and F1.
    """
    from rdmf_model.evaluation.files import evaluate_files
    from rdmf_model.evaluation.tables import print_metrics

    files = [path for path in (predictions, ground_truth) if path is not None]
    if (run is None) == (not files) or len(files) == 1:
        raise ParameterError("evaluate needs a run, or --predictions and --ground-truth. Give one of the two.")
    if data is not None and run is None:
        raise ParameterError("--data is for a run. Leave it out with --predictions.")
    if (without or pictures is not None) and run is None:
        raise ParameterError("--without and --pictures are for a run. Leave them out with --predictions.")
    if predictions is not None and ground_truth is not None:
        metrics = evaluate_files(predictions, ground_truth, clip_length, no_moment_threshold)
    else:
        from rdmf_model.evaluation.run import evaluate_run

        set_up_device(device, threads)
        options: dict[str, Any] = {"output": output, "overrides": settings or [], "batch_size": batch_size}
        options |= {"data": data, "without": without or [], "pictures": pictures}
        options["no_moment_threshold"] = no_moment_threshold
        metrics = evaluate_run(run or Path(), split, which=checkpoint, device=device, **options)

    def render() -> None:
        if metrics:
            print_metrics(metrics)
        else:
            print("the split has no windows or scores to compare with")

    emit(metrics, json, render)
