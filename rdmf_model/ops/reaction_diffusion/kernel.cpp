// N semi-implicit reaction-diffusion steps, and their adjoint, for one block of channels that stays in cache.
//
// Compiled once per instruction set (RDMF_VARIANT names it, RDMF_VECTOR_BYTES is its register width); dispatch.cpp picks one at
// run time. No header with inline functions may be included here: the linker could keep a copy of one that an older processor
// cannot run.

#include "block.hpp"

namespace rdmf {
namespace {

// The state that a tilt starts and the gain that it sets (kernel.hpp, `Drive`).
template <typename T>
struct Driver {
    Row<T> drive[DRIVES];

    explicit Driver(const Block<T>& block) {
        for (int j = 0; j < DRIVES; ++j)
            drive[j] = load((const T*)block.call.drive[j] + block.sample * block.call.channels + block.channel, block.count);
    }

    // Reads the tilt into `v`.
    void start(const Block<T>& block, Row<T>* u, Row<T>* v) const {
        typedef typename Simd<T>::V V;
        block.read(block.call.tilt, v);
        for (int64_t t = 0; t < block.clips; ++t) EACH {
                const V tilt = v[t].v[i], zero = (V){};
                // NaN counts as 0 here, and shows in v
                const V up = minimum(tilt > zero ? tilt : zero, zero + (T)1), down = minimum(tilt < zero ? -tilt : zero, zero + (T)1);
                block.gain[t].v[i] = drive[S].v[i] * exponential<T>(up * drive[LOG_HI].v[i] + down * drive[LOG_LO].v[i]);
                u[t].v[i] = drive[U_STAR].v[i];
                v[t].v[i] = drive[V_STAR].v[i] + drive[V_STAR].v[i] * drive[SHARE].v[i] * tilt;
            }
    }

    // In place: u / u* - 1 and p(v / v* - 1).
    void finish(const Block<T>& block, Row<T>* u, Row<T>* v) const {
        typedef typename Simd<T>::V V;
        Row<T> per_u, per_v;
        EACH per_u.v[i] = (T)1 / drive[U_STAR].v[i], per_v.v[i] = (T)1 / drive[V_STAR].v[i];
        for (int64_t t = 0; t < block.clips; ++t) EACH {
                const V x = v[t].v[i] * per_v.v[i] - (T)1, size = x < 0 ? -x : x;
                u[t].v[i] = u[t].v[i] * per_u.v[i] - (T)1;
                v[t].v[i] = x / ((T)1 + (T)0.5 * size);
            }
    }

    // Cotangents of `finish`, in place, and their share of u* and v*; (u, v) is the last state.
    void finish_back(const Block<T>& block, const Row<T>* u, const Row<T>* v, Row<T>* x, Row<T>* y, Row<T>* bar) const {
        typedef typename Simd<T>::V V;
        Row<T> per_u, per_v;
        EACH per_u.v[i] = (T)1 / drive[U_STAR].v[i], per_v.v[i] = (T)1 / drive[V_STAR].v[i];
        for (int64_t t = 0; t < block.clips; ++t) EACH {
                const V change = v[t].v[i] * per_v.v[i] - (T)1, size = change < 0 ? -change : change;
                const V slope = (T)1 / ((T)1 + (T)0.5 * size);
                x[t].v[i] = x[t].v[i] * per_u.v[i];
                y[t].v[i] = y[t].v[i] * slope * slope * per_v.v[i];
                bar[U_STAR].v[i] -= x[t].v[i] * u[t].v[i] * per_u.v[i];
                bar[V_STAR].v[i] -= y[t].v[i] * v[t].v[i] * per_v.v[i];
            }
    }

