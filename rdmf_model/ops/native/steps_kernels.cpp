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
    if (call.drive[0] && !call.u0.data) {
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

// Writes what the registers hold of clips from .. to - 1 before the first step.
template <typename T>
void trace_start(const Block<T>& block, const Ring<T>& u, const Ring<T>& v, int64_t from, int64_t to) {
    const View* trace = block.call.trace;
    upwards<T, 3>({u, v, block.gain}, from, to, [&](int64_t t, Row<T>* const* row) INLINE {
        block.write(trace[TRACE_TILT], t, block.read(block.call.tilt, t));
        block.write(trace[TRACE_U_0], t, *row[0]);
        block.write(trace[TRACE_V_0], t, *row[1]);
        block.write(trace[TRACE_GAIN], t, *row[2]);
    });
}

// The same after the last step.
template <typename T>
void trace_end(const Block<T>& block, const Ring<T>& u, const Ring<T>& v, int64_t from, int64_t to) {
    upwards<T, 2>({u, v}, from, to, [&](int64_t t, Row<T>* const* row) INLINE {
        block.write(block.call.trace[TRACE_U_N], t, *row[0]);
        block.write(block.call.trace[TRACE_V_N], t, *row[1]);
    });
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
        if (call.trace[0].data) trace_start(block, u, v, block.reach(tile - 1, 0), block.reach(tile, 0));
        if (block.may_overflow())
            block.template advance<true>(&u, &v, call.steps, 0, tile, carry);
        else
            block.template advance<false>(&u, &v, call.steps, 0, tile, carry);
        const int64_t from = block.reach(tile - 1, call.steps), to = block.reach(tile, call.steps);
        if (call.trace[0].data) trace_end(block, u, v, from, to);
        finish(block, u, v, from, to);
    }
    if (call.trace[0].data)
        for (const View& view : call.trace) block.write_padding(view);
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

// Rows of what a segment back holds. In tiles state n is begun at lag n - 1, when step n - 1 eliminates, and used for the last time
// at lag 2 steps + 2 - n, as what that step made (state 0: at 2 steps + 1); cotangents live from lag steps to 2 steps + 1.
inline int64_t state_rows(const Schedule& plan, int64_t n) { return n ? (plan.rows - 2 * (n - 1) * plan.lag) | 1 : plan.rows; }

inline int64_t adjoint_rows(const Schedule& plan) { return (plan.rows - plan.segment * plan.lag) | 1; }

// What the carries and the descriptions of the rings take, in rows.
template <typename T>
int64_t headers(const Call& call, const Schedule& plan) {
    const auto bytes = carries(call, plan, true) * sizeof(Carry<T>) + 2 * (plan.segment + 1) * sizeof(Ring<T>);
    return (int64_t)(bytes / sizeof(Row<T>)) + 1;
}

// Steps go back in segments: the states of one are held, those that start the others are computed again from what slots hold.
inline int64_t segments(const Call& call, const Schedule& plan) {
    return plan.segment ? (call.steps + plan.segment - 1) / plan.segment : 1;
}

// Of `count` segments, how many go before a new slot's state, with `slots` of them free: with C(slots + r, slots) segments each is
// computed at most r times more (Griewank's binomial schedule).
inline int64_t split(int64_t count, int64_t slots) {
    int64_t r = 0;
    for (int64_t reached = 1; reached < count; reached = reached * (slots + r) / r) ++r;
    const int64_t before = count * r / (slots + r);
    return before < 1 ? 1 : before;
}

// Segments computed again by that schedule.
inline int64_t repeated(int64_t count, int64_t slots) {
    if (count <= 1) return 0;
    const int64_t before = split(count, slots);
    return before + repeated(count - before, slots - 1) + repeated(before, slots);
}

template <typename T>
struct Backward {
    Block<T> block;
    Adjoint<T> adjoint;
    Carry<T>* carry;
    Ring<T>*u, *v;  // states of the steps of a segment, the first and the last included
    Row<T>* slots;  // states that start segments, u and v of a clip side by side
    Row<T>* held;   // driven: cotangents between two segments, three rows per clip; else they are where they will be in the end
    Row<T> drive_bar[DRIVES];

    Backward(const Call& call, const Schedule& plan, int64_t sample, int64_t channel, void* scratch)
        : block(call, sample, channel, plan, scratch), adjoint{block, {}, {}, {}, {}, {}, {}, {}} {
        const Row<T> zero = constant<T>(0.0);
        adjoint.sum_F = adjoint.sum_w = adjoint.sum_u = adjoint.sum_v = zero;
        for (int j = 0; j < DRIVES; ++j) drive_bar[j] = zero;
        carry = (Carry<T>*)block.free;
        u = (Ring<T>*)(carry + carries(call, plan, true));
        v = u + plan.segment + 1;
        Row<T>* free = block.free + headers<T>(call, plan);
        const int64_t rows = adjoint_rows(plan);
        adjoint.x = {free, rows};
        adjoint.y = {adjoint.x.end(), rows};
        adjoint.gain_bar = {adjoint.y.end(), rows};
        free = adjoint.gain_bar.end();
        for (int64_t n = 0; n <= plan.segment; ++n) {
            u[n] = {free, state_rows(plan, n)};
            v[n] = {u[n].end(), state_rows(plan, n)};
            free = v[n].end();
        }
        slots = free;
        held = slots + 2 * plan.slots * call.clips;
    }

    // Reads clips from .. to - 1 of what starts a segment: slot `slot`, or, -1, what came in.
    void load(int64_t slot, int64_t from, int64_t to) {
        start(block, *u, *v, from, to);
        if (slot < 0) return;
        const Row<T>* kept = slots + 2 * slot * block.call.clips;
        upwards<T, 2>({*u, *v}, from, to, [&](int64_t t, Row<T>* const* row) INLINE {
            *row[0] = kept[2 * t];
            *row[1] = kept[2 * t + 1];
        });
    }

    // One segment forwards, from slot to slot.
    void forwards(int64_t slot, int64_t to_slot) {
        const int64_t steps = block.plan.segment;
        Row<T>* kept = slots + 2 * to_slot * block.call.clips;
        for (int64_t tile = 1; tile <= block.tiles(steps); ++tile) {
            load(slot, block.reach(tile - 1, 0), block.reach(tile, 0));
            if (block.may_overflow())
                block.template advance<true>(u, v, steps, 0, tile, carry);
            else
                block.template advance<false>(u, v, steps, 0, tile, carry);
            const int64_t from = block.reach(tile - 1, steps), to = block.reach(tile, steps);
            upwards<T, 2>({*u, *v}, from, to, [&](int64_t t, Row<T>* const* row) INLINE {
                kept[2 * t] = *row[0];
                kept[2 * t + 1] = *row[1];
            });
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

    // Step n of a segment back, in one tile, `lags` truncated sweeps after the first. `first`: of the segment.
    template <bool CUT>
    void step(int64_t n, bool first, Carry<T>& from_left, int64_t tile, int64_t lags) {
        const int64_t up = block.reach(tile, lags), from = block.reach(tile - 1, lags + 1), to = block.reach(tile, lags + 1);
        adjoint.template sweep_up<CUT>(v[n], v[n + 1], from_left, block.reach(tile - 1, lags), up);
        if (first)
            adjoint.template sweep_down<CUT, true>(v[n], u[n + 1], from, to, up);
        else
            adjoint.template sweep_down<CUT, false>(v[n], u[n + 1], from, to, up);
    }

    // Reads, or writes, the cotangents of clips from .. to - 1 between two segments.
    void resume(int64_t from, int64_t to) {
        const Call& call = block.call;
        upwards<T, 3>({adjoint.x, adjoint.y, adjoint.gain_bar}, from, to, [&](int64_t t, Row<T>* const* row) INLINE {
            *row[0] = call.drive[0] ? held[3 * t] : block.read(call.u0_bar, t);
            *row[1] = call.drive[0] ? held[3 * t + 1] : block.read(call.v0_bar, t);
            *row[2] = call.drive[0] ? held[3 * t + 2] : block.read(call.gain_bar, t);
        });
    }

    void suspend(int64_t from, int64_t to) {
        upwards<T, 3>({adjoint.x, adjoint.y, adjoint.gain_bar}, from, to, [&](int64_t t, Row<T>* const* row) INLINE {
            if (block.call.drive[0])
                for (int j = 0; j < 3; ++j) held[3 * t + j] = *row[j];
            else
                write_inputs(t, row);
        });
    }

    void write_inputs(int64_t t, Row<T>* const* row) const {
        block.write(block.call.u0_bar, t, *row[0]);
        block.write(block.call.v0_bar, t, *row[1]);
        block.write(block.call.gain_bar, t, *row[2]);
    }

    // One tile of a segment of `steps` steps; `last`: nothing comes after it.
    template <bool CUT>
    void tile_back(int64_t tile, int64_t steps, bool last) {
        block.template advance<CUT>(u, v, steps, 1, tile, carry);
        const int64_t from = block.reach(tile - 1, steps), to = block.reach(tile, steps);
        last ? begin(u[steps], v[steps], from, to) : resume(from, to);
        if (!steps) return;
        adjoint.eliminate_v(block.reach(tile - 1, steps + 1), block.reach(tile, steps + 1), to);
        Carry<T>* from_left = carry + (block.plan.lag ? steps + 1 : 0);
        for (int64_t n = steps - 1, lags = steps + 1; n >= 0; --n, ++lags, from_left += block.plan.lag > 0)
            step<CUT>(n, !n, *from_left, tile, lags);
    }

    // Segment `number` back, from the state in `slot`.
    void segment_back(int64_t number, int64_t slot) {
        const int64_t left = block.call.steps - number * block.plan.segment;
        const int64_t steps = left < block.plan.segment ? left : block.plan.segment, lags = block.plan.lag ? 2 * steps + 1 : 0;
        const bool last = left <= block.plan.segment;
        for (int64_t tile = 1; tile <= block.tiles(lags); ++tile) {
            load(slot, block.reach(tile - 1, 0), block.reach(tile, 0));
            block.may_overflow() ? tile_back<true>(tile, steps, last) : tile_back<false>(tile, steps, last);
            const int64_t from = block.reach(tile - 1, lags), to = block.reach(tile, lags);
            number ? suspend(from, to) : finish(from, to);
        }
    }

    // Segments first .. first + count - 1 back; `slot` holds the state that starts them, slots from `unused` on are free.
    void segments_back(int64_t first, int64_t count, int64_t slot, int64_t unused) {
        if (count == 1) return segment_back(first, slot);
        const int64_t before = split(count, block.plan.slots - unused);
        forwards(slot, unused);
        for (int64_t n = 1; n < before; ++n) forwards(unused, unused);
        segments_back(first + before, count - before, unused, unused + 1);
        segments_back(first, before, slot, unused);
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
            upwards<T, 3>({adjoint.x, adjoint.y, adjoint.gain_bar}, from, to,
                          [&](int64_t t, Row<T>* const* row) INLINE { write_inputs(t, row); });
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
    work.segments_back(0, segments(call, plan), -1, 0);
    work.finish_channels();
}

template <typename T>
int64_t bytes(const Call& call, const Schedule& plan, bool backward) {
    int64_t rows = 2 * plan.rows + plan.window;  // gain, ratio, v's factors
    if (backward) {
        rows += headers<T>(call, plan) + 3 * adjoint_rows(plan) + 2 * plan.slots * call.clips;
        for (int64_t n = 0; n <= plan.segment; ++n) rows += 2 * state_rows(plan, n);
        if (segments(call, plan) > 1 && call.drive[0]) rows += 3 * call.clips;
    } else {
        rows += 2 * plan.rows + carries(call, plan, false) * (int64_t)(sizeof(Carry<T>) / sizeof(Row<T>));
    }
    return rows * (int64_t)sizeof(Row<T>);
}

// Tiles cost `lag` more clips per sweep downwards each: at most a quarter of the window. They are used where they need less
// memory, and the whole sequence needs more than a cache.
constexpr int64_t LEAST_WINDOW = 512, CACHE_BYTES = 1 << 20;
// What a block should take backwards, however many steps there are: this much, one field of the call, or what a few steps take,
// whichever is most. What is computed again for that may be MOST_REPEATED times the steps.
constexpr int64_t LEAST_BUDGET = 1 << 21, FEW_STEPS = 16, MOST_SLOTS = 8, MOST_REPEATED = 3;

// The whole sequence if `lag` is 0, else tiles; backwards in segments of `segment` steps.
template <typename T>
Schedule layout(const Call& call, bool backward, int64_t lag, int64_t segment, int64_t slots) {
    // An odd number of rows keeps the fields from falling onto the same lines of a cache.
    const int64_t window = !lag ? call.clips | 1 : 4 * lag > LEAST_WINDOW ? 4 * lag : LEAST_WINDOW;
    const int64_t sweeps = backward ? 2 * segment + 1 : call.steps;
    Schedule plan{lag ? (window + sweeps * lag + 1) | 1 : window, window, lag, segment, slots, 0};
    plan.bytes = bytes<T>(call, plan, backward);
    return plan;
}

// Of what fits into the budget, the fewest steps computed again, then the least memory; if nothing fits, the least memory.
template <typename T>
Schedule backward_schedule(const Call& call, const Schedule& whole, int64_t lag) {
    const int64_t field = call.batch * call.clips * call.channels * (int64_t)sizeof(T);
    const int64_t few = call.steps < FEW_STEPS ? call.steps : FEW_STEPS, lags[] = {0, lag};
    int64_t budget = layout<T>(call, true, 0, few, 0).bytes, least = 0;
    if (const int64_t tiled = layout<T>(call, true, lag, few, 0).bytes; tiled < budget) budget = tiled;
    budget = budget < LEAST_BUDGET ? LEAST_BUDGET : budget;
    budget = budget < field ? field : budget;
    Schedule best = whole;
    for (const int64_t lag_ : lags) {
        for (int64_t segment = call.steps; segment; segment = segment > 1 ? (segment + 1) / 2 : 0) {
            const int64_t count = (call.steps + segment - 1) / segment, most = count - 1 < MOST_SLOTS ? count - 1 : MOST_SLOTS;
            for (int64_t slots = most > 0; slots <= most; ++slots) {
                const Schedule plan = layout<T>(call, true, lag_, segment, slots);
                const int64_t again = repeated(count, slots) * segment;
                if (again > MOST_REPEATED * call.steps) continue;
                const bool fits = plan.bytes <= budget, best_fits = best.bytes <= budget;
                const bool less = fits && again != least ? again < least : plan.bytes < best.bytes;
                if (fits > best_fits || (fits == best_fits && less)) best = plan, least = again;
            }
        }
        if (!lag) break;
    }
    return best;
}

template <typename T>
Schedule schedule(const Call& call, bool backward) {
    const Schedule whole = layout<T>(call, backward, 0, call.steps, 0);
    if (whole.bytes <= CACHE_BYTES || !call.steps) return whole;
    int64_t lag = 0;
    for (int64_t b = 0; b < call.batch && lag >= 0; ++b) {
        const int64_t here = felt<T>(call, b);
        lag = here < 0 ? -1 : here > lag ? here : lag;
    }
    if (lag < 0) lag = 0;  // unknown: no tiles
    if (backward) return backward_schedule<T>(call, whole, lag);
    if (!lag) return whole;
    const Schedule tiled = layout<T>(call, false, lag, call.steps, 0);
    return tiled.bytes < whole.bytes ? tiled : whole;
}

}  // namespace

extern const Variant RDMF_VARIANT;
const Variant RDMF_VARIANT = {Simd<float>::lanes, Simd<double>::lanes, schedule<float>,  schedule<double>,
                              forward<float>,     forward<double>,     backward<float>,  backward<double>};

}  // namespace rdmf
