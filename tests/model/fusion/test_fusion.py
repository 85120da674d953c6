"""The fusion layer: contrast by definition, steps by the theory, admissible for any text, at rest without a score."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rdmf_model.constraints.constraint import DesignConstraint
from rdmf_model.fusion.reaction_diffusion import CONTRAST_RADIUS, ReactionDiffusionFusion, local_contrast
from rdmf_model.ops.reaction_diffusion import available_backends
from rdmf_theory.chart import Parameters
from rdmf_theory.errors import ParameterError
from rdmf_theory.layer.step import semi_implicit_step

CHANNELS, STEPS = 16, 12


def make_fusion(seed=0, trained=True, **changes):
    """A layer in evaluation mode; `trained` moves every parameter off its initial value."""
    torch.manual_seed(seed)
    settings_ = {"channels": CHANNELS, "constraint": DesignConstraint(), "steps": STEPS, "heads": 4} | changes
    fusion = ReactionDiffusionFusion(**settings_).eval()
    if trained:
        with torch.no_grad():
            for parameter in fusion.parameters():
                parameter.add_(0.2 * torch.randn_like(parameter))
    return fusion


def make_inputs(lengths=(11, 7, 1), words=3, seed=0, channels=CHANNELS, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    video_mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    video = torch.randn(len(lengths), max(lengths), channels, generator=generator) * video_mask[..., None]
    text = torch.randn(len(lengths), words, channels, generator=generator)
    text_mask = torch.ones(len(lengths), words, dtype=torch.bool)
    return video.to(dtype), text.to(dtype), text.mean(1).to(dtype), video_mask, text_mask


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_one_pass_is_start_steps_and_readout_by_themselves(dropout):
    fusion = make_fusion(channels=8, dropout=dropout).train().double()
    inputs = make_inputs(channels=8, dtype=torch.float64)
    inputs[0].requires_grad_()
    results = []
    for fused in (True, False):
        fusion.fused = fused
        torch.manual_seed(3)
        output = fusion(*inputs)
        loss = output.clips.square().sum() + output.pattern.square().sum()
        leaves = [inputs[0], *fusion.parameters()]
        results.append((output.clips, output.pattern, *torch.autograd.grad(loss, leaves)))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


# contrast


def direct_contrast(x, valid, radius, floor=1e-2):
    """`local_contrast` of one head by the definition."""
    result = np.zeros_like(x)
    for t in np.flatnonzero(valid):
        near = [i for i in range(max(0, t - radius), min(len(x), t + radius + 1)) if valid[i]]
        result[t] = (x[t] - x[near].mean()) / math.sqrt(x[near].var() + floor**2)
    return result


@settings(max_examples=40)
@given(
    st.integers(1, 40), st.integers(1, 12), st.floats(0, 1), st.sampled_from([0.0, 1.0, -30.0]), st.integers(0, 10**6)
)
def test_contrast_equals_a_direct_window(clips, radius, share, offset, seed):
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((2, clips, 3)) + offset
    valid = generator.random((2, clips)) < share
    poisoned = np.where(valid[..., None], x, np.nan)
    got = local_contrast(torch.from_numpy(poisoned), torch.from_numpy(valid), radius).numpy()
    for row in range(2):
        for head in range(3):
            np.testing.assert_allclose(
                got[row, :, head], direct_contrast(x[row, :, head], valid[row], radius), atol=1e-8
            )


def test_contrast_does_not_drift_over_a_long_video():
    clips, radius = 3000, 20
    x = np.random.default_rng(0).standard_normal(clips) + 100.0
    got = local_contrast(torch.from_numpy(x.astype(np.float32))[None, :, None], torch.ones(1, clips).bool(), radius)
    expected = direct_contrast(x.astype(np.float32).astype(float), np.ones(clips, dtype=bool), radius)
    np.testing.assert_allclose(got[0, :, 0].numpy(), expected, atol=1e-5)


def test_contrast_is_local():
    x = torch.randn(1, 60, 2, generator=torch.Generator().manual_seed(0))
    changed = x.clone()
    changed[:, 40:] = 9.0
    mask = torch.ones(1, 60, dtype=torch.bool)
    difference = (local_contrast(x, mask, 5) - local_contrast(changed, mask, 5)).abs().amax((0, 2))
    assert float(difference[:35].max()) < 1e-6
    assert float(difference[35]) > 1e-3


@pytest.mark.parametrize("value", [0.0, 1.0, -7.3, 1e4])
def test_contrast_of_a_constant_is_zero(value):
    got = local_contrast(torch.full((1, 200, 1), value), torch.ones(1, 200).bool(), 10)
    assert got.abs().max().item() < 1e-4


def test_contrast_differentiates_at_a_constant():
    x = torch.ones(1, 9, 1, requires_grad=True)
    local_contrast(x, torch.ones(1, 9).bool(), 3).square().sum().backward()
    assert x.grad is not None
    assert bool(torch.isfinite(x.grad).all())


# the layer


def test_shapes_for_any_length_and_zero_pattern_in_the_padding():
    fusion = make_fusion()
    for lengths in ((1,), (2, 1), (300, 40)):
        inputs = make_inputs(lengths)
        output = fusion(*inputs)
        assert output.clips.shape == inputs[0].shape
        assert output.pattern is not None
        assert output.pattern.shape == inputs[0].shape[:2]
        assert bool(torch.isfinite(output.clips).all())
        assert bool((output.pattern[~inputs[3]] == 0).all())
        assert bool((output.pattern[inputs[3]] != 0).any()) or lengths == (1,)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-13)])
@pytest.mark.parametrize("backend", [None, *available_backends("cpu")])
def test_padding_changes_nothing(backend, dtype, tolerance):
    fusion = make_fusion(backend=backend).to(dtype)
    video, text, query, video_mask, text_mask = make_inputs(dtype=dtype)
    base = fusion(video, text, query, video_mask, text_mask)
    longer = torch.nn.functional.pad(video, (0, 0, 0, 9), value=3.0)
    mask = torch.nn.functional.pad(video_mask, (0, 9))
    output = fusion(longer, text, query, mask, text_mask)
    torch.testing.assert_close(output.clips[:, :11][video_mask], base.clips[video_mask], atol=tolerance, rtol=0)
    torch.testing.assert_close(output.pattern[:, :11], base.pattern, atol=tolerance, rtol=0)
    assert bool((output.pattern[:, 11:] == 0).all())


def test_samples_of_a_batch_do_not_mix():
    fusion = make_fusion().double()
    inputs = make_inputs(dtype=torch.float64)
    together = fusion(*inputs)
    for row, length in enumerate((11, 7, 1)):
        alone = fusion(
            *(x[row : row + 1, :length] if x is inputs[0] or x is inputs[3] else x[row : row + 1] for x in inputs)
        )
        torch.testing.assert_close(alone.clips[0], together.clips[row, :length], atol=1e-12, rtol=0)
        torch.testing.assert_close(alone.pattern[0], together.pattern[row, :length], atol=1e-12, rtol=0)


def test_every_backend_gives_the_same():
    inputs = make_inputs((40, 23))
    names = available_backends("cpu")
    assert "reference" in names
    outputs, gradients = [], []
    for name in names:
        fusion = make_fusion(backend=name)
        output = fusion(*inputs)
        loss = output.clips.square().sum() + output.pattern.sin().sum()
        gradients.append(torch.autograd.grad(loss, list(fusion.parameters())))
        outputs.append(output)
    for output, gradient in zip(outputs[1:], gradients[1:], strict=True):
        torch.testing.assert_close(output.clips, outputs[0].clips, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(output.pattern, outputs[0].pattern, atol=1e-5, rtol=1e-5)
        for got, expected in zip(gradient, gradients[0], strict=True):
            scale = float(expected.abs().max()) + 1e-3
            assert float((got - expected).abs().max()) < 2e-4 * scale


def test_the_layer_is_the_theory_run_by_hand():
    """Designs and scores in, numpy's semi-implicit steps, readout: channel by channel."""
    fusion = make_fusion().double()
    inputs = make_inputs((13,), dtype=torch.float64)
    video, _, query, video_mask, _ = inputs
    with torch.no_grad():
        output = fusion(*inputs)
        design = fusion.design(query)
        score = fusion.score(video, query, video_mask)[0].numpy()
        activator, substrate = np.zeros((13, CHANNELS)), np.zeros((13, CHANNELS))
        for channel in range(CHANNELS):
            at = design.map(lambda x, channel=channel: x[0, channel])
            listening = fusion.listening[channel].numpy()
            listening = listening / max(1.0, np.abs(listening).sum())
            tilt = np.tanh(fusion.gain_scale.numpy() * score) @ listening
            bound = np.where(tilt >= 0, np.log(float(at.gain_hi)), -np.log(float(at.gain_lo)))
            gain = np.exp(float(fusion.constraint.modulation_fraction) * tilt * bound)
            u = np.full(13, float(at.u_star))
            v = float(at.v_star) * (1 + 0.9 / (1 + np.exp(-float(fusion.initial_share[channel]))) * tilt)
            parameters = Parameters(*(float(getattr(at, name)) for name in ("F", "k", "s", "D_u", "D_v")))
            for _ in range(STEPS):
                u, v = semi_implicit_step(u, v, float(at.s) * gain, parameters)
            change = v / float(at.v_star) - 1
            activator[:, channel] = change / (1 + np.abs(change) / 2)
            substrate[:, channel] = u / float(at.u_star) - 1
        read = fusion.activator_weight * torch.from_numpy(activator)
        read = read + fusion.substrate_weight * torch.from_numpy(substrate)
        expected = fusion.norm(fusion.feedforward(video[0] + read))
        torch.testing.assert_close(output.clips[0], expected, atol=1e-8, rtol=1e-8)
        weight = fusion.pattern_scale * torch.softmax(fusion.pattern_weight, 0)
        torch.testing.assert_close(output.pattern[0], torch.from_numpy(activator) @ weight, atol=1e-8, rtol=1e-8)


