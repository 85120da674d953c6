"""Every key of a configuration with its default and its meaning, as a commented TOML file and as a page.

The meanings are those of the docstrings in `config.py`: an entry `name: meaning` under "Arguments:" for every field.
"""

from __future__ import annotations

import dataclasses
import json
import re
import textwrap
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from rdmf_model.config import config as config_module
from rdmf_model.config.config import VERSION, Config, parse_config
from rdmf_model.config.document import plain
from rdmf_theory.errors import ParameterError

ENTRY = re.compile(r"^(\w+(?:, \w+)*): (.*)$")
CONSTANT = re.compile(r"`([A-Z_]{3,})`")
WIDTH = 100
DEFAULT = "default"


@dataclass(frozen=True)
class Key:
    """One key of a table: its default as a TOML value, and what it means.

    Arguments:
        table: dotted name of the table, such as "train.loss".
        name: of the key in it.
        default: the value it has where nothing is said, as JSON has it; None is written "none" in TOML.
        meaning: from the docstring.
    """

    table: str
    name: str
    default: Any
    meaning: str


def toml_value(value: Any) -> str:
    """A plain value in TOML, which has no null: "none" stands for it."""
    if value is None:
        return '"none"'
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False)


def meanings(kind: type) -> dict[str, str]:
    """Field to meaning, from the section "Arguments:" of a class's docstring."""
    found: dict[str, str] = {}
    names: list[str] = []
    _, _, section = (kind.__doc__ or "").partition("Arguments:\n")
    # two short entries may share a line, with two spaces between them
    section = re.sub(r"(?<=\S)  (?=[\w, ]+: )", "\n", textwrap.dedent(section))
    for line in section.splitlines():
        if match := ENTRY.match(line):
            names = match[1].split(", ")
            found |= dict.fromkeys(names, match[2])
        elif line.startswith("    ") and names:
            found |= dict.fromkeys(names, f"{found[names[0]]} {line.strip()}")
        elif line.strip():
            break
    return found


def keys(kind: type = Config, table: str = "") -> Iterator[Key]:
    """Every key, table by table, in the order of the classes; keys of a table before the tables in it."""
    hints, default, said = get_type_hints(kind), kind(), meanings(kind)
    below = []
    for entry in dataclasses.fields(kind):
        hint = hints[entry.name]
        if dataclasses.is_dataclass(hint):
            below.append((hint, f"{table}.{entry.name}".lstrip(".")))
        elif entry.name not in said:
            raise ParameterError(f"{kind.__name__}.{entry.name} must have a meaning in the docstring. Write one.")
        else:
            # names of constants are spelled out: a reader of the file does not have them
            meaning = CONSTANT.sub(lambda match: ", ".join(getattr(config_module, match[1])), said[entry.name])
            yield Key(table, entry.name, plain(getattr(default, entry.name)), meaning[:1].upper() + meaning[1:])
    for hint, name in below:
        yield from keys(hint, name)  # type: ignore[arg-type]


def commented_toml(config: Config | None = None, heading: str = "") -> str:
    """A TOML file with every key: what differs from the default is set, the rest is there as a comment."""
    document = plain(config if config is not None else Config())
    lines = [*textwrap.wrap(heading, WIDTH, initial_indent="# ", subsequent_indent="# "), f"version = {VERSION}"]
    table = meaning = ""
    for key in keys():
        if key.table != table:
            table = key.table
            lines += ["", f"[{table}]"]
        value = document
        for part in (*key.table.split("."), key.name):
            value = value[part]
        if key.meaning != meaning:
            # keys that are explained together have one comment
            meaning = key.meaning
            lines += textwrap.wrap(meaning, WIDTH, initial_indent="# ", subsequent_indent="# ")
        mark = "" if value != key.default else "#"
        lines.append(f"{mark}{key.name} = {toml_value(value)}")
    return "\n".join(lines) + "\n"


def folder() -> Path:
    """Where the named configurations are: beside this file in an installed wheel, `configs/` in a checkout."""
    shipped = Path(__file__).parent / "named"
    return shipped if shipped.is_dir() else Path(__file__).parents[2] / "configs"


def names() -> list[str]:
    """The named configurations; "default" sets nothing."""
    return [DEFAULT, *sorted(path.stem for path in folder().glob("*.toml"))]


def named_toml(name: str) -> str:
    """The commented TOML of a named configuration. Raises: ParameterError for another name, with the known ones."""
    if name not in names():
        raise ParameterError(f"NAME must be one of {', '.join(names())}. Got {name!r}.")
    if name == DEFAULT:
        return commented_toml(heading="Every key, with its default as a comment. Name data files or set data.planted.")
    path = folder() / f"{name}.toml"
    text = path.read_text(encoding="utf-8")
    heading = " ".join(line.lstrip("# ") for line in text.partition(f"version = {VERSION}")[0].splitlines())
    return commented_toml(_as_written(path), heading)


def _as_written(path: Path) -> Config:
    """The configuration with its paths as they stand in the file."""
    return parse_config(tomllib.loads(path.read_text(encoding="utf-8")), source=str(path), folder=None)


def markdown() -> str:
    """The tables of docs/configuration.md."""
    lines: list[str] = []
    table = None
    for key in keys():
        if key.table != table:
            table = key.table
            lines += ["", f"## `[{table}]`", "", "| key | default | meaning |", "|---|---|---|"]
        meaning = key.meaning.replace("|", "\\|")
        lines.append(f"| `{key.name}` | `{toml_value(key.default)}` | {meaning} |")
    return "\n".join(lines).strip() + "\n"
