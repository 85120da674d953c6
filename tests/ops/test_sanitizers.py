"""The compiled kernels under AddressSanitizer and UBSan: no byte out of place, no undefined arithmetic.

A build of some minutes: run with RDMF_SANITIZE=1, as continuous integration does.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rdmf_model.ops.native import build

REPOSITORY = Path(__file__).resolve().parents[2]
CONTRACTS = [
    f"tests/ops/test_{name}.py"
    for name in ("text_match", "local_contrast", "scaled_tanh", "designs", "driven", "reaction_diffusion_contract")
]
# torch.compile starts processes of its own; what it traces is tried without the sanitizers
LEFT_OUT = "not compile and not operator and not opcheck and not threads and not export"

pytestmark = [
    pytest.mark.skipif(os.environ.get("RDMF_SANITIZE") != "1", reason="RDMF_SANITIZE=1 asks for it: minutes"),
    pytest.mark.timeout(1500),
]


def runtime() -> str:
    """The library that checks memory, to be loaded first, and C++'s own, whose exceptions it has to find.

    Skips where the compiler has none.
    """
    compiler = os.environ.get("CXX", "c++")
    if shutil.which(compiler) is None:
        pytest.skip(f"no compiler {compiler}")
    found = []
    for name in ("libasan.so", "libstdc++.so.6"):
        command = [compiler, f"-print-file-name={name}"]
        found.append(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
        if not Path(found[-1]).is_absolute():
            pytest.skip(f"{compiler} comes without {name}")
    return " ".join(found)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    file = Path(os.environ.get("RDMF_SANITIZED_LIBRARY") or tmp_path_factory.mktemp("sanitized") / "librdmf.so")
    if not file.is_file():
        build.build(file, sanitize=True)
    return os.environ | {
        "RDMF_LIBRARY": str(file),
        "LD_PRELOAD": runtime(),
        # Python and torch keep what they were given until the end; that is no leak of the kernels
        "ASAN_OPTIONS": "detect_leaks=0,allocator_may_return_null=1,detect_odr_violation=0",
        "UBSAN_OPTIONS": "print_stacktrace=1,halt_on_error=1",
        "OMP_NUM_THREADS": "1",
        "HYPOTHESIS_PROFILE": "ci",
    }


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=1200)


def test_the_sanitizer_sees_a_byte_out_of_place(environment: dict[str, str]) -> None:
    """Broken on purpose: the same kernel, told of one more clip than there is."""
    program = (
        "import torch, ctypes\n"
        "from rdmf_model.ops.scores import scaled_tanh as module\n"
        "from rdmf_model.ops.native.library import library\n"
        "x, scale, out = torch.ones(64, 8), torch.ones(8), torch.empty(64, 8)\n"
        "call = module._Call(x.data_ptr(), scale.data_ptr(), None, out.data_ptr(), None, 65, 8)\n"
        "library().rdmf_squash(ctypes.byref(call), 0, 1)\n"
    )
    found = run(environment, "-c", program)
    assert found.returncode != 0
    assert "heap-buffer-overflow" in found.stderr


def test_bad_arguments_touch_nothing(environment: dict[str, str]) -> None:
    found = run(environment, "-m", "tests.ops.bad_arguments_program", "--together")
    assert found.returncode == 0, found.stderr[-4000:]
    assert "Sanitizer" not in found.stderr
    assert "WRONG" not in found.stdout
    assert len(found.stdout.splitlines()) > 2000


def test_contracts_hold_with_every_byte_checked(environment: dict[str, str]) -> None:
    found = run(environment, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-x", "-k", LEFT_OUT, *CONTRACTS)
    assert found.returncode == 0, found.stdout[-3000:] + found.stderr[-3000:]
    assert "Sanitizer" not in found.stderr
