"""Planted errors that must be caught without Coq; `test_kernel.py` and `planted_errors.py --kernel` ask Coq."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

PATH = Path(__file__).resolve().parents[2] / "proofs" / "planted_errors.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("planted_errors", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


planted = load()
SEEN_FAST = [plant for plant in planted.PLANTS if plant.fast is not None]


def test_ten_errors_are_planted_and_listed(repository: Path) -> None:
    readme = (repository / "proofs" / "README.md").read_text()
    assert len(planted.PLANTS) >= 10
    for plant in planted.PLANTS:
        (row,) = (line for line in readme.splitlines() if line.startswith(f"| {plant.name} |"))
        assert plant.kernel in row
        assert plant.fast is None or plant.fast in row


@pytest.mark.parametrize("plant", planted.PLANTS, ids=lambda plant: plant.name.replace(" ", "-"))
def test_the_place_of_a_planted_error_exists(plant: object, tmp_path: Path) -> None:
    # copy_with raises if the source no longer holds the text exactly once
    planted.copy_with(plant, tmp_path)


@pytest.mark.parametrize("plant", SEEN_FAST, ids=lambda plant: plant.name.replace(" ", "-"))
def test_planted_error_is_caught(plant: object, tmp_path: Path) -> None:
    planted.copy_with(plant, tmp_path)
    assert plant.fast in planted.caught_fast(plant, tmp_path)  # type: ignore[attr-defined]
