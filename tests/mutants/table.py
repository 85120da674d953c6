"""How is the table of faults written, and which rows must the committed one have?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TABLE_HEAD = "| in | fault | noticed by | |"


@dataclass(frozen=True)
class Outcome:
    """What became of one fault: who had to notice it, whether it did, and how long that took."""

    area: str
    name: str
    killer: str
    killed: bool
    seconds: float

    @property
    def word(self) -> str:
        """killed or SURVIVED."""
        return "killed" if self.killed else "SURVIVED"


def row(area: str, name: str, killer: str) -> str:
    """The part of a table's row that does not change from run to run."""
    shown = killer if killer.startswith("property") else f"`{killer.removeprefix('tests/')}`"
    return f"| {area} | {name} | {shown} |"


def render(outcomes: Sequence[Outcome]) -> str:
    """The table as Markdown, with the sum below."""
    lines = [TABLE_HEAD, "|---|---|---|---|"]
    lines += [f"{row(x.area, x.name, x.killer)} {x.word} |" for x in outcomes]
    killed, seconds = sum(x.killed for x in outcomes), sum(x.seconds for x in outcomes)
    return "\n".join([*lines, "", f"{killed} of {len(outcomes)} faults are noticed, in {seconds:.0f} s of one core."])


def write_page(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Replace the table of docs/mutants.md; the text above it stays."""
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: text.index(TABLE_HEAD)] + render(outcomes) + "\n", encoding="utf-8")
