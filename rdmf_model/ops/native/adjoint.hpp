// The adjoint of the sweeps of block.hpp; ../reaction_diffusion/README.md, "The adjoint".
#pragma once

#include "block.hpp"

namespace rdmf {
namespace {

// Cotangents of one block: x and y solve u's and v's adjoint systems.
template <typename T>
struct Adjoint {
    const Block<T>& block;
    Ring<T> x, y, gain_bar;
    Row<T> sum_F, sum_w, sum_u, sum_v;

    // Starts the first adjoint system: eliminates v's matrix downwards for the right side in `y`. Ranges as in `sweep_down`.
    void eliminate_v(int64_t from, int64_t to, int64_t end) {
        if (from == to) return;
        Row<T> last = constant<T>(0.0);
        const auto clip = [&](int64_t t, Row<T>* const* row) INLINE {
            EACH last.v[i] = (row[0]->v[i] + block.coupling_v.v[i] * last.v[i]) * block.scale(t).v[i];
        };
        downwards<T, 1>({y}, to, end, clip);
        downwards<T, 1>({y}, from, to, [&](int64_t t, Row<T>* const* row) INLINE {
            clip(t, row);
            *row[0] = last;
        });
    }

    // Up: substitutes y, eliminates u's adjoint system; v is the state before the step, v_next the one after.
    template <bool CUT>
    void sweep_up(const Ring<T>& v_, const Ring<T>& v_next, Carry<T>& carry, int64_t from, int64_t to) {
        const Row<T> zero = constant<T>(0.0);
        Row<T> y_last = from ? carry.v : zero, z_last = from ? carry.z : zero, carried = from ? carry.pivot : zero;
        Row<T> after_last = carry.v_next, sum_w_ = zero, sum_v_ = zero;
        upwards<T, 6>({x, y, v_, v_next, block.gain, block.ratio}, from, to, [&](int64_t t, Row<T>* const* row) INLINE {
            const Row<T>&coupling = t == block.clips - 1 ? zero : block.coupling_u, &scale_v = block.scale(t);
            const Row<T>&v = *row[2], &next = *row[3], &gain = *row[4];
            EACH {
                const auto lambda = row[1]->v[i] + block.coupling_v.v[i] * scale_v.v[i] * y_last.v[i];
                const auto after = next.v[i];
                sum_w_.v[i] += lambda * after;
                if (t) sum_v_.v[i] += (lambda - y_last.v[i]) * (after - after_last.v[i]);
                auto gain_v = gain.v[i] * v.v[i], cut = v.v[i];
                if (CUT) gain_v = minimum(gain_v, block.limit.v[i]), cut = minimum(cut, block.limit.v[i]);
                const auto reaction = block.h.v[i] * gain_v * cut;
                const auto row_sum = block.base.v[i] + reaction, pivot = (row_sum + coupling.v[i]) + carried.v[i];
                const auto inverse = (T)1 / pivot, c = coupling.v[i] * inverse;
                carried.v[i] = c * (row_sum + carried.v[i]);
                z_last.v[i] = (row[0]->v[i] + reaction * lambda + block.coupling_u.v[i] * z_last.v[i]) * inverse;
                y_last.v[i] = lambda;
                after_last.v[i] = after;
                row[5]->v[i] = c;
            }
            *row[0] = z_last;
            *row[1] = y_last;
        });
        carry.v = y_last, carry.z = z_last, carry.pivot = carried, carry.v_next = after_last;
        EACH sum_w.v[i] += sum_w_.v[i], sum_v.v[i] += sum_v_.v[i];
    }

    // Down: substitutes x, collects the reaction's cotangents, eliminates y's system of the step before, if there is one. Clips
    // to .. end - 1 only tell what comes from beyond `to`.
    template <bool CUT, bool FIRST>
    void sweep_down(const Ring<T>& v_, const Ring<T>& u_next, int64_t from, int64_t to, int64_t end) {
        if (from == to) return;
        const Row<T> zero = constant<T>(0.0);
        Row<T> x_last = zero, y_last = zero, u_last = zero, sum_F_ = zero, sum_u_ = zero, gain_part = zero;
        const auto clip = [&](int64_t t, Row<T>* const* row, bool keep) INLINE {
            const bool last = t == block.clips - 1;
            const Row<T>&x_ = *row[0], &y_ = *row[1], &v = *row[2], &next = *row[3], &gain = *row[4], &ratio = *row[5];
            const Row<T>& scale_v = block.scale(t);
            EACH {
                const auto lambda = x_.v[i] + ratio.v[i] * x_last.v[i];
                const auto u = next.v[i];
                if (keep) sum_F_.v[i] += lambda - lambda * u;
                if (keep && !last) sum_u_.v[i] += (lambda - x_last.v[i]) * (u - u_last.v[i]);
                const auto through = block.h.v[i] * u * (y_.v[i] - lambda);
                const auto gain_ = gain.v[i], before = v.v[i], limit = block.limit.v[i];
                auto gain_v = gain_ * before, by_gain = before, by_v = gain_v + gain_v;
                if (CUT) {
                    by_gain = gain_v <= limit ? minimum(before, limit) : zero.v[i];
                    by_v = before <= limit ? minimum(gain_v, limit) : zero.v[i];
                    by_v += gain_v <= limit ? gain_ * by_gain : zero.v[i];
                }
                if (keep) gain_part.v[i] = through * by_gain * before;
                auto v_bar = y_.v[i] + through * by_v;
                if (!FIRST) v_bar = (v_bar + block.coupling_v.v[i] * y_last.v[i]) * scale_v.v[i];
                x_last.v[i] = lambda;
                y_last.v[i] = v_bar;
                u_last.v[i] = u;
            }
        };
        const auto look = [&](int64_t t, Row<T>* const* row) INLINE { clip(t, row, false); };
        downwards<T, 6>({x, y, v_, u_next, block.gain, block.ratio}, to, end, look);
        downwards<T, 7>({x, y, v_, u_next, block.gain, block.ratio, gain_bar}, from, to, [&](int64_t t, Row<T>* const* row) INLINE {
            clip(t, row, true);
            EACH row[6]->v[i] += gain_part.v[i];
            *row[0] = x_last;
            *row[1] = y_last;
        });
        EACH sum_F.v[i] += sum_F_.v[i], sum_u.v[i] += sum_u_.v[i];
    }
};

}  // namespace
}  // namespace rdmf
