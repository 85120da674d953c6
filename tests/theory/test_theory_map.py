"""The map of the package names every file once, and no file that is gone."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_map_is_complete() -> None:
    text = (ROOT / "docs" / "theory_map.md").read_text()
    cells = [line.split("|")[2] for line in text.splitlines() if line.startswith("|")]
    named = Counter(re.findall(r"`(\w+(?:/\w+)*)`", " ".join(cells)))
    folder = ROOT / "rdmf_theory"
    paths = {path.relative_to(folder).with_suffix("") for path in folder.rglob("[!_]*.py")}
    files = {path.as_posix() for path in paths if path.parts[0] != "commands"}
    assert set(named) == files
    assert [name for name, count in named.items() if count > 1] == []
