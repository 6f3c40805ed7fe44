#include "cpu/fft_passes_of.h"

namespace fb::inline FB_CPU_NAMESPACE::fft {

void stockham_pass(const FftPlan<float>& plan, const FftPass& pass, int64_t inner,
                   Split<const float> x, Split<float> y) {
  any_pass(plan, pass, inner, x, y);
}
void stockham_first_pass(const FftPlan<float>& plan, const FftPass& pass, Split<const float> x,
                         Split<float> y) {
  any_first_pass(plan, pass, x, y);
}
bool stockham_first_pass(const FftPlan<float>& plan, const FftPass& pass, const float* x,
                         bool swapped, Split<float> y) {
  return any_first_pass(plan, pass, x, swapped, y);
}

}  // namespace fb::inline FB_CPU_NAMESPACE::fft
