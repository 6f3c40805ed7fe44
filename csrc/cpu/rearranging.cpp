#include "core/error.h"
#include "cpu/cpu.h"
#include "ops/rearranging_kernels.h"

namespace fb {
namespace {

void sum_counts_cpu(const Tensor& counts, int64_t* total) {
  auto sum = [&]<class T>(const T* count) {
    int64_t result = 0;
    for (int64_t i = 0; i < counts.numel(); ++i) {
      FB_CHECK(count[i] >= 0, "repeats can not be negative");
      result += count[i];
    }
    return result;
  };
  *total =
      counts.dtype() == DType::Int64 ? sum(counts.data<int64_t>()) : sum(counts.data<int32_t>());
}

void interleave_index_cpu(const Tensor& index, const Tensor& counts) {
  auto write = [&]<class T>(T* out, const T* count) {
    for (int64_t i = 0; i < counts.numel(); ++i) {
      for (T k = 0; k < count[i]; ++k) *out++ = static_cast<T>(i);
    }
  };
  if (index.dtype() == DType::Int64) {
    write(index.data<int64_t>(), counts.data<int64_t>());
  } else {
    write(index.data<int32_t>(), counts.data<int32_t>());
  }
}

CPU_KERNEL(sum_counts, sum_counts_cpu)
CPU_KERNEL(interleave_index, interleave_index_cpu)

}  // namespace
}  // namespace fb
