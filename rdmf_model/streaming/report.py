"""What a running video shows: a counter of clips on stderr, one line of JSON per finished clip on stdout."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from rdmf_model.streaming.streaming import StreamOutput
from rdmf_theory.support.terminal import console


@contextmanager
def clip_progress(name: str) -> Iterator[Callable[[int], None]]:
    """A counter of finished clips on stderr, gone at the end; nothing where stderr is no terminal."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}: {task.completed} clips"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task(name, total=None)
        yield lambda clips: bars.advance(task, clips)


def clip_records(output: StreamOutput, clip_length: float) -> list[dict[str, float]]:
    """One record per finished clip: its number, its time in seconds, saliency and pattern."""
    saliency = output.pattern if output.saliency is None else output.saliency
    return [
        {
            "clip": output.start + row,
            "start": (output.start + row) * clip_length,
            "end": (output.start + row + 1) * clip_length,
            "saliency": float(score),
            "pattern": float(height),
        }
        for row, (score, height) in enumerate(zip(saliency.tolist(), output.pattern.tolist(), strict=True))
    ]


def print_records(records: list[dict[str, float]]) -> None:
    """One JSON object per line, flushed, so that a reader sees a clip as soon as it is there.

    Raises: typer.Exit with status 0 where the reader has left (`rdmf stream ... | head`).
    """
    try:
        for record in records:
            sys.stdout.write(json.dumps(record, allow_nan=False) + "\n")
        if records:
            sys.stdout.flush()
    except BrokenPipeError:
        # the interpreter flushes once more at its end: into nothing
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit from None
