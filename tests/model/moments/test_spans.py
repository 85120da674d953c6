"""Spans: conversions are inverse to each other, IoU and gIoU agree with intervals measured one by one."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rdmf_model.model.spans import generalized_span_iou, span_cxw_to_xx, span_iou, span_xx_to_cxw

# bounds on a grid of 1/64 make every length, sum and difference exact in float32
bound = st.integers(0, 64).map(lambda tick: tick / 64)
span = st.tuples(bound, bound).map(sorted)
span_lists = st.lists(span, min_size=1, max_size=5)


def interval_iou(first, second):
    """(IoU, gIoU) of two intervals by counting grid cells: what the words say, nothing clever."""
    cells = [i / 64 for i in range(64)]
    covered_first, covered_second = ({c for c in cells if start <= c < end} for start, end in (first, second))
    both, either = len(covered_first & covered_second), len(covered_first | covered_second)
    hull = 64 * (max(first[1], second[1]) - min(first[0], second[0]))
    iou = both / either if either else 0.0
    return iou, iou - (hull - either) / hull if hull else iou


@given(span_lists)
def test_conversions_are_inverse_to_each_other(spans):
    xx = torch.tensor(spans)
    assert torch.equal(span_cxw_to_xx(span_xx_to_cxw(xx)), xx)


@given(span_lists, span_lists)
def test_iou_and_giou_of_every_pair(first, second):
    iou = span_iou(torch.tensor(first), torch.tensor(second))
    giou = generalized_span_iou(torch.tensor(first), torch.tensor(second))
    expected = torch.tensor([[interval_iou(a, b) for b in second] for a in first])
    torch.testing.assert_close(iou, expected[..., 0], atol=1e-6, rtol=0)
    torch.testing.assert_close(giou, expected[..., 1], atol=1e-6, rtol=0)


def test_batched_spans_are_paired_within_their_sample():
    first, second = torch.rand(3, 4, 2).sort(-1).values, torch.rand(3, 2, 2).sort(-1).values
    batched = generalized_span_iou(first, second)
    for row in range(3):
        torch.testing.assert_close(batched[row], generalized_span_iou(first[row], second[row]))


def test_giou_of_disjoint_spans_pulls_them_together():
    prediction = torch.tensor([[0.0, 0.1]], requires_grad=True)
    generalized_span_iou(prediction, torch.tensor([[0.5, 0.6]])).sum().backward()
    assert prediction.grad is not None
    assert prediction.grad[0, 1] > 0


@pytest.mark.parametrize("function", [span_iou, generalized_span_iou])
def test_zero_length_spans_keep_value_and_gradient_finite(function):
    prediction = torch.tensor([[0.5, 0.5]], requires_grad=True)
    value = function(prediction, torch.tensor([[0.5, 0.5]]))
    value.sum().backward()
    assert value.item() == 0.0
    assert prediction.grad is not None
    assert prediction.grad.isfinite().all()
