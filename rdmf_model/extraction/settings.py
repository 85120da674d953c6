"""What the features of a folder are made with, and the names of its files."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rdmf_theory.errors import DataError, ParameterError

FORMAT = "rdmf-features"
VERSION = 1


@dataclass(frozen=True)
class Settings:
    """Encoder specification, seconds per clip, and whether files that are cut off are taken."""

    encoder: str
    clip_length: float = 2.0
    keep_truncated: bool = False

    def __post_init__(self) -> None:
        if not 0.04 <= self.clip_length < math.inf:
            raise ParameterError(f"clip_length must be at least 0.04 seconds, and finite. Got {self.clip_length}.")

    @property
    def encoder_name(self) -> str:
        """The specification without its argument."""
        return self.encoder.partition(":")[0]


@dataclass(frozen=True)
class Layout:
    """Where the files of one encoder lie below an output folder."""

    output: Path
    encoder: str

    def features(self, kind: str, name: str) -> Path:
        return self.output / kind / f"{name}.npy"

    def record(self, name: str) -> Path:
        return self.output / "records" / self.encoder / f"{name}.json"

    def partial(self, name: str, suffix: str) -> Path:
        return self.output / ".partial" / f"{self.encoder}.{name}.{suffix}"

    @property
    def manifest(self) -> Path:
        return self.output / "manifest.json"


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object, or None where the file is missing. Raises DataError for anything else."""
    try:
        content = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error}).") from None
    try:
        found = json.loads(content)
    except ValueError as error:
        raise DataError(f"{path}: is no JSON ({error}). Delete it; its video is encoded again.") from None
    if not isinstance(found, dict):
        raise DataError(f"{path}: must hold a JSON object. Delete it; its video is encoded again.")
    return found


def to_json(document: dict[str, Any]) -> bytes:
    """The same bytes for the same document."""
    return (json.dumps(document, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()
