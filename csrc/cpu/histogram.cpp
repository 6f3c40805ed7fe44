#include "ops/histogram_kernels.h"

#include <algorithm>

#include "cpu/fold.h"

namespace fb {
namespace {

template <class T>
void add_weights(T* out, const int64_t* bins, const T* weights, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[bins[i]] += weights ? weights[i] : T(1);
}

// Parts have counts of their own, which are added up.
void count(int64_t* out, int64_t size, const int64_t* bins, int64_t n) {
  const int64_t parts = std::clamp<int64_t>(n / std::max<int64_t>(65536, 8 * size), 1, 16);
  if (parts == 1) return add_weights<int64_t>(out, bins, nullptr, n);
  Scratch<int64_t> counts(parts * size);
  parallel_for(0, parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      const int64_t first = n * part / parts, last = n * (part + 1) / parts;
      std::fill_n(counts.data() + part * size, size, 0);
      add_weights<int64_t>(counts.data() + part * size, bins + first, nullptr, last - first);
    }
  });
  for (int64_t part = 0; part < parts; ++part)
    for (int64_t i = 0; i < size; ++i) out[i] += counts[part * size + i];
}

void bincount_cpu(const Tensor& out, const Tensor& input, const Tensor& weights) {
  const auto* bins = input.data<int64_t>();
  switch (out.dtype()) {
    case DType::Int64:
      return count(out.data<int64_t>(), out.numel(), bins, input.numel());
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
