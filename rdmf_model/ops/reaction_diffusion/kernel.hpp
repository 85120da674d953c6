// Plain C interface between cpu.py, dispatch.cpp and the kernel variants. Derivation: README.md.
#pragma once

#include <cstdint>

namespace rdmf {

// A (B, T, C) array whose channels are contiguous; strides are in elements, 0 where the axis is broadcast.
struct View {
    void* data;
    int64_t batch_stride;
    int64_t clip_stride;
};

// What drives a fusion layer, contiguous (B, C) arrays: the fields start at u0 = u_star and v0 = v_star (1 + share tilt), the gain
// is s exp(tilt log_hi) for tilt >= 0 and s exp(-tilt log_lo) below, and the results are
// p(v / v_star - 1), p(x) = x / (1 + |x| / 2), in `v` and u / u_star - 1 in `u`. README.md, "Driven by a tilt".
enum Drive { U_STAR, V_STAR, S, LOG_LO, LOG_HI, SHARE, DRIVES };

// One call. `rates` and `rate_gradients` are contiguous (B, C) arrays in the order F, k, D_u, D_v.
struct Call {
    View u0, v0, gain;
    View u, v;                        // forward: results; backward: their cotangents
    View u0_bar, v0_bar, gain_bar;    // backward: results
    View tilt, tilt_bar;              // driven: in place of u0, v0, gain and their cotangents
    const void* rates[4];
    void* rate_gradients[4];
    const void* drive[DRIVES];        // null: not driven
    void* drive_gradients[DRIVES];
    const int64_t* lengths;           // (B,), or null: all T clips are valid
    int64_t batch, clips, channels, steps;
    double step_size, reaction_limit;
};

// One instruction set. A block is `lanes` neighbouring channels of one sample; blocks share nothing: their order is free.
struct Variant {
    int64_t lanes_f32, lanes_f64;
    int64_t (*scratch_bytes)(const Call&, bool f64, bool backward);
    void (*forward_f32)(const Call&, int64_t sample, int64_t channel, void* scratch);
    void (*forward_f64)(const Call&, int64_t sample, int64_t channel, void* scratch);
    void (*backward_f32)(const Call&, int64_t sample, int64_t channel, void* scratch);
    void (*backward_f64)(const Call&, int64_t sample, int64_t channel, void* scratch);
};

constexpr int64_t ALIGNMENT = 64;

}  // namespace rdmf
