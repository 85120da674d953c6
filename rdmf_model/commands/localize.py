"""The command `rdmf localize`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from rdmf_model.commands.options import Checkpoint, Device, Json, Threads, set_up_device
from rdmf_theory.errors import ParameterError
from rdmf_theory.support.terminal import console, emit

EPILOG = (
    'Examples: rdmf localize video.mp4 "a man opens a door" --html page.html; '
    "rdmf localize run --features video.npz --text query.npz --plot timeline.png"
)


def localize(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="[RUN] [VIDEO SENTENCE]", help="Run, video file and sentence; see above.", show_default=False
        ),
    ],
    features: Annotated[
        list[Path] | None,
        typer.Option(help="Instead of a video: its features; one option per kind, in training order."),
    ] = None,
    text: Annotated[Path | None, typer.Option(help="Instead of a sentence: features of the query.")] = None,
    batch: Annotated[
        Path | None, typer.Option(help="Instead of a sentence: jsonl with a `query` per line.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The answer as a JSON file.", show_default=False)
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Timeline picture, .png, .pdf or .svg.", show_default=False)] = None,
    html: Annotated[
        Path | None, typer.Option(help="Page with the video and a timeline to click.", show_default=False)
    ] = None,
    cut: Annotated[
        Path | None, typer.Option(help="The best window as a video file, copied without encoding.", show_default=False)
    ] = None,
    certify: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Certificate of where the competition behind the answer goes (with --features).",
            show_default=False,
        ),
    ] = None,
    title: Annotated[str, typer.Option(help="Title of the picture.", show_default="the sentence")] = "",
    top: Annotated[int, typer.Option(min=1, help="Windows to show.")] = 5,
    encoder: Annotated[
        str, typer.Option(metavar="NAME[:ARGUMENT]", help="Encoder of the video and sentence.")
    ] = "lite",
    clip_length: Annotated[
        float | None, typer.Option(help="Seconds per clip.", show_default="the training's, else 2")
    ] = None,
    keep_truncated: Annotated[bool, typer.Option("--keep-truncated", help="Take what is there of a cut-off file.")] = (
        False
    ),
    block: Annotated[
        int | None, typer.Option(min=0, help="Clips per window; 0: none.", show_default="2048 above 4096 clips")
    ] = None,
    checkpoint: Checkpoint = "best",
    device: Device = "cpu",
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Find the moments of one video that one sentence describes.

    VIDEO SENTENCE: zero-shot, by an encoder that works offline, and the answer says so. RUN VIDEO SENTENCE: by a
    trained run. RUN with --features and --text: by a run, from ready features; a long video is read and fused in
    chunks.
    """
    set_up_device(device, threads)
    if features or text is not None:
        if not features or text is None or len(arguments) != 1 or html or cut or batch:
            raise ParameterError(
                "--features and --text go together, with a run alone, and without --html, --cut and --batch: there is "
                "no video to show. Give RUN --features FILE --text FILE, or [RUN] VIDEO SENTENCE."
            )
        localize_features(
            Path(arguments[0]),
            features,
            text,
            output=output,
            plot=plot,
            certify=certify,
            title=title,
            top=top,
            clip_length=clip_length,
            block=block,
            checkpoint=checkpoint,
            device=device,
            json=json,
        )
        return
    from rdmf_model.commands.localize_video import Outputs, localize_video, read_queries

    if block is not None or checkpoint != "best" or device != "cpu" or certify is not None:
        raise ParameterError(
            "--block, --checkpoint, --device and --certify are for a run with --features. Leave them out."
        )
    sentences = 0 if batch is not None else 1
    if not 1 <= len(arguments) - sentences <= 2:
        raise ParameterError(
            "localize takes [RUN] VIDEO SENTENCE, [RUN] VIDEO --batch FILE, or RUN --features FILE --text FILE. Got "
            f"{len(arguments)} arguments; put the sentence in quotes."
        )
    *files, video = arguments[: len(arguments) - sentences]
    localize_video(
        Path(video),
        arguments[-1:] if batch is None else read_queries(batch),
        Outputs(output, plot, html, cut),
        run=Path(files[0]) if files else None,
        encoder=encoder,
        clip_length=clip_length,
        keep_truncated=keep_truncated,
        top=top,
        title=title,
        json=json,
    )


def localize_features(
    run: Path,
    features: list[Path],
    text: Path,
    *,
    output: Path | None,
    plot: Path | None,
    certify: Path | None,
    title: str,
    top: int,
    clip_length: float | None,
    block: int | None,
    checkpoint: str,
    device: str,
    json: bool,
) -> None:
    """What `rdmf localize RUN --features FILE --text FILE` does."""
    from rdmf_model.evaluation.localize import localize as run_localization
    from rdmf_model.evaluation.timeline import draw_timeline
    from rdmf_model.streaming.report import clip_progress
    from rdmf_theory.support.files import write_atomically

    if certify is not None and device != "cpu":
        raise ParameterError("--certify is about the answer of the CPU. Leave --device out.")
    for name, file in (("--output", output), ("--certify", certify)):
        if file is not None and not file.absolute().parent.is_dir():
            raise ParameterError(f"{name} must lie in a folder that exists. Got {file}.")
    with clip_progress("fusing") as progress:
        options: dict[str, Any] = {"which": checkpoint, "device": device, "block": block, "progress": progress}
        result = run_localization(run, features, text, clip_length=clip_length, **options)
    if output is not None:
        import json as codec

        write_atomically(output, codec.dumps(result.to_dict(), indent=2, allow_nan=False).encode())
    if plot is not None:
        draw_timeline(result, plot, title=title, top=top)
        console.print(f"timeline: {plot}", highlight=False, soft_wrap=True)

    if result.missing:
        lacking = f"without {', '.join(result.missing)}: the answer rests on the other features"
        console.print(lacking, highlight=False, soft_wrap=True)

    def render() -> None:
        if result.no_moment:
            print(f"probably not in this video: every score is below {result.threshold:.3f}, chosen on validation data")
        for start, end, score in result.windows[:top]:
            print(f"{start:8.2f} to {end:8.2f} s  score {score:.3f}")

    answer, proved = result.to_dict(), True
    if certify is not None:
        from rdmf_model.verification.answers import certify_features

        report = certify_features(run, features, text, clip_length=clip_length, which=checkpoint)
        certificate = report.answers[0].certificate(report.subject)
        if certificate is not None:
            certificate.save(certify)
        proved = report.holds
        answer["certified"] = report.answers[0].to_dict()
        console.print(report.answers[0].sentence(report.steps), highlight=False, soft_wrap=True)
    emit(answer, json, render)
    if not proved:
        raise typer.Exit(1)
