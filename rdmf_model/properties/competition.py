"""Properties of the competition layer, checked on the run that the answer was read from, in the dtype that answers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rdmf_model.fusion.base import FusionOutput
from rdmf_model.fusion.competition import CompetitionFusion, Run
from rdmf_model.model.span_model import Met, SpanModel
from rdmf_model.ops.competition import competition, competition_reference
from rdmf_model.properties.base import Margins, Property, Scope
from rdmf_model.properties.inputs import Query, make_batch, queries
from rdmf_model.properties.layer import stability
from rdmf_model.properties.model_under_test import ModelUnderTest

RELATIVE_ERROR = 1e-4
"""Float32: some twenty rounded operations a step, and a solve whose condition number is below a thousand."""

BOUND_ERROR = 1e-5
"""Bounds in float32, relative to the bound: twenty rounded operations a step."""

MULTIPLIER_ERROR = 1e-6
"""Float64 at an amplitude of 1e-6: the quadratic terms are a few times that."""


class Observed:
    """What the layer did with one video and one text on the way to the model's answer."""

    def __init__(self, tested: ModelUnderTest, query: Query) -> None:
        model: Any = tested.model
        fusion = model.fusion
        assert isinstance(model, SpanModel)
        assert isinstance(fusion, CompetitionFusion)
        self.batch = make_batch(tested, [query])
        self.layer: CompetitionFusion = fusion
        self.met: Met = model.meet(self.batch)
        met = self.met
        self.output: FusionOutput
        self.run: Run
        self.output, self.run = fusion.trace(met.clips, met.query, met.video_mask, met.evidence)
        self.answer: Tensor = model(self.batch)["pattern"]
        self.design = fusion.design(met.query)


@torch.no_grad()
def check_bounds(tested: ModelUnderTest, query: Query) -> Margins:
    """Margins of 0 <= u <= 1, v >= 0, u + <v> <= max(1, start) and 0 <= kappa <= 1, from an admissible start."""
    run = Observed(tested, query).run
    limit = (run.u0 + run.v0.mean(1)).clamp(min=1.0)
    total = run.u + run.v.mean(1)
    return {
        "u": float(torch.minimum(run.u, 1.0 - run.u).amin()) + BOUND_ERROR,
        "v": float(run.v.amin()),
        "mean": float((1.0 - total / limit).amin()) + BOUND_ERROR if reacts(tested) else 0.0,
        "kappa": float(torch.minimum(run.kappa, 1.0 - run.kappa).amin()) if run.kappa.numel() else 0.0,
        "start": float(torch.minimum(run.u0, 1.0 - run.u0).amin()),
    }


def reacts(tested: ModelUnderTest) -> bool:
    """Whether the layer reacts: with the reaction off, or without steps, mean(v) is what the start makes it."""
    layer: Any = tested.model.fusion
    return layer.reaction and layer.steps > 0


@torch.no_grad()
def check_gain(tested: ModelUnderTest, query: Query) -> Margins:
    """Margins of the frozen state of every clip under the gain that the layer applies there."""
    seen = Observed(tested, query)
    design = seen.design
    F, k, D_u, D_v = (x[:, None] for x in (design.F, design.k, design.D_u, design.D_v))
    return stability(F, k, seen.run.gain, D_u, D_v)