@pytest.mark.parametrize("text", [0.0, 1.0, 1e4, 1e18, 1e30, 3e38])
def test_any_finite_text_gives_admissible_parameters_and_finite_outputs(text):
    fusion = make_fusion()
    video, _, query, video_mask, text_mask = make_inputs()
    query = query.sign() * text
    design = fusion.design(query)
    failed = {name: c.margin for name, c in fusion.constraint.check(design).items() if not c.holds}
    assert not failed
    output = fusion(video, query[:, None], query, video_mask, text_mask[:, :1])
    assert bool(torch.isfinite(output.clips).all())
    assert bool(torch.isfinite(output.pattern).all())


@pytest.mark.parametrize("text_scale", [1.0, 1e30])
@pytest.mark.parametrize("scale", [0.0, 1e4, 1e15, 1e30])
def test_any_video_keeps_the_fields_finite_and_positive(scale, text_scale):
    fusion = make_fusion()
    video, text, query, video_mask, text_mask = make_inputs()
    output = fusion(video * scale, text, query * text_scale, video_mask, text_mask)
    assert bool(torch.isfinite(output.pattern).all())
    # p(v/v* - 1) lies in (-2/3, 2) for v > 0
    assert bool((output.pattern.abs() < 2.0).all())


def test_the_gain_stays_in_its_interval():
    fusion = make_fusion()
    with torch.no_grad():
        fusion.gain_scale.mul_(100.0)
    video, _, query, video_mask, _ = make_inputs()
    design = fusion.design(query).map(lambda x: x[:, None])
    tilt = fusion.tilt(fusion.score(video, query, video_mask) * 100)
    assert bool((tilt.abs() <= 1 + 1e-6).all())
    gain = fusion.constraint.modulate(design, 100 * tilt)
    assert bool(((gain > design.gain_lo) & (gain < design.gain_hi)).all())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_base_state_stays_put_without_a_score(dtype):
    """Well-balanced: at score 0 the gain is 1, the fields start at (u*, v*), and no step moves them."""
    fusion = make_fusion().to(dtype)
    with torch.no_grad():
        fusion.similarity_scale.zero_()
        fusion.salience.weight.zero_()
        fusion.score_offset.zero_()
    video, text, query, video_mask, text_mask = make_inputs((64, 30), dtype=dtype)
    output = fusion(video, text, query, video_mask, text_mask)
    tolerance = 1e-4 if dtype == torch.float32 else 1e-13
    assert output.pattern.abs().max().item() < tolerance
    expected = fusion.norm(fusion.feedforward(video))
    torch.testing.assert_close(output.clips[video_mask], expected[video_mask], atol=10 * tolerance, rtol=0)


