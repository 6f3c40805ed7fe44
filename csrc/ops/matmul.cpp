// Products of vectors, matrices and batches of matrices.
#include "ops/matmul.h"

#include <algorithm>

#include "ops/grad.h"
#include "ops/matmul_checks.h"
#include "ops/matmul_kernels.h"
#include "ops/matrix_views.h"

namespace fb {
namespace {

Tensor product(Out out, Ints sizes, const Tensor& a, const Tensor& b) {
  Tensor result = out.make(sizes, a.dtype(), a.device());
  kernels::matrix_product(result, a, b, Tensor(), 0, 1);
  return out.finish(result);
}

// A core multiplies and adds about 32 times while an elementwise operator does one element.
int64_t work_of(const Call& c, int64_t columns) {
  const double multiplications = double(c.args[0].tensor->numel) * double(columns);
  return static_cast<int64_t>(std::min(multiplications / 32, 1e18));
}
int64_t product_work(const Call& c) {
  const Ints sizes = c.args[1].tensor->sizes;
  return work_of(c, sizes.size() > 1 ? sizes.back() : 1);
}
int64_t linear_work(const Call& c) {
  const Ints sizes = c.args[1].tensor->sizes;
  return work_of(c, sizes.size() > 1 ? sizes[0] : 1);
}

// --- mm, bmm, mv, dot ----------------------------------------------------------------------------

Tensor mm_forward(const Tensor& input, const Tensor& mat2, Out out) {
  check_matrices(input, mat2);
  return product(out, Dims{input.sizes()[0], mat2.sizes()[1]}, input, mat2);
}

void product_vjp(Grad& g, const char* a, const char* b) {
  if (g.needs(a)) g.set(a, matmul(g.dout(), adjoint(g.in(b))));
  if (g.needs(b)) g.set(b, matmul(adjoint(g.in(a)), g.dout()));
}
void mm_vjp(Grad& g) { product_vjp(g, "input", "mat2"); }

OP(mm) {
  .schema = "mm(Tensor input, Tensor mat2) -> Tensor",
  .forward = boxed<mm_forward>,
  .vjp = mm_vjp,
  .save = "input for mat2, mat2 for input",
  .autocast = Autocast::Lower,
  .work = product_work,
  .samples = "(3,4) (4,5) | (1,7) (7,1) | (0,3) (3,2) | (2,0) (0,3) | (65,33) (33,70)",
  .errors =
      "(2,3) (4,5) -> RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"
      " | (2,) (2,3) -> RuntimeError: self must be a matrix",
  .doc =
      R"(Matrix product of an (n, m) and an (m, p) tensor. Does not broadcast: see :func:`matmul`.

Example::

    >>> torch.mm(torch.eye(2), torch.tensor([[1., 2.], [3., 4.]]))
    tensor([[1., 2.],
            [3., 4.]])
)",
};

Tensor bmm_forward(const Tensor& input, const Tensor& mat2, Out out) {
  check_batches(input, mat2);
  return product(out, Dims{input.sizes()[0], input.sizes()[1], mat2.sizes()[2]}, input, mat2);
}

OP(bmm) {
  .schema = "bmm(Tensor input, Tensor mat2) -> Tensor",
  .forward = boxed<bmm_forward>,
  .vjp = mm_vjp,
  .save = "input for mat2, mat2 for input",
  .autocast = Autocast::Lower,
  .work = product_work,
  .samples = "(2,3,4) (2,4,5) | (0,3,4) (0,4,5) | (3,2,0) (3,0,2) | (4,1,6) (4,6,1)",
  .errors =
      "(2,3,4) (3,3,4) -> RuntimeError: Expected size for first two dimensions of batch2 tensor to be: [2, 4] but got: [3, 3]"
      " | (3,4) (2,4,5) -> RuntimeError: batch1 must be a 3D tensor",
  .doc =
      R"(Matrix products of a (b, n, m) and a (b, m, p) tensor, one for each of the b pairs of matrices.)",
};

Tensor mv_forward(const Tensor& input, const Tensor& vec, Out out) {
  check_matrix_vector(input, vec);
  Tensor result = out.make(Dims{input.sizes()[0]}, input.dtype(), input.device());
  kernels::matrix_product(with_dim(result, 1), input, with_dim(vec, 1), Tensor(), 0, 1);
  return out.finish(result);
}

void mv_vjp(Grad& g) {
  if (g.needs("input"))
    g.set("input", matmul(with_dim(g.dout(), 1), adjoint(with_dim(g.in("vec"), 1))));
  if (g.needs("vec")) g.set("vec", matmul(adjoint(g.in("input")), g.dout()));
}

OP(mv) {
  .schema = "mv(Tensor input, Tensor vec) -> Tensor",
  .forward = boxed<mv_forward>,
  .vjp = mv_vjp,
  .save = "input for vec, vec for input",
  .samples = "(3,4) (4,) | (1,1) (1,) | (0,4) (4,) | (3,0) (0,)",
  .errors = "(2,3) (4,) -> RuntimeError: size mismatch, got input (2), mat (2x3), vec (4)",
  .doc = R"(Product of an (n, m) matrix and a vector of m elements: a vector of n.)",
};

Tensor dot_of(const Tensor& a, const Tensor& b, bool conjugated, Out out) {
  check_vectors(conjugated ? "vdot" : "dot", a, b);
  Tensor result = out.make(Ints(), a.dtype(), a.device());
  kernels::dot(result, a, b, conjugated);
  return out.finish(result);
}
Tensor dot_forward(const Tensor& input, const Tensor& tensor, Out out) {
  return dot_of(input, tensor, false, out);
}
Tensor vdot_forward(const Tensor& input, const Tensor& other, Out out) {
  return dot_of(input, other, true, out);
}

void dot_vjp(Grad& g) {
  if (g.needs("input")) g.set("input", g.dout() * conjugate(g.in("tensor")));
  if (g.needs("tensor")) g.set("tensor", g.dout() * conjugate(g.in("input")));
}
void vdot_vjp(Grad& g) {
  if (g.needs("input")) g.set("input", conjugate(g.dout()) * g.in("other"));
  if (g.needs("other")) g.set("other", g.dout() * g.in("input"));
}

OP(dot) {
  .schema = "dot(Tensor input, Tensor tensor) -> Tensor",
  .forward = boxed<dot_forward>,
  .vjp = dot_vjp,
  .save = "input for tensor, tensor for input",
  .samples = "(5,) (5,) | (0,) (0,) | (1,) (1,) | (70000,) (70000,)",
  .errors =
      "(2,) (3,) -> RuntimeError: inconsistent tensor size, expected tensor [2] and src [3] to have the same number of elements"
      " | (2,2) (2,) -> RuntimeError: 1D tensors expected, but got 2D and 1D tensors",
  .doc = R"(Sum of the products of the elements of two vectors.)",
};

OP(vdot) {
  .schema = "vdot(Tensor input, Tensor other) -> Tensor",
  .names = "vdot, Tensor.vdot",
  .forward = boxed<vdot_forward>,
  .vjp = vdot_vjp,
  .save = "input for other, other for input",
  .samples = "(5,) (5,) | (3,):complex64 (3,):complex64",
  .errors = "(2,) (3,) -> RuntimeError: inconsistent tensor size",
  .doc = R"(:func:`dot` with the conjugate of the first vector.)",
};

// --- matmul --------------------------------------------------------------------------------------

Tensor matmul_forward(const Tensor& input, const Tensor& other, Out out) {
  int64_t da = input.dim(), db = other.dim();
  if (da == 2 && db == 2) return mm_forward(input, other, out);
  FB_CHECK(da > 0 && db > 0, "both arguments to matmul need to be at least 1D, but they are ", da,
           "D and ", db, "D");
  if (da == 1 && db == 1) return dot_forward(input, other, out);
  if (da == 2 && db == 1) return mv_forward(input, other, out);
  check_matmul(input, other);
  Tensor a = da == 1 ? with_dim(input, 0) : input, b = db == 1 ? with_dim(other, 1) : other;
  Ints sa = a.sizes(), sb = b.sizes();
  Dims sizes = broadcast_shapes(sa.first(sa.size() - 2), sb.first(sb.size() - 2));
  if (da > 1) sizes.push_back(sa[sa.size() - 2]);
  if (db > 1) sizes.push_back(sb.back());
  Tensor result = out.make(sizes, a.dtype(), a.device());
  Tensor matrices = da == 1 ? with_dim(result, -2) : db == 1 ? with_dim(result, -1) : result;
  kernels::matrix_product(matrices, a, b, Tensor(), 0, 1);
  return out.finish(result);
}

void matmul_vjp(Grad& g) {
  Tensor a = g.in("input"), b = g.in("other"), dy = g.dout();
  // Which of the two was a vector is told by the other's rank too: only what is needed was saved.
  bool vector_a = g.needs("input") ? g.sizes("input").size() == 1 : a.dim() == 1;
  bool vector_b = g.needs("other") ? g.sizes("other").size() == 1 : b.dim() == 1;
  if (vector_a && vector_b) {
    if (g.needs("input")) g.set("input", dy * conjugate(b));
    if (g.needs("other")) g.set("other", dy * conjugate(a));
    return;
  }
  if (a.defined() && vector_a) a = with_dim(a, 0);
  if (b.defined() && vector_b) b = with_dim(b, 1);
  if (vector_a) dy = with_dim(dy, -2);
  if (vector_b) dy = with_dim(dy, -1);
  if (g.needs("input")) {
    Tensor da = matmul(dy, adjoint(b));
    g.set("input", vector_a ? without_dim(da, -2) : da);
  }
  if (!g.needs("other")) return;
  bool one_matrix = g.sizes("other").size() <= 2 && a.dim() > 2;
  Tensor db = one_matrix ? matmul(adjoint(as_rows(a)), as_rows(dy)) : matmul(adjoint(a), dy);
  g.set("other", vector_b ? without_dim(db, -1) : db);
}

OP(matmul) {
  .schema = "matmul(Tensor input, Tensor other) -> Tensor",
  .names = "matmul, Tensor.matmul, Tensor.__matmul__, linalg.matmul",
  .forward = boxed<matmul_forward>,
  .vjp = matmul_vjp,
  .save = "input for other, other for input",
  .autocast = Autocast::Lower,
  .work = product_work,
  .samples =
      "(3,4) (4,5) | (3,3) (3,3) | (4,) (4,) | (3,4) (4,) | (4,) (4,5) | (2,3,4) (4,5) | (2,3,4) (4,) | (4,) (2,4,3) | (3,4) (2,4,5)"
      " | (2,1,3,4) (5,4,2) | (2,3,0) (0,4) | (0,3,4) (4,5) | (6,2,3,4) (1,2,4,3)",
  .errors =
      "(2,3) (4,5) -> RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"
      " | () (4,5) -> RuntimeError: both arguments to matmul need to be at least 1D, but they are 0D and 2D"
      " | (2,3,4) (5,4,3) -> RuntimeError: The size of tensor a (2) must match the size of tensor b (5) at non-singleton dimension 0",
  .doc = R"(Product of two tensors as matrices, vectors or batches of matrices.

Two vectors give their dot product, a matrix and a vector their product. A vector on the left counts as a row, one on
the right as a column; the dimension that this adds is taken away afterwards. With more than two dimensions the
leading ones count as batches and are broadcast.

Example::

    >>> torch.matmul(torch.tensor([[1., 2.], [3., 4.]]), torch.tensor([1., 1.]))
    tensor([3., 7.])
    >>> torch.matmul(torch.ones(5, 1, 2, 3), torch.ones(4, 3, 6)).shape
    torch.Size([5, 4, 2, 6])
)",
};

