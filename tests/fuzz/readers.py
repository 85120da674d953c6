"""What does the program read? Each reader with a file that it accepts; other bytes end in one of our errors alone."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rdmf_model.checkpoints.checkpoint import FORMAT, VERSION, load_run, read_tensors, save_tensors
from rdmf_model.config.config import Config, load_config
from rdmf_model.data.annotations import read_annotations
from rdmf_model.data.features import TEXT_KEYS, load_features, map_features
from rdmf_model.evaluation.files import evaluate_files
from rdmf_model.training.state import FORMAT as STATE_FORMAT
from rdmf_theory.certificates import checkers
from rdmf_theory.certificates.certificate import Certificate
from rdmf_theory.certificates.certify import certify_box
from rdmf_theory.errors import DataError, ParameterError
from rdmf_theory.regions.admissible import DEFAULT_REGION, AdmissibleRegion
from rdmf_theory.systems.built_in import load_system

REFUSED = (ParameterError, DataError, checkers.Refused, checkers.Unreadable)

ANNOTATION = {"qid": 1, "query": "a dog", "vid": "a", "duration": 20, "relevant_windows": [[2, 6], [8, 20]]}
ANNOTATION |= {"relevant_clip_ids": [1, 2], "saliency_scores": [[1, 2, 4], [3, 3, 0]]}
PREDICTION = {"qid": 1, "query": "a dog", "vid": "a", "pred_relevant_windows": [[0, 4, 0.5], [2, 8, 0.25]]}
PREDICTION |= {"pred_saliency_scores": [0.5, -1, 2]}
SYSTEM = """name = "mine"
[equations]
u = "a - u + u^2*v"
v = "b - u^2*v"
[parameters]
a = 0.1
b = 1
[diffusion]
D_u = 1
D_v = 40
"""


def _lines(*records: dict) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def _archive(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)  # type: ignore[arg-type]
    return stream.getvalue()


def _array() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.ones((4, 3), np.float32))
    return stream.getvalue()


def _certificate() -> bytes:
    content = certify_box(DEFAULT_REGION.lower, DEFAULT_REGION.upper, DEFAULT_REGION)
    path = Path(_scratch()) / "certificate.json"
    content.save(path)
    return path.read_bytes()


@cache
def _scratch() -> str:
    import tempfile

    return tempfile.mkdtemp(prefix="rdmf-fuzz-")


def _checkpoint() -> bytes:
    from tests.properties.tiny import write_run

    return (write_run(Path(_scratch()) / "run") / "best.safetensors").read_bytes()


def _state() -> bytes:
    path = Path(_scratch()) / "state.safetensors"
    header = {"format": STATE_FORMAT, "version": VERSION, "progress": {"epoch": 1}}
    save_tensors(path, {"model.weight": torch.zeros(2)}, header)
    return path.read_bytes()


def _region(path: Path) -> Any:
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return None
    return AdmissibleRegion.from_dict(document) if isinstance(document, dict) else None


@dataclass(frozen=True)
class Reader:
    """A reader, the suffix it expects, and bytes that it accepts (made once)."""

    name: str
    suffix: str
    read: Callable[[Path], Any]
    accepted: Callable[[], bytes]


READERS = (
    Reader("annotations", ".jsonl", read_annotations, lambda: _lines(ANNOTATION, ANNOTATION | {"qid": "2"})),
    Reader("video features", ".npz", load_features, lambda: _archive(features=np.ones((4, 3), np.float32))),
    Reader("bare features", ".npy", map_features, _array),
    Reader(
        "text features",
        ".npz",
        lambda path: load_features(path, TEXT_KEYS, unit="tokens"),
        lambda: _archive(last_hidden_state=np.ones((2, 3), np.float16)),
    ),
    Reader("configuration", ".toml", load_config, lambda: b"version = 1\n[model]\nsteps = 4\n[train.loss]\nl1 = 2\n"),
    Reader(
        "a run's configuration",
        ".json",
        lambda path: Config.from_json(path.read_text(encoding="utf-8", errors="replace")),
        lambda: Config().to_json().encode(),
    ),
    Reader("system", ".toml", lambda path: load_system(str(path)), SYSTEM.encode),
    Reader("certificate", ".json", Certificate.load, _certificate),
    Reader("certificate's checker", ".json", checkers.check, _certificate),
    Reader("predictions", ".jsonl", lambda path: evaluate_files(path, _truth(), 2.0), lambda: _lines(PREDICTION)),
    Reader("checkpoint", ".safetensors", load_run, _checkpoint),
    Reader("training state", ".state", lambda path: read_tensors(path, STATE_FORMAT), _state),
    Reader("foreign tensors", ".safetensors", lambda path: read_tensors(path, FORMAT), _state),
    Reader("region", ".json", _region, lambda: json.dumps(DEFAULT_REGION.to_dict()).encode()),
)


@cache
def _truth() -> Path:
    path = Path(_scratch()) / "truth.jsonl"
    path.write_bytes(_lines(ANNOTATION))
    return path


def judge(reader: Reader, content: bytes, folder: Path) -> Exception | None:
    """Read `content`; the error that refused it, None where it was accepted. Anything else is raised: a fault."""
    path = folder / f"file{reader.suffix}"
    path.write_bytes(content)
    try:
        reader.read(path)
    except REFUSED as error:
        return error
    return None
