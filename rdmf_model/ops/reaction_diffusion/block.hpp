// One block of channels with all its clips: the two sweeps of a step. README.md derives them.
//
// u's matrix is eliminated upwards (in t), v's downwards, so that each sweep substitutes one system and eliminates the next.
#pragma once

#include "lanes.hpp"

namespace rdmf {
namespace {

// Everything about one block that stays fixed over its steps.
template <typename T>
struct Block {
    const Call& call;
    int64_t sample, channel, count, clips;  // `count` channels are real, `clips` are valid
    Row<T> h, limit, source, base, coupling_u, coupling_v, row_sum_v;
    Row<T>*gain, *scale_v, *ratio;
    Row<T>* free;     // the rest of the scratch memory
    int64_t settled;  // the factors of clips 1 .. settled are equal to the last bit

    Block(const Call& c, int64_t b, int64_t first, void* scratch) : call(c), sample(b), channel(first) {
        const int64_t left = c.channels - first;
        count = left < Simd<T>::lanes ? left : Simd<T>::lanes;
        clips = c.lengths ? c.lengths[b] : c.clips;
        clips = clips < 0 ? 0 : clips > c.clips ? c.clips : clips;
        Row<T> rate[4];
        for (int j = 0; j < 4; ++j) rate[j] = load((const T*)c.rates[j] + b * c.channels + first, count);
        h = constant<T>(c.step_size);
        limit = constant<T>(c.reaction_limit);
        EACH {
            source.v[i] = h.v[i] * rate[0].v[i];
            base.v[i] = (T)1 + source.v[i];
            row_sum_v.v[i] = (T)1 + h.v[i] * (rate[0].v[i] + rate[1].v[i]);
            coupling_u.v[i] = h.v[i] * rate[2].v[i];
            coupling_v.v[i] = h.v[i] * rate[3].v[i];
        }
        gain = (Row<T>*)scratch;
        scale_v = gain + clips;
        ratio = scale_v + clips;
        free = ratio + clips;
        factor_v();
    }

    // v's matrix is the same in every step. Eliminated from the last clip down: 1 / pivot.
    void factor_v() {
        Row<T> remainder = row_sum_v;
        for (int64_t t = clips - 1; t >= 0; --t) {
            Row<T> scale;
            EACH {
                scale.v[i] = (T)1 / (t ? remainder.v[i] + coupling_v.v[i] : remainder.v[i]);
                remainder.v[i] = row_sum_v.v[i] + coupling_v.v[i] * scale.v[i] * remainder.v[i];
            }
            scale_v[t] = scale;
        }
        settled = clips > 1 ? clips - 1 : 0;
        while (settled > 1 && __builtin_memcmp(scale_v + settled, scale_v + settled - 1, sizeof(Row<T>))) --settled;
    }

    // Reading the same row for all settled clips keeps it in the nearest cache.
    const Row<T>& scale(int64_t t) const { return scale_v[t && t < settled ? settled : t]; }

    const T* at(const View& view, int64_t t) const {
        return (const T*)view.data + sample * view.batch_stride + t * view.clip_stride + channel;
    }

    void read(const View& view, Row<T>* to) const {
        for (int64_t t = 0; t < clips; ++t) to[t] = load(at(view, t), count);
    }

    void write(const View& view, const Row<T>* from) const {
        const Row<T> zero = constant<T>(0.0);
        for (int64_t t = 0; t < clips; ++t) store((T*)at(view, t), from[t], count);
        for (int64_t t = clips; t < call.clips; ++t) store((T*)at(view, t), zero, count);
    }

