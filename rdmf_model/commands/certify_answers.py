"""The command `rdmf certify-answers`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rdmf_model.commands.options import Checkpoint, Json, Run, Threads, set_up_device
from rdmf_theory.support.terminal import console, emit

EPILOG = "Examples: rdmf certify-answers run --answers 20; rdmf certify-answers run --qid 6223 -o answer-proofs"


def certify_answers(
    run: Run,
    split: Annotated[str, typer.Option(help="train, val or test, as the run's configuration names them.")] = "val",
    answers: Annotated[
        int | None, typer.Option(min=1, help="Queries, evenly spread over the split.", show_default="all")
    ] = None,
    qid: Annotated[list[str] | None, typer.Option(help="This query. Repeatable.", show_default=False)] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="One certificate per answer.", show_default=False),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Another folder of the training's layout.", show_default=False)
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="data.KEY=VALUE", help="Where the data lies now. Repeatable.")
    ] = None,
    checkpoint: Checkpoint = "best",
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Prove where the competition behind an answer goes, and how near to it the answer's N steps are.

    For each score of each answer: a steady pattern exists, is unique in a ball and attracts; the run flows into it, or
    that is undecided; its N-th state is as far from the pattern, and the answered state as far from exact arithmetic,
    as stated. Exit code 0: the patterns of all answers are proved. 1: some pattern is undecided. 2: usage. 3: no usable
    checkpoint or data. `rdmf certify FILE` re-checks a certificate with the independent checker.
    """
    set_up_device("cpu", threads)
    from rdmf_model.verification.answers import certify_answers as prove

    def progress(done: int, of: int) -> None:
        if done and (done % 10 == 0 or done == of):
            console.print(f"{done} of {of} answers", highlight=False)

    options: dict[str, Any] = {"count": answers, "qids": qid or [], "overrides": settings or [], "data": data}
    report = prove(run, split, which=checkpoint, progress=progress, **options)
    if output is not None:
        console.print(f"certificates: {report.save(output)} in {output}", highlight=False, soft_wrap=True)
    emit(report.to_dict(), json, lambda: _render(report.summary()))
    if not report.holds:
        raise typer.Exit(1)


def _render(table: dict[str, Any]) -> None:
    def share(name: str) -> str:
        value = table[name]
        return "none" if value is None else f"{100 * value:.1f} %"

    def quartiles(name: str, factor: float, unit: str) -> str:
        values = table[name]
        if values is None:
            return "none proved"
        low, middle, high = (f"{factor * x:.3g}" for x in values)
        return f"median {middle}{unit}, quartiles {low} to {high}{unit}"

    rounding = table["largest_rounding"]
    rows = [
        ("answers", f"{table['answers']}, {table['patterns']} patterns"),
        ("all patterns proved", f"{share('answers_with_all_patterns_proved')} of the answers"),
        ("all runs proved to flow there", f"{share('answers_with_all_flows_proved')} of the answers"),
        ("pattern proved", f"{share('patterns_proved')} of the patterns"),
        ("run proved to flow there", f"{share('flows_proved')} of the patterns"),
        ("the state is v = 0", f"{share('died_out')} of the patterns"),
        ("steps until it is caught", quartiles("steps_to_ball", 1, "")),
        (
            f"distance after N = {table['steps']} steps",
            quartiles("distance_after_steps", 100, " % of the highest clip"),
        ),
        ("within 1 % of the pattern", f"{share('within_one_percent')} of the patterns"),
        ("highest clip is already the same", f"{share('same_winner')} of the patterns"),
        (
            "largest rounding of the N steps",
            "none proved" if rounding is None else f"{rounding:.2g} of the highest clip",
        ),
    ]
    for name, value in rows:
        print(f"{name:<34} {value}")
