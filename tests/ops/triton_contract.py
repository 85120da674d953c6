"""The Triton kernels against the reference: on a GPU, or in Triton's interpreter (TRITON_INTERPRET=1) with small sizes.

Not collected by default, since the interpreter needs a process of its own: test_triton.py starts it, and so does
benchmarks/gpu.sh with a GPU.
"""

from functools import partial

import pytest
import torch

from rdmf_model.ops.reaction_diffusion import available_backends, gpu, gpu_plan, missing_backends, reaction_diffusion
from tests.checks import check_operator
from tests.ops.problems import NAMES, draw_inputs, padding_mask, ragged_lengths

INTERPRETED = gpu.interpreted()
DEVICE = "cpu" if INTERPRETED else "cuda"
DTYPES = {"float32": (torch.float32, 1e-5), "float64": (torch.float64, 1e-11)}
SHAPES = [(3, 1, 17, 2), (3, 2, 1, 3), (2, 63, 17, 2), (2, 75, 1, 2)]
ON_A_GPU = [(4, clips, channels, 12) for clips in (1, 2, 63, 75) for channels in (1, 17, 256)]
ON_A_GPU += [(2, 500, 17, 5), (1, 500, 256, 2), (2, 2048, 17, 2), (1, 2048, 256, 1)]

if missing_backends().get("triton"):
    raise RuntimeError(f"These tests need the kernels: {missing_backends()['triton']}.")


@pytest.fixture(autouse=True)
def _scans_as_trees(monkeypatch):
    """The interpreter scans element by element. A tree of combinations, as on a GPU, is faster and stricter."""
    if INTERPRETED:
        from tests.ops.triton_scan import tree_scan

        monkeypatch.setattr("triton.runtime.interpreter.ScanOps.generic_scan", tree_scan)


def _triton(lengths=None, **options):
    """The operator by the kernels, called with and returning tensors on the CPU."""

    def run(**inputs):
        moved = {name: x.to(DEVICE) for name, x in inputs.items()}
        on_device = None if lengths is None else lengths.to(DEVICE)
        outputs = reaction_diffusion(**moved, lengths=on_device, backend="triton", **options)
        return tuple(x.cpu() for x in outputs)

    return run


def _check(inputs, lengths, tolerance, **options):
    batch, clips, channels = inputs["u0"].shape
    padding, output_padding = {}, None
    if lengths is not None:
        mask = padding_mask(lengths, clips)
        padding = {name: mask.expand_as(inputs[name]) for name in ("u0", "v0", "gain")}
        output_padding = mask.expand(batch, clips, channels)
    reference = partial(reaction_diffusion, lengths=lengths, backend="reference", **options)
    fast = _triton(lengths, **options)
    check_operator(reference, fast, inputs, padding, tolerance=tolerance, output_padding=output_padding)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("batch", "clips", "channels", "steps"), SHAPES if INTERPRETED else ON_A_GPU)
def test_equals_the_reference(batch, clips, channels, steps, dtype):
    precision, tolerance = DTYPES[dtype]
    inputs = draw_inputs(batch, clips, channels, precision)
    _check(inputs, ragged_lengths(batch, clips), tolerance, steps=steps)


@pytest.mark.parametrize(
    ("batch", "clips", "steps", "step_size"), [(0, 9, 3, 1.0), (2, 12, 0, 1.0), (1, 9, 11, 0.7), (1, 16, 1, 3.0)]
)
def test_equals_the_reference_without_lengths(batch, clips, steps, step_size):
    """Among them: no sample, no step, a last segment that is shorter than the others."""
    _check(draw_inputs(batch, clips, 5), None, 1e-11, steps=steps, step_size=step_size)


@pytest.mark.parametrize("dtype", DTYPES)
def test_windows_of_a_long_video(dtype, monkeypatch):
    """Windows of 128 clips; steps in several launches forwards and backwards; a sample that ends within a halo."""
    monkeypatch.setattr(gpu_plan, "LONGEST_TILE", 128)
    precision, tolerance = DTYPES[dtype]
    inputs = draw_inputs(2, 240, 1, precision)
    inputs["D_u"], inputs["D_v"] = 0.005 * inputs["D_u"], 0.05 * inputs["D_v"]
    plan = gpu_plan.plan_call(240, 2, 1.0, inputs["D_u"], inputs["D_v"], backward=True)
    assert plan is not None
    assert plan.windows > 3
    assert len(plan.blocks) > 1
    _check(inputs, torch.tensor([240, 150]), tolerance, steps=2)


