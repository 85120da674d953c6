"""`rdmf train`: from a configuration to a run folder.

A run folder holds config.json (as resolved with the data), data.json (size and SHA-256 of every file of the data),
statistics.json (of the training windows), log.jsonl (one object per epoch), best.safetensors and last.safetensors (the
model with its region), last.state (for `--resume`) and, if asked for, tensorboard/. While it is written it is locked.
"""

from __future__ import annotations

import dataclasses
import os
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rdmf_model.checkpoints.card import write_card
from rdmf_model.checkpoints.lock import LOCK, run_lock
from rdmf_model.checkpoints.run_folder import STATE, STATISTICS, check_folder, json_bytes, write_config
from rdmf_model.config.config import Config
from rdmf_model.data.splits import load_split
from rdmf_model.evaluation.selection import check_selection
from rdmf_model.training.prepare import (
    check_kind_dropout,
    check_widths,
    discard_planted,
    planted_paths,
    record_data,
    resolve_epochs,
    resolve_region,
    write_planted,
)
from rdmf_theory.errors import DataError, ParameterError
from rdmf_theory.support.files import remove_temporary_files, write_atomically
from rdmf_theory.support.terminal import console

if TYPE_CHECKING:
    from accelerate import Accelerator
    from torch import nn

    from rdmf_model.data.dataset import MomentDataset
    from rdmf_model.data.moment_lengths import WindowStatistics


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
    config = check_folder(config, output, resume)
    accelerator = make_accelerator(config)
    main = accelerator.is_main_process
    if main:
        output.mkdir(parents=True, exist_ok=True)
        remove_temporary_files(output)
    with run_lock(output) if main else nullcontext():
        try:
            config, datasets, model = _set_up(config, output, accelerator, resume)
        except (ParameterError, DataError):
            if main and not resume:
                # nothing was trained: the same command has to work once its cause is mended
                discard_planted(output, config.data)
                (output / LOCK).unlink()
                output.rmdir()
            raise
        accelerator.wait_for_everyone()
        return _run(config, output, accelerator, datasets, model)


def _set_up(
    config: Config, output: Path, accelerator: Accelerator, resume: bool
) -> tuple[Config, tuple[MomentDataset, MomentDataset], nn.Module]:
    """Everything that can be wrong with configuration and data comes out here, before the run folder is written."""
    from rdmf_model.model.build import build_model
    from rdmf_model.model.span_model import SpanModel
    from rdmf_model.training.alignment import align_projections, align_score
    from rdmf_model.training.schedule import seed_everything

    if accelerator.is_main_process and config.data.planted is not None:
        write_planted(output, config.data.planted, config.data.clip_length)
    accelerator.wait_for_everyone()
    config = dataclasses.replace(config, data=planted_paths(config.data, output))
    datasets = load_split(config, "train"), load_split(config, "val")
    check_widths(config, *datasets)
    check_kind_dropout(config, datasets[0])
    config = check_selection(config, datasets[1])
    given = config.model.region.wavelength != "auto"
    config, statistics = resolve_region(resolve_epochs(config, datasets[0]), *datasets)
    seed_everything(config.train.seed, 0)
    model = build_model(config.model, datasets[0].video_channels, datasets[0].text_channels)
    if config.train.alignment_ridge is not None:
        samples = [datasets[0][index] for index in range(len(datasets[0]))]
        align_projections(model, samples, config.train.alignment_ridge, config.train.seed)
        if isinstance(model, SpanModel):
            model.evidence.fit(model, samples)
        else:
            align_score(model, samples, config.train.alignment_ridge)
    if accelerator.is_main_process:
        record_data(config, output, resume, datasets)
        write_config(config, output, resume)
        write_atomically(output / STATISTICS, json_bytes(statistics.to_dict() if statistics is not None else {}))
        _announce(config, statistics, given)
    return config, datasets, model.to(accelerator.device)


def _run(
    config: Config,
    output: Path,
    accelerator: Accelerator,
    datasets: tuple[MomentDataset, MomentDataset],
    model: nn.Module,
) -> TrainingResult:
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    from rdmf_model.training.losses import MomentLoss
    from rdmf_model.training.optimizer import build_optimizer
    from rdmf_model.training.state import Progress, TrainingState
    from rdmf_model.training.trainer import Trainer

    prepared, optimizer = accelerator.prepare(model, build_optimizer(model, config.train))
    average = None
    if config.train.ema_decay is not None:
        # after DDP has given every process the main one's weights
        average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(config.train.ema_decay))
    progress = Progress()
    state = TrainingState(model, optimizer, average, progress, accelerator.scaler)
    if (output / STATE).exists():
        state.restore(output / STATE)
    parameters = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    nothing_left = progress.finished
    if not nothing_left:
        # "none" measures how far designs are outside, and does nothing about it
        free = {"constraint": 0.0} if config.model.constraint == "none" else {}
        criterion = MomentLoss(dataclasses.replace(config.train.loss, **free))
        trainer = Trainer(config, output, accelerator, prepared, optimizer, state, criterion, datasets)
        try:
            trainer.fit()
        except KeyboardInterrupt:
            if (output / STATE).exists():
                console.print(f"stopped. Go on with: rdmf train --resume -o {output}", soft_wrap=True)
            raise
    if accelerator.is_main_process and (output / "best.safetensors").is_file():
        write_card(output)
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
        raise ParameterError("rdmf train needs accelerate: pip install accelerate") from None
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
