"""Docstrings are plain text; what the API reference makes of them."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

EXTENSION = Path(__file__).resolve().parents[2] / "docs" / "extensions" / "plain_docstrings.py"


@pytest.fixture(scope="module")
def extension() -> ModuleType:
    spec = importlib.util.spec_from_file_location("plain_docstrings", EXTENSION)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("plain", "converted"),
    [
        ("`a*b` and u*, |x|", r"``a*b`` and u\*, \|x\|"),
        ("`FILE: `, then x_ or D_u", r"``FILE:``, then x\_ or D_u"),
        ("`n`th", r"``n``\ th"),
        ("``kept``", "``kept``"),
    ],
)
def test_inline(extension: ModuleType, plain: str, converted: str) -> None:
    assert extension.inline(plain) == converted


def test_blocks(extension: ModuleType) -> None:
    docstring = [
        "Growth of a mode.",
        "",
        "    lambda = a*b",
        "",
        "Arguments:",
        "    mu: of `-Lap`,",
        "        >= 0.",
        "Returns: shape (modes,)",
        "    and a sign.",
        "Raises: ParameterError for mu < 0.",
    ]
    text = "\n".join(line for line in extension.convert(docstring) if line.strip())
    assert text == "\n".join(
        [
            "Growth of a mode.",
            "::",
            "        lambda = a*b",
            "Arguments:",
            "    mu: of ``-Lap``,",
            "        >= 0.",
            ":Returns: shape (modes,)",
            "    and a sign.",
            ":Raises: ParameterError for mu < 0.",
        ]
    )
