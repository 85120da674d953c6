"""How is a trained model stored and read back? One safetensors file with the run's description in its header.

The file holds tensors only (no pickle, nothing is executed on loading); its header holds one JSON document: format,
version, configuration, admissible region, feature widths, epoch, metrics, program versions. `load_run` refuses a file
whose tensors are missing, misshapen or not finite, and one whose region disagrees with its configuration.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from rdmf_model.config.config import Config
from rdmf_model.model.build import build_model
from rdmf_model.model.moment_model import MomentModel
from rdmf_theory.errors import DataError, ParameterError
from rdmf_theory.support.files import write_atomically
from rdmf_theory.support.terminal import json_ready

FORMAT = "rdmf-checkpoint"
VERSION = 1
HEADER = "rdmf"


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
    """Write tensors and a JSON header as one safetensors file, atomically."""
    plain = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    document = json.dumps(json_ready(header), allow_nan=False)
    write_atomically(path, save(plain, metadata={HEADER: document}))


def read_tensors(path: Path, expected_format: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a file of `save_tensors`. Raises DataError for anything else, with the reason."""
    try:
        with safe_open(path, framework="pt", device="cpu") as stream:
            metadata = stream.metadata() or {}
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path}: is not a readable safetensors file ({error}).") from None
    try:
        header = json.loads(metadata[HEADER])
    except (KeyError, ValueError, RecursionError):
        raise DataError(f"{path}: was not written by `rdmf train` (its header has no `{HEADER}` document).") from None
    if not isinstance(header, dict) or header.get("format") != expected_format:
        raise DataError(f"{path}: must be of format {expected_format}. Its header says otherwise.")
    if header.get("version") != VERSION:
        raise DataError(
            f"{path}: version must be {VERSION}. Got {header.get('version')!r}. Use the rdmf that wrote it."
        )
    return tensors, header


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
        left_region: whether a design was outside during training; stored where the constraint is not hard.
        kinds: (name, width) of each kind of video features, in order; they add up to the video's width.
    """
    header = {
        "format": FORMAT,
        "version": VERSION,
        "config": config.to_dict(),
        "region": model_region(model),
        "widths": {"video": widths[0], "text": widths[1]},
        "video_kinds": [list(kind) for kind in kinds],
        "epoch": epoch,
        "metrics": metrics,
        "versions": program_versions(),
    }
    if config.model.constraint != "hard":
        header |= {"constraint": config.model.constraint, "left_region": left_region}
    save_tensors(path, model.state_dict(), header)


def checkpoint_path(run: Path, which: str = "best") -> Path:
    """The checkpoint file of a run folder (or the file itself). Raises DataError where there is none."""
    run = Path(run)
    if run.is_file():
        return run
    if which not in ("best", "last"):
        raise ParameterError(f'checkpoint must be "best" or "last". Got {which!r}.')
    path = run / f"{which}.safetensors"
    if not path.is_file():
        what = "has no" if run.is_dir() else "is not a folder with a"
        raise DataError(f"{run}: {what} {path.name}. Give the folder that `rdmf train` wrote, or a checkpoint file.")
    return path


class Run(NamedTuple):
    """A trained model, in evaluation mode, its configuration, and the header of its checkpoint."""

    model: MomentModel
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
    file = checkpoint_path(path, which)
    tensors, header = read_tensors(file, FORMAT)
    _check_finite(file, tensors)
    try:
        config = Config.from_json(json.dumps(header["config"]), source=f"{file}: config")
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
    return Run(model.to(device).eval(), config, header)


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
    remedy = "The file was changed after training; use an unchanged checkpoint."
    if header.get("region") != model_region(model):
        raise DataError(f"{file}: the region in its header is not the one of its configuration. {remedy}")
    for prefix, module in model.named_modules():
        if not hasattr(getattr(module, "region", None), "to_dict"):
            continue
        state = module.state_dict(prefix=f"{prefix}." if prefix else "")
        parameters = {f"{prefix}.{name}" if prefix else name for name, _ in module.named_parameters()}
        for name, tensor in state.items():
            if name not in parameters and not torch.equal(tensor, tensors[name]):
                raise DataError(f"{file}: tensor {name} (the admissible region) was changed. {remedy}")
