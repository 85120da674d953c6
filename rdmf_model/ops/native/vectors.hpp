// SIMD vectors of one register, sums of their lanes, and products of small matrices that fill the registers.
//
// Included once per instruction set, all of it in an unnamed namespace: no two variants share a symbol.
#pragma once

#include <algorithm>
#include <cstdint>

namespace rdmf {
namespace {

template <typename T>
struct Register {
    typedef T V __attribute__((vector_size(RDMF_VECTOR_BYTES)));
    static constexpr int width = RDMF_VECTOR_BYTES / sizeof(T);
};

template <typename T>
inline typename Register<T>::V read(const T* from) {
    typename Register<T>::V x;
    __builtin_memcpy(&x, from, sizeof x);
    return x;
}

// Adds the two halves until 16 bytes are left.
template <typename T, int BYTES>
struct Halves {
    typedef T V __attribute__((vector_size(BYTES)));
    typedef T Half __attribute__((vector_size(BYTES / 2)));
    static T sum(V x) {
        Half a, b;
        __builtin_memcpy(&a, &x, sizeof a);
        __builtin_memcpy(&b, (const char*)&x + sizeof a, sizeof b);
        return Halves<T, BYTES / 2>::sum(a + b);
    }
};
template <>
struct Halves<float, 16> {
    typedef float V __attribute__((vector_size(16)));
    static float sum(V x) { return (x[0] + x[2]) + (x[1] + x[3]); }
};
template <>
struct Halves<double, 16> {
    typedef double V __attribute__((vector_size(16)));
    static double sum(V x) { return x[0] + x[1]; }
};

// A product is computed in tiles of ROWS x PANEL registers: as many as there are, less those of the operands.
constexpr int ROWS = RDMF_VECTOR_BYTES == 64 ? 8 : 4;
constexpr int PANEL = 3;

template <typename T>
constexpr int panel_width = PANEL * Register<T>::width;

// a[i, k] = data[i row + k depth]
template <typename T>
struct Factor {
    const T* data;
    int64_t row, depth;
};

// Columns of the other factor, row after row, zeros up to whole registers: what `pack` writes.
template <typename T>
inline int64_t packed_width(int64_t columns) {
    constexpr int W = Register<T>::width;
    return std::min<int64_t>(panel_width<T>, (columns + W - 1) / W * W);
}

// to[k, j] = b[k, j] for a panel of at most panel_width columns.
template <typename T>
inline void pack(const Factor<T>& b, int64_t depth, int64_t columns, T* to) {
    const int64_t width = packed_width<T>(columns);
    columns = std::min(columns, width);
    for (int64_t k = 0; k < depth; ++k, to += width) {
        const T* from = b.data + k * b.row;
        if (b.depth == 1)
            __builtin_memcpy(to, from, columns * sizeof(T));
        else
            for (int64_t j = 0; j < columns; ++j) to[j] = from[j * b.depth];
        std::fill(to + columns, to + width, (T)0);
    }
}

// out (R rows, `columns` of J registers) = a b, or out += a b. Each entry is summed in the order of k, whatever the tile.
template <typename T, int R, int J>
inline void tile(const Factor<T>& a, const T* b, int64_t depth, T* out, int64_t out_row, int64_t columns, bool add) {
    typedef typename Register<T>::V V;
    constexpr int W = Register<T>::width;
    V sum[R][J] = {};
    for (int64_t k = 0; k < depth; ++k) {
        V row[J];
        for (int j = 0; j < J; ++j) row[j] = read(b + (k * J + j) * W);
        for (int i = 0; i < R; ++i) {
            const T x = a.data[i * a.row + k * a.depth];
            for (int j = 0; j < J; ++j) sum[i][j] += x * row[j];
        }
    }
    for (int i = 0; i < R; ++i)
        for (int j = 0; j < J; ++j) {
            T* to = out + i * out_row + j * W;
            const int64_t count = std::min<int64_t>(W, columns - j * W);
            if (count == W) {
                const V y = add ? read(to) + sum[i][j] : sum[i][j];
                __builtin_memcpy(to, &y, sizeof y);
            } else {
                for (int64_t l = 0; l < count; ++l) to[l] = add ? to[l] + sum[i][j][l] : sum[i][j][l];
            }
        }
}

template <typename T, int J>
inline void tiles(Factor<T> a, const T* b, int64_t depth, T* out, int64_t out_row, int64_t rows, int64_t columns, bool add) {
    for (; rows >= ROWS; rows -= ROWS, a.data += ROWS * a.row, out += ROWS * out_row)
        tile<T, ROWS, J>(a, b, depth, out, out_row, columns, add);
    for (; rows > 0; --rows, a.data += a.row, out += out_row) tile<T, 1, J>(a, b, depth, out, out_row, columns, add);
}

// One panel of a product, `b` packed.
template <typename T>
inline void multiply(
    const Factor<T>& a, const T* b, int64_t depth, T* out, int64_t out_row, int64_t rows, int64_t columns, bool add = false) {
    const int64_t width = packed_width<T>(columns), registers = width / Register<T>::width;
    columns = std::min(columns, width);
    if (registers == 3)
        tiles<T, 3>(a, b, depth, out, out_row, rows, columns, add);
    else if (registers == 2)
        tiles<T, 2>(a, b, depth, out, out_row, rows, columns, add);
    else
        tiles<T, 1>(a, b, depth, out, out_row, rows, columns, add);
}

}  // namespace
}  // namespace rdmf
