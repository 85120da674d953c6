"""Does a trained model keep what the theory promises? A certificate for all texts, and a search for counter-examples.

The certificate covers the box of designs that the model's door can emit: it holds for every text, because the door maps
every raw number into that box whatever the weights are. The properties judge the model as loaded.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from rdmf_model.checkpoint import checkpoint_path, load_run, program_versions
from rdmf_model.properties import PROPERTIES, Property, PropertyResult, Subject, run_property
from rdmf_theory import certificate_checker
from rdmf_theory.certificate import Certificate
from rdmf_theory.certify import certify_box
from rdmf_theory.errors import DataError, ParameterError

EXAMPLES = 100


@dataclass(frozen=True)
class CertificateResult:
    """Outcome of the proof: the certificate, where it was saved, and what the independent checker said of that file."""

    certificate: Certificate
    file: Path | None = None
    checked: str | None = None

    @property
    def holds(self) -> bool:
        """Whether the box is proved admissible and the independent checker agrees."""
        return self.certificate.holds and self.checked is not None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        found = self.certificate
        return {
            "verdict": found.verdict.name.lower(),
            "explanation": found.verdict.value,
            "condition": found.condition,
            "witness": found.witness,
            "detail": found.detail,
            "subject": found.subject,
            "file": None if self.file is None else str(self.file),
            "independent_checker": self.checked,
        }


@dataclass(frozen=True)
class VerificationReport:
    """What was proved and what was tried on one checkpoint.

    Arguments:
        run: as given; checkpoint: the file that was judged; sha256: of its bytes.
        certificate: None where it was not asked for.
        properties: results in the order they were run.
        examples, seed: of the search.
        seconds: of everything.
    """

    run: Path
    checkpoint: Path
    sha256: str
    fusion: str
    certificate: CertificateResult | None
    properties: Sequence[PropertyResult]
    examples: int
    seed: int
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether nothing was refuted, left open or broken."""
        proved = self.certificate is None or self.certificate.holds
        return proved and all(result.holds for result in self.properties)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, apart from NaN and infinities."""
        return {
            "run": str(self.run),
            "checkpoint": str(self.checkpoint),
            "sha256": self.sha256,
            "fusion": self.fusion,
            "holds": self.holds,
            "certificate": None if self.certificate is None else self.certificate.to_dict(),
            "properties": [result.to_dict() for result in self.properties],
            "examples": self.examples,
            "seed": self.seed,
            "seconds": self.seconds,
            "versions": program_versions(),
        }


def verify_run(
    run: Path,
    examples: int = EXAMPLES,
    seed: int = 0,
    *,
    which: str = "best",
    output: Path | None = None,
    certify: bool = True,
    progress: Callable[[Property], Callable[[], None]] | None = None,
) -> VerificationReport:
    """Certify the box of designs that a model can reach, and search for inputs that break its promises.

    Arguments:
        run: run folder or checkpoint file.
        examples: inputs tried per property, >= 1.
        seed: of the search, >= 0.
        which: "best" or "last" checkpoint of a folder.
        output: the certificate's file; None: `default_output`.
        certify: False for the properties alone; a model without the reaction-diffusion layer has no others.
        progress: property -> what to call after each of its examples.

    Returns: the report; what does not hold is in it.
    Raises: DataError for a checkpoint that cannot be used, was changed, or is not finite; ParameterError for arguments
        out of range, and for a certificate of a model that has no region.
    """
    run = Path(run)
    if examples < 1 or seed < 0:
        raise ParameterError(f"examples must be >= 1 and seed >= 0. Got {examples} and {seed}.")
    started = time.perf_counter()
    file = checkpoint_path(run, which)
    target = output or default_output(run, file)
    if not target.absolute().parent.is_dir():
        raise ParameterError(f"--output must lie in a folder that exists. Got {target}.")
    sha256 = file_digest(file)
    model, config, _ = load_run(file)
    if file_digest(file) != sha256:
        raise DataError(f"{file}: changed while it was read. Wait until the training has ended, then verify again.")
    clips = config.model.region.clips
    subject = Subject(model, (1, 75) if isinstance(clips, str) else clips)  # type: ignore[arg-type]
    if certify and not subject.has_layer:
        raise ParameterError(
            f"a certificate needs a model with an admissible region, which fusion = {config.model.fusion!r} has not. "
            "Train with fusion = 'reaction_diffusion', or add --no-certificate to test its invariances alone."
        )
    certificate = certify_layer(subject, sha256, target) if certify else None
    with hypothesis_folder(), one_thread():
        results = [
            run_property(judged, subject, examples, seed, None if progress is None else progress(judged))
            for judged in PROPERTIES
            if subject.has_layer or not judged.needs_layer
        ]
    seconds = time.perf_counter() - started
    return VerificationReport(run, file, sha256, config.model.fusion, certificate, results, examples, seed, seconds)


def default_output(run: Path, file: Path) -> Path:
    """Where a certificate goes: certificate.json in the run folder for its best checkpoint, else beside the file."""
    name = "certificate.json" if run.is_dir() and file.stem == "best" else f"{file.stem}.certificate.json"
    return file.with_name(name)


def file_digest(file: Path) -> str:
    """SHA-256 of a file's bytes, as `sha256sum` prints it."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def certify_layer(subject: Subject, sha256: str, file: Path) -> CertificateResult:
    """Prove the box that the layer's door emits admissible, save the proof, and have the saved file checked.

    A certificate of an earlier verification in the same place is removed if this one fails: it is about other weights.
    """
    door = subject.layer.constraint
    certificate = certify_box(
        door.lower.tolist(),
        door.upper.tolist(),
        door.region,
        modulation_fraction=float(door.modulation_fraction),
        subject=f"sha256:{sha256}",
    )
    if not certificate.holds:
        _remove_certificate(file)
        return CertificateResult(certificate)
    certificate.save(file)
    try:
        return CertificateResult(certificate, file, certificate_checker.check(file))
    except (certificate_checker.Refused, certificate_checker.Unreadable):
        return CertificateResult(certificate, file)


def _remove_certificate(file: Path) -> None:
    """Delete a file if it is a certificate."""
    if file.is_file():
        try:
            Certificate.load(file)
        except DataError:
            return
        file.unlink()


@contextmanager
def one_thread() -> Iterator[None]:
    """Runs torch on one thread: batches of one gain nothing from more, and lose much where cores are shared."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def hypothesis_folder() -> Iterator[None]:
    """Keeps hypothesis from leaving its folder in the user's working directory."""
    from hypothesis.configuration import set_hypothesis_home_dir

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        set_hypothesis_home_dir(folder)
        try:
            yield
        finally:
            # None: the default, or HYPOTHESIS_STORAGE_DIRECTORY
            set_hypothesis_home_dir(None)
