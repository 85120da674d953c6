"""The step that runs is the step that is proved: every backend's float64 step solves the symbolic rows."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import sympy as sp
import torch

from rdmf_model.ops.reaction_diffusion import available_backends, reaction_diffusion
from rdmf_theory.chart import Parameters
from rdmf_theory.kinetics import GRAY_SCOTT
from rdmf_theory.layer.step import clip_laplacian, semi_implicit_step
from rdmf_theory.schemes import derive_step

SHAPES = [(1, 0.3), (2, 1.0), (3, 40.0), (17, 1.0)]


def symbolic_rows() -> tuple[Callable[..., Any], ...]:
    """Rows of the step without diffusion, from the symbolic source, as numerical functions."""
    order = (*GRAY_SCOTT.parameters, derive_step.h, derive_step.u_next, derive_step.v_next, *GRAY_SCOTT.species)
    return tuple(sp.lambdify(order, row) for row in derive_step.step_residual())


def draw(T: int, h: float, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Random fields (T,) and scalar parameters, gains different at every clip."""
    rng = np.random.default_rng(seed)
    fields = {"u": rng.uniform(0, 1, T), "v": rng.uniform(0, 0.7, T), "s": rng.uniform(0, 3, T)}
    return fields, {"F": rng.uniform(0.01, 0.2), "k": rng.uniform(0.01, 0.2), "D_u": 7.0, "D_v": 0.6, "h": h}


def residual(fields: dict[str, Any], p: dict[str, Any], u_next: np.ndarray, v_next: np.ndarray) -> float:
    """Largest residual of the symbolic step, diffusion by `clip_laplacian`, relative to the largest term."""
    laplacian = clip_laplacian(len(u_next))
    arguments = (p["F"], p["k"], fields["s"], p["h"], u_next, v_next, fields["u"], fields["v"])
    reaction_u, reaction_v = (row(*arguments) for row in symbolic_rows())
    diffusion_u, diffusion_v = (p["h"] * D * laplacian @ x for D, x in ((p["D_u"], u_next), (p["D_v"], v_next)))
    scale = max(1.0, float(np.abs(diffusion_u).max()), float(np.abs(diffusion_v).max()))
    return max(float(np.abs(reaction_u - diffusion_u).max()), float(np.abs(reaction_v - diffusion_v).max())) / scale


def torch_step(function: Callable[..., Any], fields: dict[str, Any], p: dict[str, Any]) -> tuple[Any, Any]:
    u, v, s = (torch.tensor(fields[name])[None, :, None] for name in ("u", "v", "s"))
    rates = (torch.full((1, 1), float(p[name]), dtype=torch.float64) for name in ("F", "k", "D_u", "D_v"))
    u_next, v_next = function(u, v, s, *rates)
    return u_next[0, :, 0].numpy(), v_next[0, :, 0].numpy()


@pytest.mark.parametrize("backend", available_backends("cpu"))
@pytest.mark.parametrize(("T", "h"), SHAPES)
def test_layer_solves_the_symbolic_step(T: int, h: float, backend: str) -> None:
    for seed in range(5):
        fields, p = draw(T, h, seed)
        step = torch_step(lambda *x: reaction_diffusion(*x, steps=1, step_size=h, backend=backend), fields, p)
        assert residual(fields, p, *step) < 1e-13


@pytest.mark.parametrize(("T", "h"), SHAPES)
def test_theory_solves_the_symbolic_step(T: int, h: float) -> None:
    fields, p = draw(T, h, 1)
    parameters = Parameters(p["F"], p["k"], 1.0, p["D_u"], p["D_v"])
    assert residual(fields, p, *semi_implicit_step(fields["u"], fields["v"], fields["s"], parameters, h)) < 1e-13


def load(source: str) -> ModuleType:
    """The source as a module, compiled here: files of one name, size and second would share their bytecode cache."""
    module = ModuleType("planted_reference")
    exec(compile(source, "planted_reference.py", "exec"), module.__dict__)
    return module


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("step_size * D_v[:, None]", "step_size * D_u[:, None]"),
        ("* v.clamp(max=limit)", "* u.clamp(max=limit)"),
        ("v + reaction * u,", "v + reaction * u0,"),
        ("step_size * (F + k)[:, None]", "step_size * (F - k)[:, None]"),
        ("a[t + 1] + factor * remainder", "a[t + 1] + factor * a[t]"),
        ("for t in range(clips - 1):", "for t in range(clips - 2):"),
    ],
    ids=["swapped-diffusion", "u-for-v", "old-u", "sign-of-k", "wrong-pivot", "off-by-one-end"],
)
def test_an_error_planted_in_the_production_step_is_caught(repository: Path, old: str, new: str) -> None:
    source = (repository / "rdmf_model/ops/reaction_diffusion/reference.py").read_text()
    assert source.count(old) == 1
    fields, p = draw(17, 1.0, 0)

    def caught(text: str) -> bool:
        function = load(text).reaction_diffusion_reference
        try:
            step = torch_step(lambda *x: function(*x, None, 1, 1.0), fields, p)
        except IndexError:
            return True
        return not residual(fields, p, *step) < 1e-13

    assert not caught(source)
    assert caught(source.replace(old, new))
