"""Suite `model`: one training step of the whole model with each fusion, and of what is left without any."""

from __future__ import annotations

from typing import Any

import torch

from rdmf_model.bench.measure import Case, Tick, interleaved_milliseconds, peak_bytes, silent
from rdmf_model.config.config import FUSIONS, LossConfig, ModelConfig, RegionConfig, TrainConfig
from rdmf_model.data.batch import Batch
from rdmf_model.fusion.baselines import CrossAttentionFusion
from rdmf_model.model.build import build_model
from rdmf_model.training.losses import MomentLoss
from rdmf_model.training.optimizer import build_optimizer

# Widths and words of the MSR-VTT moments that docs/results.md trains on.
VIDEO_CHANNELS, TEXT_CHANNELS, WORDS = 320, 384, 12
ALONE = "cross_attention, no self-attention"
TARGET = 0.9


def random_batch(batch: int, clips: int, seed: int = 0) -> Batch:
    """Random features of B full-length videos, each with one window of a third of the video."""
    generator = torch.Generator().manual_seed(seed)
    starts = torch.rand(batch, generator=generator) * 2 / 3
    windows = [torch.stack([start, start + 1 / 3])[None] for start in starts]
    centre = (torch.arange(clips) + 0.5) / clips
    relevance = torch.stack([(centre >= w[0, 0]) & (centre <= w[0, 1]) for w in windows])
    return Batch(
        video=torch.randn(batch, clips, VIDEO_CHANNELS, generator=generator),
        video_lengths=torch.full((batch,), clips),
        text=torch.randn(batch, WORDS, TEXT_CHANNELS, generator=generator),
        text_lengths=torch.full((batch,), WORDS),
        windows=windows,
        relevance=relevance,
        saliency=torch.full((batch, clips), torch.nan),
        extent=torch.full((batch,), 2.0 * clips),
        clip_length=2.0,
        qids=list(range(batch)),
        vids=[f"video{row}" for row in range(batch)],
        queries=["a query"] * batch,
    )


def training_step(fusion: str, channels: int, batch: Batch, device: str) -> tuple[Case, int]:
    """One step as `rdmf train` takes it (forward, losses, backward, clipping, AdamW), and the model's parameters."""
    torch.manual_seed(0)
    region = RegionConfig(wavelength=(6.0, 36.0), clips=(32, 2048))
    config = ModelConfig(fusion=fusion.split(",")[0], channels=channels, region=region)
    model = build_model(config, VIDEO_CHANNELS, TEXT_CHANNELS).to(device).train()
    if fusion == ALONE:
        assert isinstance(model.fusion, CrossAttentionFusion)
        model.fusion.temporal = None
    optimizer, criterion, limit = (
        build_optimizer(model, TrainConfig()),
        MomentLoss(LossConfig()),
        TrainConfig().max_grad_norm,
    )

    def step() -> None:
        losses = criterion(model(batch), batch)
        optimizer.zero_grad()
        losses["loss"].backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), limit)
        optimizer.step()

    return step, sum(parameter.numel() for parameter in model.parameters())


def model_suite(
    clips: int, channels: int, batch: int | None, repeats: int, device: str = "cpu", tick: Tick = silent
) -> dict[str, Any]:
    """Milliseconds of one training step for every fusion, ratio to cross-attention, peak memory.

    Returns: {"runs": [shape and rows], "targets": [...]}, as the suite `layer`.
    """
    shape = {"batch": batch or 32, "clips": clips, "channels": channels, "steps": ModelConfig().steps}
    data = random_batch(shape["batch"], clips).to(device)
    prepared = {name: training_step(name, channels, data, device) for name in (*FUSIONS, ALONE)}
    cases = {name: case for name, (case, _) in prepared.items()}
    peaks = {name: peak_bytes(case, device) for name, case in cases.items()}
    times = interleaved_milliseconds(cases, repeats, device, tick)
    rows = [
        {
            "name": name,
            "step_ms": times[name],
            "ratio": times[name] / times["cross_attention"],
            "peak_mib": None if (peak := peaks[name]) is None else peak / 2**20,
            "parameters": prepared[name][1],
        }
        for name in cases
    ]
    ratios = {
        "training step: reaction_diffusion / cross_attention": ("cross_attention", TARGET),
        "training step: reaction_diffusion / cross_attention without self-attention": (ALONE, None),
    }
    targets = []
    for name, (other, bound) in ratios.items():
        value = times["reaction_diffusion"] / times[other]
        where = {"clips": clips, "steps": shape["steps"], "name": name, "pass": "step", "value": value}
        targets.append(where | {"target": bound, "at_least": False, "met": None if bound is None else value <= bound})
    return {"runs": [{**shape, "rows": rows}], "targets": targets}
