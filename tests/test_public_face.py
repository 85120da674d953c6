"""The public face: names that resolve, cost nothing before their use, and are all that pages and examples import."""

import re
from pathlib import Path

import pytest

import rdmf_model
import rdmf_theory
from tests.test_docs import EXAMPLES, PAGES
from tests.test_imports import loaded_modules

IMPORT = re.compile(r"^\s*(?:from (rdmf_\w+(?:\.\w+)*) import|import (rdmf_\w+(?:\.\w+)*))", re.MULTILINE)
FACES = {"rdmf_theory", "rdmf_model"}


@pytest.mark.parametrize("package", [rdmf_theory, rdmf_model], ids=lambda package: package.__name__)
def test_every_name_resolves_and_is_documented(package) -> None:
    assert 25 <= len(package.__all__) <= 50
    assert set(package.__all__) <= set(dir(package)) | {"__version__"}
    for name in package.__all__:
        value = getattr(package, name)
        assert value is not None
        if callable(value):
            assert value.__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        _ = package.absent


def test_a_face_costs_nothing_before_its_use() -> None:
    heavy = {"torch", "sympy", "numpy", "matplotlib", "flint", "scipy"}
    assert loaded_modules("import rdmf_theory, rdmf_model").isdisjoint(heavy)
    assert "torch" in loaded_modules("from rdmf_model import DesignConstraint")


def imports_behind_the_face(text: str) -> list[str]:
    """Modules of ours that a text imports and that are not a package's face."""
    return [name for pair in IMPORT.findall(text) for name in pair if name and name not in FACES]


# the how-tos are about changes inside the packages
FOR_USERS = [page for page in (*PAGES, *EXAMPLES) if page.parent.name != "howto"]


@pytest.mark.parametrize("page", FOR_USERS, ids=lambda page: page.name)
def test_pages_and_examples_import_from_the_face(page: Path) -> None:
    assert imports_behind_the_face(page.read_text(encoding="utf-8")) == []


def test_an_import_behind_the_face_is_noticed() -> None:
    text = "from rdmf_model import localize\n    from rdmf_theory.chart import PatternDesign\nimport rdmf_model.ops\n"
    assert imports_behind_the_face(text) == ["rdmf_theory.chart", "rdmf_model.ops"]
