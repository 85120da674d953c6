"""`check_layer` names every fault of the table, and passes the operator itself."""

from __future__ import annotations

import pytest

from rdmf_model.testing import OPERATOR_PROPERTIES, run_property
from tests.properties.layer_faults import FAULTS, Layer, honest, own_layer

BY_NAME = {prop.name: prop for prop in OPERATOR_PROPERTIES}


@pytest.mark.parametrize("name", ["each_step", "gradient_values"])
def test_the_operator_itself_holds(name: str) -> None:
    result = run_property(BY_NAME[name], own_layer(honest), examples=200, seed=1)
    assert result.holds, f"{result.detail} at {result.counter_example}"


@pytest.mark.parametrize(("layer", "name"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_a_fault_is_named(layer: Layer, name: str) -> None:
    """With the 50 examples that `check_layer` tries by itself."""
    result = run_property(BY_NAME[name], own_layer(layer), examples=50, shrink=False)
    assert not result.holds
    assert "margin -" in (result.detail or "")


def test_the_table_is_long_enough() -> None:
    assert len({row[0] for row in FAULTS}) == len(FAULTS) >= 40
