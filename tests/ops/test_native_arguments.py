"""No argument crashes a compiled entry or a fusion layer, and none is answered with silent numbers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch

from rdmf_model.constraints.constraint import DesignConstraint
from rdmf_model.fusion.reaction_diffusion import ReactionDiffusionFusion
from rdmf_model.ops.native.call import NativeCall
from rdmf_model.ops.reaction_diffusion import available_backends
from rdmf_model.ops.signature import Signature

needs_kernel = pytest.mark.skipif("cpu" not in available_backends("cpu"), reason="the CPU kernel is not built")
REPOSITORY = Path(__file__).resolve().parents[2]


def outcomes(*arguments: str, **environment: str) -> list[tuple[str, str, str, str]]:
    """(entry, argument, change, outcome) of every case of bad_arguments_program.py."""
    program = [sys.executable, "-m", "tests.ops.bad_arguments_program", *arguments]
    done = subprocess.run(
        program, cwd=REPOSITORY, env=os.environ | environment, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


@needs_kernel
def test_every_bad_argument_is_refused_or_answered_rightly() -> None:
    table = outcomes()
    bad = [row for row in table if not row[3].startswith(("refused", "right"))]
    assert not bad
    refused = Counter(entry for entry, _, _, outcome in table if outcome.startswith("refused"))
    assert len(refused) == len({row[0] for row in table}) == 29
    assert min(refused.values()) >= 10
    # what only looks unusual is answered
    for change in ("scattered", "negated", "turned"):
        assert all(outcome == "right" for _, _, made, outcome in table if made == change)


REFUSED = {
    "None": (None, r"op: x must be a tensor \(B, C\)\. Got None: pass one of that shape\."),
    "a list": ([1.0], r"Got list"),
    "integers": (torch.ones(2, 3, dtype=torch.int64), r"floating-point tensor\. Got torch\.int64: convert it with"),
    "sparse": (torch.eye(3).to_sparse(), r"dense tensor\. Got torch\.sparse_coo.*\.to_dense\(\)"),
    "an axis less": (torch.ones(3), r"must have shape \(B, C\)\. Got \(3,\): reshape it"),
}


@pytest.mark.parametrize(("value", "message"), REFUSED.values(), ids=REFUSED)
def test_messages_say_rule_value_and_remedy(value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Signature("op", x="B C").check({"x": value})


def test_sizes_agree_across_tensors_and_what_was_accepted_stays_so() -> None:
    signature = Signature("op", x="... B C", lengths="? int64 B", table="2 ...")
    tensors = {"x": torch.ones(4, 2, 3), "lengths": torch.tensor([1, 2]), "table": torch.ones(2, 4)}
    for _ in range(2):
        assert signature.check(tensors) == {"B": 2, "C": 3}
    for name, wrong, message in [
        ("lengths", torch.ones(3, dtype=torch.int64), r"\(B,\) = \(2,\).*the sizes are those of x"),
        ("lengths", torch.ones(2), r"must be torch\.int64.*\.long\(\)"),
        ("table", torch.ones(2, 5), r"\(2, 4\)\. Got \(2, 5\)"),
        ("table", torch.ones(2, 4, dtype=torch.float64), "must have the type of x, torch.float32"),
    ]:
        with pytest.raises(ValueError, match=message):
            signature.check(tensors | {name: wrong})
    assert signature.check(tensors | {"lengths": None}) == {"B": 2, "C": 3}
    with pytest.raises(ValueError, match=r"must have shape \(\.\.\., B, C\) = \(4, 2, 5\)"):
        signature.check(tensors, {"C": 5})


def test_other_types_never_become_pointers() -> None:
    with pytest.raises(ValueError, match=r"float32 and float64 on the CPU\. Got torch\.float16"):
        NativeCall(Signature("op", x="B"), {"x": torch.ones(2, dtype=torch.float16)})


def layer(**options: object) -> ReactionDiffusionFusion:
    torch.manual_seed(0)
    found = ReactionDiffusionFusion(16, DesignConstraint(), 4, heads=2, probes=3, feedforward=8, **options).eval()
    for parameter in found.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return found


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_layers_answer_in_their_type(dtype: torch.dtype) -> None:
    """As far as that type's rounding: the parameters of the reaction are float32 whatever the layer's type."""
    fusion, video, text = layer(), torch.randn(2, 9, 16), torch.randn(2, 4, 16)
    expected = fusion(video, text, text.mean(1))
    found = fusion.to(dtype)(video.to(dtype), text.to(dtype), text.mean(1).to(dtype))
    for x, y in zip(expected, found, strict=True):
        assert y.dtype == dtype
        torch.testing.assert_close(y.float(), x, rtol=0.1, atol=0.1 if dtype == torch.bfloat16 else 0.02)


def test_rows_with_holes_are_nan_where_their_masks_cannot_be_looked_at() -> None:
    fusion, video, text = layer(), torch.randn(3, 9, 16), torch.randn(3, 4, 16)
    mask = torch.ones(3, 9, dtype=torch.bool)
    mask[1, 2], mask[2, 6:] = False, False
    with pytest.raises(ValueError, match=r"no holes, no padding on the left\. Got row 1 with clip 2"):
        fusion(video, text, text.mean(1), mask)
    traced = torch.compile(fusion, fullgraph=True, backend="eager")
    clips, pattern = traced(video, text, text.mean(1), mask)
    whole, _ = fusion(video, text, text.mean(1), mask | (torch.arange(3) == 1)[:, None])
    assert clips[1].isnan().any(-1).sum() >= 8
    assert bool(pattern[1].isnan().any())
    torch.testing.assert_close(clips[[0, 2]], whole[[0, 2]])


def test_no_mask_is_a_mask_of_ones() -> None:
    fusion, video, text = layer(), torch.randn(2, 9, 16), torch.randn(2, 4, 16)
    ones = torch.ones(2, 9, dtype=torch.bool), torch.ones(2, 4, dtype=torch.bool)
    for x, y in zip(fusion(video, text, text.mean(1)), fusion(video, text, text.mean(1), *ones), strict=True):
        assert torch.equal(x, y)
