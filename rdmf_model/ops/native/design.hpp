// Designs in a box, and what they emit, with gradients: `../designs.py`. A register holds one coordinate of several designs.
//
// Raw numbers become shares of the box, sigmoid(raw); coordinates 0 and 1 are affine in their share, excess - 1, wavelength and rate
// (2, 3, 4) geometric. What is emitted is computed in double precision by the generated formulas and rounded once; its gradient is
// the same code on dual numbers.
#pragma once

#include <cmath>

#include "exponential.hpp"
#include "formulas.hpp"
#include "scores.hpp"
#include "share.hpp"
#include "vectors.hpp"

namespace rdmf {
namespace {

constexpr int COORDINATES = 5, EMITTED = 8, DESIGNS = Register<double>::width;
// Designs of a piece of work: enough to be worth a thread.
constexpr int64_t DESIGNS_PER_PIECE = 4096;

// A value and its slopes along P directions.
template <int P>
struct Dual {
    typedef Register<double>::V V;
    V value, slope[P ? P : 1];

    Dual() = default;
    Dual(const V& x) : value(x) {
        for (int p = 0; p < P; ++p) slope[p] = V{};
    }
    Dual(double x) : Dual(V{} + x) {}

    // f(x) of the value, and what the slopes are multiplied with
    Dual with(const V& f, const V& derivative) const {
        Dual y;
        y.value = f;
        for (int p = 0; p < P; ++p) y.slope[p] = derivative * slope[p];
        return y;
    }
    friend Dual operator-(const Dual& x) { return x.with(-x.value, V{} - 1.0); }
    friend Dual operator+(const Dual& x, const Dual& y) {
        Dual z;
        z.value = x.value + y.value;
        for (int p = 0; p < P; ++p) z.slope[p] = x.slope[p] + y.slope[p];
        return z;
    }
    friend Dual operator-(const Dual& x, const Dual& y) { return x + -y; }
    friend Dual operator*(const Dual& x, const Dual& y) {
        Dual z;
        z.value = x.value * y.value;
        for (int p = 0; p < P; ++p) z.slope[p] = x.slope[p] * y.value + x.value * y.slope[p];
        return z;
    }
    friend Dual operator/(const Dual& x, const Dual& y) {
        Dual z;
        z.value = x.value / y.value;
        for (int p = 0; p < P; ++p) z.slope[p] = (x.slope[p] - z.value * y.slope[p]) / y.value;
        return z;
    }
    friend Dual square(const Dual& x) { return x.with(x.value * x.value, 2.0 * x.value); }
    friend Dual abs(const Dual& x) {
        const V zero = {}, one = zero + 1.0, sign = x.value < 0.0 ? -one : x.value > 0.0 ? one : zero;
        return x.with(sign * x.value, sign);
    }
    friend Dual sqrt(const Dual& x) {
        V root;
        for (int l = 0; l < DESIGNS; ++l) root[l] = std::sqrt(x.value[l]);
        return x.with(root, 0.5 / root);
    }
    friend Dual sin(const Dual& x) {
        V sine, cosine = {};
        for (int l = 0; l < DESIGNS; ++l) sine[l] = std::sin(x.value[l]);
        if (P)
            for (int l = 0; l < DESIGNS; ++l) cosine[l] = std::cos(x.value[l]);
        return x.with(sine, cosine);
    }
};

// Lane l: rows[(first + l) * stride]; beyond the last design the last one again.
template <typename T>
inline Register<double>::V gather(const void* rows, int64_t first, int64_t designs, int64_t stride) {
    Register<double>::V x;
    for (int l = 0; l < DESIGNS; ++l) x[l] = ((const T*)rows)[std::min(first + l, designs - 1) * stride];
    return x;
}

template <typename T>
inline void scatter(const Register<double>::V& x, void* rows, int64_t first, int64_t designs, int64_t stride) {
    for (int l = 0; l < DESIGNS && first + l < designs; ++l) ((T*)rows)[(first + l) * stride] = (T)x[l];
}

// piece(first) for every register of designs, the pieces shared out.
template <typename Piece>
bool each_register(int64_t designs, int threads, const Piece& piece) {
    return share((designs + DESIGNS_PER_PIECE - 1) / DESIGNS_PER_PIECE, threads, [&](int64_t number) {
        const int64_t end = std::min(designs, (number + 1) * DESIGNS_PER_PIECE);
        for (int64_t first = number * DESIGNS_PER_PIECE; first < end; first += DESIGNS) piece(first);
    });
}

template <typename T>
bool box(const scores::Box& call, int threads) {
    typedef Register<double>::V V;
    double low[COORDINATES], width[COORDINATES], least[COORDINATES], most[COORDINATES];
    for (int j = 0; j < COORDINATES; ++j) {
        least[j] = ((const T*)call.lower)[j], most[j] = ((const T*)call.upper)[j];
        const double shift = j == 2 ? 1.0 : 0.0;
        low[j] = j < 2 ? least[j] : std::log(least[j] - shift);
        width[j] = (j < 2 ? most[j] : std::log(most[j] - shift)) - low[j];
    }
    return each_register(call.designs, threads, [&](int64_t first) {
        for (int j = 0; j < COORDINATES; ++j) {
            const V raw = gather<T>((const T*)call.raw + j, first, call.designs, COORDINATES);
            // NaN counts as 0, and has no slope like what lies beyond the limit
            const V zero = {}, cut = raw != raw ? zero : raw < -call.limit ? zero - call.limit : raw > call.limit ? zero + call.limit : raw;
            const V e = exponential<double>(-cut), share = 1.0 / (1.0 + e), place = low[j] + share * width[j];
            V x = j < 2 ? place : exponential<double>(place);
            if (call.raw_bar) {
                const V bar = gather<T>((const T*)call.coordinates_bar + j, first, call.designs, COORDINATES);
                const V slope = width[j] * (share * share * e) * (j < 2 ? zero + 1.0 : x);
                scatter<T>(cut != raw ? zero : bar * slope, (T*)call.raw_bar + j, first, call.designs, COORDINATES);
            } else {
                if (j == 2) x += 1.0;
                // rounding is monotone: inside before it, inside after it
                x = x < least[j] ? zero + least[j] : x > most[j] ? zero + most[j] : x;
                scatter<T>(x, (T*)call.coordinates + j, first, call.designs, COORDINATES);
            }
        }
    });
}

// F, k, s, D_u, D_v, v_star, gain_lo, gain_hi of one register of designs.
template <class X>
inline void emit_designs(const X (&x)[COORDINATES], X (&out)[EMITTED]) {
    const auto [F, k, s, D_u, D_v] = parameters_from_design(x[0], x[1], x[2], x[3], x[4]);
    const auto [gain_lo, gain_hi] = gain_interval(x[0], x[1], x[2] * turing_threshold(x[0], x[1]));
    out[0] = F, out[1] = k, out[2] = s, out[3] = D_u, out[4] = D_v;
    out[5] = steady_v(x[0], x[1]), out[6] = gain_lo, out[7] = gain_hi;
}

template <typename T, int P>
inline void emit_register(const scores::Emission& call, int64_t first) {
    Dual<P> x[COORDINATES], out[EMITTED];
    for (int j = 0; j < COORDINATES; ++j) {
        x[j] = gather<T>((const T*)call.coordinates + j, first, call.designs, COORDINATES);
        if (P) x[j].slope[j % (P ? P : 1)] += 1.0;
    }
    emit_designs(x, out);
    Register<double>::V bars[COORDINATES] = {};
    for (int o = 0; o < EMITTED; ++o) {
        T* row = (T*)call.emitted + o * call.designs;
        if (!P) {
            scatter<T>(out[o].value, row, first, call.designs, 1);
            continue;
        }
        const auto bar = gather<T>(row, first, call.designs, 1);
        for (int p = 0; p < P; ++p) bars[p] += bar * out[o].slope[p];
    }
    for (int p = 0; p < P; ++p) scatter<T>(bars[p], (T*)call.coordinates_bar + p, first, call.designs, COORDINATES);
}

template <typename T>
bool emit(const scores::Emission& call, int threads) {
    return each_register(call.designs, threads, [&](int64_t first) {
        call.coordinates_bar ? emit_register<T, COORDINATES>(call, first) : emit_register<T, 0>(call, first);
    });
}

}  // namespace
}  // namespace rdmf