@torch.no_grad()
def check_reference(tested: ModelUnderTest, query: Query) -> Margins:
    """Margins of the run, as it answered, against the plain loop in float64 from the same start."""
    seen = Observed(tested, query)
    run, design, layer = seen.run, seen.design, seen.layer
    u0, v0, gain, kappa = (x.double() for x in (run.u0, run.v0, run.gain, run.kappa))
    F, w, D = (x.double() for x in (design.F, design.F + design.k, design.D_v))
    if layer.reaction:
        u, v = competition_reference(u0, v0, gain, F, w, D, kappa[..., None], None, steps=layer.steps)
    else:
        # diffusion alone is one step without turnover or reaction
        spread = layer.steps * D
        still = torch.zeros_like(F)
        rates = still, still, spread
        u, v = competition_reference(u0, v0, 0 * gain, *rates, kappa[..., None], None, steps=min(layer.steps, 1))
    scale = v.amax(1, keepdim=True).clamp(min=1e-30)
    level = torch.log(v / design.v_star[:, None].double() + 1e-4)
    pattern = layer.pattern_scale.double() * (level @ torch.softmax(layer.pattern_weight.double(), dim=0))
    size = 1.0 + pattern.abs().amax()
    return {
        "u": 1.0 - float(((run.u - u).abs() / (1e-3 + u)).amax()) / (10 * RELATIVE_ERROR),
        "v": 1.0 - float(((run.v - v).abs() / scale).amax()) / RELATIVE_ERROR,
        "pattern": 1.0 - float((seen.answer.double() - pattern).abs().amax() / size) / (10 * RELATIVE_ERROR),
    }


@torch.no_grad()
def check_selection(tested: ModelUnderTest, query: Query) -> Margins:
    """Margins of the ranking by s_t v_t and of every lead after one step without diffusion, in float64."""
    seen = Observed(tested, query)
    run, design = seen.run, seen.design
    u0, v0, gain = run.u0.double(), run.v0.double(), run.gain.double()
    F, w, D = (x.double() for x in (design.F, design.F + design.k, design.D_v))
    kappa = torch.zeros(1, v0.shape[1] - 1, 1, dtype=torch.float64)
    _, v = competition(u0, v0, gain, F, w, D, kappa, steps=1, backend=seen.layer.backend)
    before, after = torch.log(gain * v0), torch.log(gain * v)
    order = before.argsort(dim=1)
    lead, grown = before.gather(1, order).diff(dim=1), after.gather(1, order).diff(dim=1)
    return {"lead": float((grown - lead).amin()) + 1e-12 if lead.numel() else 0.0}


@torch.no_grad()
def check_multiplier(tested: ModelUnderTest, query: Query) -> Margins:
    """Margins of the growth of every mode of the video's own weighted Laplacian against (1 + 2 w)/(1 + w + D mu)."""
    seen = Observed(tested, query)
    kappa, design = seen.run.kappa[0].double(), seen.design
    clips = len(kappa) + 1
    if clips < 2:
        return {"multiplier": 0.0}
    laplacian = torch.diag(torch.nn.functional.pad(kappa, (0, 1)) + torch.nn.functional.pad(kappa, (1, 0)))
    laplacian = laplacian - torch.diag(kappa, 1) - torch.diag(kappa, -1)
    eigenvalues, modes = torch.linalg.eigh(laplacian)
    pick = 1 + query.text.seed % (clips - 1)
    mu, mode = eigenvalues[pick], modes[:, pick]
    u_star, z, w, D = (x.double() for x in (design.u_star, design.z, design.rate, design.D_v))
    v_star, s, F = z * u_star * (1 - u_star), w / (z * u_star.square() * (1 - u_star)), w * z * u_star
    start = v_star[:, None] * (1 + 1e-6 * mode[None, :, None])
    gain = s[:, None].expand_as(start)
    _, v = competition(u_star, start, gain, F, w, D, kappa[None, :, None], steps=1, backend=seen.layer.backend)
    found = torch.einsum("btk,t->bk", v / v_star[:, None] - 1, mode) / 1e-6
    predicted = (1 + 2 * w) / (1 + w + D * mu)
    grows = (predicted > 1) == (D * mu < w)
    error = ((found / predicted - 1).abs()).amax()
    margin = 1.0 - float(error) / (10 * MULTIPLIER_ERROR)
    return {"multiplier": margin, "growth_iff": 0.0 if bool(grows.all()) else -1.0}


