"""What a visitor of the page asks, answered in HTML. Nothing here knows the web library."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rdmf_model.encoders.base import Encoder, check_text
from rdmf_model.moments.answer import Answer
from rdmf_model.moments.page import section, thumbnail_strip
from rdmf_model.moments.search import VideoSearch
from rdmf_theory.errors import DataError, ParameterError
from rdmf_theory.support.terminal import json_ready

ZERO_SHOT = "zero-shot"


@dataclass
class Session:
    """One visitor's video, encoded once for all sentences.

    encoder: shared by all visitors.  clip_length: seconds.  runs: name -> run folder, beside `ZERO_SHOT`.
    """

    encoder: Encoder
    clip_length: float
    runs: dict[str, Path]
    search: VideoSearch | None = None
    answers: list[Answer] = field(default_factory=list)

    @property
    def methods(self) -> list[str]:
        """Names of the ways to answer."""
        return [ZERO_SHOT, *self.runs]

    def ask(
        self,
        video: Path | None,
        query: str,
        methods: Sequence[str],
        progress: Callable[[int, int], object] = lambda done, total: None,
    ) -> str:
        """The answers to a sentence as HTML, or what is wrong, as HTML."""
        try:
            if video is None:
                raise ParameterError("Choose a video first: drop a file into the frame above.")
            check_text(query)
            unknown = [name for name in methods if name not in self.methods]
            if unknown or not methods:
                raise ParameterError(f"Choose at least one of {', '.join(self.methods)}.")
            if self.search is None or self.search.video.path != video:
                self.answers, self.search = [], None
                self.search = VideoSearch.open(video, self.encoder, self.clip_length, progress=progress)
            found = [self.search.ask(query, None if name == ZERO_SHOT else self.runs[name]) for name in methods]
        except (ParameterError, DataError) as error:
            return failure(str(error), video)
        self.answers += found
        strip = thumbnail_strip(self.search.thumbnails)
        duration = found[0].found.duration
        return f'<div class="rdmf" data-duration="{duration:.3f}">{strip}{"".join(map(section, found))}</div>'

    def predictions(self) -> str:
        """All answers so far, one JSON object per line."""
        return "".join(json.dumps(json_ready(answer.to_dict()), allow_nan=False) + "\n" for answer in self.answers)


def failure(message: str, video: Path | None) -> str:
    """What went wrong, as HTML. The folder of an upload is the server's business: only the file's name is said."""
    if video is not None:
        for path in {str(video), str(video.resolve())}:
            message = message.replace(path, video.name)
    return f'<div class="rdmf"><p class="wrong" role="alert">{html.escape(message)}</p></div>'
