"""How far does a clip see? Certified bounds on what cutting a video into windows changes, for N nonlinear steps.

A window is solved alone, with a reflecting end where the video goes on. Two bounds on |offline - windowed|:

- `HaloBound`, before any video is seen: from the parameters and the range of the inputs, `2 A e^(-theta (H + 1))` at H
  clips from the cut, with the best rate theta of each channel. It decides how large a halo must be.
- `enclose_window`, along the window that was solved: upper and lower solutions between which the offline one lies, four
  more tridiagonal solves per step. Worst inputs found by search come within a factor of 100 of it at every corner of
  the region that layers are trained in.

Derivations in docs/streaming.md. One solve is `window_error` and `green_decay` of proofs/Locality.v.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from scipy.linalg import solve_banded

from rdmf_theory.chart import Parameters
from rdmf_theory.errors import ParameterError
from rdmf_theory.layer.locality_gains import StepGains, decay_limit, largest_activator, rates

# Bounds are evaluated in float64, in sums, products and quotients of positive numbers; this covers their rounding.
ROUNDING = 1.0 + 1e-9
RATES = 16


@dataclass(frozen=True)
class InputRange:
    """What is known of every video before it is seen, per channel: floats or arrays of one shape (C,).

    Arguments:
        u_hi: upper bound of the initial substrate, in [0, 1].
        v_lo, v_hi: range of the initial activator, 0 <= v_lo <= v_hi.
        gain_lo, gain_hi: range of the clip-wise reaction gain s_t, 0 <= gain_lo <= gain_hi, 1/step.
    Raises: ParameterError if a number is not finite or a range is reversed.
    """

    u_hi: Any
    v_lo: Any
    v_hi: Any
    gain_lo: Any
    gain_hi: Any

    def __post_init__(self) -> None:
        for item in fields(self):
            object.__setattr__(self, item.name, np.atleast_1d(np.asarray(getattr(self, item.name), dtype=float)))
        holds = (self.u_hi >= 0) & (self.u_hi <= 1) & (self.v_lo >= 0) & (self.v_lo <= self.v_hi)
        holds = holds & (self.gain_lo >= 0) & (self.gain_lo <= self.gain_hi)
        if not np.all(holds & np.isfinite(self.v_hi) & np.isfinite(self.gain_hi)):
            raise ParameterError(
                "InputRange must be finite with 0 <= u_hi <= 1, 0 <= v_lo <= v_hi, 0 <= gain_lo <= gain_hi. "
                f"Got {self}; take the ranges from the layer."
            )


@dataclass(frozen=True)
class FieldBounds:
    """Bounds of the fields after n = 0..N steps, at every clip of every video: u in [0, u_hi], v in [v_lo, v_hi].

    Arrays (N + 1, C).
    """

    u_hi: np.ndarray
    v_lo: np.ndarray
    v_hi: np.ndarray


def field_bounds(parameters: Parameters, inputs: InputRange, steps: int) -> FieldBounds:
    """Bounds of u and v over `steps` steps with h = 1, independent of the number of clips.

        u_{n+1} <= (u_n + F) / (1 + F + s v_n^2)            v_{n+1} >= v_n / (1 + w)

    v is bounded from above by what many steps can make of the substrate at most, `largest_activator`.

    Arguments: parameters, each scalar or (C,); inputs; steps >= 1.
    """
    if int(steps) != steps or steps < 1:
        raise ParameterError(f"steps must be an integer >= 1. Got {steps!r}; use the layer's number of steps.")
    F, w, _, _ = rates(parameters)
    shape = np.broadcast_shapes(F.shape, inputs.v_hi.shape)
    u, low = [np.broadcast_to(inputs.u_hi, shape)], [np.broadcast_to(inputs.v_lo, shape)]
    for _ in range(steps):
        u.append((u[-1] + F) / (1 + F + inputs.gain_lo * low[-1] ** 2))
        low.append(low[-1] / (1 + w))
    u_hi = np.stack(u) * ROUNDING
    high = largest_activator(parameters, inputs.gain_hi, u_hi, inputs.v_hi, steps)
    return FieldBounds(u_hi, np.stack(low) / ROUNDING, high * ROUNDING)


@dataclass(frozen=True)
class HaloBound:
    """Bound of the truncation error H clips from a cut: `2 A e^(-theta (H + 1))`, for RATES rates theta per channel.

    theta, log_u, log_v: arrays (RATES, C); log_u, log_v are ln A of the two fields.
    """

    theta: np.ndarray
    log_u: np.ndarray
    log_v: np.ndarray

    def errors(self, halo: int) -> tuple[np.ndarray, np.ndarray]:
        """Certified bounds of |u - u_window| and |v - v_window| at `halo` clips from the nearer cut, (C,) each."""
        decay = np.log(2.0) - self.theta * (halo + 1)
        return np.exp((self.log_u + decay).min(0)), np.exp((self.log_v + decay).min(0))

    def least_halo(self, tolerance: float, weight_u: Any = 1.0, weight_v: Any = 1.0) -> int:
        """Smallest H whose weighted error, the root of the channels' sum of squares, is at most `tolerance` > 0."""

        def error(halo: int) -> float:
            u, v = self.errors(halo)
            return float(np.sqrt(np.sum((u * weight_u) ** 2 + (v * weight_v) ** 2)))

        if not (np.isfinite(tolerance) and tolerance > 0):
            raise ParameterError(f"tolerance must be finite and positive. Got {tolerance!r}; 1e-6 is usual.")
        high = 1
        while error(high) > tolerance:
            high *= 2
        low = high // 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if error(middle) <= tolerance else (middle, high)
        return 0 if high == 1 and error(0) <= tolerance else high


