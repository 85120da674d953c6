"""Where do clips and sentences meet before any training? In a space fitted to the data set in closed form.

The text projection is the principal components of the training sentences, centred, whitened by one common scale and
rotated at random (so that every slice of channels sees every component); the video projection is the ridge regression
of relevant clips on their sentence in that space,

    W = (XᵀX + λ n I)⁻¹ Xᵀ Y,      X (n, C_v) standardised relevant clips,  Y (n, C) their sentence.

Sentence encoders already place similar sentences near each other; a text projection learned from a few hundred captions
forgets that. The fit is the same for every fusion, so comparisons stay fair.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from rdmf_model.data.batch import Sample
    from rdmf_model.model.base import RetrievalModel


def video_statistics(samples: Sequence[Sample]) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each feature over the clips of the distinct videos, shape (C_v,) each."""
    videos = {sample.vid: sample.video for sample in samples}
    count = sum(len(video) for video in videos.values())
    mean = torch.stack([video.double().sum(0) for video in videos.values()]).sum(0) / count
    square = torch.stack([(video.double() - mean).square().sum(0) for video in videos.values()]).sum(0) / count
    return mean.float(), square.sqrt().clamp(min=1e-6).float()


@torch.no_grad()
def align_projections(model: RetrievalModel, samples: Sequence[Sample], ridge: float, seed: int) -> None:
    """Fit the projections of `model` to the training set, in place.

    Arguments:
        model: whose `video_projection` and `text_projection` are replaced by the fit.
        samples: the training set; those without windows inform the text space only.
        ridge: λ relative to the number of relevant clips, > 0.
        seed: of the rotation.
    """
    mean, std = video_statistics(samples)
    model.video_projection.set_statistics(mean, std)
    sentences = torch.stack([sample.text.float().mean(0) for sample in samples]).double()
    centre = sentences.mean(0)
    channels = model.text_projection.linear.out_features
    _, _, components = torch.linalg.svd(sentences - centre, full_matrices=False)
    components = components[:channels].T
    generator = torch.Generator().manual_seed(seed)
    rotation = torch.linalg.qr(torch.randn(channels, components.shape[1], generator=generator, dtype=torch.float64))[0]
    basis = components @ rotation.T
    scale = 1.0 / ((sentences - centre) @ basis).square().mean().sqrt().clamp(min=1e-9)
    basis = basis * scale
    model.text_projection.linear.weight.copy_(basis.T)
    model.text_projection.linear.bias.copy_(-(centre @ basis))

    gram = torch.zeros(len(mean), len(mean), dtype=torch.float64)
    cross = torch.zeros(len(mean), channels, dtype=torch.float64)
    count = 0
    for sample, sentence in zip(samples, sentences, strict=True):
        relevant = ((sample.video.float() - mean) / std)[sample.relevance].double()
        gram += relevant.T @ relevant
        cross += relevant.sum(0)[:, None] * ((sentence - centre) @ basis)
        count += len(relevant)
    if count == 0:
        return
    weight = torch.linalg.solve(gram + ridge * count * torch.eye(len(mean), dtype=torch.float64), cross)
    spread = (torch.einsum("ij,ik,kj->", weight, gram / count, weight) / channels).sqrt().clamp(min=1e-9)
    model.video_projection.linear.weight.copy_((weight / spread).T)
    model.video_projection.linear.bias.zero_()


@torch.no_grad()
def align_score(model: RetrievalModel, samples: Sequence[Sample], ridge: float) -> None:
    """Fit the score that drives the reaction to the training set, in place; after `align_projections`.

    Ridge regression of relevance on a clip's cosine with the query (not penalised) and its projected features
    (penalised), all relative to the video's mean, as `fusion.local_contrast` sees them. Where clips already know the
    text the features carry the score; where they do not, the cosine does. A model without a score is left alone.

    Arguments:
        model: with aligned projections.
        samples: the training set; those without windows are ignored.
        ridge: λ relative to the number of clips, > 0.
    """
    fusion = model.fusion
    if not fusion.takes_score:
        return
    weight = model.video_projection.linear.weight
    channels, device = weight.shape[0], weight.device
    gram = torch.zeros(channels + 1, channels + 1, dtype=torch.float64)
    cross = torch.zeros(channels + 1, dtype=torch.float64)
    count = 0
    training = model.training
    model.eval()
    for sample in samples:
        if not bool(sample.relevance.any()):
            continue
        video = model.video_projection(sample.video.float().to(device)[None])
        text = model.text_projection(sample.text.float().to(device)[None])
        query = model.pooling(text, torch.ones(text.shape[:2], dtype=torch.bool, device=device))
        cosine = torch.cosine_similarity(video, query[:, None], dim=-1)
        features = torch.cat([cosine[..., None], video], dim=-1)[0].double().cpu()
        features = features - features.mean(0)
        target = sample.relevance.double() - sample.relevance.double().mean()
        gram += features.T @ features
        cross += features.T @ target
        count += len(target)
    model.train(training)
    if count == 0:
        return
    penalty = torch.full((channels + 1,), ridge * count, dtype=torch.float64)
    penalty[0] = 1e-6 * count
    weight = torch.linalg.solve(gram + torch.diag(penalty), cross)
    # Unit variance of the score over the clips of a video; contrast makes the rest.
    weight = weight / (weight @ gram @ weight / count).sqrt().clamp(min=1e-9)
    fusion.start_score(float(weight[0]), weight[1:])
