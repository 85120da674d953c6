"""What somebody gets who installs the wheel: its declared dependencies suffice, and its types are complete.

The wheel is installed into an empty environment, with what its metadata declares and nothing else; those packages are
linked from the environment that runs the tests, which `constraints.txt` pins, so nothing is downloaded.
"""

import importlib.metadata
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.test_docs import REPOSITORY, console_blocks, promised_in_order

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("hatchling") is None, reason="hatchling, which builds it, is not installed"
)
SOURCES = ("rdmf_theory", "rdmf_model", "configs", "pyproject.toml", "hatch_build.py", "README.md", "LICENSE")
SCRIPT = """# pyright: strict
from rdmf_model import DesignConstraint, RetrievalModel, Run, load_config, load_run
from rdmf_theory import AdmissibleRegion, Classification, PatternDesign, classify

design = PatternDesign(u_star=0.4, z=1.2, excess=1.5, wavelength=12.0, rate=0.2)
point = design.parameters()
verdict: Classification = classify(point.F, point.k, point.s, point.D_u, point.D_v)
name: str = verdict.name
region: AdmissibleRegion = DesignConstraint().region


def model_of(run: Run) -> RetrievalModel:
    return run.model


print(name, region.clips, model_of, load_config, load_run)
"""


def closure(requirements: list[str]) -> set[str]:
    """Distributions that `requirements` need here, extras and markers followed, by canonical name."""
    found: dict[str, set[str]] = {}
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        requirement = waiting.pop()
        extras = {"", *requirement.extras}
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        name = canonicalize_name(requirement.name)
        if extras <= found.get(name, set()):
            continue
        found[name] = found.get(name, set()) | extras
        for text in importlib.metadata.requires(name) or ():
            below = Requirement(text)
            if below.marker is None or any(below.marker.evaluate({"extra": extra}) for extra in extras):
                below.marker = None
                waiting.append(below)
    return set(found)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel, its kernel built where there is a compiler, and its runtime dependencies."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in SOURCES:
        origin = REPOSITORY / name
        if origin.is_dir():
            shutil.copytree(origin, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        else:
            shutil.copy(origin, source)
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=source, env=clean, capture_output=True, text=True, check=True)
    (wheel,) = folder.glob("*.whl")
    root = folder / "environment"
    venv.create(root, with_pip=False, symlinks=True)
    install = [sys.executable, "-m", "pip", "--python", str(root / "bin" / "python"), "install", "--quiet"]
    subprocess.run([*install, "--no-deps", "--no-index", str(wheel)], env=clean, capture_output=True, check=True)
    (packages,) = root.glob("lib/python*/site-packages")
    (metadata,) = packages.glob("rdmf-*.dist-info/METADATA")
    declared = [
        line.partition(": ")[2] for line in metadata.read_text().splitlines() if line.startswith("Requires-Dist: ")
    ]
    for name in closure([text for text in declared if "extra ==" not in text]):
        link(importlib.metadata.distribution(name), packages)
    return root


def link(distribution: importlib.metadata.Distribution, packages: Path) -> None:
    """Link what a distribution installed into another environment's packages."""
    for file in distribution.files or ():
        top = file.parts[0]
        origin = Path(str(distribution.locate_file(top)))
        if top in ("..", "__pycache__") or (packages / top).exists() or not origin.exists():
            continue
        (packages / top).symlink_to(origin)


def run(environment: Path, command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command with the environment's programs first and nothing of this checkout on the path."""
    path = os.pathsep.join([str(environment / "bin"), "/usr/bin", "/bin"])
    variables = {"PATH": path, "HOME": str(folder), "OMP_NUM_THREADS": "1", "COLUMNS": "120", "LANG": "C.UTF-8"}
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=280, check=False)


def test_what_is_installed_is_the_wheel_and_nothing_of_an_extra(environment: Path, tmp_path: Path) -> None:
    code = (
        "import importlib.util, json, rdmf_theory; "
        "names = ('pytest', 'onnx', 'z3', 'tensorboard', 'torch', 'accelerate'); "
        "print(json.dumps([rdmf_theory.__file__, [name for name in names if importlib.util.find_spec(name)]]))"
    )
    done = run(environment, ["python", "-c", code], tmp_path)
    assert done.returncode == 0, done.stderr
    file, found = json.loads(done.stdout)
    assert Path(file).is_relative_to(environment)
    assert found == ["torch", "accelerate"]


def test_the_readme_works_with_the_runtime_dependencies(environment: Path, tmp_path: Path) -> None:
    (tmp_path / "configs").symlink_to(REPOSITORY / "configs")
    commands = [pair for block in console_blocks(REPOSITORY / "README.md") if not block.mark for pair in block.commands]
    assert len(commands) >= 8
    for command, promised in commands:
        done = run(environment, ["bash", "-o", "pipefail", "-c", command], tmp_path)
        assert done.returncode == 0, f"{command}\nexit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert promised_in_order(promised, done.stdout + done.stderr) is None, command


def test_configurations_are_in_the_wheel(environment: Path, tmp_path: Path) -> None:
    done = run(environment, ["rdmf", "config"], tmp_path)
    assert done.stdout.split() == ["default", *sorted(path.stem for path in (REPOSITORY / "configs").glob("*.toml"))]
    done = run(environment, ["rdmf", "config", "planted"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "\nplanted = 0\n" in done.stdout


def test_a_script_that_uses_the_face_is_typed(environment: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    check = [sys.executable, "-m", "pyright", "--pythonpath", str(environment / "bin" / "python"), str(script)]
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(check, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    script.write_text(SCRIPT.replace("region: AdmissibleRegion", "region: int"))
    done = subprocess.run(check, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
    assert "is not assignable" in done.stdout
