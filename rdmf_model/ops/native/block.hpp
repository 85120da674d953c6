// One block of channels: the two sweeps of a step, over all clips or over one tile of them; ../reaction_diffusion/README.md.
//
// u's matrix is eliminated upwards (in t), v's downwards, so that each sweep substitutes one system and eliminates the next.
#pragma once

#include "lanes.hpp"

namespace rdmf {
namespace {

#define INLINE __attribute__((always_inline))

// Clip t of a field is in row t % rows.
template <typename T>
struct Ring {
    Row<T>* data;
    int64_t rows;

    Row<T>* end() const { return data + rows; }
};

// Calls body(t, rows) for the clips from <= t < to in ascending order; rows[j] is clip t's row of rings[j].
template <typename T, int F, typename Body>
inline void upwards(const Ring<T> (&rings)[F], int64_t from, int64_t to, const Body& body) {
    for (int64_t t = from; t < to;) {
        Row<T>* rows[F];
        int64_t stop = to;
        for (int j = 0; j < F; ++j) {
            const int64_t at = t % rings[j].rows, left = rings[j].rows - at;
            rows[j] = rings[j].data + at;
            stop = stop - t < left ? stop : t + left;
        }
        for (; t < stop; ++t) {
            body(t, rows);
            for (int j = 0; j < F; ++j) ++rows[j];
        }
    }
}

// The same in descending order.
template <typename T, int F, typename Body>
inline void downwards(const Ring<T> (&rings)[F], int64_t from, int64_t to, const Body& body) {
    for (int64_t t = to - 1; t >= from;) {
        Row<T>* rows[F];
        int64_t stop = from;
        for (int j = 0; j < F; ++j) {
            const int64_t at = t % rings[j].rows;
            rows[j] = rings[j].data + at;
            stop = t - stop < at ? stop : t - at;
        }
        for (; t >= stop; --t) {
            body(t, rows);
            for (int j = 0; j < F; ++j) --rows[j];
        }
    }
}

// What an upward sweep hands to the next tile.
template <typename T>
struct Carry {
    Row<T> v, z, pivot, v_next;
};

// How many of them a call needs: one for each sweep, if there are tiles.
inline int64_t carries(const Call& call, const Schedule& plan, bool backward) {
    return !plan.lag ? 1 : backward ? 2 * plan.segment + 1 : call.steps + 1;
}

// Clips that memory is asked for ahead of their use.
constexpr int64_t AHEAD = 32;

// Everything about one block that stays fixed over its steps.
template <typename T>
struct Block {
    const Call& call;
    Schedule plan;
    int64_t sample, channel, count, clips;  // `count` channels are real, `clips` are valid
    Row<T> h, limit, source, base, coupling_u, coupling_v, row_sum_v, scale_first;
    Ring<T> gain, ratio;
    Row<T>*scale_v, *free;  // `free`: the rest of the scratch memory
    int64_t settled;        // factors of clips that are `settled` or more before the last one are equal
    Row<T> u_most, v_most, gain_most, least;

    Block(const Call& c, int64_t b, int64_t first, const Schedule& schedule, void* scratch)
        : call(c), plan(schedule), sample(b), channel(first) {
        const int64_t left = c.channels - first;
        count = left < Simd<T>::lanes ? left : Simd<T>::lanes;
        clips = c.lengths ? c.lengths[b] : c.clips;
        clips = clips < 0 ? 0 : clips > c.clips ? c.clips : clips;
        Row<T> rate[4];
        for (int j = 0; j < 4; ++j) rate[j] = parameter(c.rates[j]);
        h = constant<T>(c.step_size);
        limit = constant<T>(c.reaction_limit);
        EACH {
            source.v[i] = h.v[i] * rate[0].v[i];
            base.v[i] = (T)1 + source.v[i];
            row_sum_v.v[i] = (T)1 + h.v[i] * (rate[0].v[i] + rate[1].v[i]);
            coupling_u.v[i] = h.v[i] * rate[2].v[i];
            coupling_v.v[i] = h.v[i] * rate[3].v[i];
        }
        gain = {(Row<T>*)scratch, plan.rows};
        ratio = {gain.end(), plan.rows};
        scale_v = ratio.end();
        free = scale_v + plan.window;
        factor_v();
        u_most = constant<T>(1.0);
        v_most = gain_most = least = constant<T>(0.0);
    }

    // v's matrix is the same in every step. Eliminated from the last clip down: 1 / pivot. A factor is taken for the limit when the
    // remainder repeats to the last bit, or a whole window away from the end, where it is the limit up to rounding.
    void factor_v() {
        Row<T> remainder = row_sum_v;
        settled = 0;
        for (int64_t t = clips - 1; t > 0; --t) {
            Row<T> scale, next;
            EACH {
                scale.v[i] = (T)1 / (remainder.v[i] + coupling_v.v[i]);
                next.v[i] = row_sum_v.v[i] + coupling_v.v[i] * scale.v[i] * remainder.v[i];
            }
            scale_v[settled] = scale;
            const bool repeats = !__builtin_memcmp(&next, &remainder, sizeof next);
            remainder = next;
            if (repeats || settled == plan.window - 1) break;
            if (t > 1) ++settled;
        }
        EACH scale_first.v[i] = (T)1 / remainder.v[i];
    }

