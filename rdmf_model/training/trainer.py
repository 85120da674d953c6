"""The training loop: steps, validation, checkpoints, log. `train.py` sets it up."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from rdmf_model.checkpoints.checkpoint import save_checkpoint
from rdmf_model.checkpoints.run_folder import STATE
from rdmf_model.config.config import Config
from rdmf_model.evaluation.selection import selection_score
from rdmf_model.model.kinds import draw_present, mask_kinds
from rdmf_model.training.distributed import forward_global
from rdmf_model.training.schedule import epoch_batches, learning_rate_factor, seed_everything
from rdmf_model.training.state import TrainingState
from rdmf_theory.errors import DataError, ParameterError
from rdmf_theory.support.extras import install_hint
from rdmf_theory.support.files import write_atomically
from rdmf_theory.support.terminal import console, json_ready

if TYPE_CHECKING:
    from accelerate import Accelerator

    from rdmf_model.data.dataset import MomentDataset

LOG, BEST, LAST = "log.jsonl", "best.safetensors", "last.safetensors"


class DivergenceError(DataError):
    """The loss or the gradient is not finite any more. The last good checkpoint stays."""


class Trainer:
    """One run. All processes hold equal parameters and counters; the main one validates, writes and talks.

    Arguments:
        model: as prepared by accelerate (DDP where there are several processes).
        state: the same model unwrapped, its optimizer, average and progress.
        criterion: `criterion(outputs, batch) -> {name: loss}` with the weighted sum under "loss".
        datasets: train and validation set.
        run: the run folder.
    """

    def __init__(
        self,
        config: Config,
        run: Path,
        accelerator: Accelerator,
        model: nn.Module,
        optimizer: Any,
        state: TrainingState,
        criterion: nn.Module,
        datasets: tuple[MomentDataset, MomentDataset],
    ) -> None:
        self.config, self.run, self.accelerator = config, run, accelerator
        self.model, self.optimizer, self.state, self.criterion = model, optimizer, state, criterion
        self.train_set, self.val_set = datasets
        self.widths = (self.train_set.video_channels, self.train_set.text_channels)
        self.steps_per_epoch = math.ceil(len(self.train_set) / config.train.batch_size)
        self.total_steps = self.steps_per_epoch * config.train.epochs
        self.main = accelerator.is_main_process
        self._saved = time.monotonic()
        # seconds of earlier parts of the run count as elapsed
        self._began = time.monotonic() - state.progress.seconds

    @property
    def deployed(self) -> nn.Module:
        """The weights that are validated and saved: the averaged ones, where averaging is on."""
        return self.state.average.module if self.state.average is not None else self.state.model

    def fit(self) -> None:
        """Train from where `state.progress` stands to the end (last epoch or lost patience)."""
        progress, patience = self.state.progress, self.config.train.patience
        if self.main:
            truncate_log(self.run / LOG, progress.epoch)
        with self._bar() as bar:
            task = bar.add_task(
                "", total=self.total_steps, completed=progress.epoch * self.steps_per_epoch + progress.step
            )
            while progress.epoch < self.config.train.epochs and not progress.finished:
                started = time.monotonic()
                row = self._train_epoch(bar, task)
                progress.epoch += 1
                row |= self._validate() if self._due(progress.epoch) else {}
                row["seconds"] = round(time.monotonic() - started, 3)
                progress.finished = progress.epoch == self.config.train.epochs or (
                    patience is not None and progress.validations_without_progress >= patience
                )
                progress.start_epoch()
                self._write(row)
        self.accelerator.wait_for_everyone()

    def _due(self, epoch: int) -> bool:
        return epoch % self.config.train.validate_every == 0 or epoch == self.config.train.epochs

    def _train_epoch(self, bar: Progress, task: Any) -> dict[str, Any]:
        from rdmf_model.data.batch import collate

        progress, config = self.state.progress, self.config.train
        batches = epoch_batches(len(self.train_set), config.batch_size, seed=config.seed, epoch=progress.epoch)
        loader = torch.utils.data.DataLoader(
            self.train_set,
            batch_sampler=batches[progress.step :],
            collate_fn=collate,
            pin_memory=self.accelerator.device.type == "cuda",
        )
        self.model.train()
        rate = 0.0
        for batch in loader:
            rate, losses = self._step(batch.to(self.accelerator.device))
            size = len(batch.qids)
            for name, value in losses.items():
                progress.sums[name] = progress.sums.get(name, 0.0) + value * size
            progress.left_region |= losses.get("constraint", 0.0) > 0
            progress.samples += size
            progress.step += 1
            loss = progress.sums["loss"] / progress.samples
            bar.update(
                task, advance=1, description=f"epoch {progress.epoch + 1}/{config.epochs} loss {loss:.3f} lr {rate:.1e}"
            )
            self._save_inside_epoch()
        means = {name: total / progress.samples for name, total in progress.sums.items()}
        gradient_norm = means.pop("gradient_norm")
        return {
            "epoch": progress.epoch + 1,
            "step": (progress.epoch + 1) * self.steps_per_epoch,
            "learning_rate": rate,
            "gradient_norm": gradient_norm,
            "loss": means,
        }

    def _step(self, batch: Any) -> tuple[float, dict[str, float]]:
        progress, config = self.state.progress, self.config.train
        number = progress.epoch * self.steps_per_epoch + progress.step
        factor = learning_rate_factor(number, self.total_steps, warmup=config.warmup, final=config.final_learning_rate)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        # + 1 keeps the first step's numbers apart from those of the initialisation
        seed_everything(config.seed, progress.epoch + 1, progress.step, self.accelerator.process_index)
        if config.kind_dropout > 0:
            widths = [kind.width for kind in self.train_set.video_kinds]
            present = draw_present(len(batch), len(widths), config.kind_dropout, batch.video.device)
            batch = mask_kinds(batch, present, widths, self.state.model.get_buffer("video_projection.mean"))
        losses: Mapping[str, Tensor] = self.criterion(forward_global(self.model, batch, self.accelerator), batch)
        self.optimizer.zero_grad()
        self.accelerator.backward(losses["loss"] * self.accelerator.num_processes)
        limit = config.max_grad_norm or math.inf
        norm = self.accelerator.clip_grad_norm_(self.model.parameters(), limit)
        names = [*losses, "gradient_norm"]
        values = torch.stack(
            [*(loss.detach().float() for loss in losses.values()), torch.as_tensor(norm).float()]
        ).tolist()
        # with fp16 an overflowing gradient is expected now and then: the scaler skips that step
        watched = names[:-1] if self.state.scaler is not None else names
        for name, value in zip(watched, values, strict=False):
            if not math.isfinite(value):
                self._diverged(name, value)
        self.optimizer.step()
        if self.state.average is not None:
            self.state.average.update_parameters(self.state.model)
        return config.learning_rate * factor, dict(zip(names, values, strict=True))

    def _diverged(self, name: str, value: float) -> None:
        progress = self.state.progress
        kept = self.run / BEST
        keeps = f"{kept} holds the best weights so far" if kept.exists() else "no epoch was finished"
        raise DivergenceError(
            f"{self.run}: {name} is {value} at step {progress.step + 1} of epoch {progress.epoch + 1}; {keeps}. "
            "Lower train.learning_rate or train.max_grad_norm, and check the features' scale."
        )

    def _validate(self) -> dict[str, Any]:
        """Validate on the main process and tell the others; returns the log row's part."""
        from accelerate.utils import broadcast_object_list

        from rdmf_model.evaluation.predict import evaluate_model

        config, progress = self.config.train, self.state.progress
        told: list[Any] = [None]
        if self.main:
            metrics = evaluate_model(self.deployed, self.val_set, config.batch_size, self.accelerator.device)["brief"]
            told = [{name: value for name, value in metrics.items() if value is not None}]
        if self.accelerator.num_processes > 1:
            broadcast_object_list(told)
        metrics = told[0]
        score = selection_score(metrics, config.selection)
        better = progress.best_score is None or score > progress.best_score
        progress.validations_without_progress = 0 if better else progress.validations_without_progress + 1
        if better:
            progress.best_score, progress.best_epoch, progress.best_metrics = score, progress.epoch, metrics
            if self.main:
                self._checkpoint(BEST)
        return {"score": score, "best": better, "metrics": metrics}

    def _checkpoint(self, name: str) -> None:
        progress = self.state.progress
        metrics = progress.best_metrics if name == BEST else {}
        save_checkpoint(
            self.run / name,
            self.deployed,
            self.config,
            widths=self.widths,
            epoch=progress.epoch,
            metrics=metrics,
            left_region=progress.left_region,
            kinds=[(kind.name, kind.width) for kind in self.train_set.video_kinds],
        )

    def _save_inside_epoch(self) -> None:
        config, progress = self.config.train, self.state.progress
        by_steps = config.save_steps is not None and progress.step % config.save_steps == 0
        by_time = config.save_seconds is not None and time.monotonic() - self._saved >= config.save_seconds
        if self.main and progress.step < self.steps_per_epoch and (by_steps or by_time):
            self._save_state()

    def _save_state(self) -> None:
        self.state.progress.seconds = time.monotonic() - self._began
        self.state.save(self.run / STATE, self.config)
        self._saved = time.monotonic()

    def _write(self, row: dict[str, Any]) -> None:
        """Checkpoint, log line, state, in this order: after a crash in between, the epoch is repeated and rewritten."""
        if not self.main:
            return
        margins = getattr(self.deployed, "constraint_margins", None)
        if margins is not None:
            row["margins"] = margins()
        if self.config.model.constraint != "hard":
            progress = self.state.progress
            # NaN margins are outside too
            progress.left_region |= not all(margin >= 0 for margin in (row.get("margins") or {}).values())
            row |= {"constraint": self.config.model.constraint, "left_region": progress.left_region}
        self._checkpoint(LAST)
        with (self.run / LOG).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(json_ready(row), allow_nan=False) + "\n")
        self._save_state()
        if self.config.train.tensorboard:
            write_tensorboard(self.run / "tensorboard", row)
        console.print(epoch_line(row, self.config.train.epochs), highlight=False, soft_wrap=True)

    def _bar(self) -> Progress:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        return Progress(*columns, console=console, disable=not (self.main and console.is_terminal), transient=True)


