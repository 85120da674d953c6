"""Is the certified bound of a window vacuous? Worst inputs, found by gradient, come within a factor of 100 of it."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn

from rdmf_model.constraints.constraint import DesignConstraint
from rdmf_model.fusion.reaction_diffusion import CONTRAST_RADIUS
from rdmf_model.model.heads import SaliencyHead
from rdmf_model.ops.reaction_diffusion import available_backends, reaction_diffusion
from rdmf_model.streaming.halo import BlockBound, certify_block, layer_range
from rdmf_model.streaming.readout_bound import fused_change, readout_slope, saliency_change
from rdmf_theory import formulas
from rdmf_theory.chart import PatternDesign
from rdmf_theory.layer.locality import InputRange, enclose_window, field_bounds
from rdmf_theory.regions.admissible import DEFAULT_REGION
from tests.model.fusion.test_fusion import CHANNELS, make_fusion
from tests.model.streaming.test_streaming import make_video

# the largest share of a tilt that the layer can learn to start with
STEPS, SHARE = 12, 0.9


class Window:
    """One channel, cut in the middle of a video; inputs are tilts in [-1, 1] of v_0 and log gain."""

    def __init__(self, design: PatternDesign, halo: int) -> None:
        self.parameters, self.design = design.parameters(), design
        # the watched clip, the cut after it, and what lies beyond
        margin = 20 + int(design.wavelength)
        self.clip, self.cut, self.clips = margin, margin + halo + 1, margin + halo + 21 + 3 * int(design.wavelength)
        self.v_star = float(formulas.steady_v(design.u_star, design.z))
        low, high = (x**0.9 for x in formulas.gain_interval(design.u_star, design.z, design.d, xp=np))
        self.middle, self.width = 0.5 * math.log(low * high), 0.5 * math.log(high / low)
        s = self.parameters.s
        self.inputs = InputRange(design.u_star, (1 - SHARE) * self.v_star, (1 + SHARE) * self.v_star, s * low, s * high)
        rates = (self.parameters.F, self.parameters.k, self.parameters.D_u, self.parameters.D_v)
        self.rates = [torch.tensor([[x]], dtype=torch.float64) for x in rates]

    def fields(self, tilts):
        """u_0, v_0 and gain for tilts (2, T, starts)."""
        v0 = self.v_star * (1 + SHARE * tilts[0])
        gain = self.parameters.s * torch.exp(self.middle + self.width * tilts[1])
        return torch.full_like(v0, self.design.u_star), v0, gain

    def error(self, tilts):
        """v of the whole video minus v of the window, at the watched clip."""
        fields = [x[None] for x in self.fields(tilts)]
        rates = [x.expand(1, tilts.shape[-1]) for x in self.rates]
        whole = reaction_diffusion(*fields, *rates, steps=STEPS)[1]
        alone = reaction_diffusion(*(x[:, : self.cut].contiguous() for x in fields), *rates, steps=STEPS)[1]
        return whole[0, self.clip] - alone[0, self.clip]

    def bound(self, tilts):
        """Certified for each start, at every clip of the window, (cut, starts)."""
        u0, v0, gain = (x[: self.cut].numpy() for x in self.fields(tilts))
        bounds = field_bounds(self.parameters, self.inputs, STEPS)
        return enclose_window(u0, v0, gain, self.parameters, bounds, cut_start=False, cut_end=True).error_v

    def starts(self):
        """Noise, stripes, and windows that are as inactive as can be beside a video that is as active as can be.

        An inactive window keeps little of the substrate that comes in from beyond the cut, so it comes far.
        """
        generator = torch.Generator().manual_seed(0)
        tilts = 0.1 * torch.randn(2, self.clips, 6, generator=generator, dtype=torch.float64)
        tilts[:, :, 0] *= 3
        stripes = torch.randint(0, 2, (2, self.clips // 4 + 1), generator=generator).repeat_interleave(4, 1)
        tilts[:, :, 1] += 2 * stripes[:, : self.clips] - 1
        tilts[:, :, 2:] -= 1
        tilts[:, self.cut :, 2] += 2
        tilts[:, self.cut + 2 :, 3] += 2
        tilts[:, self.clip - 2 : self.clip + 3, 4] += 2
        tilts[:, :, 5] += 1 + torch.cos(math.tau * torch.arange(self.clips) / self.design.wavelength)
        return tilts.clamp(-1, 1)


def worst_input(window, rounds=100):
    """Gradient ascent of the error over both sides of the cut: errors found (starts,) and the tilts."""
    tilts = window.starts().requires_grad_()
    optimiser = torch.optim.Adam([tilts], lr=0.1, betas=(0.7, 0.99))
    found, worst = torch.zeros(tilts.shape[-1], dtype=torch.float64), tilts.detach().clone()
    for _ in range(rounds):
        error = window.error(tilts).abs()
        better = error.detach() > found
        found, worst[:, :, better] = torch.maximum(found, error.detach()), tilts.detach()[:, :, better]
        optimiser.zero_grad()
        (-torch.log(error + 1e-300).sum()).backward()
        optimiser.step()
        with torch.no_grad():
            tilts.clamp_(-1, 1)
    return found.numpy(), worst


def informative_halo(design, level):
    """Clips from the cut after which the bound is `level` times v*, whichever start the window has."""
    window = Window(design, halo=int(14 * design.wavelength))
    bound = window.bound(window.starts()).max(1)
    return int(np.argmax(bound[::-1] <= level * window.v_star))


# (u*, z, excess, wavelength, rate)
DESIGNS = {
    "where training starts": (0.395, 1.4, 1.55, 14.7, 0.446),
    "slow": (0.4, 1.3, 2.0, 12.0, 0.05),
    "long waves": (0.4, 1.3, 2.0, 36.0, 0.4),
    "fast": (0.4, 1.3, 2.0, 6.0, 1.0),
}
CORNERS = list(itertools.product(*zip(DEFAULT_REGION.lower, DEFAULT_REGION.upper, strict=True)))
needs_kernel = pytest.mark.skipif(
    "cpu" not in available_backends("cpu"),
    reason="without the CPU kernel the searches at all corners take four minutes; two corners and four designs remain",
)
SEARCHED = [CORNERS[0], *(pytest.param(corner, marks=needs_kernel) for corner in CORNERS[1:-1]), CORNERS[-1]]


@pytest.mark.parametrize("design", [*DESIGNS.values(), *SEARCHED], ids=[*DESIGNS, *map(str, CORNERS)])
def test_the_bound_is_attained_within_a_factor_of_100(design):
    """Also at the corners of the region that a layer is trained in: some video needs the bound, but for this factor."""
    point = PatternDesign(*design)
    window = Window(point, informative_halo(point, 1e-3))
    errors, tilts = worst_input(window)
    bounds = window.bound(tilts)[window.clip]
    assert np.all(errors <= bounds)
    worst = np.argmax(errors / bounds)
    halo, factor = window.cut - 1 - window.clip, bounds[worst] / errors[worst]
    print(f"{design}: halo {halo}, error {errors[worst]:.2g}, bound {bounds[worst]:.2g}, factor {factor:.1f}")
    assert bounds[worst] <= 100 * errors[worst]
    # far above rounding, and where the bound says something
    assert errors[worst] > 1e-8
    assert bounds[worst] < 0.1 * window.v_star


def test_the_bound_of_fused_clips_is_attained_within_a_factor_of_100():
    """The whole layer, score to normalisation, on a video that is made to move the fused clips before a cut."""
    box = {"lower": (0.3, 1.05, 1.1, 8.0, 0.05), "upper": (0.45, 1.8, 2.0, 14.0, 0.2)}
    fusion = make_fusion(channels=8, constraint=DesignConstraint(**box)).double().requires_grad_(False)
    halo, kept, generator = 20, 4, torch.Generator().manual_seed(0)
    cut = halo + kept + 20
    query = torch.randn(8, generator=generator, dtype=torch.float64)
    # beyond the cut: clips that the steps see, and those that only the contrast sees
    video = torch.randn(cut + halo + CONTRAST_RADIUS + 20, 8, generator=generator, dtype=torch.float64)
    video = video.requires_grad_()
    design = fusion.design(query[None]).map(lambda x: x[:, None])
    window = slice(cut - halo - kept, cut - halo)
    optimiser = torch.optim.Adam([video], lr=0.1)
    error, worst = 0.0, (video.detach(), video.detach())
    for _ in range(100):
        score = fusion.score(video[None], query[None], torch.ones(1, len(video), dtype=torch.bool))
        outputs = []
        for part in (score, score[:, :cut]):
            fields = (x[:, window] for x in fusion.react(design, part, None))
            outputs.append(fusion.read(video[None, window], *fields)[0])
        difference = (outputs[0] - outputs[1]).abs().max()
        if float(difference.detach()) > error:
            error, worst = float(difference.detach()), (score[:, :cut].detach(), video[None, window].detach().clone())
        optimiser.zero_grad()
        (-difference.log()).backward()
        optimiser.step()
    bound = certify_block(fusion, design, *worst, window, cut_start=False, cut_end=True)
    assert error > 1e-6
    assert error <= bound.largest <= 100 * error


@pytest.mark.parametrize("size", [1e-7, 1e-4, 1e-2, 1.0])
def test_no_change_of_the_fields_moves_a_fused_clip_further(size):
    fusion = make_fusion().double()
    video, _ = make_video(50)
    # some clips are almost constant over their channels: normalisation stretches those most
    video[::5] = video[::5].mean(-1, keepdim=True) + 1e-3 * video[::5]
    generator = torch.Generator().manual_seed(0)
    fields = 0.01 * torch.randn(50, 2 * CHANNELS, generator=generator, dtype=torch.float64)
    allowed = size * torch.rand(50, 2 * CHANNELS, generator=generator, dtype=torch.float64)
    x = video + fields @ fusion.readout_matrix().T
    bound = fused_change(fusion, x, allowed)
    with torch.no_grad():
        still = fusion.norm(fusion.feedforward(x))
        for _ in range(20):
            moved = allowed * (2 * torch.randint(0, 2, allowed.shape, generator=generator) - 1)
            change = (fusion.norm(fusion.feedforward(x + moved @ fusion.readout_matrix().T)) - still).abs()
            assert torch.all(change <= bound + 1e-13)
            assert torch.all(change.norm(dim=-1) <= readout_slope(fusion) * moved.norm(dim=-1))
    if size < 1e-4:
        # small changes: the bound is the Jacobian's row sum, attained by the signs of the row
        rows = torch.func.jacrev(lambda y: fusion.norm(fusion.feedforward(y)))
        jacobian = rows(x[3]) @ fusion.readout_matrix()
        torch.testing.assert_close(bound[3], (jacobian.abs() @ allowed[3]).detach(), rtol=1e-2, atol=0)


def test_changes_beyond_the_jacobian_are_covered():
    """Moves that bend the fused clips away, found by gradient, exceed the first order and stay within the bound."""
    fusion = make_fusion().double().requires_grad_(False)
    video, _ = make_video(20)
    video[::2] = video[::2].mean(-1, keepdim=True) + 1e-3 * video[::2]
    generator = torch.Generator().manual_seed(0)
    allowed = 0.3 * torch.rand(20, 2 * CHANNELS, generator=generator, dtype=torch.float64)

    def fused(x):
        return fusion.norm(fusion.feedforward(x))

    jacobian = torch.func.vmap(torch.func.jacrev(fused))(video) @ fusion.readout_matrix()
    linear = (jacobian.abs() @ allowed[..., None]).squeeze(-1)
    free = torch.randn(allowed.shape, generator=generator, dtype=torch.float64).requires_grad_()
    optimiser = torch.optim.Adam([free], lr=0.2)
    for _ in range(100):
        change = (fused(video + (allowed * torch.tanh(free)) @ fusion.readout_matrix().T) - fused(video)).abs()
        optimiser.zero_grad()
        (-(change / linear).amax(1).sum()).backward()
        optimiser.step()
    assert float((change.detach() / linear).max()) > 1.01
    assert torch.all(change <= fused_change(fusion, video, allowed))


def test_no_start_and_no_gain_leaves_its_range():
    """Tilts of the largest size there is, in float32: 300 scores, saturated, to each of which a channel listens."""
    fusion = make_fusion(probes=296)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        fusion.initial_share.fill_(50.0)
        fusion.listening.copy_(torch.randn(fusion.listening.shape, generator=generator))
        fusion.gain_scale.fill_(1.0)
        design = fusion.design(torch.randn(1, CHANNELS, generator=generator)).map(lambda x: x[:, None])
        # clip t pulls channel t up, clip t + CHANNELS pulls it down
        score = 1e3 * torch.cat([fusion.listening, -fusion.listening])[None]
        tilt = fusion.tilt(score)
        gain = (design.s * fusion.constraint.modulate(design, tilt))[0].double().numpy()
        v0 = (design.v_star + design.v_star * fusion.initial_tilt() * tilt)[0].double().numpy()
    inputs = layer_range(fusion, design.map(lambda x: x[0, 0])).inputs
    assert np.abs(tilt.numpy()).max() > 1 - 1e-6
    assert np.all((inputs.v_lo <= v0) & (v0 <= inputs.v_hi) & (inputs.gain_lo <= gain) & (gain <= inputs.gain_hi))
    # and the ranges are no wider than that
    np.testing.assert_allclose(v0.min(0), inputs.v_lo, rtol=2e-3)
    for found, expected in ((v0.max(0), inputs.v_hi), (gain.min(0), inputs.gain_lo), (gain.max(0), inputs.gain_hi)):
        np.testing.assert_allclose(found, expected, rtol=2e-4)


def test_a_window_without_cuts_has_no_error():
    fusion = make_fusion()
    video, query = make_video(20, dtype=torch.float32)
    design = fusion.design(query[None]).map(lambda x: x[:, None])
    arguments = (fusion, design, torch.zeros(1, 20, fusion.salience.out_features), video[None], slice(0, 20))
    assert certify_block(*arguments, cut_start=False, cut_end=False).largest == 0.0
    assert certify_block(*arguments, cut_start=False, cut_end=True).largest > 0.0


@pytest.mark.parametrize("size", [1e-6, 1e-2, 0.5, 3.0])
@pytest.mark.parametrize(("scale", "weight"), [(5.0, 0.0), (-5.0, 0.0), (0.0, 1.0), (3.0, 0.7)])
def test_no_move_of_a_clip_changes_its_saliency_more(scale, weight, size):
    """Along the worst direction for the cosine, or for the linear part, the bound is attained; elsewhere it holds."""
    head, generator = SaliencyHead(CHANNELS, scale).double().requires_grad_(False), torch.Generator().manual_seed(0)
    head.plain.weight.copy_(weight * torch.randn(1, CHANNELS, generator=generator))
    query = torch.randn(1, CHANNELS, generator=generator, dtype=torch.float64)
    clips = torch.randn(200, CHANNELS, generator=generator, dtype=torch.float64)
    # short clips turn fast; some are 0
    clips[::3] *= 1e-2
    clips[::50] = 0
    # a clip as far from the text as can be turns towards it
    across = clips - (clips @ query.T) * query / query.square().sum()
    bound = saliency_change(head, across, torch.tensor(size, dtype=torch.float64))
    still, largest = head(across[None], query)[0], torch.zeros(200, dtype=torch.float64)
    directions = torch.randn(30, 200, CHANNELS, generator=generator, dtype=torch.float64)
    directions[0], directions[1], directions[2] = query, head.plain.weight, -across
    for direction in directions:
        moved = across + size * nn.functional.normalize(direction, dim=-1)
        largest = torch.maximum(largest, (head(moved[None], query)[0] - still).abs())
    assert torch.all(largest <= bound * (1 + 1e-9) + 1e-12)
    if scale == 0 or (weight == 0 and size < 1e-4):
        reached = across.norm(dim=-1) > 0 if weight == 0 else slice(None)
        torch.testing.assert_close(largest[reached], bound[reached], rtol=1e-4, atol=0)
    assert not saliency_change(head, across, torch.tensor(0.0)).any()


def test_what_is_not_a_number_is_not_certified():
    clips, nothing = torch.ones(2, CHANNELS), torch.tensor(torch.nan)
    assert saliency_change(SaliencyHead(CHANNELS), clips, nothing).isnan().all()
    for bound in (BlockBound(clips, nothing[None]), BlockBound(clips * nothing, torch.ones(2))):
        assert math.isnan(bound.largest)
