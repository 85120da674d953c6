"""`rdmf stream`: saliency of a running video, clip by clip, with a fixed delay."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from rdmf_model.commands.options import Checkpoint, Device, Json, Run, Threads, set_up_device
from rdmf_theory.errors import DataError, ParameterError
from rdmf_theory.support.terminal import console, emit

EPILOG = "Example: rdmf stream runs/planted --text query.npz --features video.npy"


def stream(
    run: Run,
    text: Annotated[Path, typer.Option(help="Features of the query.")],
    features: Annotated[
        list[Path] | None,
        typer.Option(
            help="Feature files, one option per kind; or a folder of pieces in the order of their names.",
            show_default="raw float32 from standard input",
        ),
    ] = None,
    tolerance: Annotated[float, typer.Option(help="What cutting may change in a fused channel; decides the halo.")] = (
        1e-6
    ),
    halo: Annotated[int | None, typer.Option(min=0, help="Clips of halo.", show_default="the certified ones")] = None,
    block: Annotated[int, typer.Option(min=1, help="Clips handled together: more is cheaper, and later.")] = 16,
    certify: Annotated[bool, typer.Option("--certify", help="Also bound every block from its own clips.")] = False,
    clip_length: Annotated[float | None, typer.Option(help="Seconds per clip.", show_default="the training's")] = None,
    checkpoint: Checkpoint = "best",
    device: Device = "cpu",
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Saliency and pattern of a running video, one line of JSON per clip, a fixed number of clips behind.

    The answer does not depend on how the clips arrive. Its fused clips differ from those of the whole video by at most
    the bound that is said on stderr, its saliency by at most the one said at the end, plus rounding. With --json one
    object at the end instead of lines.
    """
    import torch

    from rdmf_model.checkpoints.checkpoint import load_run
    from rdmf_model.data.feature_sources import trained_kinds
    from rdmf_model.data.features import TEXT_KEYS, load_features
    from rdmf_model.streaming.report import clip_progress, clip_records, print_records
    from rdmf_model.streaming.source import read_clips
    from rdmf_model.streaming.streaming import StreamingFusion

    set_up_device(device, threads)
    if clip_length is not None and not 0 < clip_length < float("inf"):
        raise ParameterError(f"clip_length must be finite and positive. Got {clip_length}.")
    model, config, header = load_run(run, which=checkpoint, device=device)
    seconds = config.data.clip_length if clip_length is None else clip_length
    words = load_features(text, TEXT_KEYS, unit="tokens")
    widths, kinds = header["widths"], trained_kinds(header)
    if words.shape[1] != widths["text"]:
        raise DataError(f"{text}: text features must have {widths['text']} channels. Got {words.shape[1]}.")
    options: dict[str, Any] = {"tolerance": tolerance, "halo": halo, "block": block, "certify": certify}
    running = StreamingFusion(model, torch.from_numpy(words).float().to(device), **options)  # type: ignore[arg-type]
    plan = running.plan
    console.print(
        f"halo {plan.halo} clips, contrast {plan.radius}; latency at most {running.latency} clips = "
        f"{running.latency * seconds:g} s; certified |stream - offline| <= {plan.bound:.2g} for any video",
        highlight=False,
        soft_wrap=True,
    )
    records: list[dict[str, float]] = []
    clips = 0
    with clip_progress("streaming") as progress:

        def take(output: Any) -> None:
            nonlocal clips
            clips += len(output.pattern)
            found = clip_records(output, seconds)
            if json:
                records.extend(found)
            else:
                print_records(found)
            progress(len(found))

        for rows in read_clips(features or [], widths["video"], max(block, 256), sys.stdin.buffer, kinds):
            take(running.push(torch.from_numpy(rows).to(device)))
        take(running.flush())
    ours = f"{running.bound:.2g}, saliency {running.saliency_bound:.2g}"
    console.print(f"certified for these {clips} clips: {ours}", highlight=False, soft_wrap=True)
    if json:
        summary = {"halo": plan.halo, "radius": plan.radius, "latency": running.latency, "clip_length": seconds}
        bounds = {"bound": running.bound, "saliency_bound": running.saliency_bound}
        emit(summary | bounds | {"clips": records}, True, lambda: None)
