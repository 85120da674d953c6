"""The compiled match equals its definition in torch, outputs and gradients, at any size and number of threads."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from rdmf_model.ops.reaction_diffusion import available_backends
from rdmf_model.ops.scores.text_match import text_match, text_match_reference

needs_kernel = pytest.mark.skipif("cpu" not in available_backends("cpu"), reason="the CPU kernel is not built")
NAMES = ("video", "query", "scale", "weight")
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-11}
# batch, clips, channels, heads, scores
SIZES = [
    (2, 75, 256, 8, 40),
    (1, 300, 64, 8, 40),
    (3, 9, 30, 6, 7),
    (2, 5, 7, 1, 1),
    (2, 3, 12, 3, 60),
    (1, 1, 2, 1, 3),
    (0, 5, 8, 2, 4),
    (2, 0, 8, 2, 4),
]


def make(batch, clips, channels, heads, scores, dtype=torch.float64, seed=0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = ((batch, clips, channels), (batch, channels), (heads,), (scores, channels))
    return [torch.randn(shape, generator=generator, dtype=dtype) for shape in shapes]


def differentiated(operator, inputs, cotangent) -> tuple[Tensor, ...]:
    leaves = [x.detach().clone().requires_grad_() for x in inputs]
    result = operator(*leaves)
    return result.detach(), *torch.autograd.grad(result, leaves, cotangent.to(result))


def check(inputs, tolerance, cotangent=None, operator=text_match) -> None:
    """Result and gradients of an operator beside those of the definition in float64, rows relative to their largest."""
    if cotangent is None:
        generator = torch.Generator().manual_seed(1)
        cotangent = torch.randn(*inputs[0].shape[:2], len(inputs[3]), generator=generator, dtype=torch.float64)
    truth = differentiated(text_match_reference, [x.double() for x in inputs], cotangent)
    found = differentiated(operator, inputs, cotangent)
    for name, expected, got in zip(("match", *NAMES), truth, found, strict=True):
        assert got.dtype == inputs[0].dtype
        assert bool(got.isfinite().all()), name
        size = expected.abs().amax(-1, keepdim=True) if expected.numel() else expected
        assert bool(((got.double() - expected).abs() <= tolerance * size).all()), name


def test_definition_in_words():
    """Score by score as the module's docstring says, by torch's own cosine; with a kernel and without."""
    video, query, scale, weight = make(2, 9, 12, 4, 6)
    for backend in (None, "reference"):
        match = text_match(video, query, scale, weight, backend)
        for score in range(6):
            own = (video * weight[score]).sum(-1)
            part = slice(3 * score, 3 * score + 3) if score in (2, 3) else slice(None)
            cosine = nn.functional.cosine_similarity(video[..., part], query[:, None, part], dim=-1)
            expected = own if score >= 4 else scale[score] * cosine + own
            torch.testing.assert_close(match[..., score], expected, rtol=1e-12, atol=1e-12)


@needs_kernel
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_kernel_equals_definition(size, dtype):
    check(make(*size, dtype), TOLERANCE[dtype])


@pytest.mark.parametrize("operator", [pytest.param(text_match, marks=needs_kernel), text_match_reference])
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_clips_and_texts_of_any_length(dtype, operator):
    """Zeros, far below the norm that counts as zero, and so large or small that squares leave float32."""
    video, query, scale, weight = make(8, 9, 32, 4, 6, dtype)
    for clip, size in enumerate((0.0, 1e-30, 1e-20, 1e-13, 1e-9, 1e9, 1e18)):
        video[:, clip] *= size
    video[0, 7, :8] = 0
    video[1, 7, 8:] *= 1e-15
    for sample, size in enumerate((1.0, 0.0, 1e-30, 1e-13, 1e-9, 1e9, 1e18)):
        query[sample] *= size
    query[7, 8:16] = 0
    cotangent = torch.randn(8, 9, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    # Each clip by itself: gradients that are sums over clips would be those of the smallest.
    for clip in range(9):
        one = (video[:, clip : clip + 1], query, scale, weight)
        check(one, 4 * TOLERANCE[dtype], cotangent[:, clip : clip + 1], operator)


@pytest.mark.parametrize("backend", [None, "reference"])
def test_a_text_beyond_the_square_root_of_the_range_keeps_its_direction(backend):
    """Found by `rdmf verify` without the kernel: |q|² was infinite, the cosine 0, the tilt that of no text."""
    video, query, scale, weight = make(2, 9, 12, 4, 6, torch.float32)
    plain = text_match(video, query, scale, weight, backend)
    torch.testing.assert_close(text_match(video, 1e30 * query, scale, weight, backend), plain, rtol=1e-5, atol=1e-5)


@needs_kernel
def test_gradient_by_finite_differences():
    inputs = [x.requires_grad_() for x in make(2, 4, 12, 3, 5)]
    assert torch.autograd.gradcheck(text_match, inputs)


@needs_kernel
def test_nan_stays_in_its_clip_and_its_sample():
    inputs = make(3, 9, 32, 4, 6, torch.float32)
    cotangent = torch.ones(3, 9, 6)
    base = differentiated(text_match, inputs, cotangent)
    inputs[0][0, 2, 5] = torch.nan
    inputs[1][1, 3] = torch.nan
    match, video_bar, query_bar, *_ = differentiated(text_match, inputs, cotangent)
    expected, expected_video_bar, expected_query_bar, *_ = differentiated(text_match_reference, inputs, cotangent)
    assert torch.equal(match.isnan(), expected.isnan())
    assert torch.equal(video_bar.isnan(), expected_video_bar.isnan())
    assert torch.equal(query_bar.isnan(), expected_query_bar.isnan())
    assert torch.equal(match[2], base[0][2])
    assert torch.equal(video_bar[2], base[1][2])


@needs_kernel
def test_the_number_of_threads_and_the_batch_change_no_bit():
    inputs = make(3, 700, 256, 8, 40, torch.float32)
    cotangent = torch.randn(3, 700, 40, generator=torch.Generator().manual_seed(1))
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            results.append(differentiated(text_match, inputs, cotangent))
    finally:
        torch.set_num_threads(before)
    for one, three in zip(*results, strict=True):
        assert torch.equal(one, three)
    alone = text_match(inputs[0][1:2, 37:42], inputs[1][1:2], *inputs[2:])
    assert torch.equal(alone, results[0][0][1:2, 37:42])


@needs_kernel
def test_layouts_do_not_matter():
    video, query, scale, weight = make(2, 6, 8, 2, 5)
    turned = (video.transpose(1, 2).contiguous().transpose(1, 2), query.expand(2, 8), scale, weight.T.contiguous().T)
    cotangent = torch.ones(1, 1, 1).double().expand(2, 6, 5)
    for x, y in zip(
        differentiated(text_match, (video, query, scale, weight), cotangent),
        differentiated(text_match, turned, cotangent),
        strict=True,
    ):
        assert torch.equal(x, y)


@needs_kernel
def test_is_an_operator_of_torch_library():
    inputs = [x.requires_grad_() for x in make(2, 9, 12, 3, 5, torch.float32)]
    torch.library.opcheck(torch.ops.rdmf.text_match.default, inputs)
    traced = torch.compile(text_match, fullgraph=True, backend="aot_eager")
    assert torch.equal(traced(*inputs), text_match(*inputs))


def test_half_precision_and_export_follow_the_definition():
    inputs = make(2, 9, 12, 3, 5, torch.float32)
    halves = [x.bfloat16() for x in inputs]
    assert torch.equal(text_match(*halves), text_match_reference(*halves))

    class Match(torch.nn.Module):
        def forward(self, *inputs):
            return text_match(*inputs)

    clips = torch.export.Dim("clips", min=2, max=99)
    program = torch.export.export(Match(), tuple(inputs), dynamic_shapes=(({1: clips}, None, None, None),))
    longer = make(2, 31, 12, 3, 5, torch.float32)
    torch.testing.assert_close(program.module()(*longer), text_match_reference(*longer))
    assert not [node for node in program.graph.nodes if "rdmf" in str(node.target)]


@needs_kernel
def test_second_derivatives_are_refused_with_the_remedy_that_works():
    inputs = make(1, 3, 4, 2, 3)
    video = inputs[0].requires_grad_()

    def gradient(backend: str | None) -> Tensor:
        match = text_match(video, *inputs[1:], backend=backend)
        return torch.autograd.grad(match.square().sum(), video, create_graph=True)[0]

    with pytest.raises(RuntimeError, match="backend='reference'"):
        torch.autograd.grad(gradient(None).sum(), video)
    assert torch.autograd.grad(gradient("reference").square().sum(), video)[0].isfinite().all()
