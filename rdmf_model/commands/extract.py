"""The command `rdmf extract`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from rdmf_model.commands.options import Json
from rdmf_theory.support.terminal import console, emit

EPILOG = "Example: rdmf extract video.mp4 talks/ -o features --jobs 2"


def extract(
    videos: Annotated[list[Path], typer.Argument(metavar="VIDEO...", help="Video files, or folders of them.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the features.")] = Path("features"),
    encoder: Annotated[
        str, typer.Option(metavar="NAME[:ARGUMENT]", help="lite, clip:FOLDER (or a hub id), or audio.")
    ] = "lite",
    clip_length: Annotated[float, typer.Option(help="Seconds per clip.")] = 2.0,
    text: Annotated[
        Path | None, typer.Option(help="Annotation jsonl: encode its queries, too.", show_default=False)
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Videos at a time, one process each.")] = 1,
    keep_truncated: Annotated[bool, typer.Option("--keep-truncated", help="Take what is there of cut-off files.")] = (
        False
    ),
    force: Annotated[bool, typer.Option("--force", help="Replace features made with other settings.")] = False,
    json: Json = False,
) -> None:
    """Encode videos into feature folders that train, localize and stream read, and write a manifest.

    Repeat the command after an interruption: what is finished is kept, and a video that was begun is continued.
    """
    from rdmf_model.extraction.extract import extract as run_extraction
    from rdmf_model.extraction.settings import Settings
    from rdmf_model.extraction.texts import extract_texts

    settings = Settings(encoder, clip_length, keep_truncated)
    with _bars() as progress:
        result = run_extraction(videos, output, settings, jobs=jobs, force=force, progress=progress)
    summary = result.to_dict()
    if text is not None:
        summary["text"] = str(extract_texts(text, output, encoder))
    for message in result.errors.values():
        console.print(f"rdmf: {message}", highlight=False, soft_wrap=True, markup=False)

    def render() -> None:
        if not summary["videos"]:
            return
        kinds = ", ".join(f"{output / kind} ({width})" for kind, width in summary["kinds"].items())
        print(f"{summary['videos']} videos, {summary['clips']} clips: {kinds or output}")

    message = ""
    if result.errors:
        count = len(result.errors)
        message = f"{count} of {count + summary['videos']} videos could not be read; see above."
        summary |= {"error": message, "exit": 3}
    emit(summary, json, render)
    if message:
        # not raised: with --json the one object on stdout says it already
        console.print(f"rdmf: {message}", highlight=False, soft_wrap=True, markup=False)
        raise typer.Exit(3)


@contextmanager
def _bars() -> Iterator[Any]:
    """A progress bar per video on stderr, gone at the end; nothing where stderr is no terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        tasks: dict[str, Any] = {}

        def progress(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total)
            bars.update(tasks[name], completed=done, total=total)

        yield progress
