"""`rdmf prove`: run the proofs."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from rdmf_theory.commands.options import Json
from rdmf_theory.support.terminal import console, emit


def prove(
    tier: Annotated[Literal["all", "fast", "kernel"], typer.Option(help="Which proofs to run.")] = "all",
    json: Json = False,
) -> None:
    """Run the proofs: symbolic identities and solver claims in seconds, and the Coq theorems where Coq is installed.

    Exit code 1 if a proof fails. What cannot run (Coq or z3 absent) is listed as skipped, which is not a pass.
    """
    from rdmf_theory.proving.prove import Outcome, Result, fast_tier, kernel_tier

    results: list[Result] = []
    for wanted, run in (("fast", fast_tier), ("kernel", kernel_tier)):
        if tier in ("all", wanted):
            results.extend(run())
    counts = {outcome.name.lower(): sum(result.outcome is outcome for result in results) for outcome in Outcome}

    def render() -> None:
        for result in results:
            seconds = "" if result.seconds is None else f"{result.seconds:.2f} s"
            print(f"{result.outcome.name.lower():<8} {result.tier:<7} {result.name:<40} {seconds:>8}  {result.words}")
        print(", ".join(f"{count} {name}" for name, count in counts.items()))

    emit({"theorems": [result.to_dict() for result in results], **counts}, json, render)
    for detail in dict.fromkeys(result.detail for result in results if result.detail):
        console.print(detail, markup=False)
    if counts["failed"]:
        raise typer.Exit(1)
