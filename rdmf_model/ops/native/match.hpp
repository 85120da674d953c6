// Match of every clip with the text, plus its salience, and the gradient. `../text_match.py` has the definition.
//
// With q' = q / max(|q|, tiny), l_h = |q'_h|, m = max(|x|, tiny), d_h = x_h . q'_h and p_h = max(|x_h| l_h, tiny m), h a slice:
//
//     whole = sum_h d_h / m,    sliced_h = d_h / p_h
//
// which needs no normalised clip. Let w be the cotangent of `whole` and s_h that of sliced_h. Then that of x_h is
// a_h q'_h + c_h x_h, to which the salience adds its product, and that of q'_h is sum_t a_h x_h + sum_t e_h q'_h / l_h^2 with
//
//     a_h = w / m + s_h / p_h,   e_h = -s_h sliced_h or 0 where p_h is cut,   c_h = e_h / |x_h|^2 + M / m^2
//     M = -w whole - sum of s_h sliced_h where p_h is cut;   0 where m is cut
//
// Clips are taken CHUNK at a time, which stay in the second-level cache. Sums over clips are partial sums of fixed pieces, added in
// their order: the number of threads changes no bit.
#pragma once

#include <cmath>
#include <memory>
#include <numeric>
#include <vector>

#include "scores.hpp"
#include "share.hpp"
#include "vectors.hpp"

namespace rdmf {
namespace {

constexpr int64_t CHUNK = 128;
// Pieces that sum the gradient of the weight by themselves.
constexpr int64_t SUMS = 16;
// Below this many values of the video per thread a thread costs more than it saves.
constexpr int64_t VIDEO_PER_THREAD = 1 << 17;

// Squares between these bounds lose nothing in T; outside a clip is taken in double.
template <typename T>
constexpr double least_square = sizeof(T) == 4 ? 1e-12 : 1e-200;
template <typename T>
constexpr double most_square = sizeof(T) == 4 ? 1e36 : 1e300;

// One text and what the clip at hand makes of it.
template <typename T>
struct TextMatch {
    const scores::Match& call;
    const int64_t heads, half, width;
    std::vector<T> unit, low, pull;  // q'; d_h, |x_h|^2; sum_t a_h x_h
    std::vector<double> length, dot, square, bound, along, back, stretch, scale_bar;  // l, d, |x_h|^2, p, a, c; sums of e and scale
    std::vector<char> cut;
    double query_size, size, whole;
    bool query_cut, size_cut, extreme;

    TextMatch(const scores::Match& c)
        : call(c), heads(c.heads), half(c.heads / 2), width(c.channels / c.heads), unit(c.channels), low(2 * heads),
          pull(c.channels), length(heads), dot(heads), square(heads), bound(heads), along(heads), back(heads), stretch(heads),
          scale_bar(heads), cut(heads) {}

    void start(int64_t sample) {
        const T* q = (const T*)call.query + sample * call.channels;
        double sum = 0.0;
        for (int64_t c = 0; c < call.channels; ++c) sum += (double)q[c] * (double)q[c];
        query_size = std::sqrt(sum);
        query_cut = query_size < call.tiny;
        if (query_cut) query_size = call.tiny;
        for (int64_t h = 0; h < heads; ++h) {
            double squares = 0.0;
            for (int64_t c = h * width; c < (h + 1) * width; ++c) {
                unit[c] = (T)((double)q[c] / query_size);
                squares += (double)unit[c] * (double)unit[c];
            }
            length[h] = std::sqrt(squares);
        }
        std::fill(pull.begin(), pull.end(), (T)0);
        std::fill(stretch.begin(), stretch.end(), 0.0);
        std::fill(scale_bar.begin(), scale_bar.end(), 0.0);
    }

    // d_h and |x_h|^2.
    void slices_in_double(const T* x) {
        for (int64_t h = 0; h < heads; ++h) {
            double d = 0.0, n = 0.0;
            for (int64_t c = h * width; c < (h + 1) * width; ++c) d += (double)x[c] * unit[c], n += (double)x[c] * x[c];
            dot[h] = d, square[h] = n;
        }
    }

    void slices_by_lanes(const T* x, T* dots, T* squares) const {
        typedef typename Register<T>::V V;
        constexpr int W = Register<T>::width;
        for (int64_t h = 0; h < heads; ++h) {
            const T *from = x + h * width, *text = unit.data() + h * width;
            V d = {}, n = {};
            int64_t c = 0;
            for (; c + W <= width; c += W) {
                const V y = read(from + c);
                d += y * read(text + c), n += y * y;
            }
            T dot_sum = Halves<T, RDMF_VECTOR_BYTES>::sum(d), square_sum = Halves<T, RDMF_VECTOR_BYTES>::sum(n);
            for (; c < width; ++c) dot_sum += from[c] * text[c], square_sum += from[c] * from[c];
            dots[h] = dot_sum, squares[h] = square_sum;
        }
    }