@torch.no_grad()
def check_reflection(tested: ModelUnderTest, query: Query) -> Margins:
    """Margins of the layer's answer to a video in reverse against its answer in reverse, in float64."""
    seen = Observed(tested, query)
    layer: Any = tested.exact.fusion
    met = seen.met
    clips, text = met.clips.double(), met.query.double()
    evidence = type(met.evidence)(met.evidence.score.double(), met.evidence.cosine.double())
    mirrored = type(evidence)(evidence.score.flip(1), evidence.cosine.flip(1))
    forth, _ = layer.trace(clips, text, met.video_mask, evidence)
    back, _ = layer.trace(clips.flip(1), text, met.video_mask, mirrored)
    pairs = {"clips": (forth.clips.flip(1), back.clips), "pattern": (forth.pattern.flip(1), back.pattern)}
    return {
        name: 1.0 - float(((found - truth).abs() / (1 + truth.abs())).amax()) / 1e-6
        for name, (truth, found) in pairs.items()
    }


def ordinary(tested: ModelUnderTest) -> Any:
    """Queries of ordinary size."""
    return queries(tested, ordinary=True)


COMPETITION_PROPERTIES: tuple[Property, ...] = (
    Property(
        name="competition_bounds",
        statement="For any text and video, u stays in [0, 1], v >= 0, u + <v> does not grow, and kappa is in [0, 1].",
        latex=r"0 \le u \le 1,\; v \ge 0,\; u + \langle v\rangle \le \max(1, u_0 + \langle v_0\rangle)",
        theorem="Shadow.shadow_u_bounds, Shadow.shadow_v_nonnegative, Shadow.shadow_mean_bound",
        strategy=queries,
        check=check_bounds,
        tolerance=f"{BOUND_ERROR:g} of the bound, in float32",
        scope=Scope.COMPETITION,
        effort=4,
    ),
    Property(
        name="competition_gain",
        statement="For any text and video, every clip's own gain keeps its frozen state admissible.",
        latex=r"m_{\mathrm{lo}} < m_t < m_{\mathrm{hi}}",
        theorem="ModulatedGain.gain_interval_iff",
        strategy=queries,
        check=check_gain,
        tolerance="none: the layer uses an inner part of the open interval, which leaves room for rounding",
        scope=Scope.COMPETITION,
        effort=4,
    ),
    Property(
        name="competition_reference",
        statement="The run and the pattern that answer are what the plain loop computes from the same start.",
        latex=r"p = a \sum_k \pi_k \log(v_k / v_k^*), \quad v = \Phi_\kappa^N(v_0)",
        theorem="Shadow.shadow_exists, Shadow.shadow_unique; the readout by construction",
        strategy=ordinary,
        check=check_reference,
        tolerance=f"{RELATIVE_ERROR:g} of a score's largest v, ten times that for u and the pattern: float32",
        scope=Scope.COMPETITION,
        effort=10,
    ),
    Property(
        name="selection",
        statement="Without diffusion the ranking of clips by s v is kept and every lead grows.",
        latex=r"a_i > a_j \Rightarrow a_i^+ / a_j^+ > a_i / a_j, \quad a_t = s_t v_t",
        theorem="Selection.ranking_kept, Selection.lead_grows",
        strategy=ordinary,
        check=check_selection,
        tolerance="1e-12 in the logarithm of a lead, float64",
        scope=Scope.COMPETITION,
        effort=4,
    ),
    Property(
        name="competition_growth",
        statement="A mode of the video's weighted Laplacian grows by its predicted factor, and iff D mu < w.",
        latex=r"g(\mu) = \frac{1 + 2w}{1 + w + D\mu} > 1 \iff D\mu < w",
        theorem="ShadowModes.shadow_mode_grows_iff",
        strategy=ordinary,
        check=check_multiplier,
        tolerance=f"{10 * MULTIPLIER_ERROR:g}, relative: float64 at an amplitude of 1e-6",
        scope=Scope.COMPETITION,
        effort=4,
    ),
    Property(
        name="competition_reflection",
        statement="A video in reverse gives the layer's clips and pattern in reverse.",
        latex=r"f(x_{T-1}, \dots, x_0) = (f(x)_{T-1}, \dots, f(x)_0)",
        theorem="by construction: conductances and steps know no direction of time",
        strategy=ordinary,
        check=check_reflection,
        tolerance="1e-6 relative to 1 + |x|: float64, sums in another order",
        scope=Scope.COMPETITION,
        effort=4,
    ),
)
