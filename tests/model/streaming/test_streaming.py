"""Streams and windows equal the offline layer within their bound, whatever the chunking, in bounded memory."""

import copy
import dataclasses
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rdmf_model.config.config import ModelConfig, RegionConfig
from rdmf_model.fusion.reaction_diffusion import CONTRAST_RADIUS
from rdmf_model.model.build import build_model
from rdmf_model.ops.reaction_diffusion import available_backends
from rdmf_model.streaming.halo import plan_windows
from rdmf_model.streaming.streaming import StreamingFusion, windowed_fusion
from rdmf_theory.errors import ParameterError
from tests.model.fusion.test_fusion import CHANNELS, make_fusion

# rounding of the layer itself, in float64
FLOOR = 1e-11
# without the kernel a block takes half a second: fewer examples and no tiny blocks
COMPILED = "cpu" in available_backends("cpu")


@pytest.fixture(scope="module")
def fusion():
    return make_fusion().double()


def make_video(clips, seed=0, channels=CHANNELS, dtype=torch.float64):
    """Clips that change slowly, as videos do, and a query."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(clips + 3, channels, generator=generator, dtype=dtype)
    return noise[:-3] + noise[1:-2] + noise[2:-1], torch.randn(channels, generator=generator, dtype=dtype)


@torch.no_grad()
def offline(fusion, video, query):
    mask = torch.ones(1, len(video), dtype=torch.bool)
    output = fusion(video[None], query[None, None], query[None], mask, None)
    return output.clips[0], output.pattern[0]


def run(stream, video, sizes):
    """Push `video` in chunks of these sizes, the last one repeated; checks that outputs come without gaps."""
    outputs, start = [], 0
    for size in itertools.chain(sizes, itertools.repeat(max(sizes[-1], 1))):
        if start >= len(video):
            break
        outputs.append(stream.push(video[start : start + size]))
        start += size
    outputs.append(stream.flush())
    done = 0
    for output in outputs:
        assert output.start == done
        done += len(output.clips)
    assert done == len(video)
    return torch.cat([x.clips for x in outputs]), torch.cat([x.pattern for x in outputs])


def difference(found, expected):
    return max(float((a - b).abs().max()) for a, b in zip(found, expected, strict=True))


@settings(max_examples=25 if COMPILED else 8)
@given(
    st.integers(1, 900),
    st.lists(st.integers(0, 300), min_size=1, max_size=6),
    st.integers(1 if COMPILED else 80, 200),
    st.integers(0, 99),
)
def test_a_stream_is_the_offline_layer_for_any_chunking(fusion, clips, sizes, block, seed):
    video, query = make_video(clips, seed)
    stream = StreamingFusion(fusion, query, block=block)
    assert stream.bound == stream.plan.bound <= 1e-6
    found = run(stream, video, sizes)
    assert difference(found, offline(fusion, video, query)) <= stream.bound + FLOOR
    again = run(StreamingFusion(fusion, query, block=block), video, [1 + seed])
    assert all(torch.equal(a, b) for a, b in zip(found, again, strict=True))


@settings(max_examples=15 if COMPILED else 6)
@given(st.integers(200, 500), st.integers(0, 120), st.integers(20, 90), st.integers(0, 99))
def test_the_bound_of_the_clips_at_hand_holds_for_any_halo(fusion, clips, halo, block, seed):
    video, query = make_video(clips, seed)
    stream = StreamingFusion(fusion, query, halo=halo, block=block, certify=True)
    found = run(stream, video, [64])
    assert difference(found, offline(fusion, video, query)) <= stream.bound + FLOOR
    assert stream.bound <= stream.plan.bound


def test_the_bound_of_the_clips_at_hand_says_something(fusion):
    """With half of the certified halo the layer is still right to 1e-6, provably, on this video."""
    video, query = make_video(700)
    halo = plan_windows(fusion, query).halo // 2
    stream = StreamingFusion(fusion, query, halo=halo, block=100, certify=True)
    run(stream, video, [100])
    assert 0 < stream.bound < 1e-6 < stream.plan.bound


def test_too_little_halo_is_noticed(fusion):
    """What the tests above would show if windows had no halo: an error far above the tolerance."""
    video, query = make_video(700)
    found = run(StreamingFusion(fusion, query, halo=0, block=100), video, [100])
    assert difference(found, offline(fusion, video, query)) > 1e-3


def test_the_ends_of_the_video_are_its_reflecting_ends(fusion):
    """The first block sees the start and the last one the end, so their errors come from one cut alone, far away."""
    video, query = make_video(600)
    plan = plan_windows(fusion, query)
    found, expected = windowed_fusion(fusion, video, query, block=40)[0].clips, offline(fusion, video, query)[0]
    assert float((found[:5] - expected[:5]).abs().max()) < FLOOR
    assert float((found[-5:] - expected[-5:]).abs().max()) < FLOOR
    # a video within reach of one block is the offline layer
    short, _ = make_video(min(plan.halo, 60))
    found, _ = windowed_fusion(fusion, short, query, block=60)
    assert difference(found, offline(fusion, short, query)) < 1e-14


def test_windows_are_streams(fusion):
    video, query = make_video(500)
    found, plan = windowed_fusion(fusion, video, query, block=90)
    streamed = run(StreamingFusion(fusion, query, block=90), video, [7, 300])
    assert all(torch.equal(a, b) for a, b in zip(found, streamed, strict=True))
    assert plan == plan_windows(fusion, query)


def test_samples_of_a_ragged_batch_are_streams(fusion):
    lengths = (300, 130, 1)
    videos = [make_video(length, seed)[0] for seed, length in enumerate(lengths)]
    query = make_video(1, 9)[1]
    padded = torch.nn.utils.rnn.pad_sequence(videos, batch_first=True)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    with torch.no_grad():
        batch = fusion(padded, query.expand(3, 1, -1), query.expand(3, -1), mask, None)
    for row, (video, length) in enumerate(zip(videos, lengths, strict=True)):
        found = run(StreamingFusion(fusion, query, block=32), video, [50])
        assert difference(found, (batch.clips[row, :length], batch.pattern[row, :length])) <= 1e-6


def test_float32_agrees_up_to_rounding():
    fusion = make_fusion()
    video, query = make_video(700, dtype=torch.float32)
    found = run(StreamingFusion(fusion, query, block=128), video, [100])
    assert difference(found, offline(fusion, video, query)) < 1e-5


def test_a_clip_comes_out_after_the_latency_at_the_latest(fusion):
    video, query = make_video(700)
    stream = StreamingFusion(fusion, query, halo=20, block=8)
    # radius + halo, rounded up to blocks, and the block itself
    assert stream.latency == 96 + 8 - 1
    assert stream.plan.reach == CONTRAST_RADIUS + 20
    delays = []
    for pushed in range(1, 301):
        output = stream.push(video[pushed - 1 : pushed])
        delays += [pushed - 1 - clip for clip in range(output.start, output.start + len(output.clips))]
    assert max(delays) == stream.latency
    assert len(delays) == 300 - 300 % 8 - 96


def test_memory_does_not_grow_over_a_hundred_thousand_clips():
    fusion = make_fusion(channels=8, steps=2)
    # chunks and blocks are in step again after 32 chunks
    video, query = make_video(1000, channels=8, dtype=torch.float32)
    stream = StreamingFusion(fusion, query, halo=30, block=256)
    sizes, pushed = [], 0
    while pushed < 100_000:
        stream.push(video)
        pushed += len(video)
        sizes.append(stream.state_bytes())
    assert len(sizes) == 100
    assert max(sizes[40:]) <= max(sizes[:40])
    # clips that a later block needs, projected and matched, and one unfinished block
    assert max(sizes) <= 4 * (8 + fusion.salience.out_features) * (2 * stream.plan.reach + 3 * 256)


def test_a_clip_that_is_not_finite_is_named_and_not_taken(fusion):
    video, query = make_video(400)
    stream = StreamingFusion(fusion, query, halo=10, block=50)
    outputs = [stream.push(video[:130])]
    bad = video[130:150].clone()
    bad[7, 3] = np.nan
    with pytest.raises(ParameterError, match="Clip 137 of the stream"):
        stream.push(bad)
    outputs += [stream.push(video[130:]), stream.flush()]
    expected = run(StreamingFusion(fusion, query, halo=10, block=50), video, [400])
    assert torch.equal(torch.cat([x.clips for x in outputs]), expected[0])


def test_an_empty_video_has_no_clips(fusion):
    stream = StreamingFusion(fusion, make_video(1)[1])
    assert len(stream.push(torch.empty(0, CHANNELS)).clips) == 0
    assert stream.flush().clips.shape == (0, CHANNELS)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    region = RegionConfig(wavelength=(6.0, 12.0), clips=(32, 2048))
    model = build_model(ModelConfig(channels=16, heads=2, feedforward=16, steps=6, region=region), 6, 5).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def test_a_model_streams_its_saliency(model):
    from tests.model.streaming.test_long_video import make_batch

    batch = make_batch(500)
    with torch.no_grad():
        expected = model(batch)
    stream = StreamingFusion(model, batch.text[0], block=40)
    outputs = [stream.push(batch.video[0, start : start + 33]) for start in range(0, 500, 33)] + [stream.flush()]
    saliency, pattern = (torch.cat([getattr(x, name) for x in outputs]) for name in ("saliency", "pattern"))
    torch.testing.assert_close(saliency, expected["saliency_scores"][0], rtol=0, atol=2e-5)
    torch.testing.assert_close(pattern, expected["pattern"][0], rtol=0, atol=2e-5)
    assert 0 < stream.saliency_bound < 1e-5


@settings(max_examples=10)
@given(st.integers(0, 40), st.booleans(), st.integers(0, 99))
def test_the_bound_of_the_saliency_holds_for_any_halo(model, halo, certify, seed):
    from tests.model.streaming.test_long_video import make_batch

    double, batch = copy.deepcopy(model).double(), make_batch(250, seed=seed)
    batch = dataclasses.replace(batch, video=batch.video.double(), text=batch.text.double())
    with torch.no_grad():
        expected = double(batch)["saliency_scores"][0]
    stream = StreamingFusion(double, batch.text[0], halo=halo, block=50, certify=certify)
    assert stream.saliency_bound == 0
    saliency = torch.cat([stream.push(batch.video[0]).saliency, stream.flush().saliency])
    error = float((saliency - expected).abs().max())
    assert error <= stream.saliency_bound + FLOOR
    # and follows the bound of the clips
    assert stream.saliency_bound <= 20 * stream.bound


BAD = {
    "block": ({"block": 0}, "block must be"),
    "halo": ({"halo": -1}, "halo must be"),
    "tolerance": ({"tolerance": 0.0}, "tolerance must be"),
    "query": ({"text": torch.zeros(3)}, "pooled query"),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_bad_arguments_are_refused(fusion, change, message):
    arguments = {"layer": fusion, "text": torch.zeros(CHANNELS).double()} | change
    with pytest.raises(ParameterError, match=message):
        StreamingFusion(**arguments)


def test_what_cannot_be_streamed_is_refused(fusion, model):
    query = torch.zeros(CHANNELS).double()
    with pytest.raises(ParameterError, match=r"fusion\.eval\(\)"):
        StreamingFusion(make_fusion().train(), query.float())
    other = build_model(ModelConfig(channels=16, heads=2, fusion="convolution"), 6, 5).eval()
    with pytest.raises(ParameterError, match="no certified halo"):
        StreamingFusion(other, torch.zeros(3, 5))
    with pytest.raises(ParameterError, match="words"):
        StreamingFusion(model, torch.zeros(3, 4))
    stream = StreamingFusion(fusion, query)
    with pytest.raises(ParameterError, match="floating-point of shape"):
        stream.push(torch.zeros(2, 3))
    stream.flush()
    for call in (stream.flush, lambda: stream.push(torch.zeros(2, CHANNELS))):
        with pytest.raises(ParameterError, match="Make a new StreamingFusion"):
            call()
