"""Proposals compared with a plain Python search over runs, contrast and suppression."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rdmf_model.model.proposals import best_spans, propose_spans, run_contrast, runs_above

# No ratio of small integers equals it, so no candidate is on the edge of suppression.
OVERLAP = 0.6180339
ACCURACY = 1e-5


def runs(above):
    """Maximal runs [first, last) of True."""
    found, start = [], None
    for t, inside in enumerate([*above, False]):
        if inside and start is None:
            start = t
        elif not inside and start is not None:
            found.append((start, t))
            start = None
    return found


def contrast(curve, first, last):
    width = last - first
    flank = [*curve[max(first - width, 0) : first], *curve[last : last + width]]
    return float(np.mean(curve[first:last]) - np.mean(flank)) if flank else 0.0


def candidates(curve, levels, votes=None):
    """Every candidate of one curve of valid clips, as {(first, last): contrast}."""
    low, high = curve.min(), curve.max()
    spans = []
    for k in range(levels):
        spans += runs(curve >= low + (high - low) * np.float32((k + 0.5) / levels))
    if votes is not None:
        for start, end in np.rint(votes * np.float32(len(curve))).astype(int):
            first = min(start, len(curve) - 1)
            spans.append((first, max(end, first + 1)))
    return {(first, last): contrast(curve.astype(float), first, last) for first, last in spans}


def iou(a, b):
    shared = max(min(a[1], b[1]) - max(a[0], b[0]), 0)
    return shared / (a[1] - a[0] + b[1] - b[0] - shared)


def assert_greedy(spans, found, length):
    """Each span is a surviving candidate of highest contrast; after the last one come whole videos."""
    left = dict(found)
    for centre, width in spans.tolist():
        first, last = (centre - width / 2) * length, (centre + width / 2) * length
        chosen = round(first), round(last)
        assert (first, last) == pytest.approx(chosen, abs=1e-3)
        if not left:
            assert chosen == (0, length)
            continue
        assert chosen in left, f"{chosen} is no candidate, or was suppressed"
        assert left[chosen] >= max(left.values()) - ACCURACY
        left = {span: score for span, score in left.items() if iou(span, chosen) <= OVERLAP and span != chosen}


curves = st.sampled_from(["normal", "coarse", "smooth", "constant"])


def draw_curve(kind, length, seed):
    generator = np.random.default_rng(seed)
    if kind == "constant":
        return np.full(length, generator.normal(), dtype=np.float32)
    noise = generator.standard_normal(length).astype(np.float32)
    if kind == "coarse":
        return np.round(noise)
    return noise if kind == "normal" else np.cumsum(noise).astype(np.float32)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(1, 30), curves), min_size=1, max_size=4),
    st.integers(0, 10**6),
    st.integers(1, 12),
    st.booleans(),
)
def test_proposals_are_a_greedy_choice_among_runs_and_votes(shapes, seed, count, with_votes):
    lengths = torch.tensor([length for length, _ in shapes])
    clips = int(lengths.max()) + seed % 3
    curve = torch.full((len(shapes), clips), torch.nan)
    generator = torch.Generator().manual_seed(seed)
    votes = torch.rand(len(shapes), clips, 2, generator=generator).sort(-1).values
    for row, (length, kind) in enumerate(shapes):
        curve[row, :length] = torch.from_numpy(draw_curve(kind, length, seed + row))
        votes[row, length:] = torch.nan
    spans = propose_spans(curve, lengths, count, votes if with_votes else None, overlap=OVERLAP)
    assert spans.shape == (len(shapes), count, 2)
    for row, (length, _) in enumerate(shapes):
        own = votes[row, :length].numpy() if with_votes else None
        assert_greedy(spans[row], candidates(curve[row, :length].numpy(), 8, own), length)


@settings(max_examples=40)
@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(0, 5))
def test_runs_are_the_maximal_ones_and_a_clip_at_the_level_belongs(above, padding):
    curve = torch.tensor([[float(x) for x in above] + [1.0] * padding])
    valid = torch.arange(curve.shape[1]) < len(above)
    is_start, first, last = runs_above(curve, valid[None], torch.tensor([[1.0]]))
    expected = runs(above)
    assert torch.nonzero(is_start[0, 0]).flatten().tolist() == [start for start, _ in expected]
    for start, end in expected:
        assert first[0, 0, start:end].tolist() == [start] * (end - start)
        assert last[0, 0, start:end].tolist() == [end] * (end - start)


@settings(max_examples=40)
@given(st.integers(1, 20), st.integers(0, 3), st.integers(0, 10**6))
def test_contrast_of_every_interval(length, padding, seed):
    curve = np.random.default_rng(seed).standard_normal(length)
    intervals = [(a, b) for a in range(length) for b in range(a + 1, length + 1)]
    first, last = torch.tensor(intervals).T
    got = run_contrast(torch.tensor([[*curve, *[0.0] * padding]]), torch.tensor([length]), first[None], last[None])
    np.testing.assert_allclose(got[0].numpy(), [contrast(curve, a, b) for a, b in intervals], atol=1e-12)


def test_a_clear_bump_comes_first_and_exactly():
    curve = torch.zeros(1, 40)
    curve[0, 12:20] = 1.0
    torch.testing.assert_close(propose_spans(curve, torch.tensor([40]), 1)[0, 0], torch.tensor([16 / 40, 8 / 40]))


@pytest.mark.parametrize("length", [1, 2, 7])
@pytest.mark.parametrize("value", [0.0, -3.5, 1e30])
def test_a_constant_curve_proposes_the_whole_video(length, value):
    spans = propose_spans(torch.full((2, 9), value), torch.tensor([length, 9]), 3)
    assert bool((spans == torch.tensor([0.5, 1.0])).all())


def test_suppression_keeps_what_overlaps_less():
    first, last = torch.tensor([[0.0, 1.0, 20.0, 0.0]]), torch.tensor([[10.0, 11.0, 30.0, 4.0]])
    score = torch.tensor([[3.0, 2.0, 1.0, 0.5]])
    spans = best_spans(score, first, last, torch.tensor([40.0]), 4, 0.7)
    # [1, 11) overlaps [0, 10) by 9/11; the fourth slot finds nothing and is the whole video
    expected = torch.tensor([[5.0, 10.0], [25.0, 10.0], [2.0, 4.0], [20.0, 40.0]]) / 40
    torch.testing.assert_close(spans[0], expected)


def test_selection_has_no_gradient_and_ignores_the_batch_around_it():
    curve = torch.randn(3, 16, generator=torch.Generator().manual_seed(0), requires_grad=True)
    lengths = torch.tensor([16, 9, 4])
    spans = propose_spans(curve, lengths, 4)
    assert not spans.requires_grad
    alone = propose_spans(curve[1:2, :9], lengths[1:2], 4)
    torch.testing.assert_close(alone[0], spans[1])
