"""What the fusions of the span model accept: one error with got and remedy for everything else, no silent number."""

from __future__ import annotations

import pytest
import torch

from rdmf_model.config.config import ModelConfig, RegionConfig
from rdmf_model.fusion.base import Evidence
from rdmf_model.model.build import build_fusion

B, T, L, C = 3, 7, 4, 16
NAMES = ("competition", "weighted_diffusion", "linear_recurrence", "word_attention", "convolution", "self_attention")
LAYERS = ("competition", "weighted_diffusion")


def fusion_of(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    region = RegionConfig(wavelength=(4.0, 12.0), clips=(2, 16))
    sizes = {"channels": C, "heads": 2, "feedforward": 16, "steps": 4}
    return build_fusion(ModelConfig(fusion=name, moment_head="spans", region=region, **sizes)).eval()


def arguments(name: str) -> dict:
    torch.manual_seed(1)
    mask = torch.arange(T) < torch.tensor([7, 5, 2])[:, None]
    given = {
        "video": torch.randn(B, T, C) * mask[..., None],
        "text": torch.randn(B, L, C),
        "query": torch.randn(B, C),
        "video_mask": mask,
        "text_mask": torch.ones(B, L, dtype=torch.bool),
    }
    if name in LAYERS:
        given["evidence"] = Evidence(torch.randn(B, T) * mask, torch.rand(B, T - 1))
    return given


BAD = {
    "no video": ({"video": None}, "video"),
    "video of numpy": ({"video": torch.zeros(B, T, C).numpy()}, "video"),
    "half precision": ({"video": torch.zeros(B, T, C, dtype=torch.float16)}, "video"),
    "other channels": ({"video": torch.zeros(B, T, C + 1)}, "C"),
    "no clips": ({"video": torch.zeros(B, 0, C), "video_mask": torch.ones(B, 0, dtype=torch.bool)}, "T = 0"),
    "query of batch 1": ({"query": torch.zeros(1, C)}, "query"),
    "query missing": ({"query": None}, "query"),
    "integer mask": ({"video_mask": torch.ones(B, T, dtype=torch.int64)}, "video_mask"),
    "mask of other length": ({"video_mask": torch.ones(B, T + 1, dtype=torch.bool)}, "video_mask"),
    "text mask of other batch": ({"text_mask": torch.ones(1, L, dtype=torch.bool)}, "text_mask"),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("changes", "said"), BAD.values(), ids=BAD)
def test_a_bad_argument_is_named(name, changes, said):
    with pytest.raises(ValueError, match=said):
        fusion_of(name)(**arguments(name) | changes)


@pytest.mark.parametrize("name", NAMES)
def test_no_mask_says_that_all_are_valid(name):
    fusion, given = fusion_of(name), arguments(name)
    whole = given | {"video_mask": torch.ones(B, T, dtype=torch.bool)}
    with torch.no_grad():
        expected = fusion(**whole).clips
        found = fusion(**whole | {"video_mask": None, "text_mask": None}).clips
    assert torch.equal(found, expected)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("row", [[0, 1, 1, 1, 1, 1, 1], [1, 1, 0, 1, 1, 0, 0]], ids=["left padding", "a hole"])
def test_valid_clips_come_first(name, row):
    given = arguments(name)
    given["video_mask"][1] = torch.tensor(row, dtype=torch.bool)
    with pytest.raises(ValueError, match="Got row 1 with clip"):
        fusion_of(name)(**given)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize(
    "evidence",
    [
        None,
        Evidence(torch.zeros(B, T + 1), torch.zeros(B, T - 1)),
        Evidence(torch.zeros(1, T), torch.zeros(B, T - 1)),
        Evidence(torch.zeros(B, T), torch.zeros(B, T)),
        Evidence(torch.zeros(B, T, dtype=torch.int64), torch.zeros(B, T - 1)),
        Evidence(torch.zeros(B, T).numpy(), torch.zeros(B, T - 1)),  # type: ignore[arg-type]
    ],
    ids=["none", "length", "batch", "cosine", "integers", "numpy"],
)
def test_bad_evidence_is_named(name, evidence):
    with pytest.raises(ValueError, match="evidence"):
        fusion_of(name)(**arguments(name) | {"evidence": evidence})


def test_one_clip_is_enough():
    given = arguments("competition")
    one = {"video": given["video"][:, :1], "video_mask": given["video_mask"][:, :1]}
    one["evidence"] = Evidence(given["evidence"].score[:, :1], torch.zeros(B, 0))
    output = fusion_of("competition")(**given | one)
    assert output.clips.shape == (B, 1, C)
    assert torch.isfinite(output.clips).all()
