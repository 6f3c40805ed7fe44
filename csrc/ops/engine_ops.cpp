// The operators that the autograd engine itself needs.
#include "autograd/engine.h"

#include "ops/copy.h"
#include "ops/copy_kernels.h"
#include "ops/operators.h"
#include "ops/pointwise_compare.h"
#include "ops/reduce.h"
#include "ops/view.h"

namespace fb {
namespace {

Tensor add_gradients(const Tensor& a, const Tensor& b) { return add(a, b); }
void accumulate(const Tensor& a, const Tensor& b) { add_(a, b); }

Tensor sum_to(const Tensor& t, Ints sizes) {
  const size_t lead = t.sizes().size() - sizes.size();
  Dims leading, inner;
  for (size_t d = 0; d < t.sizes().size(); ++d) {
    if (d < lead) {
      leading.push_back(static_cast<int64_t>(d));
    } else if (sizes[d - lead] == 1 && t.sizes()[d] != 1) {
      inner.push_back(static_cast<int64_t>(d));
    }
  }
  Tensor result = t;
  if (!inner.empty()) result = sum(result, inner.span(), true);
  if (!leading.empty()) result = sum(result, leading.span(), false);
  return result;
}

Tensor fit(const Tensor& grad, const GradShape& shape) {
  Tensor result = grad;
  // Real tensors in complex company: only the real part comes back.
  if (is_complex(result.dtype()) && !is_complex(shape.dtype)) result = real(result);
  if (!same_shape(result.sizes(), shape.sizes)) {
    FB_CHECK(broadcasts_to(shape.sizes, result.sizes()),
             "a derivative returned a gradient of shape ", shape_text(result.sizes()),
             " for a tensor of shape ", shape_text(shape.sizes), ", to which it cannot be summed");
    result = sum_to(result, shape.sizes);
  }
  return result.dtype() == shape.dtype ? result : _to_copy(result, shape.dtype);
}

Tensor ones_for(const Tensor& t) {
  Tensor ones = empty_like(t);
  kernels::fill(ones, Scalar(1));
  return ones;
}

Tensor clone_gradient(const Tensor& t) { return clone(t); }

bool has_nan(const Tensor& t) {
  if (t.is_meta() || t.numel() == 0 || is_integral(t.dtype())) return false;
  return !equal(t, t);  // only NaN differs from itself
}

const bool installed = [] {
  engine_ops.add = add_gradients;
  engine_ops.add_ = accumulate;
  engine_ops.fit = fit;
  engine_ops.ones_like = ones_for;
  engine_ops.clone = clone_gradient;
  engine_ops.has_nan = has_nan;
  return true;
}();

}  // namespace
}  // namespace fb