    // Cotangents of `start`: of the tilt (in place of y) and of the drive.
    template <typename Adjoint_>
    void start_back(const Block<T>& block, Adjoint_& adjoint, Row<T>* bar) const {
        typedef typename Simd<T>::V V;
        const auto* call = &block.call;
        for (int64_t t = 0; t < block.clips; ++t) {
            const Row<T> tilts = load(block.at(call->tilt, t), block.count);
            EACH {
                const V tilt = tilts.v[i], zero = (V){}, one = zero + (T)1;
                const V up = minimum(tilt > zero ? tilt : zero, one), down = minimum(tilt < zero ? -tilt : zero, one);
                const V from_gain = adjoint.gain_bar[t].v[i] * block.gain[t].v[i];
                const V slope = tilt >= zero ? drive[LOG_HI].v[i] : (tilt < zero ? -drive[LOG_LO].v[i] : zero);
                const V inside = (tilt < zero ? -tilt : tilt) <= one ? slope : zero;
                const V from_v = adjoint.y[t].v[i];
                bar[U_STAR].v[i] += adjoint.x[t].v[i];
                bar[V_STAR].v[i] += from_v + from_v * drive[SHARE].v[i] * tilt;
                bar[S].v[i] += from_gain;
                bar[LOG_HI].v[i] += from_gain * up;
                bar[LOG_LO].v[i] += from_gain * down;
                bar[SHARE].v[i] += from_v * drive[V_STAR].v[i] * tilt;
                adjoint.y[t].v[i] = from_v * drive[V_STAR].v[i] * drive[SHARE].v[i] + from_gain * inside;
            }
        }
        EACH bar[S].v[i] /= drive[S].v[i];
    }
};

template <typename T>
void start(const Block<T>& block, Row<T>* u, Row<T>* v) {
    if (block.call.drive[0]) {
        Driver<T>(block).start(block, u, v);
    } else {
        block.read(block.call.gain, block.gain);
        block.read(block.call.u0, u);
        block.read(block.call.v0, v);
    }
}

template <typename T>
void forward(const Call& call, int64_t sample, int64_t channel, void* scratch) {
    const Block<T> block(call, sample, channel, scratch);
    Row<T>*u = block.free, *v = u + block.clips;
    start(block, u, v);
    if (block.may_overflow(u, v))
        block.template advance<true>(u, v, call.steps, 0);
    else
        block.template advance<false>(u, v, call.steps, 0);
    if (call.drive[0]) Driver<T>(block).finish(block, u, v);
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
            EACH last.v[i] = (y[t].v[i] + block.coupling_v.v[i] * last.v[i]) * block.scale(t).v[i];
            y[t] = last;
        }
    }

    // Up: substitutes y, eliminates u's adjoint system; v is the state before the step, v_next the one after.
    template <bool CUT>
    void sweep_up(const Row<T>* v, const Row<T>* v_next) {
        const Row<T> zero = constant<T>(0.0);
        Row<T> y_last = zero, z_last = zero, carried = zero, sum_w_ = zero, sum_v_ = zero;
        for (int64_t t = 0; t < block.clips; ++t) {
            const Row<T>&coupling = t == block.clips - 1 ? zero : block.coupling_u, &scale_v = block.scale(t);
            EACH {
                const auto lambda = y[t].v[i] + block.coupling_v.v[i] * scale_v.v[i] * y_last.v[i];
                const auto after = v_next[t].v[i];
                sum_w_.v[i] += lambda * after;
                if (t) sum_v_.v[i] += (lambda - y_last.v[i]) * (after - v_next[t - 1].v[i]);
                auto gain_v = block.gain[t].v[i] * v[t].v[i], cut = v[t].v[i];
                if (CUT) gain_v = minimum(gain_v, block.limit.v[i]), cut = minimum(cut, block.limit.v[i]);
                const auto reaction = block.h.v[i] * gain_v * cut;
                const auto row_sum = block.base.v[i] + reaction, pivot = (row_sum + coupling.v[i]) + carried.v[i];
                const auto inverse = (T)1 / pivot, c = coupling.v[i] * inverse;
                carried.v[i] = c * (row_sum + carried.v[i]);
                z_last.v[i] = (x[t].v[i] + reaction * lambda + block.coupling_u.v[i] * z_last.v[i]) * inverse;
                y_last.v[i] = lambda;
                block.ratio[t].v[i] = c;
            }
            x[t] = z_last;
            y[t] = y_last;
        }
        EACH sum_w.v[i] += sum_w_.v[i], sum_v.v[i] += sum_v_.v[i];
    }

