"""What the operator refuses, and how it picks a backend."""

import os
import shutil

import pytest
import torch

from rdmf_model.ops import reaction_diffusion as package
from rdmf_model.ops.native import build, library
from rdmf_model.ops.reaction_diffusion import available_backends, missing_backends, reaction_diffusion
from tests.ops.problems import draw_inputs

BAD = {
    "negative steps": ({"steps": -1}, r"steps must be an integer >= 0\. Got -1"),
    "steps not whole": ({"steps": 2.5}, r"steps must be an integer >= 0\. Got 2\.5"),
    "step size 0": ({"step_size": 0.0}, r"step_size must be finite and positive\. Got 0\.0"),
    "step size NaN": ({"step_size": float("nan")}, "step_size must be finite and positive"),
    "integer field": (
        {"u0": torch.ones(2, 5, 3, dtype=torch.int64)},
        r"u0 must be a floating-point tensor.*\.float\(\)",
    ),
    "fields that differ": ({"v0": torch.ones(2, 4, 3)}, r"one shape \(B, T, C\).*v0 \(2, 4, 3\)"),
    "fields without batch": (dict.fromkeys(("u0", "v0", "gain"), torch.ones(5, 3)), r"\(B, T, C\) with T >= 1"),
    "no clips": (dict.fromkeys(("u0", "v0", "gain"), torch.ones(2, 0, 3)), r"T >= 1"),
    "rate with a clip axis": (
        {"F": torch.ones(2, 5, 3)},
        r"F must be broadcastable to \(B, C\) = \(2, 3\).*\(2, 5, 3\)",
    ),
    "rate of another width": ({"D_v": torch.ones(2, 4)}, r"D_v must be broadcastable to \(B, C\) = \(2, 3\)"),
    "lengths of another batch": (
        {"lengths": torch.tensor([5])},
        r"lengths must be an integer tensor of shape \(B,\) = \(2,\)",
    ),
    "lengths not whole": ({"lengths": torch.tensor([5.0, 5.0])}, "lengths must be an integer tensor"),
    "length beyond the clips": ({"lengths": torch.tensor([5, 6])}, r"lengths must lie in \[0, T\] = \[0, 5\]"),
    "negative length": ({"lengths": torch.tensor([-1, 5])}, r"Got values from -1 to 5"),
    "unknown backend": ({"backend": "cuda"}, "backend must be one of .*'reference'.*Got 'cuda', which is unknown"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_refused_with_their_reason(case):
    changed, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        reaction_diffusion(**(draw_inputs(2, 5, 3) | {"steps": 2} | changed))


def test_numbers_are_accepted_as_rates():
    inputs = draw_inputs(2, 5, 3, torch.float32)
    fields = [inputs[name] for name in ("u0", "v0", "gain")]
    u, _ = reaction_diffusion(*fields, 0.05, 0.03, 4.0, 0.5, steps=2)
    expected, _ = reaction_diffusion(*fields, *(torch.full((2, 3), x) for x in (0.05, 0.03, 4.0, 0.5)), steps=2)
    assert u.dtype == torch.float32
    assert torch.equal(u, expected)


def test_a_sample_without_clips_is_all_zero():
    u, v = reaction_diffusion(**draw_inputs(2, 5, 3), lengths=torch.tensor([0, 5]), steps=2)
    assert not u[0].any()
    assert not v[0].any()


def test_the_default_backend_is_the_best_one():
    best = available_backends("cpu")[-1]
    inputs = draw_inputs(2, 5, 3)
    for got, expected in zip(
        reaction_diffusion(**inputs, steps=3), reaction_diffusion(**inputs, steps=3, backend=best), strict=True
    ):
        assert torch.equal(got, expected)


def test_torch_backends_are_always_there():
    assert available_backends()[:2] == ["reference", "adjoint"]
    assert available_backends("cuda")[:2] == ["reference", "adjoint"]
    assert "cpu" not in available_backends("cuda")


class TestWithoutAKernel:
    """A missing, foreign or stale library is a reason, never a crash: the torch backends do the work."""

    @pytest.fixture
    def built(self):
        return build.LIBRARY

    @pytest.fixture
    def folder(self, built, tmp_path, monkeypatch):
        for name in build.SOURCES:
            shutil.copy(build.FOLDER / name, tmp_path)
        monkeypatch.setattr(build, "FOLDER", tmp_path)
        monkeypatch.setattr(build, "LIBRARY", tmp_path / build.LIBRARY.name)
        monkeypatch.setattr(package, "_loaded", {})
        library._library.cache_clear()
        yield tmp_path
        library._library.cache_clear()

    def test_not_built(self, folder):
        assert library.missing()
        assert "no working C++ compiler" in missing_backends()["cpu"]
        assert available_backends("cpu") == ["reference", "adjoint"]
        reaction_diffusion(**draw_inputs(2, 5, 3), steps=2)
        with pytest.raises(ValueError, match="not available here"):
            reaction_diffusion(**draw_inputs(2, 5, 3), steps=2, backend="cpu")

    def test_not_a_library(self, folder):
        build.LIBRARY.write_text("nonsense")
        assert library.missing()
        assert "cannot be loaded" in library.status()

    @pytest.mark.parametrize("variable", ["CXX", "CC"])
    def test_compiler_that_fails(self, folder, monkeypatch, variable):
        monkeypatch.delenv("CXX", raising=False)
        monkeypatch.setenv(variable, shutil.which("false") or "/bin/false")
        with pytest.raises(build.BuildError, match="failed with status 1"):
            build.build()
        assert not build.LIBRARY.exists()

    def test_no_compiler(self, folder, monkeypatch):
        monkeypatch.setenv("CXX", "no-such-compiler")
        with pytest.raises(build.BuildError, match="'no-such-compiler' is not on the path"):
            build.build()

    @pytest.mark.skipif(library.missing() is not None, reason="the kernel was not built")
    def test_stale_after_a_change_of_its_source(self, built, folder):
        shutil.copy(built, build.LIBRARY)
        assert available_backends("cpu")[-1] == "cpu"
        (folder / "steps_kernels.cpp").write_text("// changed")
        library._library.cache_clear()
        assert library.missing()
        assert "older than its source: run python -m rdmf_model.ops.native.build" in library.status()


@pytest.mark.skipif(
    shutil.which("c++") is None or bool({"CC", "CXX"} & os.environ.keys()), reason="no compiler, or one that was chosen"
)
def test_the_kernel_is_there_where_a_compiler_is():
    """Else every test of the kernel would skip and nobody would notice."""
    assert library.missing() is None, library.missing()
