"""Spans as weights on clips: compared with integration over the time axis; heads compared with their formulas."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rdmf_model.model.heads import (
    EVIDENCE,
    BoundaryHead,
    MomentDecoder,
    SaliencyHead,
    inverse_sigmoid,
    self_similarity,
    span_evidence,
    span_mean,
    span_mean_of,
    span_weights,
    standardise,
)

FINE = 2000


def integrated_mean(values, centre, width, length):
    """Mean of a step function over the part of [centre ± width/2] that lies in the video, by midpoint sampling."""
    low, high = centre * length - max(width * length, 1) / 2, centre * length + max(width * length, 1) / 2
    low, high = max(low, 0.0), min(high, float(length))
    at = low + (np.arange(FINE) + 0.5) / FINE * (high - low)
    return values[np.minimum(at.astype(int), length - 1)].mean()


@settings(max_examples=60)
@given(st.integers(1, 20), st.integers(0, 7), st.floats(0, 1), st.floats(0, 1), st.integers(0, 10**6))
def test_span_mean_integrates_over_the_part_of_the_span_inside_the_video(length, extra, centre, width, seed):
    values = np.random.default_rng(seed).standard_normal(length)
    x = torch.full((1, length + extra, 1), 1e6, dtype=torch.float64)
    x[0, :length, 0] = torch.from_numpy(values)
    spans = torch.tensor([[[centre, width]]], dtype=torch.float64)
    mean = span_mean(x, spans, torch.tensor([length]))
    expected = integrated_mean(values, centre, width, length)
    # the midpoint rule errs by one sample at each jump
    assert float(mean) == pytest.approx(expected, abs=2 * (length + 2) * np.abs(values).max() / FINE)
    row = span_mean_of(x.transpose(1, 2), spans, torch.tensor([length]))
    assert float(row) == pytest.approx(float(mean), rel=1e-12)


@settings(max_examples=40)
@given(st.integers(1, 15), st.floats(0, 1), st.floats(0, 1))
def test_span_weights_are_shares_that_sum_to_one_whatever_the_padding(length, centre, width):
    spans = torch.tensor([[[centre, width]]])
    weights = span_weights(spans, length, torch.tensor([length]))
    assert float(weights.sum()) == pytest.approx(1.0, abs=1e-5)
    assert bool((weights >= 0).all())
    longer = span_weights(spans, length + 9, torch.tensor([length]))
    assert torch.equal(longer[..., :length], weights)
    assert bool((longer[..., length:] == 0).all())


@settings(max_examples=40)
@given(st.floats(0.05, 0.95), st.floats(0, 1), st.floats(-1, 1), st.floats(-1, 1))
def test_span_weights_are_continuous(centre, width, shift, stretch):
    step = 1e-7
    lengths = torch.tensor([12])
    here = torch.tensor([[[centre, width]]], dtype=torch.float64)
    moved = here + step * torch.tensor([shift, stretch], dtype=torch.float64)
    change = (span_weights(here, 12, lengths) - span_weights(moved, 12, lengths)).abs().max()
    # each edge moves by at most 1.5 * 12 * step clips, and the covered length is at least half a clip
    assert float(change) < 12 * 12 * step


def test_a_span_outside_the_video_weighs_nothing():
    spans = torch.tensor([[[1.4, 0.1], [-0.3, 0.2]]])
    assert bool((span_weights(spans, 20, torch.tensor([10])) == 0).all())


def test_evidence_of_a_hand_example():
    """Ten clips, a span over clips 2 to 5, salience 1 there; flanks of two clips; votes claim [0.3, 0.6]."""
    saliency = torch.zeros(1, 10)
    saliency[0, 2:6] = 1.0
    saliency[0, 0:2] = torch.tensor([-1.0, -0.5])
    saliency[0, 6:8] = torch.tensor([0.25, 0.5])
    votes = torch.tensor([0.0, 1.0]).repeat(1, 10, 1)
    votes[0, 2:6] = torch.tensor([0.3, 0.6])
    voted, evidence = span_evidence(torch.tensor([[[0.4, 0.4]]]), votes, saliency, torch.tensor([10]))
    torch.testing.assert_close(voted, torch.tensor([[[0.3, 0.6]]]))
    # IoU of [0.2, 0.6] and [0.3, 0.6] is 3/4; edges are 1 and 0 clips from the votes
    expected = [0.4, 0.4, math.log(5), math.tanh(0.25), 0.0, 0.75, 1.0, -0.75, 0.375, 0.625]
    assert len(expected) == EVIDENCE
    torch.testing.assert_close(evidence[0, 0], torch.tensor(expected), atol=1e-6, rtol=0)


def test_evidence_does_not_depend_on_padding():
    generator = torch.Generator().manual_seed(0)
    spans = torch.rand(2, 6, 2, generator=generator)
    spans[:, 0] = torch.tensor([0.95, 0.3])
    votes = torch.rand(2, 11, 2, generator=generator).sort(-1).values
    saliency = torch.randn(2, 11, generator=generator)
    lengths = torch.tensor([11, 11])
    short = span_evidence(spans, votes, saliency, lengths)
    votes = torch.nn.functional.pad(votes, (0, 0, 0, 5), value=1.0)
    long = span_evidence(spans, votes, torch.nn.functional.pad(saliency, (0, 5)), lengths)
    for a, b in zip(short, long, strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=0)


def test_boundary_spans_reach_from_the_clip_centre_and_stay_in_the_video():
    distance = torch.tensor([[[0.5, 1.5], [1.0, 2.0], [9.0, 9.0], [0.25, 0.25]]])
    spans = BoundaryHead.spans(distance, torch.tensor([4]))
    expected = torch.tensor([[0.0, 2.0], [0.5, 3.5], [0.0, 4.0], [3.25, 3.75]]) / 4
    torch.testing.assert_close(spans[0], expected)


def test_boundary_distances_are_positive_and_blind_to_padding():
    torch.manual_seed(0)
    head = BoundaryHead(8)
    with torch.no_grad():
        head.out.weight.mul_(100.0)
    clips = torch.randn(2, 7, 8)
    valid = torch.tensor([[True] * 7, [True] * 4 + [False] * 3])
    distance = head(clips, valid)
    assert bool((distance > 0).all())
    assert bool(torch.isfinite(distance).all())
    disturbed = torch.where(valid[..., None], clips, 1e4)
    torch.testing.assert_close(head(disturbed, valid)[valid], distance[valid])


def test_saliency_is_scaled_cosine_plus_linear():
    torch.manual_seed(0)
    head = SaliencyHead(6, scale=3.0)
    clips, query = torch.randn(2, 5, 6), torch.randn(2, 6)
    x, q = clips.numpy(), query.numpy()
    cosine = (x * q[:, None]).sum(-1) / np.linalg.norm(x, axis=-1) / np.linalg.norm(q, axis=-1)[:, None]
    plain = x @ head.plain.weight.detach().numpy()[0] + head.plain.bias.detach().numpy()
    np.testing.assert_allclose(head(clips, query).detach().numpy(), 3 * cosine + plain, atol=1e-5)
    assert bool(torch.isfinite(head(torch.zeros(1, 2, 6), torch.zeros(1, 6))).all())
    # the query enters by its direction alone
    torch.testing.assert_close(head(clips, 50 * query), head(clips, query))


def test_standardise_is_over_valid_clips():
    x = torch.tensor([[1.0, 2.0, 6.0, 1e6], [5.0, 5.0, 5.0, 5.0]])
    mask = torch.tensor([[True, True, True, False], [True] * 4])
    values = np.array([1.0, 2.0, 6.0])
    expected = (values - 3.0) / math.sqrt(values.var() + 1e-4)
    result = standardise(x, mask)
    np.testing.assert_allclose(result[0].numpy(), [*expected, 0.0], atol=1e-6)
    assert bool((result[1] == 0).all())


@given(st.floats(0, 1))
def test_inverse_sigmoid_inverts_up_to_its_margin(x):
    back = float(torch.sigmoid(inverse_sigmoid(torch.tensor(x, dtype=torch.float64))))
    assert back == pytest.approx(min(max(x, 1e-3), 1 - 1e-3), abs=1e-9)


def decoder_arguments(seed=0, clips=12, queries=4, channels=8):
    generator = torch.Generator().manual_seed(seed)
    return {
        "spans": torch.rand(2, queries, 2, generator=generator).mul(0.6).add(0.2),
        "clips": torch.randn(2, clips, channels, generator=generator),
        "votes": torch.rand(2, clips, 2, generator=generator).sort(-1).values,
        "saliency": torch.randn(2, clips, generator=generator),
        "lengths": torch.tensor([clips, clips - 3]),
        "video_mask": torch.arange(clips) < torch.tensor([[clips], [clips - 3]]),
    }


def test_untrained_decoder_moves_edges_a_fixed_share_towards_the_votes():
    torch.manual_seed(0)
    decoder = MomentDecoder(8, 2, 16, 0.0, layers=1, learned=None).eval()
    arguments = decoder_arguments()
    [(logits, spans)] = decoder(**arguments)
    centre, width = arguments["spans"].unbind(-1)
    edges = torch.stack([centre - width / 2, centre + width / 2], -1)
    voted = span_mean(arguments["votes"], arguments["spans"], arguments["lengths"])
    share = torch.sigmoid(decoder.refine.bias.detach()[:2])
    moved = edges + share * (voted - edges)
    expected = torch.stack([moved.mean(-1), moved[..., 1] - moved[..., 0]], -1).clamp(1e-3, 1 - 1e-3)
    torch.testing.assert_close(spans, expected, atol=1e-5, rtol=0)
    assert logits.shape == (2, 4)


def test_every_decoder_layer_answers_and_learned_queries_are_spans():
    torch.manual_seed(0)
    decoder = MomentDecoder(8, 2, 16, 0.0, layers=3, learned=4).eval()
    outputs = decoder(**decoder_arguments())
    assert len(outputs) == 3
    for logits, spans in outputs:
        assert bool(torch.isfinite(logits).all())
        assert bool(((spans > 0) & (spans < 1)).all())
    initial = decoder.initial_spans(5)
    assert initial is not None
    assert initial.shape == (5, 4, 2)
    assert bool(((initial > 0) & (initial < 1)).all())
    assert MomentDecoder(8, 2, 16, 0.0, layers=1, learned=None).initial_spans(5) is None


@pytest.mark.parametrize("clips", [1, 3, 20])
def test_self_similarity_is_the_cosine_with_each_neighbour(clips):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, clips, 5, generator=generator, dtype=torch.float64)
    lengths = (clips, max(1, clips - 2))
    mask = torch.arange(clips) < torch.tensor(lengths)[:, None]
    features[~mask] = 1e6
    similarity = self_similarity(features, mask, reach=4)
    assert similarity.shape == (2, clips, 8)
    for row, length in enumerate(lengths):
        for t in range(clips):
            for offset in range(1, 5):
                for column, other in ((2 * offset - 2, t - offset), (2 * offset - 1, t + offset)):
                    inside = t < length and 0 <= other < length
                    a, b = features[row, t].numpy(), features[row, other].numpy() if 0 <= other < clips else None
                    expected = a @ b / np.linalg.norm(a) / np.linalg.norm(b) if inside else 0.0
                    assert similarity[row, t, column].item() == pytest.approx(expected, abs=1e-12)
