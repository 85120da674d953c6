"""How does a person read a verification? One self-contained HTML page: no script, no network, no other file."""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from rdmf_model.checkpoints.run_folder import STATISTICS
from rdmf_model.pages import document
from rdmf_model.properties import PROPERTIES, ModelUnderTest, PropertyResult
from rdmf_model.properties.spacetime import spacetime
from rdmf_model.verification.pictures import (
    plot_dispersion,
    plot_margins,
    plot_spacetime,
    plot_wavelengths,
    trained_designs,
)
from rdmf_model.verification.report import certificate_lines, random_texts_line
from rdmf_model.verification.run import VerificationReport
from rdmf_theory.support.files import write_atomically

MORE_STYLE = """
pre { white-space: pre-wrap; } .small { color: #55606c; font-size: .8rem; } h3 { font-size: 1.05rem; }
"""


def picture(figure: Figure, caption: str) -> str:
    """A figure as an inline image with the sentence under it."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=160)
    content = base64.b64encode(stream.getvalue()).decode("ascii")
    said = html.escape(caption)
    return f'<figure><img src="data:image/png;base64,{content}" alt="{said}"/><figcaption>{said}</figcaption></figure>'


def read_statistics(run: Path) -> dict[str, Any] | None:
    """The window statistics of a run folder; None where there are none."""
    file = (run if run.is_dir() else run.parent) / STATISTICS
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return found if isinstance(found.get("lengths"), dict) else None
    except (OSError, ValueError, AttributeError):
        return None


def model_pictures(tested: ModelUnderTest, run: Path) -> list[str]:
    """Dispersion and wavelengths of the trained channels; nothing for a model without the layer."""
    if not tested.has_layer or tested.constraint != "hard":
        return []
    designs, statistics = trained_designs(tested), read_statistics(run)
    whose = "the run's own" if tested.embeddings else "random"
    return [
        picture(
            plot_dispersion(tested, designs),
            f"How much the layer amplifies a wave of each length, for {whose} texts. The grey area is what the region "
            "allows.",
        ),
        picture(
            plot_wavelengths(tested, designs, statistics),
            "Wavelengths that the channels learned. A moment of n clips calls for a wavelength of 2n."
            + ("" if statistics else " The run folder has no statistics of the data's windows."),
        ),
    ]


def violation(tested: ModelUnderTest | None, result: PropertyResult) -> str:
    """What broke, the smallest input found that breaks it, and its fields over steps and clips."""
    prop = result.prop
    parts = [
        f"<h3>{html.escape(prop.name)} is violated</h3><p>{html.escape(prop.statement)}</p>",
        f"<pre>{html.escape(str(result.detail))}\n{html.escape(str(result.counter_example))}</pre>",
        f"<p>Theorem: {html.escape(prop.theorem)}. Tolerance: {html.escape(prop.tolerance)}.</p>",
    ]
    if tested is not None:
        try:
            found = spacetime(tested, result.example)
        except Exception as error:
            # the model is broken: that is what this page is about
            parts.append(f"<p>Its fields cannot be drawn: {html.escape(f'{type(error).__name__}: {error}')}</p>")
        else:
            if found is not None:
                parts.append(picture(plot_spacetime(found), f"The layer's fields from {result.counter_example}."))
    return "\n".join(parts)


def property_table(results: Sequence[PropertyResult]) -> str:
    """One row per property, its statement under its name."""
    rows = []
    for result in results:
        prop, word = result.prop, "holds" if result.holds else "violated"
        worst = "–" if result.worst is None else f"{result.worst[1]:.3g} {result.worst[0]}"
        cells = [
            f"<b>{html.escape(prop.name)}</b><br/>{html.escape(prop.statement)}"
            f'<br/><span class="small">{html.escape(prop.theorem)}; tolerance {html.escape(prop.tolerance)}</span>',
            f'<span class="{word}">{word}</span>',
            f"{result.examples}",
            html.escape(worst),
            f"{result.seconds:.1f}",
        ]
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    names = ("property", "verdict", "examples", "least margin", "seconds")
    header = "".join(f"<th>{name}</th>" for name in names)
    table = f"<table><thead><tr>{header}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return f'<div class="table">{table}</div>'


def not_checked_list(report: VerificationReport) -> list[str]:
    """The properties that are not about this model, with the reason; empty where all were checked."""
    reasons = report.not_checked
    rows = [
        f"<tr><td><b>{html.escape(prop.name)}</b><br/>{html.escape(prop.statement)}</td>"
        f"<td>{html.escape(reasons[prop.name])}</td></tr>"
        for prop in PROPERTIES
        if prop.name in reasons
    ]
    header = "<thead><tr><th>property</th><th>why</th></tr></thead>"
    table = f'<div class="table"><table>{header}<tbody>{"".join(rows)}</tbody></table></div>'
    return ["<h2>Not checked</h2>", table] if rows else []


def page(report: VerificationReport) -> str:
    """The whole page."""
    word = "holds" if report.holds else "violated"
    title = f"Verification of {report.checkpoint.name}"
    said = {"holds": "Everything holds.", "violated": "Not everything holds."}[word]
    lines = [
        *certificate_lines(report),
        *([] if report.random_texts is None else [f"texts        {random_texts_line(report.random_texts)}"]),
    ]
    broken = [result for result in report.properties if not result.holds]
    versions = ", ".join(f"{name} {number}" for name, number in report.to_dict()["versions"].items())
    body = [
        f'<h1>{html.escape(title)}</h1><p class="{word}">{said}</p>',
        f"<p>{html.escape(str(report.checkpoint))}<br/><code>sha256 {report.sha256}</code></p>",
        "<h2>For all texts</h2><pre>" + html.escape("\n".join(lines)) + "</pre>",
        *(["<h2>Counter-examples</h2>"] if broken else []),
        *(violation(report.tested, result) for result in broken),
        "<h2>Properties</h2>",
        property_table(report.properties),
        picture(plot_margins(report.properties), "The least margin that each search met."),
        *not_checked_list(report),
    ]
    if report.tested is not None and (pictures := model_pictures(report.tested, report.run)):
        body += ["<h2>The trained channels</h2>", *pictures]
    body.append(f"<p>Seed {report.seed}, {report.seconds:.0f} s; {html.escape(versions)}.</p>")
    return document(title, "\n".join(body), MORE_STYLE)


def write_page(report: VerificationReport, file: Path) -> None:
    """Write the page, whole or not at all."""
    write_atomically(file, page(report).encode())
