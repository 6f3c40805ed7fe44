#pragma once
#include "ops/kernel.h"

namespace fb {

enum class ScatterMode { Assign, Add, Multiply, Max, Min };

}  // namespace fb

// Element j of the index, which has the same number of dimensions as the tensors, stands for the
// place j with index[j] as its coordinate in `dim`. Tensors have at least one dimension, the index
// is int64. Places are checked.
FB_KERNEL(gather, const Tensor& out, const Tensor& source, int64_t dim, const Tensor& index)
// values has the index's shape; duplicates are written in order. Before, the target, which has the
// strides of `base`, becomes a copy of that, unless it is undefined.
FB_KERNEL(scatter, const Tensor& target, const Tensor& base, int64_t dim, const Tensor& index,
          const Tensor& values, ScatterMode mode)
