// Triangles and diagonals of matrices.
#include "ops/triangular.h"

#include <algorithm>

#include "core/error.h"
#include "ops/copy.h"
#include "ops/copy_kernels.h"
#include "ops/elementwise.h"
#include "ops/grad.h"
#include "ops/reduce.h"
#include "ops/triangular_kernels.h"
#include "ops/view.h"
#include "ops/view_backward.h"

namespace fb {
namespace {

Tensor triangle(const char* name, const Tensor& input, int64_t diagonal, bool upper, Out out) {
  FB_CHECK(input.dim() >= 2, name, ": input tensor must have at least 2 dimensions");
  // In place only zeros are written.
  if (out.inplace() && out.given()->is(input) && input.is_contiguous()) {
    kernels::triangle(input, input, diagonal, upper);
    return input;
  }
  Tensor result = out.make(input.sizes(), input.dtype(), input.device());
  kernels::triangle(result, input.is_contiguous() ? input : contiguous(input), diagonal, upper);
  return out.finish(result);
}
Tensor tril_forward(const Tensor& input, int64_t diagonal, Out out) {
  return triangle("tril", input, diagonal, false, out);
}
Tensor triu_forward(const Tensor& input, int64_t diagonal, Out out) {
  return triangle("triu", input, diagonal, true, out);
}
void tril_vjp(Grad& g) { g.set("input", tril(g.dout(), g.arg<int64_t>("diagonal"))); }
void triu_vjp(Grad& g) { g.set("input", triu(g.dout(), g.arg<int64_t>("diagonal"))); }

OP(tril) {
  .schema = "tril(Tensor input, int diagonal=0) -> Tensor",
  .names = "tril, Tensor.tril, Tensor.tril_",
  .forward = boxed<tril_forward>,
  .vjp = tril_vjp,
  .samples = "(3,4) | (4,3) 1 | (2,3,3) -1 | (0,3) | (2,2):bool | (3,3) -5",
  .errors = "(3,) -> RuntimeError: tril: input tensor must have at least 2 dimensions",
  .doc = R"(The elements on and below a diagonal of each matrix, zeros above.

Args:
    diagonal: 0 is the main one, 1 the one above it, -1 the one below.

Example::

    >>> torch.tril(torch.ones(2, 3))
    tensor([[1., 0., 0.],
            [1., 1., 0.]])
)",
};
OP(triu) {
  .schema = "triu(Tensor input, int diagonal=0) -> Tensor",
  .names = "triu, Tensor.triu, Tensor.triu_",
  .forward = boxed<triu_forward>,
  .vjp = triu_vjp,
  .samples = "(3,4) | (4,3) 1 | (2,3,3) -1 | (0,3) | (2,2):bool | (3,3) 5",
  .errors = "(3,) -> RuntimeError: triu: input tensor must have at least 2 dimensions",
  .doc = R"(The elements on and above a diagonal of each matrix, zeros below.

Args:
    diagonal: 0 is the main one, 1 the one above it, -1 the one below.

Example::

    >>> torch.triu(torch.ones(2, 3), diagonal=1)
    tensor([[0., 1., 1.],
            [0., 0., 1.]])
)",
};

// --- diagonals -----------------------------------------------------------------------------------

Tensor diag_embed_forward(const Tensor& input, int64_t offset, int64_t dim1, int64_t dim2) {
  const int64_t ndim = input.dim() + 1;
  const int64_t a = wrap_dim(dim1, ndim), b = wrap_dim(dim2, ndim);
  FB_CHECK(a != b, "diagonal dimensions cannot be identical ", dim1, ", ", dim2);
  FB_CHECK(input.dim() > 0,
           "diag_embed: a tensor with one or more dimensions was expected, but got a 0-dim tensor");
  const int64_t n = input.sizes().back() + std::abs(offset);
  Dims sizes(input.sizes().subspan(0, input.sizes().size() - 1));
  sizes.insert(static_cast<size_t>(std::min(a, b)), n);
  sizes.insert(static_cast<size_t>(std::max(a, b)), n);
  return diagonal_backward(input, sizes, offset, a, b);
}
OP(diag_embed) {
  .schema = "diag_embed(Tensor input, int offset=0, int dim1=-2, int dim2=-1) -> Tensor",
  .forward = boxed<diag_embed_forward>,
  .vjp = composite(),
  .samples = "(3,) | (2,3) | (2,3) 1 | (2,3) -1 0 2 | (0,)",
  .errors = "(3,) 0 1 1 -> RuntimeError: diagonal dimensions cannot be identical 1, 1",
  .doc =
      "Matrices of zeros, in dimensions ``dim1`` and ``dim2``, with the last dimension on a "
      "diagonal.",
};

