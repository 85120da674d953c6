// The channels of a block in SIMD lanes: K registers side by side, loaded from and stored to rows of channels.
//
// Included once per instruction set, all of it in an unnamed namespace: no two variants share a symbol.
#pragma once

#include "exponential.hpp"
#include "steps.hpp"

// Enough registers to hide the latency of the division, few enough for 75 clips to stay near the first-level cache (measured).
#ifndef RDMF_REGISTERS
#define RDMF_REGISTERS (RDMF_VECTOR_BYTES == 64 ? 2 : 4)
#endif

namespace rdmf {
namespace {

constexpr int K = RDMF_REGISTERS;

template <typename T>
struct Simd {
    typedef T V __attribute__((vector_size(RDMF_VECTOR_BYTES)));
    static constexpr int width = RDMF_VECTOR_BYTES / sizeof(T);
    static constexpr int lanes = K * width;
};

// The lanes of one clip.
template <typename T>
struct Row {
    typename Simd<T>::V v[K];
};

#define EACH for (int i = 0; i < K; ++i)

template <typename T>
inline Row<T> constant(double x) {
    Row<T> r;
    EACH r.v[i] = (typename Simd<T>::V){} + (T)x;
    return r;
}

// NaN passes through, as in torch.clamp: the comparison is false for it.
template <typename V>
inline V minimum(V x, V limit) {
    return limit < x ? limit : x;
}

template <typename V>
inline V maximum(V x, V limit) {
    return limit > x ? limit : x;
}

template <typename T>
inline Row<T> load(const T* from, int64_t count) {
    Row<T> r;
    if (count == Simd<T>::lanes) {
        __builtin_memcpy(&r, from, sizeof r);
    } else {
        r = constant<T>(0.0);
        __builtin_memcpy(&r, from, count * sizeof(T));
    }
    return r;
}

template <typename T>
inline void store(T* to, const Row<T>& r, int64_t count) {
    if (count == Simd<T>::lanes)
        __builtin_memcpy(to, &r, sizeof r);
    else
        __builtin_memcpy(to, &r, count * sizeof(T));
}

}  // namespace
}  // namespace rdmf
