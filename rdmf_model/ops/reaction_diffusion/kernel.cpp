// N semi-implicit reaction-diffusion steps, and their adjoint, for one block of channels that stays in cache.
//
// Compiled once per instruction set (RDMF_VARIANT names it, RDMF_VECTOR_BYTES is its register width); dispatch.cpp picks one at run
// time. No header with inline functions may be included here: the linker could keep a copy that an older processor cannot run.
//
// Channels lie in the SIMD lanes, K registers side by side to hide the latency of the recurrences. u's matrix is eliminated upwards
// (in t), v's downwards, so that one sweep substitutes one system and eliminates the next: two sweeps per step, forward and adjoint.

#include "kernel.hpp"

#ifndef RDMF_REGISTERS
#define RDMF_REGISTERS 4
#endif

namespace rdmf {
namespace {

constexpr int K = RDMF_REGISTERS;

template <typename T>
struct Simd {
    typedef T V __attribute__((vector_size(RDMF_VECTOR_BYTES)));
    static constexpr int width = RDMF_VECTOR_BYTES / sizeof(T);
    static constexpr int lanes = K * width;
};

// The lanes of one clip.
template <typename T>
struct Row {
    typename Simd<T>::V v[K];
};

#define EACH for (int i = 0; i < K; ++i)

template <typename T>
inline Row<T> constant(double x) {
    Row<T> r;
    EACH r.v[i] = (typename Simd<T>::V){} + (T)x;
    return r;
}

// NaN passes through, as in torch.clamp: the comparison is false for it.
template <typename V>
inline V minimum(V x, V limit) {
    return limit < x ? limit : x;
}

template <typename T>
inline Row<T> load(const T* from, int64_t count) {
    Row<T> r;
    if (count == Simd<T>::lanes) {
        __builtin_memcpy(&r, from, sizeof r);
    } else {
        r = constant<T>(0.0);
        __builtin_memcpy(&r, from, count * sizeof(T));
    }
    return r;
}

template <typename T>
inline void store(T* to, const Row<T>& r, int64_t count) {
    if (count == Simd<T>::lanes)
        __builtin_memcpy(to, &r, sizeof r);
    else
        __builtin_memcpy(to, &r, count * sizeof(T));
}

// Everything about one block that stays fixed over its steps.
template <typename T>
struct Block {
    const Call& call;
    int64_t sample, channel, count, clips;  // `count` channels are real, `clips` are valid
    Row<T> h, limit, source, base, coupling_u, coupling_v, row_sum_v;
    Row<T>*gain, *scale_v, *ratio;
    Row<T>* free;  // the rest of the scratch memory

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
    }

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
            const Row<T>& coupling = t == clips - 1 ? zero : coupling_u;
            EACH {
                auto x = v[t].v[i];
                if (!GIVEN) x += coupling_v.v[i] * scale_v[t].v[i] * v_last.v[i];
                auto gain_v = gain[t].v[i] * x, cut = x;
                if (CUT) gain_v = minimum(gain_v, limit.v[i]), cut = minimum(x, limit.v[i]);
                const auto remainder = base.v[i] + h.v[i] * gain_v * cut + carried.v[i];
                const auto scale = (T)1 / (remainder + coupling.v[i]);
                const auto c = coupling.v[i] * scale;
                carried.v[i] = c * remainder;
                z_last.v[i] = (u[t].v[i] + source.v[i] + coupling_u.v[i] * z_last.v[i]) * scale;
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
            EACH {
                const auto u = z[t].v[i] + ratio[t].v[i] * u_last.v[i];
                const auto x = v[t].v[i];
                auto gain_v = gain[t].v[i] * x, cut = x;
                if (CUT) gain_v = minimum(gain_v, limit.v[i]), cut = minimum(x, limit.v[i]);
                const auto right = x + h.v[i] * gain_v * cut * u;
                v_last.v[i] = (right + coupling_v.v[i] * v_last.v[i]) * scale_v[t].v[i];
                u_last.v[i] = u;
            }
            z[t] = u_last;
            v_next[t] = v_last;
        }
    }

