// N semi-implicit reaction-diffusion steps, and their adjoint, for one block of channels that stays in cache.
//
// Compiled once per instruction set (RDMF_VARIANT names it, RDMF_VECTOR_BYTES is its register width); dispatch.cpp picks one at
// run time. No header with inline functions may be included here: the linker could keep a copy of one that an older processor
// cannot run.

#include "adjoint.hpp"
#include "driver.hpp"

namespace rdmf {
namespace {

// Reads clips from .. to - 1 into the first state and the gain.
template <typename T>
void start(Block<T>& block, Row<T>* u, Row<T>* v, int64_t from, int64_t to) {
    const Call& call = block.call;
    const auto noted = [&](int64_t at) INLINE { block.note(u[at], v[at], block.gain[at]); };
    if (call.drive[0]) {
        const Driver<T> driver(block);
        upwards(block.plan.rows, from, to, [&](int64_t t, int64_t at) INLINE {
            driver.start(block.read(call.tilt, t), u[at], v[at], block.gain[at]);
            noted(at);
        });
    } else {
        upwards(block.plan.rows, from, to, [&](int64_t t, int64_t at) INLINE {
            block.gain[at] = block.read(call.gain, t);
            u[at] = block.read(call.u0, t);
            v[at] = block.read(call.v0, t);
            noted(at);
        });
    }
}

template <typename T>
T& pattern_part(const Block<T>& block, int64_t t) {
    const int64_t lanes = Simd<T>::lanes, blocks = (block.call.channels + lanes - 1) / lanes;
    return ((T*)block.call.pattern)[(block.sample * block.call.clips + t) * blocks + block.channel / lanes];
}

// Writes clips from .. to - 1 of the last state, or what is read from them.
template <typename T>
void finish(const Block<T>& block, Row<T>* u, Row<T>* v, int64_t from, int64_t to) {
    const Call& call = block.call;
    const auto write = [&](int64_t t, int64_t at) INLINE {
        block.write(call.u, t, u[at]);
        block.write(call.v, t, v[at]);
    };
    if (!call.drive[0]) {
        upwards(block.plan.rows, from, to, write);
        return;
    }
    const Driver<T> driver(block);
    if (!driver.reads) {
        upwards(block.plan.rows, from, to, [&](int64_t t, int64_t at) INLINE {
            driver.finish(u[at], v[at]);
            write(t, at);
        });
        return;
    }
    upwards(block.plan.rows, from, to, [&](int64_t t, int64_t at) INLINE {
        driver.finish(u[at], v[at]);
        Row<T> sum = call.video.data ? block.read(call.video, t) : constant<T>(0.0);
        driver.read(u[at], v[at], sum);
        block.write(call.u, t, sum);
        pattern_part(block, t) = driver.pattern(v[at], block.count);
    });
}

template <typename T>
void forward(const Call& call, const Schedule& plan, int64_t sample, int64_t channel, void* scratch) {
    Block<T> block(call, sample, channel, plan, scratch);
    Row<T>*u = block.free, *v = u + plan.rows;
    Carry<T>* carry = (Carry<T>*)(v + plan.rows);
    for (int64_t tile = 1; tile <= block.tiles(); ++tile) {
        start(block, u, v, block.reach(tile - 1, 0), block.reach(tile, 0));
        if (block.may_overflow())
            block.template advance<true>(u, v, call.steps, 0, tile, carry);
        else
            block.template advance<false>(u, v, call.steps, 0, tile, carry);
        const int64_t from = block.reach(tile - 1, call.steps), to = block.reach(tile, call.steps);
        finish(block, u, v, from, to);
    }
    if (!call.drive[WEIGHT_V]) {
        block.write_padding(call.u);
        block.write_padding(call.v);
        return;
    }
    for (int64_t t = block.clips; t < call.clips; ++t) {
        block.write(call.u, t, call.video.data ? block.read(call.video, t) : constant<T>(0.0));
        pattern_part(block, t) = 0;
    }
}

template <typename T>
struct Backward {
    Block<T> block;
    Adjoint<T> adjoint;
    Row<T>* states;
    Carry<T>* carry;
    Row<T> drive_bar[DRIVES];

    Backward(const Call& call, const Schedule& plan, int64_t sample, int64_t channel, void* scratch)
        : block(call, sample, channel, plan, scratch), adjoint{block, block.free, block.free + plan.rows, block.free + 2 * plan.rows} {
        const Row<T> zero = constant<T>(0.0);
        adjoint.sum_F = adjoint.sum_w = adjoint.sum_u = adjoint.sum_v = zero;
        for (int j = 0; j < DRIVES; ++j) drive_bar[j] = zero;
        carry = (Carry<T>*)(block.free + 3 * plan.rows);
        states = (Row<T>*)(carry + carries(call, plan, true));
    }

