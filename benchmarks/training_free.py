"""What is the reaction worth without any training? The closed-form evidence, diffused or in competition, cut into runs.

    python -m benchmarks.training_free ../shared/data/msrvtt_moments --trials 60 -o msrvtt.json

Three ways from the evidence of a clip (ridge regression on the training set, `SpanModel.evidence`) to windows: as it
is, after diffusion that stops at cuts, and after the competition steps with the same conductances. Windows are the runs
above a level between the curve's ends. Each way gets as many random trials, judged by the mean of R1@0.5, R1@0.7 and
mAP on 400 training queries; the best is reported on all validation queries, which took no part in any choice. Intervals
are those of `benchmarks.fusion_report`. Nothing here has weights: N, rates, diffusion, strength of cuts, level.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.fusion_report import cell, interval, weights
from benchmarks.fusions import COLUMNS, CONFIG, codes, query_figures, runs_of, subset
from rdmf_model.config.config import load_config
from rdmf_model.data.batch import Sample
from rdmf_model.data.dataset import MomentDataset
from rdmf_model.evaluation.moments import average_precision, first_window_iou
from rdmf_model.ops.competition import competition, weighted_solve

WAYS = ("raw", "diffusion", "competition")
TUNING = 400


@dataclass(frozen=True)
class Trial:
    """One setting: `cut` is the exponent of 1 - cosine in the conductances, `sharpness` that of the evidence in v_0 (0:
    the evidence itself), `level` where runs are cut, `spread` the diffusion in clip^2 over the whole run."""

    way: str
    level: float
    sharpness: float
    cut: float
    spread: float
    steps: int
    u_star: float
    z: float
    rate: float


def draw(way: str, generator: np.random.Generator) -> Trial:
    """A random setting; z is drawn where the state is damped and fed, 1 < z < 1 / u*."""
    u_star = generator.uniform(0.1, 0.45)
    return Trial(
        way=way,
        level=generator.uniform(0.1, 0.8),
        sharpness=float(generator.choice([0.1, 0.3, 0.6, 1.0] if way == "competition" else [0.0, 0.3, 0.6, 1.0])),
        cut=float(generator.choice([0.0, 1.0, 2.0, 4.0, 6.0])),
        spread=math.exp(generator.uniform(math.log(0.5), math.log(300.0))),
        steps=int(generator.choice([6, 12, 24])),
        u_star=u_star,
        z=generator.uniform(1.05, min(3.0, 0.98 / u_star)),
        rate=math.exp(generator.uniform(math.log(0.05), math.log(0.8))),
    )


def curve(trial: Trial, score: Tensor, cosine: Tensor, lengths: Tensor) -> Tensor:
    """The curve (B, T) of a trial from standardised evidence (B, T), neighbours' cosines (B, T - 1), lengths (B,)."""
    start = torch.exp(trial.sharpness * score) if trial.sharpness else score
    if trial.way == "raw":
        return start
    inside = torch.arange(1, score.shape[1]) < lengths[:, None]
    kappa = (torch.exp(-trial.cut * (1.0 - cosine).clamp(min=0.0)) * inside)[..., None]
    if trial.way == "diffusion":
        x = start[..., None]
        for _ in range(trial.steps):
            x = weighted_solve(x, torch.ones_like(x), trial.spread / trial.steps * kappa)
        return x[..., 0]
    u, z, w = trial.u_star, trial.z, trial.rate
    s, v_star = w / (z * u * u * (1 - u)), z * u * (1 - u)
    one = torch.ones(len(score), 1)
    v0 = v_star * start.clamp(max=20.0)[..., None]
    spread = trial.spread / trial.steps * one
    rates = w * z * u * one, w * one, spread
    _, v = competition(u * one, v0, s * torch.ones_like(v0), *rates, kappa, lengths, steps=trial.steps)
    return v[..., 0]


@torch.no_grad()
def evidence(model: Any, samples: Sequence[Sample]) -> tuple[Tensor, Tensor, Tensor]:
    """Evidence with unit spread per video (B, T), cosines of neighbours (B, T - 1), lengths (B,)."""
    lengths = torch.tensor([len(sample.video) for sample in samples])
    clips = int(lengths.max())
    score, cosine = torch.zeros(len(samples), clips), torch.ones(len(samples), clips - 1)
    for row, sample in enumerate(samples):
        features = model.video_projection.standardise(sample.video.float())
        query = model.text_projection(sample.text.float()).mean(0)
        found = model.evidence.columns(features, model.video_projection.linear(features), query) @ model.evidence.weight
        found = found - found.mean()
        score[row, : len(found)] = found / found.std(unbiased=False).clamp(min=1e-3)
        near = torch.cosine_similarity(features[1:], features[:-1], dim=-1)
        cosine[row, : len(near)] = near
    return score, cosine, lengths


