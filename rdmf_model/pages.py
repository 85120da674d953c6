"""One self-contained HTML file from sections of text, numbers and pictures: no script, no network, no other file."""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rdmf_theory.errors import ParameterError

MEDIA_TYPES = {".png": "image/png", ".svg": "image/svg+xml", ".jpg": "image/jpeg"}

STYLE = """
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; color: #1c2530;
  overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; } h2 { margin-top: 2.5rem; font-size: 1.25rem; border-bottom: 1px solid #cfd6dd; }
table { border-collapse: collapse; margin: 1rem 0; } .table { overflow-x: auto; }
td, th { padding: .25rem .9rem .25rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid #e6eaee; }
td:last-child { font-variant-numeric: tabular-nums; }
pre { background: #f3f5f7; padding: .6rem .9rem; overflow-x: auto; }
figure { margin: 1.2rem 0; } figure img { max-width: 100%; } figcaption { color: #55606c; font-size: .9rem; }
.holds { color: #1a7f37; font-weight: 600; } .violated { color: #b42318; font-weight: 600; }
@media (max-width: 30rem) {
  body { margin: 1rem auto; } h1 { font-size: 1.4rem; }
  td, th { padding-right: .5rem; overflow-wrap: normal; } td:first-child { min-width: 7rem; }
  td:last-child { overflow-wrap: anywhere; }
}
"""

# Whatever the page would try to fetch, the browser refuses.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


@dataclass(frozen=True)
class Picture:
    """A picture file and the sentence under it. Raises ParameterError for a file type that HTML pages do not show."""

    path: Path
    caption: str

    def __post_init__(self) -> None:
        if self.path.suffix not in MEDIA_TYPES:
            raise ParameterError(f"Picture.path must end in one of {sorted(MEDIA_TYPES)}. Got {self.path.name!r}.")

    def data_uri(self) -> str:
        """The file's content as a `data:` address."""
        content = base64.b64encode(self.path.read_bytes()).decode("ascii")
        return f"data:{MEDIA_TYPES[self.path.suffix]};base64,{content}"


@dataclass(frozen=True)
class Section:
    """One step of the work: what was asked, the command that asks it again, what came out.

    Arguments:
        title: heading.
        text: one or two sentences for a reader who has not seen the step before.
        command: shell command that repeats the step, or "".
        numbers: name -> number, string or bool; bools are shown as holds / violated.
        pictures: shown in order.
    """

    title: str
    text: str
    command: str = ""
    numbers: Mapping[str, Any] = field(default_factory=dict)
    pictures: Sequence[Picture] = ()

    def to_html(self) -> str:
        parts = [f"<h2>{html.escape(self.title)}</h2>", f"<p>{html.escape(self.text)}</p>"]
        if self.command:
            parts.append(f"<pre>$ {html.escape(self.command)}</pre>")
        if self.numbers:
            rows = "".join(
                f"<tr><td>{html.escape(name)}</td>{_cell(value)}</tr>" for name, value in self.numbers.items()
            )
            parts.append(f'<div class="table"><table>{rows}</table></div>')
        for picture in self.pictures:
            caption = html.escape(picture.caption)
            image = f'<img src="{picture.data_uri()}" alt="{caption}">'
            parts.append(f"<figure>{image}<figcaption>{caption}</figcaption></figure>")
        return "\n".join(parts)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        word = "holds" if value else "violated"
        return f'<td class="{word}">{word}</td>'
    if isinstance(value, float):
        # six significant digits; a missing figure is a dash, not "nan"
        return f"<td>{value:.6g}</td>" if math.isfinite(value) else "<td>–</td>"
    return f"<td>{html.escape(str(value))}</td>"


def page(title: str, introduction: str, sections: Sequence[Section]) -> str:
    """The whole HTML page."""
    body = "\n".join(section.to_html() for section in sections)
    return document(title, f"<h1>{html.escape(title)}</h1>\n<p>{html.escape(introduction)}</p>\n{body}\n")


def document(title: str, body: str, style: str = "") -> str:
    """A page that fits phones and fetches nothing, around a body that is HTML already; `style` is added to `STYLE`."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"/>'
        f"<title>{html.escape(title)}</title><style>{STYLE}{style}</style></head>\n<body>{body}</body></html>\n"
    )
