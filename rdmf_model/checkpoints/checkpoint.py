"""How is a trained model stored and read back? One safetensors file with the run's description in its header.

The file holds tensors only (no pickle, nothing is executed on loading); its header holds one JSON document: format,
version, configuration, admissible region, constraint, feature widths, epoch, metrics, program versions, and the digest
of all of this and of all tensors. Every program reads a checkpoint by `read_run` or `load_run`: they refuse a file that
lacks a field or a tensor, whose digest differs, whose tensors are misshapen or not finite, and whose region or
constraint disagrees with its configuration.
"""

from __future__ import annotations

import hashlib
import json
import platform
import struct
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from rdmf_model.checkpoints.packed import check_pack
from rdmf_model.config.config import Config
from rdmf_model.model.base import RetrievalModel
from rdmf_model.model.build import build_model
from rdmf_theory.errors import DataError, ParameterError
from rdmf_theory.support.files import write_atomically
from rdmf_theory.support.terminal import json_ready

FORMAT = "rdmf-checkpoint"
# 2: header and tensors have a digest, the constraint is always named
VERSION = 2
HEADER = "rdmf"
LARGEST_HEADER = 100_000_000
FIELDS = {
    "format", "version", "config", "region", "constraint", "left_region", "widths", "video_kinds", "epoch", "metrics",
    "versions", "digest",
}  # fmt: skip
"""What the header of a model's checkpoint holds: all of it, whatever the model is."""
CHANGED = "The file was changed after training; use an unchanged checkpoint."