def quick_score(curves: Tensor, trial: Trial, dataset: MomentDataset, lengths: Tensor) -> float:
    """Mean of R1@0.5, R1@0.7 and mAP, for tuning."""
    predicted = []
    truth: list[np.ndarray] = []
    for row, length in enumerate(lengths.tolist()):
        predicted.append(np.asarray(runs_of(curves[row, :length], dataset.clip_length, trial.level)))
        truth.append(np.asarray(dataset.annotations[row].record["relevant_windows"], dtype=float))
    most = max(len(windows) for windows in truth)
    padded, real = np.zeros((len(truth), most, 2)), np.zeros((len(truth), most), dtype=bool)
    for row, windows in enumerate(truth):
        padded[row, : len(windows)], real[row, : len(windows)] = windows, True
    iou = first_window_iou(np.stack([windows[0, :2] for windows in predicted]), padded, real)
    figures = (iou >= 0.5).mean(), (iou >= 0.7).mean(), average_precision(predicted, padded, real).mean()
    return 100.0 * float(np.mean(figures))


def figures_of(curves: Tensor, trial: Trial, dataset: MomentDataset, lengths: Tensor) -> np.ndarray:
    """`query_figures` of every query, (queries, columns)."""
    rows = []
    for row, length in enumerate(lengths.tolist()):
        found, annotation = curves[row, :length], dataset.annotations[row]
        prediction = {
            "qid": annotation.qid,
            "query": annotation.query,
            "vid": annotation.vid,
            "pred_relevant_windows": runs_of(found, dataset.clip_length, trial.level),
            "pred_saliency_scores": found.tolist(),
        }
        rows.append(query_figures(prediction, annotation.record, found, dataset[row]))
    return np.asarray(rows)


def main() -> None:
    from rdmf_model.data.splits import load_split
    from rdmf_model.model.build import build_model
    from rdmf_model.training.alignment import align_projections
    from rdmf_model.training.prepare import resolve_region

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with train.jsonl, val.jsonl, video_features, text_features")
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0, help="of the trials and of the queries that tune")
    parser.add_argument("--clip-length", type=float, default=2.0)
    parser.add_argument("--output", "-o", type=Path, help="JSON of the figures")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    data = arguments.data.resolve()
    settings = [f"data.{split}={data / split}.jsonl" for split in ("train", "val")]
    settings += [f"data.video_features=['{data / 'video_features'}']", f"data.text_features={data / 'text_features'}"]
    config = load_config(CONFIG, [*settings, f"data.clip_length={arguments.clip_length}", "model.fusion=none"])
    train, val = load_split(config, "train"), load_split(config, "val")
    config, _ = resolve_region(config, train, val)
    model: Any = build_model(config.model, train.video_channels, train.text_channels)
    samples = [train[i] for i in range(len(train))]
    align_projections(model, samples, config.train.alignment_ridge or 1.0, 0)
    model.evidence.fit(model, samples)
    generator = np.random.default_rng(arguments.seed)
    chosen = generator.permutation(len(train))[:TUNING]
    tuning = subset(train, [int(i) for i in chosen])
    inputs = evidence(model, [tuning[i] for i in range(len(tuning))])
    outputs = evidence(model, [val[i] for i in range(len(val))])
    found: dict[str, np.ndarray] = {}
    best: dict[str, Trial] = {}
    for way in WAYS:
        trials = [draw(way, generator) for _ in range(arguments.trials)]
        scores = [quick_score(curve(trial, *inputs), trial, tuning, inputs[2]) for trial in trials]
        best[way] = trials[int(np.argmax(scores))]
        found[way] = figures_of(curve(best[way], *outputs), best[way], val, outputs[2])
    videos, sentences = zip(*((annotation.vid, annotation.query) for annotation in val.annotations), strict=True)
    drawn = weights(np.array(codes(videos)), np.array(codes(sentences)))
    print(f"`{data.name}`, {len(val)} validation queries, {arguments.trials} trials each\n")
    print(f"| way | {' | '.join(COLUMNS)} |\n" + "|---" * (len(COLUMNS) + 1) + "|")
    for way in WAYS:
        print(f"| {way} | {' | '.join(cell(found[way][None, :, i]) for i in range(len(COLUMNS)))} |")
    for other in WAYS[:2]:
        difference = found["competition"] - found[other]
        cells = []
        for i in range(len(COLUMNS)):
            low, high = interval(difference[:, i], drawn)
            cells.append(f"{np.nanmean(difference[:, i]):+.1f} [{low:+.1f}, {high:+.1f}]")
        print(f"| competition − {other} | {' | '.join(cells)} |")
    print(json.dumps({way: asdict(trial) for way, trial in best.items()}))
    if arguments.output is not None:
        kept = {way: np.round(figures, 2).tolist() for way, figures in found.items()}
        settings_found = {way: asdict(trial) for way, trial in best.items()}
        arguments.output.write_text(json.dumps({"data": data.name, "best": settings_found, **kept}))


if __name__ == "__main__":
    main()
