"""The whole model: one interface for every fusion, blind to padding, reproducible, a gradient for every parameter."""

import dataclasses
from typing import Any

import pytest
import torch

from rdmf_model.config.config import FUSIONS, QUERY_SOURCES, LossConfig, ModelConfig, RegionConfig
from rdmf_model.evaluation.predict import predict
from rdmf_model.model.base import FeatureProjection
from rdmf_model.model.build import build_fusion, build_model
from rdmf_model.training.losses import MomentLoss
from rdmf_theory.errors import DataError, ParameterError
from tests.model.batches import TEXT_WIDTH, VIDEO_WIDTH, make_batch, padded

SMALL: dict[str, Any] = {
    "channels": 16,
    "heads": 2,
    "feedforward": 16,
    "moment_queries": 4,
    "steps": 4,
    "region": RegionConfig(wavelength=(6.0, 36.0), clips=(40, 80)),
}


def make_model(seed=0, **changes):
    torch.manual_seed(seed)
    return build_model(ModelConfig(**SMALL | changes), VIDEO_WIDTH, TEXT_WIDTH).eval()


def disturb(model, size=0.2, seed=0):
    """Move every parameter off its initial value."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(size * torch.randn_like(parameter))
    return model


def double_batch(batch):
    return dataclasses.replace(batch, video=batch.video.double(), text=batch.text.double())


@pytest.mark.parametrize("source", QUERY_SOURCES)
@pytest.mark.parametrize("fusion", FUSIONS)
def test_outputs_of_every_fusion(fusion, source):
    batch = make_batch()
    outputs = make_model(fusion=fusion, query_source=source, decoder_layers=2)(batch)
    shapes = {name: tuple(outputs[name].shape) for name in outputs if name != "aux_outputs"}
    clips, channels = 14, 16
    expected = {
        "pred_logits": (3, 4),
        "pred_spans": (3, 4, 2),
        "saliency_scores": (3, clips),
        "boundary_distance": (3, clips, 2),
        "proposed_spans": (3, 4, 2),
        "aligned_clips": (3, clips, channels),
        "aligned_query": (3, channels),
    }
    if fusion == "reaction_diffusion":
        expected["pattern"] = (3, clips)
    assert shapes == expected
    assert [sorted(layer) for layer in outputs["aux_outputs"]] == [["pred_logits", "pred_spans"]]
    assert bool(((outputs["pred_spans"] >= 0) & (outputs["pred_spans"] <= 1)).all())


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("lengths", [(1,), (2, 1), (300, 7)])
def test_any_number_of_clips_and_words(fusion, lengths):
    batch = make_batch(lengths, (40, 1)[: len(lengths)], [[]] * len(lengths))
    outputs = make_model(fusion=fusion)(batch)
    for name, value in outputs.items():
        if name != "aux_outputs":
            assert bool(torch.isfinite(value).all()), name


@pytest.mark.parametrize("source", QUERY_SOURCES)
@pytest.mark.parametrize("fusion", FUSIONS)
def test_padding_changes_nothing(fusion, source):
    """Also where refined spans hang over the end of the video."""
    model = disturb(make_model(fusion=fusion, query_source=source, decoder_layers=2)).double()
    batch = double_batch(make_batch())
    base, longer = model(batch), model(padded(batch, 9, 5))
    for name in ("pred_logits", "pred_spans", "proposed_spans"):
        torch.testing.assert_close(longer[name], base[name], atol=1e-9, rtol=0)
    for name in ("saliency_scores", "boundary_distance"):
        got = longer[name][:, :14][batch.clip_mask]
        torch.testing.assert_close(got, base[name][batch.clip_mask], atol=1e-9, rtol=0)


def test_samples_of_a_batch_do_not_mix():
    model = disturb(make_model()).double()
    batch = double_batch(make_batch())
    outputs = model(batch)
    alone = model(
        double_batch(
            dataclasses.replace(
                make_batch(),
                **{
                    name: getattr(make_batch(), name)[1:2]
                    for name in ("video", "video_lengths", "text", "text_lengths", "extent")
                },
            )
        )
    )
    for name in ("pred_logits", "pred_spans", "saliency_scores"):
        torch.testing.assert_close(alone[name][0], outputs[name][1], atol=1e-9, rtol=0)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_float64_runs_and_agrees_with_float32(fusion):
    batch = make_batch()
    model = disturb(make_model(fusion=fusion, query_source="learned"))
    single = model(batch)
    double = model.double()(double_batch(batch))
    for name in ("pred_logits", "pred_spans", "saliency_scores", "boundary_distance"):
        assert double[name].dtype == torch.float64
        torch.testing.assert_close(single[name].double(), double[name], atol=2e-4, rtol=2e-4)


def test_evaluation_is_deterministic_and_training_drops_out():
    batch = make_batch()
    model = make_model()
    first, second = model(batch), model(batch)
    assert torch.equal(first["pred_logits"], second["pred_logits"])
    assert torch.equal(first["saliency_scores"], second["saliency_scores"])
    model.train()
    assert not torch.equal(model(batch)["saliency_scores"], model(batch)["saliency_scores"])
    torch.manual_seed(5)
    once = model(batch)["pred_logits"]
    torch.manual_seed(5)
    assert torch.equal(model(batch)["pred_logits"], once)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_the_state_dict_carries_everything(fusion):
    batch = make_batch()
    model = disturb(make_model(fusion=fusion))
    model.video_projection.set_statistics(torch.full((VIDEO_WIDTH,), 0.3), torch.full((VIDEO_WIDTH,), 2.0))
    other = make_model(seed=1, fusion=fusion)
    assert not torch.equal(other(batch)["saliency_scores"], model(batch)["saliency_scores"])
    other.load_state_dict(model.state_dict())
    for name in ("pred_logits", "pred_spans", "saliency_scores"):
        assert torch.equal(other(batch)[name], model(batch)[name])


def test_a_state_of_another_region_is_refused():
    state = make_model().state_dict()
    with pytest.raises(DataError, match="region"):
        make_model(region=RegionConfig(wavelength=(6.0, 30.0), clips=(40, 80))).load_state_dict(state)


@pytest.mark.parametrize("source", QUERY_SOURCES)
@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_gradient_reaches_every_parameter(fusion, source):
    model = disturb(make_model(fusion=fusion, query_source=source, decoder_layers=2), 0.1)
    batch = make_batch((40, 25), (5, 3), [[(0.2, 0.5)], [(0.1, 0.3), (0.6, 0.9)]])
    MomentLoss(LossConfig())(model(batch), batch)["loss"].backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or not bool((p.grad != 0).any())]
    assert without == []
    assert all(bool(torch.isfinite(p.grad).all()) for p in model.parameters() if p.grad is not None)


def test_a_batch_without_windows_trains():
    model = make_model()
    batch = make_batch(windows=[[], [], []])
    losses = MomentLoss(LossConfig())(model(batch), batch)
    losses["loss"].backward()
    assert all(bool(torch.isfinite(p.grad).all()) for p in model.parameters() if p.grad is not None)


def test_a_few_steps_lower_the_loss():
    model = make_model(input_dropout=0.0, dropout=0.0).train()
    batch = make_batch()
    criterion = MomentLoss(LossConfig())
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    values = []
    for _ in range(25):
        loss = criterion(model(batch), batch)["loss"]
        values.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert values[-1] < 0.6 * values[0]


@pytest.mark.parametrize("text", [0.0, 1e30])
def test_extreme_features_leave_the_designs_admissible(text):
    model = disturb(make_model())
    batch = make_batch()
    outputs = model(dataclasses.replace(batch, text=batch.text.sign() * text))
    assert bool(torch.isfinite(outputs["pattern"]).all())
    design = model.fusion.design(outputs["aligned_query"])
    assert all(condition.holds for condition in model.fusion.constraint.check(design).values())


def test_margins_are_positive_and_only_where_there_are_designs():
    margins = make_model().constraint_margins()
    assert {"v_rich", "damped", "fed", "turing", "mode_on_axis", "wavelength", "gain", "box"} <= set(margins)
    assert all(margin >= 0 for margin in margins.values())
    assert make_model(fusion="none").constraint_margins() == {}


def test_parameter_groups_name_distinct_parameters():
    model = make_model()
    design, projection = model.design_parameters(), model.projection_parameters()
    ids = {id(p) for p in design}
    assert len(ids) == len(design)
    assert ids <= {id(p) for p in model.fusion.parameters()}
    assert ids >= {id(p) for p in (model.fusion.design_base, *model.fusion.design_query.parameters())}
    assert len(projection) == 4
    assert not ids & {id(p) for p in projection}
    assert make_model(fusion="convolution").design_parameters() == []


def test_queries_come_from_the_pattern_or_are_learned():
    batch = make_batch()
    learned = make_model(query_source="learned")
    spans = learned(batch)["proposed_spans"]
    assert torch.equal(spans[0], spans[1])
    assert torch.equal(spans[0], learned.decoder.learned_spans.sigmoid())
    seeded = make_model()
    spans = seeded(batch)["proposed_spans"]
    assert not torch.equal(spans[0], spans[1])
    assert seeded.decoder.learned_spans is None
    # proposals lie on whole clips
    edges = (spans[..., 0] - spans[..., 1] / 2) * batch.video_lengths[:, None]
    torch.testing.assert_close(edges, edges.round(), atol=1e-4, rtol=0)


@pytest.mark.parametrize(("auxiliary", "layers", "count"), [(True, 3, 2), (False, 3, 0), (True, 1, 0)])
def test_auxiliary_losses_supervise_the_layers_before_the_last(auxiliary, layers, count):
    model = make_model(auxiliary_losses=auxiliary, decoder_layers=layers)
    assert len(model(make_batch())["aux_outputs"]) == count


def test_projection_standardises():
    projection = FeatureProjection(3, 2, 0.5).eval()
    mean, std = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.5, 2.0, 4.0])
    projection.set_statistics(mean, std)
    x = torch.randn(4, 3)
    expected = ((x - mean) / std) @ projection.linear.weight.T + projection.linear.bias
    torch.testing.assert_close(projection(x), expected)


# predictions


def test_predictions_are_seconds_best_first_inside_the_video():
    batch = make_batch(clip_length=1.5)
    model = disturb(make_model(moment_queries=13), 0.5)
    predictions = predict(model(batch), batch)
    assert [p["qid"] for p in predictions] == [0, 1, 2]
    for row, prediction in enumerate(predictions):
        windows = prediction["pred_relevant_windows"]
        assert len(windows) == 10
        scores = [score for _, _, score in windows]
        assert scores == sorted(scores, reverse=True)
        for start, end, score in windows:
            assert 0.0 <= start <= end <= batch.extent[row].item() + 1e-5
            assert 0.0 <= score <= 1.0
        assert len(prediction["pred_saliency_scores"]) == batch.video_lengths[row].item()
        assert prediction["vid"] == batch.vids[row]
        assert prediction["query"] == batch.queries[row]


def test_predictions_of_a_hand_example():
    batch = make_batch([4, 2], [1, 1], [[], []])
    outputs = {
        "pred_logits": torch.tensor([[0.0, 2.0], [1.0, -1.0]]),
        "pred_spans": torch.tensor([[[0.5, 0.5], [0.1, 0.4]], [[0.75, 0.5], [0.5, 1.0]]]),
        "saliency_scores": torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 9.0, 9.0]]),
    }
    first, second = predict(outputs, batch)
    best, worse = torch.tensor([2.0, 0.0]).sigmoid().tolist()
    # extents are 8 and 4 seconds; [-0.1, 0.3] is cut at the start
    assert first["pred_relevant_windows"][0] == pytest.approx([0.0, 2.4, best], abs=1e-6)
    assert first["pred_relevant_windows"][1] == pytest.approx([2.0, 6.0, worse], abs=1e-6)
    assert second["pred_relevant_windows"][0][:2] == pytest.approx([2.0, 4.0])
    assert second["pred_saliency_scores"] == pytest.approx([0.5, 0.6])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": 18, "heads": 4}, "divisible by model.heads = 4"),
        ({"channels": 20, "heads": 4}, r"divisible by 2 \* model.heads = 8"),
        ({"decoder_layers": 0}, "decoder_layers must be finite and positive"),
        ({"region": RegionConfig()}, "must be numbers here"),
        ({"backend": "abacus"}, "backend"),
    ],
)
def test_a_model_that_cannot_run_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        make_model(**changes)(make_batch())


def test_heads_that_only_attention_needs_are_accepted_there():
    build_fusion(ModelConfig(**SMALL | {"fusion": "cross_attention", "channels": 20, "heads": 4}))
    with pytest.raises(ParameterError):
        ModelConfig(**SMALL | {"channels": 20, "heads": 4})
