"""What `rdmf localize VIDEO SENTENCE` does: encode the video, ask it, write what was asked for."""

from __future__ import annotations

import json as codec
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rdmf_theory.errors import DataError, ParameterError
from rdmf_theory.support.terminal import console, emit, json_ready

if TYPE_CHECKING:
    from rdmf_model.moments.answer import Answer


@dataclass(frozen=True)
class Outputs:
    """Files that were asked for, each None if not: JSON, timeline picture, HTML page, cut-out."""

    output: Path | None
    plot: Path | None
    html: Path | None
    cut: Path | None

    def __post_init__(self) -> None:
        for name in ("output", "plot", "html", "cut"):
            path = getattr(self, name)
            if path is not None and not path.absolute().parent.is_dir():
                raise ParameterError(f"--{name} must lie in a folder that exists. Got {path}.")


def read_queries(path: Path) -> list[str]:
    """The sentences of a jsonl file with `query`, in order. Raises DataError that names the line without one."""
    from rdmf_model.data.text_files import read_jsonl

    queries: list[str] = []
    for source, record in read_jsonl(path):
        query = record.get("query")
        if not isinstance(query, str) or not query.strip():
            raise DataError(f"{source}: needs a query: words. Got {query!r}.")
        queries.append(query)
    if not queries:
        raise DataError(f"{path}: holds no query.")
    return queries


def localize_video(
    video: Path,
    queries: list[str],
    outputs: Outputs,
    *,
    run: Path | None,
    encoder: str,
    clip_length: float | None,
    keep_truncated: bool,
    top: int,
    title: str,
    json: bool,
) -> None:
    """Answer one or more sentences on one video.

    Arguments:
        clip_length: seconds; None: the training's with a run, else 2.
    """
    from rdmf_model.encoders.base import check_text
    from rdmf_model.moments.search import VideoSearch, clip_length_of_run
    from rdmf_theory.support.files import write_atomically

    for query in queries:
        check_text(query)
    if clip_length is None:
        clip_length = 2.0 if run is None else clip_length_of_run(run)
    with _bar() as progress:
        search = VideoSearch.open(video, encoder, clip_length, keep_truncated=keep_truncated, progress=progress)
    answers = [search.ask(query, run, top=max(top, 10)) for query in queries]
    documents = [answer.to_dict() for answer in answers]
    document: dict[str, Any] = documents[0] if len(documents) == 1 else {"answers": documents}
    if outputs.output is not None:
        # several answers: one per line, as a prediction file
        lines = [codec.dumps(json_ready(entry), allow_nan=False) for entry in documents]
        write_atomically(outputs.output, ("\n".join(lines) + "\n").encode())
    _write_pictures(answers, search, outputs, top, title)

    def render() -> None:
        for answer in answers:
            if len(answers) > 1:
                print(answer.query)
            if answer.found.no_moment:
                print("probably not in this video: every score is below the threshold of the validation")
            for start, end, score in answer.windows[:top]:
                print(f"{start:8.2f} to {end:8.2f} s  score {score:.3f}")
        print(answers[0].method)

    emit(document, json, render)


def _write_pictures(answers: list[Answer], search: Any, outputs: Outputs, top: int, title: str) -> None:
    first = answers[0]
    if outputs.plot is not None:
        from rdmf_model.evaluation.timeline import draw_timeline

        draw_timeline(first.found, outputs.plot, title=title or first.query, top=top, thumbnails=search.thumbnails)
        _tell("timeline", outputs.plot)
    if outputs.html is not None:
        from rdmf_model.moments.page import write_page

        _tell("page", write_page(answers, outputs.html, search.thumbnails))
    if outputs.cut is not None:
        from rdmf_model.video.cut import cut

        if not first.windows:
            raise DataError(f"{first.video}: no window was found, so there is nothing to cut out.")
        start, end, _ = first.windows[0]
        _tell("moment", cut(first.video, outputs.cut, start, end))


def _tell(what: str, path: Path) -> None:
    console.print(f"{what}: {path}", highlight=False, soft_wrap=True, markup=False)


def _bar() -> Any:
    """A progress bar of clips on stderr, gone at the end; nothing where stderr is no terminal."""
    from contextlib import contextmanager

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    @contextmanager
    def bar() -> Any:
        columns = (TextColumn("encoding"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
            task = bars.add_task("encoding", total=None)
            yield lambda done, total: bars.update(task, completed=done, total=total)

    return bar()
