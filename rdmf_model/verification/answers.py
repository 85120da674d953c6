"""Certifies answers one by one: where does the competition behind an answer go, and how near to it are N steps?

Each answer of the competition layer is read from K runs, one per score. For each run it is proved, in exact arithmetic,
that a steady pattern exists, is unique in a ball and attracts, that the run flows into it, how far its N-th state is
from it, and how far the answered state is from exact arithmetic. What is not proved is undecided, and counted as such.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rdmf_model.checkpoints.checkpoint import checkpoint_path, read_run
from rdmf_model.data.annotations import Qid
from rdmf_model.data.batch import Batch, Sample, collate
from rdmf_model.data.feature_files import FeatureFiles
from rdmf_model.data.feature_sources import trained_kinds
from rdmf_model.data.features import TEXT_KEYS, load_features
from rdmf_model.data.splits import load_split
from rdmf_model.evaluation.localize import one_video_batch
from rdmf_model.evaluation.run import in_folder, relocate
from rdmf_model.fusion.competition import CompetitionFusion
from rdmf_model.model.base import RetrievalModel
from rdmf_model.model.span_model import SpanModel
from rdmf_theory.certificates.certificate import Certificate
from rdmf_theory.competition.settled import CompetitionRun, Outcome, Settled, prove_settled, settled_certificate
from rdmf_theory.errors import DataError, ParameterError


@dataclass(frozen=True)
class AnswerProof:
    """What was proved of one answer.

    Arguments:
        qid, vid: of the query and the video.
        runs: of the K scores.
        answered: v_N of every run as computed, (K, T).
    """

    qid: Qid
    vid: str
    runs: tuple[Settled, ...]
    answered: np.ndarray

    @property
    def proved(self) -> bool:
        """Whether the pattern of every score is proved."""
        return all(run.outcome is not Outcome.UNDECIDED for run in self.runs)

    @property
    def flows(self) -> bool:
        """Whether every run is proved to flow into its pattern."""
        return all(run.outcome is Outcome.SETTLES for run in self.runs)

    def remaining(self) -> list[float]:
        """Proved upper bound of max |v_N - v*|, relative to the larger of max v_N and max v*, of each proved run."""
        pairs = zip(self.runs, self.answered, strict=True)
        proved = [(run, v) for run, v in pairs if run.pattern is not None]
        return [run.to_dict()["distance_to_pattern"][1] / max(_top(run), float(v.max())) for run, v in proved]

    def same_winner(self) -> list[bool]:
        """Whether the clip with the most v is the same after N steps and in the pattern, of each proved run."""
        pairs = zip(self.runs, self.answered, strict=True)
        return [int(run.pattern.argmax()) == int(v.argmax()) for run, v in pairs if run.pattern is not None]

    def rounding(self) -> list[float]:
        """Proved bound of |state N as answered - state N in exact arithmetic| over max v_N, of each proved run."""
        pairs = zip(self.runs, self.answered, strict=True)
        return [run.to_dict()["rounding"] / float(v.max()) for run, v in pairs if run.entry]

    def sentence(self, steps: int) -> str:
        """What was proved, in one line."""
        counts = [sum(run.outcome is outcome for run in self.runs) for outcome in Outcome]
        line = f"{len(self.runs)} competitions: {counts[0]} proved to settle, {counts[1]} with a proved state only, "
        line += f"{counts[2]} undecided"
        far = self.remaining()
        return f"{line}; after {steps} steps {100 * min(far):.2g} to {100 * max(far):.2g} % away" if far else line

    def certificate(self, subject: str) -> Certificate | None:
        """What was proved as a certificate about `subject`, None where nothing was."""
        entries = [run.entry for run in self.runs if run.entry]
        name = re.sub(r"[^\w.-]", "_", str(self.qid))[:80]
        return settled_certificate(entries, f"{subject} qid:{name}") if entries else None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "qid": self.qid,
            "vid": self.vid,
            "pattern_proved": self.proved,
            "flow_proved": self.flows,
            "runs": [run.to_dict() for run in self.runs],
        }


@dataclass(frozen=True)
class AnswersReport:
    """The proofs of several answers and what they come to.

    Arguments:
        subject: the checkpoint, by SHA-256.  steps: N.  answers: one per query that was asked for.
    """

    subject: str
    steps: int
    answers: tuple[AnswerProof, ...]

    @property
    def holds(self) -> bool:
        """Whether the patterns of all answers are proved."""
        return all(answer.proved for answer in self.answers)

    def summary(self) -> dict[str, Any]:
        """The table: shares in [0, 1]; distances relative to the pattern's highest clip, None where none is proved."""
        runs = [run for answer in self.answers for run in answer.runs]
        remaining = [x for answer in self.answers for x in answer.remaining()]
        rounding = [x for answer in self.answers for x in answer.rounding()]
        steps = [run.entry["flow"]["steps"] for run in runs if run.outcome is Outcome.SETTLES]
        winners = [x for answer in self.answers for x in answer.same_winner()]
        return {
            "answers": len(self.answers),
            "patterns": len(runs),
            "steps": self.steps,
            "answers_with_all_patterns_proved": _share([answer.proved for answer in self.answers]),
            "answers_with_all_flows_proved": _share([answer.flows for answer in self.answers]),
            "patterns_proved": _share([run.outcome is not Outcome.UNDECIDED for run in runs]),
            "flows_proved": _share([run.outcome is Outcome.SETTLES for run in runs]),
            "died_out": _share([_top(run) < 1e-9 for run in runs if run.pattern is not None]),
            "distance_after_steps": _quartiles(remaining),
            "within_one_percent": _share([x <= 0.01 for x in remaining]),
            "same_winner": _share(winners),
            "steps_to_ball": _quartiles(steps),
            "largest_rounding": max(rounding, default=None),
        }

    def to_dict(self) -> dict[str, Any]:
        """For `--json`."""
        answers = [answer.to_dict() for answer in self.answers]
        return {"subject": self.subject, "holds": self.holds, "summary": self.summary(), "answers": answers}

    def save(self, folder: Path) -> int:
        """Write a certificate for each answer of which something is proved, `answer-QID.json`; returns how many.

        Characters of a query's name that are no letters, digits, points or dashes become `_`. Each certificate is
        checked by the independent checker first. Raises: DataError if the folder cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        written: set[str] = set()
        for index, answer in enumerate(self.answers):
            name = re.sub(r"[^\w.-]", "_", str(answer.qid))[:80]
            if name in written:
                name = f"{name}-{index}"
            certificate = answer.certificate(self.subject)
            if certificate is not None:
                certificate.save(folder / f"answer-{name}.json")
                written.add(name)
        return len(written)


def certify_answers(
    run: Path,
    split: str = "val",
    *,
    which: str = "best",
    count: int | None = None,
    qids: Sequence[str] = (),
    overrides: Sequence[str] = (),
    data: Path | None = None,
    progress: Callable[[int, int], object] = lambda done, of: None,
) -> AnswersReport:
    """Prove what can be proved of the answers to a split.

    Arguments:
        run, split, which, overrides, data: as `evaluation.run.evaluate_run`.
        count: evenly spread queries of the split, None for all.  qids: these queries instead.
        progress: called with (answers done, answers in all).
    Raises: ParameterError for a model without a competition that reacts, or a query that does not exist.
    """
    (model, config, _), sha256 = read_run(checkpoint_path(run, which))
    layer = competing(model)
    if data is not None:
        overrides = [*in_folder(config, split, data), *overrides]
    dataset = load_split(relocate(config, overrides), split)
    chosen = _choose([str(annotation.qid) for annotation in dataset.annotations], count, qids)
    answers = []
    for done, index in enumerate(chosen):
        progress(done, len(chosen))
        answers.append(prove_answer(model, dataset[index]))
    progress(len(chosen), len(chosen))
    return AnswersReport(f"sha256:{sha256}", layer.steps, tuple(answers))


def competing(model: RetrievalModel) -> CompetitionFusion:
    """The model's competition. Raises: ParameterError where it has none, or one that does not react."""
    layer = model.fusion
    if not isinstance(layer, CompetitionFusion) or not layer.reaction:
        raise ParameterError(
            "certify-answers needs a model whose fusion is the competition. Train with model.fusion = 'competition'."
        )
    return layer


