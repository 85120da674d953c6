"""Is this certificate about that checkpoint? Compares digest, region and the box of its constraint.

What a checkpoint says of itself comes from the program that loads it; here it is only compared. `stale` is a
certificate of other weights under the same region, `foreign` one of another model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

BOUNDS = ("lower", "upper", "modulation_fraction")
COORDINATES = ("u_star", "z", "excess", "wavelength", "rate")
REGION = {"format", "version", "lower", "upper", "clips", "steps", "gain", "modulation", "soft_onset"}
AGAIN = "Run `rdmf verify` on the checkpoint to make a new one."


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file is: SHA-256 of its bytes, region, bounds of its constraint (float32) and the constraint's
    kind, "hard" for a model that cannot leave them.
    """

    sha256: str
    region: Mapping[str, Any] | None
    bounds: Mapping[str, tuple[float, ...]]
    constraint: str


def mismatch(content: Mapping[str, Any], checkpoint: Checkpoint) -> str | None:
    """Why a certificate, already found true, does not speak for a checkpoint, and what to do; None if it does."""
    if content.get("kind") != "design-box":
        return f"foreign: it is about a {content.get('kind')}, not about a model. {AGAIN}"
    if checkpoint.constraint != "hard":
        return (
            f"foreign: the checkpoint was trained with constraint {checkpoint.constraint!r}, and without a hard one no "
            "certificate can speak for all its texts. Train with the constraint."
        )
    fits = _covers(content, checkpoint)
    if content.get("subject") == f"sha256:{checkpoint.sha256}":
        return None if fits else f"foreign: its box or region is not the one of the checkpoint's constraint. {AGAIN}"
    about = f"it is about {content.get('subject') or 'no file'}, the checkpoint is sha256:{checkpoint.sha256}"
    return f"{'stale: same region, other weights' if fits else 'foreign: another model'}: {about}. {AGAIN}"


def _covers(content: Mapping[str, Any], checkpoint: Checkpoint) -> bool:
    """Whether region, box and modulation are those of the checkpoint: exact comparisons, a narrower box is covered."""
    region, claimed = checkpoint.region, content["region"]
    if region is None or set(checkpoint.bounds) != set(BOUNDS):
        return False
    # a condition that no certificate speaks of must not be asked for
    if any(value is not None for name, value in region.items() if name not in REGION):
        return False
    for name in ("lower", "upper", "gain", "modulation"):
        mine, theirs = (None if x[name] is None else [Fraction(y) for y in x[name]] for x in (region, claimed))
        if mine != theirs:
            return False
    if any(region[name] != claimed[name] for name in ("clips", "steps", "soft_onset")):
        return False
    pairs = zip(COORDINATES, checkpoint.bounds["lower"], checkpoint.bounds["upper"], strict=True)
    for name, a, b in pairs:
        low, high = (Fraction(x) for x in content["box"][name])
        if not low <= Fraction(a) <= Fraction(b) <= high:
            return False
    (fraction,) = checkpoint.bounds["modulation_fraction"]
    return Fraction(fraction) <= Fraction(content["emission"]["modulation_fraction"])
