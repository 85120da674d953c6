"""Certifies the box of designs that a model's constraint can emit: no text makes the model leave its region.

It holds for every text, because the constraint maps every raw number into that box whatever the weights are.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rdmf_model.checkpoints.checkpoint import Run
from rdmf_model.properties import ModelUnderTest
from rdmf_theory.certificates import checkers
from rdmf_theory.certificates.certificate import Certificate
from rdmf_theory.certificates.certify import certify_box
from rdmf_theory.certificates.subject import Checkpoint, mismatch
from rdmf_theory.errors import DataError
from rdmf_theory.verdict import Verdict


@dataclass(frozen=True)
class CertificateResult:
    """Outcome of the proof, or of judging a given certificate.

    Arguments:
        certificate: the proof attempt.
        file: where it lies; None where it could not be made.
        checked: what the independent checker said of that file; None if it refused.
        refused: why a given certificate does not speak for the checkpoint.
    """

    certificate: Certificate
    file: Path | None = None
    checked: str | None = None
    refused: str | None = None

    @property
    def holds(self) -> bool:
        """Whether the box is proved admissible, the independent checker agrees, and it is about this model."""
        return self.certificate.holds and self.checked is not None and self.refused is None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        found = self.certificate
        return {
            "verdict": "refused" if self.refused is not None else found.verdict.name.lower(),
            "explanation": found.verdict.value if self.refused is None else self.refused,
            "condition": found.condition,
            "witness": found.witness,
            "detail": found.detail,
            "subject": found.subject,
            "theorems": found.content.get("theorems"),
            "made_with": found.content.get("made_with"),
            "file": None if self.file is None else str(self.file),
            "independent_checker": self.checked,
        }


def file_digest(file: Path) -> str:
    """SHA-256 of a file's bytes, as `sha256sum` prints it."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def certify_layer(tested: ModelUnderTest, sha256: str, file: Path) -> CertificateResult:
    """Prove the box that the layer's constraint emits admissible, save the proof, and have the saved file checked.

    A certificate of an earlier verification in the same place is removed if this one fails: it is about other weights.
    """
    if tested.constraint != "hard":
        _remove_certificate(file)
        return CertificateResult(
            Certificate(
                Verdict.UNDECIDED,
                condition="constraint",
                detail=f"trained with constraint {tested.constraint!r}: nothing bounds what the next text emits. "
                "Train with the constraint for a certificate",
            )
        )
    constraint = tested.region_layer.constraint
    certificate = certify_box(
        constraint.lower.tolist(),
        constraint.upper.tolist(),
        constraint.region,
        modulation_fraction=float(constraint.modulation_fraction),
        subject=f"sha256:{sha256}",
    )
    if not certificate.holds:
        _remove_certificate(file)
        return CertificateResult(certificate)
    try:
        certificate.save(file)
        # the file itself, as it will be read
        return CertificateResult(certificate, file, checkers.check(file))
    except (DataError, checkers.Refused, checkers.Unreadable) as error:
        _remove_certificate(file)
        return CertificateResult(certificate, refused=str(error))


def describe(run: Run, sha256: str) -> Checkpoint:
    """What a certificate about a checkpoint has to speak of: of the model as loaded, each number by its name."""
    bounds: dict[str, tuple[float, ...]] = {}
    if run.model.fusion.has_region:
        constraint: Any = run.model.fusion.constraint
        for name in ("lower", "upper", "modulation_fraction"):
            bounds[name] = tuple(float(x) for x in getattr(constraint, name).reshape(-1))
    return Checkpoint(sha256, run.header["region"], bounds, run.config.model.constraint)


def judge_certificate(file: Path, checkpoint: Checkpoint) -> CertificateResult:
    """Whether a given certificate is true and about a checkpoint as it is now; its reason where it is not.

    Raises: DataError for a file that is no certificate, or was cut short.
    """
    try:
        # read once: what is checked is what is compared
        content = checkers.read(file)
        checked = checkers.check_content(content)
    except checkers.Unreadable as error:
        raise DataError(f"{file}: {error}. Run `rdmf verify` without --certificate to make a new one.") from error
    except checkers.Refused as error:
        refused = f"edited, or never true: {error}"
        return CertificateResult(Certificate(Verdict.UNDECIDED, detail=refused), file, None, refused)
    certificate = Certificate(Verdict.CERTIFIED, {name: x for name, x in content.items() if name != "sha256"})
    return CertificateResult(certificate, file, checked, mismatch(content, checkpoint))


def _remove_certificate(file: Path) -> None:
    """Delete a file if it is a certificate."""
    if file.is_file():
        try:
            Certificate.load(file)
        except DataError:
            return
        file.unlink()
