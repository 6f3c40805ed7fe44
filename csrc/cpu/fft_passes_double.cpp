#include "cpu/fft_passes_of.h"

namespace fb::inline FB_CPU_NAMESPACE::fft {

void stockham_pass(const FftPlan<double>& plan, const FftPass& pass, int64_t inner,
                   Split<const double> x, Split<double> y) {
  any_pass(plan, pass, inner, x, y);
}
void stockham_first_pass(const FftPlan<double>& plan, const FftPass& pass, Split<const double> x,
                         Split<double> y) {
  any_first_pass(plan, pass, x, y);
}
bool stockham_first_pass(const FftPlan<double>& plan, const FftPass& pass, const double* x,
                         bool swapped, Split<double> y) {
  return any_first_pass(plan, pass, x, swapped, y);
}

}  // namespace fb::inline FB_CPU_NAMESPACE::fft
