// Contrast of every clip against the valid clips around it, and its gradient: `../local_contrast.py` has the formulas.
//
// Sums over the window slide with it, in double precision, a few columns at a time: cost and memory do not depend on the radius.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "scores.hpp"
#include "share.hpp"
#include "vectors.hpp"

namespace rdmf {
namespace {

typedef Register<double>::V Doubles;

// Columns of one clip, at least 8, in whole registers.
constexpr int REGISTERS = RDMF_VECTOR_BYTES == 16 ? 4 : 2, DOUBLES = Register<double>::width, COLUMNS = REGISTERS * DOUBLES;
// Below this many values per thread a thread costs more than it saves.
constexpr int64_t SCORES_PER_THREAD = 1 << 16;

struct Columns {
    Doubles v[REGISTERS];
};

#define EVERY for (int i = 0; i < REGISTERS; ++i)

template <typename T>
struct Narrow {
    typedef T V __attribute__((vector_size(DOUBLES * sizeof(T))));
};

// The first `count` columns; zeros beyond.
template <typename T>
inline Columns widen(const T* from, int64_t count) {
    T padded[COLUMNS] = {};
    if (count < COLUMNS) from = (const T*)__builtin_memcpy(padded, from, count * sizeof(T));
    Columns x;
    EVERY {
        typename Narrow<T>::V y;
        __builtin_memcpy(&y, from + i * DOUBLES, sizeof y);
        x.v[i] = __builtin_convertvector(y, Doubles);
    }
    return x;
}

template <typename T>
inline void narrow(const Columns& x, T* to, int64_t count) {
    T all[COLUMNS];
    EVERY {
        const auto y = __builtin_convertvector(x.v[i], typename Narrow<T>::V);
        __builtin_memcpy(all + i * DOUBLES, &y, sizeof y);
    }
    if (count < COLUMNS)
        __builtin_memcpy(to, all, count * sizeof(T));
    else
        __builtin_memcpy(to, all, sizeof all);
}

// 1 / sqrt(x), x >= 0, to the precision of T and faster in T, unless T cannot hold x.
template <typename T>
inline Columns inverse_root(const Columns& x) {
    double wide[COLUMNS];
    T all[COLUMNS];
    __builtin_memcpy(wide, &x, sizeof wide);
    bool fits = true;
    for (int j = 0; j < COLUMNS; ++j) fits &= !(wide[j] > (double)std::numeric_limits<T>::max());
    if (fits) {
        narrow(x, all, COLUMNS);
        for (int j = 0; j < COLUMNS; ++j) all[j] = (T)1 / std::sqrt(all[j]);
        return widen(all, COLUMNS);
    }
    Columns y;
    for (int j = 0; j < COLUMNS; ++j) wide[j] = 1.0 / std::sqrt(wide[j]);
    __builtin_memcpy(&y, wide, sizeof y);
    return y;
}

// What the window around a clip says of it: x_t, mean and 1 / sqrt(var + floor^2), and whether var came out as >= 0.
struct Surroundings {
    Columns here, mean, inverse, inside;
    double per_count;
};

// COLUMNS columns of one video (FULL), or the `left` ones.
template <typename T, bool FULL>
struct Strip {
    const scores::Contrast& call;
    const T* x;
    const uint8_t* valid;
    int64_t left;

    int64_t width() const { return FULL ? COLUMNS : left; }
    Columns load(const T* from, int64_t t) const { return widen(from + t * call.columns, width()); }
    void store(T* to, int64_t t, const Columns& y) const { narrow(y, to + t * call.columns, width()); }

    // Calls `at(t, count, first, second)` for each clip with the window's valid clips and both sums over them of what `add(t, ...)` gives.
    template <typename Add, typename At>
    void slide(const Add& add, const At& at) const {
        Columns first = {}, second = {}, x1, x2;
        int64_t count = 0;
        for (int64_t t = -call.radius; t < call.clips; ++t) {
            const int64_t enters = t + call.radius, leaves = t - call.radius - 1;
            if (enters < call.clips && valid[enters]) {
                add(enters, x1, x2);
                EVERY first.v[i] += x1.v[i], second.v[i] += x2.v[i];
                ++count;
            }
            if (leaves >= 0 && valid[leaves]) {
                add(leaves, x1, x2);
                EVERY first.v[i] -= x1.v[i], second.v[i] -= x2.v[i];
                --count;
            }
            if (t >= 0) at(t, count, first, second);
        }
    }

