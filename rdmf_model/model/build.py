"""Builds fusion and model from a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from rdmf_model.constraints.constraint import DesignConstraint
from rdmf_model.constraints.region import build_region
from rdmf_model.constraints.unconstrained import Unconstrained
from rdmf_model.fusion.base import Fusion
from rdmf_model.fusion.baselines import ConvolutionFusion, CrossAttentionFusion, NoFusion, SelfAttentionFusion
from rdmf_model.fusion.reaction_diffusion import ReactionDiffusionFusion
from rdmf_model.model.heads import SIMILARITY_REACH, BoundaryHead, MomentDecoder, SaliencyHead
from rdmf_model.model.moment_model import FeatureProjection, MomentModel
from rdmf_model.model.text import AttentionPooling

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
    kind = DesignConstraint if config.constraint == "hard" else Unconstrained
    constraint = kind(build_region(config.region, config.steps), modulation_fraction=config.region.modulation_fraction)
    return ReactionDiffusionFusion(
        config.channels,
        constraint,
        config.steps,
        heads=2 * config.heads,
        feedforward=config.feedforward,
        dropout=config.dropout,
        backend=config.backend,
    )


def build_model(config: ModelConfig, video_channels: int, text_channels: int) -> MomentModel:
    """The model of a configuration for features of these widths."""
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
