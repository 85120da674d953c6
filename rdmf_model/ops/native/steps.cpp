// Picks the kernel variant for this processor and shares the blocks out to threads.

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "pages.hpp"
#include "steps.hpp"

#if defined(__x86_64__) && !defined(RDMF_BASELINE_ONLY)
#define RDMF_X86_VARIANTS 1
#endif

namespace rdmf {

extern const Variant baseline;
#ifdef RDMF_X86_VARIANTS
extern const Variant avx2;
extern const Variant avx512;
#endif

namespace {

const char* variant_name = "baseline";

const Variant& select() {
#ifdef RDMF_X86_VARIANTS
    // RDMF_CPU_VARIANT lets a test run the variants below the best one.
    const char* wish = std::getenv("RDMF_CPU_VARIANT");
    const std::string_view named = wish ? wish : "";
    __builtin_cpu_init();
    const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool has_avx512 = has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
    if (has_avx512 && (named.empty() || named == "avx512")) return variant_name = "avx512", avx512;
    if (has_avx2 && (named.empty() || named == "avx512" || named == "avx2")) return variant_name = "avx2", avx2;
#endif
    return baseline;
}

const Variant& variant() {
    static const Variant& selected = select();
    return selected;
}

struct Scratch {
    void* data;
    explicit Scratch(int64_t bytes) : data(nullptr) {
        const auto size = static_cast<std::size_t>((bytes / ALIGNMENT + 1) * ALIGNMENT);
        if (posix_memalign(&data, ALIGNMENT, size) != 0) data = nullptr;
    }
    ~Scratch() { std::free(data); }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
};

// Below this many values per thread a thread costs more than it saves.
constexpr int64_t VALUES_PER_THREAD = 1 << 17;

void advise(const Call& call, const View& view, bool f64) {
    if (!view.data || !call.batch || !call.clips) return;
    const int64_t values = (call.batch - 1) * view.batch_stride + (call.clips - 1) * view.clip_stride + call.channels;
    advise_large_pages(view.data, values * (f64 ? 8 : 4));
}

int run(const Call& call, bool f64, bool backward, int threads) {
    if (backward) {
        for (const View* view : {&call.u0_bar, &call.v0_bar, &call.gain_bar, &call.tilt_bar}) advise(call, *view, f64);
    } else {
        for (const View* view : {&call.u, &call.v}) advise(call, *view, f64);
    }
    const Variant& chosen = variant();
    const int64_t lanes = f64 ? chosen.lanes_f64 : chosen.lanes_f32;
    const auto kernel = backward ? (f64 ? chosen.backward_f64 : chosen.backward_f32)
                                 : (f64 ? chosen.forward_f64 : chosen.forward_f32);
    const int64_t per_sample = (call.channels + lanes - 1) / lanes;
    const int64_t blocks = call.batch * per_sample;
    const Schedule schedule = (f64 ? chosen.plan_f64 : chosen.plan_f32)(call, backward);
    std::atomic<int64_t> next{0};
    std::atomic<bool> failed{false};
    auto work = [&] {
        const Scratch scratch(schedule.bytes);
        if (!scratch.data) {
            failed = true;
            return;
        }
        for (int64_t block; !failed && (block = next++) < blocks;)
            kernel(call, schedule, block / per_sample, block % per_sample * lanes, scratch.data);
    };
    const int64_t values = call.batch * call.clips * call.channels * std::max<int64_t>(call.steps, 1);
    const int64_t useful = std::min({static_cast<int64_t>(threads), blocks, values / VALUES_PER_THREAD + 1});
    std::vector<std::thread> others;
    try {
        for (int64_t n = 1; n < useful; ++n) others.emplace_back(work);
    } catch (const std::system_error&) {
        // No more threads to be had: those that started, and this one, do all blocks.
    }
    work();
    for (auto& thread : others) thread.join();
    return failed ? 1 : 0;
}

}  // namespace
}  // namespace rdmf

#define RDMF_TEXT_(x) #x
#define RDMF_TEXT(x) RDMF_TEXT_(x)

#define RDMF_EXPORT __attribute__((visibility("default")))

extern "C" {

// Hash of the sources this library was built from: cpu.py refuses a stale one.
RDMF_EXPORT const char* rdmf_source() { return RDMF_TEXT(RDMF_SOURCE); }

RDMF_EXPORT const char* rdmf_variant() {
    rdmf::variant();
    return rdmf::variant_name;
}

// Channels in a block.
RDMF_EXPORT int64_t rdmf_lanes(int f64) { return f64 ? rdmf::variant().lanes_f64 : rdmf::variant().lanes_f32; }

// 0: done; 1: out of memory.
RDMF_EXPORT int rdmf_run(const rdmf::Call* call, int f64, int backward, int threads) {
    return rdmf::run(*call, f64 != 0, backward != 0, threads);
}
}
