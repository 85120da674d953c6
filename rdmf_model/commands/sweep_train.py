"""`rdmf sweep-train`: many trainings of one configuration, and one table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rdmf_model.commands.options import Json
from rdmf_theory.errors import ParameterError
from rdmf_theory.support.terminal import console, emit

EPILOG = (
    "Example: rdmf sweep-train configs/planted.toml -o sweep --trials 8 --jobs 2 "
    "--vary train.learning_rate=1e-4:1e-2:log --vary model.fusion=competition,none"
)


def sweep_train(
    config: Annotated[Path, typer.Argument(help="TOML configuration that every trial starts from.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the search.", show_default=False)],
    vary: Annotated[
        list[str],
        typer.Option(
            metavar="KEY=VALUES", help="KEY=A,B,C or KEY=LOW:HIGH[:log|:int]. Repeatable.", show_default=False
        ),
    ],
    trials: Annotated[
        int, typer.Option(min=1, help="Configurations to train, those of a resumed search included.")
    ] = 8,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override of every trial. Repeatable.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws.")] = 0,
    jobs: Annotated[int, typer.Option(help="Processes on this machine; -1 for all cores.")] = 1,
    cluster: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="A dask.distributed scheduler, tcp://host:port.", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Train one configuration with many settings, by processes or on a cluster; one table, best first.

    Trials are drawn by Optuna and stored in the folder (study.journal), each run in trial-NNNN. The table does not
    depend on who trains. The same command again goes on with a search that was stopped: finished trials are kept, begun
    ones resumed. With --trials N+M a search of N trials goes on to N+M.
    """
    from rich.progress import Progress

    from rdmf_model.config.config import load_config
    from rdmf_model.training.search import TABLE, Choice, search

    if jobs == 0:
        raise ParameterError("--jobs must be a number of processes, or -1 for all cores. Got 0.")
    choices = [Choice.parse(text) for text in vary]
    # what is wrong with file or overrides is said before anything is trained
    load_config(config, settings or [])
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task("trials", total=trials)
        rows = search(
            config,
            output,
            choices,
            trials,
            settings=settings or [],
            seed=seed,
            jobs=jobs,
            cluster=cluster,
            progress=lambda done: bars.update(task, completed=done),
        )
    emit({"folder": str(output), "trials": rows}, json, lambda: _print(rows, output / TABLE))
    if all(row["score"] is None for row in rows):
        raise ParameterError(f"no trial could be trained: {rows[0]['error']}")


def _print(rows: list[dict[str, Any]], table: Path) -> None:
    from sys import stdout

    from rich.console import Console
    from rich.table import Table

    keys = list(rows[0]["settings"])
    names = list(dict.fromkeys(name for row in rows for name in row["metrics"] if name.startswith(("MR-full", "HL"))))
    shown = Table(title="Trials, best first")
    for head in ("trial", *keys, "score", *(name.removeprefix("MR-full-") for name in names[:4])):
        shown.add_column(head, justify="right")
    for row in rows:
        cells = [str(row["trial"]), *(_short(row["settings"][key]) for key in keys)]
        if row["score"] is None:
            cells.append("failed")
        else:
            cells += [f"{row['score']:.2f}", *(_short(row["metrics"].get(name)) for name in names[:4])]
        shown.add_row(*cells)
    Console(width=None if stdout.isatty() else 120).print(shown)
    for row in rows:
        if row["error"]:
            print(f"trial {row['trial']} failed: {row['error']}")
    print(f"{table}; the best run is trial-{rows[0]['trial']:04d}")


def _short(value: Any) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
