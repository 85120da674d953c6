"""Does the competition operator compute its step, and does the step do what README.md says?"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from rdmf_model.ops.competition import competition, competition_reference, weighted_solve
from tests.checks import check_operator


def problem(clips: int, batch: int = 3, channels: int = 4, seed: int = 0, dtype: torch.dtype = torch.float64):
    """Random fields, rates and conductances, and ragged lengths."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(*shape: int, low: float, high: float) -> Tensor:
        return (low + (high - low) * torch.rand(*shape, generator=generator, dtype=torch.float64)).to(dtype)

    inputs = {
        "u0": uniform(batch, channels, low=0.1, high=0.9),
        "v0": uniform(batch, clips, channels, low=0.0, high=1.0),
        "gain": uniform(batch, clips, channels, low=0.0, high=4.0),
        "F": uniform(batch, channels, low=0.01, high=0.3),
        "w": uniform(batch, channels, low=0.31, high=0.9),
        "D": uniform(batch, channels, low=0.1, high=60.0),
        "kappa": uniform(batch, clips - 1, 1, low=0.0, high=1.0),
    }
    lengths = torch.randint(1, clips + 1, (batch,), generator=generator)
    lengths[0] = clips
    return inputs, lengths


@pytest.mark.parametrize("clips", [1, 2, 63, 130])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 2e-4)])
def test_cyclic_reduction_computes_the_reference_and_its_gradients(clips, dtype, tolerance):
    inputs, lengths = problem(clips, dtype=dtype)
    outside = torch.arange(clips)[None, :, None] >= lengths[:, None, None]
    outside = outside.expand_as(inputs["v0"])

    def run(function):
        def call(**tensors):
            u, v = function(**tensors)
            # u has no clip axis: shown as one clip
            return (u[:, None] + 0 * v[:, :1], v)

        return call

    check_operator(
        run(lambda **x: competition_reference(**x, lengths=lengths, steps=5)),
        run(lambda **x: competition(**x, lengths=lengths, steps=5)),
        inputs,
        {"v0": outside, "gain": outside},
        tolerance=tolerance,
    )


def test_bounds_hold_for_any_step_size():
    for seed in range(20):
        inputs, lengths = problem(17, seed=seed)
        valid = (torch.arange(17)[None] < lengths[:, None])[..., None]
        mean = (inputs["v0"] * valid).sum(1) / lengths[:, None]
        limit = (inputs["u0"] + mean).clamp(min=1.0)
        for step_size in (0.01, 1.0, 100.0):
            u, v = competition(**inputs, lengths=lengths, steps=7, step_size=step_size)
            assert bool(((u >= 0) & (u <= 1)).all())
            assert bool((v >= 0).all())
            assert bool((v * ~valid == 0).all())
            assert bool((u + v.sum(1) / lengths[:, None] <= limit + 1e-12).all())


def test_without_diffusion_the_ranking_is_kept_and_every_lead_grows():
    for seed in range(20):
        inputs, _ = problem(9, seed=seed)
        inputs["kappa"] = torch.zeros_like(inputs["kappa"])
        before = inputs["gain"] * inputs["v0"]
        _, v = competition(**inputs, steps=1, step_size=float(10.0 ** (seed % 4 - 2)))
        after = inputs["gain"] * v
        order = before.argsort(dim=1)
        assert torch.equal(order, after.argsort(dim=1))
        lead = torch.log(before.gather(1, order)).diff(dim=1)
        assert bool((torch.log(after.gather(1, order)).diff(dim=1) > lead).all())


@pytest.mark.parametrize("step_size", [0.1, 1.0, 30.0])
def test_a_mode_grows_exactly_where_the_theory_says(step_size):
    u_star, z, w, clips = 0.4, 1.5, 0.3, 24
    kappa = torch.linspace(0.05, 1.0, clips - 1, dtype=torch.float64)[None, :, None]
    laplacian = torch.zeros(clips, clips, dtype=torch.float64)
    for t in range(clips - 1):
        edge = torch.zeros(clips, dtype=torch.float64)
        edge[t], edge[t + 1] = 1.0, -1.0
        laplacian += kappa[0, t, 0] * torch.outer(edge, edge)
    eigenvalues, modes = torch.linalg.eigh(laplacian)
    s, v_star = w / (z * u_star**2 * (1 - u_star)), z * u_star * (1 - u_star)
    for mode, factor in ((1, 0.5), (5, 0.97), (5, 1.03), (20, 2.0)):
        D = factor * w / float(eigenvalues[mode])
        one = torch.ones(1, 1, dtype=torch.float64)
        start = v_star * (1 + 1e-7 * modes[:, mode])
        u, v = competition(
            u_star * one,
            start[None, :, None],
            s * one[:, None].expand(1, clips, 1),
            w * z * u_star * one,
            w * one,
            D * one,
            kappa,
            steps=1,
            step_size=step_size,
        )
        found = float((v[0, :, 0] - v_star) @ modes[:, mode]) / (1e-7 * v_star)
        eta = step_size * w
        assert found == pytest.approx((1 + 2 * eta) / (1 + eta + step_size * D * float(eigenvalues[mode])), rel=1e-5)
        assert (found > 1) == (factor < 1)
        assert float(u) == pytest.approx(u_star, abs=1e-12)


def test_the_solve_stays_positive_where_conductances_span_many_decades():
    generator = torch.Generator().manual_seed(0)
    coupling = 10.0 ** (12 * torch.rand(2, 99, 3, generator=generator) - 6)
    right = torch.zeros(2, 100, 3)
    right[:, 0] = 1.0
    x = weighted_solve(right, torch.ones(1, 1, 1), coupling)
    assert bool((x >= 0).all())
    assert torch.allclose(x.sum(1), torch.ones(2, 3), rtol=1e-4)


BAD = {
    "shape_of_u0": ({"u0": torch.ones(2, 2)}, {}, "u0 must have shape"),
    "shape_of_kappa": ({"kappa": torch.ones(3, 8, 1)}, {}, "kappa must have shape"),
    "mixed_dtypes": ({"F": torch.ones(3, 4)}, {}, "one dtype"),
    "negative_steps": ({}, {"steps": -1}, "steps must be >= 0"),
    "step_size": ({}, {"step_size": 0.0}, "step_size positive"),
    "backend": ({}, {"backend": "fast"}, "backend must be one of"),
}


@pytest.mark.parametrize("case", BAD.values(), ids=BAD)
def test_bad_arguments_say_what_is_wrong(case):
    tensors, options, message = case
    inputs, _ = problem(8)
    with pytest.raises(ValueError, match=message):
        competition(**{**inputs, **tensors}, **{"steps": 2, **options})
