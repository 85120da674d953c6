// exp of a register, with what exp - 1 needs to keep its digits.
#pragma once

#include "vectors.hpp"

namespace rdmf {
namespace {

template <typename T>
struct Exponent;
template <>
struct Exponent<float> {
    typedef int32_t Int;
    static constexpr int mantissa = 23, bias = 127, terms = 8;
    static constexpr double round = 12582912.0;      // 1.5 * 2^23: adding it rounds to an integer
    static constexpr double ln2_head = 0.693359375;  // few bits: its multiples are exact
};
template <>
struct Exponent<double> {
    typedef int64_t Int;
    static constexpr int mantissa = 52, bias = 1023, terms = 14;
    static constexpr double round = 6755399441055744.0;
    static constexpr double ln2_head = 0.693145751953125;
};

// exp(x) = power (1 + excess), exp(x) - 1 = power excess + (power - 1).
template <typename T>
struct Exponential {
    typename Register<T>::V power, excess;
};

// With x = n ln 2 + r: power = 2^n, excess = exp(r) - 1. 2^n must be a normal number; NaN passes through.
template <typename T>
inline Exponential<T> exponential(typename Register<T>::V x) {
    typedef typename Register<T>::V V;
    typedef Exponent<T> E;
    typedef typename E::Int Ints __attribute__((vector_size(RDMF_VECTOR_BYTES)));
    const V n = (x * (T)1.4426950408889634 + (T)E::round) - (T)E::round;
    const V r = (x - n * (T)E::ln2_head) - n * (T)(0.69314718055994530942 - E::ln2_head);
    V sum = (V){} + (T)1;
    for (int j = E::terms; j > 1; --j) sum = (T)1 + r * (sum * (T)(1.0 / j));
    const Ints bits = (__builtin_convertvector(n, Ints) + E::bias) << E::mantissa;
    Exponential<T> found;
    __builtin_memcpy(&found.power, &bits, sizeof bits);
    found.excess = r * sum;
    return found;
}

}  // namespace
}  // namespace rdmf
