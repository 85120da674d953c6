"""Compares fusions honestly: one configuration, one command, one table per data set.

    python -m benchmarks.fusions ../shared/data/qvh_stack --seeds 5 --runs runs/qvh

trains every row of `ROWS` with every seed by one configuration (configs/fusions.toml) and reports on videos that no
choice was made on:

* All rows have the same inputs, closed-form evidence at full size, word attention, positions from both ends, saliency
  head, span table, epochs, batches and optimiser, and the same number of parameters in fusion and feed-forward block.
* The validation videos are halved by a fixed shuffle. The first half picks each run's epoch, the second is reported.
* Every row had one trial: its first. Nothing is tuned per row or data set. `TRIALS` says so in the output.
* Differences to the first row are paired by query, averaged over seeds, with 95 % intervals of a bootstrap that
  resamples videos and sentences (every query weighs the product of both counts).
* Floors without training: the closed-form evidence cut at half its height, and a ridge regression that sees four clips
  to either side.

`--fraction 0.1` trains on that share of the training queries, `--noise 1.0` adds normal noise in units of each
feature's spread to training and validation features, `--distractors 9` puts nine other videos around each validation
video. Finished runs are kept: an interrupted benchmark goes on where it
stopped. Results are in RUNS/results.json; `python -m benchmarks.fusion_report` makes tables from such files.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rdmf_model.config.config import Config, load_config
from rdmf_model.data.annotations import Annotation
from rdmf_model.data.batch import Sample, collate
from rdmf_model.data.dataset import MomentDataset
from rdmf_model.evaluation.metrics import evaluate_predictions

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "configs" / "fusions.toml"
# row -> what differs from the configuration
ROWS: dict[str, dict[str, Any]] = {
    "competition": {"fusion": "competition"},
    "competition, N = 0": {"fusion": "competition", "steps": 0},
    "diffusion alone": {"fusion": "weighted_diffusion"},
    "cross-attention + temporal self-attention": {"fusion": "cross_attention"},
    "cross-attention": {"fusion": "word_attention"},
    "self-attention": {"fusion": "self_attention"},
    "convolution": {"fusion": "convolution"},
    "linear recurrence": {"fusion": "linear_recurrence"},
    "two-field reaction-diffusion": {"fusion": "reaction_diffusion"},
    "none": {"fusion": "none"},
}
FLOORS = ("evidence, untrained", "ridge with context")
TRIALS = 1
METRICS = {
    "R1@0.5": "MR-full-R1@0.5",
    "R1@0.7": "MR-full-R1@0.7",
    "mAP": "MR-full-mAP",
    "HD mAP": "HL-min-VeryGood-mAP",
    "HIT@1": "HL-min-VeryGood-Hit1",
    "mIoU": "MR-full-mIoU",
    "R5@0.5": "MR-full-R5@0.5",
}
# clip AP is that of the pattern alone against the windows
COLUMNS = (*METRICS, "clip AP")
CONTEXT = 4


def halves(dataset: MomentDataset, seed: int = 0) -> tuple[list[int], list[int]]:
    """Indices of the queries whose video is in the first and in the second half of a fixed shuffle of the videos."""
    videos = sorted({annotation.vid for annotation in dataset.annotations})
    order = np.random.default_rng(seed).permutation(len(videos))
    first = {videos[i] for i in order[: len(videos) // 2]}
    inside = [annotation.vid in first for annotation in dataset.annotations]
    return [i for i, x in enumerate(inside) if x], [i for i, x in enumerate(inside) if not x]


def subset(dataset: MomentDataset, rows: Sequence[int]) -> MomentDataset:
    """The data set of some of its queries."""
    part = object.__new__(MomentDataset)
    part.__dict__.update(dataset.__dict__)
    part.annotations = [dataset.annotations[i] for i in rows]
    part._samples = [dataset[i] for i in rows]
    part.videos = {sample.vid: sample.video for sample in part._samples}
    return part


def codes(names: Sequence[Any]) -> list[int]:
    """Number of each name's first occurrence among the distinct names: results hold no names of videos or sentences."""
    order = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return [order[name] for name in names]


def add_noise(dataset: MomentDataset, size: float, seed: int) -> MomentDataset:
    """The data set with normal noise of `size` times each feature's spread over its clips."""
    every = torch.cat([video.float() for video in dataset.videos.values()])
    spread = every.std(0)
    generator = torch.Generator().manual_seed(seed)
    part = subset(dataset, range(len(dataset)))
    part.videos = {
        vid: video.float() + size * spread * torch.randn(video.shape, generator=generator)
        for vid, video in dataset.videos.items()
    }
    part._samples = [dataclasses.replace(sample, video=part.videos[sample.vid]) for sample in part._samples]
    return part


