"""`rdmf train`: from a configuration to a run folder.

A run folder holds config.json (as resolved with the data), statistics.json (of the training windows), log.jsonl (one
object per epoch), best.safetensors and last.safetensors (the model with its region), last.state (for `--resume`) and,
if asked for, tensorboard/.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rdmf_model.checkpoint import write_atomically
from rdmf_model.config import Config, DataConfig
from rdmf_theory.errors import DataError, ParameterError
from rdmf_theory.terminal import console, json_ready

if TYPE_CHECKING:
    from accelerate import Accelerator

    from rdmf_model.data import MomentDataset
    from rdmf_model.window_statistics import WindowStatistics

CONFIG, STATISTICS = "config.json", "statistics.json"
# what may change between the parts of one run without changing its result
FREE_ON_RESUME = {"device", "threads", "save_seconds", "save_steps", "tensorboard"}


@dataclass(frozen=True)
class TrainingResult:
    """What a run came to.

    metrics: the brief ones of the best epoch.  resumed_finished: whether nothing was left to do.
    """

    run: Path
    epochs: int
    best_epoch: int
    best_score: float | None
    metrics: dict[str, float]
    parameters: int
    seconds: float
    resumed_finished: bool = False

    def to_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {**dataclasses.asdict(self), "run": str(self.run)}


def train(config: Config | None, output: Path, *, resume: bool = False) -> TrainingResult:
    """Train a model under its admissible region.

    Arguments:
        config: the configuration; None with `resume` takes the run's own.
        output: the run folder; must not exist, or be empty, unless `resume`.
        resume: continue the run in `output` from its last saved state, to the result of an undisturbed run.

    Raises: ParameterError for a folder that exists, a configuration that differs from the resumed run's; DataError for
        data that cannot be used; DivergenceError when the loss is not finite.
    """
    output = Path(output)
    config = _check_folder(config, output, resume)
    accelerator = make_accelerator(config)
    main = accelerator.is_main_process
    if main:
        output.mkdir(parents=True, exist_ok=True)
        if config.data.planted is not None:
            _write_planted(output, config.data.planted, config.data.clip_length)
    accelerator.wait_for_everyone()
    config = dataclasses.replace(config, data=planted_paths(config.data, output))
    datasets = load_split(config, "train"), load_split(config, "val")
    _check_widths(config, *datasets)
    _check_selection(config, datasets[1])
    given = config.model.region.wavelength != "auto"
    config, statistics = resolve_region(config, *datasets)
    if main:
        _write_config(config, output, resume)
        write_atomically(output / STATISTICS, _json_bytes(statistics.to_dict() if statistics is not None else {}))
        _announce(config, statistics, given)
    accelerator.wait_for_everyone()
    return _run(config, output, accelerator, datasets)


def _run(
    config: Config, output: Path, accelerator: Accelerator, datasets: tuple[MomentDataset, MomentDataset]
) -> TrainingResult:
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    from rdmf_model.losses import MomentLoss
    from rdmf_model.model import build_model
    from rdmf_model.schedule import seed_everything
    from rdmf_model.trainer import STATE, Trainer, build_optimizer
    from rdmf_model.training_state import Progress, TrainingState

    seed_everything(config.train.seed, 0)
    train_set = datasets[0]
    model = build_model(config.model, train_set.video_channels, train_set.text_channels).to(accelerator.device)
    average = None
    if config.train.ema_decay is not None:
        average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(config.train.ema_decay))
    prepared, optimizer = accelerator.prepare(model, build_optimizer(model, config.train))
    progress = Progress()
    state = TrainingState(model, optimizer, average, progress, accelerator.scaler)
    if (output / STATE).exists():
        state.restore(output / STATE)
    parameters = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    nothing_left = progress.finished
    if not nothing_left:
        criterion = MomentLoss(config.train.loss)
        trainer = Trainer(config, output, accelerator, prepared, optimizer, state, criterion, datasets)
        try:
            trainer.fit()
        except KeyboardInterrupt:
            if (output / STATE).exists():
                console.print(f"stopped. Go on with: rdmf train --resume -o {output}", soft_wrap=True)
            raise
    return TrainingResult(
        run=output,
        epochs=progress.epoch,
        best_epoch=progress.best_epoch,
        best_score=progress.best_score,
        metrics=progress.best_metrics,
        parameters=parameters,
        seconds=round(progress.seconds, 3),
        resumed_finished=nothing_left,
    )


def make_accelerator(config: Config) -> Accelerator:
    """Device placement, mixed precision and processes. Mixed precision applies on a GPU only."""
    try:
        from accelerate import Accelerator, DistributedDataParallelKwargs
        from accelerate.state import AcceleratorState, PartialState
    except ImportError:
        raise ParameterError("rdmf train needs accelerate. Install it: pip install 'rdmf[train]'.") from None
    import torch

    cuda = torch.cuda.is_available()
    if config.train.device == "cuda" and not cuda:
        raise ParameterError(
            "train.device must be a device of this machine. Got 'cuda', but torch sees no GPU. Use 'cpu' or 'auto'."
        )
    on_cpu = config.train.device == "cpu" or not cuda
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if config.train.threads is not None:
        torch.set_num_threads(config.train.threads)
    elif on_cpu and processes > 1:
        # the processes share the machine: more threads than cores slow a small model down many times
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // processes))
    if processes == 1 and PartialState._shared_state:
        # a second run in one Python process may use another device or precision
        AcceleratorState._reset_state(reset_partial_state=True)
    # a configuration may leave a head without loss
    ddp = DistributedDataParallelKwargs(find_unused_parameters=True)
    precision = "no" if on_cpu else config.train.mixed_precision
    return Accelerator(cpu=on_cpu, mixed_precision=precision, kwargs_handlers=[ddp])


def load_split(config: Config, split: str) -> MomentDataset:
    """The data set of a split ("train", "val", "test"), features in memory."""
    from rdmf_model.data import MomentDataset

    data = config.data
    if not data.video_features or data.text_features is None:
        missing = "text_features" if data.video_features else "video_features"
        raise ParameterError(
            f"data.{missing} must name a folder of features. Got nothing. Set it in the configuration."
        )
    return MomentDataset(data.annotations(split), data.video_features, data.text_features, data.clip_length)


def resolve_region(
    config: Config, train_set: MomentDataset, val_set: MomentDataset
) -> tuple[Config, WindowStatistics | None]:
    """Replace every "auto" of the region by the data set's numbers; returns the statistics too.

    The wavelength prior comes from the training windows alone; the clip range covers both splits, since the region has
    to answer for every video that the run sees. Statistics are None where there is no window and none is needed.
    """
    from rdmf_model.window_statistics import window_statistics

    region = config.model.region
    try:
        statistics = window_statistics(train_set)
    except DataError:
        if region.wavelength == "auto":
            raise
        statistics = None
    if statistics is not None and region.wavelength == "auto":
        region = dataclasses.replace(region, wavelength=statistics.wavelength)
    if region.clips == "auto":
        clips = [len(video) for dataset in (train_set, val_set) for video in dataset.videos.values()]
        region = dataclasses.replace(region, clips=(min(clips), max(clips)))
    return config.override(model={"region": region}), statistics


def planted_paths(data: DataConfig, output: Path) -> DataConfig:
    """The paths of the planted data set in a run folder; other data is returned as it is."""
    if data.planted is None:
        return data
    folder = output.resolve() / "data"
    return DataConfig(
        train=folder / "train.jsonl",
        val=folder / "val.jsonl",
        video_features=(folder / "video_features",),
        text_features=folder / "text_features",
        clip_length=data.clip_length,
    )


def _check_folder(config: Config | None, output: Path, resume: bool) -> Config:
    from_run = output / CONFIG
    if resume:
        if from_run.exists():
            own = Config.from_json(from_run.read_text(encoding="utf-8"), source=str(from_run))
            return own if config is None else config
        if config is None:
            raise ParameterError(
                f"--resume needs a run folder with a {CONFIG}. Got {output}. Give the folder that `rdmf train` wrote."
            )
    elif int(os.environ.get("RANK", "0")) == 0 and output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ParameterError(
            f"output must be a new folder. {output} exists. Add --resume to continue it, or give another --output."
        )
    if config is None:
        raise ParameterError("a configuration is needed. Give a TOML file.")
    return config


def _write_planted(output: Path, seed: int, clip_length: float) -> None:
    from rdmf_model.planted import write_planted_dataset

    final = output / "data"
    if final.exists():
        return
    # written beside and renamed, so that a half-written data set is never taken for the whole
    temporary = output / ".data.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    write_planted_dataset(temporary, seed, clip_length=clip_length)
    temporary.rename(final)


def _check_widths(config: Config, train_set: MomentDataset, val_set: MomentDataset) -> None:
    for kind in ("video", "text"):
        first, second = getattr(train_set, f"{kind}_channels"), getattr(val_set, f"{kind}_channels")
        if first != second:
            path = config.data.annotations("val")
            raise DataError(
                f"{path}: its {kind} features have {second} channels, the training set's have {first}. Extract "
                "both alike."
            )


def _check_selection(config: Config, val_set: MomentDataset) -> None:
    """Evaluate the ground truth against itself, so that a wrong metric name fails before the training, not after."""
    from rdmf_model.metrics import evaluate_predictions
    from rdmf_model.trainer import selection_score

    few = [dict(record) for record in val_set.records[:8]]
    predictions = [
        {
            "qid": record["qid"],
            "query": record["query"],
            "vid": record["vid"],
            "pred_relevant_windows": [[*window, 1.0] for window in record["relevant_windows"]],
            "pred_saliency_scores": [0.0] * max(1, round(record["duration"] / 2)),
        }
        for record in few
    ]
    selection_score(evaluate_predictions(predictions, few)["brief"], config.train.selection)


def _write_config(config: Config, output: Path, resume: bool) -> None:
    path = output / CONFIG
    if resume and path.exists():
        own = Config.from_json(path.read_text(encoding="utf-8"), source=str(path))
        if different := _difference(own.to_dict(), config.to_dict()):
            key, before, now = different
            raise ParameterError(
                f"{key} must stay as in the resumed run ({before!r}). Got {now!r}. Leave it out, or train into "
                "another folder."
            )
    write_atomically(path, (config.to_json() + "\n").encode())


def _difference(own: dict[str, Any], given: dict[str, Any], prefix: str = "") -> tuple[str, Any, Any] | None:
    for key, value in own.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and isinstance(given.get(key), dict):
            if inner := _difference(value, given[key], f"{name}."):
                return inner
        elif given.get(key) != value and not (prefix == "train." and key in FREE_ON_RESUME):
            return name, value, given.get(key)
    return None


def _announce(config: Config, statistics: WindowStatistics | None, given: bool) -> None:
    """Say on stderr what the region was made of."""
    for label, text in (statistics.describe() if statistics is not None else {}).items():
        console.print(f"{label:<18} {text}", highlight=False, soft_wrap=True)
    wavelength, clips = config.model.region.wavelength, config.model.region.clips
    source = "given" if given else "from the windows"
    console.print(
        f"{'region':<18} wavelengths {wavelength[0]:.3g} to {wavelength[1]:.3g} clips ({source}), "
        f"videos of {clips[0]} to {clips[1]} clips",
        highlight=False,
        soft_wrap=True,
    )


def _json_bytes(document: dict[str, Any]) -> bytes:
    return (json.dumps(json_ready(document), indent=2, allow_nan=False) + "\n").encode()
