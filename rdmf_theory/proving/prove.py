"""Do the theorems still hold? Runs the proofs: the fast tier always, the kernel tier where Coq is installed.

Fast tier, seconds: sympy identities (`identities.py`), boxes in Arb and exact arithmetic (`box_claims.py`) and z3
claims (`smt.py`), all on the functions that run. Kernel tier: `make -C proofs` compiles every theory with `coqc` and
compares the axioms below each theorem with the stored list. What cannot run is a visible skip, never a pass.
"""

from __future__ import annotations

import enum
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rdmf_theory.errors import DataError, ParameterError

PROOFS = Path(__file__).resolve().parents[2] / "proofs"
TIERS = ("fast", "kernel")
_THEOREM = re.compile(rb"^Theorem (\w+)", re.MULTILINE)
_TIMED = re.compile(r"^Chars (\d+) - \d+ \[[^\]]*\] ([\d.]+) secs")
_ROW = re.compile(r"^\| `(\w+\.\w+)` \| ([^|]*) \|")


class Outcome(enum.Enum):
    """What became of one theorem."""

    PROVED = "proved"
    FAILED = "the proof does not go through"
    SKIPPED = "not run: a tool or the proofs folder is absent; this is not a pass"


@dataclass(frozen=True)
class Result:
    """One theorem or claim: `name`, its `tier`, `outcome`, `seconds` (None if not timed) and what to know about it."""

    name: str
    tier: str
    outcome: Outcome
    seconds: float | None
    words: str
    detail: str = ""

    def __post_init__(self) -> None:
        if self.tier not in TIERS:
            raise ParameterError(f"Result.tier must be one of {', '.join(TIERS)}. Got {self.tier!r}.")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        verdict = self.outcome.name.lower()
        return {
            "theorem": self.name,
            "tier": self.tier,
            "verdict": verdict,
            "seconds": None if self.seconds is None else round(self.seconds, 3),
            "words": self.words,
            "detail": self.detail,
        }


def fast_tier() -> Iterator[Result]:
    """Identities, boxes, then the claims; claims are skipped where z3 is not installed."""
    from rdmf_theory.proving import competition
    from rdmf_theory.proving.box_claims import BOX_CLAIMS
    from rdmf_theory.proving.identities import IDENTITIES
    from rdmf_theory.proving.smt import CLAIMS

    claims = (*CLAIMS, *competition.CLAIMS)
    for identity in (*IDENTITIES, *competition.IDENTITIES):
        yield _checked(f"identity.{identity.name}", identity.words, identity.check)
    for box in BOX_CLAIMS:
        yield _checked(f"box.{box.name}", box.words, box.check)
    try:
        import z3  # noqa: F401
    except ImportError:
        detail = "z3 is not installed: pip install z3-solver"
        for claim in claims:
            yield Result(f"claim.{claim.name}", "fast", Outcome.SKIPPED, None, claim.words, detail)
        return
    for claim in claims:
        yield _checked(f"claim.{claim.name}", claim.words, claim.check)


def _checked(name: str, words: str, check: Any) -> Result:
    start = time.perf_counter()
    problem = check()
    seconds = time.perf_counter() - start
    return Result(name, "fast", Outcome.FAILED if problem else Outcome.PROVED, seconds, words, problem or "")


def theories(folder: Path = PROOFS) -> list[str]:
    """Names of the Coq files, in the order of `proofs/Makefile`.

    Raises: DataError if the Makefile names none.
    """
    found = re.search(r"^THEORIES := ((?:.*\\\n)*.*)$", (folder / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    if not found:
        raise DataError(f"{folder / 'Makefile'}: names no THEORIES; restore the file.")
    return found[1].replace("\\\n", " ").split()


def theorems(folder: Path = PROOFS) -> dict[str, str]:
    """Every `Theorem` of the Coq files as "File.name", with its statement in words from the table in the README."""
    rows = (_ROW.match(line) for line in (folder / "README.md").read_text(encoding="utf-8").splitlines())
    words = {row[1]: row[2].strip() for row in rows if row}
    names = [f"{file}.{name}" for file in theories(folder) for name, _ in _positions(folder / f"{file}.v")]
    return {name: words.get(name, "") for name in names}


def _positions(path: Path) -> list[tuple[str, int]]:
    """(name, byte offset) of every theorem of a file."""
    return [(found[1].decode(), found.start()) for found in _THEOREM.finditer(path.read_bytes())]


def kernel_tier(folder: Path = PROOFS, jobs: int = 2) -> Iterator[Result]:
    """Every theorem of `proofs/`, judged by `coqc`; the audit of axioms comes last as a result of its own."""
    if not folder.is_dir():
        detail = f"there is no folder {folder}: run from a checkout"
        yield Result("proofs", "kernel", Outcome.SKIPPED, None, "all Coq theorems", detail)
        return
    listed = theorems(folder)
    missing = [tool for tool in ("coqc", "coqdep", "make") if shutil.which(tool) is None]
    if missing:
        detail = f"{', '.join(missing)} not found; on Debian and Ubuntu: apt-get install coq libcoq-coquelicot"
        for name, words in listed.items():
            yield Result(name, "kernel", Outcome.SKIPPED, None, words, detail)
        return
    # keep going: one broken file should not hide the verdict of the others
    build = subprocess.run(
        ["make", "-C", str(folder), "-k", f"-j{jobs}", "build"], capture_output=True, text=True, check=False
    )
    for file in theories(folder):
        query = ["make", "-C", str(folder), "-q", f"{file}.vo"]
        built = build.returncode == 0 or subprocess.run(query, capture_output=True, check=False).returncode == 0
        yield from _file_results(folder, file, listed, "" if built else build.stderr)
    start = time.perf_counter()
    audit = subprocess.run(["make", "-C", str(folder), "audit"], capture_output=True, text=True, check=False)
    outcome = Outcome.PROVED if audit.returncode == 0 else Outcome.FAILED
    detail = "" if audit.returncode == 0 else _tail(audit.stdout + audit.stderr)
    words = "the axioms below every theorem are the stored list: Coq's standard reals, nothing else"
    yield Result("Audit.axioms", "kernel", outcome, time.perf_counter() - start, words, detail)


def _file_results(folder: Path, file: str, listed: dict[str, str], errors: str) -> Iterator[Result]:
    """Results of one file; `errors` is empty if it compiled."""
    positions = _positions(folder / f"{file}.v")
    timing = folder / f"{file}.timing"
    seconds: dict[str, float] = {}
    if timing.exists() and not errors:
        seconds = _seconds(timing.read_text(encoding="utf-8", errors="replace"), positions)
    outcome = Outcome.FAILED if errors else Outcome.PROVED
    for name, _ in positions:
        full = f"{file}.{name}"
        yield Result(full, "kernel", outcome, seconds.get(name), listed[full], _tail(errors))


def _seconds(timing: str, positions: list[tuple[str, int]]) -> dict[str, float]:
    """Time of each theorem: sentences from its statement to the next theorem, lemmas in between included."""
    seconds = {name: 0.0 for name, _ in positions}
    for found in filter(None, map(_TIMED.match, timing.splitlines())):
        before = [name for name, offset in positions if offset <= int(found[1])]
        if before:
            seconds[before[-1]] += float(found[2])
    return seconds


def _tail(text: str, lines: int = 6) -> str:
    return "\n".join(text.strip().splitlines()[-lines:])
