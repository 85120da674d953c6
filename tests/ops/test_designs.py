"""The compiled constraint equals its definition in torch: designs in their box, what they emit, and all gradients."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rdmf_model.constraints.constraint import DesignConstraint
from rdmf_model.ops.designs import compiled
from rdmf_model.ops.reaction_diffusion import available_backends
from rdmf_theory.codegen import cpp as codegen_cpp

needs_kernel = pytest.mark.skipif("cpu" not in available_backends("cpu"), reason="the CPU kernel is not built")
# float32: the definition places designs in float32, the kernel rounds once
TOLERANCE = {torch.float32: 2e-5, torch.float64: 1e-11}
NARROW = DesignConstraint(lower=(0.35, 1.25, 1.2, 8.0, 0.1), upper=(0.4, 1.25, 2.0, 12.0, 0.2))


def differentiated(constraint, raw, cotangents, backend):
    leaf = raw.detach().clone().requires_grad_()
    design = constraint.transform(leaf, backend)
    parts = [getattr(design, name) for name in vars(design)]
    total = sum((part * cotangent).sum() for part, cotangent in zip(parts, cotangents, strict=True))
    return [part.detach() for part in parts], torch.autograd.grad(total, leaf)[0]


@needs_kernel
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("constraint", [DesignConstraint(), NARROW], ids=["whole region", "a face without width"])
@pytest.mark.parametrize("shape", [(4, 33, 5), (9001, 5), (5,), (0, 5), (2, 0, 5)], ids=str)
def test_equals_the_definition(shape, constraint, dtype):
    generator = torch.Generator().manual_seed(0)
    raw = 4 * torch.randn(shape, generator=generator, dtype=dtype)
    cotangents = torch.randn(13, *shape[:-1], generator=generator, dtype=dtype)
    assert compiled(raw)
    assert not compiled(raw, "reference")
    truth, truth_bar = differentiated(constraint, raw.double(), cotangents.double(), "reference")
    found, found_bar = differentiated(constraint, raw, cotangents, None)
    for expected, got in zip(truth, found, strict=True):
        assert got.dtype == dtype
        torch.testing.assert_close(got.double(), expected, rtol=TOLERANCE[dtype], atol=0)
    size = float(truth_bar.abs().max()) if truth_bar.numel() else 0.0
    torch.testing.assert_close(found_bar.double(), truth_bar, rtol=0, atol=TOLERANCE[dtype] * size)


@needs_kernel
def test_what_is_no_number_or_beyond_all_limits_has_no_slope():
    values = torch.tensor([torch.nan, torch.inf, -torch.inf, 89.0, -89.0])
    raw = torch.stack([values.roll(j) for j in range(5)]).requires_grad_()
    constraint = DesignConstraint()
    design = constraint.transform(raw)
    (bar,) = torch.autograd.grad(design.coordinates().sum() + design.D_u.sum(), raw)
    assert not bar.any()
    nothing = constraint.transform(torch.where(raw.isnan(), 0.0, raw.detach()))
    assert torch.equal(design.coordinates(), nothing.coordinates())


@needs_kernel
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_no_rounding_leaves_the_box(dtype):
    """exp(log(bound)) misses the bound by a rounding: five hundred boxes, each at both its ends."""
    generator = torch.Generator().manual_seed(0)
    region = DesignConstraint()
    raw = torch.tensor([[torch.inf], [-torch.inf], [20.0], [-20.0]], dtype=dtype).expand(4, 5)
    for _ in range(500):
        shares = torch.rand(2, 5, generator=generator).sort(dim=0).values
        ends = region.lower + shares * (region.upper - region.lower)
        constraint = DesignConstraint(lower=ends[0].tolist(), upper=ends[1].tolist())
        coordinates = constraint.transform(raw).coordinates()
        assert bool(((constraint.lower <= coordinates) & (coordinates <= constraint.upper)).all())
        assert torch.equal(coordinates[0].float(), constraint.upper)
        assert torch.equal(coordinates[1].float(), constraint.lower)


@needs_kernel
def test_any_strides():
    raw = torch.randn(5, 6, 7).permute(1, 2, 0)
    constraint = DesignConstraint()
    for one, other in zip(*(vars(constraint.transform(x)).values() for x in (raw, raw.contiguous())), strict=True):
        assert torch.equal(one, other)


@needs_kernel
def test_gradient_by_finite_differences():
    raw = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: tuple(vars(DesignConstraint().transform(x)).values()), raw)


@needs_kernel
def test_the_number_of_threads_changes_no_bit():
    raw, before, results = torch.randn(20_000, 5), torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            values, bar = differentiated(DesignConstraint(), raw, torch.ones(13, 1), None)
            results.append([*values, bar])
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, three) for one, three in zip(*results, strict=True))


@needs_kernel
def test_are_operators_of_torch_library():
    constraint, raw = DesignConstraint(), torch.randn(2, 3, 5, requires_grad=True)
    torch.library.opcheck(torch.ops.rdmf.box_coordinates.default, (raw, constraint.lower, constraint.upper, 88.0))
    coordinates = constraint.transform(raw).coordinates().detach().requires_grad_()
    torch.library.opcheck(torch.ops.rdmf.emit_designs.default, (coordinates,))


@needs_kernel
def test_second_derivatives_are_refused_with_the_remedy_that_works():
    raw = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)

    def gradient(backend: str | None) -> torch.Tensor:
        design = DesignConstraint().transform(raw, backend)
        return torch.autograd.grad((design.D_u * design.s).sum(), raw, create_graph=True)[0]

    with pytest.raises(RuntimeError, match="backend='reference'"):
        torch.autograd.grad(gradient(None).sum(), raw)
    assert torch.autograd.grad(gradient("reference").sum(), raw)[0].isfinite().all()


def test_the_header_is_what_the_formulas_generate(repository: Path):
    path = repository / "rdmf_model" / "ops" / "native" / "formulas.hpp"
    assert path.read_text() == codegen_cpp.generate(), "run python -m rdmf_theory.codegen.cpp"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("return x**3", "only squares"),
        ("return x % 2", "cannot say"),
        ("return xp.cos(x)", "cannot say"),
        ("x += 1\n    return x", "assignments only"),
        ("y = x", "end in a return"),
    ],
)
def test_what_the_kernels_cannot_say_is_refused(body: str, problem: str):
    with pytest.raises(ValueError, match=problem):
        codegen_cpp.transcribe(f"def f(x):\n    ''\n    {body}")


def test_transcription_keeps_the_arrangement():
    lines = ("a, b = g(x, xp=xp)", "r = xp.sqrt(x - (y - 1))**2", "return -a/(b*y), r - 0.5")
    source = "def f(x, y, *, xp=math):\n    ''\n" + "".join(f"    {line}\n" for line in lines)
    assert codegen_cpp.transcribe(source) == (
        "template <class X>\ninline Values2<X> f(const X& x, const X& y) {\n    const auto [a, b] = g(x);\n"
        "    const X r = square(sqrt(x - (y - 1)));\n    return {-a / (b * y), r - 0.5};\n}\n"
    )
