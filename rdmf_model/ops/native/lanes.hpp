// The channels of a block in SIMD lanes: K registers side by side, loaded from and stored to rows of channels.
//
// Included once per instruction set, all of it in an unnamed namespace: no two variants share a symbol.
#pragma once

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
struct Float;
template <>
struct Float<float> {
    typedef int32_t Int;
    static constexpr int mantissa = 23, bias = 127, terms = 7;
    static constexpr double least = -87.0, most = 88.0, round = 12582912.0;  // 1.5 * 2^23: adding it rounds to an integer
    static constexpr double ln2_head = 0.693359375;                          // few bits: its multiples are exact
};
template <>
struct Float<double> {
    typedef int64_t Int;
    static constexpr int mantissa = 52, bias = 1023, terms = 13;
    static constexpr double least = -708.0, most = 709.0, round = 6755399441055744.0;
    static constexpr double ln2_head = 0.693145751953125;
};

// e^x to about one unit in the last place, x cut to where it is a normal number: 2^n (1 + r + r^2/2! + ...), |r| <= ln(2)/2.
template <typename T, typename V>
inline V exponential(V x) {
    typedef Float<T> F;
    typedef typename F::Int Ints __attribute__((vector_size(RDMF_VECTOR_BYTES)));
    x = minimum(maximum(x, (V){} + (T)F::least), (V){} + (T)F::most);
    const V n = (x * (T)1.4426950408889634 + (T)F::round) - (T)F::round;
    const V r = (x - n * (T)F::ln2_head) - n * (T)(0.69314718055994530942 - F::ln2_head);
    V sum = (V){} + (T)1;
    for (int j = F::terms; j > 0; --j) sum = (T)1 + r * (sum * (T)(1.0 / j));
    const Ints scale = (__builtin_convertvector(n, Ints) + F::bias) << F::mantissa;
    V power;
    __builtin_memcpy(&power, &scale, sizeof power);
    return sum * power;
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
