"""What a run is made of: frozen dataclasses, read from TOML, changed by dotted overrides, stored as JSON.

A configuration is checked when it is made, so an invalid one cannot exist. An unknown key, a wrong type or a value out
of range is a `ParameterError` that names the file, the key, the value and the remedy. Needs neither torch nor the data.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rdmf_model.config.document import anchor, apply_override, build, plain
from rdmf_theory.errors import ParameterError

VERSION = 1
Interval = tuple[float, float]
Wavelength = Literal["auto"] | tuple[float, float]
FUSIONS = ("reaction_diffusion", "cross_attention", "self_attention", "convolution", "none")
# These start from the closed-form evidence or were built for the span table, and need `moment_head = "spans"`.
SPAN_FUSIONS = ("competition", "weighted_diffusion", "word_attention", "linear_recurrence")
MOMENT_HEADS = ("decoder", "spans")
QUERY_SOURCES = ("pattern", "learned")
CONSTRAINTS = ("hard", "none", "penalty")
SELECTION = ("MR-full-R1@0.5", "MR-full-R1@0.7", "MR-full-mAP")


def _require(holds: bool, name: str, rule: str, value: object) -> None:
    if not holds:
        raise ParameterError(f"{name} must be {rule}. Got {value!r}.")


def _positive(name: str, value: float, *, zero: bool = False) -> None:
    rule = "finite and >= 0" if zero else "finite and positive"
    _require(math.isfinite(value) and (value > 0 or (zero and value == 0)), name, rule, value)


def _fraction(name: str, value: float) -> None:
    _require(0 <= value < 1, name, "in [0, 1)", value)


@dataclass(frozen=True)
class DataConfig:
    """Where a data set in the Moment-DETR layout lies; relative paths are relative to the configuration file.

    Arguments:
        train, val, test: annotation files, jsonl.
        video_features: folders with `{vid}.npz` (or .npy, .pt, .h5), or one file for all videos, per kind; the kinds
            are concatenated.
        video_kinds: names of the kinds, in the order of `video_features`; default the names of the folders.
        text_features: folder with `qid{qid}.npz`, or one file for all queries.
        clip_length: seconds per clip, > 0.
        annotation_clip_length: seconds per clip of `relevant_clip_ids`, where another (2 in QVHighlights).
        planted: seed of the embedded planted-moments data set, which is then written into the run folder; excludes the
            paths.
    """

    train: Path | None = None
    val: Path | None = None
    test: Path | None = None
    video_features: tuple[Path, ...] = ()
    video_kinds: tuple[str, ...] = ()
    text_features: Path | None = None
    clip_length: float = 2.0
    annotation_clip_length: float | None = None
    planted: int | None = None

    def __post_init__(self) -> None:
        _positive("data.clip_length", self.clip_length)
        if self.annotation_clip_length is not None:
            _positive("data.annotation_clip_length", self.annotation_clip_length)
        if self.video_kinds:
            rule = f"one name per entry of data.video_features, {len(self.video_features)} different ones"
            fits = len(set(self.video_kinds)) == len(self.video_kinds) == len(self.video_features)
            _require(fits, "data.video_kinds", rule, self.video_kinds)
        if self.planted is not None:
            _require(self.planted >= 0, "data.planted", "a seed >= 0", self.planted)
            given = [
                name for name in ("train", "val", "test", "video_features", "text_features") if getattr(self, name)
            ]
            if given:
                raise ParameterError(
                    f"data.planted excludes data.{given[0]}: the planted set is generated. Remove one of them."
                )

    def annotations(self, split: str) -> Path:
        """The annotation file of a split; raises ParameterError where the configuration names none."""
        path = getattr(self, split) if split in ("train", "val", "test") else None
        if path is None:
            known = [name for name in ("train", "val", "test") if getattr(self, name)]
            raise ParameterError(f"split must be one of {known} (the splits of the configuration). Got {split!r}.")
        return path


@dataclass(frozen=True)
class RegionConfig:
    """The admissible region that the fusion layer is trained under; `None` means the bound of `DEFAULT_REGION`.

    Arguments:
        wavelength: (min, max) in clips of the fastest mode, or "auto": from the data set's window lengths.
        clips: (T_min, T_max) that the region answers for, or "auto": from the data set.
        u_star, z, excess, rate: (lower, upper) of the other design coordinates.
        gain: (g_min, g_max) of the N-step pattern gain.
        modulation_fraction: part of the clip-wise gain interval that is used, in log, in (0, 1).
        soft_onset: whether every onset must be soft; lowers the upper bound of u_star.
    """

    wavelength: Wavelength = "auto"
    clips: Literal["auto"] | tuple[int, int] = "auto"
    u_star: Interval | None = None
    z: Interval | None = None
    excess: Interval | None = None
    rate: Interval | None = None
    gain: Interval | None = None
    modulation_fraction: float = 0.9
    soft_onset: bool = False

    def __post_init__(self) -> None:
        for name in ("wavelength", "clips", "u_star", "z", "excess", "rate", "gain"):
            value = getattr(self, name)
            if isinstance(value, tuple):
                ordered = 0 < value[0] <= value[1] < math.inf
                _require(ordered, f"model.region.{name}", "0 < lower <= upper, finite", value)
        if isinstance(self.wavelength, tuple):
            _require(self.wavelength[0] > 2, "model.region.wavelength", "above 2 clips", self.wavelength)
        _require(
            0 < self.modulation_fraction < 1, "model.region.modulation_fraction", "in (0, 1)", self.modulation_fraction
        )

    @property
    def resolved(self) -> bool:
        """Whether every "auto" has been replaced by the data set's numbers."""
        return self.wavelength != "auto" and self.clips != "auto"


