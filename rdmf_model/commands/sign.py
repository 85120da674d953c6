"""`rdmf sign`: one signed statement over all files of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rdmf_model.commands.options import Json
from rdmf_theory.errors import ParameterError
from rdmf_theory.support.terminal import emit

EPILOG = "Example: rdmf sign --new-key rdmf.key; rdmf sign run --key rdmf.key; rdmf certify run --key rdmf.key.pub"


def sign(
    run: Annotated[
        Path | None, typer.Argument(metavar="RUN", help="Run folder of `rdmf train`.", show_default=False)
    ] = None,
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Private key that signs (PEM).", show_default=False)
    ] = None,
    new_key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a new key pair: FILE and FILE.pub.", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Sign weights, configuration, data digests, certificate and reports of a run, in one statement.

    RUN/statement.json is an in-toto statement in a DSSE envelope. It names every file of the folder by its SHA-256;
    `rdmf certify RUN --key FILE.pub` names each one that is not as it was signed. Store the certificate and the report
    first: `rdmf verify RUN --json > RUN/verify.json`. A certificate that does not hold for the weights is not signed.

    Exit code 0: signed. 2: usage. 3: no usable checkpoint, or a certificate that does not hold.
    """
    from rdmf_model.verification.statement import STATEMENT, sign_run
    from rdmf_model.verification.statement import new_key as write_key_pair

    if new_key is not None:
        if run is not None or key is not None:
            raise ParameterError("--new-key stands alone. Sign with it afterwards: rdmf sign RUN --key FILE.")
        public = write_key_pair(new_key)
        answer = {"private": str(new_key), "public": str(public)}
        emit(answer, json, lambda: print(f"private key {new_key} (keep it to yourself), public key {public}"))
        return
    if run is None or key is None:
        raise ParameterError("a run and a key are needed: rdmf sign RUN --key FILE. A key: rdmf sign --new-key FILE.")
    statement = sign_run(run, key)
    names = [entry["name"] for entry in statement["subject"]]
    text = f"{run / STATEMENT}: {len(names)} files signed: {', '.join(names)}"
    emit({"file": str(run / STATEMENT), "statement": statement}, json, lambda: print(text))
