"""One proved run of the competition, its certificate, and what the checker says: for tests of both."""

from __future__ import annotations

import copy
from functools import cache

from rdmf_theory.certificates import competition_checker as checker
from rdmf_theory.certificates.certificate import digest
from rdmf_theory.competition.settled import (
    CompetitionRun,
    Settled,
    prove_settled,
    settled_certificate,
)
from tests.theory.settled_soundness import drawn


@cache
def small() -> tuple[CompetitionRun, Settled]:
    run = drawn(0)
    return run, prove_settled(run)


def certificate() -> dict:
    return copy.deepcopy(settled_certificate([small()[1].entry], "a test").to_dict())


def checked(content: dict) -> str | None:
    """Why the checker refuses a content whose digest fits; None if it accepts it."""
    content["sha256"] = digest(content)
    try:
        checker.check_content(content)
    except checker.Refused as error:
        return str(error)
    return None
