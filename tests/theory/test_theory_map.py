"""The map of the package names every file once, and no file that is gone."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_map_is_complete() -> None:
    text = (ROOT / "docs" / "theory_map.md").read_text()
    cells = [line.split("|")[2] for line in text.splitlines() if line.startswith("|")]
    named = Counter(re.findall(r"`(\w+)`", " ".join(cells)))
    files = {path.stem for path in (ROOT / "rdmf_theory").glob("*.py")} - {"__init__"}
    assert set(named) == files
    assert [name for name, count in named.items() if count > 1] == []