@dataclass(frozen=True)
class ModelConfig:
    """The model's shape; feature widths come from the data.

    Arguments:
        fusion: one of `FUSIONS`, or of `SPAN_FUSIONS` with the head "spans".
        moment_head: "decoder" refines moment queries; "spans" scores every candidate span, after word attention, with
            positions from both ends and the closed-form evidence at full size (`model.span_model`).
        fusion_budget: with "spans", parameters of the fusion and the feed-forward block after it, which gets the width
            that meets the budget; None: `feedforward` is that width.
        scores: K of the "competition" fusion.
        channels: width C, divisible by `heads`; by twice as many with "reaction_diffusion", whose channels meet whole
            vectors and slices.
        heads: attention heads.
        moment_queries: decoder slots Q.
        query_source: "pattern" seeds the moment queries from the pattern (or saliency), "learned" learns them.
        decoder_layers: DETR decoder layers, >= 1.
        steps: semi-implicit steps N of the fusion layer; 0 with "competition" leaves the evidence as it is.
        dropout, input_dropout: probabilities in [0, 1).
        feedforward: hidden width of feed-forward blocks.
        auxiliary_losses: supervise every decoder layer, not the last one alone.
        backend: of the reaction-diffusion operator; None picks the best available.
        constraint: "hard" keeps every design in the region; for ablations, "none" lets it leave, "penalty" makes that
            cost `train.loss.constraint`. `rdmf verify` certifies "hard" alone.
    """

    fusion: str = "reaction_diffusion"
    channels: int = 128
    heads: int = 4
    moment_queries: int = 20
    query_source: str = "pattern"
    decoder_layers: int = 1
    steps: int = 12
    dropout: float = 0.2
    input_dropout: float = 0.3
    feedforward: int = 256
    auxiliary_losses: bool = True
    backend: str | None = None
    constraint: str = "hard"
    moment_head: str = "decoder"
    fusion_budget: int | None = None
    scores: int = 8
    region: RegionConfig = field(default_factory=RegionConfig)

    def __post_init__(self) -> None:
        _choice("model.fusion", self.fusion, (*FUSIONS, *SPAN_FUSIONS))
        _choice("model.moment_head", self.moment_head, MOMENT_HEADS)
        if self.fusion in SPAN_FUSIONS and self.moment_head != "spans":
            raise ParameterError(
                f'model.moment_head must be "spans" with model.fusion = "{self.fusion}". Got {self.moment_head!r}; '
                "set it, or take another fusion."
            )
        if self.fusion_budget is not None:
            _positive("model.fusion_budget", self.fusion_budget)
        _choice("model.query_source", self.query_source, QUERY_SOURCES)
        _choice("model.constraint", self.constraint, CONSTRAINTS)
        if self.constraint != "hard" and self.fusion != "reaction_diffusion":
            raise ParameterError(
                f'model.constraint must be "hard" with model.fusion = "{self.fusion}", which has no region. '
                f"Got {self.constraint!r}; leave it out."
            )
        for name in ("channels", "heads", "moment_queries", "decoder_layers", "feedforward", "scores"):
            _positive(f"model.{name}", getattr(self, name))
        _positive("model.steps", self.steps, zero=self.fusion == "competition")
        _require(
            self.channels % self.heads == 0, "model.channels", f"divisible by model.heads = {self.heads}", self.channels
        )
        if self.fusion == "reaction_diffusion":
            rule = f"divisible by 2 * model.heads = {2 * self.heads} with {self.fusion}"
            _require(self.channels % (2 * self.heads) == 0, "model.channels", rule, self.channels)
        _fraction("model.dropout", self.dropout)
        _fraction("model.input_dropout", self.input_dropout)


