// Inputs as kernels want them. These copies belong to the operator that makes them: no mode and no
// graph sees them.
#pragma once
#include "ops/copy_kernels.h"

namespace fb {

inline Tensor dense_copy(const Tensor& t, DType dtype) {
  Tensor copy = empty(t.sizes(), dtype, t.device());
  kernels::copy(copy, t);
  return copy;
}
// The tensor itself if it is contiguous.
inline Tensor dense(const Tensor& t) {
  return !t.defined() || t.is_contiguous() ? t : dense_copy(t, t.dtype());
}
inline Tensor dense(const Tensor& t, DType dtype) {
  return t.is_contiguous() && t.dtype() == dtype ? t : dense_copy(t, dtype);
}

// Sizes before, of and after a dimension. A 0-d tensor counts as 1-d.
struct DimSplit {
  DimSplit(Ints sizes, int64_t dim) {
    for (size_t d = 0; d < sizes.size(); ++d)
      (static_cast<int64_t>(d) < dim    ? outer
       : static_cast<int64_t>(d) == dim ? size
                                        : inner) *= sizes[d];
  }
  int64_t outer = 1, size = 1, inner = 1;
};

}  // namespace fb
