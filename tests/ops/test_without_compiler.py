"""The package, built where no C++ compiler works: it runs on the torch backends, and `rdmf doctor` says so."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PROGRAM = """
import json
import torch
from rdmf_model.cli import main
from rdmf_model.ops.native import build
from rdmf_model.ops.reaction_diffusion import available_backends, reaction_diffusion
fields = (torch.rand(2, 5, 3) for _ in range(3))
u, v = reaction_diffusion(*fields, 0.05, 0.03, 4.0, 0.5, steps=2)
assert torch.isfinite(u + v).all()
print(json.dumps({"folder": str(build.FOLDER), "backends": available_backends("cpu")}))
raise SystemExit(main(["doctor", "--json"]))
"""


@pytest.mark.skipif(
    importlib.util.find_spec("hatchling") is None, reason="hatchling, which builds it, is not installed"
)
@pytest.mark.parametrize("variable", ["CC", "CXX"])
def test_the_package_without_a_compiler(variable, repository, tmp_path):
    source, installed = tmp_path / "source", tmp_path / "installed"
    source.mkdir()
    for name in ("rdmf_theory", "rdmf_model", "configs"):
        shutil.copytree(repository / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(repository / name, source)
    environment = {name: value for name, value in os.environ.items() if name not in ("CC", "CXX", "PYTHONPATH")}
    build = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=source,
        env=environment | {variable: shutil.which("false") or "/bin/false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert build.returncode == 0, build.stderr
    assert "The CPU kernel is left out, the torch backends do its work" in build.stdout + build.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.endswith("py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert not [name for name in archive.namelist() if name.endswith(".so")]
        archive.extractall(installed)
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    first, _, report = run.stdout.partition("\n")
    facts = json.loads(first)
    assert Path(facts["folder"]).is_relative_to(installed)
    assert facts["backends"] == ["reference", "adjoint"]
    assert "no working C++ compiler" in json.loads(report)["missing_backends"]["cpu"]
