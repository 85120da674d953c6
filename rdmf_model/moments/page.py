"""One HTML page for the answers of one video: the video, and per sentence a timeline on which a click jumps.

The page needs the video file beside it (a relative address) and nothing else: no network, no library.
"""

from __future__ import annotations

import base64
import html
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import numpy as np

from rdmf_model.moments.answer import Answer
from rdmf_theory.errors import ParameterError
from rdmf_theory.support.files import write_text

WIDTH, HEIGHT = 1000, 120

ANSWER_STYLE = """
.rdmf h2 { font-size: 1.1rem; margin: 1.6rem 0 .4rem; overflow-wrap: anywhere; }
.rdmf .frames { display: flex; cursor: pointer; margin-top: .4rem; }
.rdmf .frames img { flex: 1; min-width: 0; display: block; }
.rdmf svg { display: block; width: 100%; height: 7.5rem; background: #f3f5f7; cursor: pointer; }
.rdmf .windows { display: flex; flex-wrap: wrap; gap: .4rem; padding: 0; list-style: none; margin: .5rem 0; }
.rdmf button { font: inherit; padding: .35rem .7rem; border: 1px solid #b8c2cc; border-radius: 6px; background: #fff;
color: #1c2530; cursor: pointer; }
.rdmf button.best { background: #f2c14e; border-color: #c89a2b; }
.rdmf .legend, .rdmf .method { color: #55606c; font-size: .85rem; margin: .3rem 0; }
.rdmf .key { display: inline-block; width: 1.2rem; height: .2rem; vertical-align: middle; margin: 0 .3rem 0 .8rem; }
"""
"""Style of sections and thumbnail strips, inside an element of class rdmf."""

STYLE = """
body { max-width: 62rem; margin: 1.5rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; color: #1c2530; }
h1 { font-size: 1.4rem; overflow-wrap: anywhere; }
video { width: 100%; max-height: 60vh; background: #10161d; border-radius: 6px; }
"""

SCRIPT = """
const video = document.querySelector("video"), duration = DURATION;
const jump = (seconds, end) => { video.currentTime = seconds; video.dataset.end = end ?? "";
  video.play().catch(() => 0); };
for (const strip of document.querySelectorAll("svg, .frames")) strip.addEventListener("click", event => {
  const box = strip.getBoundingClientRect(); jump(Math.max(0, (event.clientX - box.left) / box.width * duration));
});
for (const button of document.querySelectorAll("button[data-start]"))
  button.addEventListener("click", () => jump(+button.dataset.start, button.dataset.end));
video.addEventListener("timeupdate", () => {
  if (video.dataset.end && video.currentTime >= +video.dataset.end) { video.pause(); video.dataset.end = ""; }
  for (const mark of document.querySelectorAll(".now"))
    mark.setAttribute("x1", video.currentTime / duration * 1000), mark.setAttribute("x2", mark.getAttribute("x1"));
});
"""


def write_page(answers: Sequence[Answer], target: Path, thumbnails: Sequence[np.ndarray] = ()) -> Path:
    """Write the page of one or more answers about one video.

    Arguments:
        target: .html file; the address of the video in it is relative to its folder.

    Raises: ParameterError for no answer, answers about several videos, or a name that does not end in .html.
    """
    target = Path(target)
    if target.suffix.lower() not in (".html", ".htm"):
        raise ParameterError(f"a page must end in .html. Got {target.name}.")
    if len({answer.video for answer in answers}) != 1:
        raise ParameterError("a page shows the answers of one video: one or more. Write one page per video.")
    address = quote(
        os.path.relpath(answers[0].video.resolve(), target.absolute().parent.resolve()).replace(os.sep, "/")
    )
    write_text(target, page(answers, f"./{address}", thumbnails))
    return target


def page(answers: Sequence[Answer], address: str, thumbnails: Sequence[np.ndarray] = ()) -> str:
    """The HTML text. `address`: where a browser finds the video."""
    first = answers[0]
    name = html.escape(first.video.name)
    strip = thumbnail_strip(thumbnails)
    script = SCRIPT.replace("DURATION", json.dumps(first.found.duration))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{name}</title><style>{STYLE}{ANSWER_STYLE}</style></head>\n"
        f'<body class="rdmf"><h1>{name}</h1>\n'
        f'<video src="{html.escape(address)}" controls preload="metadata"></video>\n{strip}\n'
        + "\n".join(section(answer) for answer in answers)
        + f"\n<script>{script}</script></body></html>\n"
    )


def thumbnail_strip(thumbnails: Sequence[np.ndarray]) -> str:
    """Frames in a row as HTML, "" for none."""
    frames = "".join(f'<img alt="" src="{_data_address(frame)}">' for frame in thumbnails)
    return f'<div class="frames" title="click to jump">{frames}</div>' if frames else ""


def section(answer: Answer) -> str:
    """One answer as HTML: sentence, curves, windows as buttons that say where they begin, method."""
    found = answer.found
    buttons = "".join(
        f'<li><button class="{"best" if row == 0 else ""}" data-start="{start:.3f}" data-end="{end:.3f}">'
        f"{clock(start)} – {clock(end)} <small>{score:.2f}</small></button></li>"
        for row, (start, end, score) in enumerate(found.windows[:5])
    )
    curves = _curve(found.saliency, "#1f4e79", 2.0)
    legend = '<span class="key" style="background:#1f4e79"></span>saliency'
    if found.pattern is not None:
        curves += _curve(found.pattern, "#c0504d", 1.5)
        legend += '<span class="key" style="background:#c0504d"></span>pattern'
    bands = "".join(
        f'<rect x="{WIDTH * start / found.duration:.2f}" y="0" width="{WIDTH * (end - start) / found.duration:.2f}" '
        f'height="{HEIGHT}" fill="#f2c14e" opacity="{0.45 if row == 0 else 0.15}"/>'
        for row, (start, end, _) in enumerate(found.windows[:5])
    )
    return (
        f"<section><h2>{html.escape(answer.query)}</h2>\n"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="saliency over {found.duration:.0f} seconds">{bands}{curves}'
        f'<line class="now" x1="0" x2="0" y1="0" y2="{HEIGHT}" stroke="#10161d" '
        'vector-effect="non-scaling-stroke"/></svg>\n'
        f'<p class="legend">0 to {found.duration:.1f} s, each curve between its own extremes:{legend}</p>'
        f'<ul class="windows">{buttons}</ul><p class="method">{html.escape(answer.method)}</p></section>'
    )


def _curve(values: Sequence[float], colour: str, width: float) -> str:
    """A step curve between its lowest and highest value."""
    numbers = np.asarray(values, dtype=float)
    span = float(numbers.max() - numbers.min()) or 1.0
    heights = HEIGHT - 6 - (HEIGHT - 12) * (numbers - numbers.min()) / span
    edges = np.linspace(0, WIDTH, len(numbers) + 1)
    points = " ".join(
        f"{x:.1f},{y:.1f}" for left, right, y in zip(edges[:-1], edges[1:], heights, strict=True) for x in (left, right)
    )
    return (
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}" '
        'vector-effect="non-scaling-stroke"/>'
    )


def clock(seconds: float) -> str:
    """Seconds as m:ss.s or h:mm:ss.s."""
    tenths = round(seconds * 10)
    hours, minutes, rest = tenths // 36000, tenths // 600 % 60, tenths % 600 / 10
    return f"{hours}:{minutes:02d}:{rest:04.1f}" if hours else f"{minutes}:{rest:04.1f}"


def _data_address(frame: np.ndarray) -> str:
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(frame).save(content, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode('ascii')}"