@dataclass(frozen=True)
class LossConfig:
    """Weights of the named losses, each >= 0, and their constants.

    Arguments:
        l1: weight of the distance of matched spans, |centre| + |width|.
        giou: weight of 1 - generalised IoU of matched spans.
        classification: weight of the slots' scores against their IoU with the best window.
        ranking: weight of the order of the slots of a query.
        saliency: weight of the clips' saliency against relevance.
        contrastive: weight of relevant clips above the others, by annotated score.
        boundary: weight of the distances from each relevant clip to the ends of its window.
        alignment: weight of clips and sentences in one space, before fusion.
        constraint: weight of the designs' distance from the region, with model.constraint = "penalty".
        spans: weight of the score of every candidate span, with model.moment_head = "spans".
        temperature: of the contrastive loss, > 0.
    """

    l1: float = 10.0
    giou: float = 1.0
    classification: float = 4.0
    ranking: float = 1.0
    saliency: float = 1.0
    contrastive: float = 1.0
    boundary: float = 1.0
    alignment: float = 1.0
    constraint: float = 10.0
    spans: float = 1.0
    temperature: float = 0.5

    def __post_init__(self) -> None:
        for entry in dataclasses.fields(self):
            _positive(f"train.loss.{entry.name}", getattr(self, entry.name), zero=entry.name != "temperature")


@dataclass(frozen=True)
class TrainConfig:
    """How the model is trained.

    Arguments:
        epochs: passes over the training set, >= 1.
        min_steps: a small training set gets more epochs, until there are so many steps; 0: never.
        batch_size: of all processes together.
        learning_rate: peak of warm-up + cosine.
        design_learning_rate: of the design parameters; None: the same.
        projection_learning_rate: of the projections of clips and words (None: the same).
        alignment_ridge: of the closed-form fit of these projections and of the reaction's score to the training set,
            before training, relative to the number of clips; None: no fit.
        kind_dropout: probability that a training sample lacks a kind of video features, in [0, 1); one is always left.
        weight_decay: of matrices; norms, biases and design parameters have none.
        warmup: fraction of all steps, in [0, 1).  final_learning_rate: fraction of the peak at the end.
        max_grad_norm: gradient clipping, 0 turns it off.
        ema_decay: of the averaged weights that are validated and saved; None turns averaging off.
        mixed_precision: "no", "bf16" or "fp16"; applies on a GPU only.
        device: "auto", "cpu", "cuda".  threads: of torch on the CPU, None leaves torch's choice.
        seed: of weights, order and dropout, >= 0.
        validate_every: epochs.  patience: validations without a better score before stopping, None never stops.
        selection: brief metrics whose mean picks the best checkpoint.
        save_seconds, save_steps: how often the training state is saved inside an epoch; None turns it off.
        tensorboard: whether the run folder also gets a log for tensorboard.
    """

    epochs: int = 30
    min_steps: int = 0
    batch_size: int = 32
    learning_rate: float = 1e-3
    design_learning_rate: float | None = None
    projection_learning_rate: float | None = 5e-5
    alignment_ridge: float | None = 1.0
    kind_dropout: float = 0.0
    weight_decay: float = 1e-2
    warmup: float = 0.05
    final_learning_rate: float = 0.01
    max_grad_norm: float = 1.0
    ema_decay: float | None = None
    mixed_precision: str = "no"
    device: str = "auto"
    threads: int | None = None
    seed: int = 0
    validate_every: int = 1
    patience: int | None = None
    selection: tuple[str, ...] = SELECTION
    save_seconds: float | None = 120.0
    save_steps: int | None = None
    tensorboard: bool = False
    loss: LossConfig = field(default_factory=LossConfig)

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "learning_rate", "validate_every"):
            _positive(f"train.{name}", getattr(self, name))
        for name in (
            "design_learning_rate",
            "projection_learning_rate",
            "alignment_ridge",
            "threads",
            "patience",
            "save_seconds",
            "save_steps",
        ):
            if getattr(self, name) is not None:
                _positive(f"train.{name}", getattr(self, name))
        for name in ("min_steps", "weight_decay", "max_grad_norm", "seed"):
            _positive(f"train.{name}", getattr(self, name), zero=True)
        _fraction("train.warmup", self.warmup)
        _fraction("train.kind_dropout", self.kind_dropout)
        _require(0 <= self.final_learning_rate <= 1, "train.final_learning_rate", "in [0, 1]", self.final_learning_rate)
        if self.ema_decay is not None:
            _require(0 < self.ema_decay < 1, "train.ema_decay", "in (0, 1)", self.ema_decay)
        _choice("train.mixed_precision", self.mixed_precision, ("no", "bf16", "fp16"))
        _choice("train.device", self.device, ("auto", "cpu", "cuda"))
        _require(len(self.selection) > 0, "train.selection", "at least one metric", self.selection)


