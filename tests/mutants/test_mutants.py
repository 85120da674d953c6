"""Every planted fault is noticed by the test that is named for it, and the committed table is the present one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from rdmf_model.model.spans import span_cxw_to_xx
from tests.mutants.faults import AREAS, FAULTS
from tests.mutants.plant import changed_code, planted, target
from tests.mutants.table import row
from tests.properties.mutants import MUTANTS


def run_mutants(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HYPOTHESIS_PROFILE": "ci"}
    command = [sys.executable, "-m", "tests.mutants", "--sound", *arguments]
    return subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, timeout=280)


def test_every_fault_is_noticed(repository: Path) -> None:
    """Those of the layer are planted by tests/properties."""
    found = run_mutants(repository, *(f"--only={area}" for area in AREAS))
    assert found.returncode == 0, found.stdout + found.stderr
    assert f"{len(FAULTS)} of {len(FAULTS)} faults are noticed" in found.stdout


def test_the_committed_table_is_current(repository: Path) -> None:
    lines = (repository / "docs" / "mutants.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| ") and not line.startswith("| in ")]
    expected = [row(x.area, x.name, x.killer) for x in FAULTS]
    expected += [row("layer", name, f"property `{killer}`") for name, _, killer, _ in MUTANTS]
    assert rows == [f"{line} killed |" for line in expected]


def test_faults_have_names_of_their_own() -> None:
    names = Counter(mutant.name for mutant in FAULTS)
    assert max(names.values()) == 1
    assert {mutant.area for mutant in FAULTS} == set(AREAS)
    assert len(FAULTS) >= 25


def test_a_harmless_change_survives(repository: Path) -> None:
    """The counter can count: a change without effect is reported as a survivor, by exit status 1."""
    program = (
        "import dataclasses, tests.mutants.__main__ as m\n"
        "fault = next(x for x in m.FAULTS if x.where == 'rdmf_model.model.spans:span_cxw_to_xx')\n"
        "m.FAULTS = (dataclasses.replace(fault, new='centre + width / 2.0'),)\n"
        "raise SystemExit(m.main(['--only=model', '--sound']))\n"
    )
    found = subprocess.run([sys.executable, "-c", program], cwd=repository, capture_output=True, text=True, timeout=120)
    assert found.returncode == 1, found.stderr
    assert "SURVIVED" in found.stdout


def test_planting_reaches_every_importer_and_is_undone() -> None:
    honest = span_cxw_to_xx.__code__
    mutant = next(x for x in FAULTS if x.where == "rdmf_model.model.spans:span_cxw_to_xx")
    with planted(mutant):
        assert span_cxw_to_xx.__code__ is not honest
    assert span_cxw_to_xx.__code__ is honest


@pytest.mark.parametrize("old", ["nothing like it", "centre"], ids=["absent", "ambiguous"])
def test_a_fragment_must_occur_once(old: str) -> None:
    with pytest.raises(ValueError, match="a mutant needs it once"):
        changed_code(span_cxw_to_xx, old, "1")


def test_only_functions_are_changed() -> None:
    with pytest.raises(TypeError, match="must be a plain function"):
        target("rdmf_model.model.spans:EPSILON")
