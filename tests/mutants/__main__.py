"""`python -m tests.mutants`: plant every fault, run what has to notice it, print the table.

Faults of the layer are tried by the properties of `rdmf verify`; all others by one named test of this suite each.
`--write` puts the table into docs/mutants.md; `--only AREA` tries one area. Exit status 1 if a fault survives.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from tests.mutants.faults import AREAS, FAULTS
from tests.mutants.plant import Mutant, planted
from tests.mutants.table import Outcome, render, write_page

LAYER = "layer"


def run_tests(*nodes: str) -> int:
    """Exit status of pytest on some tests, in this process, silently; it stops at the first failure."""
    plain = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-header", "--timeout=120"]
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        return int(pytest.main([*plain, *nodes]))


def try_fault(mutant: Mutant) -> Outcome:
    """Plant one fault, run its killer."""
    started = time.perf_counter()
    with planted(mutant):
        status = run_tests(mutant.killer)
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise RuntimeError(f"{mutant.killer} could not be run (pytest's exit status {status}): is it still there?")
    killed = status == pytest.ExitCode.TESTS_FAILED
    return Outcome(mutant.area, mutant.name, mutant.killer, killed, time.perf_counter() - started)


def try_layer() -> list[Outcome]:
    """The faults of the layer, each against the property that has to name it."""
    from rdmf_model.properties import PROPERTIES, ModelUnderTest, run_property
    from tests.properties.mutants import MUTANTS
    from tests.properties.tiny import tiny_model

    by_name = {prop.name: prop for prop in PROPERTIES}
    outcomes = []
    for name, patch, killer, detail in MUTANTS:
        started = time.perf_counter()
        with pytest.MonkeyPatch.context() as monkeypatch:
            model = tiny_model()
            patch(monkeypatch, model)
            result = run_property(by_name[killer], ModelUnderTest(model), 12 * by_name[killer].effort)
        killed = not result.holds and detail in (result.detail or "")
        outcomes.append(Outcome(LAYER, name, f"property `{killer}`", killed, time.perf_counter() - started))
    return outcomes


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--only", choices=[LAYER, *AREAS], action="append", help="area; repeatable; default: all")
    parser.add_argument("--write", action="store_true", help="write docs/mutants.md")
    parser.add_argument("--sound", action="store_true", help="do not run the killers without any fault first")
    options = parser.parse_args(arguments)
    os.environ.setdefault("HYPOTHESIS_PROFILE", "ci")
    areas = options.only or [LAYER, *AREAS]
    if options.write and options.only:
        parser.error("--write needs every area: leave --only out")
    chosen = [mutant for mutant in FAULTS if mutant.area in areas]
    if chosen and not options.sound and run_tests(*{mutant.killer for mutant in chosen}) != pytest.ExitCode.OK:
        print("a killer fails without any fault: mend it first, with pytest", file=sys.stderr)
        return 2
    outcomes = []
    for mutant in chosen:
        outcomes.append(try_fault(mutant))
        print(f"{outcomes[-1].word:<9}{mutant.area}: {mutant.name}", file=sys.stderr)
    if LAYER in areas:
        outcomes += try_layer()
    print(render(outcomes))
    if options.write:
        write_page(Path(__file__).parents[2] / "docs" / "mutants.md", outcomes)
    return int(not all(outcome.killed for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