@torch.no_grad()
def test_a_uniform_video_has_no_pattern_before_training():
    """Contrast removes what all clips share, so nothing stands out where nothing differs."""
    fusion = make_fusion(trained=False)
    video, text, query, video_mask, text_mask = make_inputs((20, 20))
    output = fusion(video[:, :1].expand_as(video), text, query, video_mask, text_mask)
    assert output.pattern.abs().max().item() < 1e-3


@torch.no_grad()
def test_an_untrained_layer_marks_the_clips_that_match_the_text():
    fusion = make_fusion(trained=False)
    video, text, query, video_mask, text_mask = make_inputs((60,), seed=3)
    video[0, 20:30] += 3 * query[0]
    output = fusion(video, text, query, video_mask, text_mask)
    outside = torch.cat([output.pattern[0, :17], output.pattern[0, 33:]])
    assert output.pattern[0, 20:30].min().item() > float(outside.mean())
    assert output.pattern[0, 20:30].mean().item() > float(outside.mean()) + 3 * float(outside.std())


def test_a_gradient_reaches_every_parameter():
    fusion = make_fusion(backend="reference")
    inputs = make_inputs((30, 18))
    output = fusion(*inputs)
    (output.clips.square() * torch.randn(CHANNELS)).sum().add(output.pattern.square().sum()).backward()
    without = [name for name, p in fusion.named_parameters() if p.grad is None or not bool((p.grad != 0).any())]
    assert not without
    assert all(bool(torch.isfinite(p.grad).all()) for p in fusion.parameters() if p.grad is not None)
    grad = fusion.design_base.grad
    assert grad is not None
    # each coordinate of the design learns, in every channel
    assert bool((grad != 0).all())


