"""Which part of a video stands out? Scores of clips are smoothed where the content stays, then compete over all of it.

**Diffusion that stops at cuts.** Neighbouring clips exchange with a conductance kappa = exp(-SHARPNESS (1 - cos)), the
cosine taken of their features after the mean of the video was removed: near 1 within a shot, near 0 across a cut.
(Delta_kappa x)_t = kappa_{t+1/2} (x_{t+1} - x_t) - kappa_{t-1/2} (x_t - x_{t-1}), and (I - tau Delta_kappa) y = x is
one solve with a symmetric tridiagonal M-matrix: positive, mean-preserving, and a maximum never grows.

**Global competition.** The reaction-diffusion system of the layer in the limit of an infinitely fast substrate: one u
for the whole video, <.> the mean over its clips,

    u' = (u + F) / (1 + F + <s_t v_t^2>)               (1 + w - D Delta_kappa) v' = v + s_t u' v^2

Local activation and global inhibition: the best match grows at the expense of the rest. Around the uniform state a mode
mu of -Delta_kappa grows iff D mu < w (for every step size; the uniform mode itself is stable iff z > 1): segments that
hardly exchange compete, clips inside one do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solveh_banded

from rdmf_theory.errors import ParameterError
from rdmf_theory.formulas import parameters_from_chart, steady_v

# a window ends where the pattern has fallen to half of its height above the lowest clip
HALF = 0.5


@dataclass(frozen=True)
class Selection:
    """Settings of the selection. The defaults were chosen once, on training videos that no figure is reported on.

    sharpness: how quickly conductance falls with the difference of two clips, > 0.
    smoothing: tau of the diffusion before the competition, clips^2, >= 0.
    u_star, z, rate: uniform state of the competition in the chart (0 < u* < 1/2, z > 1, 1/step).
    diffusion: D, clips^2/step, >= 0.  steps: N >= 0.  tilt: how strongly a score moves start and gain, >= 0.
    """

    sharpness: float = 5.0
    smoothing: float = 8.0
    u_star: float = 0.3
    z: float = 1.5
    rate: float = 0.3
    diffusion: float = 96.0
    steps: int = 12
    tilt: float = 0.3

    def __post_init__(self) -> None:
        rules = {
            "sharpness": (self.sharpness > 0, "> 0"),
            "smoothing": (self.smoothing >= 0, ">= 0"),
            "u_star": (0 < self.u_star < 0.5, "between 0 and 1/2"),
            "z": (1 < self.z < 1 / self.u_star, "between 1 and 1/u_star"),
            "rate": (self.rate > 0, "> 0"),
            "diffusion": (self.diffusion >= 0, ">= 0"),
            "steps": (self.steps >= 0, ">= 0"),
            "tilt": (self.tilt >= 0, ">= 0"),
        }
        for name, (holds, rule) in rules.items():
            if not holds or not np.isfinite(getattr(self, name)):
                raise ParameterError(f"Selection.{name} must be finite and {rule}. Got {getattr(self, name)}.")


def conductances(features: np.ndarray, sharpness: float) -> np.ndarray:
    """kappa of each edge between neighbouring clips, in (0, 1].

    Arguments:
        features: (T, C), T >= 1.

    Returns: (T - 1,) float64.
    """
    centred = features.astype(np.float64) - features.mean(0, dtype=np.float64)
    norms = np.linalg.norm(centred, axis=1)
    # clips that do not differ from the mean of the video do not differ from each other
    known = np.minimum(norms[1:], norms[:-1]) > 1e-6 * max(norms.max(initial=0.0), 1e-12)
    products = (centred[1:] * centred[:-1]).sum(1)
    cosines = np.divide(products, norms[1:] * norms[:-1], out=np.ones(len(products)), where=known)
    return np.exp(-sharpness * (1.0 - np.clip(cosines, -1.0, 1.0)))


def solve_diffusion(kappa: np.ndarray, alpha: float, beta: float, right: np.ndarray) -> np.ndarray:
    """x of (alpha I - beta Delta_kappa) x = right, alpha > 0, beta >= 0; right (T,)."""
    if len(right) == 1:
        return right / alpha
    bands = np.zeros((2, len(right)))
    bands[1] = alpha
    bands[1, :-1] += beta * kappa
    bands[1, 1:] += beta * kappa
    bands[0, 1:] = -beta * kappa
    return solveh_banded(bands, right)


def compete(scores: np.ndarray, kappa: np.ndarray, settings: Selection) -> np.ndarray:
    """v / v* - 1 of each clip after N steps: positive where a clip was selected, (T,) float64.

    Arguments:
        scores: (T,), mean 0 and standard deviation 1.
        kappa: (T - 1,) conductances.
    """
    F, _, s = parameters_from_chart(settings.u_star, settings.z, settings.rate)
    uniform = steady_v(settings.u_star, settings.z)
    tilt = np.exp(settings.tilt * np.clip(scores, -6.0, 6.0))
    u, v, gain = settings.u_star, uniform * tilt, s * tilt
    for _ in range(settings.steps):
        u = (u + F) / (1.0 + F + float(np.mean(gain * v * v)))
        v = solve_diffusion(kappa, 1.0 + settings.rate, settings.diffusion, v + gain * u * v * v)
    return v / uniform - 1.0


def select(scores: np.ndarray, features: np.ndarray, settings: Selection | None = None) -> np.ndarray:
    """The pattern that a video's scores leave: smoothed up to the cuts, then competing over the whole video.

    Arguments:
        scores: (T,) match of each clip with the text.
        features: (T, C) what decides where the cuts are.

    Returns: (T,) float64, v / v* - 1.
    """
    settings = settings or Selection()
    if scores.shape != features.shape[:1] or not len(scores):
        raise ParameterError(f"scores and features must have one row per clip. Got {scores.shape}, {features.shape}.")
    kappa = conductances(features, settings.sharpness)
    smooth = solve_diffusion(kappa, 1.0, settings.smoothing, scores.astype(np.float64))
    spread = smooth.std()
    # a video of equal clips has nothing to select: rounding must not be amplified
    if spread <= 1e-9 * max(1.0, float(np.abs(smooth).max())):
        return compete(np.zeros(len(scores)), kappa, settings)
    return compete((smooth - smooth.mean()) / spread, kappa, settings)


def find_windows(pattern: np.ndarray, edges: np.ndarray, top: int = 10) -> list[tuple[float, float, float]]:
    """Runs of clips around the peaks of a pattern, each down to half of its peak's height, best first.

    Arguments:
        pattern: (T,).
        edges: (T + 1,) seconds, where one clip's reach ends and the next one's begins.

    Returns: (start, end, score) in seconds; the score is the height of the peak relative to the highest, in [0, 1], so
        that it compares windows of one answer, not answers.
    """
    low, high = float(pattern.min()), float(pattern.max())
    if high - low <= 1e-9 * max(1.0, abs(high)):
        # nothing stands out: rounding is no peak
        return [(float(edges[0]), float(edges[-1]), 1.0)]
    padded = np.concatenate([[-np.inf], pattern, [-np.inf]])
    # the foot of a taller peak is no peak
    peaks = (pattern >= padded[:-2]) & (pattern >= padded[2:])
    windows: list[tuple[float, float, float]] = []
    taken = np.zeros(len(pattern), dtype=bool)
    for peak in np.argsort(-pattern, kind="stable"):
        if len(windows) == top:
            break
        if taken[peak] or not peaks[peak]:
            continue
        level = low + HALF * (pattern[peak] - low)
        first = last = int(peak)
        while first > 0 and pattern[first - 1] >= level and not taken[first - 1]:
            first -= 1
        while last + 1 < len(pattern) and pattern[last + 1] >= level and not taken[last + 1]:
            last += 1
        taken[first : last + 1] = True
        windows.append((float(edges[first]), float(edges[last + 1]), float((pattern[peak] - low) / (high - low))))
    return windows