Tensor diag_forward(const Tensor& input, int64_t diagonal_offset) {
  FB_CHECK(input.dim() == 1 || input.dim() == 2, "diag(): Supports 1D or 2D tensors. Got ",
           input.dim(), "D");
  return input.dim() == 1 ? diag_embed(input, diagonal_offset)
                          : clone(diagonal(input, diagonal_offset), MemoryFormat::Contiguous);
}
OP(diag) {
  .schema = "diag(Tensor input, int diagonal=0) -> Tensor",
  .forward = boxed<diag_forward>,
  .vjp = composite(),
  .samples = "(3,) | (3,) -1 | (3,4) | (3,4) 1",
  .errors = "(1,2,3) -> RuntimeError: diag(): Supports 1D or 2D tensors. Got 3D",
  .doc = "A square matrix with the vector on a diagonal; of a matrix, a copy of its diagonal.",
};

OP(diagflat) {
  .schema = "diagflat(Tensor input, int offset=0) -> Tensor",
  .forward = boxed<+[](const Tensor& t, int64_t offset) -> Tensor {
    return diag_embed(reshape(t, Dims{-1}), offset);
  }>,
  .vjp = composite(),
  .samples = "(3,) | (2,2) 1 | ()",
  .doc = "A square matrix with all elements of the tensor on a diagonal.",
};

Tensor trace_forward(const Tensor& input) {
  FB_CHECK(input.dim() == 2, "trace: expected a matrix, but got tensor with dim ", input.dim());
  return sum(diagonal(input));
}
OP(trace) {
  .schema = "trace(Tensor input) -> Tensor",
  .forward = boxed<trace_forward>,
  .vjp = composite(),
  .autocast = Autocast::Float32,
  .samples = "(3,4) | (0,0) | (3,3):int64",
  .errors = "(3,) -> RuntimeError: trace: expected a matrix, but got tensor with dim 1",
  .doc = "The sum of a matrix's diagonal.",
};

Tensor fill_diagonal_forward(const Tensor& input, const Scalar& value, bool wrap) {
  FB_CHECK(input.dim() >= 2, "dimensions must larger than 1");
  const Ints sizes = input.sizes(), strides = input.strides();
  if (input.dim() > 2) {
    for (int64_t n : sizes)
      FB_CHECK(n == sizes[0], "all dimensions of input must be of equal length");
  }
  int64_t stride = 0, length = sizes[0];
  for (size_t d = 0; d < sizes.size(); ++d) {
    stride += strides[d];
    length = std::min(length, sizes[d]);
  }
  check_writable(input);
  if (length > 0) kernels::fill(input.alias(Dims{length}, Dims{stride}, input.offset()), value);
  // In tall matrices the diagonal begins again after a row left out.
  for (int64_t row = sizes[1] + 1; wrap && input.dim() == 2 && sizes[1] > 0 && row < sizes[0];
       row += sizes[1] + 1) {
    const int64_t n = std::min(sizes[1], sizes[0] - row);
    kernels::fill(input.alias(Dims{n}, Dims{stride}, input.offset() + row * strides[0]), value);
  }
  return input;
}
void fill_diagonal_vjp(Grad& g) { g.set("input", fill_diagonal(g.dout(), 0, g.arg<bool>("wrap"))); }
OP(fill_diagonal_) {
  .schema = "fill_diagonal_(Tensor(a!) input, Scalar fill_value, bool wrap=False) -> Tensor",
  .names = "Tensor.fill_diagonal_",
  .forward = boxed<fill_diagonal_forward>,
  .vjp = fill_diagonal_vjp,
  .samples = "(3,3) 5 | (7,3) 1 True | (3,3,3) 2.5",
  .errors =
      "(3,) 1 -> RuntimeError: dimensions must larger than 1"
      " | (2,3,3) 1 -> RuntimeError: all dimensions of input must be of equal length",
  .doc =
      "Sets the main diagonal; with ``wrap`` it goes on below, after a row left out, in tall matrices.",
};
Tensor fill_diagonal_copy(const Tensor& input, const Scalar& value, bool wrap) {
  return fill_diagonal_forward(clone(input), value, wrap);
}
OP(fill_diagonal) {
  .schema = "fill_diagonal(Tensor input, Scalar fill_value, bool wrap=False) -> Tensor",
  .names = "",
  .forward = boxed<fill_diagonal_copy>,
  .vjp = fill_diagonal_vjp,
  .samples = "(3,3) 5",
};

}  // namespace
}  // namespace fb
