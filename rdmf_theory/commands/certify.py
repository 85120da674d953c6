"""`rdmf certify`: does this certificate hold?"""

from __future__ import annotations

from json import loads
from pathlib import Path
from typing import Annotated, Any

import typer

from rdmf_theory.commands.options import Json
from rdmf_theory.errors import DataError
from rdmf_theory.terminal import emit


def certify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Certificate (JSON).", show_default=False)],
    kernel: Annotated[bool, typer.Option("--kernel", help="Have Coq's kernel check it too, where installed.")] = False,
    json: Json = False,
) -> None:
    """Re-check a certificate with the independent checker: exact arithmetic, nothing taken on trust.

    Exit code 0: what it claims holds. 1: it was changed, or the claim does not follow. 3: no readable certificate.
    The checker is one file of the standard library, and runs alone: python certificate_checker.py FILE. With --kernel a
    checker that is proved sound in Coq decides as well; where Coq is absent that is said, and is not a pass.
    """
    from rdmf_theory import certificate_checker as checker

    try:
        holds, detail = True, checker.check(file)
    except checker.Refused as error:
        holds, detail = False, str(error)
    except checker.Unreadable as error:
        raise DataError(f"{file}: {error}") from error
    answer: dict[str, Any] = {"file": str(file), "holds": holds, "detail": detail}
    if kernel and holds:
        from rdmf_theory.kernel_certificate import check_with_kernel
        from rdmf_theory.prove import Outcome

        outcome, covers = check_with_kernel(loads(file.read_text(encoding="utf-8")))
        answer["kernel"] = {"verdict": outcome.name.lower(), "detail": covers}
        answer["holds"] = holds = outcome is not Outcome.FAILED
        detail = f"{detail}\n  Coq's kernel: {outcome.name.lower()}: {covers}"
    emit(answer, json, lambda: print(_verdict(file, holds, detail)))
    if not holds:
        raise typer.Exit(1)


def _verdict(file: Path, holds: bool, detail: str) -> str:
    return f"{file}: holds: {detail}" if holds else f"{file}: refused: {detail}"