    void finish_v(Row<T>* v) const {
        for (int64_t t = 1; t < clips; ++t) EACH v[t].v[i] += coupling_v.v[i] * scale_v[t].v[i] * v[t - 1].v[i];
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

template <typename T>
void forward(const Call& call, int64_t sample, int64_t channel, void* scratch) {
    const Block<T> block(call, sample, channel, scratch);
    Row<T>*u = block.free, *v = u + block.clips;
    block.read(call.gain, block.gain);
    block.read(call.u0, u);
    block.read(call.v0, v);
    if (block.may_overflow(u, v))
        block.template advance<true>(u, v, call.steps, 0);
    else
        block.template advance<false>(u, v, call.steps, 0);
    block.write(call.u, u);
    block.write(call.v, v);
}

// Cotangents of one block; README.md, "The adjoint". x and y solve u's and v's adjoint systems.
template <typename T>
struct Adjoint {
    const Block<T>& block;
    Row<T>*x, *y, *gain_bar;
    Row<T> sum_F, sum_w, sum_u, sum_v;

    // Starts the first adjoint system: eliminates v's matrix downwards for the right side in `y`.
    void eliminate_v() {
        Row<T> last = constant<T>(0.0);
        for (int64_t t = block.clips - 1; t >= 0; --t) {
            EACH last.v[i] = (y[t].v[i] + block.coupling_v.v[i] * last.v[i]) * block.scale_v[t].v[i];
            y[t] = last;
        }
    }

    // Up: substitutes y, eliminates u's adjoint system; v is the state before the step, v_next the one after.
    template <bool CUT>
    void sweep_up(const Row<T>* v, const Row<T>* v_next) {
        const Row<T> zero = constant<T>(0.0);
        Row<T> y_last = zero, z_last = zero, carried = zero, sum_w_ = zero, sum_v_ = zero;
        for (int64_t t = 0; t < block.clips; ++t) {
            const Row<T>& coupling = t == block.clips - 1 ? zero : block.coupling_u;
            EACH {
                const auto lambda = y[t].v[i] + block.coupling_v.v[i] * block.scale_v[t].v[i] * y_last.v[i];
                const auto after = v_next[t].v[i];
                sum_w_.v[i] += lambda * after;
                if (t) sum_v_.v[i] += (lambda - y_last.v[i]) * (after - v_next[t - 1].v[i]);
                auto gain_v = block.gain[t].v[i] * v[t].v[i], cut = v[t].v[i];
                if (CUT) gain_v = minimum(gain_v, block.limit.v[i]), cut = minimum(cut, block.limit.v[i]);
                const auto reaction = block.h.v[i] * gain_v * cut;
                const auto remainder = block.base.v[i] + reaction + carried.v[i];
                const auto scale = (T)1 / (remainder + coupling.v[i]);
                const auto c = coupling.v[i] * scale;
                carried.v[i] = c * remainder;
                z_last.v[i] = (x[t].v[i] + reaction * lambda + block.coupling_u.v[i] * z_last.v[i]) * scale;
                y_last.v[i] = lambda;
                block.ratio[t].v[i] = c;
            }
            x[t] = z_last;
            y[t] = y_last;
        }
        EACH sum_w.v[i] += sum_w_.v[i], sum_v.v[i] += sum_v_.v[i];
    }

    // Down: substitutes x, collects the reaction's cotangents, eliminates y's system of the step before (unless this is the first step).
    template <bool CUT, bool FIRST>
    void sweep_down(const Row<T>* v, const Row<T>* u_next) {
        const Row<T> zero = constant<T>(0.0);
        Row<T> x_last = zero, y_last = zero, u_last = zero, sum_F_ = zero, sum_u_ = zero;
        for (int64_t t = block.clips - 1; t >= 0; --t) {
            const bool end = t == block.clips - 1;
            EACH {
                const auto lambda = x[t].v[i] + block.ratio[t].v[i] * x_last.v[i];
                const auto u = u_next[t].v[i];
                sum_F_.v[i] += lambda - lambda * u;
                if (!end) sum_u_.v[i] += (lambda - x_last.v[i]) * (u - u_last.v[i]);
                const auto through = block.h.v[i] * u * (y[t].v[i] - lambda);
                const auto gain_ = block.gain[t].v[i], v_ = v[t].v[i], limit = block.limit.v[i];
                auto gain_v = gain_ * v_, by_gain = v_, by_v = gain_v + gain_v;
                if (CUT) {
                    by_gain = gain_v <= limit ? minimum(v_, limit) : zero.v[i];
                    by_v = v_ <= limit ? minimum(gain_v, limit) : zero.v[i];
                    by_v += gain_v <= limit ? gain_ * by_gain : zero.v[i];
                }
                gain_bar[t].v[i] += through * by_gain * v_;
                auto v_bar = y[t].v[i] + through * by_v;
                if (!FIRST) v_bar = (v_bar + block.coupling_v.v[i] * y_last.v[i]) * block.scale_v[t].v[i];
                x_last.v[i] = lambda;
                y_last.v[i] = v_bar;
                u_last.v[i] = u;
            }
            x[t] = x_last;
            y[t] = y_last;
        }
        EACH sum_F.v[i] += sum_F_.v[i], sum_u.v[i] += sum_u_.v[i];
    }
};

// Steps per segment: all of them if their states fit into this much cache, else about sqrt(steps).
constexpr int64_t TRAJECTORY_BYTES = 1 << 20;

template <typename T>
int64_t segment_length(int64_t clips, int64_t steps) {
    const int64_t state = 2 * clips * (int64_t)sizeof(Row<T>);
    if ((steps + 1) * state <= TRAJECTORY_BYTES) return steps ? steps : 1;
    int64_t length = 1;
    while (length * length < steps) ++length;
    return length;
}

template <typename T, bool CUT>
void steps_back(const Block<T>& block, Adjoint<T>& adjoint, Row<T>* states) {
    const int64_t clips = block.clips, steps = block.call.steps;
    const int64_t length = segment_length<T>(block.call.clips, steps);
    const int64_t segments = (steps + length - 1) / length;
    // Layout: the states that start the segments but the last, then the states of one segment (u's, then v's).
    Row<T>* starts = states;
    Row<T>*u = starts + 2 * clips * (segments - 1), *v = u + clips * (length + 1);
    block.read(block.call.u0, u);
    block.read(block.call.v0, v);
    for (int64_t s = 0; s + 1 < segments; ++s) {
        for (int64_t t = 0; t < clips; ++t) starts[2 * s * clips + t] = u[t], starts[(2 * s + 1) * clips + t] = v[t];
        block.template advance<CUT>(u, v, length, 0);
    }
    for (int64_t s = segments - 1; s >= 0; --s) {
        const int64_t here = s + 1 < segments ? length : steps - s * length;
        if (s + 1 < segments)
            for (int64_t t = 0; t < clips; ++t) u[t] = starts[2 * s * clips + t], v[t] = starts[(2 * s + 1) * clips + t];
        block.template advance<CUT>(u, v, here, clips);
        for (int64_t n = here - 1; n >= 0; --n) {
            adjoint.template sweep_up<CUT>(v + n * clips, v + (n + 1) * clips);
            if (n || s)
                adjoint.template sweep_down<CUT, false>(v + n * clips, u + (n + 1) * clips);
            else
                adjoint.template sweep_down<CUT, true>(v + n * clips, u + (n + 1) * clips);
        }
    }
}

template <typename T>
void backward(const Call& call, int64_t sample, int64_t channel, void* scratch) {
    const Block<T> block(call, sample, channel, scratch);
    const Row<T> zero = constant<T>(0.0);
    const int64_t clips = block.clips;
    Row<T>* states = block.free + 3 * clips;
    Adjoint<T> adjoint{block, block.free, block.free + clips, block.free + 2 * clips, zero, zero, zero, zero};
    block.read(call.gain, block.gain);
    for (int64_t t = 0; t < clips; ++t) adjoint.gain_bar[t] = zero;
    block.read(call.u0, states);
    block.read(call.v0, states + clips);
    const bool cut = block.may_overflow(states, states + clips);
    block.read(call.u, adjoint.x);
    block.read(call.v, adjoint.y);
    if (call.steps) {
        adjoint.eliminate_v();
        if (cut)
            steps_back<T, true>(block, adjoint, states);
        else
            steps_back<T, false>(block, adjoint, states);
    }
    block.write(call.u0_bar, adjoint.x);
    block.write(call.v0_bar, adjoint.y);
    block.write(call.gain_bar, adjoint.gain_bar);
    Row<T> out[4];
    EACH {
        const auto h = block.h.v[i], turnover = h * adjoint.sum_w.v[i];
        out[0].v[i] = h * adjoint.sum_F.v[i] - turnover;
        out[1].v[i] = -turnover;
        out[2].v[i] = -h * adjoint.sum_u.v[i];
        out[3].v[i] = -h * adjoint.sum_v.v[i];
    }
    for (int j = 0; j < 4; ++j)
        store((T*)call.rate_gradients[j] + sample * call.channels + channel, out[j], block.count);
}

template <typename T>
int64_t bytes(const Call& call, bool backward) {
    int64_t rows = 5 * call.clips;  // gain, scale_v, ratio and one state
    if (backward) {
        const int64_t length = segment_length<T>(call.clips, call.steps);
        const int64_t segments = (call.steps + length - 1) / length;
        rows = 6 * call.clips + 2 * call.clips * ((segments > 0 ? segments - 1 : 0) + length + 1);
    }
    return rows * (int64_t)sizeof(Row<T>);
}

int64_t scratch_bytes(const Call& call, bool f64, bool backward) {
    return f64 ? bytes<double>(call, backward) : bytes<float>(call, backward);
}

}  // namespace

extern const Variant RDMF_VARIANT;
const Variant RDMF_VARIANT = {Simd<float>::lanes, Simd<double>::lanes, scratch_bytes,    forward<float>,
                              forward<double>,    backward<float>,     backward<double>};

}  // namespace rdmf
