"""Fuses clips with a text by competition: scores react over the whole video, and diffusion stops at cuts.

    score_k,t = evidence_t + w_k · LN(x_t), centred per video        K scores; the evidence is the closed-form match
    kappa     = kappa_min + (1 - kappa_min) exp(-softplus(e_t))      e_t from content: what changes between t and t + 1
    design    = constraint.transform(base_k + A_k q)                 per score: (u*, z, excess, wavelength, rate)
    v_0       = v* exp(eps_k tilt_t),   s_t = s m_t                  tilt = P tanh(score / P);  m_t by the constraint
    (u, v)    = N competition steps                                  `ops.competition`, D_u -> infinity
    pattern_t = Σ_k softmax(a)_k log(v_t / v*)                       added to the saliency at full size
    x'_t      = x_t + R [tanh(log(v/v*)/P), tilt] + M (1 + D_c L_kappa)^-1 LN(x_t)

With N = 0 the pattern is the evidence itself, eps-scaled; with the reaction off it is diffusion that stops at cuts. The
designs stay in the region of `DesignConstraint`, whose conditions v_rich, damped and fed are those of the shadow system
and whose growing modes have D_v mu < w, the shadow system's growth condition.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from rdmf_model.constraints.base import Constraint, Design
from rdmf_model.fusion.base import Evidence, Fusion, FusionOutput
from rdmf_model.fusion.inputs import check_evidence, check_inputs, clip_lengths
from rdmf_model.ops.competition import competition, weighted_solve

# Clip scores are squashed at this size before they enter the reaction: exp(1.5 * 4) is 400 times the base state.
TILT_LIMIT = 4.0
LEAST_CONDUCTANCE = 1e-3
# Scores are cut here before their mean over the video is taken, so that it is finite.
SCORE_LIMIT = 1e6


class Run(NamedTuple):
    """What one competition started from and came to: conductances (B, T - 1); tilt, start, gain and end (B, T, K); the
    substrate's start and end (B, K)."""

    kappa: Tensor
    tilt: Tensor
    u0: Tensor
    v0: Tensor
    gain: Tensor
    u: Tensor
    v: Tensor


