"""The compiled contrast equals its definition in torch, outputs and gradients, whatever is in the padding."""

from __future__ import annotations

import pytest
import torch

from rdmf_model.ops.reaction_diffusion import available_backends
from rdmf_model.ops.scores.local_contrast import local_contrast, local_contrast_reference

needs_kernel = pytest.mark.skipif("cpu" not in available_backends("cpu"), reason="the CPU kernel is not built")


@needs_kernel
@pytest.mark.parametrize("radius", [1, 4, 75])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [(2, 9, 3), (1, 1, 1), (2, 200, 40), (0, 5, 3)])
def test_kernel_equals_definition(size: tuple[int, int, int], dtype: torch.dtype, radius: int):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(size, dtype=dtype, generator=generator)
    mask = torch.rand(size[:2], generator=generator) > 0.2
    x[~mask] = torch.nan
    cotangent = torch.randn(size, dtype=dtype, generator=generator)
    x.requires_grad_()
    truth = local_contrast_reference(x.double(), mask, radius, 1e-2)
    (gradient,) = torch.autograd.grad(truth, x, cotangent.double())
    found = local_contrast(x, mask, radius)
    (found_gradient,) = torch.autograd.grad(found, x, cotangent)
    # windows of few clips with equal values: the definition itself has an error of 1e-16 / floor^2 there
    tolerance = {"rtol": 1e-5, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 1e-9, "atol": 1e-9}
    torch.testing.assert_close(found.double(), truth, **tolerance)
    torch.testing.assert_close(found_gradient, gradient, **tolerance)


@needs_kernel
@pytest.mark.parametrize("size", [(2, 9, 3), (0, 5, 3), (3, 30, 40)])
def test_the_offset_is_added_everywhere(size: tuple[int, int, int]):
    generator = torch.Generator().manual_seed(0)
    x, cotangent = (torch.randn(size, generator=generator) for _ in range(2))
    mask = torch.rand(size[:2], generator=generator) > 0.2
    offset = torch.randn(size[2], generator=generator, requires_grad=True)
    found = local_contrast(x, mask, 4, offset=offset)
    torch.testing.assert_close(found, local_contrast(x, mask, 4, offset=offset, backend="reference"))
    torch.testing.assert_close(found, local_contrast(x, mask, 4) + offset)
    (gradient,) = torch.autograd.grad(found, offset, cotangent)
    torch.testing.assert_close(gradient, cotangent.sum((0, 1)))


@needs_kernel
@pytest.mark.parametrize("size", [1e18, 1e30])
def test_values_whose_variance_leaves_float32(size: float):
    x = torch.randn(1, 9, 20, generator=torch.Generator().manual_seed(0)) * size
    mask = torch.ones(1, 9, dtype=torch.bool)
    torch.testing.assert_close(local_contrast(x, mask, 3), local_contrast_reference(x, mask, 3, 1e-2))


@needs_kernel
def test_the_number_of_threads_changes_no_bit():
    generator = torch.Generator().manual_seed(0)
    x, cotangent = (torch.randn(4, 900, 40, generator=generator, requires_grad=True) for _ in range(2))
    mask, offset = torch.rand(4, 900, generator=generator) > 0.2, torch.randn(40, requires_grad=True)
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            y = local_contrast(x, mask, 75, offset=offset)
            results.append((y, *torch.autograd.grad(y, (x, offset), cotangent)))
    finally:
        torch.set_num_threads(before)
    for one, three in zip(*results, strict=True):
        assert torch.equal(one, three)


@needs_kernel
def test_gradient_by_finite_differences():
    x = torch.randn(2, 7, 9, dtype=torch.float64, requires_grad=True)
    mask = torch.arange(7) < torch.tensor([[7], [4]])
    assert torch.autograd.gradcheck(lambda y: local_contrast(y, mask, 2, 0.3), (x,))


@needs_kernel
def test_is_an_operator_of_torch_library():
    x, mask = torch.randn(2, 9, 3, requires_grad=True), torch.ones(2, 9, dtype=torch.bool)
    offset = torch.randn(3, requires_grad=True)
    torch.library.opcheck(torch.ops.rdmf.local_contrast.default, (x, offset, mask, 3, 1e-2))


@needs_kernel
def test_second_derivatives_are_refused_with_the_remedy_that_works():
    x, mask = torch.randn(1, 5, 2, dtype=torch.float64, requires_grad=True), torch.ones(1, 5, dtype=torch.bool)

    def gradient(backend: str | None) -> torch.Tensor:
        y = local_contrast(x, mask, 2, 0.3, backend=backend)
        return torch.autograd.grad(y.square().sum(), x, create_graph=True)[0]

    with pytest.raises(RuntimeError, match="backend='reference'"):
        torch.autograd.grad(gradient(None).sum(), x)
    assert torch.autograd.grad(gradient("reference").square().sum(), x)[0].isfinite().all()
