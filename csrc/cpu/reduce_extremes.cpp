#include "ops/reduce_extremes_kernels.h"

#include "cpu/reduce_extremes.h"

namespace fb {
namespace {

template <class T>
void extreme(void* out, const void* in, const ReduceLayout& layout, bool largest) {
  if (largest) {
    fold_into<Extreme<true>, Compute<T>>(static_cast<T*>(out), static_cast<const T*>(in), layout);
  } else {
    fold_into<Extreme<false>, Compute<T>>(static_cast<T*>(out), static_cast<const T*>(in), layout);
  }
}

void extreme_cpu(const Tensor& out, const Tensor& input, bool largest) {
  ReduceLayout layout(out, input);
  DISPATCH_ORDERED(input.dtype(), largest ? "max_values_cpu" : "min_values_cpu",
                   { extreme<scalar_t>(out.raw(), input.raw(), layout, largest); });
}
CPU_KERNEL(extreme, extreme_cpu)

}  // namespace
}  // namespace fb
