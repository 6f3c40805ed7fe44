// Products of tensors beyond matrices: over given dimensions, over the last one, of all pairs.
#include "ops/tensor_products.h"

#include <algorithm>

#include "core/error.h"
#include "ops/grad.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/view.h"

namespace fb {
namespace {

// The dimensions not in `dims`, in order.
Dims others(int64_t ndim, const Dims& dims) {
  Dims rest;
  for (int64_t d = 0; d < ndim; ++d)
    if (std::ranges::find(dims, d) == dims.end()) rest.push_back(d);
  return rest;
}
Dims wrapped(Ints dims, int64_t ndim) {
  Dims all;
  for (int64_t d : dims) {
    const int64_t at = wrap_dim(d, ndim);
    FB_CHECK(std::ranges::find(all, at) == all.end(), "dim ", at,
             " appears multiple times in the list of dims");
    all.push_back(at);
  }
  return all;
}

Tensor tensordot_forward(const Tensor& a, const Tensor& b, Ints dims_self, Ints dims_other) {
  FB_CHECK(dims_self.size() == dims_other.size(), "both dimension lists should have same length");
  FB_CHECK(a.dtype() == b.dtype(), "both inputs should have same dtype");
  const Dims inner_a = wrapped(dims_self, a.dim()), inner_b = wrapped(dims_other, b.dim());
  // Where one has size 1 it is broadcast: the other is summed first.
  Dims sum_a, sum_b;
  int64_t inner = 1;
  for (size_t i = 0; i < inner_a.size(); ++i) {
    const int64_t m = a.size(inner_a[i]), n = b.size(inner_b[i]);
    if (n == 1 && m != 1) {
      sum_a.push_back(inner_a[i]);
    } else if (m == 1 && n != 1) {
      sum_b.push_back(inner_b[i]);
    } else {
      FB_CHECK(m == n, "contracted dimensions need to match, but first has size ", m, " in dim ",
               dims_self[i], " and second has size ", n, " in dim ", dims_other[i]);
      inner *= m;
    }
  }
  const Tensor left = sum_a.empty() ? a : sum(a, sum_a.span(), true);
  const Tensor right = sum_b.empty() ? b : sum(b, sum_b.span(), true);
  const Dims outer_a = others(a.dim(), inner_a), outer_b = others(b.dim(), inner_b);
  Dims order_a(outer_a), order_b(inner_b), sizes;
  for (int64_t d : inner_a) order_a.push_back(d);
  for (int64_t d : outer_b) order_b.push_back(d);
  int64_t rows = 1, columns = 1;
  for (int64_t d : outer_a) {
    rows *= a.size(d);
    sizes.push_back(a.size(d));
  }
  for (int64_t d : outer_b) {
    columns *= b.size(d);
    sizes.push_back(b.size(d));
  }
  return reshape(mm(reshape(permute(left, order_a), Dims{rows, inner}),
                    reshape(permute(right, order_b), Dims{inner, columns})),
                 sizes);
}
OP(tensordot) {
  .schema = "_tensordot(Tensor input, Tensor other, int[] dims_self, int[] dims_other) -> Tensor",
  .names = "_tensordot",
  .forward = boxed<tensordot_forward>,
  .vjp = composite(),
  .samples = "(2,3) (3,4) [1] [0] | (2,3,4) (4,3,5) [1,2] [1,0] | (2,) (3,) [] []",
  .errors = "(2,3) (2,3) [1] [0] -> RuntimeError: contracted dimensions need to match",
  .doc = "Sum of products over pairs of dimensions.",
};

Tensor inner_forward(const Tensor& input, const Tensor& other) {
  if (input.dim() == 0 || other.dim() == 0) return mul(input, other);
  FB_CHECK(input.size(-1) == other.size(-1),
           "inner() the last dimension must match on both input tensors but got shapes ",
           shape_text(input.sizes()), " and ", shape_text(other.sizes()));
  return _tensordot(input, other, Dims{-1}, Dims{-1});
}
OP(inner) {
  .schema = "inner(Tensor input, Tensor other) -> Tensor",
  .forward = boxed<inner_forward>,
  .vjp = composite(),
  .samples = "(3,) (3,) | (2,3) (4,3) | (2,3) ()",
  .errors = "(2,3) (3,2) -> RuntimeError: inner() the last dimension must match",
  .doc = "Sum of products over the last dimension of both.",
};

Tensor kron_forward(const Tensor& input, const Tensor& other) {
  const int64_t ndim = std::max(input.dim(), other.dim());
  Dims a(static_cast<size_t>(2 * ndim), 1), b(a), sizes(static_cast<size_t>(ndim));
  for (int64_t d = 0; d < ndim; ++d) {
    const auto at = static_cast<size_t>(d);
    const int64_t m = d < ndim - input.dim() ? 1 : input.size(d - ndim),
                  n = d < ndim - other.dim() ? 1 : other.size(d - ndim);
    a[2 * at] = m;
    b[2 * at + 1] = n;
    sizes[at] = m * n;
  }
  return reshape(mul(reshape(input, a), reshape(other, b)), sizes);
}
OP(kron) {
  .schema = "kron(Tensor input, Tensor other) -> Tensor",
  .forward = boxed<kron_forward>,
  .vjp = composite(),
  .samples = "(2,3) (2,2) | (2,) (3,) | (2,3) (2,) | (2,2,2) (3,)",
  .doc = "Kronecker product: every element of ``input`` times all of ``other``, in blocks.",
};

}  // namespace
}  // namespace fb
