// Plain C interface between `../text_match.py`, `../local_contrast.py`, `../scaled_tanh.py`, `../designs.py`, scores.cpp and its variants.
#pragma once

#include <cstdint>

namespace rdmf {
namespace scores {

// One call of the match; all arrays contiguous. Derivation: match.hpp.
struct Match {
    const void *video, *query, *scale, *weight;  // (B, T, C), (B, C), (heads,), (K, C)
    void* match;                                 // (B, T, K): forward the result, backward its cotangent
    void *video_bar, *query_bar, *scale_bar, *weight_bar;
    int64_t batch, clips, channels, heads, scores;
    double tiny;
};

// One call of the contrast: backward if offset_bar is there, then `out` is the cotangent of x; else it is the result.
struct Contrast {
    const void* x;         // (B, T, K)
    const uint8_t* valid;  // (B, T)
    const void* offset;    // (K,)
    const void* y_bar;
    void *out, *offset_bar;
    int64_t batch, clips, columns, radius;
    double floor;
};

// One call of tanh(scale x): backward if scale_bar is there, as above.
struct Squash {
    const void *x, *scale;  // (rows, columns), (columns,)
    const void* y_bar;
    void *out, *scale_bar;
    int64_t rows, columns;
};

// One call that places raw numbers in a box, or, if `raw_bar` is there, its gradient; rows of 5 coordinates.
struct Box {
    const void *raw, *lower, *upper;  // (designs, 5), (5,), (5,)
    const void* coordinates_bar;
    void *coordinates, *raw_bar;
    int64_t designs;
    double limit;
};

// One call that emits what designs stand for, or, if `coordinates_bar` is there, its gradient: design.hpp.
struct Emission {
    const void* coordinates;  // (designs, 5)
    void* emitted;            // (8, designs): forward the result, backward its cotangent
    void* coordinates_bar;
    int64_t designs;
};

// One instruction set. All functions return false if there is no memory.
struct Kernels {
    bool (*match_f32)(const Match&, bool backward, int threads);
    bool (*match_f64)(const Match&, bool backward, int threads);
    bool (*contrast_f32)(const Contrast&, int threads);
    bool (*contrast_f64)(const Contrast&, int threads);
    bool (*squash_f32)(const Squash&, int threads);
    bool (*squash_f64)(const Squash&, int threads);
    bool (*box_f32)(const Box&, int threads);
    bool (*box_f64)(const Box&, int threads);
    bool (*emit_f32)(const Emission&, int threads);
    bool (*emit_f64)(const Emission&, int threads);
};

}  // namespace scores
}  // namespace rdmf
