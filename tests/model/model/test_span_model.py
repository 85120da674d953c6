"""The model with a span table: every fusion behind one interface, the choice of spans, the closed-form evidence."""

import dataclasses
import itertools
from typing import Any

import pytest
import torch

from rdmf_model.config.config import FUSIONS, SPAN_FUSIONS, LossConfig, ModelConfig, RegionConfig
from rdmf_model.evaluation.predict import predict
from rdmf_model.fusion.base import Evidence
from rdmf_model.fusion.competition import CompetitionFusion
from rdmf_model.model.build import build_fusion, build_model
from rdmf_model.model.span_model import end_positions, span_loss
from rdmf_model.model.span_table import candidate_spans, choose, coverage, interval_iou, span_targets
from rdmf_model.training.losses import MomentLoss
from rdmf_theory.errors import ParameterError
from tests.model.batches import TEXT_WIDTH, VIDEO_WIDTH, make_batch, padded

ALL = (*FUSIONS, *SPAN_FUSIONS)
SMALL: dict[str, Any] = {
    "moment_head": "spans",
    "channels": 16,
    "heads": 2,
    "feedforward": 16,
    "moment_queries": 4,
    "steps": 4,
    "scores": 3,
    "region": RegionConfig(wavelength=(6.0, 36.0), clips=(40, 80)),
}


def make_model(seed=0, **changes):
    torch.manual_seed(seed)
    return build_model(ModelConfig(**SMALL | changes), VIDEO_WIDTH, TEXT_WIDTH).eval()


