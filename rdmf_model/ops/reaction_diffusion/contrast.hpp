// Contrast of every clip against the valid clips around it, and its gradient: `../local_contrast.py` has the formulas.
//
// Sums over the window slide with it, in double precision, a few columns at a time: cost and memory do not depend on the radius.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "scores.hpp"
#include "share.hpp"

namespace rdmf {
namespace {

// Of each, two registers at most.
constexpr int COLUMNS = RDMF_VECTOR_BYTES == 64 ? 16 : 8;
// Below this many values per thread a thread costs more than it saves.
constexpr int64_t SCORES_PER_THREAD = 1 << 16;

// One video, COLUMNS columns of it; `valid` is 1 or 0 for each clip. FULL: there are that many.
template <typename T, bool FULL>
struct Strip {
    const scores::Contrast& shape;
    const T* x;
    const uint8_t* valid;
    int64_t width;  // columns that there are

    void load(const T* from, int64_t t, double* to) const {
        from += t * shape.columns;
        if (FULL)
            for (int j = 0; j < COLUMNS; ++j) to[j] = (double)from[j];
        else
            for (int j = 0; j < COLUMNS; ++j) to[j] = j < width ? (double)from[j] : 0.0;
    }

    // Calls `at(t, count, sums)` for each clip with the window's count of valid clips and both sums of what `add(t, ...)` gives.
    template <typename Add, typename At>
    void slide(const Add& add, const At& at) const {
        double sums[2][COLUMNS] = {}, first[COLUMNS], second[COLUMNS];
        int64_t count = 0;
        for (int64_t t = -shape.radius; t < shape.clips; ++t) {
            const int64_t enters = t + shape.radius, leaves = t - shape.radius - 1;
            if (enters < shape.clips && valid[enters]) {
                add(enters, first, second);
                for (int j = 0; j < COLUMNS; ++j) sums[0][j] += first[j], sums[1][j] += second[j];
                ++count;
            }
            if (leaves >= 0 && valid[leaves]) {
                add(leaves, first, second);
                for (int j = 0; j < COLUMNS; ++j) sums[0][j] -= first[j], sums[1][j] -= second[j];
                --count;
            }
            if (t >= 0) at(t, count, sums);
        }
    }

    // Calls `at(t, per_count, x_t, mean, inverse, inside)` for each valid clip: mean and 1 / sqrt(var + floor^2) around it.
    template <typename At>
    void statistics(const At& at) const {
        slide(
            [&](int64_t t, double* first, double* second) {
                load(x, t, first);
                for (int j = 0; j < COLUMNS; ++j) second[j] = first[j] * first[j];
            },
            [&](int64_t t, int64_t count, const double (*sums)[COLUMNS]) {
                if (!valid[t]) return;
                double here[COLUMNS], mean[COLUMNS], inverse[COLUMNS];
                bool inside[COLUMNS];
                const double per_count = 1.0 / (double)count;
                load(x, t, here);
                for (int j = 0; j < COLUMNS; ++j) {
                    mean[j] = sums[0][j] * per_count;
                    const double variance = sums[1][j] * per_count - mean[j] * mean[j];
                    inside[j] = !(variance < 0.0);
                    inverse[j] = 1.0 / std::sqrt((inside[j] ? variance : 0.0) + shape.floor * shape.floor);
                }
                at(t, per_count, here, mean, inverse, inside);
            });
    }

    void store(T* to, int64_t t, const double* from) const {
        to += t * shape.columns;
        if (FULL)
            for (int j = 0; j < COLUMNS; ++j) to[j] = (T)from[j];
        else
            for (int j = 0; j < width; ++j) to[j] = (T)from[j];
    }

    void forward(T* y) const {
        const double zero[COLUMNS] = {};
        for (int64_t t = 0; t < shape.clips; ++t)
            if (!valid[t]) store(y, t, zero);
        statistics([&](int64_t t, double, const double* here, const double* mean, const double* inverse, const bool*) {
            double out[COLUMNS];
            for (int j = 0; j < COLUMNS; ++j) out[j] = (here[j] - mean[j]) * inverse[j];
            store(y, t, out);
        });
    }

    // `scratch` holds three rows of COLUMNS per clip.
    void backward(const T* y_bar, T* x_bar, double* scratch) const {
        statistics([&](int64_t t, double per_count, const double* here, const double* mean, const double* inverse,
                       const bool* inside) {
            double* row = scratch + 3 * COLUMNS * t;
            load(y_bar, t, row);
            for (int j = 0; j < COLUMNS; ++j) {
                const double a = row[j] * inverse[j], cube = inverse[j] * inverse[j];
                const double b = inside[j] ? -0.5 * a * (here[j] - mean[j]) * cube : 0.0;
                row[j] = a;
                row[COLUMNS + j] = (a + 2.0 * b * mean[j]) * per_count;
                row[2 * COLUMNS + j] = b * per_count;
            }
        });
        slide(
            [&](int64_t t, double* first, double* second) {
                const double* row = scratch + 3 * COLUMNS * t;
                for (int j = 0; j < COLUMNS; ++j) first[j] = row[COLUMNS + j], second[j] = row[2 * COLUMNS + j];
            },
            [&](int64_t t, int64_t, const double (*sums)[COLUMNS]) {
                double out[COLUMNS] = {};
                if (valid[t]) {
                    load(x, t, out);
                    const double* row = scratch + 3 * COLUMNS * t;
                    for (int j = 0; j < COLUMNS; ++j) out[j] = row[j] - sums[0][j] + 2.0 * out[j] * sums[1][j];
                }
                store(x_bar, t, out);
            });
    }
};

template <typename T, bool FULL>
void contrast_strip(const scores::Contrast& call, int64_t sample, int64_t first) {
    const int64_t offset = sample * call.clips * call.columns + first;
    const Strip<T, FULL> strip{call, (const T*)call.x + offset, call.valid + sample * call.clips, call.columns - first};
    T* out = (T*)call.out + offset;
    if (!call.y_bar) return strip.forward(out);
    std::vector<double> scratch(3 * COLUMNS * call.clips);
    strip.backward((const T*)call.y_bar + offset, out, scratch.data());
}

template <typename T>
bool contrast(const scores::Contrast& call, int threads) {
    const int64_t strips = (call.columns + COLUMNS - 1) / COLUMNS, values = call.batch * call.clips * call.columns;
    return share(call.batch * strips, std::min<int64_t>(threads, values / SCORES_PER_THREAD + 1), [&](int64_t piece) {
        const int64_t sample = piece / strips, first = piece % strips * COLUMNS;
        if (call.columns - first >= COLUMNS)
            contrast_strip<T, true>(call, sample, first);
        else
            contrast_strip<T, false>(call, sample, first);
    });
}

}  // namespace
}  // namespace rdmf
