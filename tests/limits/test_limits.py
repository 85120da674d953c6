"""Each limit of the certificate checkers is where the lemmas put it, and a changed constant is noticed."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType

import pytest

from tests.limits.changes import CHANGES, ROOT, SUBJECTS, Change, changed_module, noticed_by

HONEST = [
    pytest.param(module, check, id=f"{name}-{check.__name__}")
    for name, (module, checks) in SUBJECTS.items()
    for check in importlib.import_module(checks).CHECKS
]
# all of them are tried by `python -m tests.limits`: every seventh is enough to see that the net is there
SOME = [change for change in CHANGES if change.harmless is None][::7]


@pytest.mark.parametrize(("module", "check"), HONEST)
def test_limits(module: str, check: Callable[[ModuleType], None]) -> None:
    check(importlib.import_module(module))


@pytest.mark.parametrize("change", SOME, ids=lambda change: f"{change.subject}-{CHANGES.index(change)}")
def test_an_unsound_change_is_noticed(change: Change) -> None:
    assert noticed_by(change) is not None


def test_every_fragment_is_in_its_file_once() -> None:
    assert len(CHANGES) >= 60
    assert len({(change.subject, change.old, change.new) for change in CHANGES}) == len(CHANGES)
    for change in CHANGES:
        module = importlib.import_module(SUBJECTS[change.subject][0])
        assert module.__file__ is not None
        assert (ROOT / module.__file__).read_text(encoding="utf-8").count(change.old) == 1, change


def test_a_change_of_nothing_is_not_noticed() -> None:
    assert noticed_by(Change("pattern", "BITS = 64", "BITS = 64  # as it was")) is None
    with pytest.raises(ValueError, match="once is needed"):
        changed_module(Change("pattern", "need(", "no("))


def test_the_committed_table_is_current() -> None:
    page = (ROOT / "docs" / "limits.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| in ")]
    assert len(rows) == len(CHANGES)
    assert not any("SURVIVED" in line or "NOTICED" in line for line in rows)
    assert sum("| harmless: " in line for line in rows) == sum(change.harmless is not None for change in CHANGES)
