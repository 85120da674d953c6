"""What a GPU program does with a tile, (clips, channels), on chip: tridiagonal solves by scans, a step, a step back.

The recurrences of README.md are first-order, so a parallel scan along the clips solves them in O(log T) rounds. The
pivots' recurrence is a Moebius map; its matrices have entries >= 0 and are scaled within the scan, so nothing is ever
subtracted and nothing overflows. `before` and `after` are the couplings of a clip with its neighbours, 0 at the ends.
"""

# pyright: reportMissingImports=false
import triton
import triton.language as tl


@triton.jit
def _then_affine(c_first, x_first, c_second, x_second):
    # x -> c x + b, one map after the other
    return c_second * c_first, x_second + c_second * x_first


@triton.jit
def _then_pivot(a01, a10, a11, b01, b10, b11):
    # Product of the matrices [[1, b01], [b10, b11]] [[1, a01], [a10, a11]], scaled so that its first entry is 1 again.
    scale = 1.0 / (1.0 + b01 * a10)
    return (a01 + b01 * a11) * scale, (b10 + b11 * a10) * scale, (b10 * a01 + b11 * a11) * scale


@triton.jit
def inverse_pivots(row_sum, before, after):
    """1 / p_t of diag(row_sum) + L: 1 / r_t by a scan over r -> ((a + e) r + a e) / (r + e), then p = r + e'."""
    scale = 1.0 / (row_sum + before)
    share = before * scale
    _, remainder, _ = tl.associative_scan((row_sum * share, scale, share), 0, _then_pivot)
    return remainder / (1.0 + after * remainder)


@triton.jit
def solve(right, inverse, before, after):
    """x of (diag + L) x = right, given the inverse pivots: elimination upwards, substitution downwards."""
    _, eliminated = tl.associative_scan((before * inverse, right * inverse), 0, _then_affine)
    _, x = tl.associative_scan((after * inverse, eliminated), 0, _then_affine, reverse=True)
    return x


@triton.jit
def at_most(x, limit):
    """x cut at `limit`; NaN stays NaN, which minimum() would not grant."""
    return tl.where(x > limit, limit, x)


@triton.jit
def reaction(v, gain, STEP_SIZE: tl.constexpr, LIMIT: tl.constexpr):
    """q = h s v^2, cut as in the reference."""
    return STEP_SIZE * at_most(gain * v, LIMIT) * at_most(v, LIMIT)


@triton.jit
def step(
    u, v, gain, source, u_before, u_after, inverse_v, v_before, v_after, STEP_SIZE: tl.constexpr, LIMIT: tl.constexpr
):
    """One step; `source` is h F, `inverse_v` the inverse pivots of v's matrix, the same in every step."""
    q = reaction(v, gain, STEP_SIZE, LIMIT)
    u = solve(u + source, inverse_pivots(1.0 + source + q, u_before, u_after), u_before, u_after)
    return u, solve(v + q * u, inverse_v, v_before, v_after)


@triton.jit
def step_back(
    u_bar, v_bar, gain_bar, v, u_next, gain, source, u_before, u_after, inverse_v, v_before, v_after,
    STEP_SIZE: tl.constexpr, LIMIT: tl.constexpr,
):  # fmt: skip
    """Cotangents x of u, of v and of the gain from those of (u+, v+), and the solution y of v's adjoint system."""
    q = reaction(v, gain, STEP_SIZE, LIMIT)
    y = solve(v_bar, inverse_v, v_before, v_after)
    x = solve(u_bar + q * y, inverse_pivots(1.0 + source + q, u_before, u_after), u_before, u_after)
    through = STEP_SIZE * u_next * (y - x)
    gain_v = gain * v
    by_gain = tl.where(gain_v > LIMIT, 0.0, at_most(v, LIMIT))
    by_v = tl.where(v > LIMIT, 0.0, at_most(gain_v, LIMIT)) + tl.where(gain_v > LIMIT, 0.0, gain * by_gain)
    # in this order: by_gain v could overflow
    return x, y + through * by_v, gain_bar + through * by_gain * v, y
