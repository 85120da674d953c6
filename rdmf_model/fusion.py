"""The reaction-diffusion fusion layer: text and clips react, clips diffuse, and the moment appears as a pattern.

    score_t = b_g + contrast_t(α_g cos_g(x_t, q) + w_c · x_t)    match with the text (head g), salience (channel c)
    design  = constraint.transform(base_c + A B q)               per channel c: (u*, z, excess, wavelength, rate)
    m_t     = constraint.modulate(design, ε₁ score_t)            clip-wise gain, inside the admissible interval
    v_0     = v* exp(ε₂ tanh(score_t / 2)),  u_0 = u*            a weak pattern for the instability to amplify
    (u, v)  = N semi-implicit steps                              `ops.reaction_diffusion`
    x'_t    = LN(FFN(x_t + W [p(v/v* − 1), u/u* − 1]))           readout, then feed-forward, both with residual

p(x) = 2 tanh(x/2) keeps large-amplitude patterns from drowning small ones. Contrast is against the clips within a fixed
radius, so what a clip becomes depends on its surroundings alone. Whatever the weights, the parameters stay in the
region of `constraints.DesignConstraint`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from rdmf_model.baselines import FeedForward, FusionOutput
from rdmf_model.constraints import Design, DesignConstraint
from rdmf_model.ops.reaction_diffusion import reaction_diffusion
from rdmf_theory.errors import ParameterError

# Clips on either side that a clip is compared with: a little more than the 75 clips of the field's usual videos.
CONTRAST_RADIUS = 75


def local_contrast(x: Tensor, mask: Tensor, radius: int, floor: float = 1e-2) -> Tensor:
    """Standardise each clip against its surroundings: `(x_t - mean) / sqrt(var + floor²)` over valid clips in `radius`.

    Arguments:
        x: shape (B, T, G).
        mask: valid clips, bool (B, T); what lies outside is ignored and returned as 0.
        radius: clips on either side, >= 1.

    Linear in T for any radius: window sums are differences of running sums, kept in float64 so that they do not drift.
    """
    valid = mask[..., None].double()
    inside = torch.where(mask[..., None], x, torch.zeros_like(x)).double()
    clips = x.shape[1]
    low = (torch.arange(clips, device=x.device) - radius).clamp(min=0)
    high = (torch.arange(clips, device=x.device) + radius + 1).clamp(max=clips)
    running = nn.functional.pad(torch.cat([inside, inside.square(), valid], dim=-1).cumsum(1), (0, 0, 1, 0))
    sums = running[:, high] - running[:, low]
    total, square, count = sums.split([x.shape[-1], x.shape[-1], 1], dim=-1)
    count = count.clamp(min=1.0)
    mean = total / count
    variance = (square / count - mean.square()).clamp(min=0.0)
    return ((inside - mean) * valid / (variance + floor**2).sqrt()).to(x.dtype)


class ReactionDiffusionFusion(nn.Module):
    """Fuse clips (B, T, C) with a text query (B, C) by a text-modulated Gray-Scott system per channel.

    Arguments:
        channels: C, divisible by heads.
        constraint: the one door to admissible parameters.
        steps: semi-implicit steps N, >= 1.
        heads: similarity heads; the first half compare whole vectors, the others slices of C / heads channels.
        design_rank: rank of the map from the query to the designs.
        feedforward: hidden width of the feed-forward block after the readout.
        dropout: of the readout and the feed-forward block.
        backend: of the operator; None picks the best available.

    Raises: ParameterError if the channels do not divide among the heads.
    """

    def __init__(
        self,
        channels: int,
        constraint: DesignConstraint,
        steps: int,
        heads: int = 8,
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
        self.salience = nn.Linear(channels, channels, bias=False)
        nn.init.normal_(self.salience.weight, std=0.3 * channels**-0.5)
        self.score_offset = nn.Parameter(torch.zeros(heads))
        self.gain_scale = nn.Parameter(torch.full((heads,), 0.6))
        self.initial_scale = nn.Parameter(torch.ones(heads))
        self.readout = nn.Linear(2 * channels, channels)
        # The layer starts as the identity with a faint pattern: what diffusion blurs, it has to be worth.
        nn.init.zeros_(self.readout.weight)
        nn.init.zeros_(self.readout.bias)
        self.dropout = nn.Dropout(dropout)
        self.feedforward = FeedForward(channels, feedforward, dropout)
        self.norm = nn.LayerNorm(channels)
        self.pattern_weight = nn.Parameter(torch.zeros(channels))
        self.pattern_scale = nn.Parameter(torch.tensor(0.3))

    def design(self, query: Tensor) -> Design:
        """The design of every channel for each text, tensors (B, C)."""
        raw = self.design_base + self.design_query(query).view(*query.shape[:-1], self.channels, 5)
        return self.constraint.transform(raw)

    def reaction_parameters(self) -> list[nn.Parameter]:
        """Designs and the scalars per head or channel that drive the reaction and weigh the pattern."""
        scalars = [self.similarity_scale, self.score_offset, self.gain_scale, self.initial_scale]
        scalars += [self.pattern_weight, self.pattern_scale]
        return [self.design_base, *self.design_query.parameters(), *scalars]

    def match(self, video: Tensor, query: Tensor) -> Tensor:
        """Match of each clip with the text plus its own salience, before contrast, shape (B, T, C)."""
        batch, clips, _ = video.shape
        whole = torch.einsum("btc,bc->bt", normalize(video, dim=-1), normalize(query, dim=-1))
        slices = normalize(video.view(batch, clips, self.heads, -1), dim=-1)
        sliced = torch.einsum("btgc,bgc->btg", slices, normalize(query.view(batch, self.heads, -1), dim=-1))
        half = self.heads // 2
        similarity = torch.cat([whole[..., None].expand(-1, -1, half), sliced[..., half:]], dim=-1)
        per_head = self.channels // self.heads
        return (self.similarity_scale * similarity).repeat_interleave(per_head, dim=-1) + self.salience(video)

    def contrast(self, match: Tensor, video_mask: Tensor) -> Tensor:
        """The score of clips with this `match`, any real, shape (B, T, C); clip t sees CONTRAST_RADIUS to each side."""
        per_head = self.channels // self.heads
        return local_contrast(match, video_mask, CONTRAST_RADIUS) + self.score_offset.repeat_interleave(per_head)

    def score(self, video: Tensor, query: Tensor, video_mask: Tensor) -> Tensor:
        """Contrast of each clip's match with the text plus its own salience, shape (B, T, C), any real."""
        return self.contrast(self.match(video, query), video_mask)

    def react(self, design: Design, score: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        """What the steps make of the score: (2 tanh((v/v* - 1) / 2), u/u* - 1), each (B, T, C).

        Arguments: design of tensors (B, 1, C); score (B, T, C); lengths (B,) valid clips, None: all.
        """
        per_head = self.channels // self.heads
        gain = self.constraint.modulate(design, self.gain_scale.repeat_interleave(per_head) * score)
        initial = self.initial_scale.repeat_interleave(per_head) * torch.tanh(0.5 * score)
        v0 = design.v_star * torch.exp(initial)
        u0 = design.u_star.expand_as(v0)
        u, v = reaction_diffusion(
            u0,
            v0,
            design.s * gain,
            design.F[:, 0],
            design.k[:, 0],
            design.D_u[:, 0],
            design.D_v[:, 0],
            lengths,
            steps=self.steps,
            backend=self.backend,
        )
        return 2.0 * torch.tanh((v / design.v_star - 1.0) / 2.0), u / design.u_star - 1.0

    def read(self, video: Tensor, activator: Tensor, substrate: Tensor) -> tuple[Tensor, Tensor]:
        """Fused clips (B, T, C) and pattern (B, T) from what `react` made, clip by clip."""
        clips = video + self.dropout(self.readout(torch.cat([activator, substrate], dim=-1)))
        clips = self.norm(self.feedforward(clips))
        pattern = self.pattern_scale * (activator @ torch.softmax(self.pattern_weight, dim=0))
        return clips, pattern

    def forward(
        self, video: Tensor, text: Tensor, query: Tensor, video_mask: Tensor, text_mask: Tensor
    ) -> FusionOutput:
        """Fused clips (B, T, C) and the pattern (B, T), the channels' weighted activator, 0 in the padding.

        Arguments:
            video, video_mask: clips (B, T, C) and their validity (B, T), the valid ones first.
            query: the pooled text, (B, C).  text, text_mask: not used, part of the common interface.
        """
        design = self.design(query).map(lambda x: x[:, None])
        activator, substrate = self.react(design, self.score(video, query, video_mask), video_mask.sum(1))
        clips, pattern = self.read(video, activator, substrate)
        return FusionOutput(clips, pattern * video_mask)
