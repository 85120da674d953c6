// The adjoint of the sweeps of block.hpp; README.md, "The adjoint".
#pragma once

#include "block.hpp"

namespace rdmf {
namespace {

// Cotangents of one block: x and y solve u's and v's adjoint systems.
template <typename T>
struct Adjoint {
    const Block<T>& block;
    Row<T>*x, *y, *gain_bar;
    Row<T> sum_F, sum_w, sum_u, sum_v;

    // Starts the first adjoint system: eliminates v's matrix downwards for the right side in `y`. Ranges as in `sweep_down`.
    void eliminate_v(int64_t from, int64_t to, int64_t end) {
        if (from == to) return;
        Row<T> last = constant<T>(0.0);
        const auto clip = [&](int64_t t, int64_t at) INLINE {
            EACH last.v[i] = (y[at].v[i] + block.coupling_v.v[i] * last.v[i]) * block.scale(t).v[i];
        };
        downwards(block.plan.rows, to, end, clip);
        downwards(block.plan.rows, from, to, [&](int64_t t, int64_t at) INLINE {
            clip(t, at);
            y[at] = last;
        });
    }

    // Up: substitutes y, eliminates u's adjoint system; v is the state before the step, v_next the one after.
    template <bool CUT>
    void sweep_up(const Row<T>* v, const Row<T>* v_next, Carry<T>& carry, int64_t from, int64_t to) {
        const Row<T> zero = constant<T>(0.0);
        Row<T> y_last = from ? carry.v : zero, z_last = from ? carry.z : zero, carried = from ? carry.pivot : zero;
        Row<T> after_last = carry.v_next, sum_w_ = zero, sum_v_ = zero;
        upwards(block.plan.rows, from, to, [&](int64_t t, int64_t at) INLINE {
            const Row<T>&coupling = t == block.clips - 1 ? zero : block.coupling_u, &scale_v = block.scale(t);
            EACH {
                const auto lambda = y[at].v[i] + block.coupling_v.v[i] * scale_v.v[i] * y_last.v[i];
                const auto after = v_next[at].v[i];
                sum_w_.v[i] += lambda * after;
                if (t) sum_v_.v[i] += (lambda - y_last.v[i]) * (after - after_last.v[i]);
                auto gain_v = block.gain[at].v[i] * v[at].v[i], cut = v[at].v[i];
                if (CUT) gain_v = minimum(gain_v, block.limit.v[i]), cut = minimum(cut, block.limit.v[i]);
                const auto reaction = block.h.v[i] * gain_v * cut;
                const auto row_sum = block.base.v[i] + reaction, pivot = (row_sum + coupling.v[i]) + carried.v[i];
                const auto inverse = (T)1 / pivot, c = coupling.v[i] * inverse;
                carried.v[i] = c * (row_sum + carried.v[i]);
                z_last.v[i] = (x[at].v[i] + reaction * lambda + block.coupling_u.v[i] * z_last.v[i]) * inverse;
                y_last.v[i] = lambda;
                after_last.v[i] = after;
                block.ratio[at].v[i] = c;
            }
            x[at] = z_last;
            y[at] = y_last;
        });
        carry.v = y_last, carry.z = z_last, carry.pivot = carried, carry.v_next = after_last;
        EACH sum_w.v[i] += sum_w_.v[i], sum_v.v[i] += sum_v_.v[i];
    }

    // Down: substitutes x, collects the reaction's cotangents, eliminates y's system of the step before, if there is one. Clips
    // to .. end - 1 only tell what comes from beyond `to`.
    template <bool CUT, bool FIRST>
    void sweep_down(const Row<T>* v, const Row<T>* u_next, int64_t from, int64_t to, int64_t end) {
        if (from == to) return;
        const Row<T> zero = constant<T>(0.0);
        Row<T> x_last = zero, y_last = zero, u_last = zero, sum_F_ = zero, sum_u_ = zero, gain_part = zero;
        const auto clip = [&](int64_t t, int64_t at, bool keep) INLINE {
            const bool last = t == block.clips - 1;
            const Row<T>& scale_v = block.scale(t);
            EACH {
                const auto lambda = x[at].v[i] + block.ratio[at].v[i] * x_last.v[i];
                const auto u = u_next[at].v[i];
                if (keep) sum_F_.v[i] += lambda - lambda * u;
                if (keep && !last) sum_u_.v[i] += (lambda - x_last.v[i]) * (u - u_last.v[i]);
                const auto through = block.h.v[i] * u * (y[at].v[i] - lambda);
                const auto gain_ = block.gain[at].v[i], v_ = v[at].v[i], limit = block.limit.v[i];
                auto gain_v = gain_ * v_, by_gain = v_, by_v = gain_v + gain_v;
                if (CUT) {
                    by_gain = gain_v <= limit ? minimum(v_, limit) : zero.v[i];
                    by_v = v_ <= limit ? minimum(gain_v, limit) : zero.v[i];
                    by_v += gain_v <= limit ? gain_ * by_gain : zero.v[i];
                }
                if (keep) gain_part.v[i] = through * by_gain * v_;
                auto v_bar = y[at].v[i] + through * by_v;
                if (!FIRST) v_bar = (v_bar + block.coupling_v.v[i] * y_last.v[i]) * scale_v.v[i];
                x_last.v[i] = lambda;
                y_last.v[i] = v_bar;
                u_last.v[i] = u;
            }
        };
        downwards(block.plan.rows, to, end, [&](int64_t t, int64_t at) INLINE { clip(t, at, false); });
        downwards(block.plan.rows, from, to, [&](int64_t t, int64_t at) INLINE {
            clip(t, at, true);
            EACH gain_bar[at].v[i] += gain_part.v[i];
            x[at] = x_last;
            y[at] = y_last;
        });
        EACH sum_F.v[i] += sum_F_.v[i], sum_u.v[i] += sum_u_.v[i];
    }
};

}  // namespace
}  // namespace rdmf
