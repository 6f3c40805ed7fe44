#include "ops/histogram_kernels.h"

#include <algorithm>

#include "cpu/cpu.h"

namespace fb {
namespace {

template <class T>
void add_weights(T* out, const int64_t* bins, const T* weights, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[bins[i]] += weights ? weights[i] : T(1);
}

void bincount_cpu(const Tensor& out, const Tensor& input, const Tensor& weights) {
  const auto* bins = input.data<int64_t>();
  switch (out.dtype()) {
    case DType::Int64:
      return add_weights<int64_t>(out.data<int64_t>(), bins, nullptr, input.numel());
    case DType::Float32:
      return add_weights(out.data<float>(), bins, weights.data<float>(), input.numel());
    default:
      return add_weights(out.data<double>(), bins, weights.data<double>(), input.numel());
  }
}
CPU_KERNEL(bincount, bincount_cpu)

void histc_cpu(const Tensor& out, const Tensor& input, double min, double max) {
  FB_DISPATCH(input.dtype(), FB_FLOATS, "histogram_cpu", {
    auto* bins = out.data<scalar_t>();
    const auto* in = input.data<scalar_t>();
    const int64_t count = out.numel();
    const auto low = static_cast<scalar_t>(min), high = static_cast<scalar_t>(max);
    std::fill(bins, bins + count, scalar_t(0));
    for (int64_t i = 0; i < input.numel(); ++i) {
      if (!(in[i] >= low && in[i] <= high)) continue;
      const auto bin =
          static_cast<int64_t>((in[i] - low) * static_cast<scalar_t>(count) / (high - low));
      bins[std::min(bin, count - 1)] += 1;
    }
  });
}
CPU_KERNEL(histc, histc_cpu)

}  // namespace
}  // namespace fb
