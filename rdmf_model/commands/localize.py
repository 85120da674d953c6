"""The command `rdmf localize`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from rdmf_model.commands.options import Checkpoint, Device, Json, Run, Threads, set_up_device
from rdmf_theory.errors import ParameterError
from rdmf_theory.support.terminal import console, emit

EPILOG = "Example: rdmf localize run --features video.npz --text query.npz --plot timeline.png"


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
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Find the moments of one video that one query describes.

    A long video is read and fused in windows: same answer, bounded memory if its features are .npy files.
    """
    from rdmf_model.evaluation.localize import localize as run_localization
    from rdmf_model.evaluation.timeline import draw_timeline
    from rdmf_model.streaming.report import clip_progress
    from rdmf_theory.support.files import write_atomically

    set_up_device(device, threads)
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
        if result.no_moment:
            print(f"probably not in this video: every score is below {result.threshold:.3f}, chosen on validation data")
        for start, end, score in result.windows[:top]:
            print(f"{start:8.2f} to {end:8.2f} s  score {score:.3f}")

    emit(result.to_dict(), json, render)
