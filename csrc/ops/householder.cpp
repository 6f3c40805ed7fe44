// QR decompositions by reflections; flambeau/ops/linalg_factor.py checks the arguments and knows
// the derivatives.
#include "ops/householder.h"

#include <algorithm>

#include "core/error.h"
#include "ops/copy.h"
#include "ops/householder_kernels.h"
#include "ops/op.h"
#include "ops/view.h"

namespace fb {
namespace {

Ints leading(const Tensor& t, size_t without) {
  return t.sizes().first(t.sizes().size() - without);
}

std::tuple<Tensor, Tensor> factor_forward(const Tensor& a) {
  FB_CHECK(a.dim() >= 2, "geqrf: The input tensor A must have at least 2 dimensions.");
  Tensor made = clone(a, MemoryFormat::Contiguous);
  Dims sizes = leading(a, 2);
  sizes.push_back(std::min(a.size(-1), a.size(-2)));
  Tensor tau = empty(sizes, a.dtype(), a.device());
  kernels::householder_factor(made, tau);
  return {made, tau};
}
OP(_householder_factor) {
  .schema = "_householder_factor(Tensor input) -> (Tensor a, Tensor tau)",
  .names = "_householder_factor",
  .forward = boxed<factor_forward>,
  .vjp = no_gradient(),
  .samples = "(3,3) | (2,5,3) | (3,5) | (0,3)",
  .errors = "(3,) -> RuntimeError: must have at least 2 dimensions",
  .doc = "R on and above the diagonal, reflectors below it, and their scales.",
};

void check_reflectors(const char* name, const Tensor& a, const Tensor& tau) {
  FB_CHECK(a.dim() >= 2 && tau.dim() == a.dim() - 1 && a.dtype() == tau.dtype() &&
               std::ranges::equal(leading(a, 2), leading(tau, 1)),
           name, ": tau must have the dtype and the batch of the reflectors");
  FB_CHECK(tau.size(-1) <= std::min(a.size(-1), a.size(-2)), name,
           ": there must be a column and a row for each element of tau");
}

Tensor product_forward(const Tensor& a, const Tensor& tau, int64_t columns) {
  const char* name = "linalg.householder_product";
  check_reflectors(name, a, tau);
  FB_CHECK(columns >= tau.size(-1) && columns <= a.size(-2), name, ": there are ", a.size(-2),
           " columns from ", tau.size(-1), " on to choose, not ", columns);
  Dims sizes = leading(a, 1);
  sizes.push_back(columns);
  Tensor q = empty(sizes, a.dtype(), a.device());
  kernels::householder_product(q, a, contiguous(tau));
  return q;
}
OP(_householder_product) {
  .schema = "_householder_product(Tensor input, Tensor tau, int columns) -> Tensor",
  .names = "_householder_product",
  .forward = boxed<product_forward>,
  .vjp = no_gradient(),
  .samples = "(4,3) (2,) 3 | (2,3,3) (2,3) 3 | (4,2) (2,) 4 | (0,0) (0,) 0",
  .errors =
      "(3,3) (2,2) 3 -> RuntimeError: the batch of the reflectors"
      " | (3,3) (2,) 4 -> RuntimeError: there are 3 columns",
  .doc = "The first columns of the product of the reflections.",
};

Tensor apply_forward(const Tensor& a, const Tensor& tau, const Tensor& c, bool adjoint) {
  check_reflectors("ormqr", a, tau);
  FB_CHECK(c.dim() == a.dim() && c.size(-2) == a.size(-2) && c.dtype() == a.dtype() &&
               std::ranges::equal(leading(a, 2), leading(c, 2)),
           "ormqr: other must have the dtype, the batch and as many rows as the reflectors");
  Tensor made = clone(c, MemoryFormat::Contiguous);
  kernels::householder_apply(made, a, contiguous(tau), adjoint);
  return made;
}
OP(_householder_apply) {
  .schema = "_householder_apply(Tensor input, Tensor tau, Tensor other, bool adjoint) -> Tensor",
  .names = "_householder_apply",
  .forward = boxed<apply_forward>,
  .vjp = no_gradient(),
  .samples = "(4,3) (2,) (4,5) False | (2,3,3) (2,3) (2,3,1) True | (0,0) (0,) (0,2) True",
  .errors = "(3,3) (3,) (2,2) True -> RuntimeError: as many rows as the reflectors",
  .doc = "The product of the reflections, or its adjoint, times a matrix.",
};

}  // namespace
}  // namespace fb
