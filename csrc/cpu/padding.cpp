#include "cpu/cpu.h"
#include "ops/copy_kernels.h"
#include "ops/padding_kernels.h"

namespace fb {
namespace {

constexpr int64_t kGrain = 32768;

Tensor dense(const Tensor& t) {
  if (t.is_contiguous()) return t;
  Tensor copy = empty(t.sizes(), t.dtype());
  kernels::copy(copy, t);
  return copy;
}

void int_range_cpu(const Tensor& input, int64_t* least, int64_t* most) {
  const Tensor values = dense(input);
  const auto* v = values.data<int64_t>();
  int64_t low = v[0], high = v[0];
  for (int64_t i = 0; i < values.numel(); ++i) {
    low = std::min(low, v[i]);
    high = std::max(high, v[i]);
  }
  *least = low;
  *most = high;
}

void set_ones_cpu(const Tensor& out, const Tensor& input) {
  if (out.numel() == 0) return;
  const Tensor indices = dense(input);
  const auto* index = indices.data<int64_t>();
  auto* data = out.data<int64_t>();
  const int64_t classes = out.sizes().back();
  parallel_for(0, indices.numel(), kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) data[i * classes + index[i]] = 1;
  });
}

CPU_KERNEL(int_range, int_range_cpu)
CPU_KERNEL(set_ones, set_ones_cpu)

}  // namespace
}  // namespace fb