def add_distractors(dataset: MomentDataset, number: int, seed: int) -> MomentDataset:
    """The data set with `number` other videos of it put around each video: where the moment is, is told by the text."""
    generator = np.random.default_rng(seed)
    part = subset(dataset, range(len(dataset)))
    names, offsets, videos = sorted(dataset.videos), {}, {}
    for vid in names:
        others = [names[i] for i in generator.permutation(len(names)) if names[i] != vid][:number]
        place = int(generator.integers(number + 1))
        order = [*others[:place], vid, *others[place:]]
        videos[vid] = torch.cat([dataset.videos[name] for name in order])
        offsets[vid] = sum(len(dataset.videos[name]) for name in others[:place])
    part.videos = videos
    part.annotations = [shifted(a, offsets[a.vid], len(videos[a.vid]), dataset) for a in dataset.annotations]
    part._samples = [
        part._sample(a, videos[a.vid], sample.text)
        for a, sample in zip(part.annotations, dataset._samples, strict=True)
    ]
    return part


def shifted(annotation: Annotation, offset: int, clips: int, dataset: MomentDataset) -> Annotation:
    """An annotation of a video that begins `offset` clips later, in one of `clips` clips."""
    seconds = offset * dataset.clip_length
    first = round(seconds / dataset.annotation_clip_length)
    windows, clip_ids = annotation.windows + seconds, annotation.clip_ids + first
    changed = {"duration": clips * dataset.clip_length}
    changed |= {"relevant_windows": windows.tolist()} if "relevant_windows" in annotation.record else {}
    changed |= {"relevant_clip_ids": clip_ids.tolist()} if "relevant_clip_ids" in annotation.record else {}
    return dataclasses.replace(
        annotation,
        duration=changed["duration"],
        windows=windows,
        clip_ids=clip_ids,
        record=annotation.record | changed,
    )


def query_figures(prediction: dict[str, Any], record: dict[str, Any], pattern: Tensor, sample: Sample) -> list[float]:
    """The columns of one query, in percent; NaN where its data has no such figure."""
    brief = evaluate_predictions([prediction], [record], sample.clip_length)["brief"]
    found = [brief.get(key) for key in METRICS.values()]
    return [*(float("nan") if x is None else float(x) for x in found), clip_precision(pattern, sample.relevance)]


def clip_precision(score: Tensor, relevance: Tensor) -> float:
    """Average precision of a curve's ranking of clips against the windows, in percent."""
    hits = relevance[score.argsort(descending=True, stable=True)].double()
    precision = hits.cumsum(0) / torch.arange(1, len(hits) + 1)
    return 100.0 * float((precision * hits).sum() / hits.sum().clamp(min=1))


@torch.no_grad()
def answers(model: Any, dataset: MomentDataset, batch_size: int = 64) -> list[list[float]]:
    """`query_figures` of every query of a data set."""
    from rdmf_model.evaluation.predict import predict

    model.eval()
    rows: list[list[float]] = []
    for start in range(0, len(dataset), batch_size):
        samples = [dataset[i] for i in range(start, min(start + batch_size, len(dataset)))]
        batch = collate(samples)
        outputs = model(batch)
        for row, (prediction, sample) in enumerate(zip(predict(outputs, batch), samples, strict=True)):
            record = dataset.annotations[start + row].record
            pattern = outputs["pattern"][row, : len(sample.video)]
            rows.append(query_figures(prediction, record, pattern, sample))
    return rows


