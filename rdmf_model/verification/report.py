"""How is a verification shown? A progress bar on stderr while it runs, a table on stdout afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rdmf_model.data.digests import say_changed
from rdmf_model.properties import PropertyResult
from rdmf_model.verification.random_texts import RandomTextsResult
from rdmf_model.verification.run import VerificationReport
from rdmf_theory.support.terminal import console

Progress = Callable[[str, int], Callable[[int], None]]


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A bar per search on stderr, gone at the end; nothing where stderr is no terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:

        def start(name: str, inputs: int) -> Callable[[int], None]:
            task = bars.add_task(name, total=inputs)
            return lambda number: bars.advance(task, number)

        yield start


def print_report(report: VerificationReport) -> None:
    """The certificate's verdict, one row per property, and what broke, on stdout."""
    from rich.console import Console
    from rich.table import Table

    out = Console()
    for line in certificate_lines(report):
        out.print(line, highlight=False, markup=False, soft_wrap=True)
    if report.random_texts is not None:
        out.print(
            f"texts        {random_texts_line(report.random_texts)}", highlight=False, markup=False, soft_wrap=True
        )
    if report.data_changed:
        line = f"data         NOT those of the training: {say_changed(report.data_changed)}"
        out.print(line, highlight=False, markup=False, soft_wrap=True)
    if report.embeddings:
        out.print(
            f"             {report.embeddings} texts of the run's own data are among those tried", highlight=False
        )
    table = Table(title=f"Properties, seed {report.seed}")
    for name in ("property", "examples", "verdict", "worst margin", "seconds"):
        table.add_column(name, justify="right" if name in ("examples", "seconds") else "left")
    for result in report.properties:
        verdict = "[green]holds[/]" if result.holds else "[bold red]violated[/]"
        table.add_row(result.prop.name, str(result.examples), verdict, _worst(result), f"{result.seconds:.1f}")
    out.print(table)
    for result in report.properties:
        if not result.holds:
            for line in violation_lines(result):
                out.print(line, highlight=False, markup=False, soft_wrap=True)
    for scope, names in not_checked(report).items():
        out.print(f"not checked   {', '.join(names)}: {scope}", highlight=False, markup=False, soft_wrap=True)
    word = "holds" if report.holds else "does not hold"
    line = f"{report.checkpoint}: {word}, {report.seconds:.0f} s"
    out.print(line, highlight=False, markup=False, soft_wrap=True)


def not_checked(report: VerificationReport) -> dict[str, list[str]]:
    """Names of the properties that were not checked, by the reason."""
    found: dict[str, list[str]] = {}
    for name, reason in report.not_checked.items():
        found.setdefault(reason, []).append(name)
    return found


def certificate_lines(report: VerificationReport) -> list[str]:
    """What the certificate says, in words."""
    found = report.certificate
    if found is None:
        region = report.tested is None or report.tested.has_region
        why = "" if region else f": {report.fusion} has no admissible region"
        return [f"certificate  none asked for{why}"]
    if found.refused is not None:
        return [f"certificate  {found.file}: refused: {found.refused}"]
    verdict = found.certificate.verdict
    if not found.certificate.holds:
        lines = [f"certificate  {verdict.name.lower()}: {verdict.value}"]
        lines.append(f"             {found.certificate.condition}: {found.certificate.detail}")
        if found.certificate.witness is not None:
            lines.append(f"             witness {found.certificate.witness}")
        return lines
    if found.checked is None:
        return [f"certificate  {found.file}: refused by the independent checker; `rdmf certify` says why"]
    region = found.certificate.content["region"]
    clips = region["clips"]
    return [
        f"certificate  for all texts: {found.checked}",
        f"             at {clips[0]} to {clips[1]} clips, {region['steps']} steps, float32 rounding included",
        f"             {found.file}, accepted by the independent checker",
    ]


def random_texts_line(found: RandomTextsResult) -> str:
    """What became of the random texts, in words."""
    return (
        f"{found.texts} random texts, {found.designs} designs in {found.seconds:.0f} s: {found.outside} "
        f"outside, least margin {found.worst:.3g}"
    )


def violation_lines(result: PropertyResult) -> list[str]:
    """What was promised, what broke, and the smallest input found that breaks it."""
    return [
        f"{result.prop.name} is violated: {result.prop.statement}",
        f"  {result.detail}",
        f"  counter-example {result.counter_example}",
        f"  theorem {result.prop.theorem}; tolerance {result.prop.tolerance}",
    ]


def _worst(result: PropertyResult) -> str:
    if result.worst is None:
        return "-"
    name, margin = result.worst
    return f"{margin:.3g} {name}"