def halo_bound(parameters: Parameters, inputs: InputRange, steps: int) -> HaloBound:
    """The a-priori bound of |offline - windowed| against the halo, for every video whose inputs are in range.

    With weights e^(-theta distance to the cut), kappa = 2 cosh(theta) - 2, d = D_u/D_v, c = d (1 + w) - 1 - F and the
    bounds U, V of `field_bounds`, the errors X of u and Y of v, relative to the weights, obey X_0 = Y_0 = 0 and then

        X' = max(U', max_{q <= sqrt(s) V} (X + 2 sqrt(s) q U' Y) / (1 + F - kappa D_u + q^2))

    and Y' is the least of three bounds, each the best for some design:

        V' + min(d + c/g, s V^2/g) U' + from_u X + from_v Y,    g = 1 + w - kappa D_v, with the factors of `StepGains`
        max(V', (Y (1 + 2 s U' V) + s V^2 X') / g)
        d X' + max(V' + d U', (X + Y + c X') / g)               v + d u obeys a linear equation: no power of V in it

    Arguments: parameters, each scalar or (C,); inputs; steps N >= 1.
    """
    bounds = field_bounds(parameters, inputs, steps)
    F, w, D_u, D_v = rates(parameters)
    limit = np.minimum(decay_limit(1 + F, D_u), decay_limit(1 + w, D_v))
    theta = np.linspace(0.02, 0.999, RATES)[:, None] * limit
    kappa = 4 * np.sinh(theta / 2) ** 2
    damping_u, damping_v = 1 + F - kappa * D_u, 1 + w - kappa * D_v
    d, root = D_u / D_v, np.sqrt(inputs.gain_hi)
    c = np.maximum(d * (1 + w) - 1 - F, 0)
    gains = StepGains(parameters, theta)
    # as good as 0, and its product with an infinite factor is infinite
    X = Y = np.full_like(theta, np.finfo(float).tiny)
    for n in range(steps):
        U, V, next_V = bounds.u_hi[n + 1], bounds.v_hi[n], bounds.v_hi[n + 1]
        least, most = np.sqrt(inputs.gain_lo) * bounds.v_lo[n], root * V
        next_X = np.maximum(U, _largest_quotient(X, 2 * root * U * Y, damping_u, least, most))
        from_u, from_v = gains(inputs.gain_hi, most**2, bounds.u_hi[n] + F)
        worst = next_V + np.minimum(d + c / damping_v, most**2 / damping_v) * U + from_u * X + from_v * Y
        direct = np.maximum(next_V, (Y * (1 + 2 * root * U * most) + most**2 * next_X) / damping_v)
        carried = d * next_X + np.maximum(next_V + d * U, (X + Y + c * next_X) / damping_v)
        X, Y = next_X * ROUNDING, np.minimum(np.minimum(direct, carried), worst) * ROUNDING
    return HaloBound(theta, np.log(X), np.log(Y))