    // Reads the cotangents of clips from .. to - 1; (u, v) is the last state.
    void begin(const Row<T>* u, const Row<T>* v, int64_t from, int64_t to) {
        const Call& call = block.call;
        upwards(block.plan.rows, from, to, [&](int64_t t, int64_t at) INLINE {
            adjoint.x[at] = block.read(call.u, t);
            if (call.v.data) adjoint.y[at] = block.read(call.v, t);
            adjoint.gain_bar[at] = constant<T>(0.0);
        });
        if (!call.drive[0]) return;
        const Driver<T> driver(block);
        const T* pattern_bar = (const T*)call.pattern + block.sample * call.clips;
        upwards(block.plan.rows, from, to, [&](int64_t t, int64_t at) INLINE {
            if (driver.reads) driver.read_back(u[at], v[at], pattern_bar[t], adjoint.x[at], adjoint.y[at], drive_bar);
            driver.finish_back(u[at], v[at], adjoint.x[at], adjoint.y[at], drive_bar);
        });
    }

    // Step n of one tile back, `lags` truncated sweeps after the first.
    template <bool CUT>
    void step(const Row<T>* v, const Row<T>* v_next, const Row<T>* u_next, bool first, Carry<T>& from_left, int64_t tile,
              int64_t lags) {
        const int64_t up = block.reach(tile, lags), from = block.reach(tile - 1, lags + 1), to = block.reach(tile, lags + 1);
        adjoint.template sweep_up<CUT>(v, v_next, from_left, block.reach(tile - 1, lags), up);
        if (first)
            adjoint.template sweep_down<CUT, true>(v, u_next, from, to, up);
        else
            adjoint.template sweep_down<CUT, false>(v, u_next, from, to, up);
    }

    // One tile; the states of all steps are held.
    template <bool CUT>
    void tile_back(int64_t tile) {
        const int64_t steps = block.call.steps, rows = block.plan.rows;
        Row<T>*u = states, *v = u + rows * (steps + 1);
        block.template advance<CUT>(u, v, steps, rows, tile, carry);
        begin(u + steps * rows, v + steps * rows, block.reach(tile - 1, steps), block.reach(tile, steps));
        if (!steps) return;
        adjoint.eliminate_v(block.reach(tile - 1, steps + 1), block.reach(tile, steps + 1), block.reach(tile, steps));
        Carry<T>* from_left = carry + (block.plan.lag ? steps + 1 : 0);
        for (int64_t n = steps - 1, lags = steps + 1; n >= 0; --n, ++lags, from_left += block.plan.lag > 0)
            step<CUT>(v + n * rows, v + (n + 1) * rows, u + (n + 1) * rows, !n, *from_left, tile, lags);
    }

    // The whole sequence; the states that start the segments but the last are held, and the states of one segment.
    template <bool CUT>
    void segments_back(int64_t segments) {
        const int64_t rows = block.plan.rows, clips = block.clips, length = block.plan.segment, steps = block.call.steps;
        Row<T>*u = states, *v = u + rows * (length + 1), *starts = v + rows * (length + 1);
        for (int64_t s = 0; s + 1 < segments; ++s) {
            for (int64_t t = 0; t < clips; ++t) starts[2 * s * rows + t] = u[t], starts[(2 * s + 1) * rows + t] = v[t];
            block.template advance<CUT>(u, v, length, 0, 1, carry);
        }
        for (int64_t s = segments - 1; s >= 0; --s) {
            const int64_t here = s + 1 < segments ? length : steps - s * length;
            if (s + 1 < segments)
                for (int64_t t = 0; t < clips; ++t) u[t] = starts[2 * s * rows + t], v[t] = starts[(2 * s + 1) * rows + t];
            block.template advance<CUT>(u, v, here, rows, 1, carry);
            if (s + 1 == segments) {
                begin(u + here * rows, v + here * rows, 0, clips);
                adjoint.eliminate_v(0, clips, clips);
            }
            for (int64_t n = here - 1; n >= 0; --n)
                step<CUT>(v + n * rows, v + (n + 1) * rows, u + (n + 1) * rows, !(n || s), *carry, 1, 0);
        }
    }

    // Writes the cotangents of clips from .. to - 1.
    void finish(int64_t from, int64_t to) {
        const Call& call = block.call;
        if (call.drive[0]) {
            const Driver<T> driver(block);
            upwards(block.plan.rows, from, to, [&](int64_t t, int64_t at) INLINE {
                driver.start_back(block.read(call.tilt, t), adjoint.x[at], adjoint.y[at], block.gain[at], adjoint.gain_bar[at], drive_bar);
                block.write(call.tilt_bar, t, adjoint.y[at]);
            });
        } else {
            upwards(block.plan.rows, from, to, [&](int64_t t, int64_t at) INLINE {
                block.write(call.u0_bar, t, adjoint.x[at]);
                block.write(call.v0_bar, t, adjoint.y[at]);
                block.write(call.gain_bar, t, adjoint.gain_bar[at]);
            });
        }
    }