    // Norms and products of one clip, in T where its squares allow that.
    void look(const T* x) {
        slices_by_lanes(x, low.data(), low.data() + heads);
        for (int64_t h = 0; h < heads; ++h) dot[h] = low[h], square[h] = low[heads + h];
        double sum = std::accumulate(square.begin(), square.end(), 0.0);
        extreme = !(sum > least_square<T> && sum < most_square<T>);
        if (extreme) {
            slices_in_double(x);
            sum = std::accumulate(square.begin(), square.end(), 0.0);
        }
        size = std::sqrt(sum);
        size_cut = size < call.tiny;
        if (size_cut) size = call.tiny;
        const double least = call.tiny * size;
        whole = 0.0;
        for (int64_t h = 0; h < heads; ++h) {
            whole += dot[h];
            const double product = std::sqrt(square[h]) * length[h];
            cut[h] = product < least;
            bound[h] = product < least ? least : product;
        }
        whole /= size;
    }

    void add_similarity(T* out) const {
        const T* scale = (const T*)call.scale;
        for (int64_t h = 0; h < half; ++h) out[h] += (T)(scale[h] * whole);
        for (int64_t h = half; h < heads; ++h) out[h] += (T)(scale[h] * (dot[h] / bound[h]));
    }

    // a_h and c_h of the clip last looked at, from its cotangent; adds to the sums of e_h and to the gradient of the scale.
    void turn(const T* match_bar) {
        const T* scale = (const T*)call.scale;
        double w = 0.0;
        for (int64_t h = 0; h < half; ++h) w += (double)scale[h] * match_bar[h], scale_bar[h] += match_bar[h] * whole;
        const double each = w / size;
        double common = -w * whole;
        for (int64_t h = 0; h < half; ++h) along[h] = each, back[h] = 0.0;
        for (int64_t h = half; h < heads; ++h) {
            const double s = (double)scale[h] * match_bar[h], sliced = dot[h] / bound[h], e = -s * sliced;
            scale_bar[h] += match_bar[h] * sliced;
            along[h] = each + s / bound[h];
            back[h] = cut[h] ? 0.0 : e / square[h];
            stretch[h] += cut[h] ? 0.0 : e;
            common += cut[h] ? e : 0.0;
        }
        if (size_cut) return;
        common /= size * size;
        for (int64_t h = 0; h < heads; ++h) back[h] += common;
    }

    // x_bar += a q' + c x and the text's sum += a x, in the precision of S.
    template <typename S>
    void apply(const T* __restrict x, T* __restrict x_bar) {
        const T* __restrict text = unit.data();
        T* __restrict sum = pull.data();
        for (int64_t h = 0; h < heads; ++h) {
            const S a = (S)along[h], c = (S)back[h];
            for (int64_t i = h * width; i < (h + 1) * width; ++i) {
                x_bar[i] = (T)((S)x_bar[i] + (a * (S)text[i] + c * (S)x[i]));
                sum[i] = (T)((S)sum[i] + a * (S)x[i]);
            }
        }
    }

    void differentiate(const T* x, const T* match_bar, T* x_bar) {
        look(x);
        turn(match_bar);
        if (extreme)
            apply<double>(x, x_bar);
        else
            apply<T>(x, x_bar);
    }
};

// The video in pieces of one sample and at most CHUNK clips.
struct Pieces {
    int64_t per_sample, count, clips;
    explicit Pieces(const scores::Match& call)
        : per_sample((call.clips + CHUNK - 1) / CHUNK), count(call.batch * per_sample), clips(call.clips) {}
    int64_t sample(int64_t piece) const { return piece / per_sample; }
    int64_t first(int64_t piece) const { return piece % per_sample * CHUNK; }
    int64_t size(int64_t piece) const { return std::min(CHUNK, clips - first(piece)); }
};

template <typename T>
struct Matching {
    const scores::Match& call;
    const Pieces pieces;
    const int64_t C, K;
    std::unique_ptr<T[]> packed;

    explicit Matching(const scores::Match& c) : call(c), pieces(c), C(c.channels), K(c.scores) {}

    int64_t threads(int threads) const {
        return std::min<int64_t>(threads, call.batch * call.clips * C / VIDEO_PER_THREAD + 1);
    }

    // All panels of the factor b (depth, columns), one after the other.
    void pack_all(const Factor<T>& b, int64_t depth, int64_t columns) {
        packed.reset(new T[depth * (columns + Register<T>::width)]);
        for (int64_t first = 0; first < columns; first += panel_width<T>)
            pack<T>({b.data + first * b.depth, b.row, b.depth}, depth, columns - first, packed.get() + first * depth);
    }

