"""Changes of constants, roundings and corners in what decides: one fragment of source each, exactly once in its file.

Each weakens a checker or a bound: with it something false would be accepted, or a bound would be too small. A change
that cannot be noticed says why.
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from tests.limits.box_changes import BOX
from tests.limits.halo_changes import HALO
from tests.limits.pattern_changes import PATTERN
from tests.limits.region_changes import REGION

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Change:
    """An unsound change.

    Arguments:
        subject: name in `SUBJECTS`.
        old, new: a fragment of the file, which must occur exactly once, and what stands there instead.
        harmless: why no check can notice it; None: some check must.
    """

    subject: str
    old: str
    new: str
    harmless: str | None = None


SUBJECTS = {
    "design box": ("rdmf_theory.certificates.certificate_checker", "tests.limits.design_box"),
    "region": ("rdmf_theory.certificates.region_checker", "tests.limits.region"),
    "halo": ("rdmf_theory.layer.locality", "tests.limits.halo"),
    "pattern": ("rdmf_theory.certificates.pattern_checker", "tests.limits.pattern"),
}
"""Name -> module that decides, module with the checks of its limits."""


def changed_module(change: Change) -> ModuleType:
    """The module with the change in it, beside the honest one. ValueError unless the fragment occurs exactly once."""
    honest = importlib.import_module(SUBJECTS[change.subject][0])
    source = Path(str(honest.__file__)).read_text(encoding="utf-8")
    if source.count(change.old) != 1:
        raise ValueError(f"{honest.__name__} holds {change.old!r} {source.count(change.old)} times; once is needed.")
    module = ModuleType(f"{honest.__name__}_changed")
    module.__file__ = honest.__file__
    # dataclasses look their module up
    sys.modules[module.__name__] = module
    exec(compile(source.replace(change.old, change.new), str(honest.__file__), "exec"), module.__dict__)
    return module


def noticed_by(change: Change) -> str | None:
    """The first check that fails on the changed module; None if all pass."""
    module = changed_module(change)
    for check in importlib.import_module(SUBJECTS[change.subject][1]).CHECKS:
        try:
            check(module)
        except Exception:
            # any failure is a notice: a refusal where none was due, or an assertion
            return check.__name__
    return None


CHANGES = tuple(
    Change(subject, *fields)
    for subject, changes in (("design box", BOX), ("region", REGION), ("pattern", PATTERN), ("halo", HALO))
    for fields in changes
)
