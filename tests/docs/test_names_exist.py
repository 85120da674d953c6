"""Every path and module that a page, a comment or a docstring names exists."""

import subprocess
from pathlib import Path

import pytest

from tests.docs.names import missing_files, missing_names, missing_paths

ROOT = Path(__file__).resolve().parents[2]
ENDINGS = {".md", ".py", ".v", ".hpp", ".cpp", ".toml", ".rst", ".cff", ".css", ".bib", ""}
# what the past was called, and this test's own examples
LEFT_OUT = {"CHANGELOG.md", "tests/docs/test_names_exist.py", "tests/docs/names.py", "rdmf_theory/formulas.py"}
# files of the reader and of others, a module that looks like a file, what the kernel tier writes
OTHERS = {"test_mine.py", "evaluate_ego4d_nlq.py", "codegen.cpp", "Certificate.v", "keys.md", "card.md"}


def tracked() -> list[str]:
    """The files of the checkout, without what it ignores; those of an unpacked archive where git is not there."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs git to tell sources from what was built")
    return [name for name in listed if (ROOT / name).is_file()]


FILES = [name for name in tracked() if Path(name).suffix in ENDINGS and name not in LEFT_OUT]
KNOWN = {Path(name).name for name in tracked()} | OTHERS


def test_there_is_something_to_read() -> None:
    assert len(FILES) > 200


def test_names_exist() -> None:
    gone = {}
    for name in FILES:
        text = (ROOT / name).read_text(encoding="utf-8")
        found = missing_paths(text, ROOT) | missing_names(text, ROOT)
        if name.endswith((".py", ".hpp", ".cpp", ".md")) and not name.startswith("tests/"):
            found |= missing_files(text, KNOWN)
        if found:
            gone[name] = sorted(found)
    assert not gone, "\n".join(f"{name}: {', '.join(found)}" for name, found in gone.items())


@pytest.mark.parametrize(
    "text",
    [
        "derived in docs/mathematic.md",
        "see `rdmf_model/fusion/reaction.py`",
        "the folder rdmf_model/operators/ has",
        "(proofs/Stepp.v)",
    ],
)
def test_a_missing_path_is_noticed(text: str) -> None:
    assert len(missing_paths(text, ROOT)) == 1


@pytest.mark.parametrize("text", ["`rdmf_theory.nothing`", "rdmf_model.fusion.base.Fuzion", "rdmf_theory.chart.Desing"])
def test_a_missing_module_is_noticed(text: str) -> None:
    assert len(missing_names(text, ROOT)) == 1


def test_a_missing_file_is_noticed() -> None:
    assert missing_files("its reference is `truth_of_old.py`, checked", KNOWN) == {"truth_of_old.py"}


def test_what_exists_is_not_reported() -> None:
    text = "docs/mathematics.md, rdmf_model/fusion/, rdmf_theory.chart.PatternDesign, rdmf_model.fusion.base, base.py"
    assert not missing_paths(text, ROOT) | missing_names(text, ROOT) | missing_files(text, KNOWN)