    const Row<T>& scale(int64_t t) const {
        const int64_t from_last = clips - 1 - t;
        return t ? scale_v[from_last < settled ? from_last : settled] : scale_first;
    }

    // Tiles until the last clip is through `lags` truncated sweeps.
    int64_t tiles(int64_t lags) const { return clips ? (clips + lags * plan.lag - 1) / plan.window + 1 : 0; }

    // The first clip that tile `tile` (counted from 1; 0: before the first) leaves alone after `lags` truncated sweeps.
    int64_t reach(int64_t tile, int64_t lags) const {
        const int64_t end = tile * plan.window - lags * plan.lag;
        return end < 0 ? 0 : end < clips ? end : clips;
    }

    Row<T> parameter(const void* per_channel) const {
        return load((const T*)per_channel + sample * call.channels + channel, count);
    }

    void write_parameter(void* per_channel, const Row<T>& row) const {
        store((T*)per_channel + sample * call.channels + channel, row, count);
    }

    const T* at(const View& view, int64_t t) const {
        return (const T*)view.data + sample * view.batch_stride + t * view.clip_stride + channel;
    }

    // A row is a few lines far from the next one: no prefetcher of the processor follows that.
    template <int FOR_WRITING>
    static void ask_for(const T* row) {
        for (int64_t line = 0; line < (int64_t)sizeof(Row<T>); line += ALIGNMENT)
            __builtin_prefetch((const char*)row + line, FOR_WRITING);
    }

    Row<T> read(const View& view, int64_t t) const {
        ask_for<0>(at(view, t + AHEAD));
        return load(at(view, t), count);
    }

    void write(const View& view, int64_t t, const Row<T>& row) const {
        ask_for<1>(at(view, t + AHEAD));
        store((T*)at(view, t), row, count);
    }

    void write_padding(const View& view) const {
        const Row<T> zero = constant<T>(0.0);
        for (int64_t t = clips; t < call.clips; ++t) write(view, t, zero);
    }

    // Takes note of a clip that starts: see `may_overflow`.
    INLINE void note(const Row<T>& u, const Row<T>& v, const Row<T>& gain_) {
        EACH {
            u_most.v[i] = maximum(u_most.v[i], u.v[i]);
            v_most.v[i] = maximum(v_most.v[i], v.v[i]);
            gain_most.v[i] = maximum(gain_most.v[i], gain_.v[i]);
            least.v[i] = minimum(minimum(minimum(least.v[i], u.v[i]), v.v[i]), gain_.v[i]);
        }
    }

    // Whether s v or v may reach the limit in any step of the clips so far. Else the cut is left out, which changes no bit. By the
    // step's equations max u never exceeds max(1, max u0), and each step adds at most (1 + 2 h D_u) max u + h F to max v.
    bool may_overflow() const {
        bool safe = true;
        EACH {
            const auto bound = v_most.v[i] + (T)call.steps * (u_most.v[i] + source.v[i] + (T)2 * coupling_u.v[i] * u_most.v[i]);
            for (int l = 0; l < Simd<T>::width; ++l)
                safe = safe && least.v[i][l] >= 0 && bound[l] <= limit.v[i][l] && gain_most.v[i][l] * bound[l] <= limit.v[i][l];
        }
        return !safe;
    }

    // Up: finishes v (unless it is the given state), then eliminates u's system into `z`; leaves c in `ratio`.
    template <bool CUT, bool GIVEN>
    void sweep_up(const Ring<T>& u_, const Ring<T>& v_, const Ring<T>& z_, Carry<T>& carry, int64_t from, int64_t to) const {
        const Row<T> zero = constant<T>(0.0);
        Row<T> v_last = from ? carry.v : zero, z_last = from ? carry.z : zero, carried = from ? carry.pivot : zero;
        upwards<T, 5>({u_, v_, z_, gain, ratio}, from, to, [&](int64_t t, Row<T>* const* row) INLINE {
            const Row<T>&coupling = t == clips - 1 ? zero : coupling_u, &scale_v_ = scale(t);
            Row<T>&u = *row[0], &v = *row[1], &z = *row[2], &gain_ = *row[3], &c_ = *row[4];
            EACH {
                auto x = v.v[i];
                if (!GIVEN) x += coupling_v.v[i] * scale_v_.v[i] * v_last.v[i];
                auto gain_v = gain_.v[i] * x, cut = x;
                if (CUT) gain_v = minimum(gain_v, limit.v[i]), cut = minimum(x, limit.v[i]);
                // Two sums side by side: the way from one clip's `carried` to the next one's is as short as it can be.
                const auto row_sum = base.v[i] + h.v[i] * gain_v * cut, pivot = (row_sum + coupling.v[i]) + carried.v[i];
                const auto inverse = (T)1 / pivot, c = coupling.v[i] * inverse;
                carried.v[i] = c * (row_sum + carried.v[i]);
                z_last.v[i] = (u.v[i] + source.v[i] + coupling_u.v[i] * z_last.v[i]) * inverse;
                v_last.v[i] = x;
                c_.v[i] = c;
            }
            z = z_last;
            v = v_last;
        });
        carry.v = v_last, carry.z = z_last, carry.pivot = carried;
    }

