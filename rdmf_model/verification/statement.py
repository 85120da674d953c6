"""One signed statement over a run folder: an in-toto Statement in a DSSE envelope, signed with Ed25519.

    statement.json = DSSE(in-toto Statement v1: subject = every file of the run by SHA-256; predicate = what they say)

The statement binds weights, configuration, digests of the data, the region certificate and any report to one another:
whoever holds the public key can name each file of the run that was changed, removed or added after it was signed.
Keys, signatures and the envelope are those of `securesystemslib`; the format is in-toto's (in-toto.io/Statement/v1).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rdmf_model.checkpoints.lock import LOCK
from rdmf_theory.errors import DataError, ParameterError
from rdmf_theory.support.extras import install_hint
from rdmf_theory.support.files import write_atomically

STATEMENT = "statement.json"
CERTIFICATE, CHECKPOINT = "certificate.json", "best.safetensors"
NEEDED = (CHECKPOINT, "config.json", "data.json")
_STATEMENT_TYPE, _PREDICATE_TYPE = "https://in-toto.io/Statement/v1", "urn:rdmf:run:v1"
_PAYLOAD_TYPE = "application/vnd.in-toto+json"
_KEY = "an Ed25519 key in PEM, as `rdmf sign --new-key` writes"


def _library() -> Any:
    try:
        import securesystemslib.dsse
        import securesystemslib.signer
    except ImportError:
        raise ParameterError(f"Signatures need securesystemslib. {install_hint('sign')}") from None
    return securesystemslib


def new_key(file: Path) -> Path:
    """Write a new Ed25519 key pair: the private key to `file` (mode 600), the public one beside it; returns the latter.

    Raises: ParameterError where one of the files exists.
    """
    signer = _library().signer.CryptoSigner.generate_ed25519()
    public = file.with_name(file.name + ".pub")
    for path in (file, public):
        if path.exists():
            raise ParameterError(f"{path} exists. Give another name: a key that is written over is lost.")
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(signer.private_bytes)
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    pem = _private_key(file).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    write_atomically(public, pem)
    return public


def sign_run(run: Path, key: Path) -> dict[str, Any]:
    """Sign every file of a run folder; writes `statement.json` there and returns the statement.

    Raises:
        ParameterError: not a run folder, not a private key.
        DataError: a checkpoint that cannot be loaded; a certificate in the folder that is false, stale or foreign.
    """
    library = _library()
    missing = [name for name in NEEDED if not (run / name).is_file()]
    if missing:
        raise ParameterError(f"{run}: has no {', '.join(missing)}. Give the folder that `rdmf train` wrote.")
    signer = library.signer.CryptoSigner(_private_key(key))
    statement = {
        "_type": _STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in sorted(digests(run).items())],
        "predicateType": _PREDICATE_TYPE,
        "predicate": _facts(run),
    }
    payload = json.dumps(statement, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    envelope = library.dsse.Envelope(payload, _PAYLOAD_TYPE, {})
    envelope.sign(signer)
    write_atomically(run / STATEMENT, _bytes(envelope))
    return statement


def check_run(run: Path, key: Path) -> list[str]:
    """What is wrong with a signed run folder, one line each; empty where every file is as it was signed.

    Raises: DataError where there is no statement or it cannot be read; ParameterError for a key that is none.
    """
    library = _library()
    public = library.signer.SSlibKey.from_crypto(_public_key(key))
    file = run / STATEMENT
    content = _read(file)
    try:
        envelope = library.dsse.Envelope.from_dict(json.loads(content))
        canonical = _bytes(envelope) == content
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return [f"{STATEMENT}: is no DSSE envelope ({type(error).__name__}: {error})"]
    if not canonical:
        # one writing of an envelope is signed: no bit of the file is free
        return [f"{STATEMENT}: was changed: it is not written as `rdmf sign` writes it"]
    try:
        envelope.verify([public], 1)
    except Exception as error:
        return [f"{STATEMENT}: is not signed by {key} ({error})"]
    statement = json.loads(envelope.payload)
    if (statement.get("_type"), statement.get("predicateType")) != (_STATEMENT_TYPE, _PREDICATE_TYPE):
        return [f"{STATEMENT}: is signed, but about something else than a run ({statement.get('predicateType')})"]
    signed = {entry["name"]: entry["digest"]["sha256"] for entry in statement["subject"]}
    return _differences(signed, digests(run)) or _certificate_faults(run)


def digests(run: Path) -> dict[str, str]:
    """SHA-256 of every file of a run folder, by its path there; not of the statement and the lock.

    Raises: DataError for a link: what it leads to is no part of the folder.
    """
    found: dict[str, str] = {}
    for path in sorted(run.rglob("*")):
        name = path.relative_to(run).as_posix()
        if path.is_symlink():
            raise DataError(f"{path}: is a link, and what it leads to can change. Copy the file into the run folder.")
        if path.is_file() and name not in (STATEMENT, LOCK):
            with path.open("rb") as stream:
                found[name] = hashlib.file_digest(stream, "sha256").hexdigest()
    return found


def _differences(signed: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    lines = [f"{name}: is gone" for name in signed if name not in found]
    lines += [f"{name}: was changed after it was signed" for name, x in found.items() if signed.get(name, x) != x]
    return sorted(lines + [f"{name}: was added after the run was signed" for name in found if name not in signed])


def _facts(run: Path) -> dict[str, Any]:
    """What the signed files say, for a reader of the statement. Raises DataError where they contradict each other."""
    from rdmf_model.checkpoints.checkpoint import load_run

    trained = load_run(run)
    faults = _certificate_faults(run)
    if faults:
        raise DataError(f"{run}: is not signed: {faults[0]}. Run `rdmf verify {run}` first.")
    return {
        "epoch": trained.header["epoch"],
        "fusion": trained.config.model.fusion,
        "constraint": trained.config.model.constraint,
        "certificate": (run / CERTIFICATE).is_file(),
        "versions": trained.header["versions"],
    }


def _certificate_faults(run: Path) -> list[str]:
    """Why the certificate of a run folder, if there is one, does not hold for its best checkpoint."""
    from rdmf_model.checkpoints.checkpoint import read_run
    from rdmf_model.verification.certificate import describe
    from rdmf_theory.certificates import checkers
    from rdmf_theory.certificates.subject import mismatch

    file = run / CERTIFICATE
    if not file.is_file():
        return []
    try:
        content = checkers.read(file)
        checkers.check_content(content)
    except (checkers.Refused, checkers.Unreadable) as error:
        return [f"{CERTIFICATE}: {error}"]
    why = mismatch(content, describe(*read_run(run / CHECKPOINT)))
    return [] if why is None else [f"{CERTIFICATE}: {why}"]


def _bytes(envelope: Any) -> bytes:
    return (json.dumps(envelope.to_dict(), indent=2) + "\n").encode()


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        why = f"cannot be read ({error.strerror})"
        raise DataError(f"{file}: {why}. Sign the run with `rdmf sign RUN --key FILE`.") from None


def _private_key(file: Path) -> Any:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return _load(file, lambda content: load_pem_private_key(content, None), Ed25519PrivateKey, "private")


def _public_key(file: Path) -> Any:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    return _load(file, load_pem_public_key, Ed25519PublicKey, "public")


def _load(file: Path, load: Any, kind: type, name: str) -> Any:
    try:
        key = load(file.read_bytes())
    except OSError as error:
        raise ParameterError(f"--key {file}: cannot be read ({error.strerror}). Give {_KEY}.") from None
    except (ValueError, TypeError) as error:
        raise ParameterError(f"--key {file}: is no {name} key ({error}). Give {_KEY}.") from None
    if not isinstance(key, kind):
        raise ParameterError(f"--key {file}: is a {type(key).__name__}. Give {_KEY}.")
    return key
