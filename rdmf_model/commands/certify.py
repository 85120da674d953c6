"""`rdmf certify`: does this certificate hold?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rdmf_model.commands.options import Json
from rdmf_theory.errors import DataError, ParameterError
from rdmf_theory.support.terminal import emit

EPILOG = "Example: rdmf certify region.json"


def certify(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="Certificate (JSON); with --key: a signed run folder.", show_default=False),
    ],
    checkpoint: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also: is it about this checkpoint, as it is now?", show_default=False),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Public key: is every file of the run as it was signed?", show_default=False),
    ] = None,
    kernel: Annotated[bool, typer.Option("--kernel", help="Have Coq's kernel check it too, where installed.")] = False,
    json: Json = False,
) -> None:
    """Re-check a certificate with the independent checker: exact arithmetic, nothing taken on trust.

    Exit code 0: what it claims holds. 1: it was changed, the claim does not follow, or it is stale or foreign to the
    checkpoint. 3: no readable certificate, or no checkpoint that a program could load. The checker of each kind is one
    file of the standard library, and runs alone: python certificate_checker.py FILE. With --kernel a checker that is
    proved sound in Coq decides as well; where Coq is absent that is said, and is not a pass. With --key, FILE is a run
    folder that `rdmf sign` signed: each file that was changed, removed or added is named, its certificate re-checked.
    """
    if key is not None:
        _check_signature(file, key, json, alone=checkpoint is None and not kernel)
        return
    from rdmf_theory.certificates import checkers as checker

    content: Any = None
    try:
        # read once, so that what is checked is what is compared, and so that a pipe can be given
        content = checker.read(file)
        holds, detail = True, checker.check_content(content)
    except checker.Refused as error:
        holds, detail = False, str(error)
    except checker.Unreadable as error:
        raise DataError(f"{file}: {error}") from error
    answer: dict[str, Any] = {"file": str(file), "holds": holds, "detail": detail}
    if checkpoint is not None and holds:
        from rdmf_model.checkpoints.checkpoint import checkpoint_path, read_run
        from rdmf_model.verification.certificate import describe
        from rdmf_theory.certificates.subject import mismatch

        why = mismatch(content, describe(*read_run(checkpoint_path(checkpoint))))
        answer |= {"checkpoint": str(checkpoint), "holds": why is None, "detail": detail if why is None else why}
        holds, detail = why is None, f"{detail}\n  about {checkpoint} as it is now" if why is None else why
    if kernel and holds:
        from rdmf_theory.proving.kernel_certificate import check_with_kernel
        from rdmf_theory.proving.prove import Outcome

        outcome, covers = check_with_kernel(content)
        answer["kernel"] = {"verdict": outcome.name.lower(), "detail": covers}
        answer["holds"] = holds = outcome is not Outcome.FAILED
        detail = f"{detail}\n  Coq's kernel: {outcome.name.lower()}: {covers}"
    emit(answer, json, lambda: print(_verdict(file, holds, detail)))
    if not holds:
        raise typer.Exit(1)


def _verdict(file: Path, holds: bool, detail: str) -> str:
    return f"{file}: holds: {detail}" if holds else f"{file}: refused: {detail}"


def _check_signature(run: Path, key: Path, json: bool, *, alone: bool) -> None:
    if not alone:
        raise ParameterError("--key judges a run folder with its certificate. Leave out --checkpoint and --kernel.")
    from rdmf_model.verification.statement import STATEMENT, check_run

    faults = check_run(run, key)
    answer = {"file": str(run), "key": str(key), "holds": not faults, "faults": faults}
    fine = f"{run}: holds: {STATEMENT} is signed by {key}, and every file is as it was signed"
    emit(answer, json, lambda: print("\n".join(f"{run}: refused: {line}" for line in faults) or fine))
    if faults:
        raise typer.Exit(1)
