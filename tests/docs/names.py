"""Paths and dotted names that a text mentions, and whether this checkout has them."""

from __future__ import annotations

import re
from pathlib import Path

TOP = "rdmf_theory|rdmf_model|docs|tests|proofs|benchmarks|configs|examples"
ENDINGS = "py|md|rst|v|toml|json|png|hpp|cpp|sh|txt|bib|css"
# a path from the root of the checkout, to a file or, with a slash at its end, to a folder
PATH = re.compile(rf"(?<![\w./-])(?:{TOP})/(?:[\w.-]+/)*(?:[\w-]+\.(?:{ENDINGS})\b)?(?![\w*{{<])")
# a file by its name alone
FILE = re.compile(r"(?<![\w./*{}>-])(\w[\w-]*\.(?:py|hpp|cpp|md)|[A-Z]\w+\.v)\b(?![\w(/])")
# a module, or something in it; file names such as rdmf_x.py and formats such as "rdmf_model.onnx" are not meant
DOTTED = re.compile(r"(?<![\w./-])(rdmf_(?:theory|model)(?:\.[A-Za-z]\w*)+)(?![\w/])")
BUILT = ("docs/_build/", "docs/api/", "docs/gallery/", "docs/keys.md")


def missing_paths(text: str, root: Path) -> set[str]:
    """Paths from the root that do not exist; what is built is left out."""
    found = {match[0] for match in PATH.finditer(text)}
    return {path for path in found if not path.startswith(BUILT) and not (root / path).exists()}


def missing_files(text: str, known: set[str]) -> set[str]:
    """File names without a folder that no file of the checkout has."""
    return set(FILE.findall(text)) - known


def missing_names(text: str, root: Path) -> set[str]:
    """Dotted names of modules, and of what is in them, that do not exist."""
    return {name for name in DOTTED.findall(text) if not _exists(name.split("."), root)}


def _exists(parts: list[str], root: Path) -> bool:
    place = root
    for number, part in enumerate(parts):
        if (place / part).is_dir():
            place = place / part
        elif (place / f"{part}.py").is_file():
            rest = parts[number + 1 :]
            return not rest or _defines(place / f"{part}.py", rest[0])
        else:
            return (place / "__init__.py").is_file() and _defines(place / "__init__.py", part)
    return True


def _defines(file: Path, name: str) -> bool:
    forms = (
        rf"^(?:async def|def|class) {name}\b",
        rf"^{name}\b",
        rf"^\s*(?:from [\w.]+ )?import .*\b{name}\b",
        rf"^\s+{name},$",
        rf"['\"]{name}['\"]",
    )
    text = file.read_text(encoding="utf-8")
    return any(re.search(form, text, re.MULTILINE) for form in forms)
