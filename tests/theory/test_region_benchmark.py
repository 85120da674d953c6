"""The benchmark of regions runs, compares what it says it compares, and skips codac visibly."""

from __future__ import annotations

import pytest

from rdmf_model.bench import region


def test_figures_without_codac(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    def absent() -> None:
        raise ImportError

    monkeypatch.setattr(region, "codac_cases", absent)
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


def test_codac_paves_the_same_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """A coarse gap: codac's inner area and gap bracket the exact area too."""
    pytest.importorskip("codac", reason="needs codac, the extra bench")
    monkeypatch.setattr(region, "GAP", 1.2e-5)
    row = region.codac_to_the_gap(region.codac_cases()["our root-free conditions"])
    assert row["inner"] <= 1.695974150220721e-05 <= row["inner"] + row["gap"]
    assert row["gap"] <= 1.2e-5