    void multiply_all(const Factor<T>& a, int64_t depth, T* out, int64_t rows, int64_t columns) const {
        for (int64_t first = 0; first < columns; first += panel_width<T>)
            multiply<T>(a, packed.get() + first * depth, depth, out + first, columns, rows, columns - first);
    }

    bool forward(int wanted) {
        pack_all({(const T*)call.weight, 1, C}, C, K);
        return share(pieces.count, threads(wanted), [&](int64_t piece) {
            TextMatch<T> text(call);
            text.start(pieces.sample(piece));
            const int64_t row = pieces.sample(piece) * call.clips + pieces.first(piece), rows = pieces.size(piece);
            const T* x = (const T*)call.video + row * C;
            T* out = (T*)call.match + row * K;
            multiply_all({x, C, 1}, C, out, rows, K);
            for (int64_t t = 0; t < rows; ++t) {
                text.look(x + t * C);
                text.add_similarity(out + t * K);
            }
        });
    }

    bool backward(int wanted) {
        pack_all({(const T*)call.weight, C, 1}, K, C);
        const int64_t record = C + 2 * call.heads, groups = std::min(SUMS, pieces.count);
        std::vector<double> records(pieces.count * record);
        std::vector<T> weight_bars(groups * K * C);
        const bool done = share(groups, threads(wanted), [&](int64_t group) {
            TextMatch<T> text(call);
            std::unique_ptr<T[]> panel(new T[CHUNK * panel_width<T>]);
            T* weight_bar = weight_bars.data() + group * K * C;
            for (int64_t piece = group * pieces.count / groups; piece < (group + 1) * pieces.count / groups; ++piece) {
                text.start(pieces.sample(piece));
                const int64_t row = pieces.sample(piece) * call.clips + pieces.first(piece), rows = pieces.size(piece);
                const T *x = (const T*)call.video + row * C, *match_bar = (const T*)call.match + row * K;
                T* x_bar = (T*)call.video_bar + row * C;
                multiply_all({match_bar, K, 1}, K, x_bar, rows, C);
                for (int64_t t = 0; t < rows; ++t) text.differentiate(x + t * C, match_bar + t * K, x_bar + t * C);
                for (int64_t first = 0; first < C; first += panel_width<T>) {
                    pack<T>({x + first, C, 1}, rows, C - first, panel.get());
                    multiply<T>({match_bar, 1, K}, panel.get(), rows, weight_bar + first, C, K, C - first, true);
                }
                double* to = records.data() + piece * record;
                to = std::copy(text.pull.begin(), text.pull.end(), to);
                to = std::copy(text.stretch.begin(), text.stretch.end(), to);
                std::copy(text.scale_bar.begin(), text.scale_bar.end(), to);
            }
        });
        if (!done) return false;
        T* weight_bar = (T*)call.weight_bar;
        std::fill(weight_bar, weight_bar + K * C, (T)0);
        for (int64_t group = 0; group < groups; ++group)
            for (int64_t i = 0; i < K * C; ++i) weight_bar[i] += weight_bars[group * K * C + i];
        finish(records, record);
        return true;
    }

    // From the pieces' sums to the gradients of text and scale.
    void finish(const std::vector<double>& records, int64_t record) const {
        TextMatch<T> text(call);
        std::vector<double> sum(record), scale_bar(call.heads);
        for (int64_t sample = 0; sample < call.batch; ++sample) {
            text.start(sample);
            std::fill(sum.begin(), sum.end(), 0.0);
            const double* from = records.data() + sample * pieces.per_sample * record;
            for (int64_t piece = 0; piece < pieces.per_sample; ++piece, from += record)
                for (int64_t i = 0; i < record; ++i) sum[i] += from[i];
            double radial = 0.0;
            for (int64_t h = 0; h < call.heads; ++h) {
                const double square = text.length[h] * text.length[h], stretch = square == 0.0 ? 0.0 : sum[C + h] / square;
                for (int64_t c = h * text.width; c < (h + 1) * text.width; ++c) {
                    sum[c] += stretch * text.unit[c];
                    radial += sum[c] * text.unit[c];
                }
                scale_bar[h] += sum[C + call.heads + h];
            }
            if (text.query_cut) radial = 0.0;
            T* query_bar = (T*)call.query_bar + sample * C;
            for (int64_t c = 0; c < C; ++c) query_bar[c] = (T)((sum[c] - radial * text.unit[c]) / text.query_size);
        }
        std::copy(scale_bar.begin(), scale_bar.end(), (T*)call.scale_bar);
    }
};

template <typename T>
bool match(const scores::Match& call, bool backward, int threads) try {
    Matching<T> matching(call);
    return backward ? matching.backward(threads) : matching.forward(threads);
} catch (const std::bad_alloc&) {
    return false;
}

}  // namespace
}  // namespace rdmf
