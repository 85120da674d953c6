"""The driven operator: the compiled pass computes what its definition says, gradients included."""

from functools import partial

import pytest
import torch

from rdmf_model.ops.reaction_diffusion import available_backends, reaction_diffusion
from rdmf_model.ops.reaction_diffusion.driven import (
    Drive,
    Rates,
    Readout,
    Start,
    Trace,
    _drive,
    _read,
    compose,
    driven_reaction_diffusion,
    driven_readout,
    read,
    relative_gain,
)

compiled = pytest.mark.skipif("cpu" not in available_backends("cpu"), reason="the CPU kernel was not built")
every_backend = pytest.mark.parametrize("backend", [name for name in available_backends("cpu") if name != "triton"])
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-11}


def make(batch, clips, channels, dtype=torch.float64, seed=0):
    """Tilts on both sides of [-1, 1] and of 0, and a drive within the ranges that designs have."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(low, high, *shape):
        return (low + (high - low) * torch.rand(shape, generator=generator, dtype=dtype)).requires_grad_()

    tilt = (0.8 * torch.randn(batch, clips, channels, generator=generator, dtype=dtype)).requires_grad_()
    ranges = ((0.3, 0.49), (0.2, 0.6), (0.5, 2.0), (-1.0, -0.1), (0.1, 1.0), (0.0, 0.9))
    drive = Drive(*(uniform(*ends, batch, channels) for ends in ranges))
    rates = Rates(*(uniform(*ends, batch, channels) for ends in ((0.02, 0.06), (0.02, 0.06), (2.0, 20.0), (0.2, 2.0))))
    return tilt, drive, rates


def by_definition(tilt, drive, rates, lengths=None, *, steps, backend="reference"):
    gain = drive.s[:, None] * relative_gain(tilt, drive.log_lo[:, None], drive.log_hi[:, None])
    operator = partial(reaction_diffusion, steps=steps, backend=backend)
    return compose(tilt, drive, rates, lengths, gain, operator)


@compiled
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize(
    ("shape", "steps", "lengths"),
    [
        ((2, 75, 256), 12, None),
        ((3, 63, 17), 12, [63, 0, 7]),
        ((2, 1, 1), 12, None),
        ((2, 2, 17), 3, [1, 2]),
        ((1, 500, 17), 32, None),
        ((2, 2500, 3), 1, [2500, 2100]),
        ((2, 9, 5), 0, [9, 3]),
        ((0, 5, 4), 12, None),
    ],
    ids=str,
)
def test_the_compiled_pass_is_the_definition(shape, steps, lengths, dtype):
    tilt, drive, rates = make(*shape, dtype)
    lengths = None if lengths is None else torch.tensor(lengths)
    results = []
    for run in (by_definition, driven_reaction_diffusion):
        outputs = run(tilt, drive, rates, lengths, steps=steps)
        generator = torch.Generator().manual_seed(1)
        loss = sum((x * torch.randn(x.shape, generator=generator, dtype=dtype)).sum() for x in outputs)
        gradients = torch.autograd.grad(loss, [tilt, *drive, *rates], allow_unused=True, materialize_grads=True)
        results.append((*outputs, *gradients))
    for expected, got in zip(*results, strict=True):
        size = float(expected.detach().abs().amax()) if expected.numel() else 0.0
        # what is 0 by cancellation (u*/u* - 1 at N = 0) is judged against 1
        torch.testing.assert_close(got, expected, rtol=0, atol=TOLERANCE[dtype] * max(size, 1.0))


@every_backend
def test_gradients_agree_with_finite_differences(backend):
    tilt, drive, rates = make(2, 5, 3)
    lengths = torch.tensor([5, 3])

    def run(tilt, *rows):
        return driven_reaction_diffusion(tilt, Drive(*rows[:6]), Rates(*rows[6:]), lengths, steps=4, backend=backend)

    assert torch.autograd.gradcheck(run, (tilt, *drive, *rates))


@every_backend
def test_padding_is_never_read_and_nan_stays_in_its_sample(backend):
    tilt, drive, rates = make(2, 9, 16)
    run = partial(driven_reaction_diffusion, lengths=torch.tensor([9, 4]), steps=5, backend=backend)
    base = run(tilt, drive, rates)
    with torch.no_grad():
        poisoned = tilt.clone()
        poisoned[1, 4:] = torch.nan
        for x, y in zip(base, run(poisoned, drive, rates), strict=True):
            assert torch.equal(x, y)
            assert not y[1, 4:].any()
        poisoned[1, 2, 3] = torch.nan
        activator, _ = run(poisoned, drive, rates)
    assert torch.equal(activator[0], base[0][0])
    assert bool(activator[1, :4, 3].isnan().all())
    assert int(activator.isnan().any(1).sum()) == 1


@compiled
def test_it_is_one_operator_for_torch():
    tilt, drive, rates = make(2, 7, 5, torch.float32)
    torch.library.opcheck(_drive, (tilt, torch.stack([*drive, *rates]), torch.tensor([7, 3]), 3))
    traced = torch.compile(partial(driven_reaction_diffusion, steps=3), fullgraph=True, backend="aot_eager")
    for x, y in zip(traced(tilt, drive, rates), driven_reaction_diffusion(tilt, drive, rates, steps=3), strict=True):
        torch.testing.assert_close(x, y)


@compiled
def test_it_is_traced_with_sizes_that_are_symbols_in_some_inputs():
    """As after another function was compiled with other sizes: torch.compile then takes these for symbols."""
    torch._dynamo.reset()
    tilt, drive, rates = make(2, 7, 5, torch.float32)
    for axis in range(3):
        torch._dynamo.maybe_mark_dynamic(tilt, axis)
    traced = torch.compile(partial(driven_reaction_diffusion, steps=3), fullgraph=True, backend="aot_eager")
    for x, y in zip(traced(tilt, drive, rates), driven_reaction_diffusion(tilt, drive, rates, steps=3), strict=True):
        torch.testing.assert_close(x, y)


@compiled
def test_a_second_derivative_is_refused():
    tilt, drive, rates = make(1, 4, 3)
    activator, _ = driven_reaction_diffusion(tilt, drive, rates, steps=2)
    (first,) = torch.autograd.grad(activator.sum(), tilt, create_graph=True)
    with pytest.raises(RuntimeError, match="cannot be differentiated twice"):
        torch.autograd.grad(first.sum(), tilt)


@compiled
@pytest.mark.parametrize("size", [80.0, 1e-3, 0.0])
def test_the_exponential_is_accurate(size):
    """One step without diffusion: what is read out depends on the gain and on nothing else."""
    tilt = torch.linspace(-1, 1, 4001, dtype=torch.float64)[None, :, None]
    one = torch.ones(1, 1, dtype=torch.float64)
    drive = Drive(0.4 * one, 0.3 * one, one, -size * one, size * one, 0 * one)
    rates = Rates(0.05 * one, 0.05 * one, 1e-300 * one, 1e-300 * one)
    expected = by_definition(tilt, drive, rates, steps=1)
    assert size == 0.0 or float(expected[0].std()) > 1e-5
    for x, y in zip(expected, driven_reaction_diffusion(tilt, drive, rates, steps=1), strict=True):
        torch.testing.assert_close(x, y, rtol=1e-12, atol=1e-13)


def test_relative_gain_ends_exactly_at_its_bounds():
    tilt = torch.tensor([-torch.inf, -2.0, -1.0, -0.5, 0.0, 1.0, 3.0, torch.nan])
    low, high = torch.tensor(-0.7), torch.tensor(0.9)
    ends = [low, low, low, 0.5 * low, 0 * low, high, high, 0 * high]
    assert torch.equal(relative_gain(tilt, low, high), torch.exp(torch.stack(ends)))


@pytest.mark.parametrize("backend", [name for name in available_backends("cpu") if name not in ("cpu", "triton")])
def test_other_backends_follow_the_definition(backend):
    tilt, drive, rates = make(2, 12, 4)
    lengths = torch.tensor([12, 5])
    expected = by_definition(tilt, drive, rates, lengths, steps=6)
    got = driven_reaction_diffusion(tilt, drive, rates, lengths, steps=6, backend=backend)
    for x, y in zip(expected, got, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-11, atol=1e-11)


@compiled
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("diffusion", [1.0, 0.05], ids=["of the whole", "in tiles"])
def test_segments_of_steps_are_the_definition(diffusion, dtype):
    """13 steps of 3000 clips exceed what a block may take backwards: states are computed again, from the tilt."""
    tilt, drive, rates = make(2, 3000, 3, dtype)
    rates = rates._replace(D_u=diffusion * rates.D_u, D_v=diffusion * rates.D_v)
    results = []
    for run in (partial(by_definition, backend="adjoint"), driven_reaction_diffusion):
        outputs = run(tilt, drive, rates, torch.tensor([3000, 2100]), steps=13)
        generator = torch.Generator().manual_seed(1)
        loss = sum((x * torch.randn(x.shape, generator=generator, dtype=dtype)).sum() for x in outputs)
        results.append((*outputs, *torch.autograd.grad(loss, [tilt, *drive, *rates])))
    for expected, got in zip(*results, strict=True):
        torch.testing.assert_close(
            got, expected, rtol=0, atol=TOLERANCE[dtype] * max(float(expected.detach().abs().max()), 1.0)
        )


def make_readout(batch, clips, channels, dtype=torch.float64):
    generator = torch.Generator().manual_seed(2)
    weights = (torch.randn(channels, generator=generator, dtype=dtype).requires_grad_() for _ in range(3))
    return Readout(*weights), torch.randn(batch, clips, channels, generator=generator, dtype=dtype).requires_grad_()


class TestReadout:
    """The readout within the pass, with a video that it is added to and without."""

    @compiled
    @pytest.mark.parametrize("with_video", [True, False])
    @pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
    @pytest.mark.parametrize(
        ("shape", "steps", "lengths"),
        [((2, 75, 256), 12, None), ((3, 63, 17), 5, [63, 0, 7]), ((1, 2500, 3), 1, [2100]), ((2, 9, 5), 0, [9, 3])],
        ids=str,
    )
    def test_is_its_definition(self, shape, steps, lengths, dtype, with_video):
        tilt, drive, rates = make(*shape, dtype)
        readout, video = make_readout(*shape, dtype)
        lengths = None if lengths is None else torch.tensor(lengths)
        video = video if with_video else None
        results = []
        for run in (
            lambda: read(*by_definition(tilt, drive, rates, lengths, steps=steps), readout, video),
            lambda: driven_readout(tilt, drive, rates, readout, video, lengths, steps=steps),
        ):
            outputs = run()
            generator = torch.Generator().manual_seed(1)
            loss = sum((x * torch.randn(x.shape, generator=generator, dtype=dtype)).sum() for x in outputs)
            leaves = [tilt, *drive, *rates, *readout] + ([video] if with_video else [])
            gradients = torch.autograd.grad(loss, leaves, allow_unused=True, materialize_grads=True)
            results.append((*outputs, *gradients))
        for expected, got in zip(*results, strict=True):
            size = float(expected.detach().abs().amax())
            torch.testing.assert_close(got, expected, rtol=0, atol=TOLERANCE[dtype] * max(size, 1.0))

    @compiled
    def test_gradients_agree_with_finite_differences(self):
        tilt, drive, rates = make(2, 5, 3)
        readout, video = make_readout(2, 5, 3)

        def run(tilt, video, *rows):
            parts = Drive(*rows[:6]), Rates(*rows[6:10]), Readout(*rows[10:])
            return driven_readout(tilt, *parts, video, torch.tensor([5, 3]), steps=4)

        assert torch.autograd.gradcheck(run, (tilt, video, *drive, *rates, *readout))

    @every_backend
    def test_padding_is_the_video_and_nan_stays_in_its_sample(self, backend):
        tilt, drive, rates = make(2, 9, 5)
        readout, video = make_readout(2, 9, 5)
        options = {"lengths": torch.tensor([9, 4]), "steps": 5, "backend": backend}
        run = partial(driven_readout, readout=readout, video=video, **options)
        with torch.no_grad():
            base = run(tilt, drive, rates)
            assert torch.equal(base[0][1, 4:], video[1, 4:])
            assert not base[1][1, 4:].any()
            poisoned = tilt.clone()
            poisoned[1, 4:] = torch.nan
            for x, y in zip(base, run(poisoned, drive, rates), strict=True):
                assert torch.equal(x, y)
            poisoned[1, 2, 3] = torch.nan
            fused, pattern = run(poisoned, drive, rates)
        assert torch.equal(fused[0], base[0][0])
        assert torch.equal(pattern[0], base[1][0])
        assert bool(fused[1, :4, 3].isnan().all() and pattern[1, :4].isnan().all())

    @compiled
    def test_is_one_operator_for_torch(self):
        tilt, drive, rates = make(2, 7, 5, torch.float32)
        readout, video = make_readout(2, 7, 5, torch.float32)
        rows = torch.stack([*drive, *(x.expand(2, 5) for x in readout), *rates])
        for x in (video, None):
            torch.library.opcheck(_read, (tilt, rows, x, torch.tensor([7, 3]), 3))
        run = partial(driven_readout, video=video, steps=3)
        traced = torch.compile(run, fullgraph=True, backend="aot_eager")
        arguments = (tilt, drive, rates, readout)
        for x, y in zip(traced(*arguments), run(*arguments), strict=True):
            torch.testing.assert_close(x, y)

    @compiled
    def test_a_second_derivative_is_refused(self):
        tilt, drive, rates = make(1, 4, 3)
        readout, video = make_readout(1, 4, 3)
        fused, _ = driven_readout(tilt, drive, rates, readout, video, steps=2)
        (first,) = torch.autograd.grad(fused.sum(), tilt, create_graph=True)
        with pytest.raises(RuntimeError, match="cannot be differentiated twice"):
            torch.autograd.grad(first.sum(), tilt)


class TestTrace:
    """What the registers held: the same answer to the bit, and numbers that belong to it."""

    @every_backend
    @pytest.mark.parametrize("with_video", [True, False], ids=["with a video", "without"])
    def test_a_trace_changes_no_bit_and_says_what_was_computed(self, backend, with_video):
        tilt, drive, rates = make(3, 63, 17, torch.float32)
        readout, video = make_readout(3, 63, 17, torch.float32)
        lengths, options = torch.tensor([63, 9, 1]), {"steps": 7, "backend": backend}
        arguments = (tilt, drive, rates, readout, video if with_video else None, lengths)
        found: list[Trace] = []
        with torch.no_grad():
            plain = driven_readout(*arguments, **options)
            traced = driven_readout(*arguments, **options, trace=found)
        assert torch.equal(plain[0], traced[0])
        assert torch.equal(plain[1], traced[1])
        (trace,) = found
        valid = (torch.arange(63) < lengths[:, None])[..., None]
        assert all(not x[~valid.expand_as(x)].any() for x in trace)
        wide = Drive(*(x.detach().double()[:, None] for x in drive))
        gain = wide.s * relative_gain(tilt.double(), wide.log_lo, wide.log_hi)
        v_0 = wide.v_star * (1 + wide.share * tilt.double())
        truth = [tilt.double(), gain, wide.u_star.expand_as(gain), v_0]
        truth += reaction_diffusion(*(x.detach() for x in (truth[2], v_0, gain)), *(x.detach().double() for x in rates),
                                    lengths, steps=7, backend="reference")  # fmt: skip
        for got, expected in zip(trace, truth, strict=True):
            torch.testing.assert_close(
                torch.where(valid, got.double(), 0.0), torch.where(valid, expected.detach(), 0.0), rtol=1e-4, atol=1e-5
            )

    @every_backend
    def test_steps_from_a_start_of_ones_own(self, backend):
        tilt, drive, rates = make(2, 40, 5)
        readout, _ = make_readout(2, 40, 5)
        start = Start(*torch.rand(3, 2, 40, 5, dtype=torch.float64))
        lengths, found = torch.tensor([40, 11]), []
        options = {"steps": 9, "backend": backend, "trace": found, "start": start}
        driven_readout(tilt, drive, rates, readout, None, lengths, **options)
        expected = reaction_diffusion(*start, *rates, lengths, steps=9, backend="reference")
        for got, truth in zip((found[0].u_N, found[0].v_N), expected, strict=True):
            torch.testing.assert_close(got, truth.detach(), rtol=1e-11, atol=1e-12)
        with pytest.raises(ValueError, match="start is for a run with a trace"):
            driven_readout(tilt, drive, rates, readout, None, lengths, steps=9, start=start)

    @compiled
    def test_tiles_are_traced_like_the_whole(self):
        """2500 clips go through in tiles, where diffusion is weak."""
        tilt, drive, rates = make(1, 2500, 3, torch.float32)
        rates = Rates(*(0.05 * x.detach() for x in rates))
        readout, _ = make_readout(1, 2500, 3, torch.float32)
        found: list[Trace] = []
        driven_readout(tilt, drive, rates, readout, None, None, steps=9, trace=found)
        expected = reaction_diffusion(*(x.double() for x in (found[0].u_0, found[0].v_0, found[0].gain)),
                                      *(x.double() for x in rates), steps=9, backend="adjoint")  # fmt: skip
        for got, truth in zip((found[0].u_N, found[0].v_N), expected, strict=True):
            torch.testing.assert_close(got.double(), truth, rtol=1e-4, atol=1e-5)