// --- linear --------------------------------------------------------------------------------------

Tensor linear_forward(const Tensor& input, const Tensor& weight, const Tensor& bias, Out out) {
  if (weight.dim() == 1) {
    Tensor y = matmul_forward(input, weight, Out(nullptr));
    if (bias.defined()) y = y + bias;
    return out.finish(y);
  }
  check_linear(input, weight, bias);
  Dims sizes(input.sizes());
  sizes.back() = weight.sizes()[0];
  Tensor result = out.make(sizes, input.dtype(), input.device());
  if (bias.defined() && bias.dim() > 1) {
    kernels::matrix_product(as_rows(result), as_rows(input), swapped(weight),
                            expanded_to(bias, as_rows(result).sizes()), 1, 1);
    return out.finish(result);
  }
  bool plain = input.dim() == 2 || input.is_contiguous();
  kernels::linear(result, plain ? input : as_rows(input), weight, bias);
  return out.finish(result);
}

void linear_vjp(Grad& g) {
  Tensor dy = g.dout();
  Tensor x = g.in("input"), w = g.in("weight");
  bool vector = g.needs("weight") ? g.sizes("weight").size() == 1 : w.defined() && w.dim() == 1;
  if (g.needs("bias")) g.set("bias", dy);
  if (vector) {
    dy = with_dim(dy, -1);
    if (w.defined()) w = with_dim(w, 0);
  }
  if (g.needs("input")) g.set("input", matmul(dy, conjugate(w)));
  if (!g.needs("weight")) return;
  if (x.dim() == 1) {
    x = with_dim(x, 0);
    dy = with_dim(dy, 0);
  }
  Tensor dw = matmul(swapped(as_rows(dy)), conjugate(as_rows(x)));
  g.set("weight", vector ? without_dim(dw, 0) : dw);
}

OP(linear) {
  .schema = "linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor",
  .names = "nn.functional.linear",
  .forward = boxed<linear_forward>,
  .vjp = linear_vjp,
  .save = "input for weight, weight for input",
  .autocast = Autocast::Lower,
  .work = linear_work,
  .samples =
      "(2,3) (4,3) (4,) | (3,) (4,3) (4,) | (2,5,3) (4,3) | (0,3) (4,3) (4,) | (16,16) (16,16) (16,) | (2,0) (3,0) (3,)"
      " | (1,16) (16,16) (16,)",
  .errors = "(2,3) (4,5) -> RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x3 and 5x4)",
  .doc = R"(Affine map ``y = x A^T + b``.

Args:
    input (Tensor): x, of shape (..., in_features).
    weight (Tensor): A, of shape (out_features, in_features).
    bias (Tensor, optional): b, of shape (out_features).

Example::

    >>> x, a, b = torch.tensor([1., 2.]), torch.tensor([[1., 1.], [0., 3.]]), torch.tensor([10., 0.])
    >>> torch.nn.functional.linear(x, a, b)
    tensor([13.,  6.])
)",
};

}  // namespace
}  // namespace fb
