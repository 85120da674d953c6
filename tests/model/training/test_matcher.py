"""The matcher finds the cheapest one-to-one assignment: compared with trying every assignment."""

from itertools import permutations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rdmf_model.model.spans import generalized_span_iou, span_cxw_to_xx, span_xx_to_cxw
from rdmf_model.training.matcher import MatchingCost, match_moments
from rdmf_theory.errors import ParameterError


def random_problem(seed, counts, queries=4):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(len(counts), queries, generator=generator)
    spans = torch.rand(len(counts), queries, 2, generator=generator)
    windows = [torch.rand(count, 2, generator=generator).sort(-1).values for count in counts]
    return logits, spans, windows


def pair_cost(logit, span, window, cost):
    return (
        -cost.classification * logit.sigmoid()
        + cost.l1 * (span - span_xx_to_cxw(window)).abs().sum()
        - cost.giou * generalized_span_iou(span_cxw_to_xx(span)[None], window[None])[0, 0]
    ).item()


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.lists(st.integers(0, 5), min_size=1, max_size=3))
def test_total_cost_is_the_least_of_all_assignments(seed, counts):
    cost = MatchingCost(classification=1.0, l1=5.0, giou=2.0)
    logits, spans, windows = random_problem(seed, counts)
    matches = match_moments(logits, spans, windows, cost)
    assert len(matches) == len(counts)
    for row, (query, target) in enumerate(matches):
        size = min(4, counts[row])
        assert len(query) == len(target) == len(set(query.tolist())) == len(set(target.tolist())) == size
        table = [[pair_cost(logits[row, q], spans[row, q], w, cost) for w in windows[row]] for q in range(4)]
        found = sum(table[q][t] for q, t in zip(query.tolist(), target.tolist(), strict=True))
        if counts[row] <= 4:
            totals = [sum(table[q][t] for t, q in enumerate(chosen)) for chosen in permutations(range(4), size)]
        else:
            totals = [sum(table[q][t] for q, t in enumerate(chosen)) for chosen in permutations(range(counts[row]), 4)]
        assert found == pytest.approx(min(totals), abs=1e-5)


def test_exact_predictions_are_matched_to_their_windows():
    windows = torch.tensor([[0.1, 0.2], [0.5, 0.9]])
    spans = torch.stack([torch.tensor([0.3, 0.9]), span_xx_to_cxw(windows)[1], span_xx_to_cxw(windows)[0]])
    [(query, target)] = match_moments(torch.zeros(1, 3), spans[None], [windows])
    assert dict(zip(query.tolist(), target.tolist(), strict=True)) == {1: 1, 2: 0}


def test_half_precision_and_diverged_predictions_still_match():
    logits, spans, windows = random_problem(0, [2, 3])
    match_moments(logits.half(), spans.half(), windows)
    spans[0, 0] = torch.nan
    query, target = match_moments(logits, spans, windows)[0]
    assert 0 not in query.tolist()
    assert len(target) == 2


@pytest.mark.parametrize(
    ("logits", "spans", "windows", "message"),
    [
        pytest.param((2, 4), (2, 3, 2), 2, r"logits must be \(B, Q\)", id="queries differ"),
        pytest.param((2, 4, 1), (2, 4, 1, 2), 2, r"logits must be \(B, Q\)", id="class axis"),
        pytest.param((2, 4), (2, 4, 2), 1, "one tensor per sample, 2. Got 1", id="windows of another batch"),
    ],
)
def test_mismatched_shapes_are_refused(logits, spans, windows, message):
    with pytest.raises(ParameterError, match=message):
        match_moments(torch.zeros(logits), torch.zeros(spans), [torch.zeros(0, 2)] * windows)


@pytest.mark.parametrize("weights", [{"l1": -1.0}, {"giou": float("nan")}, {"classification": 0, "l1": 0, "giou": 0}])
def test_bad_weights_are_refused(weights):
    with pytest.raises(ParameterError, match="MatchingCost"):
        MatchingCost(**weights)
