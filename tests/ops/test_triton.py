"""The Triton kernels where there is no GPU: in the interpreter, by compilation alone, and absent."""

import importlib.util
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from rdmf_model.ops import reaction_diffusion as package
from rdmf_model.ops.reaction_diffusion import available_backends, gpu, gpu_plan, missing_backends, reaction_diffusion
from tests.ops.problems import draw_inputs

MISSING = "Triton is not installed; CUDA builds of torch bring it. Without one: pip install triton"
needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None,
    reason=MISSING,
)


def _run(command, repository, tmp_path, **variables):
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"} | variables
    environment |= {"PYTHONPATH": str(repository), "TRITON_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, *command], cwd=repository, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_triton
def test_the_contract_in_the_interpreter(repository, tmp_path):
    contract = str(Path(__file__).with_name("triton_contract.py"))
    report = tmp_path / "report.xml"
    options = ["-p", "no:cacheprovider", "-q", f"--junitxml={report}"]
    _run(["-m", "pytest", *options, contract], repository, tmp_path, TRITON_INTERPRET="1")
    text = report.read_text()
    assert 'failures="0"' in text
    assert 'skipped="0"' in text
    assert text.count("<testcase ") >= 30


@needs_triton
@pytest.mark.skipif(sys.platform != "linux", reason="Triton's assembler for GPUs comes with its Linux wheels")
def test_kernels_compile_to_machine_code(repository, tmp_path):
    lines = _run([str(Path(__file__).with_name("compile_program.py"))], repository, tmp_path).splitlines()
    assert len(lines) == 4
    assert {line.split()[0] for line in lines} == {"forward_kernel", "backward_kernel"}
    assert all(int(line.split()[-1]) > 1000 for line in lines)


class TestWithoutTriton:
    @pytest.fixture(autouse=True)
    def _hide_triton(self, monkeypatch):
        # None is what `import` and `find_spec` take for a module that is not there
        monkeypatch.setitem(sys.modules, "triton", None)
        monkeypatch.setattr(package, "_loaded", {})
        gpu.missing.cache_clear()
        yield
        gpu.missing.cache_clear()

    def test_the_others_do_the_work(self):
        assert missing_backends()["triton"] == MISSING
        assert "triton" not in available_backends()
        reaction_diffusion(**draw_inputs(2, 5, 3), steps=2)
        with pytest.raises(ValueError, match="'triton', which is not available here"):
            reaction_diffusion(**draw_inputs(2, 5, 3), steps=2, backend="triton")

    def test_the_doctor_says_so(self, capsys):
        from rdmf_model.cli import main

        assert main(["doctor", "--json"]) == 0
        assert "pip install triton" in json.loads(capsys.readouterr().out)["missing_backends"]["triton"]


@needs_triton
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_reason_is_given():
    gpu.missing.cache_clear()
    assert "torch sees no GPU" in missing_backends()["triton"]


@pytest.mark.parametrize("coupling", [1e-6, 0.3, 5.0, 400.0])
def test_a_halo_bounds_what_lies_beyond_it(coupling):
    """A column of the inverse of 1 + e L falls below the weight within `halo` clips of its source, not long before."""
    weight = 2.0**-26
    halo = gpu_plan.halo_clips(coupling, weight)
    clips = 2 * halo + 41
    matrix = np.eye(clips) * (1 + 2 * coupling) - coupling * (np.eye(clips, k=1) + np.eye(clips, k=-1))
    matrix[0, 0] = matrix[-1, -1] = 1 + coupling
    column = np.abs(np.linalg.solve(matrix, np.eye(clips)[clips // 2]))
    relative = column / column[clips // 2]
    assert relative[clips // 2 + halo] <= weight * (1 + 1e-6)
    if halo > 16:
        assert relative[clips // 2 + halo - 17] > weight


def test_plans_cover_every_step_and_clip():
    for clips in (1, 2048, 2049, 5000, 65536):
        for steps in (1, 7, 12, 32):
            for halo in (16, 48, 176, 896):
                plan = gpu_plan.Plan.of(clips, steps, halo)
                assert plan is not None
                assert sum(plan.blocks) == steps
                assert min(plan.blocks) >= 1
                assert plan.windows == math.ceil(clips / plan.stride)
                if clips > gpu_plan.LONGEST_TILE:
                    assert plan.stride + 2 * plan.halo <= gpu_plan.LONGEST_TILE
                    assert plan.halo >= max(plan.blocks) * halo
    assert gpu_plan.Plan.of(5000, 3, 1024) is None
