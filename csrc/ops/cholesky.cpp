// Cholesky factors; flambeau/ops/linalg_factor.py checks the arguments, names the errors and knows
// the derivative.
#include "ops/cholesky.h"

#include "core/error.h"
#include "ops/cholesky_kernels.h"
#include "ops/copy.h"
#include "ops/op.h"
#include "ops/view.h"

namespace fb {
namespace {

std::tuple<Tensor, Tensor> cholesky_forward(const Tensor& a) {
  FB_CHECK(a.dim() >= 2 && a.size(-1) == a.size(-2),
           "linalg.cholesky: A must be batches of square matrices");
  // LAPACK's layout: the columns of the factor are dense.
  Tensor factor = clone(transpose(a, -2, -1), MemoryFormat::Contiguous);
  Tensor info = empty(a.sizes().first(a.sizes().size() - 2), DType::Int32, a.device());
  kernels::cholesky(factor, info);
  return {transpose(factor, -2, -1), info};
}
OP(_cholesky_factor) {
  .schema = "_cholesky_factor(Tensor A) -> (Tensor L, Tensor info)",
  .names = "_cholesky_factor",
  .forward = boxed<cholesky_forward>,
  .vjp = no_gradient(),
  .samples = "(1,1)@1..2 | (3,1,1)@1..2 | (0,0)",
  .errors = "(2,3) -> RuntimeError: batches of square matrices",
  .doc =
      "The lower L of ``A = L L^H`` from the lower triangle of A, and the order of the first "
      "leading minor that is not positive-definite, or 0.",
};

}  // namespace
}  // namespace fb