def train_row(config: Config, folder: Path, row: str, seed: int, train: MomentDataset, select: MomentDataset) -> Any:
    """Train one row with one seed; returns the model of the best epoch on `select`, its score and parameters."""
    from rdmf_model.evaluation.predict import evaluate_model
    from rdmf_model.evaluation.selection import selection_score
    from rdmf_model.model.build import build_model
    from rdmf_model.training.alignment import align_projections
    from rdmf_model.training.losses import MomentLoss
    from rdmf_model.training.optimizer import build_optimizer
    from rdmf_model.training.schedule import epoch_batches, learning_rate_factor, seed_everything

    model_config = dataclasses.replace(config.model, **ROWS[row])
    seed_everything(seed, 0)
    model: Any = build_model(model_config, train.video_channels, train.text_channels)
    samples = [train[i] for i in range(len(train))]
    align_projections(model, samples, config.train.alignment_ridge or 1.0, seed)
    model.evidence.fit(model, samples)
    criterion, optimizer = MomentLoss(config.train.loss), build_optimizer(model, config.train)
    average = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(config.train.ema_decay or 0.0)
    )
    epochs, size = config.train.epochs, config.train.batch_size
    per_epoch = -(-len(train) // size)
    best: tuple[float, int, dict[str, Tensor]] | None = None
    number = 0
    for epoch in range(epochs):
        model.train()
        for rows in epoch_batches(len(train), size, seed=seed, epoch=epoch):
            factor = learning_rate_factor(number, epochs * per_epoch, warmup=config.train.warmup, final=0.01)
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * factor
            batch = collate([train[i] for i in rows])
            loss = criterion(model(batch), batch)["loss"]
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), config.train.max_grad_norm)
            optimizer.step()
            average.update_parameters(model)
            number += 1
        if epoch >= epochs - 2:
            brief = evaluate_model(average.module, select, size)["brief"]
            score = selection_score({k: v for k, v in brief.items() if v is not None}, config.train.selection)
            if best is None or score > best[0]:
                best = score, epoch + 1, {k: v.clone() for k, v in average.module.state_dict().items()}
    assert best is not None
    model.load_state_dict(best[2])
    parts = [model.fusion, model.block]
    return model, best[:2], sum(p.numel() for part in parts for p in part.parameters())


def runs_of(curve: Tensor, clip_length: float, level: float = 0.5) -> list[list[float]]:
    """Windows in seconds where a curve is above `level` of its height, highest peak first."""
    low, high = float(curve.min()), float(curve.max())
    above = torch.cat([torch.zeros(1), (curve >= low + level * (high - low)).float(), torch.zeros(1)]).diff()
    starts, ends = (above > 0).nonzero().flatten().tolist(), (above < 0).nonzero().flatten().tolist()
    windows = [[a * clip_length, b * clip_length, float(curve[a:b].max())] for a, b in zip(starts, ends, strict=True)]
    return sorted(windows, key=lambda window: -window[2])[:10]


def floor_figures(curves: Sequence[Tensor], dataset: MomentDataset) -> list[list[float]]:
    """`query_figures` of curves whose runs are the windows."""
    rows = []
    for i, curve in enumerate(curves):
        sample, annotation = dataset[i], dataset.annotations[i]
        prediction = {
            "qid": annotation.qid,
            "query": annotation.query,
            "vid": annotation.vid,
            "pred_relevant_windows": runs_of(curve, sample.clip_length),
            "pred_saliency_scores": curve.tolist(),
        }
        rows.append(query_figures(prediction, annotation.record, curve, sample))
    return rows