def program_versions() -> dict[str, str]:
    """Versions that a result depends on."""
    versions = {"python": platform.python_version()}
    for name in ("rdmf", "torch", "numpy", "safetensors", "accelerate"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def save_tensors(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Write tensors and a JSON header as one safetensors file, atomically, with the digest of both in the header."""
    plain = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    # as it will be read: tuples are lists, keys are texts
    document = json.loads(json.dumps(json_ready(header), allow_nan=False))
    document["digest"] = content_digest(plain, document)
    write_atomically(path, save(plain, metadata={HEADER: json.dumps(document, allow_nan=False)}))


def content_digest(tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> str:
    """SHA-256 of a header without its field `digest` and of every tensor's name, dtype, shape and bytes, by name."""
    rest = {name: value for name, value in header.items() if name != "digest"}
    found = hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        found.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


class Stored(NamedTuple):
    """What a file of `save_tensors` holds, and the SHA-256 of its bytes, as `sha256sum` prints it."""

    tensors: dict[str, Tensor]
    header: dict[str, Any]
    sha256: str


def read_stored(path: Path, expected_format: str) -> Stored:
    """Read a file of `save_tensors`, once. Raises DataError for anything else, and where its digest differs."""
    try:
        with path.open("rb") as stream:
            # first the header alone: a foreign file may be larger than the memory
            content = stream.read(8)
            (length,) = struct.unpack("<Q", content)
            content += stream.read(min(length, LARGEST_HEADER))
            listed = json.loads(content[8:])
            metadata = listed.get("__metadata__") or {}
            header = json.loads(metadata[HEADER]) if HEADER in metadata else None
            tensors = {} if header is None else load(content := content + stream.read())
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Check the path and its permissions.") from None
    except (SafetensorError, struct.error, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{path}: is not a readable safetensors file ({str(error)[:200]!r}).") from None
    if header is None:
        raise DataError(f"{path}: was not written by `rdmf train` (its header has no `{HEADER}` document).")
    if not isinstance(header, dict) or header.get("format") != expected_format:
        raise DataError(f"{path}: must be of format {expected_format}. Its header says otherwise.")
    found = header.get("version")
    if type(found) is not int or found != VERSION:
        raise DataError(f"{path}: version must be {VERSION}. Got {str(found)[:40]!r}. Use the rdmf that wrote it.")
    if header.get("digest") != content_digest(tensors, header):
        raise DataError(f"{path}: header or weights do not have the digest that was stored with them. {CHANGED}")
    return Stored(tensors, header, hashlib.sha256(content).hexdigest())


def read_tensors(path: Path, expected_format: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and header of `read_stored`."""
    return read_stored(path, expected_format)[:2]


def model_region(model: nn.Module) -> dict[str, Any] | None:
    """The admissible region that the model's layers carry, as a dictionary; None for a model without one."""
    for module in model.modules():
        region = getattr(module, "region", None)
        if hasattr(region, "to_dict"):
            return json_ready(region.to_dict())  # type: ignore[union-attr]
    return None


def save_checkpoint(
    path: Path,
    model: nn.Module,
    config: Config,
    *,
    widths: tuple[int, int],
    epoch: int,
    metrics: Mapping[str, Any],
    left_region: bool = False,
    kinds: Sequence[tuple[str, int]] = (),
) -> None:
    """Write a model.

    Arguments:
        widths: feature widths (video, text) that it was built for.
        epoch: finished epochs.  metrics: brief metrics of these weights, empty where they were not validated.
        left_region: whether a design was outside during training; impossible where the constraint is hard.
        kinds: (name, width) of each kind of video features, in order; they add up to the video's width.
    """
    header = {
        "format": FORMAT,
        "version": VERSION,
        "config": config.to_dict(),
        "region": model_region(model),
        "constraint": config.model.constraint,
        "left_region": left_region,
        "widths": {"video": widths[0], "text": widths[1]},
        "video_kinds": [list(kind) for kind in kinds],
        "epoch": epoch,
        "metrics": metrics,
        "versions": program_versions(),
    }
    save_tensors(path, model.state_dict(), header)


def checkpoint_path(run: Path, which: str = "best") -> Path:
    """The checkpoint file of a run folder (or the file itself).

    Raises: DataError where there is none, and for a packed folder with a file that is not as it was packed.
    """
    run = Path(run)
    if run.is_file():
        return run
    if which not in ("best", "last"):
        raise ParameterError(f'checkpoint must be "best" or "last". Got {which!r}.')
    check_pack(run)
    path = run / f"{which}.safetensors"
    if not path.is_file():
        what = "has no" if run.is_dir() else "is not a folder with a"
        raise DataError(f"{run}: {what} {path.name}. Give the folder that `rdmf train` wrote, or a checkpoint file.")
    return path


class Run(NamedTuple):
    """A trained model, in evaluation mode, its configuration, and the header of its checkpoint."""

    model: RetrievalModel
    config: Config
    header: dict[str, Any]


def load_run(path: Path, *, which: str = "best", device: str = "cpu") -> Run:
    """Rebuild the trained model, in evaluation mode.

    Arguments:
        path: run folder or checkpoint file.
        which: "best" or "last", for a folder.
        device: where the model is put.

    Returns: the model, its configuration and the header (region, widths, epoch, metrics, versions).
    Raises: DataError where a tensor is missing, misshapen or not finite, or the region was changed.
    """
    return read_run(checkpoint_path(path, which), device=device)[0]


def read_run(file: Path, *, device: str = "cpu") -> tuple[Run, str]:
    """`load_run` of a checkpoint file, and the SHA-256 of the bytes that were read."""
    tensors, header, sha256 = read_stored(file, FORMAT)
    _check_fields(file, header)
    _check_finite(file, tensors)
    try:
        config = Config.from_json(json.dumps(header["config"]), source=f"{file}: config")
        _check_described(file, config, header)
        widths = header["widths"]
        _check_sizes(file, config, widths, tensors)
        # building draws random weights: leave the caller's generator alone
        with torch.random.fork_rng(devices=[]):
            model = build_model(config.model, int(widths["video"]), int(widths["text"]))
    except ParameterError as error:
        raise DataError(str(error)) from None
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{file}: its header does not describe a model ({error!r}).") from None
    _check_tensors(file, model.state_dict(), tensors)
    _check_region(file, model, tensors, header)
    try:
        model.load_state_dict(tensors)
    except (RuntimeError, ValueError) as error:
        raise DataError(f"{file}: does not fit its own configuration ({error}).") from None
    return Run(model.to(device).eval(), config, header), sha256


def _check_fields(file: Path, header: Mapping[str, Any]) -> None:
    """Refuse a header that lacks a field: nothing that is missing counts as the good case."""
    missing, foreign = sorted(FIELDS - header.keys()), sorted(header.keys() - FIELDS)
    if missing or foreign:
        what = f"lacks {missing[0]}" if missing else f"has a field {foreign[0][:40]!r} that this version does not know"
        raise DataError(f"{file}: its header {what}. {CHANGED}")


def _check_described(file: Path, config: Config, header: Mapping[str, Any]) -> None:
    """The header says all that decides the model, and says it once: no key of config.model is filled in by default."""
    lacking = _missing(json.loads(json.dumps(json_ready(config.to_dict()["model"]))), header["config"].get("model"))
    if lacking is not None:
        raise DataError(f"{file}: its configuration lacks model{lacking}, which decides what the model is. {CHANGED}")
    if header["constraint"] != config.model.constraint or type(header["left_region"]) is not bool:
        raise DataError(
            f"{file}: its header says constraint = {str(header['constraint'])[:40]!r}, its configuration "
            f"{config.model.constraint!r}. {CHANGED}"
        )


def _missing(full: Any, stored: Any, name: str = "") -> str | None:
    """The first key of a resolved document that a stored one lacks."""
    if not isinstance(full, dict):
        return None
    if not isinstance(stored, dict):
        return name
    for key, value in full.items():
        found = f"{name}.{key}" if key not in stored else _missing(value, stored[key], f"{name}.{key}")
        if found is not None:
            return found
    return None


def _check_sizes(file: Path, config: Config, widths: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Refuse a header that describes a larger model than the file holds, before memory is taken for it."""
    stored = {size for tensor in tensors.values() for size in tensor.shape}
    described = {"channels": config.model.channels, "feedforward": config.model.feedforward}
    described |= {f"widths.{kind}": int(widths[kind]) for kind in ("video", "text")}
    layers = config.model.decoder_layers
    for name, size in described.items():
        if size not in stored:
            raise DataError(f"{file}: its header says {name} = {size}, but none of its tensors is of that size.")
    if layers > len(tensors):
        raise DataError(f"{file}: its header says decoder_layers = {layers}, but it holds {len(tensors)} tensors.")


def _check_finite(file: Path, tensors: Mapping[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise DataError(
                f"{file}: tensor {name} must be finite. It holds NaN or infinity. Use an earlier checkpoint."
            )


def _check_tensors(file: Path, expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    if missing := sorted(expected.keys() - found.keys()):
        raise DataError(f"{file}: tensor {missing[0]} is missing ({len(missing)} of {len(expected)} are).")
    if foreign := sorted(found.keys() - expected.keys()):
        raise DataError(f"{file}: tensor {foreign[0]} does not belong to the configured model ({len(foreign)} do not).")
    for name, tensor in expected.items():
        got = found[name]
        if got.shape != tensor.shape or got.dtype != tensor.dtype:
            raise DataError(
                f"{file}: tensor {name} must be {tensor.dtype} of shape {tuple(tensor.shape)}. "
                f"Got {got.dtype} of shape {tuple(got.shape)}."
            )


def _check_region(file: Path, model: nn.Module, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """The region is a function of the configuration: header and stored bounds must say what the configuration says."""
    if header.get("region") != model_region(model):
        raise DataError(f"{file}: the region in its header is not the one of its configuration. {CHANGED}")
    for prefix, module in model.named_modules():
        if not hasattr(getattr(module, "region", None), "to_dict"):
            continue
        state = module.state_dict(prefix=f"{prefix}." if prefix else "")
        parameters = {f"{prefix}.{name}" if prefix else name for name, _ in module.named_parameters()}
        for name, tensor in state.items():
            if name not in parameters and not torch.equal(tensor, tensors[name]):
                raise DataError(f"{file}: tensor {name} (the admissible region) was changed. {CHANGED}")
