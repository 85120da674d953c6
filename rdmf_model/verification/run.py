"""Checks a trained model against the theory: a certificate for all texts, and a search for counter-examples.

The certificate (`verification.certificate`) covers the box of designs that the model's constraint can emit. The
properties are checked on the model as loaded, and random texts (`verification.random_texts`) are pushed through that
constraint.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rdmf_model.checkpoints.card import CARD, CERTIFICATE, write_card
from rdmf_model.checkpoints.checkpoint import Run, checkpoint_path, load_run, program_versions, read_run
from rdmf_model.checkpoints.packed import PACK
from rdmf_model.config.config import Config
from rdmf_model.data.annotations import read_annotations
from rdmf_model.data.digests import RECORD, changed_since_training
from rdmf_model.data.feature_sources import load_text, open_source
from rdmf_model.properties import PROPERTIES, ModelUnderTest, PropertyResult, run_property
from rdmf_model.verification.certificate import CertificateResult, certify_layer, describe, judge_certificate
from rdmf_model.verification.random_texts import RandomTextsResult, push_texts
from rdmf_theory.errors import DataError, ParameterError

EXAMPLES = 100


@dataclass(frozen=True)
class VerificationReport:
    """What was proved and what was tried on one checkpoint.

    Arguments:
        run: as given; checkpoint: the file that was checked; sha256: of its bytes.
        certificate: None where it was not asked for.
        properties: results in the order they were run.
        random_texts: what became of them; None where there was none.
        tested: the model that was checked, for pictures.
        data_changed: files of the run's data that are others than in training, as `PATH (why)`.
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
    random_texts: RandomTextsResult | None = None
    tested: ModelUnderTest | None = field(default=None, repr=False, compare=False)
    data_changed: Sequence[str] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing was refuted, left open or broken."""
        parts = [part.holds for part in (self.certificate, self.random_texts) if part is not None]
        return all(parts) and all(result.holds for result in self.properties)

    @property
    def not_checked(self) -> dict[str, str]:
        """Properties that are not about this model, each with the models that it is about."""
        tested = self.tested
        left = [] if tested is None else [prop for prop in PROPERTIES if not prop.is_about(tested)]
        return {prop.name: f"is about {prop.scope.value}" for prop in left}

    @property
    def embeddings(self) -> int:
        """How many texts of the run's own data were at hand."""
        return 0 if self.tested is None else len(self.tested.embeddings)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, apart from NaN and infinities."""
        return {
            "run": str(self.run),
            "checkpoint": str(self.checkpoint),
            "sha256": self.sha256,
            "fusion": self.fusion,
            "holds": self.holds,
            "certificate": None if self.certificate is None else self.certificate.to_dict(),
            "random_texts": None if self.random_texts is None else self.random_texts.to_dict(),
            "run_embeddings": self.embeddings,
            "not_checked": self.not_checked,
            "data_changed": list(self.data_changed),
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
    certificate: Path | None = None,
    texts: int = 0,
    progress: Callable[[str, int], Callable[[int], None]] | None = None,
) -> VerificationReport:
    """Certify the box of designs that a model can reach, and search for inputs that violate a property.

    Arguments:
        run: run folder or checkpoint file.
        examples: inputs tried per property, >= 1.
        seed: of the search, >= 0.
        which: "best" or "last" checkpoint of a folder.
        output: the certificate's file; None: `default_output`.
        certify: False for the properties alone; a model without the reaction-diffusion layer has no others.
        certificate: judge this file instead of making a certificate: is it true, and about this checkpoint?
        texts: random texts to push through the constraint besides, >= 0.
        progress: (name of a search, its inputs) -> what to call after each of them, with their number.

    Returns: the report; what does not hold is in it.
    Raises: DataError for a checkpoint that cannot be used, was changed, or is not finite; ParameterError for arguments
        out of range, and for a certificate of a model that has no region.
    """
    run = Path(run)
    if examples < 1 or seed < 0 or texts < 0:
        raise ParameterError(f"examples must be >= 1, seed and texts >= 0. Got {examples}, {seed} and {texts}.")
    started = time.perf_counter()
    file = checkpoint_path(run, which)
    target = output or default_output(run, file)
    if (target.absolute().parent / PACK).exists():
        raise ParameterError(f"--output must not lie in a packed folder, which stays as it was packed. Got {target}.")
    if not target.absolute().parent.is_dir():
        raise ParameterError(f"--output must lie in a folder that exists. Got {target}.")
    trained, sha256 = read_run(file)
    tested, fusion = _tested(trained), trained.config.model.fusion
    if certify and not tested.has_region:
        raise ParameterError(
            f"a certificate needs a model with an admissible region, which fusion = {fusion!r} has not. "
            "Train with fusion = 'reaction_diffusion', or add --no-certificate to test its invariances alone."
        )
    proof = None
    if certify:
        about = describe(trained, sha256)
        proof = certify_layer(tested, sha256, target) if certificate is None else judge_certificate(certificate, about)
        if (run / CARD).is_file() and target == run / CERTIFICATE and target.is_file():
            # the card says what is proved
            write_card(run)
    about = [prop for prop in PROPERTIES if prop.is_about(tested)]
    results, pushed = [], None
    with hypothesis_folder(), one_thread():
        for prop in about:
            step = _counter(progress, prop.name, prop.share(examples))
            results.append(run_property(prop, tested, examples, seed, lambda step=step: step(1)))
        if texts and tested.has_region:
            pushed = push_texts(tested, texts, seed, _counter(progress, "random texts", texts))
    seconds = time.perf_counter() - started
    changed = changed_data(run, trained.config)
    found = (proof, results, examples, seed, seconds, pushed, tested, changed)
    return VerificationReport(run, file, sha256, fusion, *found)


def changed_data(run: Path, config: Config) -> list[str]:
    """What of the data that a run folder says it was trained on is another file now, or gone.

    Says nothing of a checkpoint without a record of its data, such as one that was taken out of its folder.
    """
    if not ((run if run.is_dir() else run.parent) / RECORD).is_file():
        return []
    found = []
    for split in ("train", "val"):
        try:
            annotations = read_annotations(config.data.annotations(split), config.data.clip_length)
            found += changed_since_training(run, config.data, split, annotations)
        except DataError as error:
            found.append(str(error))
    return list(dict.fromkeys(found))


def load_tested_model(run: Path, which: str = "best") -> ModelUnderTest:
    """The model of a run, ready to be checked. Raises DataError for a checkpoint that cannot be used."""
    return _tested(load_run(run, which=which))


def _tested(run: Run) -> ModelUnderTest:
    """The model of a checkpoint with what its run brings along."""
    model, config, header = run
    clips = config.model.region.clips
    default = (1, 75) if isinstance(clips, str) else clips
    # both say the same, or the checkpoint would not have been read
    constraint = config.model.constraint
    return ModelUnderTest(model, default, run_embeddings(config, header), constraint)


def _counter(progress: Callable[[str, int], Callable[[int], None]] | None, name: str, inputs: int) -> Callable:
    """What to call after each input of a search."""
    return (lambda number: None) if progress is None else progress(name, inputs)


def default_output(run: Path, file: Path) -> Path:
    """Where a certificate goes: certificate.json in the run folder for its best checkpoint, else beside the file.

    A packed folder stays as it was packed: its certificate goes beside it.
    """
    if run.is_dir() and (run / PACK).exists():
        return run.resolve().with_name(f"{run.resolve().name}.certificate.json")
    name = "certificate.json" if run.is_dir() and file.stem == "best" else f"{file.stem}.certificate.json"
    return file.with_name(name)


def run_embeddings(config: Config, header: Mapping[str, Any], limit: int = 64) -> list[Tensor]:
    """Up to `limit` texts of the run's validation data, as features; none where the data are not there any more."""
    data = config.data
    if data.val is None or data.text_features is None:
        return []
    found = []
    try:
        source = open_source(data.text_features)
        for annotation in read_annotations(data.val, data.clip_length)[:limit]:
            words, _ = load_text(source, annotation.qid, asked_by=str(data.val))
            found.append(torch.from_numpy(words).float())
    except DataError:
        return []
    return [text for text in found if text.shape[1] == header["widths"]["text"]]


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
