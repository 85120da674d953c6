"""Encoders by name, imported on first use.

A specification is `NAME` or `NAME:ARGUMENT`:

    lite                                    the registry packages' weights, pinned
    lite:image=FILE,text=FOLDER,names=FILE  one's own weights for any of the three
    clip:FOLDER or clip:HUB-ID              CLIP or SigLIP
    audio                                   log-mel statistics of the sound track

The environment variable RDMF_ENCODERS names modules, separated by commas, that call `register`: plug-ins for the
program and for the worker processes of an extraction.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from pathlib import Path

from rdmf_model.encoders.base import Encoder
from rdmf_theory.errors import ParameterError

DEFAULT = "lite"


def _lite(argument: str) -> Encoder:
    from rdmf_model.encoders.lite import LiteEncoder

    paths: dict[str, Path] = {}
    for part in filter(None, argument.split(",")):
        key, equals, value = part.partition("=")
        if key not in ("image", "text", "names") or not equals or not value:
            raise ParameterError(f"lite takes image=FILE, text=FOLDER and names=FILE. Got {part!r}.")
        paths[key] = Path(value)
    return LiteEncoder(**paths)


_ENCODERS: dict[str, Callable[[str], Encoder] | str] = {
    DEFAULT: _lite,
    "clip": "rdmf_model.encoders.clip:build",
    "audio": "rdmf_model.encoders.audio:build",
}


def register(name: str, factory: Callable[[str], Encoder] | str) -> None:
    """Add an encoder.

    Arguments:
        name: what users write, letters, digits, - and _.
        factory: called with what stands after the colon; or `module:function`, imported on first use.

    Raises: ParameterError for a name that is taken or malformed.
    """
    if name in _ENCODERS or not name.replace("-", "").replace("_", "").isalnum():
        raise ParameterError(f"name must be new and of letters, digits, - and _. Got {name!r}.")
    _ENCODERS[name] = factory


def encoder_names() -> list[str]:
    """Names that `load_encoder` knows."""
    return sorted(_ENCODERS)


def load_encoder(specification: str) -> Encoder:
    """The encoder that a specification describes; weights are read when they are first needed.

    Raises: ParameterError for an unknown name or argument.
    """
    name, _, argument = specification.partition(":")
    for module in filter(None, os.environ.get("RDMF_ENCODERS", "").split(",")):
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise ParameterError(f"RDMF_ENCODERS names {module}, which cannot be imported ({error}).") from None
    if name not in _ENCODERS:
        raise ParameterError(f"encoder must be one of {', '.join(encoder_names())}. Got {name!r}.")
    factory = _ENCODERS[name]
    if isinstance(factory, str):
        module, _, function = factory.partition(":")
        factory = getattr(importlib.import_module(module), function)
    return factory(argument)
