"""Losses compared with numbers worked out by hand or by a numpy loop; least where they ought to be."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import binary_cross_entropy

from rdmf_model.config.config import LossConfig
from rdmf_model.model.heads import BoundaryHead
from rdmf_model.model.spans import span_xx_to_cxw
from rdmf_model.training.losses import (
    MomentLoss,
    Targets,
    alignment_loss,
    boundary_loss,
    contrastive_loss,
    dense_targets,
    moment_losses,
    paired_giou,
    ranking_loss,
    saliency_loss,
)
from tests.model.batches import make_batch, padded


def targets_of(relevance, valid=None, saliency=None, window=None):
    relevance = torch.tensor(relevance, dtype=torch.bool)
    valid = torch.ones_like(relevance) if valid is None else torch.tensor(valid, dtype=torch.bool)
    saliency = relevance.float() if saliency is None else torch.tensor(saliency)
    window = torch.zeros(*relevance.shape, 2) if window is None else torch.tensor(window)
    return Targets(valid, relevance, valid & ~relevance, saliency, window)


def softplus(x):
    return math.log1p(math.exp(-abs(x))) + max(x, 0.0)


# dense targets


def test_dense_targets_of_a_hand_example():
    batch = make_batch([4, 2], [1, 1], [[(0.0, 0.25), (0.5, 1.0)], [(0.5, 1.0)]])
    saliency = torch.tensor([[4.0, 1.0, math.nan, 2.0], [math.nan] * 4])
    targets = dense_targets(dataclasses.replace(batch, saliency=saliency))
    assert targets.valid.tolist() == [[True] * 4, [True, True, False, False]]
    assert targets.relevance.tolist() == [[True, False, True, True], [False, True, False, False]]
    # the annotators' score over 4; relevance where there is none; nothing in the padding
    assert targets.saliency.tolist() == [[1.0, 0.25, 1.0, 0.5], [0.0, 1.0, 0.0, 0.0]]
    assert targets.window[0].tolist() == [[0.0, 0.25], [0.0, 0.0], [0.5, 1.0], [0.5, 1.0]]
    assert targets.window[1, 1].tolist() == [0.5, 1.0]


def test_dense_targets_know_the_window_of_every_relevant_clip():
    """A window narrower than a clip may miss every clip centre; the clip that holds it is relevant all the same."""
    narrow = [(0.26, 0.3), (0.8, 1.0)]
    batch = make_batch([4, 5], [1, 1], [narrow, [(0.0, 0.05)]])
    batch.relevance[0, 1] = batch.relevance[1, 0] = True
    targets = dense_targets(batch)
    torch.testing.assert_close(targets.window[0, 1], torch.tensor([0.26, 0.3]))
    torch.testing.assert_close(targets.window[0, 3], torch.tensor([0.8, 1.0]))
    torch.testing.assert_close(targets.window[1, 0], torch.tensor([0.0, 0.05]))
    distance = torch.rand(2, 5, 2, generator=torch.Generator().manual_seed(0)).add(0.1)
    assert float(boundary_loss(distance, targets, batch.video_lengths)) < 2.0


# saliency


def test_saliency_loss_weighs_both_classes_the_same():
    scores = torch.tensor([[2.0, -1.0, 0.5, 7.0]])
    targets = targets_of([[True, False, False, False]], [[True, True, True, False]])
    expected = (softplus(-2.0) + (softplus(-1.0) + softplus(0.5)) / 2) / 2
    assert float(saliency_loss(scores, targets)) == pytest.approx(expected, rel=1e-6)


def test_saliency_loss_without_a_positive_clip_is_the_negatives_alone():
    targets = targets_of([[False, False]])
    assert float(saliency_loss(torch.tensor([[1.0, -3.0]]), targets)) == pytest.approx(
        (softplus(1.0) + softplus(-3.0)) / 4
    )


def test_saliency_loss_vanishes_at_the_perfect_prediction():
    targets = targets_of([[True, False, True], [False, True, False]])
    scores = torch.where(targets.relevance, 40.0, -40.0)
    assert float(saliency_loss(scores, targets)) < 1e-15


# contrast


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 6), st.floats(0.1, 2.0))
def test_contrastive_loss_is_a_cross_entropy_of_softmaxes(seed, length, temperature):
    generator = np.random.default_rng(seed)
    scores = generator.standard_normal((3, 6)).astype(np.float32)
    saliency = np.zeros((3, 6), dtype=np.float32)
    saliency[0, :length] = generator.random(length)
    saliency[1, 0] = 1.0
    # the third query has no salient clip and does not count
    valid = np.arange(6) < np.array([[length], [6], [4]])
    expected = 0.0
    for row in (0, 1):
        logits = scores[row][valid[row]].astype(float) / temperature
        log_probability = logits - np.log(np.exp(logits).sum())
        mass = saliency[row][valid[row]].astype(float)
        expected -= (mass / mass.sum() * log_probability).sum() / 2
    targets = targets_of(saliency > 0, valid, saliency)
    assert float(contrastive_loss(torch.from_numpy(scores), targets, temperature)) == pytest.approx(expected, rel=1e-4)


def test_contrastive_loss_is_least_where_the_softmax_is_the_target():
    saliency = torch.tensor([[1.0, 0.5, 0.25, 0.25]])
    targets = targets_of([[True] * 4], None, saliency.tolist())
    probability = saliency / saliency.sum()
    best = (probability.log() * 0.5).requires_grad_()
    loss = contrastive_loss(best, targets, 0.5)
    assert loss.item() == pytest.approx(float(-(probability * probability.log()).sum()), rel=1e-6)
    (gradient,) = torch.autograd.grad(loss, best)
    assert float(gradient.abs().max()) < 1e-6


def test_contrastive_loss_without_any_salient_clip_is_zero():
    scores = torch.randn(2, 5, requires_grad=True)
    loss = contrastive_loss(scores, targets_of([[False] * 5] * 2), 0.5)
    loss.backward()
    assert loss.item() == 0.0
    assert scores.grad is not None
    assert bool((scores.grad == 0).all())


# boundaries


def test_boundary_loss_by_hand():
    """Two clips claim [0, 1/2] of a window [0, 1]: gIoU 1/2. In the other video a clip misses by a gap."""
    targets = targets_of(
        [[True, True, False, False], [False, False, False, True]],
        None,
        None,
        [[[0.0, 1.0]] * 4, [[0.75, 1.0]] * 4],
    )
    distance = torch.full((2, 4, 2), 9.0)
    distance[0, 0] = torch.tensor([0.5, 1.5])
    distance[0, 1] = torch.tensor([1.5, 0.5])
    # clip 3 of 4 claims [3.5 - 2.5, 3.5 - 0.5] / 4 = [1/4, 3/4]: IoU 0, hull [1/4, 1], no gap
    distance[1, 3] = torch.tensor([2.5, -0.5])
    assert float(boundary_loss(distance, targets, torch.tensor([4, 4]))) == pytest.approx((0.5 + 1.0) / 2)


def test_boundary_loss_weighs_queries_not_clips():
    relevance = [[True] * 8, [True] + [False] * 7]
    targets = targets_of(relevance, None, None, [[[0.0, 1.0]] * 8, [[0.0, 0.5]] * 8])
    centre = torch.arange(8) + 0.5
    distance = torch.stack([centre, 8 - centre], -1).repeat(2, 1, 1)
    # the first video is exact, the only relevant clip of the second claims [0, 1] of [0, 1/2]
    assert float(boundary_loss(distance, targets, torch.tensor([8, 8]))) == pytest.approx(0.25)


def test_boundary_loss_vanishes_at_the_exact_distances():
    batch = make_batch()
    targets = dense_targets(batch)
    centre = torch.arange(batch.video.shape[1]) + 0.5
    edges = targets.window * batch.video_lengths[:, None, None]
    distance = torch.stack([centre - edges[..., 0], edges[..., 1] - centre], -1)
    assert float(boundary_loss(distance, targets, batch.video_lengths)) == pytest.approx(0.0, abs=1e-6)


def test_boundary_loss_without_relevant_clips_is_zero_with_a_gradient():
    distance = torch.rand(2, 3, 2, requires_grad=True)
    loss = boundary_loss(distance, targets_of([[False] * 3] * 2), torch.tensor([3, 2]))
    loss.backward()
    assert loss.item() == 0.0
    assert distance.grad is not None


def test_paired_giou_by_hand():
    a = torch.tensor([[0.0, 0.5], [0.0, 0.25], [0.2, 0.6]])
    b = torch.tensor([[0.25, 0.75], [0.75, 1.0], [0.2, 0.6]])
    torch.testing.assert_close(paired_giou(a, b), torch.tensor([1 / 3, -0.5, 1.0]))


# alignment


def test_alignment_loss_equals_a_numpy_loop_with_duplicate_captions():
    generator = np.random.default_rng(0)
    clips, query = generator.standard_normal((4, 5, 3)), generator.standard_normal((4, 3))
    relevance = generator.random((4, 5)) < 0.5
    relevance[:, 0], relevance[3] = True, False
    queries = ["a dog", "a cat", "a dog", "a bird"]
    moment = np.stack([clips[i][relevance[i]].mean(0) if relevance[i].any() else np.zeros(3) for i in range(4)])
    moment[:3] /= np.linalg.norm(moment[:3], axis=1, keepdims=True)
    text = query / np.linalg.norm(query, axis=1, keepdims=True)
    terms = []
    for i in range(3):
        others = [j for j in range(4) if j == i or queries[j] != queries[i]]
        forth = np.array([moment[i] @ text[j] / 0.1 for j in others])
        back = np.array([moment[j] @ text[i] / 0.1 for j in others])
        own = others.index(i)
        terms.append([np.log(np.exp(logits).sum()) - logits[own] for logits in (forth, back)])
    got = alignment_loss(torch.from_numpy(clips), torch.from_numpy(query), targets_of(relevance), queries)
    assert float(got) == pytest.approx(np.mean(terms), rel=1e-6)


def test_alignment_loss_of_equal_captions_is_zero():
    clips, query = torch.randn(3, 4, 5), torch.randn(3, 5)
    targets = targets_of([[True] * 4] * 3)
    assert float(alignment_loss(clips, query, targets, ["same"] * 3)) == pytest.approx(0.0, abs=1e-6)
    assert float(alignment_loss(clips, query, targets, ["a", "b", "c"])) > 0.1


def test_alignment_loss_is_small_where_each_moment_lies_on_its_own_text():
    query = torch.eye(3)
    targets = targets_of([[True, False]] * 3)
    clips = torch.stack([query, -query], dim=1)
    aligned = float(alignment_loss(clips, query, targets, ["a", "b", "c"]))
    assert aligned == pytest.approx(math.log1p(2 * math.exp(-10.0)), rel=1e-2)
    assert aligned < float(alignment_loss(clips.flip(1), query, targets, ["a", "b", "c"]))


def test_alignment_loss_without_moments_is_zero():
    targets = targets_of([[False] * 4] * 2)
    assert float(alignment_loss(torch.randn(2, 4, 3), torch.randn(2, 3), targets, ["a", "b"])) == 0.0


# moments


def test_moment_losses_by_hand():
    """Two slots, one window [0.2, 0.6]: slot 0 claims [0.2, 0.4] (IoU 1/2) and is matched, slot 1 is far off."""
    spans = torch.tensor([[[0.3, 0.2], [0.9, 0.1]]])
    logits = torch.tensor([[0.4, -0.3]])
    batch = make_batch([10], [2], [[(0.2, 0.6)]])
    losses = moment_losses(logits, spans, batch)
    assert float(losses["l1"]) == pytest.approx(0.1 + 0.2)
    assert float(losses["giou"]) == pytest.approx(0.5)
    expected = binary_cross_entropy(logits.sigmoid(), torch.tensor([[0.5, 0.0]]))
    assert float(losses["classification"]) == pytest.approx(float(expected))


def test_ranking_loss_by_hand():
    """Qualities 0.8 and 0.5 at temperature 0.1 ask for odds of e^3; a query that hits nothing does not count."""
    logits = torch.tensor([[1.0, -1.0], [5.0, -5.0]])
    quality = torch.tensor([[0.8, 0.5], [0.0, 0.0]])
    share = 1 / (1 + math.exp(-3.0))
    expected = share * softplus(-2.0) + (1 - share) * softplus(2.0)
    assert ranking_loss(logits, quality).item() == pytest.approx(expected, rel=1e-5)
    assert ranking_loss(logits, torch.zeros(2, 2)).item() == 0.0


@given(st.lists(st.floats(0.3, 1.0), min_size=2, max_size=6), st.floats(-5, 5))
def test_ranking_loss_is_least_where_logits_are_qualities_over_the_temperature(quality, offset):
    target = torch.tensor([quality], dtype=torch.float64)
    best = (target / 0.1 + offset).requires_grad_()
    (gradient,) = torch.autograd.grad(ranking_loss(best, target), best)
    assert gradient.abs().max().item() < 1e-9


def test_moment_losses_are_least_at_the_exact_windows():
    batch = make_batch()
    spans = torch.full((3, 4, 2), 0.01)
    logits = torch.full((3, 4), -30.0)
    for row, windows in enumerate(batch.windows):
        spans[row, 1 : 1 + len(windows)] = span_xx_to_cxw(windows)
        logits[row, 1 : 1 + len(windows)] = 30.0
    losses = moment_losses(logits, spans, batch)
    for name in ("l1", "giou", "classification"):
        assert losses[name].item() == pytest.approx(0.0, abs=1e-5), name


@pytest.mark.parametrize(
    "windows", [[[], [], []], [[], [(0.2, 0.7)], []], [[(0.1 * i, 0.1 * i + 0.1) for i in range(9)]] * 3]
)
def test_moment_losses_for_no_window_and_for_more_windows_than_slots(windows):
    """Here a query without windows is one that nothing matches."""
    nothing = torch.tensor([len(spans) == 0 for spans in windows])
    batch = dataclasses.replace(make_batch(windows=windows), nothing=nothing)
    logits = torch.randn(3, 4, requires_grad=True)
    spans = torch.rand(3, 4, 2, requires_grad=True)
    losses = moment_losses(logits, spans, batch)
    torch.stack(list(losses.values())).sum().backward()
    for value in losses.values():
        assert bool(torch.isfinite(value))
    for leaf in (logits, spans):
        assert leaf.grad is not None
        assert bool(torch.isfinite(leaf.grad).all())
    if not any(windows):
        assert losses["l1"].item() == losses["giou"].item() == 0.0
        expected = np.logaddexp(0.0, logits.detach().numpy()).mean()
        assert losses["classification"].item() == pytest.approx(float(expected), rel=1e-5)


# all together


def random_outputs(batch, seed=0, slots=4, channels=6, layers=1, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    size, clips = batch.relevance.shape

    def leaf(*shape):
        return (scale * torch.randn(*shape, generator=generator)).requires_grad_()

    leaves = {
        "saliency_scores": leaf(size, clips),
        "boundary_distance": leaf(size, clips, 2),
        "aligned_clips": leaf(size, clips, channels),
        "aligned_query": leaf(size, channels),
    }
    outputs = dict(leaves) | {"boundary_distance": leaves["boundary_distance"].exp()}
    decoded = []
    for layer in range(1 + layers):
        leaves[f"logits {layer}"], leaves[f"spans {layer}"] = leaf(size, slots), leaf(size, slots, 2)
        decoded.append({"pred_logits": leaves[f"logits {layer}"], "pred_spans": leaves[f"spans {layer}"].sigmoid()})
    return outputs | decoded[0] | {"aux_outputs": decoded[1:]}, leaves


def test_the_total_is_the_weighted_sum_and_layers_add():
    batch = make_batch()
    weights = LossConfig(l1=2.0, giou=3.0, classification=5.0, saliency=7.0, contrastive=11.0, boundary=13.0)
    outputs, _ = random_outputs(batch)
    losses = MomentLoss(weights)(outputs | {"outside_region": torch.tensor(17.0)}, batch)
    terms = {name: value.item() for name, value in losses.items() if name != "loss"}
    # `spans` belongs to the models with a span table
    assert set(terms) == {item.name for item in dataclasses.fields(LossConfig)} - {"temperature", "spans"}
    total = sum(getattr(weights, name) * value for name, value in terms.items())
    assert losses["loss"].item() == pytest.approx(total, rel=1e-6)
    last = moment_losses(outputs["pred_logits"], outputs["pred_spans"], batch)
    auxiliary = moment_losses(**{k[5:]: v for k, v in outputs["aux_outputs"][0].items()}, batch=batch)
    for name in last:
        assert terms[name] == pytest.approx((last[name] + auxiliary[name]).item(), rel=1e-6)


@pytest.mark.parametrize("windows", [None, [[], [], []], [[(0.0, 1.0)], [], [(0.5, 0.501)]]])
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_every_loss_and_every_gradient_is_finite(windows, scale):
    batch = make_batch(windows=windows)
    outputs, leaves = random_outputs(batch, scale=scale)
    losses = MomentLoss(LossConfig())(outputs, batch)
    for name, value in losses.items():
        assert bool(torch.isfinite(value)), name
    losses["loss"].backward()
    for name, leaf in leaves.items():
        assert leaf.grad is not None, name
        assert bool(torch.isfinite(leaf.grad).all()), name


def test_padding_changes_no_loss():
    batch = make_batch()
    batch.saliency[0, 2:5] = torch.tensor([1.0, 4.0, 2.0])
    outputs, _ = random_outputs(batch)
    longer = dict(outputs)
    for name, value in (("saliency_scores", 50.0), ("boundary_distance", 3.0), ("aligned_clips", 0.0)):
        tail = torch.full((3, 6, *outputs[name].shape[2:]), value)
        longer[name] = torch.cat([outputs[name], tail], dim=1)
    before, after = (MomentLoss(LossConfig())(o, b) for o, b in ((outputs, batch), (longer, padded(batch, 6, 2))))
    for name in before:
        assert float(before[name]) == pytest.approx(float(after[name]), rel=1e-6), name


def test_boundary_spans_are_what_the_head_claims():
    """The loss and the decoder read distances through the same function."""
    batch = make_batch()
    distance = torch.rand(3, 14, 2) * 4
    targets = dense_targets(batch)
    spans = BoundaryHead.spans(distance, batch.video_lengths)
    expected = []
    for row in range(3):
        clips = targets.relevance[row].nonzero().flatten()
        expected.append((1 - paired_giou(spans[row, clips], targets.window[row, clips])).mean())
    assert float(boundary_loss(distance, targets, batch.video_lengths)) == pytest.approx(
        float(np.mean(expected)), rel=1e-5
    )
