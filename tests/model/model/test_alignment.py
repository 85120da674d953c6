"""The closed-form alignment against numpy's own principal components and ridge regression."""

import dataclasses

import numpy as np
import pytest
import torch

from rdmf_model.config.config import ModelConfig, RegionConfig
from rdmf_model.data.batch import Sample
from rdmf_model.data.dataset import MomentDataset
from rdmf_model.data.planted import write_planted_dataset
from rdmf_model.model.build import build_model
from rdmf_model.training.alignment import align_projections, align_score, video_statistics

VIDEO_WIDTH, TEXT_WIDTH = 7, 5


def make_samples(count=12, seed=0, relevant=True):
    """Two queries per video, ragged; features with offsets and scales of their own."""
    generator = np.random.default_rng(seed)
    samples, videos = [], {}
    for i in range(count):
        vid = f"video {i // 2}"
        clips = 6 + i // 2
        scale = np.linspace(0.1, 4.0, VIDEO_WIDTH)
        if vid not in videos:
            videos[vid] = torch.from_numpy(
                (generator.normal(3.0, 1.0, (clips, VIDEO_WIDTH)) * scale).astype(np.float16)
            )
        inside = np.zeros(clips, dtype=bool)
        if relevant:
            inside[i % 3 : i % 3 + 3] = True
        sample = Sample(
            qid=i,
            vid=vid,
            query=f"query {i}",
            video=videos[vid],
            text=torch.from_numpy(generator.normal(1.0, 2.0, (2 + i % 4, TEXT_WIDTH)).astype(np.float16)),
            windows=torch.zeros(0, 2),
            relevance=torch.from_numpy(inside),
            saliency=torch.full((clips,), torch.nan),
            clip_length=2.0,
        )
        samples.append(sample)
    return samples


def make_model(channels=4, video_width=VIDEO_WIDTH, text_width=TEXT_WIDTH, seed=0, fusion="none"):
    torch.manual_seed(seed)
    region = RegionConfig(wavelength=(6.0, 36.0), clips=(40, 80))
    config = ModelConfig(fusion=fusion, channels=channels, heads=2, feedforward=8, steps=2, region=region)
    return build_model(config, video_width, text_width).eval()


def stacked(samples):
    """Standardised relevant clips X, their sentence's index, and the sentences' means, in float64."""
    videos = {sample.vid: sample.video.double().numpy() for sample in samples}
    every = np.concatenate(list(videos.values()))
    mean, std = every.mean(0).astype(np.float32), every.std(0).astype(np.float32)
    x = np.concatenate([((s.video.double().numpy() - mean) / std)[s.relevance.numpy()] for s in samples])
    owner = np.concatenate([[i] * int(s.relevance.sum()) for i, s in enumerate(samples)])
    return x, owner.astype(int), np.stack([s.text.double().numpy().mean(0) for s in samples])


def test_statistics_count_each_video_once():
    samples = make_samples()
    every = np.concatenate([sample.video.double().numpy() for sample in samples[::2]])
    mean, std = video_statistics(samples)
    np.testing.assert_allclose(mean.numpy(), every.mean(0), rtol=1e-6)
    np.testing.assert_allclose(std.numpy(), every.std(0), rtol=1e-6)
    constant = [dataclasses.replace(samples[0], video=torch.full((4, 3), 2.0))]
    assert bool((video_statistics(constant)[1] > 0).all())


@pytest.mark.parametrize("channels", [2, 4, 10])
def test_the_text_projection_is_a_rotated_principal_subspace(channels):
    """Fewer channels than the text has dimensions: its principal components. More: an isometry up to scale."""
    samples = make_samples()
    model = make_model(channels)
    align_projections(model, samples, ridge=1.0, seed=3)
    _, _, sentences = stacked(samples)
    centred = sentences - sentences.mean(0)
    got = model.text_projection(torch.from_numpy(sentences).float()).detach().numpy().astype(float)
    np.testing.assert_allclose(got.mean(0), 0.0, atol=1e-5)
    assert np.sqrt((got**2).mean()) == pytest.approx(1.0, rel=1e-5)
    # inner products are those of the leading components, up to the one scale
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    kept = min(channels, TEXT_WIDTH)
    reduced = left[:, :kept] * values[:kept]
    scale = (got**2).sum() / (reduced**2).sum()
    np.testing.assert_allclose(got @ got.T, scale * (reduced @ reduced.T), atol=1e-4)


@pytest.mark.parametrize("ridge", [1e-3, 1.0, 100.0])
def test_the_video_projection_is_a_ridge_regression(ridge):
    samples = make_samples()
    model = make_model()
    align_projections(model, samples, ridge=ridge, seed=0)
    x, owner, sentences = stacked(samples)
    y = model.text_projection(torch.from_numpy(sentences).float()).detach().numpy().astype(float)[owner]
    # ridge as least squares: rows sqrt(λ n) I with target 0
    n = len(x)
    augmented = np.concatenate([x, np.sqrt(ridge * n) * np.eye(VIDEO_WIDTH)])
    weight, *_ = np.linalg.lstsq(augmented, np.concatenate([y, np.zeros((VIDEO_WIDTH, y.shape[1]))]), rcond=None)
    predicted = x @ weight
    expected = weight / np.sqrt((predicted**2).mean())
    np.testing.assert_allclose(model.video_projection.linear.weight.detach().numpy().T, expected, atol=1e-4)
    clips = torch.cat([sample.video[sample.relevance].float() for sample in samples])
    np.testing.assert_allclose(model.video_projection(clips).detach().numpy(), x @ expected, atol=2e-4)