    // Calls `at(t, surroundings)` for each valid clip.
    template <typename At>
    void statistics(const At& at) const {
        const double least = call.floor * call.floor;
        slide(
            [&](int64_t t, Columns& one, Columns& square) {
                one = load(x, t);
                EVERY square.v[i] = one.v[i] * one.v[i];
            },
            [&](int64_t t, int64_t count, const Columns& sum, const Columns& squares) {
                if (!valid[t]) return;
                Surroundings s;
                Columns variance;
                s.per_count = 1.0 / (double)count;
                s.here = load(x, t);
                EVERY {
                    s.mean.v[i] = sum.v[i] * s.per_count;
                    const Doubles raw = squares.v[i] * s.per_count - s.mean.v[i] * s.mean.v[i];
                    // NaN stays: the comparison is false for it.
                    s.inside.v[i] = raw < 0.0 ? (Doubles){} : (Doubles){} + 1.0;
                    variance.v[i] = (raw < 0.0 ? (Doubles){} : raw) + least;
                }
                s.inverse = inverse_root<T>(variance);
                at(t, s);
            });
    }

    void forward(const T* offset, T* y) const {
        const Columns level = load(offset, 0);
        for (int64_t t = 0; t < call.clips; ++t)
            if (!valid[t]) store(y, t, level);
        statistics([&](int64_t t, const Surroundings& s) {
            Columns out;
            EVERY out.v[i] = (s.here.v[i] - s.mean.v[i]) * s.inverse.v[i] + level.v[i];
            store(y, t, out);
        });
    }

    // `scratch` holds three rows of columns per clip. Returns the sum of y_bar.
    Columns backward(const T* y_bar, T* x_bar, Columns* scratch) const {
        Columns all = {};
        for (int64_t t = 0; t < call.clips; ++t) {
            const Columns bar = load(y_bar, t);
            EVERY all.v[i] += bar.v[i];
        }
        statistics([&](int64_t t, const Surroundings& s) {
            Columns* row = scratch + 3 * t;
            const Columns bar = load(y_bar, t);
            EVERY {
                const Doubles mean = s.mean.v[i], inverse = s.inverse.v[i], a = bar.v[i] * inverse;
                const Doubles b = -0.5 * a * (s.here.v[i] - mean) * (inverse * inverse);
                const Doubles cut = s.inside.v[i] == 0.0 ? (Doubles){} : b;
                row[0].v[i] = a;
                row[1].v[i] = (a + 2.0 * cut * mean) * s.per_count;
                row[2].v[i] = cut * s.per_count;
            }
        });
        slide(
            [&](int64_t t, Columns& first, Columns& second) { first = scratch[3 * t + 1], second = scratch[3 * t + 2]; },
            [&](int64_t t, int64_t, const Columns& first, const Columns& second) {
                Columns out = {};
                if (valid[t]) {
                    out = load(x, t);
                    EVERY out.v[i] = scratch[3 * t].v[i] - first.v[i] + 2.0 * out.v[i] * second.v[i];
                }
                store(x_bar, t, out);
            });
        return all;
    }
};

template <typename T>
bool contrast(const scores::Contrast& call, int threads) try {
    const int64_t strips = (call.columns + COLUMNS - 1) / COLUMNS, values = call.batch * call.clips * call.columns;
    std::vector<double> sums(call.offset_bar ? call.batch * call.columns : 0);
    const bool done = share(call.batch * strips, std::min<int64_t>(threads, values / SCORES_PER_THREAD + 1), [&](int64_t piece) {
        const int64_t sample = piece / strips, first = piece % strips * COLUMNS;
        const int64_t offset = sample * call.clips * call.columns + first, left = call.columns - first;
        const T *x = (const T*)call.x + offset, *level = (const T*)call.offset + first, *y_bar = (const T*)call.y_bar + offset;
        const uint8_t* valid = call.valid + sample * call.clips;
        T* out = (T*)call.out + offset;
        const auto run = [&](const auto& strip) {
            if (!call.offset_bar) return strip.forward(level, out);
            std::vector<Columns> scratch(3 * call.clips);
            narrow(strip.backward(y_bar, out, scratch.data()), sums.data() + sample * call.columns + first, strip.width());
        };
        if (left >= COLUMNS)
            run(Strip<T, true>{call, x, valid, left});
        else
            run(Strip<T, false>{call, x, valid, left});
    });
    if (!done || !call.offset_bar) return done;
    for (int64_t k = 0; k < call.columns; ++k) {
        double sum = 0.0;
        for (int64_t sample = 0; sample < call.batch; ++sample) sum += sums[sample * call.columns + k];
        ((T*)call.offset_bar)[k] = (T)sum;
    }
    return true;
} catch (const std::bad_alloc&) {
    return false;
}

#undef EVERY

}  // namespace
}  // namespace rdmf
