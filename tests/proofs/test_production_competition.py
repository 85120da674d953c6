"""The competition step that runs is the step that is proved: every backend's float64 step solves the symbolic rows."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import sympy as sp
import torch

from rdmf_model.ops.competition import BACKENDS
from rdmf_theory.competition.conductances import weighted_laplacian
from rdmf_theory.competition.design import ShadowParameters
from rdmf_theory.competition.shadow import shadow_step
from rdmf_theory.kinetics import GRAY_SCOTT
from rdmf_theory.schemes import derive_step

SHAPES = [(1, 0.3), (2, 1.0), (3, 40.0), (17, 1.0)]


def draw(T: int, seed: int) -> tuple[dict[str, Any], dict[str, float]]:
    """A video of T clips with one cut at most, and scalar parameters."""
    rng = np.random.default_rng(seed)
    kappa = rng.uniform(0, 1, T - 1)
    if T > 3:
        kappa[seed % (T - 1)] = 0
    fields = {"u": float(rng.uniform(0, 1)), "v": rng.exponential(0.5, T), "s": rng.uniform(0, 3, T), "kappa": kappa}
    return fields, {"F": rng.uniform(0.01, 0.2), "k": rng.uniform(0.01, 0.2), "D_v": rng.uniform(0.1, 30)}


def run(
    function: Callable[..., Any], fields: dict[str, Any], p: dict[str, float], h: float
) -> tuple[float, np.ndarray]:
    """One step by `function`, on a batch whose second video is longer: the first one has padding."""
    T, pad = len(fields["v"]), 3

    def clips(x: np.ndarray, value: float) -> torch.Tensor:
        padded = np.concatenate([x, np.full(pad, value)])
        return torch.tensor(np.stack([padded, np.ones(len(padded))]))[..., None]

    numbers = [torch.full((2, 1), value, dtype=torch.float64) for value in (p["F"], p["F"] + p["k"], p["D_v"])]
    u0 = torch.full((2, 1), fields["u"], dtype=torch.float64)
    lengths = torch.tensor([T, T + pad])
    u, v = function(
        u0, clips(fields["v"], 7.0), clips(fields["s"], 9.0), *numbers, clips(fields["kappa"], 1.0), lengths, 1, h
    )
    assert (v[0, T:] == 0).all()
    return float(u[0, 0]), v[0, :T, 0].numpy()


def residual(fields: dict[str, Any], p: dict[str, float], h: float, u_next: float, v_next: np.ndarray) -> float:
    """Largest residual of the mean of the substrate's row and of the activator's rows, relative to their size."""
    order = (*GRAY_SCOTT.parameters, derive_step.h, derive_step.u_next, derive_step.v_next, *GRAY_SCOTT.species)
    substrate, activator = (sp.lambdify(order, row) for row in derive_step.step_residual())
    arguments = (p["F"], p["k"], fields["s"], h, u_next, v_next, fields["u"], fields["v"])
    diffusion = h * p["D_v"] * weighted_laplacian(fields["kappa"]) @ v_next
    scale = max(1.0, float(np.abs(diffusion).max()), h * 30)
    rows = activator(*arguments) - diffusion
    return max(abs(float(np.mean(substrate(*arguments)))), float(np.abs(rows).max())) / scale


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("T", "h"), SHAPES)
def test_layer_solves_the_symbolic_rows(T: int, h: float, backend: str) -> None:
    for seed in range(5):
        fields, p = draw(T, seed)
        u, v = run(BACKENDS[backend], fields, p, h)
        assert residual(fields, p, h, u, v) < 1e-12
        parameters = ShadowParameters(p["F"], p["k"], 1.0, p["D_v"])
        expected = shadow_step(fields["u"], fields["v"], fields["s"], parameters, fields["kappa"], h)
        assert u == pytest.approx(expected[0], rel=1e-12)
        assert v == pytest.approx(expected[1], rel=1e-10)


def load(source: str) -> ModuleType:
    """The source as a module, compiled here."""
    module = ModuleType("planted_competition")
    exec(compile(source, "planted_competition.py", "exec"), module.__dict__)
    return module


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("square.sum(1) / count", "square.mean(1)"),
        ("(u + step_size * F)", "(u + step_size * w)"),
        ("1.0 + step_size * w[:, None]", "1.0 + step_size * F[:, None]"),
        ("v + step_size * u[:, None] * square", "v + step_size * u0[:, None] * square"),
        ("step_size * D[:, None] * kappa", "step_size * D[:, None] * kappa**2"),
        ("torch.where(valid[:, 1:], step", "torch.where(valid[:, :-1], step"),
    ],
    ids=["padding-in-the-mean", "w-for-F", "F-for-w", "old-u", "kappa-squared", "leaks-into-padding"],
)
def test_an_error_planted_in_the_production_step_is_caught(repository: Any, old: str, new: str) -> None:
    source = (repository / "rdmf_model/ops/competition/reference.py").read_text()
    assert source.count(old) == 1
    fields, p = draw(17, 0)

    def caught(text: str) -> bool:
        try:
            step = run(load(text).competition_reference, fields, p, 1.0)
        except AssertionError:
            return True
        return not residual(fields, p, 1.0, *step) < 1e-12

    assert not caught(source)
    assert caught(source.replace(old, new))
