"""Builds fusion and model from a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from rdmf_model.constraints.constraint import DesignConstraint
from rdmf_model.constraints.region import build_region
from rdmf_model.constraints.unconstrained import Unconstrained
from rdmf_model.fusion.base import Fusion
from rdmf_model.fusion.baselines import (
    ConvolutionFusion,
    CrossAttentionFusion,
    LinearRecurrenceFusion,
    NoFusion,
    SelfAttentionFusion,
)
from rdmf_model.fusion.competition import CompetitionFusion
from rdmf_model.fusion.reaction_diffusion import ReactionDiffusionFusion
from rdmf_model.model.base import FeatureProjection, RetrievalModel
from rdmf_model.model.heads import SIMILARITY_REACH, BoundaryHead, MomentDecoder, SaliencyHead
from rdmf_model.model.moment_model import MomentModel
from rdmf_model.model.span_model import Block, SpanModel
from rdmf_model.model.text import AttentionPooling
from rdmf_theory.errors import ParameterError

if TYPE_CHECKING:
    from rdmf_model.config.config import ModelConfig


def build_fusion(config: ModelConfig) -> Fusion:
    """The fusion layer of a configuration; the reaction-diffusion layer comes with its region."""
    match config.fusion:
        case "none":
            return NoFusion(config.channels)
        case "convolution":
            return ConvolutionFusion(config.channels, config.dropout)
        case "cross_attention":
            return CrossAttentionFusion(config.channels, config.heads, config.feedforward, config.dropout)
        case "self_attention":
            return SelfAttentionFusion(config.channels, config.heads, config.feedforward, config.dropout)
        case "word_attention":
            sizes = config.channels, config.heads, config.feedforward
            return CrossAttentionFusion(*sizes, config.dropout, temporal=False)
        case "linear_recurrence":
            return LinearRecurrenceFusion(config.channels, config.dropout)
    kind = DesignConstraint if config.constraint == "hard" else Unconstrained
    # the gains of a region are about at least one step
    region = build_region(config.region, max(config.steps, 1))
    constraint = kind(region, modulation_fraction=config.region.modulation_fraction)
    if config.fusion in ("competition", "weighted_diffusion"):
        return CompetitionFusion(
            config.channels,
            constraint,
            config.steps,
            scores=config.scores,
            reaction=config.fusion == "competition",
            dropout=config.dropout,
        )
    return ReactionDiffusionFusion(
        config.channels,
        constraint,
        config.steps,
        heads=2 * config.heads,
        feedforward=config.feedforward,
        dropout=config.dropout,
        backend=config.backend,
    )


def build_span_model(config: ModelConfig, video_channels: int, text_channels: int) -> SpanModel:
    """The model with a span table; its fusion and the block after it meet `fusion_budget`.

    Raises: ParameterError for a budget that the fusion alone exceeds.
    """
    channels = config.channels
    fusion = build_fusion(config)
    width = config.feedforward
    if config.fusion_budget is not None:
        used = sum(parameter.numel() for parameter in fusion.parameters())
        # LN (2 C), two matrices (2 C h) and their biases (h + C)
        width = round((config.fusion_budget - used - 3 * channels) / (2 * channels + 1))
        if width < 1:
            raise ParameterError(
                f"model.fusion_budget must exceed what {config.fusion} needs, {used + 5 * channels:,} parameters. "
                f"Got {config.fusion_budget:,}; raise it."
            )
    return SpanModel(
        video_projection=FeatureProjection(video_channels, channels, 0.0),
        text_projection=FeatureProjection(text_channels, channels, 0.0),
        pooling=AttentionPooling(channels),
        fusion=fusion,
        block=Block(channels, width, config.dropout),
        features=video_channels,
        channels=channels,
        heads=config.heads,
        feedforward=config.feedforward,
        dropout=config.dropout,
        input_dropout=config.input_dropout,
        answers=min(10, config.moment_queries),
    )


def build_model(config: ModelConfig, video_channels: int, text_channels: int) -> RetrievalModel:
    """The model of a configuration for features of these widths."""
    if config.moment_head == "spans":
        return build_span_model(config, video_channels, text_channels)
    channels = config.channels
    return MomentModel(
        video_projection=FeatureProjection(video_channels, channels, config.input_dropout),
        text_projection=FeatureProjection(text_channels, channels, 0.0),
        pooling=AttentionPooling(channels),
        fusion=build_fusion(config),
        saliency=SaliencyHead(channels),
        boundary=BoundaryHead(channels),
        cuts=nn.Linear(2 * SIMILARITY_REACH, channels),
        decoder=MomentDecoder(
            channels,
            config.heads,
            config.feedforward,
            config.dropout,
            config.decoder_layers,
            config.moment_queries if config.query_source == "learned" else None,
        ),
        moment_queries=config.moment_queries,
        auxiliary_losses=config.auxiliary_losses,
    )
