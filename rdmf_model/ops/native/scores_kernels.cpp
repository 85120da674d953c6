// The kernels before the reaction, for one instruction set.

#include "contrast.hpp"
#include "design.hpp"
#include "match.hpp"
#include "squash.hpp"

namespace rdmf {
namespace scores {

extern const Kernels RDMF_VARIANT;
const Kernels RDMF_VARIANT = {match<float>,     match<double>, contrast<float>, contrast<double>, squash<float>,
                              squash<double>,   box<float>,    box<double>,     emit<float>,      emit<double>};

}  // namespace scores
}  // namespace rdmf