def certify_features(
    run: Path, features: Sequence[Path], text: Path, *, clip_length: float | None = None, which: str = "best"
) -> AnswersReport:
    """Prove what can be proved of the answer that `evaluation.localize.localize` gives; arguments as there."""
    (model, config, header), sha256 = read_run(checkpoint_path(run, which))
    layer = competing(model)
    mean = model.video_projection.mean.numpy()
    video = FeatureFiles(features, header["widths"]["video"], trained_kinds(header), mean)
    words = load_features(text, TEXT_KEYS, unit="tokens")
    seconds = config.data.clip_length if clip_length is None else clip_length
    batch = one_video_batch(video, words, seconds, shown=len(video))
    proof = prove_batch(model, batch, text.stem, video.paths[0].stem)
    return AnswersReport(f"sha256:{sha256}", layer.steps, (proof,))


def prove_answer(model: RetrievalModel, sample: Sample) -> AnswerProof:
    """Prove what can be proved of the answer to one sample."""
    return prove_batch(model, collate([sample]), sample.qid, sample.vid)


@torch.no_grad()
def prove_batch(model: RetrievalModel, batch: Batch, qid: Qid, vid: str) -> AnswerProof:
    """Prove what can be proved of the answer to a batch of one, from the numbers that the layer itself was run with."""
    layer = competing(model)
    assert isinstance(model, SpanModel)
    met = model.meet(batch)
    _, run = layer.trace(met.clips, met.query, met.video_mask, met.evidence)
    design = layer.design(met.query)
    # as `CompetitionFusion.react` hands them to the operator
    F, w, D = (x.to(run.v0.dtype)[0].double().numpy() for x in (design.F, design.F + design.k, design.D_v))
    u0, v0, gain, u, v = (x[0].double().numpy() for x in (run.u0, run.v0, run.gain, run.u, run.v))
    if v.shape[0] < 2:
        alone = Settled(Outcome.UNDECIDED, detail="one clip has no pattern")
        return AnswerProof(qid, vid, (alone,) * v.shape[1], v.T)
    kappa = run.kappa[0].double().numpy()
    proofs = []
    for k in range(v.shape[1]):
        start, answered = np.append(u0[k], v0[:, k]), np.append(u[k], v[:, k])
        if not np.all(np.isfinite(answered)):
            raise DataError(f"query {qid}: the layer's state is not finite. Run `rdmf doctor`.")
        numbers = CompetitionRun(F[k], w[k], D[k], gain[:, k], kappa, start, answered, layer.steps)
        proofs.append(prove_settled(numbers))
    return AnswerProof(qid, vid, tuple(proofs), v.T)


def _choose(known: Sequence[str], count: int | None, qids: Sequence[str]) -> list[int]:
    missing = [qid for qid in qids if qid not in known]
    if missing:
        raise ParameterError(f"--qid must be of the split. Got {missing[0]}; it has {len(known)} queries.")
    if qids:
        return [known.index(qid) for qid in qids]
    total = len(known)
    count = total if count is None else min(count, total)
    return [index * total // count for index in range(count)]


def _top(run: Settled) -> float:
    assert run.pattern is not None
    return float(run.pattern.max())


def _share(holds: Sequence[bool]) -> float | None:
    return sum(holds) / len(holds) if holds else None


def _quartiles(values: Sequence[float]) -> list[float] | None:
    """[lower quartile, median, upper quartile]."""
    return [float(x) for x in np.quantile(values, [0.25, 0.5, 0.75])] if len(values) else None
