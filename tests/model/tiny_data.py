"""A learnable data set of a few queries, and a configuration that trains on it in a second."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rdmf_model.config.config import Config, parse_config

VIDEO_WIDTHS = (6, 2)
TEXT_WIDTH = 6


def write_tiny_data(folder: Path, *, train: int = 13, val: int = 5, seed: int = 0) -> Path:
    """Ragged videos of 10 to 16 clips in two feature folders; under the window the clip resembles the text."""
    generator = np.random.default_rng(seed)
    for name in ("video", "more_video", "text"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    qid = 0
    for split, size in (("train", train), ("val", val)):
        lines = []
        for _ in range(size):
            qid += 1
            clips = int(generator.integers(10, 17))
            start = int(generator.integers(0, clips - 4))
            stop = start + int(generator.integers(2, 5))
            text = generator.standard_normal((int(generator.integers(2, 5)), TEXT_WIDTH))
            video = 0.5 * generator.standard_normal((clips, VIDEO_WIDTHS[0]))
            video[start:stop] += 2 * text.mean(0)
            vid = f"video_{qid}"
            np.savez(folder / "video" / f"{vid}.npz", features=video.astype(np.float32))
            more = generator.standard_normal((clips, VIDEO_WIDTHS[1]))
            np.savez(folder / "more_video" / f"{vid}.npz", features=more.astype(np.float32))
            np.savez(folder / "text" / f"qid{qid}.npz", last_hidden_state=text.astype(np.float32))
            ids = list(range(start, stop))
            record = {"qid": qid, "query": f"query {qid}", "vid": vid, "duration": 2 * clips}
            record |= {"relevant_windows": [[2 * start, 2 * stop]], "relevant_clip_ids": ids}
            lines.append(json.dumps(record | {"saliency_scores": [[4, 4, 4]] * len(ids)}))
        (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def tiny_document(folder: Path) -> dict[str, Any]:
    """The configuration as a document, before overrides; paths are absolute."""
    return {
        "version": 1,
        "data": {
            "train": str(folder / "train.jsonl"),
            "val": str(folder / "val.jsonl"),
            "video_features": [str(folder / "video"), str(folder / "more_video")],
            "text_features": str(folder / "text"),
        },
        "model": {"channels": 16, "heads": 2, "feedforward": 16, "moment_queries": 3, "steps": 4},
        "train": {"epochs": 2, "batch_size": 4, "device": "cpu", "threads": 1, "learning_rate": 0.003},
    }


def tiny_config(folder: Path, overrides: Mapping[str, Any] | None = None) -> Config:
    """The configuration with dotted overrides such as {"train.epochs": 3}."""
    settings = {key: "none" if value is None else value for key, value in (overrides or {}).items()}
    return parse_config(tiny_document(folder), [f"{key}={json.dumps(value)}" for key, value in settings.items()])