def test_the_seed_rotates_and_changes_no_similarity():
    samples = make_samples()
    models = [make_model() for _ in range(3)]
    for model, seed in zip(models, (0, 0, 1), strict=True):
        align_projections(model, samples, ridge=1.0, seed=seed)
    weights = [model.text_projection.linear.weight for model in models]
    assert torch.equal(weights[0], weights[1])
    assert not torch.allclose(weights[0], weights[2], atol=1e-2)
    texts = torch.stack([sample.text.float().mean(0) for sample in samples])
    products = []
    for model in (models[0], models[2]):
        y, x = model.text_projection(texts), model.video_projection(samples[0].video.float())
        products.append(x @ y.T)
    torch.testing.assert_close(products[0], products[1], atol=1e-4, rtol=1e-4)


def test_without_relevant_clips_only_text_and_statistics_are_fitted():
    samples = make_samples(relevant=False)
    model = make_model()
    before = model.video_projection.linear.weight.detach().clone()
    align_projections(model, samples, ridge=1.0, seed=0)
    assert torch.equal(model.video_projection.linear.weight, before)
    assert bool(torch.isfinite(model.text_projection.linear.weight).all())
    torch.testing.assert_close(model.video_projection.mean, video_statistics(samples)[0])


def test_degenerate_sets_stay_finite():
    """One sample, one sentence: no spread to whiten, fewer components than channels."""
    [sample] = make_samples(1)
    still = dataclasses.replace(sample, video=torch.ones_like(sample.video))
    for samples in ([sample], [still], [sample, sample]):
        model = make_model()
        align_projections(model, samples, ridge=1.0, seed=0)
        for projection, features in ((model.video_projection, sample.video), (model.text_projection, sample.text)):
            assert bool(torch.isfinite(projection(features.float())).all())


@pytest.mark.parametrize("ridge", [1e-2, 1.0])
@torch.no_grad()
def test_the_score_is_a_ridge_regression_of_relevance(ridge):
    """On cosine and features less the video's mean; the cosine is as good as free, the score has unit variance."""
    samples = make_samples()
    samples[3] = dataclasses.replace(samples[3], relevance=torch.zeros_like(samples[3].relevance))
    model = make_model(fusion="reaction_diffusion")
    align_projections(model, samples, ridge=1.0, seed=0)
    start = model.fusion.salience.weight.clone().numpy()
    align_score(model, samples, ridge)
    features, target = [], []
    for sample in samples:
        if sample.relevance.any():
            clips = model.video_projection(sample.video.float()).double().numpy()
            text = model.text_projection(sample.text.float()).double().numpy().mean(0)
            cosine = clips @ text / np.linalg.norm(clips, axis=1) / np.linalg.norm(text)
            own = np.column_stack([cosine, clips])
            features.append(own - own.mean(0))
            target.append(sample.relevance.double().numpy() - sample.relevance.double().numpy().mean())
    x, y = np.concatenate(features), np.concatenate(target)
    penalty = np.sqrt(len(x) * np.array([1e-6, *[ridge] * 4]))
    weight, *_ = np.linalg.lstsq(np.concatenate([x, np.diag(penalty)]), np.concatenate([y, np.zeros(5)]), rcond=None)
    weight /= np.sqrt(((x @ weight) ** 2).mean())
    np.testing.assert_allclose(model.fusion.similarity_scale.numpy(), weight[0], rtol=1e-3)
    change = model.fusion.salience.weight.numpy() - start
    for row in change[: model.fusion.heads]:
        np.testing.assert_allclose(row, weight[1:], atol=1e-3)
    assert not change[model.fusion.heads :].any()


def test_the_score_is_left_alone_where_there_is_nothing_to_fit():
    align_score(make_model(), make_samples(), 1.0)
    model = make_model(fusion="reaction_diffusion")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    align_score(model, make_samples(relevant=False), 1.0)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("training", [True, False])
def test_the_fit_keeps_the_mode(training):
    model = make_model(fusion="reaction_diffusion").train(training)
    align_score(model, make_samples(), 1.0)
    assert model.training == training


@torch.no_grad()
def test_on_planted_moments_the_fit_finds_the_clips_of_an_unseen_query(tmp_path):
    """Cosine of clip and text, in the windows less outside, on the validation split."""
    folder = write_planted_dataset(tmp_path / "planted", seed=0, train=256, val=64)
    train, val = (
        MomentDataset(folder / f"{name}.jsonl", [folder / "video_features"], folder / "text_features")
        for name in ("train", "val")
    )
    model = make_model(16, train.video_channels, train.text_channels)

    def margin():
        gaps = []
        for sample in val:
            clips = model.video_projection(sample.video.float())
            text = model.text_projection(sample.text.float()).mean(0)
            cosine = torch.cosine_similarity(clips, text[None], dim=-1)
            gaps.append((cosine[sample.relevance].mean() - cosine[~sample.relevance].mean()).item())
        return float(np.mean(gaps))

    before = margin()
    align_projections(model, [train[i] for i in range(len(train))], ridge=1.0, seed=0)
    after = margin()
    assert abs(before) < 0.1
    assert after > before + 0.1
