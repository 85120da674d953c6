"""Every backend against the reference: outputs, all gradients, ragged lengths, precisions, threads, torch.library."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

from rdmf_model.bench.measure import peak_bytes
from rdmf_model.ops.native.library import status
from rdmf_model.ops.reaction_diffusion import available_backends, reaction_diffusion
from tests.checks import check_operator
from tests.ops.problems import NAMES, draw_inputs, padding_mask, ragged_lengths

FAST = ("adjoint", "cpu")
DTYPES = {"float32": (torch.float32, 1e-5), "float64": (torch.float64, 1e-11)}


@pytest.fixture(params=("reference", *FAST))
def backend(request):
    return _require(request.param)


@pytest.fixture(params=FAST)
def fast(request):
    return _require(request.param)


def _require(name):
    if name not in available_backends("cpu"):
        pytest.skip(f"the {name} backend is not available: {status()}")
    return name


# (batch, clips, channels, steps): every length with every width, batch and steps as long as the plain loop allows.
SHAPES = [(3, clips, channels, 4) for clips in (1, 2, 63, 75) for channels in (1, 17, 256)]
SHAPES += [(2, 500, 1, 2), (2, 500, 17, 2), (1, 500, 256, 1), (2, 2048, 1, 1), (1, 2048, 17, 1), (1, 2048, 256, 1)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("batch", "clips", "channels", "steps"), SHAPES)
def test_equals_the_reference(fast, batch, clips, channels, steps, dtype):
    inputs = draw_inputs(batch, clips, channels, DTYPES[dtype][0])
    lengths = ragged_lengths(batch, clips)
    mask = padding_mask(lengths, clips)
    run = partial(reaction_diffusion, lengths=lengths, steps=steps)
    check_operator(
        partial(run, backend="reference"),
        partial(run, backend=fast),
        inputs,
        {name: mask.expand_as(inputs[name]) for name in ("u0", "v0", "gain")},
        tolerance=DTYPES[dtype][1],
        output_padding=mask.expand(batch, clips, channels),
    )


@pytest.mark.parametrize(("batch", "clips", "steps", "step_size"), [(0, 9, 3, 1.0), (2, 12, 0, 1.0), (2, 9, 17, 0.25)])
def test_equals_the_reference_without_lengths(fast, batch, clips, steps, step_size):
    run = partial(reaction_diffusion, steps=steps, step_size=step_size)
    inputs = draw_inputs(batch, clips, 5)
    check_operator(partial(run, backend="reference"), partial(run, backend=fast), inputs, {}, tolerance=1e-11)


def test_equals_the_reference_when_states_are_checkpointed():
    """110 steps of 160 clips: the states of all steps exceed the kernel's cache budget, so it works in segments."""
    _require("cpu")
    run = partial(reaction_diffusion, lengths=torch.tensor([160, 111]), steps=110)
    inputs = draw_inputs(2, 160, 3)
    check_operator(partial(run, backend="adjoint"), partial(run, backend="cpu"), inputs, {}, tolerance=1e-11)


