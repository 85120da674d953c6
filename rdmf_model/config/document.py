"""How does a parsed document become frozen dataclasses? By their type hints, with errors that name the key."""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from rdmf_theory.errors import ParameterError


def apply_override(tree: dict[str, Any], override: str) -> None:
    """Set "dotted.key=VALUE" in a document, VALUE in TOML; a bare word is a string."""
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise ParameterError(f"--set must be KEY=VALUE such as train.epochs=3. Got {override!r}.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    *parents, leaf = key.strip().split(".")
    for parent in parents:
        tree = tree.setdefault(parent, {})
        if not isinstance(tree, dict):
            raise ParameterError(f"--set {key}: {parent!r} is a value, not a table.")
    tree[leaf] = value


def anchor(tree: Mapping[str, Any], kind: type, folder: Path | None) -> dict[str, Any]:
    """A deep copy of the document in which relative paths start at `folder`."""
    hints = get_type_hints(kind)
    out: dict[str, Any] = {}
    for key, value in tree.items():
        hint = hints.get(key)
        if isinstance(value, Mapping):
            out[key] = anchor(value, hint, folder) if isinstance(hint, type) else dict(value)
        elif folder is not None and hint is not None and "Path" in str(hint):
            paths = [value] if isinstance(value, str) else value
            # "none" is no path: it stands for the null that TOML does not have
            if value != "none" and isinstance(paths, list) and all(isinstance(path, str) for path in paths):
                paths = [str((folder / path).resolve()) for path in paths]
                value = paths[0] if isinstance(value, str) else paths
            out[key] = value
        else:
            out[key] = value
    return out


def build(kind: type, tree: Any, source: str, prefix: str = "") -> Any:
    """The dataclass `kind` from a document. Raises ParameterError naming `source` and the dotted key."""
    if not isinstance(tree, Mapping):
        raise ParameterError(f"{source}: {prefix.rstrip('.') or 'the document'} must be a table. Got {tree!r}.")
    hints = get_type_hints(kind)
    names = [entry.name for entry in dataclasses.fields(kind)]
    values = {}
    for key, value in tree.items():
        if key not in names:
            near = difflib.get_close_matches(key, names, n=1, cutoff=0.5)
            remedy = f"Did you mean {prefix}{near[0]}?" if near else f"Known keys: {', '.join(names)}."
            raise ParameterError(f"{source}: unknown key {prefix}{key}. {remedy}")
        hint = hints[key]
        if dataclasses.is_dataclass(hint):
            values[key] = build(hint, value, source, f"{prefix}{key}.")  # type: ignore[arg-type]
        else:
            values[key] = _convert(hint, value, source, prefix + key)
    try:
        return kind(**values)
    except ParameterError as error:
        raise ParameterError(f"{source}: {error}") from None


def _convert(hint: Any, value: Any, source: str, key: str) -> Any:
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    if type(None) in options and value == "none":
        # TOML has no null
        return None
    for option in options:
        fits, converted = _fit(option, value)
        if fits:
            return converted
    expected = " or ".join(_describe(option) for option in options)
    raise ParameterError(f"{source}: {key} must be {expected}. Got {value!r}.")


def _fit(hint: Any, value: Any) -> tuple[bool, Any]:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if hint is type(None):
        return value is None, None
    if hint is float:
        return number, float(value) if number else None
    if hint is int:
        return number and isinstance(value, int), value
    if hint is Path:
        return isinstance(value, str | Path), Path(value) if isinstance(value, str | Path) else None
    if get_origin(hint) is Literal:
        return value in get_args(hint), value
    if get_origin(hint) is tuple:
        inner = get_args(hint)
        if isinstance(value, str) and inner[-1] is Ellipsis:
            # one folder may be written without the brackets
            value = [value]
        if not isinstance(value, list | tuple):
            return False, None
        inner = (inner[0],) * len(value) if inner[-1] is Ellipsis else inner
        fits = [_fit(kind, item) for kind, item in zip(inner, value, strict=False)]
        return len(value) == len(inner) and all(fit for fit, _ in fits), tuple(item for _, item in fits)
    return isinstance(value, hint), value


def _describe(hint: Any) -> str:
    if hint is type(None):
        return "none"
    if get_origin(hint) is Literal:
        return " or ".join(f'"{value}"' for value in get_args(hint))
    if get_origin(hint) is tuple:
        inner = get_args(hint)
        return (
            f"a list of {_describe(inner[0])}"
            if inner[-1] is Ellipsis
            else f"[{', '.join(_describe(kind) for kind in inner)}]"
        )
    return {float: "a number", int: "an integer", str: "text", bool: "true or false", Path: "a path"}.get(
        hint, str(hint)
    )


def plain(value: Any) -> Any:
    """Dataclasses, tuples and paths as dictionaries, lists and strings."""
    if dataclasses.is_dataclass(value):
        return {entry.name: plain(getattr(value, entry.name)) for entry in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
