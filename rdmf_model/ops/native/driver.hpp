// What a fusion layer does around the steps, clip by clip: the state and the gain that a tilt makes, and what is read from the last
// state; steps.hpp, `Drive`. And the same backwards.
#pragma once

#include "block.hpp"

namespace rdmf {
namespace {

template <typename T>
struct Driver {
    typedef typename Simd<T>::V V;
    Row<T> drive[DRIVES], per_u, per_v;
    bool reads;  // there is a readout

    explicit Driver(const Block<T>& block) : reads(block.call.drive[WEIGHT_V]) {
        for (int j = 0; j < (reads ? DRIVES : WEIGHT_V); ++j) drive[j] = block.parameter(block.call.drive[j]);
        EACH per_u.v[i] = (T)1 / drive[U_STAR].v[i], per_v.v[i] = (T)1 / drive[V_STAR].v[i];
    }

    INLINE void start(const Row<T>& tilts, Row<T>& u, Row<T>& v, Row<T>& gain) const {
        EACH {
            const V tilt = tilts.v[i], zero = (V){};
            // NaN counts as 0 here, and shows in v
            const V up = minimum(tilt > zero ? tilt : zero, zero + (T)1), down = minimum(tilt < zero ? -tilt : zero, zero + (T)1);
            gain.v[i] = drive[S].v[i] * exponential<T>(up * drive[LOG_HI].v[i] + down * drive[LOG_LO].v[i]);
            u.v[i] = drive[U_STAR].v[i];
            v.v[i] = drive[V_STAR].v[i] + drive[V_STAR].v[i] * drive[SHARE].v[i] * tilt;
        }
    }

    // In place: u / u* - 1 and p(v / v* - 1).
    INLINE void finish(Row<T>& u, Row<T>& v) const {
        EACH {
            const V x = v.v[i] * per_v.v[i] - (T)1, size = x < 0 ? -x : x;
            u.v[i] = u.v[i] * per_u.v[i] - (T)1;
            v.v[i] = x / ((T)1 + (T)0.5 * size);
        }
    }

    // The readout of what `finish` made, added to `sum`.
    INLINE void read(const Row<T>& u, const Row<T>& v, Row<T>& sum) const {
        EACH sum.v[i] += drive[WEIGHT_V].v[i] * v.v[i] + drive[WEIGHT_U].v[i] * u.v[i];
    }

    // This block's part of the pattern: halves are added until one lane is left; lanes without a channel hold anything.
    INLINE T pattern(const Row<T>& v, int64_t count) const {
        constexpr int lanes = Simd<T>::lanes;
        T parts[lanes];
        Row<T> product;
        EACH product.v[i] = drive[WEIGHT_PATTERN].v[i] * v.v[i];
        __builtin_memcpy(parts, &product, sizeof parts);
        for (int64_t l = count; l < lanes; ++l) parts[l] = 0;
        for (int half = lanes / 2; half; half /= 2)
            for (int l = 0; l < half; ++l) parts[l] += parts[l + half];
        return parts[0];
    }

    // Cotangents of the readout, x being that of its result: of what `finish` made, in x and y, and of the weights.
    INLINE void read_back(const Row<T>& u, const Row<T>& v, T pattern_bar, Row<T>& x, Row<T>& y, Row<T>* bar) const {
        Row<T> substrate = u, activator = v;
        finish(substrate, activator);
        EACH {
            const V from = x.v[i];
            bar[WEIGHT_V].v[i] += from * activator.v[i];
            bar[WEIGHT_U].v[i] += from * substrate.v[i];
            bar[WEIGHT_PATTERN].v[i] += pattern_bar * activator.v[i];
            y.v[i] = from * drive[WEIGHT_V].v[i] + pattern_bar * drive[WEIGHT_PATTERN].v[i];
            x.v[i] = from * drive[WEIGHT_U].v[i];
        }
    }

    // Cotangents of `finish`, in place, and their share of u* and v*; (u, v) is the last state.
    INLINE void finish_back(const Row<T>& u, const Row<T>& v, Row<T>& x, Row<T>& y, Row<T>* bar) const {
        EACH {
            const V change = v.v[i] * per_v.v[i] - (T)1, size = change < 0 ? -change : change;
            const V slope = (T)1 / ((T)1 + (T)0.5 * size);
            x.v[i] = x.v[i] * per_u.v[i];
            y.v[i] = y.v[i] * slope * slope * per_v.v[i];
            bar[U_STAR].v[i] -= x.v[i] * u.v[i] * per_u.v[i];
            bar[V_STAR].v[i] -= y.v[i] * v.v[i] * per_v.v[i];
        }
    }

    // Cotangents of `start`: of the tilt (in place of y) and of the drive; that of s lacks the division by s.
    INLINE void start_back(const Row<T>& tilts, const Row<T>& x, Row<T>& y, const Row<T>& gain, const Row<T>& gain_bar,
                           Row<T>* bar) const {
        EACH {
            const V tilt = tilts.v[i], zero = (V){}, one = zero + (T)1;
            const V up = minimum(tilt > zero ? tilt : zero, one), down = minimum(tilt < zero ? -tilt : zero, one);
            const V from_gain = gain_bar.v[i] * gain.v[i];
            const V slope = tilt >= zero ? drive[LOG_HI].v[i] : (tilt < zero ? -drive[LOG_LO].v[i] : zero);
            const V inside = (tilt < zero ? -tilt : tilt) <= one ? slope : zero;
            const V from_v = y.v[i];
            bar[U_STAR].v[i] += x.v[i];
            bar[V_STAR].v[i] += from_v + from_v * drive[SHARE].v[i] * tilt;
            bar[S].v[i] += from_gain;
            bar[LOG_HI].v[i] += from_gain * up;
            bar[LOG_LO].v[i] += from_gain * down;
            bar[SHARE].v[i] += from_v * drive[V_STAR].v[i] * tilt;
            y.v[i] = from_v * drive[V_STAR].v[i] * drive[SHARE].v[i] + from_gain * inside;
        }
    }
};

}  // namespace
}  // namespace rdmf
