// What `../text_match.py`, `../local_contrast.py`, `../scaled_tanh.py` and `../designs.py` call: the variant that steps.cpp picked.

#include "pages.hpp"
#include "scores.hpp"

#include <string_view>

extern "C" const char* rdmf_variant();  // steps.cpp

namespace rdmf {
namespace scores {

extern const Kernels baseline;
#if defined(__x86_64__) && !defined(RDMF_BASELINE_ONLY)
extern const Kernels avx2;
extern const Kernels avx512;
#endif

namespace {

const Kernels& select() {
#if defined(__x86_64__) && !defined(RDMF_BASELINE_ONLY)
    const std::string_view name = rdmf_variant();
    if (name == "avx512") return avx512;
    if (name == "avx2") return avx2;
#endif
    return baseline;
}

const Kernels& kernels() {
    static const Kernels& selected = select();
    return selected;
}

}  // namespace
}  // namespace scores
}  // namespace rdmf

#define RDMF_EXPORT __attribute__((visibility("default")))

extern "C" {

// 0: done; 1: out of memory.
RDMF_EXPORT int rdmf_match(const rdmf::scores::Match* call, int f64, int backward, int threads) {
    const auto& kernels = rdmf::scores::kernels();
    if (backward) rdmf::advise_large_pages(call->video_bar, call->batch * call->clips * call->channels * (f64 ? 8 : 4));
    return !(f64 ? kernels.match_f64 : kernels.match_f32)(*call, backward != 0, threads);
}

RDMF_EXPORT int rdmf_contrast(const rdmf::scores::Contrast* call, int f64, int threads) {
    const auto& kernels = rdmf::scores::kernels();
    return !(f64 ? kernels.contrast_f64 : kernels.contrast_f32)(*call, threads);
}

RDMF_EXPORT int rdmf_squash(const rdmf::scores::Squash* call, int f64, int threads) {
    const auto& kernels = rdmf::scores::kernels();
    return !(f64 ? kernels.squash_f64 : kernels.squash_f32)(*call, threads);
}

RDMF_EXPORT int rdmf_box(const rdmf::scores::Box* call, int f64, int threads) {
    const auto& kernels = rdmf::scores::kernels();
    return !(f64 ? kernels.box_f64 : kernels.box_f32)(*call, threads);
}

RDMF_EXPORT int rdmf_emit(const rdmf::scores::Emission* call, int f64, int threads) {
    const auto& kernels = rdmf::scores::kernels();
    return !(f64 ? kernels.emit_f64 : kernels.emit_f32)(*call, threads);
}
}
