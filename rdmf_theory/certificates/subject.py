"""Is this certificate about that checkpoint? Compares the digest of the file, the region and the box of its door.

Standard library only: the header of a safetensors file is eight bytes of length and a JSON object, its tensors are raw
bytes after it. `stale` is a certificate of other weights under the same region, `foreign` one of another model.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from rdmf_theory.errors import DataError

DOOR = ("lower", "upper", "modulation_fraction")
LARGEST_HEADER = 100_000_000
AGAIN = "Run `rdmf verify` on the checkpoint to make a new one."


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file says of itself: SHA-256 of its bytes, region, door (float32 bounds) and constraint."""

    sha256: str
    region: Mapping[str, Any] | None
    door: Mapping[str, tuple[float, ...]]
    constraint: str


def read_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Read the header and the door of a checkpoint without loading it.

    Raises: DataError if the file cannot be read or was not written by `rdmf train`.
    """
    try:
        content = Path(path).read_bytes()
        (size,) = struct.unpack_from("<Q", content)
        if size > min(LARGEST_HEADER, len(content) - 8):
            raise ValueError("its header is longer than the file")
        header = json.loads(content[8 : 8 + size])
        document = json.loads(header["__metadata__"]["rdmf"])
        door = {}
        for name, entry in header.items():
            part = name.rpartition(".")[2]
            if part in DOOR and ".constraint." in f".{name}":
                begin, end = (8 + size + offset for offset in entry["data_offsets"])
                door[part] = struct.unpack(f"<{math.prod(entry['shape'])}f", content[begin:end])
        region = document["region"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error, RecursionError) as error:
        raise DataError(
            f"{path}: is no checkpoint of `rdmf train` ({error}). Give best.safetensors of a run folder."
        ) from error
    return Checkpoint(hashlib.sha256(content).hexdigest(), region, door, str(document.get("constraint", "door")))


def mismatch(content: Mapping[str, Any], checkpoint: Checkpoint) -> str | None:
    """Why a certificate, already found true, does not speak for a checkpoint, and what to do; None if it does."""
    if content.get("kind") != "design-box":
        return f"foreign: it is about a {content.get('kind')}, not about a model. {AGAIN}"
    if checkpoint.constraint != "door":
        return (
            f"foreign: the checkpoint was trained with constraint {checkpoint.constraint!r}, and without the door no "
            "certificate can speak for all its texts. Train with the constraint."
        )
    fits = _covers(content, checkpoint)
    if content.get("subject") == f"sha256:{checkpoint.sha256}":
        return None if fits else f"foreign: its box or region is not the one of the checkpoint's door. {AGAIN}"
    about = f"it is about {content.get('subject') or 'no file'}, the checkpoint is sha256:{checkpoint.sha256}"
    return f"{'stale: same region, other weights' if fits else 'foreign: another model'}: {about}. {AGAIN}"


def _covers(content: Mapping[str, Any], checkpoint: Checkpoint) -> bool:
    """Whether region, box and modulation are those of the checkpoint: exact comparisons, a narrower door is covered."""
    region, claimed = checkpoint.region, content["region"]
    if region is None or set(checkpoint.door) != set(DOOR):
        return False
    for name in ("lower", "upper", "gain", "modulation"):
        mine, theirs = (None if x[name] is None else [Fraction(y) for y in x[name]] for x in (region, claimed))
        if mine != theirs:
            return False
    if any(region[name] != claimed[name] for name in ("clips", "steps", "soft_onset")):
        return False
    bounds = zip(content["box"].values(), checkpoint.door["lower"], checkpoint.door["upper"], strict=True)
    inside = all(Fraction(low) <= Fraction(a) <= Fraction(b) <= Fraction(high) for (low, high), a, b in bounds)
    fraction = Fraction(checkpoint.door["modulation_fraction"][0])
    return inside and fraction <= Fraction(content["emission"]["modulation_fraction"])