def _largest_quotient(a: np.ndarray, b: np.ndarray, c: np.ndarray, low: Any, high: Any) -> np.ndarray:
    """Maximum of (a + b q) / (c + q^2) over q in [low, high], for a, b >= 0 and c > 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        # the root of b q^2 + 2 a q = b c, without cancellation
        stationary = np.where(b > 0, b * c / (a + np.sqrt(a**2 + b**2 * c)), 0.0)
    q = np.clip(stationary, low, high)
    return (a + b * q) / (c + q**2)


@dataclass(frozen=True)
class WindowEnclosure:
    """The window's own solution, and how far the offline one may lie from it; arrays (W, C).

    The offline fields lie in [u - u_below, u + u_above] and [v - v_below, v + v_above].
    """

    u: np.ndarray
    v: np.ndarray
    u_below: np.ndarray
    u_above: np.ndarray
    v_below: np.ndarray
    v_above: np.ndarray

    @property
    def error_u(self) -> np.ndarray:
        """Certified bound of |u_offline - u|, (W, C)."""
        return np.maximum(self.u_below, self.u_above)

    @property
    def error_v(self) -> np.ndarray:
        """Certified bound of |v_offline - v|, (W, C)."""
        return np.maximum(self.v_below, self.v_above)


def enclose_window(
    u0: np.ndarray,
    v0: np.ndarray,
    gain: np.ndarray,
    parameters: Parameters,
    bounds: FieldBounds,
    *,
    cut_start: bool,
    cut_end: bool,
) -> WindowEnclosure:
    """Solve one window and enclose the solution of every longer video that agrees with it on these clips.

    More activator leaves less substrate, more substrate makes more activator: so upper and lower solutions can be
    stepped together. At a cut the neighbour beyond it is anything within `bounds`.

    Arguments:
        u0, v0, gain: the window's inputs, (W, C), within the `InputRange` of `bounds`.
        parameters: each scalar or (C,).
        bounds: `field_bounds` of the same parameters; its length gives the number of steps.
        cut_start, cut_end: whether the video goes on beyond that end; otherwise the end is the video's own.
    """
    u, v, gain = np.broadcast_arrays(*(np.asarray(x, dtype=float) for x in (u0, v0, gain)))
    F, w, D_u, D_v = (
        np.broadcast_to(np.asarray(x, dtype=float), u.shape[1:])
        for x in (parameters.F, parameters.w, parameters.D_u, parameters.D_v)
    )
    cuts = np.zeros((len(u), 1))
    cuts[0] += cut_start
    cuts[-1] += cut_end
    u_below = u_above = v_below = v_above = np.zeros_like(u)
    turnover = np.broadcast_to(1 + w, u.shape)
    for n in range(len(bounds.u_hi) - 1):
        U, V, next_V = bounds.u_hi[n + 1], bounds.v_hi[n], bounds.v_hi[n + 1]
        least, most = np.maximum(v - v_below, 0), np.minimum(v + v_above, V)
        next_u = _solve(1 + F + gain * v**2, D_u, u + F)
        next_v = _solve(turnover, D_v, v + gain * next_u * v**2)
        # the neighbour beyond a cut: between 0 and U (V), against the window's own last clip
        rise = u_above + gain * (2 * v - v_below) * v_below * next_u + cuts * D_u * np.maximum(U - next_u, 0)
        fall = u_below + gain * (2 * v + v_above) * v_above * next_u + cuts * D_u * next_u
        rise = np.minimum(_solve(1 + F + gain * least**2 + cuts * D_u, D_u, rise), np.maximum(U - next_u, 0))
        fall = np.minimum(_solve(1 + F + gain * most**2 + cuts * D_u, D_u, fall), next_u)
        made = v_above + gain * (next_u * (2 * v + v_above) * v_above + most**2 * rise)
        lost = v_below + gain * (next_u * (2 * v - v_below) * v_below + least**2 * fall)
        made = _solve(turnover + cuts * D_v, D_v, made + cuts * D_v * np.maximum(next_V - next_v, 0))
        lost = _solve(turnover + cuts * D_v, D_v, lost + cuts * D_v * next_v)
        v_above = np.minimum(made, np.maximum(next_V - next_v, 0)) * ROUNDING
        v_below = np.minimum(np.minimum(lost, next_v) * ROUNDING, next_v)
        u_above, u_below = rise * ROUNDING, np.minimum(fall * ROUNDING, next_u)
        u, v = next_u, next_v
    return WindowEnclosure(u, v, u_below, u_above, v_below, v_above)


def _solve(row_sum: np.ndarray, diffusion: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve `(row_sum - diffusion Lap) x = right` for every channel, replicate ends; (W, C).

    The channels stand one after the other in one banded system without coupling between them.
    """
    W, C = right.shape
    bands = np.zeros((3, C, W))
    bands[0, :, 1:] = bands[2, :, :-1] = -diffusion[:, None]
    bands[1] = row_sum.T - bands[0] - bands[2]
    return solve_banded((1, 1), bands.reshape(3, -1), right.T.reshape(-1)).reshape(C, W).T
