#include "ops/unique_kernels.h"

#include <algorithm>
#include <numeric>

#include "cpu/sort_keys.h"

namespace fb {
namespace {

void order_slices_cpu(const Tensor& order, const Tensor& matrix) {
  const int64_t n = matrix.sizes()[0], width = matrix.sizes()[1];
  auto* places = order.data<int64_t>();
  std::iota(places, places + n, int64_t{0});
  FB_DISPATCH(matrix.dtype(), FB_REAL_BOOL, "unique_dim", {
    const scalar_t* rows = matrix.data<scalar_t>();
    std::sort(places, places + n, [=](int64_t a, int64_t b) {
      const scalar_t *x = rows + a * width, *y = rows + b * width;
      for (int64_t i = 0; i < width; ++i) {
        auto kx = order_key(x[i]), ky = order_key(y[i]);
        if (kx != ky) return kx < ky;
      }
      return a < b;
    });
  });
}

void group_slices_cpu(const Tensor& groups, const Tensor& matrix, const Tensor& order) {
  const int64_t n = matrix.sizes()[0], width = matrix.sizes()[1];
  auto* group = groups.data<int64_t>();
  const auto* place = order.data<int64_t>();
  FB_DISPATCH(matrix.dtype(), FB_REAL_BOOL, "unique", {
    using C = Compute<scalar_t>;
    const scalar_t* rows = matrix.data<scalar_t>();
    for (int64_t i = 0; i < n; ++i) {
      bool differs = false;
      if (i > 0) {
        const scalar_t *x = rows + place[i - 1] * width, *y = rows + place[i] * width;
        for (int64_t k = 0; k < width && !differs; ++k)
          differs = static_cast<C>(x[k]) != static_cast<C>(y[k]);
      }
      group[i] = i == 0 ? 0 : group[i - 1] + differs;
    }
  });
}

void collect_groups_cpu(const Tensor& firsts, const Tensor& counts, const Tensor& inverse,
                        const Tensor& groups, const Tensor& order) {
  auto *first = firsts.data<int64_t>(), *count = counts.data<int64_t>(),
       *of = inverse.data<int64_t>();
  const auto *group = groups.data<int64_t>(), *place = order.data<int64_t>();
  for (int64_t i = 0; i < groups.numel(); ++i) {
    const int64_t g = group[i];
    if (i == 0 || g != group[i - 1]) {
      first[g] = place[i];
      count[g] = 0;
    }
    ++count[g];
    of[place[i]] = g;
  }
}

CPU_KERNEL(order_slices, order_slices_cpu)
CPU_KERNEL(group_slices, group_slices_cpu)
CPU_KERNEL(collect_groups, collect_groups_cpu)

}  // namespace
}  // namespace fb
