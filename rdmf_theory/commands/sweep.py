"""`rdmf sweep`: the same question at many points, from a file or a grid."""

from __future__ import annotations

import csv
import json as jsonlib
import math
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from rdmf_theory.arithmetic.rational import to_fraction
from rdmf_theory.commands.options import Json
from rdmf_theory.errors import DataError, ParameterError
from rdmf_theory.support.files import replacing
from rdmf_theory.support.terminal import console, emit, json_ready


def sweep(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Results: .csv or .jsonl.", show_default=False)
    ],
    points: Annotated[
        Path | None,
        typer.Option("--points", metavar="FILE", help="Points, a CSV with a header or JSONL.", show_default=False),
    ] = None,
    ranges: Annotated[
        list[str] | None,
        typer.Option("--range", metavar="NAME=LOW:HIGH:COUNT", help="Instead of a file: a grid.", show_default=False),
    ] = None,
    question: Annotated[
        Literal["check", "design"], typer.Option("--question", help="check: F, k, s, D_u, D_v; design: u_star, z, ...")
    ] = "check",
    jobs: Annotated[int, typer.Option(help="Processes on this machine; -1 for all cores.")] = 1,
    cluster: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="A dask.distributed scheduler, tcp://host:port.", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Classify many parameter points, or judge many designs: one row of answers per point, in order.

    The results do not depend on where they are computed: one process, --jobs, or --cluster. The output appears under
    its name only when it is complete.
    """
    from rdmf_theory.sweeps import DEFAULTS, NEEDED
    from rdmf_theory.sweeps import sweep as run

    if (points is None) == (not ranges):
        raise ParameterError("--points or --range must be given, and not both. Points come from a file or from a grid.")
    if output.suffix not in (".csv", ".jsonl"):
        raise ParameterError(f"--output must end in .csv or .jsonl. Got {output.name!r}.")
    allowed = (*NEEDED[question], *DEFAULTS[question])
    source = (
        _read(points, NEEDED[question], allowed)
        if points is not None
        else _grid(ranges or [], NEEDED[question], allowed)
    )
    found: dict[str, int] = {}
    with _progress(len(source)) as advance:
        rows = run(source, question, jobs=jobs, cluster=cluster, progress=advance)
        counts = _write(output, _counted(rows, found))
    answer = {"output": str(output), "question": question, "points": counts, "answers": found}

    def render() -> None:
        parts = ", ".join(f"{count} {name}" for name, count in sorted(found.items(), key=lambda item: -item[1]))
        print(f"{counts} points: {parts}")

    emit(answer, json, render)


def _counted(rows: Iterable[dict[str, Any]], found: dict[str, int]) -> Iterator[dict[str, Any]]:
    for row in rows:
        name = row.get("classification") or ("admissible" if row.get("admissible") else "not admissible")
        found[name] = found.get(name, 0) + 1
        yield row


def _progress(total: int) -> Any:
    """A context whose value is called with the number of points done; a bar where the work is worth one."""
    if total < 20_000 or not console.is_terminal:
        return nullcontext(None)
    from rich.progress import Progress

    class Bar(Progress):
        def __enter__(self) -> Any:
            super().__enter__()
            task = self.add_task("points", total=total)
            return lambda done: self.update(task, completed=done)

    return Bar(console=console, transient=True)


def _read(path: Path, needed: tuple[str, ...], allowed: tuple[str, ...]) -> list[dict[str, float | str]]:
    """Points of a CSV or JSONL file; columns that are no parameters are refused, for a typo would be ignored."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error}).") from error
    points = []
    for line, record in _records(path, text):
        wrong = sorted(set(map(str, record)) - set(allowed))
        missing = [name for name in needed if name not in record]
        if wrong or missing:
            raise DataError(
                f"{path}:{line}: needs {', '.join(needed)}, may have {', '.join(allowed)}. Got {list(record)}."
            )
        try:
            if not all(math.isfinite(float(value)) for value in record.values()):
                raise ValueError(record)
            # as text, so that a decimal is the number that it writes
            points.append({name: str(value).strip() for name, value in record.items()})
        except (TypeError, ValueError) as error:
            raise DataError(f"{path}:{line}: every value must be a number. Got {dict(record)}.") from error
    if not points:
        raise DataError(f"{path}: holds no points.")
    return points


def _records(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    if path.suffix == ".csv":
        reader = csv.DictReader(text.splitlines())
        for record in reader:
            yield reader.line_num, record
        return
    for line, content in enumerate(text.splitlines(), start=1):
        if content.strip():
            try:
                record = jsonlib.loads(content, parse_float=str)
            except ValueError as error:
                raise DataError(f"{path}:{line}: is no JSON ({error}).") from error
            if not isinstance(record, dict):
                raise DataError(f"{path}:{line}: must be a JSON object of numbers. Got {content[:60]!r}.")
            yield line, record


def _grid(ranges: list[str], needed: tuple[str, ...], allowed: tuple[str, ...]) -> list[dict[str, float | str]]:
    from rdmf_theory.sweeps import grid_points

    axes: dict[str, list[float]] = {}
    for text in ranges:
        name, _, rest = text.partition("=")
        try:
            parts = [to_fraction(name, part.strip()) for part in rest.split(":")]
            low, high, count = parts if len(parts) == 3 else (parts[0], parts[0], Fraction(1))
            if len(parts) not in (1, 3) or count != int(count) or count < 1:
                raise ValueError(text)
        except (ValueError, ParameterError) as error:
            raise ParameterError(f"--range must be NAME=LOW:HIGH:COUNT or NAME=VALUE. Got {text!r}.") from error
        if name not in allowed or name in axes:
            raise ParameterError(f"--range must name {', '.join(allowed)}, each once. Got {name!r}.")
        step = Fraction(0) if count == 1 else (high - low) / (count - 1)
        axes[name] = [float(low + i * step) for i in range(int(count))]
    missing = [name for name in needed if name not in axes]
    if missing:
        raise ParameterError(f"--range must be given for {', '.join(needed)}. Missing: {', '.join(missing)}.")
    return grid_points(axes)


def _write(path: Path, rows: Iterator[dict[str, Any]]) -> int:
    """Write rows under a temporary name and rename; the number of rows."""
    count = 0
    try:
        with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            writer = None
            for row in rows:
                if path.suffix == ".jsonl":
                    file.write(jsonlib.dumps(json_ready(row), allow_nan=False) + "\n")
                else:
                    if writer is None:
                        writer = csv.DictWriter(file, list(row), lineterminator="\n")
                        writer.writeheader()
                    writer.writerow(row)
                count += 1
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}).") from error
    return count