@dataclass(frozen=True)
class Config:
    """One run: data, model, training."""

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)

    def to_json(self) -> str:
        """The configuration as JSON text that `from_json` reads back unchanged."""
        return json.dumps(self.to_dict(), indent=2)

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists, strings and numbers, `version` first."""
        return {"version": VERSION, **plain(self)}

    @classmethod
    def from_json(cls, text: str, source: str = "config") -> Config:
        """Raises ParameterError for JSON that is not a configuration of this version."""
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ParameterError(f"{source}: is not JSON ({error}).") from None
        return parse_config(document, source=source)

    def override(self, **sections: Mapping[str, Any]) -> Config:
        """A copy with fields replaced, `config.override(train={"epochs": 3})`."""
        changed = {name: dataclasses.replace(getattr(self, name), **values) for name, values in sections.items()}
        return dataclasses.replace(self, **changed)


def load_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Read a TOML configuration.

    Arguments:
        path: TOML file with `version = 1` and tables `data`, `model`, `model.region`, `train`, `train.loss`.
        overrides: "dotted.key=VALUE" with a TOML value (a bare word is a string), applied last.

    Raises: ParameterError naming the file, the key and the near match, for anything that does not fit.
    """
    try:
        document = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ParameterError(f"{path}: cannot be read ({error.strerror}). Give a TOML configuration file.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParameterError(f"{path}: is not TOML ({error}).") from None
    return parse_config(document, overrides, source=str(path), folder=Path(path).resolve().parent)


def parse_config(
    document: Mapping[str, Any], overrides: Sequence[str] = (), *, source: str = "config", folder: Path | None = None
) -> Config:
    """The configuration of a parsed document; relative paths are taken from `folder`, in overrides from the working
    folder.
    """
    if not isinstance(document, Mapping):
        raise ParameterError(f"{source}: must be a table of tables. Got {type(document).__name__}.")
    sections = {key: value for key, value in document.items() if key != "version"}
    version = document.get("version")
    if version != VERSION or isinstance(version, bool):
        found = "no version" if version is None else f"version {version!r}"
        raise ParameterError(
            f"{source}: version must be {VERSION} (this program's format). Got {found}. Write `version = "
            f"{VERSION}` on top, and check the keys."
        )
    tree = anchor(sections, Config, folder)
    for override in overrides:
        apply_override(tree, override)
    return build(Config, tree, source)


def _choice(name: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        near = difflib.get_close_matches(value, choices, n=1, cutoff=0.5)
        remedy = f" Did you mean {near[0]!r}?" if near else ""
        raise ParameterError(f"{name} must be one of {', '.join(choices)}. Got {value!r}.{remedy}")
