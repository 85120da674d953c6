"""What should a stranger know about a trained run before using it? Its model card, from the files of its folder.

Everything on the card is read from the run: the checkpoint (model, metrics, features, versions), `data.json` (what it
was trained on), `certificate.json` (what is proved for every text). Nothing is written by hand, and what is not known
is said to be unknown.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rdmf_model.checkpoints.checkpoint import Run, checkpoint_path, read_run
from rdmf_model.data.digests import RECORD, read_record
from rdmf_theory.errors import DataError
from rdmf_theory.support.files import write_atomically

CARD, CERTIFICATE = "card.md", "certificate.json"
_LIMITS = (
    "Windows are on a grid of clips: no answer is finer than the clip above.",
    "Scores rank windows of one video and sentence. They are no probabilities, and do not compare two videos.",
    "It has seen the features named above and no others: features of another encoder are refused by their names and "
    "widths, not by their content.",
    "The metrics are those of the validation split that also chose the epoch: on new data expect less.",
)


def write_card(run: Path) -> Path:
    """Write `card.md` of a run folder from its best checkpoint; returns its path. Raises DataError without one."""
    path = run / CARD
    write_atomically(path, model_card(run).encode())
    return path


def model_card(run: Path, name: str | None = None) -> str:
    """The card of a run folder, Markdown.

    Arguments:
        run: the folder.  name: what it is called on the card, where it will have another name.
    Raises: DataError for a checkpoint that cannot be used.
    """
    trained, sha256 = read_run(checkpoint_path(run))
    config, header = trained.config, trained.header
    model = config.model
    parameters = sum(parameter.numel() for parameter in trained.model.parameters())
    widths = header["widths"]
    kinds = ", ".join(f"{name} ({width})" for name, width in header["video_kinds"]) or "one unnamed kind"
    name = name or run.resolve().name
    facts = (
        ("task", "the moments of a video that a sentence describes, and the saliency of each clip"),
        ("fusion", f"{model.fusion}, constraint {header['constraint']}"),
        ("size", f"{parameters:,} parameters, {model.channels} channels"),
        (
            "video features",
            f"{kinds}; {header['widths']['video']} channels in all, a clip of {config.data.clip_length:g} s each",
        ),
        ("text features", f"{widths['text']} channels a word"),
        ("epoch", header["epoch"]),
        ("weights", f"`best.safetensors`, SHA-256 `{sha256}`"),
        ("programs", ", ".join(f"{name} {number}" for name, number in header["versions"].items())),
    )
    sections = (
        (f"# Model card: {name}", _table(facts)),
        ("## Metrics on the validation split", _metrics(trained)),
        ("## What it was trained on", _data(run)),
        ("## What is proved", _proved(run, sha256, name)),
        ("## Limits", "\n".join(f"- {line}" for line in _LIMITS)),
        ("## Use", f'```\nrdmf localize {name} video.mp4 "a sentence"\nrdmf verify {name}\n```'),
    )
    return "\n\n".join(f"{head}\n\n{body}" for head, body in sections) + "\n"


def _table(rows: Iterable[tuple[str, Any]]) -> str:
    lines = [f"| {name} | {str(value).replace('|', '/')} |" for name, value in rows]
    return "\n".join(["| | |", "|---|---|", *lines])


def _metrics(trained: Run) -> str:
    found = {name: value for name, value in trained.header["metrics"].items() if value is not None}
    if not found:
        return "These weights were not validated."
    return _table((name, f"{value:.2f}" if isinstance(value, float) else value) for name, value in found.items())


def _data(run: Path) -> str:
    try:
        files = read_record(run)
    except DataError:
        return f"Unknown: the folder has no `{RECORD}`."
    numbers, sizes = Counter[str](), Counter[str]()
    for name, entry in files.items():
        numbers[name.partition("/")[0]] += 1
        sizes[name.partition("/")[0]] += entry["size"]
    rows = [(kind, f"{number} file{'s' * (number > 1)}, {sizes[kind]:,} bytes") for kind, number in numbers.items()]
    rows = [(kind, f"SHA-256 `{files[kind]['sha256']}`" if kind.endswith(" annotations") else x) for kind, x in rows]
    return f"{_table(rows)}\n\nName, size and SHA-256 of every file are in `{RECORD}`."


def _proved(run: Path, sha256: str, name: str) -> str:
    path = run / CERTIFICATE
    if not path.is_file():
        return f"Nothing yet: `rdmf verify` writes `{CERTIFICATE}`."
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        subject, conditions = content["subject"], content.get("conditions", ())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return f"`{CERTIFICATE}` cannot be read; `rdmf verify` writes it again."
    if subject != f"sha256:{sha256}":
        return f"`{CERTIFICATE}` is about other weights; `rdmf verify` writes it again."
    named = f" ({', '.join(map(str, conditions))})" if conditions else ""
    return (
        f"`{CERTIFICATE}` claims that no text can drive a design of this model out of its admissible region{named}. "
        f"Check it by programs that share no code with its writer: `rdmf certify {name}/{CERTIFICATE}`."
    )