class CompetitionFusion(Fusion):
    """Fuse clips (B, T, C) with a text query (B, C) by K competitions over each video.

    Arguments:
        channels: C.
        constraint: the one way to admissible parameters.
        steps: N, >= 0; with 0 nothing moves along the clip axis.
        scores: K, >= 1.
        reaction: False leaves diffusion with the same conductances alone.
        dropout: of what is added to the clips.
        backend: of `ops.competition`; None picks the default.
    """

    has_region: ClassVar[bool] = True
    takes_evidence: ClassVar[bool] = True

    def __init__(
        self,
        channels: int,
        constraint: Constraint,
        steps: int,
        scores: int = 8,
        reaction: bool = True,
        dropout: float = 0.2,
        backend: str | None = None,
    ) -> None:
        super().__init__()
        self.channels, self.steps, self.scores, self.reaction, self.backend = channels, steps, scores, reaction, backend
        self.constraint = constraint
        self.norm = nn.LayerNorm(channels)
        self.score = nn.Linear(channels, scores)
        nn.init.normal_(self.score.weight, std=0.3 * channels**-0.5)
        nn.init.zeros_(self.score.bias)
        self.evidence_weight = nn.Parameter(torch.ones(scores))
        base = torch.zeros(scores, 5)
        base[:, 3] = torch.linspace(-2.0, 2.0, scores)
        self.design_base = nn.Parameter(base)
        self.design_query = nn.Linear(channels, 5 * scores, bias=False)
        nn.init.zeros_(self.design_query.weight)
        self.sharpness = nn.Parameter(torch.zeros(scores))
        self.content = nn.Linear(channels, 16, bias=False)
        self.cut = nn.Parameter(torch.tensor([4.0, 0.3, 0.0]))
        self.pattern_weight = nn.Parameter(torch.zeros(scores))
        self.pattern_scale = nn.Parameter(torch.tensor(1.0))
        self.read = nn.Linear(2 * scores, channels)
        self.log_spread = nn.Parameter(torch.linspace(-1.0, 4.0, channels))
        self.mix = nn.Linear(channels, channels)
        nn.init.normal_(self.mix.weight, std=0.5 * channels**-0.5)
        self.dropout = nn.Dropout(dropout)

    def design(self, query: Tensor) -> Design:
        """The design of every score for each text, tensors (B, K)."""
        raw = self.design_base + self.design_query(query).view(*query.shape[:-1], self.scores, 5)
        return self.constraint.transform(raw, "reference" if self.backend == "reference" else None)

    def reaction_parameters(self) -> list[nn.Parameter]:
        """Designs and the scalars that drive the reaction and weigh the pattern."""
        scalars = [self.evidence_weight, self.sharpness, self.cut, self.pattern_weight, self.pattern_scale]
        return [self.design_base, *self.design_query.parameters(), *scalars]

    @torch.no_grad()
    def margins(self) -> dict[str, float]:
        """Worst margin of each condition of the region over the scores' designs for an empty text."""
        design = self.design(self.design_base.new_zeros(1, self.channels))
        return {name: condition.margin for name, condition in self.constraint.check(design).items()}

    def penalty(self, query: Tensor) -> Tensor | None:
        """Distance of the designs for `query` (B, C) from the region; None where they cannot leave it."""
        return self.constraint.penalty(self.design(query)) if self.constraint.can_leave else None

    def use_reference(self) -> None:
        """Compute by the plain torch reference from now on, as an exported program must."""
        self.backend = "reference"

    def conductances(self, video: Tensor, cosine: Tensor, video_mask: Tensor) -> Tensor:
        """kappa (B, T - 1) in [LEAST_CONDUCTANCE, 1] between valid clips, 0 beyond: small where the content changes."""
        unit = nn.functional.normalize(self.content(self.norm(video)), dim=-1)
        change = 1.0 - (unit[:, 1:] * unit[:, :-1]).sum(-1)
        weight = softplus(self.cut[:2])
        edge = weight[0] * (1.0 - cosine).clamp(min=0.0) + weight[1] * change + self.cut[2]
        edge = torch.nan_to_num(edge, nan=0.0)
        kappa = LEAST_CONDUCTANCE + (1.0 - LEAST_CONDUCTANCE) * torch.exp(-softplus(edge))
        return kappa.clamp(max=1.0) * (video_mask[:, 1:] & video_mask[:, :-1])

    def react(self, design: Design, video: Tensor, evidence: Evidence, video_mask: Tensor) -> Run:
        """Start, drive and N steps of each score's competition; designs of tensors (B, K)."""
        valid = video_mask[..., None]
        count = video_mask.sum(1).view(-1, 1, 1)
        score = self.evidence_weight * evidence.score[..., None] + self.score(self.norm(video))
        # features far outside float32's comfort count as "no score": the bounds hold for every text
        score = torch.nan_to_num(score, nan=0.0).clamp(-SCORE_LIMIT, SCORE_LIMIT)
        score = (score - (score * valid).sum(1, keepdim=True) / count) * valid
        tilt = TILT_LIMIT * torch.tanh(score / TILT_LIMIT)
        kappa = self.conductances(video, evidence.cosine, video_mask)
        clipwise = design.map(lambda x: x[:, None].to(video.dtype))
        # eps in (0.2, 1.5)
        sharpness = 0.2 + 1.3 * torch.sigmoid(self.sharpness)
        v0 = clipwise.v_star * torch.exp(sharpness * tilt)
        gain = (clipwise.s * self.constraint.modulate(clipwise, tilt / TILT_LIMIT)).to(v0.dtype)
        u0 = design.u_star.to(v0.dtype)
        if self.steps == 0:
            return Run(kappa, tilt, u0, v0, gain, u0, v0)
        if not self.reaction:
            spread = self.steps * clipwise.D_v * kappa[..., None]
            return Run(kappa, tilt, u0, v0, gain, u0, weighted_solve(v0, torch.ones_like(v0), spread))
        F, w, D = (x.to(v0.dtype) for x in (design.F, design.F + design.k, design.D_v))
        u, v = competition(
            u0, v0, gain, F, w, D, kappa[..., None], video_mask.sum(1), steps=self.steps, backend=self.backend
        )
        return Run(kappa, tilt, u0, v0, gain, u, v)

    def forward(
        self,
        video: Tensor,
        text: Tensor,
        query: Tensor,
        video_mask: Tensor | None = None,
        text_mask: Tensor | None = None,
        evidence: Evidence | None = None,
    ) -> FusionOutput:
        """Fused clips (B, T, C) and the pattern (B, T) at the evidence's own size, 0 in the padding.

        Arguments:
            video, video_mask: clips (B, T, C) that have met the words, and their validity (B, T), the valid ones first.
            query: the pooled text, (B, C).  text, text_mask: not used, part of the common interface.
            evidence: `Evidence` of these clips.
        Raises: ValueError for tensors that are not as above; a mask that is None says that all are valid.
        """
        masks = check_inputs(video, text, query, video_mask, text_mask, self.norm.weight)
        _, query = clip_lengths(masks.video, query)
        return self.trace(video, query, masks.video, check_evidence(evidence, video))[0]

    def trace(self, video: Tensor, query: Tensor, video_mask: Tensor, evidence: Evidence) -> tuple[FusionOutput, Run]:
        """The answer of `forward` and the run that it was read from; arguments as there, not checked again."""
        valid = video_mask[..., None]
        design = self.design(query)
        run = self.react(design, video, evidence, video_mask)
        level = torch.log(run.v / design.v_star[:, None].to(run.v.dtype) + 1e-4) * valid
        pattern = self.pattern_scale * (level @ torch.softmax(self.pattern_weight, dim=0))
        change = self.read(torch.cat([torch.tanh(level / TILT_LIMIT), run.tilt], dim=-1))
        mixed = self.norm(video) * valid
        if self.steps > 0:
            spread = run.kappa[..., None] * torch.exp(self.log_spread.clamp(-4.0, 7.0))
            mixed = weighted_solve(mixed, torch.ones_like(mixed), spread)
        change = change + self.mix(mixed)
        return FusionOutput(video + self.dropout(change), pattern), run
