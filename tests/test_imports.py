"""What an import costs and drags in: the theory runs without torch, and the program answers `--help` at once."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("rdmf")
LIMIT = 1.0


def cpu_seconds(command: list[str], attempts: int = 3) -> float:
    """Least CPU time of `command` over a few attempts, in seconds; wall time on a busy machine would say nothing."""
    times = []
    for _ in range(attempts):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, f"{command} exited with {process.returncode}"
        times.append(usage.ru_utime + usage.ru_stime)
        if times[-1] < LIMIT:
            break
    return min(times)


def loaded_modules(statement: str) -> set[str]:
    """Top-level names in `sys.modules` of a fresh interpreter after `statement`."""
    code = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(result.stdout.split())


def theory_modules() -> list[str]:
    import rdmf_theory

    root = Path(rdmf_theory.__file__).parents[1]
    files = (root / "rdmf_theory").rglob("[!_]*.py")
    return sorted(".".join(path.relative_to(root).with_suffix("").parts) for path in files)


def test_theory_leaves_torch_out() -> None:
    assert {"rdmf_theory.chart", "rdmf_theory.regions.export.smt"} <= set(theory_modules())
    modules = loaded_modules("import rdmf_theory, " + ", ".join(theory_modules()))
    assert "rdmf_theory" in modules
    assert "torch" not in modules
    assert "rdmf_model" not in modules


def test_loaded_modules_sees_what_is_imported() -> None:
    assert "sqlite3" not in loaded_modules("pass")
    assert "sqlite3" in loaded_modules("import sqlite3")


def test_program_imports_nothing_heavy_before_a_command_runs() -> None:
    assert loaded_modules("import rdmf_model.cli").isdisjoint({"torch", "sympy", "matplotlib", "scipy", "flint"})


def test_importing_the_theory_is_fast() -> None:
    assert cpu_seconds([sys.executable, "-c", "import rdmf_theory"]) < LIMIT


def test_help_is_fast() -> None:
    assert cpu_seconds([str(PROGRAM), "--help"]) < LIMIT