    // Down: substitutes u (in place of `z`), then eliminates v's system of the next state into `v_next`; clips to .. end - 1 only
    // tell what comes from beyond `to`.
    template <bool CUT>
    void sweep_down(const Ring<T>& z_, const Ring<T>& v_, const Ring<T>& v_next, int64_t from, int64_t to, int64_t end) const {
        Row<T> u_last = constant<T>(0.0), v_last = u_last;
        const auto clip = [&](int64_t t, Row<T>* const* row) INLINE {
            const Row<T>&z = *row[0], &v = *row[1], &gain_ = *row[2], &c = *row[3], &scale_v_ = scale(t);
            EACH {
                const auto u = z.v[i] + c.v[i] * u_last.v[i];
                const auto x = v.v[i];
                auto gain_v = gain_.v[i] * x, cut = x;
                if (CUT) gain_v = minimum(gain_v, limit.v[i]), cut = minimum(x, limit.v[i]);
                const auto right = x + h.v[i] * gain_v * cut * u;
                v_last.v[i] = (right + coupling_v.v[i] * v_last.v[i]) * scale_v_.v[i];
                u_last.v[i] = u;
            }
        };
        if (from == to) return;
        downwards<T, 4>({z_, v_, gain, ratio}, to, end, clip);
        downwards<T, 5>({z_, v_, gain, ratio, v_next}, from, to, [&](int64_t t, Row<T>* const* row) INLINE {
            clip(t, row);
            *row[0] = u_last;
            *row[4] = v_last;
        });
    }

    // Up: the last substitution of v.
    void finish_v(const Ring<T>& v, Carry<T>& carry, int64_t from, int64_t to) const {
        Row<T> last = from ? carry.v : constant<T>(0.0);
        upwards<T, 1>({v}, from, to, [&](int64_t t, Row<T>* const* row) INLINE {
            EACH last.v[i] = row[0]->v[i] + coupling_v.v[i] * scale(t).v[i] * last.v[i];
            *row[0] = last;
        });
        carry.v = last;
    }

    // `steps` steps of one tile from the states (u[0], v[0]); state n goes to u[n * stride]. stride 0: in place. `carry`: as many as
    // `carries` says.
    template <bool CUT>
    void advance(const Ring<T>* u, const Ring<T>* v, int64_t steps, int64_t stride, int64_t tile, Carry<T>* carry) const {
        for (int64_t n = 0; n < steps; ++n, u += stride, v += stride, carry += plan.lag > 0) {
            const int64_t from = reach(tile - 1, n), to = reach(tile, n);
            if (n)
                sweep_up<CUT, false>(u[0], v[0], u[stride], *carry, from, to);
            else
                sweep_up<CUT, true>(u[0], v[0], u[stride], *carry, from, to);
            sweep_down<CUT>(u[stride], v[0], v[stride], reach(tile - 1, n + 1), reach(tile, n + 1), to);
        }
        if (steps) finish_v(v[0], *carry, reach(tile - 1, steps), reach(tile, steps));
    }
};

// By how many clips a sweep may be cut short so that what is left out is felt by less than rounding, for every channel of a sample;
// ../reaction_diffusion/README.md, "The CPU kernel". -1: there is no such number.
template <typename T>
int64_t felt(const Call& c, int64_t sample) {
    double widest = 0.0;
    for (int64_t j = 0; j < c.channels; ++j) {
        const auto rate = [&](int k) { return (double)((const T*)c.rates[k])[sample * c.channels + j]; };
        const double h = c.step_size, feed = 1.0 + h * rate(0);
        const double of_u = h * rate(2) / feed, of_v = h * rate(3) / (feed + h * rate(1));
        if (!(of_u >= 0.0 && of_v >= 0.0)) return -1;
        widest = of_u > widest ? of_u : widest;
        widest = of_v > widest ? of_v : widest;
    }
    if (!(widest < 1e12)) return -1;
    if (widest == 0.0) return 1;
    const double b = 0.5 / widest, falls = __builtin_log1p(b + __builtin_sqrt(b * b + 2.0 * b));  // -log r
    return 1 + (int64_t)(0.6931471805599453 * (sizeof(T) == 4 ? 26 : 55) / falls);
}

}  // namespace
}  // namespace rdmf
