// exp of a register of floats or doubles, and what exp - 1 needs to keep its digits. No header with inline functions is included:
// see steps_kernels.cpp.
#pragma once

#include <cstdint>

namespace rdmf {
namespace {

template <typename T>
struct Exponent;
template <>
struct Exponent<float> {
    typedef int32_t Int;
    static constexpr int mantissa = 23, bias = 127, terms = 8;
    static constexpr double least = -87.0, most = 88.0, round = 12582912.0;  // 1.5 * 2^23: adding it rounds to an integer
    static constexpr double ln2_head = 0.693359375;                          // few bits: its multiples are exact
};
template <>
struct Exponent<double> {
    typedef int64_t Int;
    static constexpr int mantissa = 52, bias = 1023, terms = 14;
    static constexpr double least = -708.0, most = 709.0, round = 6755399441055744.0;
    static constexpr double ln2_head = 0.693145751953125;
};

// exp(x) = power (1 + excess), exp(x) - 1 = power excess + (power - 1).
template <typename V>
struct Exponential {
    V power, excess;
};

// x = n ln 2 + r, |r| <= ln(2)/2: power = 2^n, which must be a normal number, excess = exp(r) - 1. NaN passes through.
template <typename T, typename V>
inline Exponential<V> split_exponential(V x) {
    typedef Exponent<T> E;
    typedef typename E::Int Ints __attribute__((vector_size(RDMF_VECTOR_BYTES)));
    const V n = (x * (T)1.4426950408889634 + (T)E::round) - (T)E::round;
    const V r = (x - n * (T)E::ln2_head) - n * (T)(0.69314718055994530942 - E::ln2_head);
    V sum = (V){} + (T)1;
    for (int j = E::terms; j > 1; --j) sum = (T)1 + r * (sum * (T)(1.0 / j));
    const Ints bits = (__builtin_convertvector(n, Ints) + E::bias) << E::mantissa;
    Exponential<V> found;
    __builtin_memcpy(&found.power, &bits, sizeof bits);
    found.excess = r * sum;
    return found;
}

// exp(x) to about one unit in the last place, x cut to where it is a normal number.
template <typename T, typename V>
inline V exponential(V x) {
    typedef Exponent<T> E;
    x = x < (T)E::least ? (V){} + (T)E::least : x;
    x = x > (T)E::most ? (V){} + (T)E::most : x;
    const auto found = split_exponential<T>(x);
    return found.power * ((T)1 + found.excess);
}

}  // namespace
}  // namespace rdmf
