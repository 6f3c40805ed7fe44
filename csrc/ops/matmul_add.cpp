// Products that are added to a tensor: beta * input + alpha * (a @ b). With beta = 0 the input is
// not read.
#include "ops/matmul_add.h"

#include "ops/grad.h"
#include "ops/matmul.h"
#include "ops/matmul_checks.h"
#include "ops/matmul_kernels.h"
#include "ops/matrix_views.h"
#include "ops/pointwise_select.h"

namespace fb {
namespace {

Tensor add_product(Out out, Ints sizes, const Tensor& input, const Tensor& a, const Tensor& b,
                   const Scalar& beta, const Scalar& alpha) {
  Tensor addend = expanded_to(input, sizes);
  FB_CHECK(!out.inplace() || same_shape(input.sizes(), sizes),
           "Bad in-place call: input tensor size ", shape_text(input.sizes()),
           " and output tensor size ", shape_text(sizes), " should match");
  Tensor result = out.make(sizes, a.dtype(), a.device());
  kernels::matrix_product(result, a, b, addend, beta, alpha);
  return out.finish(result);
}

// --- addmm, addmv --------------------------------------------------------------------------------

Tensor addmm_forward(const Tensor& input, const Tensor& mat1, const Tensor& mat2,
                     const Scalar& beta, const Scalar& alpha, Out out) {
  FB_CHECK(mat1.dim() == 2, "mat1 must be a matrix, got ", mat1.dim(), "-D tensor");
  FB_CHECK(mat2.dim() == 2, "mat2 must be a matrix, got ", mat2.dim(), "-D tensor");
  check_inner_size(mat1.sizes(), mat2.sizes());
  check_addend(input, mat1, mat2);
  check_product_type("addmm_impl_cpu_", mat1.dtype());
  return add_product(out, Dims{mat1.sizes()[0], mat2.sizes()[1]}, input, mat1, mat2, beta, alpha);
}

Tensor scaled(const Grad& g, const char* factor) {
  return times(g.dout(), g.arg<Scalar>(factor).conj());
}

void add_product_vjp(Grad& g, const char* a, const char* b) {
  if (g.needs("input")) g.set("input", scaled(g, "beta"));
  if (g.needs(a)) g.set(a, matmul(scaled(g, "alpha"), adjoint(g.in(b))));
  if (g.needs(b)) g.set(b, matmul(adjoint(g.in(a)), scaled(g, "alpha")));
}
void addmm_vjp(Grad& g) { add_product_vjp(g, "mat1", "mat2"); }
void baddbmm_vjp(Grad& g) { add_product_vjp(g, "batch1", "batch2"); }

OP(addmm) {
  .schema =
      "addmm(Tensor input, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
  .names = "addmm, Tensor.addmm, Tensor.addmm_",
  .forward = boxed<addmm_forward>,
  .vjp = addmm_vjp,
  .save = "mat1 for mat2, mat2 for mat1",
  .autocast = Autocast::Lower,
  .samples =
      "(2,5) (2,4) (4,5) | (5,) (2,4) (4,5) beta=0.5 alpha=2.0 | (2,1) (2,0) (0,5) | () (3,4) (4,2) beta=0",
  .errors =
      "(2,5) (2,3) (4,5) -> RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"
      " | (5,) (2,4) (4,) -> RuntimeError: mat2 must be a matrix, got 1-D tensor",
  .doc = R"(``beta * input + alpha * (mat1 @ mat2)``, where ``input`` broadcasts to the product.)",
};

Tensor addmv_forward(const Tensor& input, const Tensor& mat, const Tensor& vec, const Scalar& beta,
                     const Scalar& alpha, Out out) {
  FB_CHECK(mat.dim() == 2 && vec.dim() == 1 && input.dim() <= 1,
           "vector + matrix @ vector expected, got ", input.dim(), ", ", mat.dim(), ", ",
           vec.dim());
  int64_t rows = mat.sizes()[0];
  FB_CHECK(mat.sizes()[1] == vec.sizes()[0] && (input.numel() == rows || input.numel() == 1),
           "size mismatch, got input (", input.numel(), "), mat (", rows, "x", mat.sizes()[1],
           "), vec (", vec.sizes()[0], ")");
  FB_CHECK(mat.dtype() == vec.dtype() && input.dtype() == vec.dtype(),
           "addmv input tensors must have the same dtype, but got ",
           dtype_class_name(input.dtype()), ", ", dtype_class_name(mat.dtype()), ", and ",
           dtype_class_name(vec.dtype()));
  check_device(input, mat);
  check_device(mat, vec);
  check_product_type("addmv_impl_cpu", mat.dtype());
  Tensor addend = expanded_to(input, Dims{rows});
  Tensor result = out.make(Dims{rows}, mat.dtype(), mat.device());
  kernels::matrix_product(with_dim(result, 1), mat, with_dim(vec, 1), with_dim(addend, 1), beta,
                          alpha);
  return out.finish(result);
}

void addmv_vjp(Grad& g) {
  if (g.needs("input")) g.set("input", scaled(g, "beta"));
  if (g.needs("mat"))
    g.set("mat", matmul(with_dim(scaled(g, "alpha"), 1), adjoint(with_dim(g.in("vec"), 1))));
  if (g.needs("vec")) g.set("vec", matmul(adjoint(g.in("mat")), scaled(g, "alpha")));
}

OP(addmv) {
  .schema =
      "addmv(Tensor input, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
  .names = "addmv, Tensor.addmv, Tensor.addmv_",
  .forward = boxed<addmv_forward>,
  .vjp = addmv_vjp,
  .save = "mat for vec, vec for mat",
  .samples = "(2,) (2,4) (4,) | (1,) (3,4) (4,) beta=0.5 alpha=2.0 | (2,) (2,0) (0,)",
  .errors = "(2,) (2,3) (4,) -> RuntimeError: size mismatch, got input (2), mat (2x3), vec (4)",
  .doc = R"(``beta * input + alpha * (mat @ vec)``.)",
};

// --- baddbmm, addbmm, addr -----------------------------------------------------------------------

Tensor baddbmm_forward(const Tensor& input, const Tensor& batch1, const Tensor& batch2,
                       const Scalar& beta, const Scalar& alpha, Out out) {
  check_batch_sizes(batch1, batch2);
  FB_CHECK(batch1.dtype() == batch2.dtype(), "expected scalar type ",
           dtype_class_name(batch1.dtype()), " but found ", dtype_class_name(batch2.dtype()));
  FB_CHECK(input.dtype() == batch1.dtype(), "Input dtypes must be the same, got: input ",
           type_spelling(input.dtype()), ", batch1: ", type_spelling(batch1.dtype()),
           ", batch2: ", type_spelling(batch2.dtype()));
  check_device(input, batch1);
  check_product_type("baddbmm", batch1.dtype());
  Dims sizes{batch1.sizes()[0], batch1.sizes()[1], batch2.sizes()[2]};
  return add_product(out, sizes, input, batch1, batch2, beta, alpha);
}

OP(baddbmm) {
  .schema =
      "baddbmm(Tensor input, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
  .names = "baddbmm, Tensor.baddbmm, Tensor.baddbmm_",
  .forward = boxed<baddbmm_forward>,
  .vjp = baddbmm_vjp,
  .save = "batch1 for batch2, batch2 for batch1",
  .autocast = Autocast::Lower,
  .samples =
      "(2,3,5) (2,3,4) (2,4,5) | (5,) (2,3,4) (2,4,5) beta=0.5 alpha=2.0 | (2,1,5) (2,3,0) (2,0,5) | (0,2,2) (0,2,3) (0,3,2)",
  .errors =
      "(2,3,5) (2,3,4) (2,5,5) -> RuntimeError: Expected size for first two dimensions of batch2 tensor to be: [2, 4] but got: [2, 5]",
  .doc =
      R"(``beta * input + alpha * bmm(batch1, batch2)``, where ``input`` broadcasts to the products.)",
};

Tensor addbmm_forward(const Tensor& input, const Tensor& batch1, const Tensor& batch2,
                      const Scalar& beta, const Scalar& alpha) {
  FB_CHECK(batch1.dim() == 3, "batch1 must be a 3D tensor");
  FB_CHECK(batch2.dim() == 3, "batch2 must be a 3D tensor");
  Ints a = batch1.sizes(), b = batch2.sizes();
  FB_CHECK(a[0] == b[0], "batch1 and batch2 must have same number of batches, got ", a[0], " and ",
           b[0]);
  FB_CHECK(a[2] == b[1], "Incompatible matrix sizes for bmm (", a[1], "x", a[2], " and ", b[1], "x",
           b[2], ")");
  // The sum over the batch is one long inner dimension.
  Tensor wide = reshape(permute(batch1, Dims{1, 0, 2}), Dims{a[1], a[0] * a[2]});
  return addmm(input, wide, reshape(batch2, Dims{b[0] * b[1], b[2]}), beta, alpha);
}

OP(addbmm) {
  .schema =
      "addbmm(Tensor input, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
  .names = "addbmm, Tensor.addbmm, Tensor.addbmm_",
  .forward = boxed<addbmm_forward>,
  .vjp = composite(),
  .autocast = Autocast::Lower,
  .samples =
      "(3,5) (2,3,4) (2,4,5) | (5,) (2,3,4) (2,4,5) beta=0.5 alpha=2.0 | (3,5) (0,3,4) (0,4,5)",
  .errors =
      "(3,5) (2,3,4) (3,4,5) -> RuntimeError: batch1 and batch2 must have same number of batches, got 2 and 3",
  .doc = R"(``beta * input + alpha * sum of batch1[i] @ batch2[i] over i``.)",
};

Tensor outer_of(const char* op, const Tensor& a, const char* a_name, const Tensor& b) {
  FB_CHECK(a.dim() == 1, op, ": Expected 1-D argument ", a_name, ", but got ", a.dim(), "-D");
  FB_CHECK(b.dim() == 1, op, ": Expected 1-D argument vec2, but got ", b.dim(), "-D");
  return unsqueeze(a, 1) * b;
}
Tensor outer_forward(const Tensor& input, const Tensor& vec2) {
  return outer_of("outer", input, "self", vec2);
}

OP(outer) {
  .schema = "outer(Tensor input, Tensor vec2) -> Tensor",
  .names = "outer, ger, Tensor.outer, Tensor.ger",
  .forward = boxed<outer_forward>,
  .vjp = composite(),
  .samples = "(3,) (4,) | (0,) (2,) | (1,) (1,)",
  .errors = "(2,2) (3,) -> RuntimeError: outer: Expected 1-D argument self, but got 2-D",
  .doc =
      R"(Table of the products of all pairs of elements of two vectors: (n,) and (m,) to (n, m).)",
};

Tensor addr_forward(const Tensor& input, const Tensor& vec1, const Tensor& vec2, const Scalar& beta,
                    const Scalar& alpha) {
  Tensor table = times(outer_of("addr", vec1, "vec1", vec2), alpha);
  // Not read, but its gradient is zero rather than none.
  if (beta.equal(0))
    return masked_fill(expand(input, table.sizes()), scalar_tensor(true, DType::Bool),
                       wrapped_number(0)) +
           table;
  return times(expand(input, table.sizes()), beta) + table;
}

OP(addr) {
  .schema =
      "addr(Tensor input, Tensor vec1, Tensor vec2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
  .names = "addr, Tensor.addr, Tensor.addr_",
  .forward = boxed<addr_forward>,
  .vjp = composite(),
  .samples = "(3,5) (3,) (5,) | (5,) (3,) (5,) beta=0.5 alpha=2.0 | () (2,) (2,) beta=0",
  .errors =
      "(3,6) (3,) (5,) -> RuntimeError: must match the existing size (6) at non-singleton dimension 1",
  .doc = R"(``beta * input + alpha * outer(vec1, vec2)``.)",
};

}  // namespace
}  // namespace fb
