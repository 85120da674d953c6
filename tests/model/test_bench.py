"""`rdmf bench` runs every suite at small sizes, and its figures are what it says they are. Speed is not asserted."""

from __future__ import annotations

import ctypes
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from rdmf_model.bench import contenders, growth, layer, limits, measure
from rdmf_model.cli import main
from rdmf_model.ops.reaction_diffusion import available_backends

SHAPE = contenders.Shape(batch=2, clips=6, channels=16, steps=3)
LIMITS = limits.Limits(slots=1e9, divisions=1e8, bytes=1e9)


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def run_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    """Exit code 0 and exactly one JSON object on stdout."""
    assert main(["bench", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def quick_limits(monkeypatch: pytest.MonkeyPatch):
    """Small cases; what they measure is then no limit, but has the same shape."""
    monkeypatch.setitem(limits._SIDE, "cpu", 64)
    monkeypatch.setitem(limits._COPIED, "cpu", 2**12)


@pytest.mark.usefixtures("quick_limits")
def test_layer_suite(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    sizes = ["--clips", "6", "--clips", "9", "--steps", "3", "--steps", "2", "--channels", "16", "--batch", "2"]
    report = run_json(capsys, *sizes, "--repeats", "1", "-o", str(tmp_path / "report.json"))
    assert report == json.loads((tmp_path / "report.json").read_text())
    assert [(run["clips"], run["steps"]) for run in report["runs"]] == [(6, 3), (6, 2), (9, 3)]
    cores = [f"core, {name}" for name in reversed(available_backends("cpu"))]
    others = ["module", "module + FFN", contenders.CROSS, contenders.CROSS_FFN, contenders.SELF, contenders.SHORT]
    for run in report["runs"]:
        names = [row["name"] for row in run["rows"]]
        assert names == (cores + others if run["steps"] == 3 else cores)
        for row in run["rows"]:
            assert row["forward_ms"] > 0
            assert row["both_ms"] > 0
        for kind in ("forward", "both"):
            assert all(rate > 0 for rate in run["limits"][kind].values())
    assert {"processor", "load", "threads", "torch", "commit", "kernel"} <= set(report["machine"])
    assert report["machine"]["memory"] == ("kept" if hasattr(ctypes.CDLL(None), "mallopt") else "fresh")
    run = {row["name"]: row for row in report["runs"][0]["rows"]}
    target = report["targets"][0]
    assert target["name"] == "module / cross-attention"
    assert target["value"] == pytest.approx(run["module"]["forward_ms"] / run[contenders.CROSS]["forward_ms"])
    assert target["met"] == (target["value"] <= 0.8)


@pytest.mark.usefixtures("quick_limits")
def test_growth_suite_draws_its_picture(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    sizes = ["--clips", "4", "--clips", "8", "--steps", "4", "--channels", "8", "--repeats", "1"]
    report = run_json(capsys, "--suite", "growth", *sizes, "--picture", str(tmp_path / "growth.png"), "--fresh-memory")
    assert report["machine"]["memory"] == "fresh"
    assert {entry["along"] for entry in report["growth"]} == {"clips", "steps"}
    assert (tmp_path / "growth.png").stat().st_size > 10_000


def test_model_suite_and_its_text(capsys: pytest.CaptureFixture[str]):
    sizes = ["--suite", "model", "--clips", "8", "--batch", "2", "--channels", "16", "--repeats", "1"]
    assert main(["bench", *sizes]) == 0
    text = capsys.readouterr().out
    assert "| cross_attention | " in text
    assert "training step: reaction_diffusion / cross_attention | 8 | 12 |" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--suite", "speed"], "--suite must be one of layer"),
        (["--picture", "x.png"], "--plot belongs to --suite growth"),
        (["--device", "tpu"], "--device must be cpu"),
        (["--channels", "12"], "multiple of 8"),
    ],
)
def test_bad_arguments(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str):
    assert main(["bench", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("backend", available_backends("cpu"))
def test_cores_of_all_backends_compute_the_same(backend: str):
    truth = contenders.core(SHAPE, "cpu", "reference").run()
    for ours, reference in zip(contenders.core(SHAPE, "cpu", backend).run(), truth, strict=True):
        torch.testing.assert_close(ours, reference)


def test_every_leaf_of_every_contender_matters():
    """What is timed is the whole of it: each tensor that backward is asked for has a gradient."""
    for contender in contenders.contenders(SHAPE):
        run, leaves = contender.prepare()
        outputs = run()
        gradients = torch.autograd.grad(outputs, leaves, [torch.randn_like(y) for y in outputs])
        assert all(gradient.shape == leaf.shape for gradient, leaf in zip(gradients, leaves, strict=True))


def test_extrapolation_follows_the_law():
    """Per clip a + b T: exact where the costs are of that form."""

    def row(name: str, clips: int, batch: int) -> dict:
        cost = batch * clips * (3e-3 + 2e-6 * clips)
        return {"name": name, "forward_ms": cost, "both_ms": 2 * cost, "extrapolated": False}

    runs = [
        {"clips": clips, "batch": batch, "rows": [row(contenders.CROSS, clips, batch)]}
        for clips, batch in ((75, 32), (1024, 8), (8192, 1), (65536, 1))
    ]
    for run in runs[:3]:
        run["rows"].append(row(contenders.SELF, run["clips"], run["batch"]))
    layer.extrapolate_self_attention(runs)
    (added,) = [entry for entry in runs[3]["rows"] if entry["name"] == contenders.SELF]
    assert added["extrapolated"]
    assert added["both_ms"] == pytest.approx(2 * row("", 65536, 1)["forward_ms"])
    assert all(len(run["rows"]) == 2 for run in runs)


def test_exponents_of_power_laws():
    rows = [
        {"clips": t, "steps": 4, "rows": [{"name": "x", "forward_ms": t**2.0, "both_ms": 5.0 * t}]} for t in (2, 4, 9)
    ]
    found = {entry["pass"]: entry["exponent"] for entry in growth.curves(rows, "clips", steps=4)}
    assert found == pytest.approx({"forward": 2.0, "both": 1.0})


def test_limits_are_amounts_over_times():
    cases = limits.limit_cases()
    found = limits.limits_from({"limit: slots": 20.0, "limit: bytes": 10.0, "limit: divisions": 0.1})
    assert set(cases) == {"limit: slots", "limit: bytes", "limit: divisions"}
    assert found == pytest.approx((1024**3 / 0.02, 50 * 2**14 / 1e-4, 8 * 2**25 / 0.01))


def test_the_slowest_limit_binds():
    work = limits.Work(slots=1e6, divisions=1e6, bytes=4e6)
    share, binds = limits.fraction(work, LIMITS, milliseconds=20.0)
    assert binds == "divisions"
    assert share == pytest.approx(0.5)


KEPT = """
from rdmf_model.bench import measure
block = 64 * 2**20
with measure.kept_memory() as kept:
    before = measure._status_bytes("VmRSS")
    bytearray(block).count(1)
    after = measure._status_bytes("VmRSS")
print(int(kept), (after - before) / block, (measure._status_bytes("VmRSS") - before) / block)
"""


def test_memory_is_kept_and_then_given_back():
    """In a process of its own: another test may have left free memory in this one, which is then taken again."""
    if not Path("/proc/self/status").exists():
        pytest.skip("resident memory is read from Linux' /proc")
    found = subprocess.run([sys.executable, "-c", KEPT], capture_output=True, text=True, check=True).stdout
    kept, inside, afterwards = map(float, found.split())
    if not kept:
        pytest.skip("the C library cannot keep memory")
    assert inside > 0.9
    assert afterwards < 0.1


@pytest.mark.skipif(
    "cpu" not in available_backends("cpu"), reason="torch.compile needs the compiler that the kernel needs"
)
@pytest.mark.parametrize("together", [1, 2])
def test_compiled_reference_computes_the_same(together: int):
    shape = contenders.Shape(batch=1, clips=2, channels=8, steps=2)
    truth = contenders.core(shape, "cpu", "reference").run()
    for ours, reference in zip(contenders.core_compiled(shape, "cpu", together=together).run(), truth, strict=True):
        torch.testing.assert_close(ours, reference)


def test_peak_memory_is_what_was_taken():
    block = 64 * 2**20
    peak = measure.peak_bytes(lambda: bytearray(block).count(1))
    assert peak is None or math.isclose(peak, block, rel_tol=0.1)
