// Triangular systems of equations; flambeau/ops/linalg_solve.py checks the arguments.
#include "ops/triangular_solve.h"

#include "core/error.h"
#include "core/shape.h"
#include "ops/copy.h"
#include "ops/grad.h"
#include "ops/op.h"
#include "ops/triangular_solve_kernels.h"
#include "ops/view.h"

namespace fb {
namespace {

Dims with_batch(const Dims& batch, const Tensor& matrix) {
  Dims sizes = batch;
  sizes.push_back(matrix.size(-2));
  sizes.push_back(matrix.size(-1));
  return sizes;
}

Tensor triangular_solve_forward(const Tensor& a, const Tensor& b, bool upper, bool unit) {
  const char* name = "linalg.solve_triangular";
  FB_CHECK(a.dim() >= 2 && b.dim() >= 2 && a.size(-1) == a.size(-2) && b.size(-2) == a.size(-1),
           name, ": A must be batches of square matrices, and B have as many rows");
  FB_CHECK(a.dtype() == b.dtype(), name, ": Expected A and B to have the same dtype");
  auto leading = [](const Tensor& t) { return t.sizes().first(t.sizes().size() - 2); };
  const Dims batch = broadcast_shapes(leading(a), leading(b));
  Tensor x = clone(expand(b, with_batch(batch, b)), MemoryFormat::Contiguous);
  kernels::triangular_solve(x, expand(a, with_batch(batch, a)), upper, unit);
  return x;
}
OP(_triangular_solve) {
  .schema = "_triangular_solve(Tensor A, Tensor B, bool upper, bool unitriangular) -> Tensor",
  .names = "_triangular_solve",
  .forward = boxed<triangular_solve_forward>,
  .vjp = no_gradient(),
  .samples = "(2,2)@1..2 (2,3) True False | (2,2)@1..2 (4,2,3) False True | (0,0) (0,2) True True",
  .errors = "(2,2) (3,2) True True -> RuntimeError: and B have as many rows",
  .doc = "X of ``A X = B`` with the upper or lower triangle of A; batches broadcast.",
};

}  // namespace
}  // namespace fb
