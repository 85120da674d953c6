"""The GPU kernels: a program keeps one tile, the clips of a window and a block of channels, on chip for all its steps.

A short video is one window. Of a long one, neighbouring windows overlap: a program steps `stride` clips and `halo` more
on either side, and writes the former only (gpu.py chooses the halo; README.md bounds the error).

The backward program recomputes the trajectory in segments of SEGMENT steps. Its states lie in a scratch that belongs to
the program, not to the tile: programs are as many as run at once and take tile after tile, so the scratch stays in the
cache and grows with neither B, C nor T, and with N as sqrt N.
"""

# pyright: reportMissingImports=false, reportGeneralTypeIssues=false
import triton
import triton.language as tl

from .gpu_tile import inverse_pivots, step, step_back


@triton.jit
def _place(
    tile, windows, halo, stride, lengths, clips, channels,
    RAGGED: tl.constexpr, BLOCK_T: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """Sample, window, rows (BLOCK_T, 1), columns (1, BLOCK_C); then which of them to write, which hold valid clips, and
    which valid clips have a valid neighbour in the tile before and after them."""
    blocks = tl.cdiv(channels, BLOCK_C)
    sample = (tile // (blocks * windows)).to(tl.int64)
    window = (tile // blocks) % windows
    local = tl.arange(0, BLOCK_T)[:, None]
    rows = window * stride - halo + local
    columns = ((tile % blocks) * BLOCK_C + tl.arange(0, BLOCK_C))[None, :]
    length = clips
    if RAGGED:
        length = tl.load(lengths + sample).to(tl.int32)
    own = (local >= halo) & (local < halo + stride) & (rows < clips) & (columns < channels)
    exists = (rows >= 0) & (rows < length)
    has_before = exists & (rows > 0) & (local > 0)
    has_after = exists & (rows + 1 < length) & (local + 1 < BLOCK_T)
    return sample, window, rows, columns, own, exists & (columns < channels), has_before, has_after


@triton.jit
def _read(field, sample, rows, columns, valid, batch_stride, clip_stride, channel_stride, ACC: tl.constexpr):
    offsets = sample * batch_stride + rows.to(tl.int64) * clip_stride + columns.to(tl.int64) * channel_stride
    return tl.load(field + offsets, mask=valid, other=0.0).to(ACC)


@triton.jit
def _write(field, x, sample, rows, columns, own, valid, clips, channels):
    offsets = (sample * clips + rows) * channels + columns
    tl.store(field + offsets, tl.where(valid, x, 0.0).to(field.dtype.element_ty), mask=own)


@triton.jit
def _read_rate(rate, sample, columns, channels, ACC: tl.constexpr):
    return tl.load(rate + sample * channels + columns, mask=columns < channels, other=0.0).to(ACC)


@triton.jit
def _matrices(
    F, k, D_u, D_v, sample, columns, channels, has_before, has_after, STEP_SIZE: tl.constexpr, ACC: tl.constexpr
):
    """h F, the couplings of u and v before and after each clip, and v's inverse pivots between them."""
    feed = STEP_SIZE * _read_rate(F, sample, columns, channels, ACC)
    turnover = feed + STEP_SIZE * _read_rate(k, sample, columns, channels, ACC)
    u_edge = STEP_SIZE * _read_rate(D_u, sample, columns, channels, ACC)
    v_edge = STEP_SIZE * _read_rate(D_v, sample, columns, channels, ACC)
    u_before, u_after = tl.where(has_before, u_edge, 0.0), tl.where(has_after, u_edge, 0.0)
    v_before, v_after = tl.where(has_before, v_edge, 0.0), tl.where(has_after, v_edge, 0.0)
    inverse_v = inverse_pivots(1.0 + turnover + tl.zeros_like(v_before), v_before, v_after)
    return feed, u_before, u_after, inverse_v, v_before, v_after


@triton.jit
def forward_kernel(
    u0, v0, gain, F, k, D_u, D_v, lengths, u_out, v_out,
    windows, halo, stride, clips, channels,
    u0_batch, u0_clip, u0_channel, v0_batch, v0_clip, v0_channel, gain_batch, gain_clip, gain_channel,
    STEPS: tl.constexpr, STEP_SIZE: tl.constexpr, LIMIT: tl.constexpr, RAGGED: tl.constexpr,
    BLOCK_T: tl.constexpr, BLOCK_C: tl.constexpr, ACC: tl.constexpr,
):  # fmt: skip
    """(u_N, v_N) of one tile."""
    sample, _, rows, columns, own, valid, has_before, has_after = _place(
        tl.program_id(0), windows, halo, stride, lengths, clips, channels, RAGGED, BLOCK_T, BLOCK_C
    )
    u = _read(u0, sample, rows, columns, valid, u0_batch, u0_clip, u0_channel, ACC)
    v = _read(v0, sample, rows, columns, valid, v0_batch, v0_clip, v0_channel, ACC)
    s = _read(gain, sample, rows, columns, valid, gain_batch, gain_clip, gain_channel, ACC)
    source, u_before, u_after, inverse_v, v_before, v_after = _matrices(
        F, k, D_u, D_v, sample, columns, channels, has_before, has_after, STEP_SIZE, ACC
    )
    for _ in range(STEPS):
        u, v = step(u, v, s, source, u_before, u_after, inverse_v, v_before, v_after, STEP_SIZE, LIMIT)
    _write(u_out, u, sample, rows, columns, own, valid, clips, channels)
    _write(v_out, v, sample, rows, columns, own, valid, clips, channels)


@triton.jit
def backward_kernel(
    u0, v0, gain, F, k, D_u, D_v, lengths, u_bar_in, v_bar_in,
    u0_bar, v0_bar, gain_bar_out, F_bar, k_bar, D_u_bar, D_v_bar, scratch,
    tiles, windows, halo, stride, clips, channels,
    u0_batch, u0_clip, u0_channel, v0_batch, v0_clip, v0_channel, gain_batch, gain_clip, gain_channel,
    STEPS: tl.constexpr, SEGMENT: tl.constexpr, STEP_SIZE: tl.constexpr, LIMIT: tl.constexpr, RAGGED: tl.constexpr,
    BLOCK_T: tl.constexpr, BLOCK_C: tl.constexpr, ACC: tl.constexpr,
):  # fmt: skip
    """Gradients of every tile that this program takes; those of the rates per window, (B, windows, C)."""
    HALF: tl.constexpr = BLOCK_T * BLOCK_C
    STATE: tl.constexpr = 2 * BLOCK_T * BLOCK_C  # u, then v
    SEGMENTS: tl.constexpr = (STEPS + SEGMENT - 1) // SEGMENT
    # Scratch: the states that start the segments, then those of one segment, then a place for its last cotangents.
    starts = scratch + tl.program_id(0).to(tl.int64) * (STATE * (SEGMENTS + SEGMENT + 2))
    states = starts + STATE * SEGMENTS
    places = tl.arange(0, BLOCK_T)[:, None] * BLOCK_C + tl.arange(0, BLOCK_C)[None, :]
    tile = tl.program_id(0)
    while tile < tiles:
        sample, window, rows, columns, own, valid, has_before, has_after = _place(
            tile, windows, halo, stride, lengths, clips, channels, RAGGED, BLOCK_T, BLOCK_C
        )
        u = _read(u0, sample, rows, columns, valid, u0_batch, u0_clip, u0_channel, ACC)
        v = _read(v0, sample, rows, columns, valid, v0_batch, v0_clip, v0_channel, ACC)
        s = _read(gain, sample, rows, columns, valid, gain_batch, gain_clip, gain_channel, ACC)
        u_bar = _read(u_bar_in, sample, rows, columns, valid, clips * channels, channels, 1, ACC)
        v_bar = _read(v_bar_in, sample, rows, columns, valid, clips * channels, channels, 1, ACC)
        source, u_before, u_after, inverse_v, v_before, v_after = _matrices(
            F, k, D_u, D_v, sample, columns, channels, has_before, has_after, STEP_SIZE, ACC
        )
        gain_bar = tl.zeros_like(s)
        sum_F = tl.zeros([1, BLOCK_C], ACC)
        sum_w, sum_u, sum_v = sum_F, sum_F, sum_F
        for n in range(SEGMENTS):
            tl.store(starts + n * STATE + places, u)
            tl.store(starts + n * STATE + HALF + places, v)
            if n + 1 < SEGMENTS:
                for _ in range(SEGMENT):
                    u, v = step(u, v, s, source, u_before, u_after, inverse_v, v_before, v_after, STEP_SIZE, LIMIT)
        for m in range(SEGMENTS):
            start = starts + (SEGMENTS - 1 - m) * STATE
            # the last segment may be shorter
            count = tl.minimum(SEGMENT, STEPS - (SEGMENTS - 1 - m) * SEGMENT)
            tl.debug_barrier()  # what the segment before left may still be read by a neighbour
            u, v = tl.load(start + places), tl.load(start + HALF + places)
            tl.store(states + places, u)
            tl.store(states + HALF + places, v)
            n = 1
            while n <= count:
                u, v = step(u, v, s, source, u_before, u_after, inverse_v, v_before, v_after, STEP_SIZE, LIMIT)
                tl.store(states + n * STATE + places, u)
                tl.store(states + n * STATE + HALF + places, v)
                n += 1
            tl.debug_barrier()  # neighbouring clips belong to other threads
            n = count
            while n > 0:
                after = states + n * STATE
                v = tl.load(after - STATE + HALF + places)
                u_next, v_next = tl.load(after + places), tl.load(after + HALF + places)
                # Each edge of L belongs to its earlier clip.
                edge = has_after & (places >= 0)
                u_later = tl.load(after + places + BLOCK_C, mask=edge, other=0.0)
                v_later = tl.load(after + HALF + places + BLOCK_C, mask=edge, other=0.0)
                x, v_bar, gain_bar, y = step_back(
                    u_bar, v_bar, gain_bar, v, u_next, s, source, u_before, u_after, inverse_v, v_before, v_after,
                    STEP_SIZE, LIMIT,
                )  # fmt: skip
                # The state one further on has been read by all, so its place is free.
                tl.store(after + STATE + places, x)
                tl.store(after + STATE + HALF + places, y)
                tl.debug_barrier()
                x_later = tl.load(after + STATE + places + BLOCK_C, mask=edge, other=0.0)
                y_later = tl.load(after + STATE + HALF + places + BLOCK_C, mask=edge, other=0.0)
                u_bends = tl.where(own & edge, (x - x_later) * (u_next - u_later), 0.0)
                v_bends = tl.where(own & edge, (y - y_later) * (v_next - v_later), 0.0)
                # a clip of a halo counts where it is none
                sum_F += tl.sum(tl.where(own, x - x * u_next, 0.0), axis=0)[None, :]
                sum_w += tl.sum(tl.where(own, y * v_next, 0.0), axis=0)[None, :]
                sum_u += tl.sum(u_bends, axis=0)[None, :]
                sum_v += tl.sum(v_bends, axis=0)[None, :]
                u_bar = x
                n -= 1
        _write(u0_bar, u_bar, sample, rows, columns, own, valid, clips, channels)
        _write(v0_bar, v_bar, sample, rows, columns, own, valid, clips, channels)
        _write(gain_bar_out, gain_bar, sample, rows, columns, own, valid, clips, channels)
        rate, exists = (sample * windows + window) * channels + columns, columns < channels
        tl.store(F_bar + rate, STEP_SIZE * (sum_F - sum_w), mask=exists)
        tl.store(k_bar + rate, -STEP_SIZE * sum_w, mask=exists)
        tl.store(D_u_bar + rate, -STEP_SIZE * sum_u, mask=exists)
        tl.store(D_v_bar + rate, -STEP_SIZE * sum_v, mask=exists)
        tile += tl.num_programs(0)