class TestTiles:
    """4000 clips exceed the kernel's cache budget: it goes through them in tiles and cuts off what is not felt."""

    LENGTHS = torch.tensor([4000, 2999])

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_equals_the_reference(self, dtype):
        _require("cpu")
        run = partial(reaction_diffusion, lengths=self.LENGTHS, steps=2)
        inputs = draw_inputs(2, 4000, 3, DTYPES[dtype][0])
        others = [partial(run, backend=name) for name in ("reference", "cpu")]
        check_operator(*others, inputs, {}, tolerance=DTYPES[dtype][1])

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("diffusion", [1.0, 0.05], ids=["segments of the whole", "segments in tiles"])
    def test_equals_the_adjoint_in_segments_of_steps(self, diffusion, dtype):
        """13 steps of 3000 clips exceed what a block may take backwards: states are computed again."""
        _require("cpu")
        run = partial(reaction_diffusion, lengths=torch.tensor([3000, 2100]), steps=13)
        inputs = draw_inputs(2, 3000, 3, DTYPES[dtype][0])
        inputs |= {name: diffusion * inputs[name] for name in ("D_u", "D_v")}
        others = [partial(run, backend=name) for name in ("adjoint", "cpu")]
        check_operator(*others, inputs, {}, tolerance=DTYPES[dtype][1])

    @pytest.mark.parametrize(("batch", "clips"), [(6, 600), (1, 8192)], ids=str)
    def test_memory_hardly_grows_with_the_steps(self, batch, clips):
        """Gradients and outputs are 5 fields; all states of one block of channels would be another 25 at T = 8192."""
        _require("cpu")
        before = torch.get_num_threads()
        torch.set_num_threads(1)  # each has a block of its own
        inputs = [x.requires_grad_() for x in draw_inputs(batch, clips, 256, torch.float32).values()]
        run = partial(reaction_diffusion, steps=100, backend="cpu")
        cotangents = [torch.ones(batch, clips, 256)] * 2
        try:
            peak = peak_bytes(lambda: torch.autograd.grad(run(*inputs), inputs, cotangents))
        finally:
            torch.set_num_threads(before)
        if peak is None:
            pytest.skip("peak memory is measured on Linux only")
        assert peak < 7.5 * 4 * batch * clips * 256

    def test_tiles_are_used(self):
        """Else the last clip would be felt, as NaN, by all others of its channel."""
        _require("cpu")
        inputs = draw_inputs(2, 4000, 3, torch.float32)
        dirty = inputs | {"v0": inputs["v0"].clone()}
        dirty["v0"][0, -1, 1] = torch.nan
        run = partial(reaction_diffusion, lengths=self.LENGTHS, steps=2, backend="cpu")
        for got, expected in zip(run(**dirty), run(**inputs), strict=True):
            assert torch.equal(got[:, :3000], expected[:, :3000])
            assert torch.isnan(got[0, -100:, 1]).all()

    def test_strong_diffusion_is_not_cut(self):
        """D_u = 1e6 carries further than there are clips; there is no tile then, and the result is as exact."""
        _require("cpu")
        inputs = draw_inputs(1, 3000, 2) | {"D_u": torch.tensor([[1e6, 3e4]], dtype=torch.float64)}
        run = partial(reaction_diffusion, steps=1)
        others = [partial(run, backend=name) for name in ("reference", "cpu")]
        check_operator(*others, inputs, {}, tolerance=1e-11)


def test_gradients_by_finite_differences(backend):
    inputs = [x.requires_grad_() for x in draw_inputs(2, 6, 2).values()]
    run = partial(reaction_diffusion, lengths=torch.tensor([6, 4]), steps=5, backend=backend)
    assert torch.autograd.gradcheck(run, inputs, atol=1e-7)


def test_second_derivatives_by_the_reference():
    inputs = [x.requires_grad_() for x in draw_inputs(1, 3, 1).values()]
    assert torch.autograd.gradgradcheck(partial(reaction_diffusion, steps=2, backend="reference"), inputs, atol=1e-6)


def test_second_derivatives_are_refused_by_the_others(fast):
    inputs = [x.requires_grad_() for x in draw_inputs(1, 3, 1).values()]

    def twice():
        u, _ = reaction_diffusion(*inputs, steps=2, backend=fast)
        (gradient,) = torch.autograd.grad(u.sum(), inputs[:1], create_graph=True)
        gradient.sum().backward()

    with pytest.raises(RuntimeError, match="backend='reference'"):
        twice()


def test_broadcast_arguments_receive_summed_gradients(backend):
    full = draw_inputs(3, 7, 4)
    small = {
        "u0": full["u0"][:1, :1],
        "v0": full["v0"][:, :, :1],
        "gain": full["gain"][:, :1],
        "F": full["F"][0, 0],
        "k": full["k"][0],
        "D_u": full["D_u"][:, :1],
        "D_v": full["D_v"],
    }
    whole = {
        "u0": (3, 7, 4),
        "v0": (3, 7, 4),
        "gain": (3, 7, 4),
        "F": (3, 4),
        "k": (3, 4),
        "D_u": (3, 4),
        "D_v": (3, 4),
    }

    def expanded(**arguments):
        return reaction_diffusion(**{n: x.expand(whole[n]) for n, x in arguments.items()}, steps=3, backend="reference")

    check_operator(expanded, partial(reaction_diffusion, steps=3, backend=backend), small, {}, tolerance=1e-11)


def test_strided_inputs(fast):
    plain = draw_inputs(2, 8, 6)
    strided = plain | {
        "u0": plain["u0"].transpose(0, 1).contiguous().transpose(0, 1),
        "v0": plain["v0"].transpose(1, 2).contiguous().transpose(1, 2),
        "gain": torch.stack((plain["gain"], plain["gain"]), dim=-1)[..., 0],
    }
    run = partial(reaction_diffusion, steps=3, backend=fast)
    for got, expected in zip(run(**strided), run(**plain), strict=True):
        assert torch.equal(got, expected)


