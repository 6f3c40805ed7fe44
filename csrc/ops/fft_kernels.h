#pragma once
#include "ops/fft_plan.h"
#include "ops/kernel.h"

namespace fb {
// What is transformed into what. Real forms keep the first half of the spectrum, n / 2 + 1
// elements.
enum class FftKind : uint8_t { ComplexToComplex, RealToComplex, ComplexToReal };
struct FftCall {
  FftKind kind;
  int64_t dim;
  bool forward;
  double scale;
  // Of the length, or half of it for real transforms of an even one; of the precision of `out`.
  const FftPlanBase* plan;
};
}  // namespace fb

// Transforms along one dimension. `out` may be `input` where both are complex.
FB_KERNEL(fft, const Tensor& out, const Tensor& input, const FftCall& call)
