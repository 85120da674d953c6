"""The reaction-diffusion fusion layer: text and clips react, clips diffuse, and the moment appears as a pattern.

    score_t = b_k + contrast_t(α_k cos_k(x_t, q) + w_k · x_t)    score k: match with the text (heads), salience (probes)
    tilt_t  = P tanh(ε₁ score_t)                                 channel c listens to scores, Σ_k |P_ck| <= 1
    design  = constraint.transform(base_c + A B q)               per channel c: (u*, z, excess, wavelength, rate)
    m_t     = constraint.modulate(design, tilt_t)                clip-wise gain, inside the admissible interval
    v_0     = v* (1 + ε₂ tilt_t),  u_0 = u*                      a weak pattern for the instability to amplify
    (u, v)  = N semi-implicit steps                              `ops.reaction_diffusion`
    x'_t    = LN(FFN(x_t + a p(v/v* − 1) + b (u/u* − 1)))        readout channel by channel, then feed-forward

p(x) = x/(1 + |x|/2) keeps large-amplitude patterns from drowning small ones. Contrast is against the clips within a
fixed radius, so what a clip becomes depends on its surroundings alone. Whatever the weights, the parameters stay in the
region of `constraints.DesignConstraint`. Per clip and before the feed-forward block the layer multiplies by K << C
scores only: no C x C projection.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from rdmf_model.constraints.base import Constraint, Design
from rdmf_model.fusion.base import FeedForward, Fusion, FusionOutput
from rdmf_model.fusion.inputs import check_inputs, clip_lengths
from rdmf_model.ops.reaction_diffusion.driven import (
    Drive,
    Rates,
    Readout,
    Start,
    Trace,
    driven_reaction_diffusion,
    driven_readout,
    read,
)
from rdmf_model.ops.scores.local_contrast import local_contrast
from rdmf_model.ops.scores.scaled_tanh import scaled_tanh
from rdmf_model.ops.scores.text_match import text_match
from rdmf_theory.errors import ParameterError

# Clips on either side that a clip is compared with: a little more than the 75 clips of the field's usual videos.
CONTRAST_RADIUS = 75


class ReactionDiffusionFusion(Fusion):
    """Fuse clips (B, T, C) with a text query (B, C) by a text-modulated Gray-Scott system per channel.

    Arguments:
        channels: C, divisible by heads.
        constraint: maps raw outputs to admissible parameters.
        steps: semi-implicit steps N, >= 1.
        heads: similarity heads; the first half compare whole vectors, the others slices of C / heads channels.
        probes: scores that see the clip alone.
        design_rank: rank of the map from the query to the designs.
        feedforward: hidden width of the feed-forward block after the readout.
        dropout: of the readout and the feed-forward block.
        backend: of the operator; None picks the best available.

    Raises: ParameterError if the channels do not divide among the heads.
    """

    has_region: ClassVar[bool] = True
    supports_chunks: ClassVar[bool] = True
    takes_score: ClassVar[bool] = True

    def __init__(
        self,
        channels: int,
        constraint: Constraint,
        steps: int,
        heads: int = 8,
        probes: int = 32,
        design_rank: int = 16,
        feedforward: int = 256,
        dropout: float = 0.2,
        backend: str | None = None,
    ) -> None:
        super().__init__()
        if heads < 1 or channels < heads or channels % heads:
            raise ParameterError(
                f"ReactionDiffusionFusion.channels must be a multiple of heads >= 1. Got {channels} and {heads}; "
                "change one of them."
            )
        self.channels, self.steps, self.heads, self.backend = channels, steps, heads, backend
        self.constraint = constraint
        # Within every head the wavelengths are spread over the box, so that each similarity meets each scale.
        base = torch.zeros(channels, 5)
        base[:, 3] = torch.linspace(-2.0, 2.0, channels // heads).repeat(heads)
        base[:, 4] = 1.0
        self.design_base = nn.Parameter(base)
        self.design_query = nn.Sequential(
            nn.Linear(channels, design_rank, bias=False), nn.Linear(design_rank, 5 * channels, bias=False)
        )
        nn.init.zeros_(self.design_query[1].weight)  # type: ignore[arg-type]
        self.similarity_scale = nn.Parameter(torch.full((heads,), 8.0))
        # No bias: contrast would cancel it.
        self.salience = nn.Linear(channels, heads + probes, bias=False)
        nn.init.normal_(self.salience.weight, std=channels**-0.5)
        nn.init.normal_(self.salience.weight[:heads], std=0.3 * channels**-0.5)
        self.score_offset = nn.Parameter(torch.zeros(heads + probes))
        self.gain_scale = nn.Parameter(torch.full((heads + probes,), 0.6))
        # A channel starts by listening to its own head, and to a few probes that keep the channels apart.
        own = 0.7 * torch.eye(heads).repeat_interleave(channels // heads, dim=0)
        self.listening = nn.Parameter(torch.cat([own, 0.5 / max(probes, 1) * torch.randn(channels, probes)], dim=1))
        self.initial_share = nn.Parameter(torch.zeros(channels))
        # The layer starts as the identity with a faint pattern: what diffusion blurs, it has to be worth.
        self.activator_weight = nn.Parameter(torch.zeros(channels))
        self.substrate_weight = nn.Parameter(torch.zeros(channels))
        self.dropout = nn.Dropout(dropout)
        self.feedforward = FeedForward(channels, feedforward, dropout)
        self.norm = nn.LayerNorm(channels)
        self.pattern_weight = nn.Parameter(torch.zeros(channels))
        self.pattern_scale = nn.Parameter(torch.tensor(0.3))

    def design(self, query: Tensor) -> Design:
        """The design of every channel for each text, tensors (B, C)."""
        raw = self.design_base + self.design_query(query).view(*query.shape[:-1], self.channels, 5)
        return self.constraint.transform(raw, self.backend)

    def reaction_parameters(self) -> list[nn.Parameter]:
        """Designs and the scalars per score or channel that drive the reaction and weigh the pattern."""
        scalars = [self.similarity_scale, self.score_offset, self.gain_scale, self.initial_share]
        scalars += [self.pattern_weight, self.pattern_scale]
        return [self.design_base, *self.design_query.parameters(), *scalars]

    @torch.no_grad()
    def margins(self) -> dict[str, float]:
        """Worst margin of each condition of the region over the channels' designs for an empty text."""
        design = self.design(self.design_base.new_zeros(1, self.channels))
        return {name: condition.margin for name, condition in self.constraint.check(design).items()}

    def penalty(self, query: Tensor) -> Tensor | None:
        """Distance of the designs for `query` (B, C) from the region; None where they cannot leave it."""
        return self.constraint.penalty(self.design(query)) if self.constraint.can_leave else None

    def start_score(self, cosine: float, direction: Tensor) -> None:
        """Every head starts with this score; its direction is added to the random start, which keeps heads apart."""
        self.similarity_scale.fill_(cosine)
        self.salience.weight[: self.heads].add_(direction.to(self.salience.weight))

    def use_reference(self) -> None:
        """Compute by the plain torch reference from now on, as an exported program must."""
        self.backend = "reference"

    def match(self, video: Tensor, query: Tensor) -> Tensor:
        """Every score before contrast, shape (B, T, K): match with the text (heads) plus the clip's own salience."""
        return text_match(video, query, self.similarity_scale, self.salience.weight, backend=self.backend)

    def contrast(self, match: Tensor, video_mask: Tensor) -> Tensor:
        """The scores of clips with this `match`, any real, shape (B, T, K); each sees CONTRAST_RADIUS clips around."""
        return local_contrast(match, video_mask, CONTRAST_RADIUS, offset=self.score_offset, backend=self.backend)

    def score(self, video: Tensor, query: Tensor, video_mask: Tensor) -> Tensor:
        """Contrast of each clip's match with the text and of its salience, shape (B, T, K), any real."""
        return self.contrast(self.match(video, query), video_mask)

    def tilt(self, score: Tensor) -> Tensor:
        """What each channel makes of the scores, `P tanh(ε₁ score)`, (B, T, C), in [-1, 1] up to rounding."""
        listening = self.listening / self.listening.abs().sum(1, keepdim=True).clamp(min=1.0)
        return scaled_tanh(score, self.gain_scale.to(score.dtype), backend=self.backend) @ listening.T.to(score.dtype)

    def initial_tilt(self) -> Tensor:
        """ε₂ of each channel, (C,), in (0, 0.9): v_0 = v* (1 + ε₂ tilt)."""
        return 0.9 * torch.sigmoid(self.initial_share)

    def drive(self, design: Design) -> tuple[Drive, Rates]:
        """What starts and drives the steps of a design of tensors (B, 1, C), each broadcastable to (B, C)."""
        at = design.map(lambda x: x[:, 0])
        start = Drive(at.u_star, at.v_star, at.s, *self.constraint.log_gain(at), self.initial_tilt())
        return start, Rates(at.F, at.k, at.D_u, at.D_v)

    def react(self, design: Design, score: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        """What the steps make of the scores: (p(v/v* - 1), u/u* - 1), each (B, T, C).

        Arguments: design of tensors (B, 1, C); score (B, T, K); lengths (B,) valid clips, None: all.
        """
        tilt = self.tilt(score)
        drive, rates = self.drive(design)
        return driven_reaction_diffusion(tilt, drive, rates, lengths, steps=self.steps, backend=self.backend)

    def answer(
        self,
        tilt: Tensor,
        drive: Drive,
        rates: Rates,
        readout: Readout,
        video: Tensor | None,
        lengths: Tensor | None,
        trace: list[Trace] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """What `forward` puts into its feed-forward block, (B, T, C), and the pattern, (B, T): `driven_readout`."""
        options = {"steps": self.steps, "backend": self.backend, "trace": trace}
        return driven_readout(tilt, drive, rates, readout, video, lengths, **options)

    @torch.no_grad()
    def run(
        self, rates: Rates, start: Start, lengths: Tensor | None, steps: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """(u_N, v_N), each (B, T, C), from any start: an experiment on the path that answers, `driven_readout`.

        Arguments: rates: (B, C) each.  start: (B, T, C) each.  lengths: as in `react`.  steps: None: the layer's.
        """
        trace: list[Trace] = []
        one = torch.ones_like(rates.F)
        # the state is observed, not what is read from it: any weights will do, for as many channels as were given
        weights = Readout(*(x[: one.shape[-1]].to(one.dtype) for x in self.readout()))
        driven_readout(
            torch.zeros_like(start.u_0),
            Drive(one, one, one, 0 * one, 0 * one, 0 * one),
            rates,
            weights,
            None,
            lengths,
            steps=self.steps if steps is None else steps,
            backend=self.backend,
            trace=trace,
            start=start,
        )
        return trace[0].u_N, trace[0].v_N

    def readout_matrix(self) -> Tensor:
        """What `read` multiplies [activator, substrate] with, (C, 2C): two diagonal blocks."""
        return torch.cat([torch.diag(self.activator_weight), torch.diag(self.substrate_weight)], dim=1)

    def readout(self) -> Readout:
        """The weights of activator, substrate and pattern, (C,) each."""
        pattern = self.pattern_scale * torch.softmax(self.pattern_weight, dim=0)
        return Readout(self.activator_weight, self.substrate_weight, pattern)

    def read(self, video: Tensor, activator: Tensor, substrate: Tensor) -> tuple[Tensor, Tensor]:
        """Fused clips (B, T, C) and pattern (B, T) from what `react` made, clip by clip."""
        change, pattern = read(activator, substrate, self.readout())
        return self.norm(self.feedforward(video + self.dropout(change))), pattern

    def forward(
        self,
        video: Tensor,
        text: Tensor,
        query: Tensor,
        video_mask: Tensor | None = None,
        text_mask: Tensor | None = None,
        trace: list[Trace] | None = None,
    ) -> FusionOutput:
        """Fused clips (B, T, C) and the pattern (B, T), the channels' weighted activator, 0 in the padding.

        Arguments:
            video, video_mask: clips (B, T, C) and their validity (B, T), bool, the valid ones first; None: all.
            query: the pooled text, (B, C).  text, text_mask: not used, part of the common interface.
            trace: a list that gets what the reaction held on the way (`driven.Trace`): the same answer, no gradients.
        Raises: ValueError, with the remedy, for anything else; half precisions are computed in float32.
        """
        video_mask, _ = check_inputs(video, text, query, video_mask, text_mask, self.activator_weight)
        lengths, query = clip_lengths(video_mask, query)
        design = self.design(query).map(lambda x: x[:, None])
        score = self.score(video, query, video_mask)
        # `read` after `react`, in one pass; dropout is between the change and the video
        alone = self.training and self.dropout.p > 0
        drive, rates = self.drive(design)
        added = None if alone else video
        changed, pattern = self.answer(self.tilt(score), drive, rates, self.readout(), added, lengths, trace)
        clips = self.norm(self.feedforward(video + self.dropout(changed) if alone else changed))
        return FusionOutput(clips, pattern * video_mask)


def reaction_diffusion_layer(fusion: nn.Module) -> ReactionDiffusionFusion:
    """`fusion`, if it is a reaction-diffusion layer. Raises ParameterError for any other, which has no halo."""
    if not isinstance(fusion, ReactionDiffusionFusion):
        raise ParameterError(
            f"the fusion must be reaction_diffusion. Got {type(fusion).__name__}, which has no certified halo: it can "
            "be run on whole videos only."
        )
    return fusion
