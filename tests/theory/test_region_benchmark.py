"""The benchmark of regions runs, compares what it says it compares, and skips codac visibly."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import pytest

pytest.importorskip("torch", reason="the commands of rdmf_model need torch")

from rdmf_model.bench import region


def test_figures_without_codac(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(region.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(region, "GRID", 400)
    figures = region.measure(repeats=1, sets=20_000)
    region.show(figures)
    out = capsys.readouterr().out
    assert "SKIPPED: not installed" in out
    low, high = figures["ours"]["bounds"]
    assert low < 1.695974150220721e-05 < high <= low + region.GAP
    assert abs(figures["grid"]["error"]) < 1e-6
    assert 0 < figures["screening"]["turing"] < 20_000
    assert "million parameter sets/s" in out


def test_codac_paves_the_same_region_and_leaves_the_rounding_mode() -> None:
    """A coarse gap: codac's inner area and gap bracket the exact area too. It must not be imported here."""
    if find_spec("codac") is None:
        pytest.skip("needs codac, the extra bench")
    for row in region.codac_rows(1.2e-5).values():
        assert row["inner"] <= 1.695974150220721e-05 <= row["inner"] + row["gap"]
        assert row["gap"] <= 1.2e-5
    assert "codac" not in sys.modules
    assert float("0.3") == 0.3 == 3 / 10
