// LU factors of matrices and what stands on them; flambeau/ops/linalg_lu.py and linalg_solve.py
// check the arguments, name the errors and know the derivatives.
#include "ops/lu.h"

#include <algorithm>

#include "core/error.h"
#include "core/shape.h"
#include "ops/copy.h"
#include "ops/lu_kernels.h"
#include "ops/op.h"
#include "ops/view.h"

namespace fb {
namespace {

bool has_decompositions(DType t) { return is_complex(t) || (is_floating(t) && !is_reduced(t)); }

void check_matrices(const char* name, const Tensor& a) {
  FB_CHECK(a.dim() >= 2, name, ": The input tensor must have at least 2 dimensions.");
  FB_CHECK(has_decompositions(a.dtype()), name,
           ": Expected a floating point or complex tensor as input. Got ",
           dtype_class_name(a.dtype()));
}

void check_factors(const char* name, const Tensor& lu, const Tensor& pivots) {
  check_matrices(name, lu);
  FB_CHECK(lu.size(-1) == lu.size(-2), name, ": LU must be batches of square matrices");
  FB_CHECK(pivots.dtype() == DType::Int32, name,
           ": pivots should be a Tensor of scalar type torch.int32");
  FB_CHECK(pivots.dim() >= 1 && pivots.size(-1) == lu.size(-1), name,
           ": Number of pivots per batch should be same as the dimension of the matrix");
}

Dims leading(const Tensor& t, size_t without) {
  return Dims(t.sizes().first(t.sizes().size() - without));
}

Dims with(Dims sizes, std::initializer_list<int64_t> more) {
  for (int64_t n : more) sizes.push_back(n);
  return sizes;
}

std::tuple<Tensor, Tensor, Tensor> lu_factor_forward(const Tensor& a, bool pivot) {
  check_matrices("linalg.lu_factor", a);
  Tensor lu = clone(a, MemoryFormat::Contiguous);
  const Dims batch = leading(a, 2);
  Tensor pivots = empty(with(batch, {std::min(a.size(-2), a.size(-1))}), DType::Int32, a.device());
  Tensor info = empty(batch, DType::Int32, a.device());
  kernels::lu_factor(lu, pivots, info, pivot);
  return {lu, pivots, info};
}
OP(_lu_factor) {
  .schema = "_lu_factor(Tensor A, bool pivot) -> (Tensor LU, Tensor pivots, Tensor info)",
  .names = "_lu_factor",
  .forward = boxed<lu_factor_forward>,
  .vjp = no_gradient(),
  .samples = "(3,3) True | (2,4,3) False | (3,4) True | (0,3,3) True",
  .errors = "(3,) True -> RuntimeError: must have at least 2 dimensions",
  .doc = "The factors of ``P^T A = L U``, the exchanged rows, and the first pivot that is zero.",
};

Tensor lu_solve_forward(const Tensor& lu, const Tensor& pivots, const Tensor& b, bool adjoint) {
  const char* name = "linalg.lu_solve";
  check_factors(name, lu, pivots);
  FB_CHECK(b.dim() >= 2 && b.size(-2) == lu.size(-1) && b.dtype() == lu.dtype(), name,
           ": B must have the dtype and as many rows as LU");
  const Dims batch =
      broadcast_shapes(broadcast_shapes(leading(lu, 2), leading(pivots, 1)), leading(b, 2));
  Tensor x = clone(expand(b, with(batch, {b.size(-2), b.size(-1)})), MemoryFormat::Contiguous);
  kernels::lu_solve(x, expand(lu, with(batch, {lu.size(-2), lu.size(-1)})),
                    expand(pivots, with(batch, {pivots.size(-1)})), adjoint);
  return x;
}
OP(_lu_solve) {
  .schema = "_lu_solve(Tensor LU, Tensor pivots, Tensor B, bool adjoint) -> Tensor",
  .names = "_lu_solve",
  .forward = boxed<lu_solve_forward>,
  .vjp = no_gradient(),
  .samples = "(3,3)@1..2 (3,):int32@3..4 (3,2) False | (2,2)@1..2 (2,):int32@2..3 (2,2,1) True",
  .errors = "(3,3) (2,):int32@1..2 (3,2) False -> RuntimeError: Number of pivots per batch",
  .doc = "X of ``A X = B``, or of ``A^H X = B``, from the factors of A; batches broadcast.",
};

Tensor lu_inverse_forward(const Tensor& lu, const Tensor& pivots) {
  check_factors("linalg.inv", lu, pivots);
  Tensor x = empty(lu.sizes(), lu.dtype(), lu.device());
  kernels::lu_inverse(x, contiguous(lu), contiguous(pivots));
  return x;
}
OP(_lu_inverse) {
  .schema = "_lu_inverse(Tensor LU, Tensor pivots) -> Tensor",
  .names = "_lu_inverse",
  .forward = boxed<lu_inverse_forward>,
  .vjp = no_gradient(),
  .samples = "(3,3)@1..2 (3,):int32@3..4 | (0,0) (0,):int32",
  .errors = "(3,2) (2,):int32@1..2 -> RuntimeError: batches of square matrices",
  .doc = "The inverse of A from its factors.",
};

Tensor lu_determinant_forward(const Tensor& lu, const Tensor& pivots) {
  check_factors("linalg.det", lu, pivots);
  Tensor out = empty(leading(lu, 2), lu.dtype(), lu.device());
  kernels::lu_determinant(out, contiguous(lu), contiguous(pivots));
  return out;
}
OP(_lu_determinant) {
  .schema = "_lu_determinant(Tensor LU, Tensor pivots) -> Tensor",
  .names = "_lu_determinant",
  .forward = boxed<lu_determinant_forward>,
  .vjp = no_gradient(),
  .samples = "(3,3) (3,):int32@3..4 | (2,0,0) (2,0):int32",
  .errors = "(3,2) (2,):int32@1..2 -> RuntimeError: batches of square matrices",
  .doc = "The determinant of A from its factors.",
};

std::tuple<Tensor, Tensor> lu_log_determinant_forward(const Tensor& lu, const Tensor& pivots) {
  check_factors("linalg.slogdet", lu, pivots);
  const Dims batch = leading(lu, 2);
  Tensor sign = empty(batch, lu.dtype(), lu.device());
  Tensor logarithm = empty(batch, real_dtype(lu.dtype()), lu.device());
  kernels::lu_log_determinant(sign, logarithm, contiguous(lu), contiguous(pivots));
  return {sign, logarithm};
}
OP(_lu_log_determinant) {
  .schema = "_lu_log_determinant(Tensor LU, Tensor pivots) -> (Tensor sign, Tensor logabsdet)",
  .names = "_lu_log_determinant",
  .forward = boxed<lu_log_determinant_forward>,
  .vjp = no_gradient(),
  .samples = "(3,3) (3,):int32@3..4 | (2,0,0) (2,0):int32",
  .errors = "(3,2) (2,):int32@1..2 -> RuntimeError: batches of square matrices",
  .doc = "Sign and logarithm of the absolute determinant of A from its factors.",
};

Tensor lu_permutation_forward(const Tensor& pivots, int64_t m, DType dtype) {
  FB_CHECK(
      pivots.dim() >= 1 && pivots.dtype() == DType::Int32 && m >= 0 && has_decompositions(dtype),
      "lu_unpack: expected int32 pivots, got ", pivots.dtype(), " of ", pivots.dim(),
      " dimensions");
  Tensor out = empty(with(leading(pivots, 1), {m, m}), dtype, pivots.device());
  kernels::lu_permutation(out, pivots);
  return out;
}
OP(_lu_permutation) {
  .schema = "_lu_permutation(Tensor pivots, int m, ScalarType dtype) -> Tensor",
  .names = "_lu_permutation",
  .forward = boxed<lu_permutation_forward>,
  .vjp = no_gradient(),
  .samples = "(3,):int32@1..4 4 float32 | (2,2):int32@1..3 2 float64",
  .errors = "(3,) 4 float32 -> RuntimeError: expected int32 pivots",
  .doc = "The matrix P of ``A = P L U``.",
};

}  // namespace
}  // namespace fb
