"""What can reaction make of substrate? Worst cases over every activator, for one step and for many, exactly.

On a line of clips, with A = 1 + F - D_u Lap and the kernel k of (1 + w - D_v Lap)^-1, a step is

    (A + q) u' = u + F        v'(x) = sum over y of k(x - y) (v + q u')(y)        q = s v^2 in [0, most]

How large a linear functional of u' gets over all fields q is the solution of a scalar equation (dynamic programming).
Bounds of v (`largest_activator`) and of the growth of errors (`StepGains`) are read off it. Real ends reflect, and
fields go on beyond them as their mirror images, so a line is enough. Derivations in docs/streaming.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import solve_banded

from rdmf_theory.chart import Parameters
from rdmf_theory.errors import ParameterError

# half the length of the line, in clips, at most; and what a kernel has fallen to there, in factors of e
MOST_CLIPS = 1 << 14
REACH = 8.0


def decay_limit(alpha: Any, beta: Any) -> Any:
    """Rate per clip at which the Green's function of `alpha - beta Lap` decays, `arccosh(1 + alpha/(2 beta))`.

    `exp(-decay_limit)` is `ratio alpha beta` of proofs/Locality.v.
    """
    return np.arccosh(1 + np.asarray(alpha) / (2 * np.asarray(beta)))


def rates(parameters: Parameters) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """F, w, D_u, D_v, each (C,)."""
    values = (
        np.atleast_1d(np.asarray(x, dtype=float)) for x in (parameters.F, parameters.w, parameters.D_u, parameters.D_v)
    )
    F, w, D_u, D_v = np.broadcast_arrays(*values)
    if np.any((1 + w) * D_u < (1 + F) * D_v):
        raise ParameterError(
            f"Parameters.D_u must be at least D_v: the substrate spreads further. Got D_u/D_v down to "
            f"{np.min(D_u / D_v):.3g}; admissible designs have more than 1."
        )
    if np.any(decay_limit(1 + F, D_u) * MOST_CLIPS < 2 * REACH):
        raise ParameterError(
            f"Parameters.D_u must not couple clips over more than {MOST_CLIPS} clips. Got D_u up to "
            f"{np.max(D_u):.3g}; shorten the wavelength."
        )
    return F, w, D_u, D_v


def largest_activator(
    parameters: Parameters, gain: np.ndarray, u_hi: np.ndarray, v_hi: np.ndarray, steps: int
) -> np.ndarray:
    """V_n with v_n <= V_n at every clip of every video, n = 0..N, shape (N + 1, C).

    v_n is what is left of v_j, j < n, and what steps i = j + 1..n took from the substrate: at most

        V_n = V_j / (1 + w)^(n-j) + U_j |L_{j+1}| + F sum over i of |L_i|,      |L| = sum of L over the clips

    where L_i is the most that a unit of substrate before step i can become at a clip after step n:

        A L_i = L_{i+1} + most_i (k^(n-i+1) - L_i)^+,      L_{n+1} = 0,      most_i = gain V_{i-1}^2

    Arguments: gain, the largest one, (C,); u_hi, bounds U_n of the substrate, (N + 1, C); v_hi, of v_0, (C,).
    """
    F, w, D_u, D_v = rates(parameters)
    decay = decay_limit(1 + w, D_v)
    clips = int(np.ceil(2 * REACH / np.min(decay) + REACH / 2 / np.min(decay_limit(1 + F, D_u))))
    substrate = _HalfLine(1 + F, D_u, clips)
    # a reflecting end makes kernels larger; what they are beyond it, by Chernoff's bound
    activator = _HalfLine(1 + w, D_v, clips, np.zeros_like(w))
    kernels, beyond = [np.eye(1, clips + 1).repeat(len(F), axis=0)], [np.zeros_like(F)]
    tilt = np.linspace(0.3, 0.95, 14)[:, None] * decay
    for power in range(1, steps + 1):
        kernels.append(activator.solve(0.0, kernels[-1]))
        damping = 1 + w - 4 * np.sinh(tilt / 2) ** 2 * D_v
        beyond.append(2 * np.min(np.exp(-tilt * clips) / damping**power, axis=0))
    found = [np.broadcast_to(v_hi, F.shape)]
    for n in range(1, steps + 1):
        least = np.full(F.shape, np.inf)
        value, mass, fed = np.zeros_like(kernels[0]), np.zeros_like(F), np.zeros_like(F)
        for i in range(n, 0, -1):
            most = gain * found[i - 1] ** 2
            # `value` is from below, the line being cut; the sums that count, from above
            kernel = kernels[n - i + 1]
            value = substrate.majorant(most, kernel, value)
            mass += most * (both_sides(np.maximum(kernel - value, 0)) + beyond[n - i + 1])
            mass /= 1 + F
            fed = fed + F * mass
            least = np.minimum(least, found[i - 1] / (1 + w) ** (n - i + 1) + u_hi[i - 1] * mass + fed)
        found.append(least)
    return np.stack(found)


class StepGains:
    """How much the errors of one step can be, relative to weights e^(-theta distance to a cut), for rates theta.

    Errors of u and v within X and Y times the weights before a step leave an error of v within

        from_v Y + from_u X + what comes in beyond the cut

    whatever the fields are, as long as v^2 gain <= `most`. Arrays (R, C).

    Arguments: parameters; theta (R, C), below the decay of both kernels.
    """

    def __init__(self, parameters: Parameters, theta: np.ndarray) -> None:
        F, w, D_u, D_v = rates(parameters)
        self._alpha, self._diffusion, self._theta = 1 + F, D_u, theta
        self._decay, decay_v = decay_limit(1 + F, D_u), decay_limit(1 + w, D_v)
        self._tilted = 1 + w - 4 * np.sinh(theta / 2) ** 2 * D_v
        self._clips = int(np.ceil(REACH / np.min(decay_v)))
        self._kernel = (
            np.exp(-decay_v[:, None] * np.arange(self._clips + 1)) / np.sqrt((1 + w) * (1 + w + 4 * D_v))[:, None]
        )
        self._line = _HalfLine(1 + F, D_u, self._clips, self._decay)
        self._root: np.ndarray | None = None

    def __call__(self, gain: np.ndarray, most: np.ndarray, supply: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """from_u, from_v; infinite where the line is too short to tell.

        Arguments: gain, the largest one; most, of gain v^2; supply, the most that u + F is; each (C,).
        """
        value = self._line.majorant(most, self._kernel, np.zeros_like(self._kernel))
        # beyond the line: from here on the value decays as the substrate's Green's function does
        closed = value[:, -1] >= self._kernel[:, -1]
        steps = np.arange(1, self._clips + 1)
        from_u = value[:, 0] + 2 * np.sum(value[:, 1:] * np.cosh(self._theta[..., None] * steps), axis=-1)
        for sign in (1, -1):
            from_u = from_u + value[:, -1] * np.exp(sign * self._theta * self._clips) / np.expm1(
                self._decay - sign * self._theta
            )
        from_v = 1 / self._tilted + np.sqrt(2 * gain) * supply * self._root_sum(np.maximum(self._kernel, value))
        return np.where(closed, from_u, np.inf), np.where(closed, from_v, np.inf)

    def _root_sum(self, weight: np.ndarray) -> np.ndarray:
        """Bound of sum of R, where A R = (tilted weight)^2 / R: twice the root of q, weighted, against the supply.

        Newton from any R > 0 gives a bound: what is missing of the equation is added, divided by 1 + F.
        """
        clips, theta, decay = self._clips, self._theta, self._decay
        tilt = np.exp(theta[..., None] * np.arange(-clips, clips + 1))
        squared = (np.concatenate([weight[:, :0:-1], weight], axis=1) * tilt) ** 2
        # R goes on beyond the line: towards the cut as the tilted weight does, away from it as the Green's function
        ahead, behind = decay - theta, np.broadcast_to(decay, theta.shape)
        off = np.broadcast_to(-self._diffusion[:, None], squared.shape)
        diagonal = np.broadcast_to((self._alpha + 2 * self._diffusion)[:, None], squared.shape).copy()
        diagonal[..., -1] -= self._diffusion * np.exp(-ahead)
        diagonal[..., 0] -= self._diffusion * np.exp(-behind)
        root, rounds = self._root, 1
        if root is None:
            root, rounds = _tridiagonal(diagonal, off, off, np.sqrt(squared)), 6
            root *= np.sqrt(np.sum(squared / root, axis=-1) / np.sum(np.sqrt(squared), axis=-1))[..., None]
        for _ in range(rounds):
            slope = squared / root
            root = _tridiagonal(diagonal + slope / root, off, off, 2 * slope)
        self._root = root
        missing = squared / root - diagonal * root
        missing[..., 1:] -= off[..., 1:] * root[..., :-1]
        missing[..., :-1] -= off[..., 1:] * root[..., 1:]
        missing = np.sum(np.maximum(missing, 0), axis=-1)
        damping = self._alpha - 4 * np.sinh(ahead / 2) ** 2 * self._diffusion
        missing += np.maximum(squared[..., -1] / root[..., -1] - damping * root[..., -1], 0) / np.expm1(ahead)
        missing += squared[..., 0] / root[..., 0] / np.expm1(decay + 2 * theta)
        beyond = root[..., -1] / np.expm1(ahead) + root[..., 0] / np.expm1(behind)
        return np.sum(root, axis=-1) + beyond + missing / self._alpha


class _HalfLine:
    """alpha - beta Lap for fields that are even about clip 0, clips 0..n, arrays (C, n + 1).

    Beyond clip n fields are 0, or decay at the rate `decay` per clip.
    """

    def __init__(self, alpha: np.ndarray, beta: np.ndarray, clips: int, decay: np.ndarray | None = None) -> None:
        self._diagonal = np.repeat((alpha + 2 * beta)[:, None], clips + 1, axis=1)
        if decay is not None:
            self._diagonal[:, -1] -= beta * np.exp(-decay)
        self._lower = np.repeat(-beta[:, None], clips + 1, axis=1)
        self._upper = self._lower.copy()
        self._upper[:, 0] *= 2

    def solve(self, added: Any, right: np.ndarray) -> np.ndarray:
        return _tridiagonal(self._diagonal + added, self._lower, self._upper, right)

    def majorant(self, most: np.ndarray, kernel: np.ndarray, source: np.ndarray) -> np.ndarray:
        """L with `A L = source + most (kernel - L)^+`, from below: the clips where reaction pays shrink, then stay."""
        pays = np.ones(kernel.shape, dtype=bool)
        for _ in range(kernel.shape[1] + 1):
            reaction = most[:, None] * pays
            found = self.solve(reaction, source + reaction * kernel)
            still = kernel > found
            if np.array_equal(still, pays):
                break
            pays = still
        return found


def both_sides(even: np.ndarray) -> np.ndarray:
    """Sum over a line of what is given on clips 0..n, (C, n + 1)."""
    return even[:, 0] + 2 * np.sum(even[:, 1:], axis=1)


def _tridiagonal(diagonal: np.ndarray, lower: np.ndarray, upper: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve along the last axis; systems stand one after the other in one banded one without coupling between them."""
    bands = np.zeros((3, *right.shape))
    bands[0, ..., 1:] = upper[..., :-1]
    bands[1] = diagonal
    bands[2, ..., :-1] = lower[..., 1:]
    return solve_banded((1, 1), bands.reshape(3, -1), right.reshape(-1)).reshape(right.shape)
