// Views of matrices for operators that are made of matrix products. Where nobody watches (no
// gradient is recorded and no mode is on) they are plain aliases, which cost no call.
#pragma once
#include "ops/operators.h"
#include "ops/view.h"

namespace fb {

// The last two dimensions swapped.
Tensor swapped(const Tensor& t);
// ... and complex elements conjugated.
inline Tensor adjoint(const Tensor& t) { return conjugate(swapped(t)); }
Tensor with_dim(const Tensor& t, int64_t dim);     // unsqueeze
Tensor without_dim(const Tensor& t, int64_t dim);  // squeeze of a dimension of size 1
// All but the last dimension made one.
Tensor as_rows(const Tensor& t);
inline Tensor times(const Tensor& t, const Scalar& factor) {
  return factor.equal(1) ? t : t * factor;
}
// The view that broadcasts to `sizes`; an error where there is none.
Tensor expanded_to(const Tensor& t, Ints sizes);

}  // namespace fb
