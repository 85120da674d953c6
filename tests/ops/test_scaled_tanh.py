"""The compiled tanh(scale x) equals torch's, values and gradients, for any width and size."""

from __future__ import annotations

import pytest
import torch

from rdmf_model.ops.reaction_diffusion import available_backends
from rdmf_model.ops.scores.scaled_tanh import scaled_tanh

needs_kernel = pytest.mark.skipif("cpu" not in available_backends("cpu"), reason="the CPU kernel is not built")
TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-14}


def differentiated(operator, x, scale, cotangent):
    leaves = [y.detach().clone().requires_grad_() for y in (x, scale)]
    result = operator(*leaves)
    return result.detach(), *torch.autograd.grad(result, leaves, cotangent)


@needs_kernel
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("shape", [(2, 75, 40), (1000, 40), (3, 7), (2, 1, 1), (5, 33), (0, 4), (3, 0)], ids=str)
def test_equals_torch(shape, dtype):
    generator = torch.Generator().manual_seed(0)
    x, cotangent = (torch.randn(shape, generator=generator, dtype=dtype) for _ in range(2))
    scale = torch.randn(shape[-1], generator=generator, dtype=dtype)
    truth = differentiated(lambda x, scale: torch.tanh(scale * x), x.double(), scale.double(), cotangent.double())
    found = differentiated(scaled_tanh, x, scale, cotangent)
    for expected, got in zip(truth, found, strict=True):
        assert got.dtype == dtype
        size = float(expected.abs().amax()) if expected.numel() else 0.0
        assert bool(((got.double() - expected).abs() <= TOLERANCE[dtype] * size).all())


@needs_kernel
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_every_digit_from_denormal_to_infinite(dtype):
    size = torch.logspace(-44, 30, 20001, dtype=torch.float64).to(dtype)
    x = torch.cat([-size, size, torch.tensor([0.0, torch.inf, -torch.inf], dtype=dtype)])[:, None]
    expected = torch.tanh(x.double())
    found = scaled_tanh(x, torch.ones(1, dtype=dtype)).double()
    least = torch.finfo(dtype).tiny * torch.finfo(dtype).eps
    assert bool(((found - expected).abs() <= 4 * torch.finfo(dtype).eps * expected.abs() + least).all())
    assert bool((found.abs() <= 1).all())


@needs_kernel
def test_nan_stays_where_it_is():
    x = torch.randn(5, 7)
    x[2, 3] = torch.nan
    assert torch.equal(scaled_tanh(x, torch.ones(7)).isnan(), x.isnan())


@needs_kernel
def test_the_number_of_threads_changes_no_bit():
    generator = torch.Generator().manual_seed(0)
    x, cotangent = (torch.randn(5000, 33, generator=generator) for _ in range(2))
    scale, before, results = torch.randn(33, generator=generator), torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            results.append(differentiated(scaled_tanh, x, scale, cotangent))
    finally:
        torch.set_num_threads(before)
    for one, three in zip(*results, strict=True):
        assert torch.equal(one, three)


@needs_kernel
def test_gradient_by_finite_differences():
    x, scale = (torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in ((2, 3, 5), (5,)))
    assert torch.autograd.gradcheck(scaled_tanh, (x, scale))


@needs_kernel
def test_is_an_operator_of_torch_library():
    x, scale = torch.randn(2, 9, 3, requires_grad=True), torch.randn(3, requires_grad=True)
    torch.library.opcheck(torch.ops.rdmf.scaled_tanh.default, (x, scale))


@needs_kernel
def test_second_derivatives_are_refused_with_the_remedy_that_works():
    x, scale = torch.randn(2, 3, dtype=torch.float64, requires_grad=True), torch.ones(3, dtype=torch.float64)

    def gradient(backend: str | None) -> torch.Tensor:
        return torch.autograd.grad(scaled_tanh(x, scale, backend).square().sum(), x, create_graph=True)[0]

    with pytest.raises(RuntimeError, match="backend='reference'"):
        torch.autograd.grad(gradient(None).sum(), x)
    assert torch.autograd.grad(gradient("reference").sum(), x)[0].isfinite().all()
