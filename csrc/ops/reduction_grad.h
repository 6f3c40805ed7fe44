// What derivatives of reductions share.
#pragma once
#include "ops/copy.h"
#include "ops/creation.h"
#include "ops/elementwise.h"
#include "ops/grad.h"
#include "ops/reduction.h"
#include "ops/scatter.h"
#include "ops/view.h"

namespace fb {

// A result with its reduced dimensions put back with size 1, so that it broadcasts over the input.
inline Tensor with_reduced(const Tensor& t, Ints sizes, uint64_t mask, bool keepdim) {
  return keepdim || sizes.empty() ? t : reshape(t, kept_sizes(sizes, mask));
}

// Zeros of the given sizes with `values` added at the places of `index` along `dim`.
inline Tensor put_along(const Tensor& values, int64_t dim, const Tensor& index, Ints sizes) {
  return scatter_add(zeros(sizes, values.dtype(), values.device()), dim, index, values);
}

// The gradient of values picked along `dim` at `indices`, as max, median, sort and their like do
// it.
inline void picked_vjp(Grad& g, const Tensor& indices, bool keepdim) {
  if (!g.dout(0).defined()) return;
  Ints sizes = g.sizes("input");
  if (sizes.empty()) return g.set("input", g.dout(0));
  const int64_t dim = wrap_dim(g.arg<int64_t>("dim"), static_cast<int64_t>(sizes.size()));
  Tensor grad = g.dout(0), places = indices;
  if (!keepdim) {
    grad = unsqueeze(grad, dim);
    places = unsqueeze(places, dim);
  }
  g.set("input", put_along(grad, dim, places, sizes));
}

// Reductions that have no value for no elements.
inline void check_not_empty(const char* name, const Tensor& input, uint64_t mask) {
  if (input.numel() != 0) return;
  for (int64_t d = 0; d < input.dim(); ++d) {
    FB_CHECK_INDEX(!(mask >> d & 1) || input.sizes()[static_cast<size_t>(d)] != 0, name,
                   "(): Expected reduction dim ", d, " to have non-zero size.");
  }
}

}  // namespace fb