@torch.no_grad()
def floors(config: Config, train: MomentDataset, report: MomentDataset) -> dict[str, list[list[float]]]:
    """The untrained evidence, and ridge regression of relevance on the evidence's columns of nine clips."""
    from rdmf_model.model.build import build_model
    from rdmf_model.training.alignment import align_projections

    model: Any = build_model(
        dataclasses.replace(config.model, fusion="none"), train.video_channels, train.text_channels
    )
    samples = [train[i] for i in range(len(train))]
    align_projections(model, samples, config.train.alignment_ridge or 1.0, 0)
    model.evidence.fit(model, samples)

    def columns(sample: Sample) -> Tensor:
        features = model.video_projection.standardise(sample.video.float())
        query = model.text_projection(sample.text.float()).mean(0)
        found = model.evidence.columns(features, model.video_projection.linear(features), query)
        found = found - found.mean(0)
        padded = torch.nn.functional.pad(found, (0, 0, CONTEXT, CONTEXT))
        return torch.cat([padded[o : o + len(found)] for o in range(2 * CONTEXT + 1)], dim=1)

    here = slice(CONTEXT * len(model.evidence.weight), (CONTEXT + 1) * len(model.evidence.weight))
    curves = [columns(report[i])[:, here] @ model.evidence.weight for i in range(len(report))]
    # gram matrices of up to 3500 columns: the context keeps the columns that carry most of the evidence
    kept = model.evidence.weight.abs().argsort(descending=True)[:64]
    size = len(model.evidence.weight)
    index = torch.cat([kept + o * size for o in range(2 * CONTEXT + 1)])
    gram = torch.zeros(len(index), len(index), dtype=torch.float64)
    cross = torch.zeros(len(index), dtype=torch.float64)
    for sample in samples:
        x = columns(sample)[:, index].double()
        target = sample.relevance.double()
        gram += x.T @ x / len(x)
        cross += x.T @ (target - target.mean()) / len(x)
    weight = torch.linalg.solve(gram + 0.1 * len(samples) * torch.eye(len(index), dtype=torch.float64), cross).float()
    context = [columns(report[i])[:, index] @ weight for i in range(len(report))]
    return dict(zip(FLOORS, (floor_figures(curves, report), floor_figures(context, report)), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with train.jsonl, val.jsonl, video_features, text_features")
    parser.add_argument("--runs", type=Path, required=True, help="folder of the results")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=list(ROWS))
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--clip-length", type=float, default=2.0)
    parser.add_argument("--fraction", type=float, default=1.0, help="share of the training queries")
    parser.add_argument("--noise", type=float, default=0.0, help="size of the feature noise")
    parser.add_argument("--distractors", type=int, default=0, help="other videos around each validation video")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    data = arguments.data.resolve()
    settings = [f"data.{split}={data / split}.jsonl" for split in ("train", "val")]
    settings += [f"data.video_features=['{data / 'video_features'}']", f"data.text_features={data / 'text_features'}"]
    settings += [f"data.clip_length={arguments.clip_length}"]
    settings += [f"train.epochs={arguments.epochs}"] if arguments.epochs else []
    settings += [f"train.batch_size={arguments.batch_size}"] if arguments.batch_size else []
    regime = (arguments.fraction, arguments.noise, arguments.distractors)
    config, train, select, report = prepare(load_config(CONFIG, settings), *regime)
    arguments.runs.mkdir(parents=True, exist_ok=True)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=ROOT).stdout.strip()
    path = arguments.runs / "results.json"
    results: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"runs": []}
    done = {(run["row"], run["seed"]) for run in results["runs"]}
    results |= {
        "data": data.name,
        "fraction": arguments.fraction,
        "noise": arguments.noise,
        "distractors": arguments.distractors,
        "trials": TRIALS,
        "columns": COLUMNS,
        "queries": {"train": len(train), "select": len(select), "report": len(report)},
        "videos": codes([annotation.vid for annotation in report.annotations]),
        "sentences": codes([annotation.query for annotation in report.annotations]),
        "config": config.to_dict(),
    }
    if "floors" not in results:
        results["floors"] = floors(config, train, report)
    # seed by seed, so that an interrupted benchmark has every row as often as possible
    for seed in arguments.seeds:
        for row in arguments.rows:
            if (row, seed) in done:
                continue
            started = time.process_time()
            model, (score, epoch), parameters = train_row(config, arguments.runs, row, seed, train, select)
            results["runs"].append(
                {
                    "row": row,
                    "seed": seed,
                    "commit": commit,
                    "epoch": epoch,
                    "selection": score,
                    "parameters": parameters,
                    "cpu_seconds": round(time.process_time() - started, 1),
                    "figures": answers(model, report),
                }
            )
            means = np.nanmean(np.asarray(results["runs"][-1]["figures"]), axis=0)
            line = "  ".join(f"{name} {mean:.1f}" for name, mean in zip(COLUMNS, means, strict=True))
            print(f"{data.name} {row}, seed {seed}: {line}  ({results['runs'][-1]['cpu_seconds']} s)", flush=True)
            temporary = path.with_suffix(".tmp")
            temporary.write_text(json.dumps(results))
            temporary.rename(path)


def prepare(
    config: Config, fraction: float = 1.0, noise: float = 0.0, distractors: int = 0
) -> tuple[Config, MomentDataset, MomentDataset, MomentDataset]:
    """The resolved configuration, and the queries to train, to select and to report on."""
    from rdmf_model.data.splits import load_split
    from rdmf_model.training.prepare import resolve_epochs, resolve_region

    train, val = load_split(config, "train"), load_split(config, "val")
    if fraction < 1.0:
        order = np.random.default_rng(1).permutation(len(train))[: max(8, round(fraction * len(train)))]
        train = subset(train, sorted(int(i) for i in order))
    if noise > 0.0:
        train, val = add_noise(train, noise, 2), add_noise(val, noise, 3)
    if distractors > 0:
        val = add_distractors(val, distractors, 4)
    config, _ = resolve_region(resolve_epochs(config, train), train, val)
    first, second = halves(val)
    return config, train, subset(val, first), subset(val, second)


if __name__ == "__main__":
    main()
