// Plain C interface between cpu.py, steps.cpp and the kernel variants. Derivation: ../reaction_diffusion/README.md.
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
// p(v / v_star - 1), p(x) = x / (1 + |x| / 2), in `v` and u / u_star - 1 in `u`. With the three weights of a readout they are
// weight_v p(v / v_star - 1) + weight_u (u / u_star - 1), and `video` if there is one, in `u`, and the sum over channels of
// weight_pattern p(v / v_star - 1) in `pattern`. ../reaction_diffusion/README.md, "Driven by a tilt".
// `video` and the rest as above if `u0`, `v0` and `gain` are given too: then they start the steps instead of what the tilt makes.
enum Drive { U_STAR, V_STAR, S, LOG_LO, LOG_HI, SHARE, WEIGHT_V, WEIGHT_U, WEIGHT_PATTERN, DRIVES };

// What the registers held of a driven call forward: the tilt, the gain and the state that the steps start from, and the last state.
enum Trace { TRACE_TILT, TRACE_GAIN, TRACE_U_0, TRACE_V_0, TRACE_U_N, TRACE_V_N, TRACES };

// One call. `rates` and `rate_gradients` are contiguous (B, C) arrays in the order F, k, D_u, D_v.
struct Call {
    View u0, v0, gain;
    View u, v;                        // forward: results; backward: their cotangents
    View u0_bar, v0_bar, gain_bar;    // backward: results
    View tilt, tilt_bar;              // driven: in place of u0, v0, gain and their cotangents
    View video;                       // readout, forward: null: none
    void* pattern;                    // readout, contiguous; forward: (B, T, blocks), each block's part; backward: cotangent (B, T)
    const void* rates[4];
    void* rate_gradients[4];
    const void* drive[DRIVES];        // null: not driven; the last three null: no readout
    void* drive_gradients[DRIVES];
    const int64_t* lengths;           // (B,), or null: all T clips are valid
    int64_t batch, clips, channels, steps;
    double step_size, reaction_limit;
    View trace[TRACES];               // driven, forward: results, or null: not asked for
};

// How a block goes through its clips, and the scratch memory for it. Each field is a ring: it holds the clips that are in work, at most
// `rows`; what is older was written out, what is newer was not read yet. Clips come in tiles of `window`; in one tile each step ends
// `lag` clips before the step before it, since what lies beyond is felt there by less than rounding. One tile without lag: the whole
// sequence.
struct Schedule {
    int64_t rows, window, lag;
    int64_t segment;  // backward: steps whose states are held at a time
    int64_t slots;    // backward: states that are held to start other segments from
    int64_t bytes;
};

// One instruction set. A block is `lanes` neighbouring channels of one sample; blocks share nothing: their order is free.
typedef Schedule Plan(const Call&, bool backward);
typedef void Kernel(const Call&, const Schedule&, int64_t sample, int64_t channel, void* scratch);
struct Variant {
    int64_t lanes_f32, lanes_f64;
    Plan *plan_f32, *plan_f64;
    Kernel *forward_f32, *forward_f64, *backward_f32, *backward_f64;
};

constexpr int64_t ALIGNMENT = 64;

}  // namespace rdmf
