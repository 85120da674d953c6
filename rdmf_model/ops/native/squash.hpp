// y = tanh(scale x), column by column, and its gradient: `../scaled_tanh.py`.
//
// As many rows are taken together as fill whole registers. tanh z = e / (e + 2) with e = exp(2 |z|) - 1, which keeps all digits of a small z.
#pragma once

#include <algorithm>
#include <numeric>
#include <vector>

#include "exponential.hpp"
#include "scores.hpp"
#include "share.hpp"
#include "vectors.hpp"

namespace rdmf {
namespace {

// Beyond this 2 |z| tanh z is 1.
template <typename T>
constexpr T MOST = sizeof(T) == 4 ? 40 : 80;

template <typename T>
inline typename Register<T>::V tangent(typename Register<T>::V z) {
    typedef typename Register<T>::V V;
    V x = (T)2 * (z < (T)0 ? -z : z);
    x = MOST<T> < x ? (V){} + MOST<T> : x;
    const auto found = split_exponential<T>(x);
    const V e = found.power * found.excess + (found.power - (T)1), y = e / (e + (T)2);
    return z < (T)0 ? -y : y;
}

// Values of the columns' period: the least number of whole rows that fills registers.
template <typename T>
int64_t period(int64_t columns) {
    return columns / std::gcd<int64_t>(columns, Register<T>::width) * Register<T>::width;
}

// One period. Backward (y_bar not null) `out` is the cotangent of x, and `sum` gathers that of the scale.
template <typename T>
inline void squash_period(const T* scale, const T* x, const T* y_bar, T* out, T* sum, int64_t values) {
    typedef typename Register<T>::V V;
    constexpr int W = Register<T>::width;
    for (int64_t i = 0; i < values; i += W) {
        const V here = read(x + i), factor = read(scale + i);
        V y = tangent<T>(factor * here);
        if (y_bar) {
            const V slope = read(y_bar + i) * ((T)1 - y * y), total = read(sum + i) + slope * here;
            __builtin_memcpy(sum + i, &total, sizeof total);
            y = slope * factor;
        }
        __builtin_memcpy(out + i, &y, sizeof y);
    }
}

template <typename T>
bool squash(const scores::Squash& call, int threads) try {
    if (!call.columns) return true;
    const int64_t K = call.columns, length = call.rows * K, values = period<T>(K);
    // Values of a piece: enough to be worth a thread, whole periods.
    const int64_t piece_values = ((1 << 15) / values + 1) * values, pieces = (length + piece_values - 1) / piece_values;
    std::vector<T> scale(values), sums(call.scale_bar ? pieces * values : 0);
    for (int64_t i = 0; i < values; ++i) scale[i] = ((const T*)call.scale)[i % K];
    const T *x = (const T*)call.x, *y_bar = (const T*)call.y_bar;
    T* out = (T*)call.out;
    const bool done = share(pieces, threads, [&](int64_t piece) {
        T* sum = call.scale_bar ? sums.data() + piece * values : nullptr;
        const int64_t end = std::min(length, (piece + 1) * piece_values);
        int64_t i = piece * piece_values;
        for (; i + values <= end; i += values) squash_period(scale.data(), x + i, y_bar ? y_bar + i : nullptr, out + i, sum, values);
        if (i == end) return;
        std::vector<T> rest(3 * values);
        std::copy(x + i, x + end, rest.begin());
        if (y_bar) std::copy(y_bar + i, y_bar + end, rest.begin() + values);
        T* last = rest.data() + 2 * values;
        squash_period(scale.data(), rest.data(), y_bar ? rest.data() + values : nullptr, last, sum, values);
        std::copy(last, last + (end - i), out + i);
    });
    if (!done || !call.scale_bar) return done;
    std::vector<double> total(K);
    for (std::size_t i = 0; i < sums.size(); ++i) total[i % K] += sums[i];
    std::copy(total.begin(), total.end(), (T*)call.scale_bar);
    return true;
} catch (const std::bad_alloc&) {
    return false;
}

}  // namespace
}  // namespace rdmf
