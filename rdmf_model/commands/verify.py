"""`rdmf verify`: certify that no text makes a model leave its region, and search for inputs that violate a property."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rdmf_model.commands.options import Checkpoint, Json, Run, Threads, set_up_device
from rdmf_theory.errors import ParameterError
from rdmf_theory.support.terminal import console, emit

EPILOG = "Example: rdmf verify run --examples 1000 --texts 1000000 --html report.html --junit report.xml"


def verify(
    run: Run,
    examples: Annotated[
        int, typer.Option(min=1, help="Inputs tried per property; a costly one tries a stated share of them.")
    ] = 100,
    texts: Annotated[int, typer.Option(min=0, help="Random texts whose designs are checked besides.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the search and of the random texts.")] = 0,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Certificate (JSON).", show_default="certificate.json in the run"),
    ] = None,
    certificate: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Judge this certificate: true, and about this checkpoint?"),
    ] = None,
    no_certificate: Annotated[bool, typer.Option("--no-certificate", help="Only test properties.")] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="One self-contained page with pictures.", show_default=False)
    ] = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="JUnit XML, for CI.", show_default=False)] = None,
    checkpoint: Checkpoint = "best",
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Certify that no text makes a model leave its region, and search for inputs that violate a property.

    Exit code 0: everything holds. 1: refuted, undecided, violated, or a certificate that is edited, stale or foreign.
    2: usage. 3: no usable checkpoint, or a certificate that cannot be read.
    """
    if certificate is not None and no_certificate:
        raise ParameterError("--certificate and --no-certificate contradict each other. Give one of them.")
    if certificate is not None and output is not None:
        raise ParameterError("--output is for a new certificate, --certificate judges one. Give one of them.")
    for name, file in (("--html", html), ("--junit", junit)):
        if file is not None and not file.absolute().parent.is_dir():
            raise ParameterError(f"{name} must lie in a folder that exists. Got {file}.")

    set_up_device("cpu", threads)
    from rdmf_model.verification.report import print_report, progress_bar
    from rdmf_model.verification.run import verify_run

    with progress_bar() as progress:
        report = verify_run(
            run,
            examples,
            seed,
            which=checkpoint,
            output=output,
            certify=not no_certificate,
            certificate=certificate,
            texts=texts,
            progress=progress,
        )
    if junit is not None:
        from rdmf_model.verification.junit import write_junit

        write_junit(report, junit)
        console.print(f"JUnit: {junit}", highlight=False, soft_wrap=True)
    if html is not None:
        from rdmf_model.verification.html import write_page

        write_page(report, html)
        console.print(f"page: {html}", highlight=False, soft_wrap=True)
    emit(report.to_dict(), json, lambda: print_report(report))
    if not report.holds:
        raise typer.Exit(1)
