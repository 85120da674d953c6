// Contrast of every clip against the valid clips around it, and its gradient: `../local_contrast.py` has the formulas.
//
// Sums over the window slide with it, in double precision, a few columns at a time: cost and memory do not depend on the radius.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <new>
#include <vector>

namespace {

constexpr int COLUMNS = 8;

struct Shape {
    int64_t batch, clips, columns, radius;
    double floor;
};

// One video, COLUMNS columns of it from `first` on; `valid` is 1 or 0 for each clip.
template <typename T>
struct Strip {
    const Shape& shape;
    const T* x;
    const uint8_t* valid;
    int64_t width;  // columns that there are

    void load(const T* from, int64_t t, double* to) const {
        for (int j = 0; j < COLUMNS; ++j) to[j] = valid[t] && j < width ? (double)from[t * shape.columns + j] : 0.0;
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
        for (int j = 0; j < width; ++j) to[t * shape.columns + j] = (T)from[j];
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

template <typename T>
void run(const Shape& shape, const T* x, const uint8_t* valid, const T* y_bar, T* out) {
    std::vector<double> scratch(y_bar ? 3 * COLUMNS * shape.clips : 0);
    for (int64_t b = 0; b < shape.batch; ++b)
        for (int64_t first = 0; first < shape.columns; first += COLUMNS) {
            const int64_t offset = b * shape.clips * shape.columns + first;
            const Strip<T> strip{shape, x + offset, valid + b * shape.clips, std::min<int64_t>(COLUMNS, shape.columns - first)};
            if (y_bar)
                strip.backward(y_bar + offset, out + offset, scratch.data());
            else
                strip.forward(out + offset);
        }
}

}  // namespace

// All arrays contiguous; y_bar null: forward, `out` is the contrast; else `out` is the cotangent of x. 0: done; 1: out of memory.
extern "C" __attribute__((visibility("default"))) int rdmf_contrast(
    int f64, int64_t batch, int64_t clips, int64_t columns, int64_t radius, double floor, const void* x, const uint8_t* valid,
    const void* y_bar, void* out) {
    const Shape shape{batch, clips, columns, std::min(radius, clips), floor};
    try {
        if (f64)
            run<double>(shape, (const double*)x, valid, (const double*)y_bar, (double*)out);
        else
            run<float>(shape, (const float*)x, valid, (const float*)y_bar, (float*)out);
    } catch (const std::bad_alloc&) {
        return 1;
    }
    return 0;
}
