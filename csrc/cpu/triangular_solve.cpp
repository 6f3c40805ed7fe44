#include "ops/triangular_solve_kernels.h"

#include "cpu/dense_solver.h"

namespace fb::inline FB_CPU_NAMESPACE {
namespace {

void triangular_solve_cpu(const Tensor& x, const Tensor& a, bool upper, bool unit) {
  if (x.numel() == 0) return;
  const int64_t n = x.size(-2), k = x.size(-1);
  FB_DECOMPOSED(x.dtype(), "linalg.solve_triangular", {
    for_matrices(matrices_of(x), n * n * k / 2, [&](int64_t i) {
      DenseRows<T> triangle(a, i);
      solve_triangle<T>(n, k, triangle.rows(), triangle_of(upper, unit),
                        {x.data<T>() + i * n * k, k});
    });
  });
}

CPU_KERNEL(triangular_solve, triangular_solve_cpu)

}  // namespace
}  // namespace fb::inline FB_CPU_NAMESPACE