    // Writes what belongs to a channel, and zeros to the padding.
    void finish_channels() {
        const Call& call = block.call;
        if (call.drive[0]) {
            EACH drive_bar[S].v[i] /= block.parameter(call.drive[S]).v[i];
            for (int j = 0; j < DRIVES; ++j)
                if (call.drive[j]) block.write_parameter(call.drive_gradients[j], drive_bar[j]);
            block.write_padding(call.tilt_bar);
        } else {
            block.write_padding(call.u0_bar);
            block.write_padding(call.v0_bar);
            block.write_padding(call.gain_bar);
        }
        Row<T> out[4];
        EACH {
            const auto h = block.h.v[i], turnover = h * adjoint.sum_w.v[i];
            out[0].v[i] = h * adjoint.sum_F.v[i] - turnover;
            out[1].v[i] = -turnover;
            out[2].v[i] = -h * adjoint.sum_u.v[i];
            out[3].v[i] = -h * adjoint.sum_v.v[i];
        }
        for (int j = 0; j < 4; ++j) block.write_parameter(call.rate_gradients[j], out[j]);
    }
};

template <typename T>
void backward(const Call& call, const Schedule& plan, int64_t sample, int64_t channel, void* scratch) {
    Backward<T> work(call, plan, sample, channel, scratch);
    const Block<T>& block = work.block;
    const int64_t segments = plan.segment ? (call.steps + plan.segment - 1) / plan.segment : 1;
    const int64_t lags = plan.lag ? 2 * call.steps + 1 : 0;
    Row<T>* u = work.states;
    for (int64_t tile = 1; tile <= block.tiles(); ++tile) {
        start(work.block, u, u + plan.rows * (plan.segment + 1), block.reach(tile - 1, 0), block.reach(tile, 0));
        const bool cut = block.may_overflow();
        if (segments == 1)
            cut ? work.template tile_back<true>(tile) : work.template tile_back<false>(tile);
        else
            cut ? work.template segments_back<true>(segments) : work.template segments_back<false>(segments);
        work.finish(block.reach(tile - 1, lags), block.reach(tile, lags));
    }
    work.finish_channels();
}

// Steps whose states are held at a time: all of them if they fit into this much cache, else about the root of their number.
constexpr int64_t TRAJECTORY_BYTES = 1 << 22;

template <typename T>
int64_t segment_length(int64_t clips, int64_t steps) {
    if ((steps + 1) * 2 * clips * (int64_t)sizeof(Row<T>) <= TRAJECTORY_BYTES) return steps;
    int64_t length = 1;
    while (length * length < steps) ++length;
    return length;
}

template <typename T>
int64_t bytes(const Call& call, const Schedule& plan, bool backward) {
    int64_t fields = 4;  // gain, ratio and one state
    if (backward) {
        const int64_t segments = plan.segment ? (call.steps + plan.segment - 1) / plan.segment : 1;
        fields = 5 + 2 * (plan.segment + 1) + 2 * (segments - 1);
    }
    return (fields * plan.rows + plan.window) * (int64_t)sizeof(Row<T>) + carries(call, plan, backward) * (int64_t)sizeof(Carry<T>);
}

// Tiles cost `lag` more clips per sweep downwards each: at most a quarter of the window. They are used where they need less
// memory, and the whole sequence needs more than a cache.
constexpr int64_t LEAST_WINDOW = 512, CACHE_BYTES = 1 << 20;

template <typename T>
Schedule schedule(const Call& call, bool backward) {
    // An odd number of rows keeps the fields from falling onto the same lines of a cache.
    const int64_t length = call.clips | 1;
    Schedule whole{length, length, 0, segment_length<T>(call.clips, call.steps), 0};
    whole.bytes = bytes<T>(call, whole, backward);
    if (whole.bytes <= CACHE_BYTES || !call.steps) return whole;
    int64_t lag = 0;
    for (int64_t b = 0; b < call.batch; ++b) {
        const int64_t here = felt<T>(call, b);
        if (here < 0) return whole;
        lag = here > lag ? here : lag;
    }
    const int64_t window = 4 * lag > LEAST_WINDOW ? 4 * lag : LEAST_WINDOW;
    const int64_t sweeps = backward ? 2 * call.steps + 1 : call.steps;
    Schedule tiled{(window + sweeps * lag + 1) | 1, window, lag, call.steps, 0};
    tiled.bytes = bytes<T>(call, tiled, backward);
    return tiled.bytes < whole.bytes ? tiled : whole;
}

}  // namespace

extern const Variant RDMF_VARIANT;
const Variant RDMF_VARIANT = {Simd<float>::lanes, Simd<double>::lanes, schedule<float>,  schedule<double>,
                              forward<float>,     forward<double>,     backward<float>,  backward<double>};

}  // namespace rdmf
