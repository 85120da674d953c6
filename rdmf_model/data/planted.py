"""Planted moments: a seeded data set with known windows, which needs no download, for demo and tests.

Each video is background noise, partly correlated in time, in which 2 or 3 concepts show: a concept adds its direction
to every clip of its windows and, as a trap, to a few lone clips ("spikes"), there at twice the strength. Each concept
is the subject of one query, a sentence of filler words and one content word. Spikes and noise defeat clip-wise
matching, so a model must integrate over time; the other concepts' windows defeat a model that ignores the text.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from rdmf_theory.errors import ParameterError

CONCEPTS = (
    "baking", "boxing", "climbing", "cycling", "dancing", "drawing", "fishing", "juggling",
    "knitting", "painting", "rowing", "sailing", "singing", "skating", "surfing", "welding",
)  # fmt: skip
FILLERS = ("a", "and", "at", "before", "in", "is", "on", "people", "shown", "someone", "the", "there", "two", "while")
# dimension of the space that both modalities are linear images of
LATENT = 12
# share of the noise's variance that is correlated, and its correlation from clip to clip
CORRELATED_SHARE, CORRELATION = 0.4, 0.9
TWO_WINDOWS_SHARE = 0.2


def write_planted_dataset(
    folder: Path,
    seed: int = 0,
    *,
    train: int = 512,
    val: int = 128,
    clips: tuple[int, int] = (48, 80),
    window: tuple[int, int] = (4, 12),
    video_channels: int = 32,
    text_channels: int = 24,
    clip_length: float = 2.0,
    signal: float = 2.5,
    spikes: int = 4,
) -> Path:
    """Writes `{train,val}.jsonl`, `video_features/` and `text_features/` in the Moment-DETR layout.

    The same arguments give the same bytes. Both splits share the concepts' directions; their videos are distinct.

    Arguments:
        folder: new or empty.
        seed: >= 0.
        train, val: number of queries, >= 1.
        clips: (least, most) clips of a video, >= 48: the windows of its concepts must find room.
        window: (least, most) clips of a window, >= 2, at most 1/4 of the shortest video.
        video_channels, text_channels: feature widths, >= 2.
        clip_length: seconds per clip, > 0.
        signal: a concept's strength in its windows, in standard deviations of the noise along its direction.
        spikes: lone clips per concept with twice that strength.

    Returns: the folder.
    Raises: ParameterError if an argument is out of range or the folder holds something.
    """
    folder = Path(folder)
    counts = {"seed": (seed, 0), "train": (train, 1), "val": (val, 1), "spikes": (spikes, 0)}
    counts |= {"video_channels": (video_channels, 2), "text_channels": (text_channels, 2)}
    for name, (value, least) in counts.items():
        _require(value >= least, name, f"at least {least}", value)
    _require(48 <= clips[0] <= clips[1], "clips", "(least, most) with 48 <= least <= most", clips)
    most = clips[0] // 4
    _require(2 <= window[0] <= window[1] <= most, "window", f"(least, most) within [2, {most}] clips", window)
    for name, value in (("clip_length", clip_length), ("signal", signal)):
        _require(math.isfinite(value) and value > 0, name, "positive and finite", value)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ParameterError(f"folder must be new or empty. {folder} exists. Remove it or give another.")
    for part in ("video_features", "text_features"):
        (folder / part).mkdir(parents=True, exist_ok=True)

    maps = np.random.default_rng([seed, 0])
    latent = maps.normal(size=(len(CONCEPTS), LATENT))
    directions = latent @ maps.normal(size=(LATENT, video_channels))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    meanings = np.concatenate([latent, maps.normal(size=(len(FILLERS), LATENT))]) @ maps.normal(
        size=(LATENT, text_channels)
    )
    meanings /= np.linalg.norm(meanings, axis=1, keepdims=True) / math.sqrt(text_channels)
    vectors: dict[str, np.ndarray] = dict(zip((*CONCEPTS, *FILLERS), meanings, strict=True))

    for split, (name, queries) in enumerate({"train": train, "val": val}.items(), start=1):
        rng = np.random.default_rng([seed, split])
        records: list[dict[str, Any]] = []
        while len(records) < queries:
            vid = f"planted_{name}_{len(records):05d}"
            length = int(rng.integers(clips[0], clips[1] + 1))
            video = _background(rng, length, video_channels)
            shown = rng.choice(len(CONCEPTS), size=rng.integers(2, 4), replace=False)
            windows = _place_windows(rng, length, window, len(shown))
            # a concept that found no room does not show; the first always finds room
            planted = [(concept, places) for concept, places in zip(shown, windows, strict=True) if places]
            for concept, places in planted:
                inside = np.zeros(length, dtype=bool)
                for start, end in places:
                    inside[start:end] = True
                video[inside] += signal * directions[concept]
                video[_place_spikes(rng, inside, spikes)] += 2 * signal * directions[concept]
            np.savez(folder / "video_features" / f"{vid}.npz", features=video.astype(np.float16))
            for concept, places in planted[: queries - len(records)]:
                qid = split * 1_000_000 + len(records)
                words = _sentence(rng, CONCEPTS[concept])
                text = np.stack([vectors[word] for word in words]) + 0.3 * rng.normal(size=(len(words), text_channels))
                np.savez(
                    folder / "text_features" / f"qid{qid}.npz",
                    last_hidden_state=text.astype(np.float16),
                    pooler_output=text.mean(axis=0).astype(np.float16),
                )
                ids = [clip for start, end in places for clip in range(start, end)]
                records.append(
                    {
                        "qid": qid,
                        "query": " ".join(words),
                        "duration": length * clip_length,
                        "vid": vid,
                        "relevant_windows": [[start * clip_length, end * clip_length] for start, end in places],
                        "relevant_clip_ids": ids,
                        "saliency_scores": rng.integers(2, 5, size=(len(ids), 3)).tolist(),
                    }
                )
        lines = "".join(json.dumps(record) + "\n" for record in records)
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    return folder


def _background(rng: np.random.Generator, length: int, channels: int) -> np.ndarray:
    """(length, channels) noise of unit variance: white plus first-order autoregressive."""
    drift = rng.normal(size=(length, channels))
    for clip in range(1, length):
        drift[clip] = CORRELATION * drift[clip - 1] + math.sqrt(1 - CORRELATION**2) * drift[clip]
    white = rng.normal(size=(length, channels))
    return math.sqrt(CORRELATED_SHARE) * drift + math.sqrt(1 - CORRELATED_SHARE) * white


def _place_windows(
    rng: np.random.Generator, length: int, window: tuple[int, int], concepts: int
) -> list[list[tuple[int, int]]]:
    """One or two windows [start, end) per concept, sorted; none overlap, and each concept's are two clips apart."""
    taken = np.zeros(length, dtype=bool)
    placed: list[list[tuple[int, int]]] = []
    for _ in range(concepts):
        own: list[tuple[int, int]] = []
        for _ in range(2 if rng.random() < TWO_WINDOWS_SHARE else 1):
            size = int(rng.integers(window[0], window[1] + 1))
            near = np.array([any(start - 2 - size < at < end + 2 for start, end in own) for at in range(length)])
            free = [at for at in range(length - size + 1) if not taken[at : at + size].any() and not near[at]]
            if free:
                start = int(rng.choice(free))
                own.append((start, start + size))
                taken[start : start + size] = True
        placed.append(sorted(own))
    return placed


def _place_spikes(rng: np.random.Generator, inside: np.ndarray, spikes: int) -> np.ndarray:
    """Indices of up to `spikes` clips, two or more clips from the windows and from each other."""
    far = np.convolve(inside, np.ones(5), mode="same") == 0
    chosen: list[int] = []
    for clip in rng.permutation(np.nonzero(far)[0]):
        if len(chosen) < spikes and all(abs(int(clip) - other) >= 2 for other in chosen):
            chosen.append(int(clip))
    return np.array(chosen, dtype=np.int64)


def _sentence(rng: np.random.Generator, concept: str) -> list[str]:
    words = [str(word) for word in rng.choice(FILLERS, size=rng.integers(3, 9))]
    words.insert(int(rng.integers(0, len(words) + 1)), concept)
    return words


def _require(holds: bool, name: str, rule: str, value: object) -> None:
    if not holds:
        raise ParameterError(f"write_planted_dataset.{name} must be {rule}. Got {value}.")
