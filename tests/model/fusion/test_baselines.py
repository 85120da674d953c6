"""Every fusion behind one interface: same call, any length, blind to padding, a gradient everywhere."""

import math

import numpy as np
import pytest
import torch

from rdmf_model.config.config import FUSIONS, ModelConfig, RegionConfig
from rdmf_model.fusion.base import FeedForward, FusionOutput, clip_positions
from rdmf_model.fusion.baselines import ConvolutionFusion, CrossAttentionFusion, NoFusion, SelfAttentionFusion
from rdmf_model.model.build import build_fusion
from rdmf_model.model.text import AttentionPooling

CHANNELS = 16
WITH_CONTEXT = [name for name in FUSIONS if name != "none"]


def make_fusion(name, seed=0):
    torch.manual_seed(seed)
    region = RegionConfig(wavelength=(6.0, 36.0), clips=(40, 80))
    config = ModelConfig(fusion=name, channels=CHANNELS, heads=4, feedforward=24, steps=4, region=region)
    return build_fusion(config).eval()


def make_inputs(lengths=(13, 6, 1), words=(4, 2, 1), seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    video_mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    text_mask = torch.arange(max(words)) < torch.tensor(words)[:, None]
    video = torch.randn(len(lengths), max(lengths), CHANNELS, generator=generator, dtype=dtype)
    text = torch.randn(len(words), max(words), CHANNELS, generator=generator, dtype=dtype)
    query = (text * text_mask[..., None]).sum(1) / text_mask.sum(1, keepdim=True)
    return video * video_mask[..., None], text * text_mask[..., None], query, video_mask, text_mask


def test_the_configuration_reaches_every_fusion():
    kinds = {name: type(make_fusion(name)) for name in FUSIONS}
    baselines = {
        "none": NoFusion,
        "convolution": ConvolutionFusion,
        "cross_attention": CrossAttentionFusion,
        "self_attention": SelfAttentionFusion,
    }
    assert len(set(kinds.values())) == len(FUSIONS)
    assert {name: kinds[name] for name in baselines} == baselines


@pytest.mark.parametrize("name", FUSIONS)
@pytest.mark.parametrize(
    ("lengths", "words"), [((1,), (1,)), ((2, 1), (1, 30)), ((300,), (77,)), ((13, 6, 1), (4, 2, 1))]
)
def test_any_number_of_clips_and_words(name, lengths, words):
    inputs = make_inputs(lengths, words)
    output = make_fusion(name)(*inputs)
    assert isinstance(output, FusionOutput)
    assert output.clips.shape == inputs[0].shape
    assert bool(torch.isfinite(output.clips).all())
    assert (output.pattern is not None) == (name == "reaction_diffusion")


@pytest.mark.parametrize("name", FUSIONS)
def test_padding_changes_nothing(name):
    """Neither more padding, nor what the padding holds."""
    fusion = make_fusion(name).double()
    video, text, query, video_mask, text_mask = make_inputs(dtype=torch.float64)
    base = fusion(video, text, query, video_mask, text_mask).clips[video_mask]
    pad = torch.nn.functional.pad
    longer = fusion(
        pad(video.masked_fill(~video_mask[..., None], 5.0), (0, 0, 0, 7), value=-3.0),
        pad(text.masked_fill(~text_mask[..., None], 4.0), (0, 0, 0, 5), value=2.0),
        query,
        pad(video_mask, (0, 7)),
        pad(text_mask, (0, 5)),
    ).clips
    torch.testing.assert_close(longer[:, : video.shape[1]][video_mask], base, atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", FUSIONS)
def test_samples_of_a_batch_do_not_mix(name):
    fusion = make_fusion(name).double()
    inputs = make_inputs((9, 9), (3, 3), dtype=torch.float64)
    together = fusion(*inputs).clips
    alone = fusion(*(x[1:] for x in inputs)).clips
    torch.testing.assert_close(together[1:], alone, atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", WITH_CONTEXT)
def test_a_fusion_with_context_sees_neighbours_and_text(name):
    fusion = make_fusion(name)
    if name == "reaction_diffusion":
        # untrained, its readout is zero and the clips pass unchanged
        torch.nn.init.normal_(fusion.activator_weight, generator=torch.Generator().manual_seed(2))
    video, text, query, video_mask, text_mask = make_inputs((12,), (3,))
    base = fusion(video, text, query, video_mask, text_mask).clips
    moved = video.clone()
    moved[0, 6] += 2 * torch.randn(CHANNELS, generator=torch.Generator().manual_seed(5))
    seen = (fusion(moved, text, query, video_mask, text_mask).clips - base).abs().amax(-1)[0]
    assert seen[5].item() > 1e-5
    assert seen[7].item() > 1e-5
    other = torch.randn(text.shape, generator=torch.Generator().manual_seed(1))
    changed = fusion(video, other, other.mean(1), video_mask, text_mask).clips
    assert (changed - base).abs().max().item() > 1e-4


def test_no_fusion_is_a_normalisation():
    video, *rest = make_inputs()
    clips = make_fusion("none")(video, *rest).clips[0].detach().numpy()
    x = video[0].numpy()
    expected = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(clips, expected, atol=1e-5)


def test_convolution_reaches_four_clips():
    fusion = make_fusion("convolution")
    video, text, query, video_mask, text_mask = make_inputs((20,), (2,))
    moved = video.clone()
    moved[0, 10] = 9.0
    difference = (
        fusion(moved, text, query, video_mask, text_mask).clips
        - fusion(video, text, query, video_mask, text_mask).clips
    )
    touched = (difference.abs().amax(-1)[0] > 1e-6).nonzero().flatten().tolist()
    assert touched == list(range(6, 15))


@pytest.mark.parametrize("name", FUSIONS)
def test_a_gradient_reaches_every_parameter(name):
    fusion = make_fusion(name)
    # off the initial zeros, behind which nothing can learn in the first step
    with torch.no_grad():
        for parameter in fusion.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    inputs = make_inputs((20, 11), (4, 2))
    output = fusion(*inputs)
    loss = (output.clips[inputs[3]] * torch.randn(31, CHANNELS)).sum()
    if output.pattern is not None:
        loss = loss + output.pattern.square().sum()
    loss.backward()
    without = [n for n, p in fusion.named_parameters() if p.grad is None or not bool((p.grad != 0).any())]
    assert not without
    assert all(bool(torch.isfinite(p.grad).all()) for p in fusion.parameters() if p.grad is not None)


def test_positions_by_the_formula():
    positions = clip_positions(50, 6, torch.device("cpu"), torch.float64).numpy()
    for t in (0, 1, 49):
        angles = [t * 10000 ** (-i / 3) for i in range(3)]
        expected = [*map(math.sin, angles), *map(math.cos, angles)]
        np.testing.assert_allclose(positions[t], expected, atol=1e-5)
    assert clip_positions(3, 5, torch.device("cpu"), torch.float32).shape == (3, 5)


def test_feed_forward_by_the_formula():
    torch.manual_seed(0)
    block = FeedForward(4, 8, 0.5).eval()
    x = torch.randn(2, 3, 4)
    y = (x - x.mean(-1, keepdim=True)) / (x.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    first, last = block.block[1], block.block[4]
    hidden = y @ first.weight.T + first.bias
    gelu = hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
    torch.testing.assert_close(block(x), x + gelu @ last.weight.T + last.bias)


def test_pooling_starts_as_the_mean_of_the_words_and_ignores_padding():
    torch.manual_seed(0)
    pooling = AttentionPooling(CHANNELS)
    _, text, query, _, text_mask = make_inputs()
    torch.testing.assert_close(pooling(text.masked_fill(~text_mask[..., None], 9.0), text_mask), query)
    with torch.no_grad():
        pooling.score.weight.normal_()
    weights = np.exp(text[0].numpy() @ pooling.score.weight.detach().numpy()[0])
    expected = (weights[:, None] * text[0].numpy()).sum(0) / weights.sum()
    np.testing.assert_allclose(pooling(text, text_mask)[0].detach().numpy(), expected, atol=1e-5)
