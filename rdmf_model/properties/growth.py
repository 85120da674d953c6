"""Does the layer grow what the theory says it grows? One cosine mode at a time, on the trained channels, in float64.

All channels of a text are perturbed at once, along u and along v, up and down: the differences are the layer's response
matrix R of that mode after its N steps, up to the square of the perturbation. The theory says R = G(mu)^N, so the
spectral radius of R is the N-th power of the multiplier.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from hypothesis import strategies as st

from rdmf_model.properties.base import Margins, Property, Scope
from rdmf_model.properties.inputs import clip_counts, region_clip_counts, sources
from rdmf_model.properties.model_under_test import ModelUnderTest, Source
from rdmf_theory import formulas
from rdmf_theory.chart import Parameters
from rdmf_theory.layer.step import clip_eigenvalues, clip_modes, multiplier
from rdmf_theory.steady_states import v_rich_chart

PERTURBATION = 1e-6
"""Relative to u* and v*: central differences leave its square, 1e-12, and rounding leaves 1e-16 / 1e-6."""

MULTIPLIER_ERROR = 1e-7
"""Allowed relative error of a measured multiplier: a hundred times what the differences leave."""

BASE_ERROR = 1e-10
"""Allowed relative drift of the base state: float64 rounding, amplified by the pattern's own gain (up to ten or so)."""


@dataclass(frozen=True)
class Mode:
    """A text, a number of clips, and which mode: the `pick`-th of those in question for channel `channel`."""

    text: Source
    clips: int
    channel: int = 0
    pick: int = 0


class Channels(NamedTuple):
    """The trained channels under one text, float64, shape (C,) each."""

    parameters: Parameters
    s: np.ndarray
    u_star: np.ndarray
    z: np.ndarray
    v_star: np.ndarray

    def band(self, clips: int) -> np.ndarray:
        """det(J - mu D)/w^2 of every mode, shape (clips, C): the differential equation grows a mode where it is < 0."""
        p = self.parameters
        m = clip_eigenvalues(clips)[:, None] * p.D_v / p.w
        return formulas.mode_determinant(self.u_star, self.z, p.d, m)


@torch.no_grad()
def trained_channels(tested: ModelUnderTest, text: Source) -> Channels:
    """The parameters that the layer emits for a text, and the base state that belongs to these very numbers."""
    design = tested.design(text)
    names = ("F", "k", "s", "D_u", "D_v")
    emitted = {name: getattr(design, name)[0].double().numpy() for name in names}
    parameters = Parameters(**emitted)
    u_star, z = v_rich_chart(parameters)
    return Channels(parameters, emitted["s"], u_star, z, formulas.steady_v(u_star, z))