    // Whether s v or v may reach the limit in any step. Else the cut is left out, which changes no bit. By the step's equations
    // max u never exceeds max(1, max u0), and each step adds at most (1 + 2 h D_u) max u + h F to max v.
    bool may_overflow(const Row<T>* u, const Row<T>* v) const {
        typedef typename Simd<T>::V V;
        bool safe = true;
        EACH {
            V u_max = (V){} + (T)1, v_max = (V){}, g_max = (V){}, low = (V){};
            for (int64_t t = 0; t < clips; ++t) {
                u_max = u[t].v[i] > u_max ? u[t].v[i] : u_max;
                v_max = v[t].v[i] > v_max ? v[t].v[i] : v_max;
                g_max = gain[t].v[i] > g_max ? gain[t].v[i] : g_max;
                low = minimum(minimum(minimum(low, u[t].v[i]), v[t].v[i]), gain[t].v[i]);
            }
            const V bound = v_max + (T)call.steps * (u_max + source.v[i] + (T)2 * coupling_u.v[i] * u_max);
            for (int l = 0; l < Simd<T>::width; ++l)
                safe = safe && low[l] >= 0 && bound[l] <= limit.v[i][l] && g_max[l] * bound[l] <= limit.v[i][l];
        }
        return !safe;
    }

    // Up: finishes v (unless it is the given state), then eliminates u's system into `z`; leaves c in `ratio`.
    template <bool CUT, bool GIVEN>
    void sweep_up(const Row<T>* u, Row<T>* v, Row<T>* z) const {
        const Row<T> zero = constant<T>(0.0);
        Row<T> v_last = zero, z_last = zero, carried = zero;
        for (int64_t t = 0; t < clips; ++t) {
            const Row<T>&coupling = t == clips - 1 ? zero : coupling_u, &scale_v_ = scale(t);
            EACH {
                auto x = v[t].v[i];
                if (!GIVEN) x += coupling_v.v[i] * scale_v_.v[i] * v_last.v[i];
                auto gain_v = gain[t].v[i] * x, cut = x;
                if (CUT) gain_v = minimum(gain_v, limit.v[i]), cut = minimum(x, limit.v[i]);
                // Two sums side by side: the way from one clip's `carried` to the next one's is as short as it can be.
                const auto row_sum = base.v[i] + h.v[i] * gain_v * cut, pivot = (row_sum + coupling.v[i]) + carried.v[i];
                const auto inverse = (T)1 / pivot, c = coupling.v[i] * inverse;
                carried.v[i] = c * (row_sum + carried.v[i]);
                z_last.v[i] = (u[t].v[i] + source.v[i] + coupling_u.v[i] * z_last.v[i]) * inverse;
                v_last.v[i] = x;
                ratio[t].v[i] = c;
            }
            z[t] = z_last;
            v[t] = v_last;
        }
    }

    // Down: substitutes u (in place of `z`), then eliminates v's system of the next state into `v_next`.
    template <bool CUT>
    void sweep_down(Row<T>* z, const Row<T>* v, Row<T>* v_next) const {
        Row<T> u_last = constant<T>(0.0), v_last = u_last;
        for (int64_t t = clips - 1; t >= 0; --t) {
            const Row<T>& scale_v_ = scale(t);
            EACH {
                const auto u = z[t].v[i] + ratio[t].v[i] * u_last.v[i];
                const auto x = v[t].v[i];
                auto gain_v = gain[t].v[i] * x, cut = x;
                if (CUT) gain_v = minimum(gain_v, limit.v[i]), cut = minimum(x, limit.v[i]);
                const auto right = x + h.v[i] * gain_v * cut * u;
                v_last.v[i] = (right + coupling_v.v[i] * v_last.v[i]) * scale_v_.v[i];
                u_last.v[i] = u;
            }
            z[t] = u_last;
            v_next[t] = v_last;
        }
    }

    void finish_v(Row<T>* v) const {
        for (int64_t t = 1; t < clips; ++t) EACH v[t].v[i] += coupling_v.v[i] * scale(t).v[i] * v[t - 1].v[i];
    }

    // `steps` steps from the state (u[0], v[0]); state n goes to u + n * stride. stride 0: in place.
    template <bool CUT>
    void advance(Row<T>* u, Row<T>* v, int64_t steps, int64_t stride) const {
        for (int64_t n = 0; n < steps; ++n, u += stride, v += stride) {
            if (n)
                sweep_up<CUT, false>(u, v, u + stride);
            else
                sweep_up<CUT, true>(u, v, u + stride);
            sweep_down<CUT>(u + stride, v, v + stride);
        }
        if (steps) finish_v(v);
    }
};

}  // namespace
}  // namespace rdmf
