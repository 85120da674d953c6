"""What was proved, on file: `Verdict` and `Certificate`, versioned JSON that an independent checker re-verifies."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from rdmf_theory.certificates import checkers
from rdmf_theory.errors import DataError, ParameterError
from rdmf_theory.support.files import write_text
from rdmf_theory.verdict import Verdict

FORMAT = "rdmf-certificate"
VERSION = 1


@dataclass(frozen=True)
class Certificate:
    """Outcome of a proof attempt and, if it succeeded, everything that the checker needs to redo it.

    Arguments:
        verdict: certified, refuted or undecided.
        content: the certificate's JSON object without its digest; empty unless certified.
        condition: the condition that failed or stayed open; None if certified.
        witness: for a refutation the counter-example, exact numbers as text.
        detail: one sentence for people.
    Raises: ParameterError if content and verdict contradict each other.
    """

    verdict: Verdict
    content: dict[str, Any] = field(default_factory=dict)
    condition: str | None = None
    witness: dict[str, Any] | None = None
    detail: str = ""

    def __post_init__(self) -> None:
        if (self.verdict is Verdict.CERTIFIED) != bool(self.content):
            raise ParameterError(
                f"Certificate.content must be present exactly for CERTIFIED. Got verdict {self.verdict.name}; "
                "build certificates with certify_box or certify_region."
            )

    @property
    def holds(self) -> bool:
        """Whether the claim is proved."""
        return self.verdict is Verdict.CERTIFIED

    @property
    def subject(self) -> str | None:
        """What the claim is about, for instance a checkpoint's SHA-256; protected by the digest."""
        return self.content.get("subject")

    def to_dict(self) -> dict[str, Any]:
        """The file's JSON object, digest included; for other verdicts a summary."""
        if self.holds:
            return {**self.content, "sha256": digest(self.content)}
        return {
            "verdict": self.verdict.name.lower(),
            "explanation": self.verdict.value,
            "condition": self.condition,
            "witness": self.witness,
            "detail": self.detail,
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Have the independent checker redo the proof, then write the certificate, first under a temporary name.

        Raises: ParameterError unless the verdict is CERTIFIED; DataError if the checker refuses it (nothing is
            written) or the file cannot be written.
        """
        if not self.holds:
            raise ParameterError(
                f"Certificate.save needs verdict CERTIFIED. Got {self.verdict.name} "
                f"({self.condition}): {self.detail or self.verdict.value}."
            )
        try:
            self.verify()
        except DataError as error:
            raise DataError(f"{path}: is not written, because the independent checker refuses it: {error}") from error
        write_text(path, json.dumps(self.to_dict(), indent=1) + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Certificate:
        """Read a certificate without trusting it; `verify` re-checks it.

        Raises: DataError if the file is no certificate or its digest does not match its content.
        """
        try:
            content = checkers.read(path)
        except (checkers.Refused, checkers.Unreadable) as error:
            raise DataError(f"{path}: cannot be read as a certificate: {error}.") from error
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise DataError(f"{path}: is no certificate; its field format must be {FORMAT!r}.")
        if content.pop("sha256", None) != digest(content):
            raise DataError(f"{path}: was changed after it was written (sha256 differs); make the certificate again.")
        version = content.get("version")
        if type(version) is not int or version != VERSION:
            raise DataError(f"{path}: has version {version!r}; this program reads version {VERSION}.")
        return cls(Verdict.CERTIFIED, content)

    def verify(self) -> str:
        """Redo the proof with the independent checker and return what it established.

        Raises: DataError naming the first step that does not hold.
        """
        try:
            return checkers.check_content(self.to_dict())
        except (checkers.Refused, checkers.Unreadable) as error:
            raise DataError(f"certificate: {error}") from error


def made_with() -> dict[str, str]:
    """Versions of the programs that a proof was found with: a remark, of which the checker judges the form alone."""
    versions = {"python": platform.python_version()}
    for name in ("rdmf", "python-flint"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def digest(content: dict[str, Any]) -> str:
    """SHA-256 of a certificate's content in canonical JSON, the field `sha256` left out."""
    rest = {key: value for key, value in content.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
