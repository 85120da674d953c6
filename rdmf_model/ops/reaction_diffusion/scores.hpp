// Plain C interface between `../text_match.py`, `../local_contrast.py`, scores.cpp and its variants in scores_kernels.cpp.
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

// One call of the contrast: forward if y_bar is null, then `out` is the result; else it is the cotangent of x.
struct Contrast {
    const void* x;         // (B, T, K)
    const uint8_t* valid;  // (B, T)
    const void* y_bar;
    void* out;
    int64_t batch, clips, columns, radius;
    double floor;
};

// One instruction set. All functions return false if there is no memory.
struct Kernels {
    bool (*match_f32)(const Match&, bool backward, int threads);
    bool (*match_f64)(const Match&, bool backward, int threads);
    bool (*contrast_f32)(const Contrast&, int threads);
    bool (*contrast_f64)(const Contrast&, int threads);
};

}  // namespace scores
}  // namespace rdmf
