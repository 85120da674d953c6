"""A tiny model with weights away from their initial values, and a run folder that holds it."""

from pathlib import Path
from typing import Any

import torch

from rdmf_model.checkpoints.checkpoint import save_checkpoint
from rdmf_model.config.config import Config, parse_config
from rdmf_model.model.build import build_model
from rdmf_model.model.moment_model import MomentModel

VIDEO_WIDTH, TEXT_WIDTH = 6, 5


def tiny_config(fusion: str = "reaction_diffusion", **region: Any) -> Config:
    """A configuration whose region answers for 29 to 40 clips."""
    bounds = {"wavelength": [8.0, 22.0], "clips": [29, 40]} | region
    shape = {"channels": 16, "heads": 2, "feedforward": 16, "moment_queries": 3, "steps": 6}
    return parse_config({"version": 1, "data": {}, "model": {"fusion": fusion, **shape, "region": bounds}})


def tiny_model(config: Config | None = None, seed: int = 0) -> MomentModel:
    """The model, every weight moved at random: as if trained, so that texts choose designs and clips differ."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build_model((config or tiny_config()).model, VIDEO_WIDTH, TEXT_WIDTH)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.2 * torch.randn_like(parameter))
    return model.eval()


def write_run(folder: Path, config: Config | None = None) -> Path:
    """A run folder with the best checkpoint of a tiny model."""
    config = config or tiny_config()
    folder.mkdir(parents=True, exist_ok=True)
    widths = (VIDEO_WIDTH, TEXT_WIDTH)
    save_checkpoint(folder / "best.safetensors", tiny_model(config), config, widths=widths, epoch=1, metrics={})
    return folder
