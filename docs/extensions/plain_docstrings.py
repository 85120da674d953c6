"""Docstrings of this project as reStructuredText: `code` in single quotes, indented formulas, one-line sections.

In the sources a docstring is plain text. Here names in `quotes` become literals, other characters with a meaning are
escaped, an indented block under a sentence becomes a literal block, and "Returns: ..." on one line a field. What stands
under a section header on a line of its own ("Arguments:") is left to napoleon.
"""

import re
from collections.abc import Iterator
from typing import Any

SECTIONS = ("Arguments", "Args", "Attributes", "Returns", "Raises", "Yields")
FIELD = re.compile(r"^(Arguments|Attributes|Returns|Raises|Source|Proof|Note): +(?=\S)")
CODE = re.compile(r"(``?)([^`]+)\1")


def inline(text: str) -> str:
    """`code` as ``code``, everything else escaped."""
    out: list[str] = []
    end = 0
    for match in CODE.finditer(text):
        out += [_escape(text[end : match.start()]), f"``{match[2].strip()}``"]
        end = match.end()
        # a literal must be followed by a space or punctuation
        if text[end : end + 1].isalnum():
            out.append(r"\ ")
    return "".join([*out, _escape(text[end:])])


def _escape(text: str) -> str:
    text = re.sub(r"([\\*|])", r"\\\1", text)
    return re.sub(r"(?<=\w)_(?!\w)", r"\_", text)


def blocks(lines: list[str]) -> Iterator[list[str]]:
    """The docstring cut at empty lines."""
    block: list[str] = []
    for line in [*lines, ""]:
        if line.strip():
            block.append(line)
        elif block:
            yield block
            block = []


def convert(lines: list[str]) -> list[str]:
    """The lines of a docstring as reStructuredText."""
    out: list[str] = []
    section = False
    for block in blocks(lines):
        for piece in _pieces(block):
            head = piece[0].strip()
            if head.rstrip(":") in SECTIONS and head.endswith(":"):
                section = True
                out += ["", *inline("\n".join(piece)).split("\n"), ""]
            elif FIELD.match(piece[0]):
                section = False
                text = "\n    ".join(line.strip() for line in piece)
                out += ["", inline(FIELD.sub(r":\1: ", text)), ""]
            elif piece[0].startswith(" ") and not section:
                out += ["", "::", "", *("    " + line for line in piece), ""]
            else:
                section = section and piece[0].startswith(" ")
                out += ["", *inline("\n".join(piece)).split("\n"), ""]
    return "\n".join(out).split("\n")


def _pieces(block: list[str]) -> Iterator[list[str]]:
    """A block cut where a section begins, and where indented lines follow a sentence that is no section."""
    piece: list[str] = []
    for line in block:
        name = line.strip().rstrip(":")
        begins = bool(FIELD.match(line)) or (name in SECTIONS and line.strip() == f"{name}:")
        inside = bool(piece) and (
            bool(FIELD.match(piece[0])) or piece[0].strip().rstrip(":") in SECTIONS or _is_list(piece[0])
        )
        jump = bool(piece) and not inside and line.startswith(" ") != piece[0].startswith(" ")
        back = inside and not line.startswith(" ") and not begins and not _is_list(line)
        ends_list = bool(piece) and _is_list(piece[0]) != _is_list(line) and not line.startswith(" ")
        if piece and (begins or jump or back or ends_list):
            yield piece
            piece = []
        piece.append(line)
    if piece:
        yield piece


def _is_list(line: str) -> bool:
    return bool(re.match(r"(-|\d+\.) ", line))


def _process(app: Any, what: str, name: str, obj: object, options: Any, lines: list[str]) -> None:
    lines[:] = convert(lines)


def setup(app: Any) -> dict[str, bool]:
    """Before napoleon, which has priority 500."""
    app.connect("autodoc-process-docstring", _process, priority=400)
    return {"parallel_read_safe": True}