def test_diffusion_too_strong_for_windows(monkeypatch):
    monkeypatch.setattr(gpu_plan, "LONGEST_TILE", 16)
    inputs = draw_inputs(2, 40, 3)
    assert gpu_plan.plan_call(40, 3, 1.0, inputs["D_u"], inputs["D_v"], backward=True) is None
    _check(inputs, torch.tensor([40, 20]), 1e-11, steps=3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    """Outputs are the rounded float32 ones, bit for bit; gradients are within a unit of the last place of them."""
    halves = draw_inputs(2, 9, 5, dtype)
    wide = {name: x.float() for name, x in halves.items()}
    run = _triton(torch.tensor([9, 4]), steps=2)
    results = []
    for inputs in (halves, wide):
        leaves = {name: x.clone().requires_grad_() for name, x in inputs.items()}
        outputs = run(**leaves)
        gradients = torch.autograd.grad(sum(x.float().sum() for x in outputs), list(leaves.values()))
        results.append((*outputs, *gradients))
    unit = torch.finfo(dtype).eps
    for number, (got, expected) in enumerate(zip(*results, strict=True)):
        assert got.dtype == dtype
        # the interpreter cuts a bfloat16's digits off instead of rounding
        if number < 2 and not (INTERPRETED and dtype == torch.bfloat16):
            assert torch.equal(got, expected.to(dtype))
        else:
            torch.testing.assert_close(got.float(), expected, rtol=unit, atol=1e-6)


def test_broadcast_and_strided_fields():
    full = draw_inputs(2, 7, 4)
    odd = full | {"u0": full["u0"][:, :1].expand(2, 7, 4), "gain": full["gain"].mT.contiguous().mT}
    for got, expected in zip(
        _triton(steps=3)(**odd), reaction_diffusion(**odd, steps=3, backend="reference"), strict=True
    ):
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=0)


def test_nan_stays_in_its_sample_and_channel():
    clean = draw_inputs(2, 9, 5)
    dirty = {name: x.clone() for name, x in clean.items()}
    dirty["v0"][1, 4, 2] = float("nan")
    run = _triton(steps=3)
    other = torch.ones(2, 9, 5, dtype=torch.bool)
    other[1, :, 2] = False
    for got, expected in zip(run(**dirty), run(**clean), strict=True):
        assert torch.isnan(got[1, :, 2]).all()
        assert torch.equal(got[other], expected[other])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("step_size", [1e-3, 1.0, 1e6])
def test_bounds_hold_for_harsh_inputs(dtype, step_size):
    """0 <= u <= 1, v >= 0 and no gradient is NaN, for any magnitude of v0, gain and rates."""
    generator = torch.Generator().manual_seed(3)

    def harsh(values, *shape):
        table = torch.tensor(values, dtype=torch.float64)
        return table[torch.randint(len(values), shape, generator=generator)].to(dtype)

    values = [0.0, 5e-324, 1e-42, 1e-30, 1.0, 1e15, 1e30]
    fields = (harsh([0.0, 1e-42, 0.5, 1.0], 1, 9, 32), harsh(values, 1, 9, 32), harsh(values, 1, 9, 32))
    rates = (harsh([1e-30, 1e-3, 1.0, 1e6, 1e12], 1, 32) for _ in range(4))
    leaves = {name: x.requires_grad_() for name, x in zip(NAMES, (*fields, *rates), strict=True)}
    u, v = _triton(steps=3, step_size=step_size)(**leaves)
    assert torch.all(u >= 0)
    assert torch.all(u <= 1 + 100 * torch.finfo(dtype).eps)
    assert torch.all(v >= 0)
    for gradient in torch.autograd.grad(u.sum() + v.sum(), list(leaves.values())):
        assert not torch.isnan(gradient).any()


def test_twice_the_same_bits():
    leaves = {name: x.requires_grad_() for name, x in draw_inputs(2, 9, 17, torch.float32).items()}
    runs = []
    for _ in range(2):
        u, v = _triton(steps=3)(**leaves)
        runs.append((u, v, *torch.autograd.grad(u.sum() + v.sum(), list(leaves.values()))))
    assert all(torch.equal(x, y) for x, y in zip(*runs, strict=True))


def test_second_derivatives_are_refused():
    leaves = {name: x.requires_grad_() for name, x in draw_inputs(1, 3, 1).items()}
    u, _ = _triton(steps=2)(**leaves)
    (gradient,) = torch.autograd.grad(u.sum(), [leaves["u0"]], create_graph=True)
    with pytest.raises(RuntimeError, match="backend='reference'"):
        gradient.sum().backward()


def test_operator_checks_of_torch():
    arguments = [x.to(DEVICE).requires_grad_() for x in draw_inputs(2, 3, 2, torch.float32).values()]
    torch.library.opcheck(
        torch.ops.rdmf.reaction_diffusion_gpu.default, [*arguments, torch.tensor([3, 2], device=DEVICE), 1, 1.0]
    )


def test_compile_without_a_graph_break():
    inputs = {name: x.to(DEVICE).requires_grad_() for name, x in draw_inputs(2, 6, 5, torch.float32).items()}
    run = partial(reaction_diffusion, steps=2, backend="triton")
    compiled = torch.compile(run, fullgraph=True, backend="aot_eager")
    for got, expected in zip(compiled(**inputs), run(**inputs), strict=True):
        assert torch.equal(got, expected)


def test_the_default_backend():
    """Best on a GPU; in the interpreter, which is slow, only on demand."""
    assert available_backends("cuda")[-1] == "triton"
    if INTERPRETED:
        assert available_backends("cpu")[-1] != "triton"