    // Down: substitutes x, collects the reaction's cotangents, eliminates y's system of the step before, if there is one.
    template <bool CUT, bool FIRST>
    void sweep_down(const Row<T>* v, const Row<T>* u_next) {
        const Row<T> zero = constant<T>(0.0);
        Row<T> x_last = zero, y_last = zero, u_last = zero, sum_F_ = zero, sum_u_ = zero;
        for (int64_t t = block.clips - 1; t >= 0; --t) {
            const bool end = t == block.clips - 1;
            const Row<T>& scale_v = block.scale(t);
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
                if (!FIRST) v_bar = (v_bar + block.coupling_v.v[i] * y_last.v[i]) * scale_v.v[i];
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

// `states` holds the given state; `begin(u, v)` sets the adjoint's x and y to the cotangents of the last one.
template <typename T, bool CUT, typename Begin>
void steps_back(const Block<T>& block, Adjoint<T>& adjoint, Row<T>* states, const Begin& begin) {
    const int64_t clips = block.clips, steps = block.call.steps;
    const int64_t length = segment_length<T>(block.call.clips, steps);
    const int64_t segments = (steps + length - 1) / length;
    // Layout: the states that start the segments but the last, then the states of one segment (u's, then v's).
    Row<T>* starts = states;
    Row<T>*u = starts + 2 * clips * (segments - 1), *v = u + clips * (length + 1);
    start(block, u, v);
    for (int64_t s = 0; s + 1 < segments; ++s) {
        for (int64_t t = 0; t < clips; ++t) starts[2 * s * clips + t] = u[t], starts[(2 * s + 1) * clips + t] = v[t];
        block.template advance<CUT>(u, v, length, 0);
    }
    for (int64_t s = segments - 1; s >= 0; --s) {
        const int64_t here = s + 1 < segments ? length : steps - s * length;
        if (s + 1 < segments)
            for (int64_t t = 0; t < clips; ++t) u[t] = starts[2 * s * clips + t], v[t] = starts[(2 * s + 1) * clips + t];
        block.template advance<CUT>(u, v, here, clips);
        if (s + 1 == segments) {
            begin(u + here * clips, v + here * clips);
            adjoint.eliminate_v();
        }
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
    for (int64_t t = 0; t < clips; ++t) adjoint.gain_bar[t] = zero;
    start(block, states, states + clips);
    const bool cut = block.may_overflow(states, states + clips);
    block.read(call.u, adjoint.x);
    block.read(call.v, adjoint.y);
    Row<T> drive_bar[DRIVES];
    for (int j = 0; j < DRIVES; ++j) drive_bar[j] = zero;
    const auto begin = [&](const Row<T>* u, const Row<T>* v) {
        if (call.drive[0]) Driver<T>(block).finish_back(block, u, v, adjoint.x, adjoint.y, drive_bar);
    };
    if (!call.steps)
        begin(states, states + clips);
    else if (cut)
        steps_back<T, true>(block, adjoint, states, begin);
    else
        steps_back<T, false>(block, adjoint, states, begin);
    if (call.drive[0]) {
        Driver<T>(block).start_back(block, adjoint, drive_bar);
        block.write(call.tilt_bar, adjoint.y);
        for (int j = 0; j < DRIVES; ++j)
            store((T*)call.drive_gradients[j] + sample * call.channels + channel, drive_bar[j], block.count);
    } else {
        block.write(call.u0_bar, adjoint.x);
        block.write(call.v0_bar, adjoint.y);
        block.write(call.gain_bar, adjoint.gain_bar);
    }
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