def truncate_log(path: Path, epochs: int) -> None:
    """Drop the log's lines after `epochs` finished epochs, and a half-written last line."""
    if not path.exists():
        return
    lines = path.read_text(encoding="utf-8").splitlines()[:epochs]
    write_atomically(path, "".join(f"{line}\n" for line in lines).encode())


def write_tensorboard(folder: Path, row: Mapping[str, Any]) -> None:
    """Append one epoch's figures for tensorboard. Raises ParameterError where tensorboard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise ParameterError(f"train.tensorboard needs tensorboard. {install_hint('tensorboard')}") from None
    writer = SummaryWriter(str(folder))
    for group in ("loss", "metrics", "margins"):
        for name, value in (row.get(group) or {}).items():
            if value is not None:
                writer.add_scalar(f"{group}/{name}", value, row["epoch"])
    writer.add_scalar("learning_rate", row["learning_rate"], row["epoch"])
    writer.close()


EPOCH_FIGURES = (
    ("R1@0.5", "MR-full-R1@0.5"),
    ("R1@0.7", "MR-full-R1@0.7"),
    ("mAP", "MR-full-mAP"),
    ("top-5 mAP", "HL-top5-mAP"),
    ("highlight mAP", "HL-mAP"),
)


def epoch_line(row: Mapping[str, Any], epochs: int) -> str:
    """One line for people about one epoch."""
    text = f"epoch {row['epoch']:>3}/{epochs}  loss {row['loss']['loss']:.4f}"
    metrics = row.get("metrics") or {}
    for label, key in EPOCH_FIGURES:
        text += f"  {label} {metrics[key]:.2f}" if key in metrics else ""
    return f"{text}{'  best' if row.get('best') else ''}  {row['seconds']:.1f} s"
