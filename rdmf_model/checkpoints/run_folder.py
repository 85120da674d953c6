"""The run folder: may it be used, and is it still the same run?"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from rdmf_model.checkpoints.lock import LOCK, refuse_if_locked
from rdmf_model.config.config import Config
from rdmf_theory.errors import ParameterError
from rdmf_theory.support.files import write_atomically
from rdmf_theory.support.terminal import json_ready

CONFIG, STATISTICS, STATE = "config.json", "statistics.json", "last.state"
# what may change between the parts of one run without changing its result
FREE_ON_RESUME = {"device", "threads", "save_seconds", "save_steps", "tensorboard"}


def check_folder(config: Config | None, output: Path, resume: bool) -> Config:
    """The configuration to use: the given one, or the run's own on `resume`.

    Raises: ParameterError for a new run in a folder that holds something, a resumed one without a configuration, or a
        folder that another training writes.
    """
    main = int(os.environ.get("RANK", "0")) == 0
    if main:
        refuse_if_locked(output)
    from_run = output / CONFIG
    if resume:
        if from_run.exists():
            own = _read_config(from_run)
            return own if config is None else config
        if config is None:
            raise ParameterError(
                f"--resume needs a run folder with a {CONFIG}. Got {output}. Give the folder that `rdmf train` wrote."
            )
    elif main and output.exists() and (not output.is_dir() or any(path.name != LOCK for path in output.iterdir())):
        raise ParameterError(
            f"output must be a new folder. {output} exists. Add --resume to continue it, or give another --output."
        )
    if config is None:
        raise ParameterError("a configuration is needed. Give a TOML file.")
    return config


def _read_config(path: Path) -> Config:
    """The configuration of a run; ParameterError where the file is not what `write_config` wrote."""
    try:
        return Config.from_json(path.read_text(encoding="utf-8"), source=str(path))
    except UnicodeDecodeError as error:
        raise ParameterError(f"{path}: is not UTF-8 text ({error}). Train into another folder.") from None


def write_config(config: Config, output: Path, resume: bool) -> None:
    """Store the resolved configuration. Raises ParameterError where a resumed run's would change its result."""
    path = output / CONFIG
    if resume and path.exists():
        own = _read_config(path)
        if different := _difference(own.to_dict(), config.to_dict()):
            key, before, now = different
            raise ParameterError(
                f"{key} must stay as in the resumed run ({before!r}). Got {now!r}. Leave it out, or train into "
                "another folder."
            )
    write_atomically(path, (config.to_json() + "\n").encode())


def _difference(own: dict[str, Any], given: dict[str, Any], prefix: str = "") -> tuple[str, Any, Any] | None:
    for key, value in own.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and isinstance(given.get(key), dict):
            if inner := _difference(value, given[key], f"{name}."):
                return inner
        elif given.get(key) != value and not (prefix == "train." and key in FREE_ON_RESUME):
            return name, value, given.get(key)
    return None


def json_bytes(document: dict[str, Any]) -> bytes:
    """Strict, indented JSON, as bytes."""
    return (json.dumps(json_ready(document), indent=2, allow_nan=False) + "\n").encode()