def run_channels(
    tested: ModelUnderTest, channels: Channels, u: np.ndarray, v: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The layer's operator and steps on fields (B, T, C) with the channels' own parameters, unmodulated."""
    p = channels.parameters
    fields = (torch.from_numpy(np.array(x)) for x in (u, v))
    rates = (torch.from_numpy(np.array(np.broadcast_to(x, (len(u), len(p.F))))) for x in (p.F, p.k, p.D_u, p.D_v))
    gain = torch.from_numpy(channels.s)[None, None].expand(*u.shape)
    lengths = torch.full((len(u),), u.shape[1])
    u_N, v_N = tested.operate(*fields, gain, *rates, lengths)
    return u_N.numpy(), v_N.numpy()


def response(tested: ModelUnderTest, channels: Channels, clips: int, mode: int) -> tuple[np.ndarray, np.ndarray]:
    """(R, leak): response matrix of one mode after the layer's steps, (C, 2, 2), in units of (u*, v*), and the largest
    share that ends up in other modes, (C,)."""
    shape = clip_modes(clips)[mode][None, :, None]
    along = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])[:, :, None, None] * PERTURBATION
    u, v = run_channels(
        tested,
        channels,
        channels.u_star * (1 + along[:, 0] * shape),
        channels.v_star * (1 + along[:, 1] * shape),
    )
    states = np.stack([u / channels.u_star, v / channels.v_star], axis=1)
    # (perturbed along, measured in, T, C)
    change = (states[0::2] - states[1::2]) / (2 * PERTURBATION)
    part = (change * shape).sum(2) / (shape**2).sum()
    leak = np.abs(change - part[:, :, None] * shape).max((0, 1, 2))
    return part.transpose(2, 1, 0), leak


def compare(
    tested: ModelUnderTest, channels: Channels, clips: int, mode: int, chosen: np.ndarray
) -> tuple[dict, np.ndarray]:
    """Margins of agreement with the theory over the chosen channels, and the measured multipliers."""
    matrix, leak = response(tested, channels, clips, mode)
    steps = tested.steps
    # NaN would stop the eigenvalue solver
    finite = np.asarray(np.isfinite(matrix).all(axis=(1, 2)))
    radius = np.abs(np.linalg.eigvals(np.where(np.expand_dims(finite, (1, 2)), matrix, 0.0))).max(-1)
    gain = np.where(finite, radius, np.nan)
    predicted = multiplier(channels.parameters, clip_eigenvalues(clips)[mode])
    # the error of a gain is N times that of the multiplier; gains below 1 are compared on the scale of 1
    error = np.abs(gain - predicted**steps) / (steps * np.maximum(predicted**steps, 1.0))
    margins = {
        "multiplier": 1.0 - float(error[chosen].max() / MULTIPLIER_ERROR),
        "one_mode": 1.0 - float((leak / np.maximum(gain, 1.0))[chosen].max() / MULTIPLIER_ERROR),
    }
    return margins, gain ** (1 / steps)


def check_growth(tested: ModelUnderTest, mode: Mode) -> Margins:
    """Margins of one mode of a channel's band, on all channels whose band holds it."""
    channels = trained_channels(tested, mode.text)
    band = channels.band(mode.clips)
    candidates = np.flatnonzero(band[:, mode.channel % band.shape[1]] < 0)
    if not len(candidates):
        return {"mode_on_axis": -1.0}
    chosen = int(candidates[mode.pick % len(candidates)])
    growing: np.ndarray = band[chosen] < 0
    margins, measured = compare(tested, channels, mode.clips, chosen, growing)
    return margins | {"grows": float(measured[growing].min()) - 1.0 + MULTIPLIER_ERROR}


def check_decay(tested: ModelUnderTest, mode: Mode) -> Margins:
    """Margins of one mode outside a channel's band, on all channels whose band does not hold it."""
    channels = trained_channels(tested, mode.text)
    band = channels.band(mode.clips)
    candidates = np.flatnonzero(band[:, mode.channel % band.shape[1]] > 0)
    # mode 0 is never in the band
    chosen = int(candidates[mode.pick % len(candidates)])
    decaying = band[chosen] > 0
    margins, measured = compare(tested, channels, mode.clips, chosen, decaying)
    return margins | {"decays": 1.0 - float(measured[decaying].max()) + MULTIPLIER_ERROR}


def check_uniform(tested: ModelUnderTest, mode: Mode) -> Margins:
    """Margins of the uniform mode on all channels."""
    channels = trained_channels(tested, mode.text)
    everything = np.ones(len(channels.s), dtype=bool)
    margins, measured = compare(tested, channels, mode.clips, 0, everything)
    return margins | {"decays": 1.0 - float(measured.max())}


def check_base_state(tested: ModelUnderTest, mode: Mode) -> Margins:
    """Margin of the base state's drift over the layer's steps."""
    channels = trained_channels(tested, mode.text)
    shape = (1, mode.clips, len(channels.s))
    u, v = run_channels(
        tested, channels, np.broadcast_to(channels.u_star, shape), np.broadcast_to(channels.v_star, shape)
    )
    drift = max(np.abs(u / channels.u_star - 1).max(), np.abs(v / channels.v_star - 1).max())
    return {"drift": 1.0 - float(drift) / BASE_ERROR}


def modes(tested: ModelUnderTest) -> st.SearchStrategy[Mode]:
    """Modes of the clip numbers that the region answers for."""
    index = st.integers(0, 1000)
    return st.builds(Mode, sources(tested), region_clip_counts(tested), index, index)


def uniform_modes(tested: ModelUnderTest) -> st.SearchStrategy[Mode]:
    """Mode 0 of any number of clips."""
    return st.builds(Mode, sources(tested), clip_counts(tested))


_DIFFERENCES = f"{MULTIPLIER_ERROR:g} per step: central differences of size {PERTURBATION:g} in float64 leave 1e-9"

GROWTH_PROPERTIES: tuple[Property, ...] = (
    Property(
        name="base_state",
        statement="Every channel's base state is a fixed point of the layer.",
        latex=r"(u_0, v_0) = (u^*, v^*) \Rightarrow (u_N, v_N) = (u^*, v^*)",
        theorem="WellBalanced.homogeneous_fixed_point",
        strategy=uniform_modes,
        check=check_base_state,
        tolerance=f"{BASE_ERROR:g}: float64 rounding, amplified by the pattern's own growth",
        scope=Scope.OPERATOR,
    ),
    Property(
        name="growth",
        statement="In every channel each mode of the Turing band grows, by the predicted multiplier in every step.",
        latex=r"\det(J - \mu D) < 0 \Rightarrow \rho(R_\mu) = \rho(G(\mu))^N > 1",
        theorem="Transfer.layer_grows_iff, Modes.clips_grow",
        strategy=modes,
        check=check_growth,
        tolerance=_DIFFERENCES,
        scope=Scope.OPERATOR,
    ),
    Property(
        name="decay",
        statement="In every channel each mode outside the band decays, by the predicted multiplier.",
        latex=r"\det(J - \mu D) > 0 \Rightarrow \rho(R_\mu) = \rho(G(\mu))^N < 1",
        theorem="Transfer.layer_decays_iff, Modes.clips_decay",
        strategy=modes,
        check=check_decay,
        tolerance=_DIFFERENCES,
        scope=Scope.OPERATOR,
    ),
    Property(
        name="uniform_decay",
        statement="A perturbation that is the same at all clips decays.",
        latex=r"\rho(G(0)) < 1",
        theorem="Chart.stable_without_diffusion_iff, Transfer.layer_decays_iff",
        strategy=uniform_modes,
        check=check_uniform,
        tolerance=_DIFFERENCES,
        scope=Scope.OPERATOR,
    ),
)
