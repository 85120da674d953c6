"""What must be stored so that a killed run goes on as if nothing had happened? Weights, moments of AdamW, averages,
counters.

Order, learning rate and random numbers are functions of the step (`schedule.py`), so no generator is stored. The state
is a safetensors file with a JSON header: no pickle.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from rdmf_model.checkpoints.checkpoint import VERSION, program_versions, read_tensors, save_tensors
from rdmf_model.config.config import Config
from rdmf_theory.errors import DataError

FORMAT = "rdmf-training-state"


@dataclass
class Progress:
    """Where a run stands: finished epochs, finished steps of the present epoch, the sums over them, the best so far.

    left_region: whether a design was outside its region at any step; impossible unless the constraint is switched off.
    """

    epoch: int = 0
    step: int = 0
    samples: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    best_score: float | None = None
    best_epoch: int = 0
    best_metrics: dict[str, float] = field(default_factory=dict)
    validations_without_progress: int = 0
    finished: bool = False
    left_region: bool = False

    def start_epoch(self) -> None:
        """Clear the counters of the epoch."""
        self.step, self.samples, self.sums = 0, 0, {}


@dataclass(frozen=True)
class TrainingState:
    """The objects whose values change during training."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    average: AveragedModel | None
    progress: Progress
    scaler: Any = None

    def save(self, path: Path, config: Config) -> None:
        """Write everything, atomically."""
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        for index, entries in self.optimizer.state_dict()["state"].items():
            for name, value in entries.items():
                tensors[f"optimizer.{index}.{name}"] = torch.as_tensor(value)
        if self.average is not None:
            tensors |= {f"average.{name}": tensor for name, tensor in self.average.state_dict().items()}
        header = {
            "format": FORMAT,
            "version": VERSION,
            "config": config.to_dict(),
            "progress": dataclasses.asdict(self.progress),
            "scaler": self.scaler.state_dict() if self.scaler is not None else None,
            "versions": program_versions(),
        }
        save_tensors(path, tensors, header)

    def restore(self, path: Path) -> None:
        """Read back what `save` wrote, into these objects. Raises DataError for a file that does not fit."""
        tensors, header = read_tensors(path, FORMAT)
        try:
            self.model.load_state_dict(_under("model.", tensors))
            if self.average is not None:
                self.average.load_state_dict(_under("average.", tensors))
            self._restore_optimizer(_under("optimizer.", tensors))
            if self.scaler is not None and header["scaler"]:
                self.scaler.load_state_dict(header["scaler"])
            stored = header["progress"]
            for entry in dataclasses.fields(Progress):
                setattr(self.progress, entry.name, stored[entry.name])
        except (KeyError, ValueError, RuntimeError, TypeError, AttributeError, IndexError) as error:
            raise DataError(f"{path}: does not fit this run ({error}). Train into another folder.") from None

    def _restore_optimizer(self, tensors: dict[str, Tensor]) -> None:
        state: dict[int, dict[str, Tensor]] = {}
        for key, tensor in tensors.items():
            index, name = key.split(".", 1)
            state.setdefault(int(index), {})[name] = tensor
        # the groups (learning rate, weight decay) are functions of configuration and step
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
