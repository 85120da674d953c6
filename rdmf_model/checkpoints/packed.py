"""Is a packed run still what was packed? `pack.json` names each file of the folder by size and SHA-256."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from rdmf_theory.errors import DataError

PACK = "pack.json"
FORMAT, VERSION = "rdmf-pack", 1


def file_entry(path: Path) -> dict[str, Any]:
    """Size and SHA-256 of a file."""
    with path.open("rb") as stream:
        return {"size": path.stat().st_size, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}


def check_pack(folder: Path) -> None:
    """Raise DataError for a packed folder with a file that is gone or changed; a folder that is no pack passes."""
    path = folder / PACK
    if not path.exists():
        return
    again = "Pack the run again: rdmf pack RUN -o FOLDER."
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if (document["format"], document["version"]) != (FORMAT, VERSION):
            raise ValueError("format or version")
        files = {str(name): (int(x["size"]), str(x["sha256"])) for name, x in document["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{path}: is not what `rdmf pack` wrote ({str(error)[:100]}). {again}") from None
    for name, (size, sha256) in files.items():
        file = folder / name
        if name != Path(name).name:
            raise DataError(f"{path}: names a file outside the folder, {name!r}. {again}")
        if not file.is_file():
            raise DataError(f"{file}: is gone; {PACK} names it. {again}")
        if file.stat().st_size != size or file_entry(file)["sha256"] != sha256:
            raise DataError(f"{file}: was changed after it was packed. {again}")