def test_gradients_agree_with_finite_differences():
    fusion = make_fusion(heads=2, channels=4, steps=4, backend="reference").double()
    video, text, query, video_mask, text_mask = make_inputs((6, 4), channels=4, dtype=torch.float64)
    weight = torch.randn(2, 6, 4, dtype=torch.float64)

    def loss():
        output = fusion(video, text, query, video_mask, text_mask)
        return (output.clips[video_mask] * weight[video_mask]).sum() + output.pattern.sum()

    parameters = [fusion.design_base, fusion.gain_scale, fusion.initial_share, fusion.similarity_scale]
    gradients = torch.autograd.grad(loss(), parameters)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        direction = torch.randn_like(parameter)
        with torch.no_grad():
            parameter.add_(direction, alpha=1e-5)
            above = loss()
            parameter.add_(direction, alpha=-2e-5)
            below = loss()
            parameter.add_(direction, alpha=1e-5)
        assert float(above - below) / 2e-5 == pytest.approx(float((gradient * direction).sum()), rel=1e-5, abs=1e-7)


@pytest.mark.parametrize(("channels", "heads"), [(20, 8), (4, 8), (16, 0)])
def test_channels_that_do_not_divide_are_refused(channels, heads):
    with pytest.raises(ParameterError, match="multiple of heads"):
        make_fusion(channels=channels, heads=heads)


def test_contrast_radius_covers_the_usual_video():
    assert CONTRAST_RADIUS >= 75