def test_nan_stays_in_its_sample_and_channel(backend):
    clean = draw_inputs(3, 9, 5)
    dirty = {name: x.clone() for name, x in clean.items()}
    dirty["v0"][1, 4, 2] = float("nan")
    run = partial(reaction_diffusion, steps=3, backend=backend)
    other = torch.ones(3, 9, 5, dtype=torch.bool)
    other[1, :, 2] = False
    for got, expected in zip(run(**dirty), run(**clean), strict=True):
        assert torch.isnan(got[1, :, 2]).all()
        assert torch.equal(got[other], expected[other])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(backend, dtype):
    inputs = draw_inputs(2, 9, 5, dtype)
    half = reaction_diffusion(**inputs, steps=4, backend=backend)
    full = reaction_diffusion(**{name: x.float() for name, x in inputs.items()}, steps=4, backend=backend)
    for got, expected in zip(half, full, strict=True):
        assert got.dtype == dtype
        assert torch.equal(got, expected.to(dtype))


def test_any_number_of_threads_gives_the_same_bits():
    _require("cpu")
    inputs = [x.requires_grad_() for x in draw_inputs(7, 60, 130, torch.float32).values()]
    results = []
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 3, 8):
            torch.set_num_threads(threads)
            outputs = reaction_diffusion(*inputs, steps=10, backend="cpu")
            results.append((*outputs, *torch.autograd.grad(outputs, inputs, [torch.ones_like(y) for y in outputs])))
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(x, y) for x, y in zip(results[0], other, strict=True))


@pytest.mark.parametrize("variant", ["avx2", "baseline"])
def test_every_instruction_set_of_the_kernel(variant, tmp_path):
    """The kernel picks its instruction set once per process, so the lesser ones run in their own."""
    _require("cpu")
    program = Path(__file__).with_name("variant_program.py")
    root = program.parents[2]
    environment = os.environ | {"RDMF_CPU_VARIANT": variant, "PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, str(program), variant], env=environment, capture_output=True, text=True)
    if done.returncode == 77:
        pytest.skip(f"this processor does not have {variant}")
    assert done.returncode == 0, done.stderr


class TestTorchLibrary:
    """The compiled kernel is one node to torch.compile and torch.export."""

    arguments = staticmethod(lambda: [*draw_inputs(2, 6, 5, torch.float32).values(), torch.tensor([6, 3]), 3, 1.0])

    def test_opcheck(self):
        _require("cpu")
        arguments = self.arguments()
        for x in arguments[: len(NAMES)]:
            x.requires_grad_()
        torch.library.opcheck(torch.ops.rdmf.reaction_diffusion.default, arguments)

    def test_export_with_any_batch(self):
        _require("cpu")

        class Layer(torch.nn.Module):
            def forward(self, u, v, gain, rate, lengths):
                return reaction_diffusion(u, v, gain, rate, rate, rate, rate, lengths, steps=3, backend="cpu")

        inputs = draw_inputs(2, 6, 5, torch.float32)
        arguments = (inputs["u0"], inputs["v0"], inputs["gain"], inputs["F"], torch.tensor([6, 3]))
        batch = torch.export.Dim("batch")
        program = torch.export.export(Layer(), arguments, dynamic_shapes=({0: batch},) * 5)
        assert "rdmf.reaction_diffusion.default" in {str(node.target) for node in program.graph.nodes}
        larger = tuple(torch.cat((x, x[:1])) for x in arguments)
        for got, expected in zip(program.module()(*larger), Layer()(*larger), strict=True):
            assert torch.equal(got, expected)

    def test_compile_without_a_graph_break(self):
        _require("cpu")
        *tensors, lengths, steps, _ = self.arguments()
        run = partial(reaction_diffusion, lengths=lengths, steps=steps, backend="cpu")
        compiled = torch.compile(run, fullgraph=True, backend="aot_eager")
        leaves = [x.requires_grad_() for x in tensors]
        for got, expected in zip(compiled(*leaves), run(*leaves), strict=True):
            assert torch.equal(got, expected)
        got = torch.autograd.grad(sum(y.sum() for y in compiled(*leaves)), leaves)
        expected = torch.autograd.grad(sum(y.sum() for y in run(*leaves)), leaves)
        assert all(torch.equal(x, y) for x, y in zip(got, expected, strict=True))