def disturb(model, size=0.2):
    """Move every parameter off its initial value."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(size * torch.randn_like(parameter))
    return model


@pytest.mark.parametrize("fusion", ALL)
def test_padding_changes_no_answer(fusion):
    model = disturb(make_model(fusion=fusion)).double()
    batch = make_batch()
    batch = dataclasses.replace(batch, video=batch.video.double(), text=batch.text.double())
    expected, found = model(batch), model(padded(batch, 7, 2))
    for row, length in enumerate(batch.video_lengths.tolist()):
        for name in ("saliency_scores", "pattern"):
            assert torch.allclose(found[name][row, :length], expected[name][row, :length], atol=1e-9)
    assert torch.allclose(found["pred_spans"], expected["pred_spans"], atol=1e-9)
    assert torch.allclose(found["pred_logits"], expected["pred_logits"], atol=1e-6)


@pytest.mark.parametrize("fusion", ALL)
def test_every_parameter_of_fusion_and_heads_gets_a_gradient(fusion):
    model = disturb(make_model(fusion=fusion), 0.05).train()
    torch.manual_seed(0)
    losses = MomentLoss(LossConfig())(model(make_batch()), make_batch())
    assert set(losses) == {"spans", "saliency", "contrastive", "loss"}
    losses["loss"].backward()
    # a pattern stands for the evidence, whose own scale is then not used
    unused = {"evidence_scale"} if model.fusion.takes_evidence else set()
    missing = {name for name, parameter in model.named_parameters() if parameter.grad is None}
    assert missing - {name for name in missing if name.startswith("fusion.salience")} == unused


@pytest.mark.parametrize("fusion", ALL)
def test_every_fusion_has_the_same_budget(fusion):
    model = build_model(ModelConfig(**SMALL | {"fusion": fusion, "fusion_budget": 9000}), VIDEO_WIDTH, TEXT_WIDTH)
    size = sum(p.numel() for part in (model.fusion, model.block) for p in part.parameters())
    assert size == pytest.approx(9000, rel=0.02)


def test_a_budget_below_the_fusion_is_refused():
    with pytest.raises(ParameterError, match="fusion_budget must exceed"):
        build_model(ModelConfig(**SMALL | {"fusion": "self_attention", "fusion_budget": 1000}), VIDEO_WIDTH, TEXT_WIDTH)


@pytest.mark.parametrize("fusion", SPAN_FUSIONS)
def test_a_span_fusion_needs_the_span_table(fusion):
    with pytest.raises(ParameterError, match="moment_head"):
        ModelConfig(fusion=fusion)


def test_predictions_are_in_order_and_inside_the_video():
    batch = make_batch()
    for prediction, extent in zip(predict(make_model(fusion="competition")(batch), batch), batch.extent, strict=True):
        windows = prediction["pred_relevant_windows"]
        scores = [score for _, _, score in windows]
        assert scores == sorted(scores, reverse=True)
        assert all(0 <= start < end <= float(extent) + 1e-4 for start, end, _ in windows)


def competition(**changes):
    torch.manual_seed(0)
    fusion: Any = build_fusion(ModelConfig(**SMALL | {"fusion": "competition"} | changes))
    assert isinstance(fusion, CompetitionFusion)
    return fusion.eval()


def scene(clips=24, channels=16):
    generator = torch.Generator().manual_seed(1)
    video = torch.randn(1, clips, channels, generator=generator)
    score = torch.randn(1, clips, generator=generator)
    cosine = torch.rand(1, clips - 1, generator=generator)
    mask = torch.ones(1, clips, dtype=torch.bool)
    return video, video.mean(1), mask, Evidence(score - score.mean(), cosine)


def test_without_steps_the_pattern_ranks_clips_as_the_evidence_does():
    fusion = competition(steps=0)
    with torch.no_grad():
        fusion.score.weight.zero_()
    video, query, mask, evidence = scene()
    pattern = fusion(video, video, query, mask, mask, evidence).pattern
    assert torch.equal(pattern.argsort(), evidence.score.argsort())


def test_diffusion_stops_at_a_cut():
    fusion = competition(steps=8)
    with torch.no_grad():
        fusion.score.weight.zero_()
        fusion.cut.copy_(torch.tensor([20.0, -20.0, -4.0]))
    video, query, mask, evidence = scene()
    cosine = torch.ones(1, 23)
    cosine[0, 11] = 0.0
    inside = torch.zeros(1, 24)
    inside[0, 2:12:3] = 2.0
    evidence = Evidence(inside - inside.mean(), cosine)
    before, after = fusion.conductances(video, cosine, mask)[0, [5, 11]]
    assert before > 0.9
    assert after < 0.01
    pattern = fusion(video, video, query, mask, mask, evidence).pattern[0]
    smooth = pattern[:12].std() / (pattern[:12].mean() - pattern[12:].mean())
    rough = evidence.score[0, :12].std() / (evidence.score[0, :12].mean() - evidence.score[0, 12:].mean())
    assert smooth < 0.5 * rough


def test_the_reaction_sharpens_what_diffusion_levels():
    fields = {}
    for reaction in (True, False):
        fusion = build_fusion(ModelConfig(**SMALL | {"fusion": "competition" if reaction else "weighted_diffusion"}))
        video, query, mask, evidence = scene()
        design = fusion.design(query)
        run = fusion.react(design, video, evidence, mask)
        fields[reaction] = torch.log(run.v).std(1).mean()
    assert fields[True] > fields[False]


def test_designs_stay_in_the_region_for_any_text():
    fusion = competition()
    with torch.no_grad():
        fusion.design_query.weight.normal_(std=100.0)
    for scale in (0.0, 1.0, 1e30):
        conditions = fusion.constraint.check(fusion.design(scale * torch.randn(4, 16)))
        assert all(condition.holds for condition in conditions.values())


def test_candidates_hold_every_short_span_and_come_near_every_long_one():
    spans = candidate_spans(70)
    assert len(spans.unique(dim=0)) == len(spans)
    wanted = torch.tensor(list(itertools.combinations(range(71), 2)))
    best = interval_iou(wanted.double(), spans.double()).amax(1)
    assert bool((best[(wanted[:, 1] - wanted[:, 0]) <= 16] == 1).all())
    assert float(best.min()) > 0.9


def test_coverage_is_the_probability_that_a_clip_lies_in_the_moment():
    spans = candidate_spans(40)
    logits = torch.randn(3, len(spans), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    share = torch.softmax(logits, dim=1)
    inside = (spans[:, :1] <= torch.arange(40)) & (torch.arange(40) < spans[:, 1:])
    torch.testing.assert_close(coverage(logits, 40), share @ inside.double(), rtol=0, atol=1e-5)
    sure = torch.full((1, len(spans)), -1e4)
    sure[0, spans.tolist().index([7, 12])] = 0.0
    assert coverage(sure, 40)[0].nonzero().flatten().tolist() == [7, 8, 9, 10, 11]


def test_the_choice_is_the_greedy_best_by_brute_force():
    torch.manual_seed(0)
    clips, count = 9, 3
    spans = candidate_spans(clips)
    logits = 2 * torch.randn(1, len(spans), dtype=torch.float64)
    found, gains = choose(logits, torch.tensor([clips]), clips, count)
    share = torch.softmax(logits[0], 0)
    worth = ((interval_iou(spans.double(), spans.double()) - 0.45) / 0.5).clamp(0, 1)
    covered = torch.zeros(len(spans), dtype=torch.float64)
    for number in range(count):
        gain = ((worth - covered).clamp(min=0) @ share).max()
        assert float(gains[0, number]) == pytest.approx(float(gain))
        chosen = (spans == found[0, number].long()).all(1).nonzero().item()
        covered = torch.maximum(covered, worth[int(chosen)])


def test_targets_share_the_windows():
    spans = candidate_spans(20)
    windows = [torch.tensor([[0.0, 0.25], [0.5, 1.0]]), torch.zeros(0, 2)]
    target = span_targets(spans, torch.tensor([20, 20]), windows)
    assert float(target[0].sum()) == pytest.approx(1.0)
    assert float(target[1].sum()) == 0.0
    assert tuple(spans[int(target[0].argmax())].tolist()) in {(0, 5), (10, 20)}
    first_half = spans[:, 1] <= 8
    assert float(target[0][first_half].sum()) == pytest.approx(0.5, abs=0.02)


def test_the_loss_is_least_for_the_target_itself():
    batch = make_batch()
    spans = candidate_spans(batch.video.shape[1])
    target = span_targets(spans, batch.video_lengths, batch.windows)
    best = span_loss(torch.log(target + 1e-30), batch)
    assert best < span_loss(torch.zeros_like(target), batch)


def test_positions_count_from_both_ends():
    found = end_positions(torch.tensor([10, 6]), 10, torch.float64)
    assert found.shape == (2, 10, 64)
    # the last clips of both videos are equally far from their end, the first ones from their start
    assert torch.allclose(found[0, 9, 32:48], found[1, 5, 32:48])
    assert torch.allclose(found[0, 0, :32], found[1, 0, :32])


def test_the_evidence_finds_the_feature_that_tells():
    model: Any = make_model(fusion="none")
    generator = torch.Generator().manual_seed(0)
    samples = []
    for number in range(12):
        relevance = torch.zeros(10, dtype=torch.bool)
        relevance[number % 7 : number % 7 + 3] = True
        video = torch.randn(10, VIDEO_WIDTH, generator=generator)
        video[:, 2] += 3 * relevance
        text = torch.randn(3, TEXT_WIDTH, generator=generator)
        batch = make_batch()
        samples.append(dataclasses.replace(_sample(batch), video=video, text=text, relevance=relevance))
    model.evidence.fit(model, samples, ridge=0.01)
    assert int(model.evidence.weight[2:].abs().argmax()) == 2


def _sample(batch):
    from rdmf_model.data.batch import Sample

    return Sample(
        qid=1,
        vid="v",
        query="q",
        video=batch.video[0],
        text=batch.text[0],
        windows=batch.windows[0],
        relevance=batch.relevance[0],
        saliency=batch.saliency[0],
        clip_length=2.0,
    )


@pytest.mark.parametrize("fusion", ["competition", "cross_attention"])
def test_a_run_is_trained_stored_evaluated_and_localised(tmp_path, fusion):
    from rdmf_model.evaluation.run import evaluate_run
    from rdmf_model.training.train import train
    from tests.model.tiny_data import tiny_config, write_tiny_data

    folder = write_tiny_data(tmp_path / "data")
    config = tiny_config(folder)
    config = config.override(model={"moment_head": "spans", "fusion": fusion, "fusion_budget": 9000})
    result = train(config, tmp_path / "run")
    metrics = evaluate_run(tmp_path / "run", "val")
    assert metrics["brief"]["MR-full-mAP"] == pytest.approx(result.metrics["MR-full-mAP"], abs=0.011)
