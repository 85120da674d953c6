"""Sources that docstrings name are in the bibliography."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = re.compile(r"Sources?: +(?!docs/|`|https?:)([^.]+)")
WORK = re.compile(r"(?:^|; )([A-Z][\w']+)(?=,| and| et al)")


def named(text: str) -> set[str]:
    """First authors of the sources that a text names."""
    return {author for source in SOURCE.findall(text) for author in WORK.findall(source)}


def test_sources_are_in_the_bibliography() -> None:
    bibliography = (ROOT / "docs" / "references.bib").read_text(encoding="utf-8")
    known = set(re.findall(r"author = \{([\w' -]+?)(?:,| and )", bibliography.replace('{\\"u}', "ü")))
    files = [path for package in ("rdmf_theory", "rdmf_model") for path in (ROOT / package).rglob("*.py")]
    authors = {author: path for path in files for author in named(path.read_text(encoding="utf-8"))}
    assert len(authors) > 8
    assert {author: str(path) for author, path in authors.items() if author not in known} == {}


def test_an_unknown_source_is_noticed() -> None:
    assert named("Source: Nobody, On nothing (1900).") == {"Nobody"}
    assert named("Source: docs/mathematics.md, The chart.") == set()
