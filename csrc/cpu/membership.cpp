#include "ops/membership_kernels.h"

#include <algorithm>

#include "cpu/fold.h"

namespace fb {
namespace {

constexpr int64_t kGrain = 2048;

void isin_cpu(const Tensor& out, const Tensor& elements, const Tensor& sorted) {
  const int64_t n = sorted.numel();
  auto* to = out.data<bool>();
  FB_DISPATCH(elements.dtype(), FB_REAL_BOOL, "isin", {
    using C = Compute<scalar_t>;
    const scalar_t *in = elements.data<scalar_t>(), *all = sorted.data<scalar_t>();
    parallel_for(0, elements.numel(), kGrain, [&](int64_t from, int64_t last) {
      for (int64_t i = from; i < last; ++i) {
        const C x = static_cast<C>(in[i]);
        const scalar_t* found = std::lower_bound(
            all, all + n, x, [](scalar_t a, C b) { return static_cast<C>(a) < b; });
        to[i] = found != all + n && static_cast<C>(*found) == x;
      }
    });
  });
}
CPU_KERNEL(isin, isin_cpu)

}  // namespace
}  // namespace fb
