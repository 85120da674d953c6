// N semi-implicit reaction-diffusion steps, and their adjoint, for one block of channels that stays in cache.
//
// Compiled once per instruction set (RDMF_VARIANT names it, RDMF_VECTOR_BYTES is its register width); steps.cpp picks one at
// run time. No header with inline functions may be included here: the linker could keep a copy of one that an older processor
// cannot run.

#include "adjoint.hpp"
#include "driver.hpp"

namespace rdmf {
namespace {

// Reads clips from .. to - 1 into the first state and the gain.
template <typename T>
void start(Block<T>& block, const Ring<T>& u, const Ring<T>& v, int64_t from, int64_t to) {
    const Call& call = block.call;
    if (call.drive[0]) {
        const Driver<T> driver(block);
        upwards<T, 3>({u, v, block.gain}, from, to, [&](int64_t t, Row<T>* const* row) INLINE {
            driver.start(block.read(call.tilt, t), *row[0], *row[1], *row[2]);
            block.note(*row[0], *row[1], *row[2]);
        });
    } else {
        upwards<T, 3>({u, v, block.gain}, from, to, [&](int64_t t, Row<T>* const* row) INLINE {
            *row[0] = block.read(call.u0, t);
            *row[1] = block.read(call.v0, t);
            *row[2] = block.read(call.gain, t);
            block.note(*row[0], *row[1], *row[2]);
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
void finish(const Block<T>& block, const Ring<T>& u, const Ring<T>& v, int64_t from, int64_t to) {
    const Call& call = block.call;
    const auto write = [&](int64_t t, Row<T>* const* row) INLINE {
        block.write(call.u, t, *row[0]);
        block.write(call.v, t, *row[1]);
    };
    if (!call.drive[0]) {
        upwards<T, 2>({u, v}, from, to, write);
        return;
    }
    const Driver<T> driver(block);
    if (!driver.reads) {
        upwards<T, 2>({u, v}, from, to, [&](int64_t t, Row<T>* const* row) INLINE {
            driver.finish(*row[0], *row[1]);
            write(t, row);
        });
        return;
    }
    upwards<T, 2>({u, v}, from, to, [&](int64_t t, Row<T>* const* row) INLINE {
        driver.finish(*row[0], *row[1]);
        Row<T> sum = call.video.data ? block.read(call.video, t) : constant<T>(0.0);
        driver.read(*row[0], *row[1], sum);
        block.write(call.u, t, sum);
        pattern_part(block, t) = driver.pattern(*row[1], block.count);
    });
}

template <typename T>
void forward(const Call& call, const Schedule& plan, int64_t sample, int64_t channel, void* scratch) {
    Block<T> block(call, sample, channel, plan, scratch);
    const Ring<T> u{block.free, plan.rows}, v{u.end(), plan.rows};
    Carry<T>* carry = (Carry<T>*)v.end();
    for (int64_t tile = 1; tile <= block.tiles(call.steps); ++tile) {
        start(block, u, v, block.reach(tile - 1, 0), block.reach(tile, 0));
        if (block.may_overflow())
            block.template advance<true>(&u, &v, call.steps, 0, tile, carry);
        else
            block.template advance<false>(&u, &v, call.steps, 0, tile, carry);
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

// Rows of what the backward pass holds. In tiles state n is begun at lag n - 1, when step n - 1 eliminates, and used for the last time
// at lag 2 steps + 2 - n, as what that step made (state 0: at 2 steps + 1); cotangents live from lag steps to 2 steps + 1.
inline int64_t state_rows(const Schedule& plan, int64_t n) { return n ? (plan.rows - 2 * (n - 1) * plan.lag) | 1 : plan.rows; }

inline int64_t adjoint_rows(const Call& call, const Schedule& plan) { return (plan.rows - call.steps * plan.lag) | 1; }

// What the carries and the descriptions of the rings take, in rows.
template <typename T>
int64_t headers(const Call& call, const Schedule& plan) {
    const auto bytes = carries(call, plan, true) * sizeof(Carry<T>) + 2 * (plan.segment + 1) * sizeof(Ring<T>);
    return (int64_t)(bytes / sizeof(Row<T>)) + 1;
}

template <typename T>
struct Backward {
    Block<T> block;
    Adjoint<T> adjoint;
    Carry<T>* carry;
    Ring<T>*u, *v;   // states of the steps of a segment, the first and the last included
    Row<T>* starts;  // states that start the segments but the last
    Row<T> drive_bar[DRIVES];

    Backward(const Call& call, const Schedule& plan, int64_t sample, int64_t channel, void* scratch)
        : block(call, sample, channel, plan, scratch), adjoint{block, {}, {}, {}, {}, {}, {}, {}} {
        const Row<T> zero = constant<T>(0.0);
        adjoint.sum_F = adjoint.sum_w = adjoint.sum_u = adjoint.sum_v = zero;
        for (int j = 0; j < DRIVES; ++j) drive_bar[j] = zero;
        carry = (Carry<T>*)block.free;
        u = (Ring<T>*)(carry + carries(call, plan, true));
        v = u + plan.segment + 1;
        starts = block.free + headers<T>(call, plan);
        const int64_t rows = adjoint_rows(call, plan);
        adjoint.x = {starts, rows};
        adjoint.y = {adjoint.x.end(), rows};
        adjoint.gain_bar = {adjoint.y.end(), rows};
        starts = adjoint.gain_bar.end();
        for (int64_t n = 0; n <= plan.segment; ++n) {
            u[n] = {starts, state_rows(plan, n)};
            v[n] = {u[n].end(), state_rows(plan, n)};
            starts = v[n].end();
        }
    }

    // Reads the cotangents of clips from .. to - 1; (u, v) is the last state.
    void begin(const Ring<T>& u_, const Ring<T>& v_, int64_t from, int64_t to) {
        const Call& call = block.call;
        upwards<T, 3>({adjoint.x, adjoint.y, adjoint.gain_bar}, from, to, [&](int64_t t, Row<T>* const* row) INLINE {
            *row[0] = block.read(call.u, t);
            if (call.v.data) *row[1] = block.read(call.v, t);
            *row[2] = constant<T>(0.0);
        });
        if (!call.drive[0]) return;
        const Driver<T> driver(block);
        const T* pattern_bar = (const T*)call.pattern + block.sample * call.clips;
        upwards<T, 4>({u_, v_, adjoint.x, adjoint.y}, from, to, [&](int64_t t, Row<T>* const* row) INLINE {
            if (driver.reads) driver.read_back(*row[0], *row[1], pattern_bar[t], *row[2], *row[3], drive_bar);
            driver.finish_back(*row[0], *row[1], *row[2], *row[3], drive_bar);
        });
    }

    // Step n of a segment back, in one tile, `lags` truncated sweeps after the first. `first`: there is no step before.
    template <bool CUT>
    void step(int64_t n, bool first, Carry<T>& from_left, int64_t tile, int64_t lags) {
        const int64_t up = block.reach(tile, lags), from = block.reach(tile - 1, lags + 1), to = block.reach(tile, lags + 1);
        adjoint.template sweep_up<CUT>(v[n], v[n + 1], from_left, block.reach(tile - 1, lags), up);
        if (first)
            adjoint.template sweep_down<CUT, true>(v[n], u[n + 1], from, to, up);
        else
            adjoint.template sweep_down<CUT, false>(v[n], u[n + 1], from, to, up);
    }

    // One tile; the states of all steps are held.
    template <bool CUT>
    void tile_back(int64_t tile) {
        const int64_t steps = block.call.steps;
        block.template advance<CUT>(u, v, steps, 1, tile, carry);
        begin(u[steps], v[steps], block.reach(tile - 1, steps), block.reach(tile, steps));
        if (!steps) return;
        adjoint.eliminate_v(block.reach(tile - 1, steps + 1), block.reach(tile, steps + 1), block.reach(tile, steps));
        Carry<T>* from_left = carry + (block.plan.lag ? steps + 1 : 0);
        for (int64_t n = steps - 1, lags = steps + 1; n >= 0; --n, ++lags, from_left += block.plan.lag > 0)
            step<CUT>(n, !n, *from_left, tile, lags);
    }

    // The whole sequence; the states that start the segments but the last are held, and the states of one segment.
    template <bool CUT>
    void segments_back(int64_t segments) {
        const int64_t clips = block.clips, length = block.plan.segment, steps = block.call.steps;
        for (int64_t s = 0; s + 1 < segments; ++s) {
            Row<T>* kept = starts + 2 * s * block.plan.rows;
            for (int64_t t = 0; t < clips; ++t) kept[2 * t] = u->data[t], kept[2 * t + 1] = v->data[t];
            block.template advance<CUT>(u, v, length, 0, 1, carry);
        }
        for (int64_t s = segments - 1; s >= 0; --s) {
            const int64_t here = s + 1 < segments ? length : steps - s * length;
            const Row<T>* kept = starts + 2 * s * block.plan.rows;
            if (s + 1 < segments)
                for (int64_t t = 0; t < clips; ++t) u->data[t] = kept[2 * t], v->data[t] = kept[2 * t + 1];
            block.template advance<CUT>(u, v, here, 1, 1, carry);
            if (s + 1 == segments) {
                begin(u[here], v[here], 0, clips);
                adjoint.eliminate_v(0, clips, clips);
            }
            for (int64_t n = here - 1; n >= 0; --n) step<CUT>(n, !(n || s), *carry, 1, 0);
        }
    }

    // Writes the cotangents of clips from .. to - 1.
    void finish(int64_t from, int64_t to) {
        const Call& call = block.call;
        if (call.drive[0]) {
            const Driver<T> driver(block);
            const auto write = [&](int64_t t, Row<T>* const* row) INLINE {
                driver.start_back(block.read(call.tilt, t), *row[0], *row[1], *row[3], *row[2], drive_bar);
                block.write(call.tilt_bar, t, *row[1]);
            };
            upwards<T, 4>({adjoint.x, adjoint.y, adjoint.gain_bar, block.gain}, from, to, write);
        } else {
            upwards<T, 3>({adjoint.x, adjoint.y, adjoint.gain_bar}, from, to, [&](int64_t t, Row<T>* const* row) INLINE {
                block.write(call.u0_bar, t, *row[0]);
                block.write(call.v0_bar, t, *row[1]);
                block.write(call.gain_bar, t, *row[2]);
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
    for (int64_t tile = 1; tile <= block.tiles(lags); ++tile) {
        start(work.block, *work.u, *work.v, block.reach(tile - 1, 0), block.reach(tile, 0));
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
    int64_t rows = 2 * plan.rows + plan.window;  // gain, ratio, v's factors
    if (backward) {
        const int64_t segments = plan.segment ? (call.steps + plan.segment - 1) / plan.segment : 1;
        rows += headers<T>(call, plan) + 3 * adjoint_rows(call, plan) + 2 * (segments - 1) * plan.rows;
        for (int64_t n = 0; n <= plan.segment; ++n) rows += 2 * state_rows(plan, n);
    } else {
        rows += 2 * plan.rows + carries(call, plan, false) * (int64_t)(sizeof(Carry<T>) / sizeof(Row<T>));
    }
    return rows * (int64_t)sizeof(Row<T>);
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
