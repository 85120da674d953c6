"""How is the table of faults written, and which rows must the committed one have?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HEAD = """# Planted faults

A test suite is only as good as the faults it notices. `python -m tests.mutants` plants one fault after the other in
the running program (a changed function, a patched layer; nothing on disk changes), runs the one property or test that
has to notice it, and counts. This page is written by `python -m tests.mutants --write`; our tests compare its rows with
the faults in `tests/mutants/faults.py` and `tests/properties/mutants.py`, and plant all of them again.

"""


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
    lines = ["| in | fault | noticed by | |", "|---|---|---|---|"]
    lines += [f"{row(x.area, x.name, x.killer)} {x.word} |" for x in outcomes]
    killed, seconds = sum(x.killed for x in outcomes), sum(x.seconds for x in outcomes)
    return "\n".join([*lines, "", f"{killed} of {len(outcomes)} faults are noticed, in {seconds:.0f} s of one core."])


def write_page(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write docs/mutants.md."""
    path.write_text(HEAD + render(outcomes) + "\n", encoding="utf-8")
