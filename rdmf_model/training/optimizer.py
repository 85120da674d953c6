"""The optimizer and its parameter groups."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from rdmf_model.config.config import TrainConfig


def build_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW in four groups: matrices decay; norms and biases, design parameters and the fitted projections do not; the
    last two have their own learning rates.

    They are those of `model.design_parameters()` and `model.projection_parameters()`, where the model has the method.
    """
    design = {id(parameter) for parameter in getattr(model, "design_parameters", tuple)()}
    projection = {id(parameter) for parameter in getattr(model, "projection_parameters", tuple)()}
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    rate = config.learning_rate
    groups: list[dict[str, Any]] = [
        {"name": "matrices", "params": [], "lr": rate, "weight_decay": config.weight_decay},
        {"name": "vectors", "params": [], "lr": rate, "weight_decay": 0.0},
        {"name": "design", "params": [], "lr": config.design_learning_rate or rate, "weight_decay": 0.0},
        {"name": "projection", "params": [], "lr": config.projection_learning_rate or rate, "weight_decay": 0.0},
    ]
    for parameter in parameters:
        own = 2 if id(parameter) in design else 3 if id(parameter) in projection else None
        groups[int(parameter.ndim < 2) if own is None else own]["params"].append(parameter)
    groups = [dict(group, peak=group["lr"]) for group in groups if group["params"]]
    return torch.optim.AdamW(groups)
